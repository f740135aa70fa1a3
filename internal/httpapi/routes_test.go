package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/internal/httpapi"
	"crosswalk/internal/httpapi/explorer"
	"crosswalk/internal/httpapi/internal/testschema"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	var unwell atomic.Bool
	configure := func(config *httpapi.Config) {
		config.Explorer = &explorer.Config{}
		config.Ready = func(context.Context) error {
			if unwell.Load() {
				return errors.New("the database does not answer")
			}
			return nil
		}
	}
	full := newGateway(t, configure)
	without := newGateway(t, nil)
	expect := func(gateway *gateway, method, path string, status int, text string) {
		t.Helper()
		answer := gateway.send(t, method, path, "", "Authorization:")
		if answer.status != status || !strings.Contains(string(answer.body), text) {
			t.Errorf("%s %s: %d %.200s, want %d and %q", method, path, answer.status, answer.body, status, text)
		}
	}
	expect(full, http.MethodGet, "/healthz", 200, "ok")
	expect(full, http.MethodGet, "/readyz", 200, "ready")
	expect(without, http.MethodGet, "/readyz", 200, "ready")
	unwell.Store(true)
	expect(full, http.MethodGet, "/readyz", 503, "Not ready: the database does not answer")
	expect(full, http.MethodGet, "/healthz", 200, "ok")
	expect(full, http.MethodGet, "/", 200, `"endpoint":"/graphql","schemaURL":"/schema.graphqls"`)
	expect(full, http.MethodHead, "/", 200, "")
	expect(without, http.MethodGet, "/", 200, "crosswalk answers GraphQL at /graphql")
	expect(without, http.MethodGet, "/assets/x.js", 404, "")
	expect(full, http.MethodGet, "/schema.graphqls", 200, "type Query")
	expect(full, http.MethodPost, "/schema.graphqls", 405, "GET")
	expect(full, http.MethodGet, "/nothing", 404, "")
	expect(full, http.MethodPost, "/healthz", 405, "")
	if answer := full.send(t, http.MethodDelete, "/graphql", ""); answer.header.Get("Allow") != "GET, POST, OPTIONS" {
		t.Errorf("DELETE /graphql: Allow %q, want GET, POST, OPTIONS", answer.header.Get("Allow"))
	}
	mutation := full.send(t, http.MethodGet, "/graphql?query=mutation{__typename}", "")
	if mutation.status != 405 || mutation.header.Get("Allow") != "POST" {
		t.Errorf("a mutation over GET: %d, Allow %q; want 405, POST", mutation.status, mutation.header.Get("Allow"))
	}
}

func TestCrossOriginCalls(t *testing.T) {
	t.Parallel()
	const friend, stranger = "https://app.example.com", "https://evil.example.com"
	closed := newGateway(t, nil)
	listed := newGateway(t, func(config *httpapi.Config) { config.AllowedOrigins = []string{friend + "/"} })
	public := newGateway(t, func(config *httpapi.Config) { config.AllowedOrigins = []string{"*"} })
	tests := []struct {
		name    string
		gateway *gateway
		origin  string
		allowed bool
	}{
		{"nobody is allowed by default", closed, friend, false},
		{"a listed origin", listed, friend, true},
		{"a listed origin in capitals", listed, "https://APP.example.com", true},
		{"an origin that is not listed", listed, stranger, false},
		{"the origin of a local file", listed, "null", false},
		{"any origin where all are allowed", public, stranger, true},
		{"no page at all", public, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want, wantMethods := "", ""
			if test.allowed {
				want, wantMethods = test.origin, "GET, POST, OPTIONS"
			}
			preflight := test.gateway.send(t, http.MethodOptions, "/graphql", "", "Authorization:", "Origin: "+test.origin,
				"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type")
			if preflight.status != http.StatusNoContent || preflight.header.Get("Allow") != "GET, POST, OPTIONS" {
				t.Errorf("preflight: %d, Allow %q; want 204 and the methods", preflight.status, preflight.header.Get("Allow"))
			}
			if got := preflight.header.Get("Access-Control-Allow-Methods"); got != wantMethods {
				t.Errorf("preflight allows the methods %q, want %q", got, wantMethods)
			}
			for _, name := range []string{"Authorization", "traceparent", "tracestate"} {
				if sends := strings.Contains(strings.ToLower(preflight.header.Get("Access-Control-Allow-Headers")), strings.ToLower(name)); sends != test.allowed {
					t.Errorf("preflight allows the header %s: %v, want %v", name, sends, test.allowed)
				}
			}
			call := test.gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ __typename }"}`, "Origin: "+test.origin)
			for _, answer := range []answer{preflight, call} {
				if got := answer.header.Get("Access-Control-Allow-Origin"); got != want {
					t.Errorf("Access-Control-Allow-Origin %q, want %q", got, want)
				}
				if !strings.Contains(strings.Join(answer.header.Values("Vary"), ","), "Origin") {
					t.Errorf("Vary %q, want Origin among it", answer.header.Values("Vary"))
				}
				if answer.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Error("credentials that browsers add by themselves are allowed")
				}
			}
		})
	}
}

func TestEachPathAllowsItsMethods(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.AllowedOrigins = []string{"*"} })
	for path, want := range map[string]string{"/graphql": "GET, POST, OPTIONS", "/schema.graphqls": "GET, HEAD, OPTIONS"} {
		options := gateway.send(t, http.MethodOptions, path, "", "Origin: https://app.example.com")
		if got := options.header.Get("Allow"); got != want {
			t.Errorf("OPTIONS %s: Allow %q, want %q", path, got, want)
		}
		if got := options.header.Get("Access-Control-Allow-Methods"); got != want {
			t.Errorf("OPTIONS %s: Access-Control-Allow-Methods %q, want %q", path, got, want)
		}
		if got := gateway.send(t, http.MethodDelete, path, "").header.Get("Allow"); got != want {
			t.Errorf("DELETE %s: Allow %q, want %q", path, got, want)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	for _, id := range []string{"a", "7f3c-2b1a", "Root=1-67891233-abcdef012345678912345678", strings.Repeat("x", 128)} {
		if got := gateway.send(t, http.MethodGet, "/healthz", "", "X-Request-Id: "+id).header.Get("X-Request-Id"); got != id {
			t.Errorf("X-Request-Id %q, want the %q that was sent", got, id)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{"", "", "with space", "quote\"", "ünïcode", strings.Repeat("x", 129)} {
		got := gateway.send(t, http.MethodGet, "/healthz", "", "X-Request-Id: "+id).header.Get("X-Request-Id")
		if got == "" || got == id || seen[got] {
			t.Errorf("X-Request-Id %q for %q, want a new one", got, id)
		}
		seen[got] = true
	}
}

func TestEveryRequestIsLogged(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	gateway.send(t, http.MethodPost, "/graphql",
		`{"query":"query Failing($secret: String) { echo(text: $secret) fail(how: CODED) }","variables":{"secret":"`+secretText+`"}}`,
		"X-Request-Id: one")
	gateway.send(t, http.MethodPost, "/graphql", `{`, "X-Request-Id: two", "Authorization: Bearer "+secretText)
	gateway.Close() // waits for the handlers, which log last
	tests := map[string]map[string]any{
		"one": {
			"level": "INFO", "method": "POST", "path": "/graphql", "status": 200.0, "operation": "Failing", "operation_type": "query",
			"seller": "7", "subject": "ada@example.com", "errors": []any{"SETUP_INCOMPLETE"},
		},
		"two": {"level": "INFO", "method": "POST", "path": "/graphql", "status": 401.0, "errors": []any{"UNAUTHENTICATED"}},
	}
	for line := range strings.Lines(gateway.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("a line that is not JSON: %s", line)
		}
		id, _ := entry["request_id"].(string)
		for name, want := range tests[id] {
			got, _ := json.Marshal(entry[name])
			if wanted, _ := json.Marshal(want); string(got) != string(wanted) {
				t.Errorf("request %s: %s is %s, want %s", id, name, got, wanted)
			}
		}
		if entry["duration"] == nil {
			t.Errorf("request %s: no duration in %s", id, line)
		}
		delete(tests, id)
	}
	if len(tests) > 0 {
		t.Errorf("%d requests are not in the log:\n%s", len(tests), gateway.log)
	}
	if strings.Contains(gateway.log.String(), secretText) {
		t.Errorf("the log tells a secret:\n%s", gateway.log)
	}
}

// exploding is an extension of gqlgen that panics where nobody recovers.
type exploding struct{}

func (exploding) ExtensionName() string                   { return "Exploding" }
func (exploding) Validate(graphql.ExecutableSchema) error { return nil }
func (exploding) InterceptOperation(context.Context, graphql.OperationHandler) graphql.ResponseHandler {
	panic("password=hunter2")
}

func TestAPanicEndsOneRequestOnly(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Extensions = []graphql.HandlerExtension{exploding{}} })
	for range 2 {
		answer := gateway.query(t, "{ __typename }", "")
		requireRefusal(t, answer, 500, "INTERNAL", "Something went wrong on our side")
	}
	if !strings.Contains(gateway.log.String(), "password=hunter2") || !strings.Contains(gateway.log.String(), "InterceptOperation") {
		t.Errorf("the log does not tell where it happened:\n%s", gateway.log)
	}
	_, events := gateway.listen(t, "subscription { count }")
	requireEvents(t, events, ":", `event: next`+"\n"+`data: {"errors":[{"message":"Something went wrong on our side`, "event: complete")
}

func TestTheSchemaTellsNothingThatIsOnlyDrafted(t *testing.T) {
	t.Parallel()
	answer := newGateway(t, nil).query(t, `{ __schema { directives { name locations } } locations: __type(name: "__DirectiveLocation") { enumValues { name } } }`, "")
	if answer.status != http.StatusOK || !strings.Contains(string(answer.body), `"deprecated"`) || strings.Contains(string(answer.body), "DIRECTIVE_DEFINITION") {
		t.Errorf("introspection answers %d %s, want @deprecated without DIRECTIVE_DEFINITION", answer.status, answer.body)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	served := testschema.New(&testschema.Resolver{}, httpapi.Published)
	deferring := testschema.New(&testschema.Resolver{}, func(schema *ast.Schema) *ast.Schema { return schema })
	for want, config := range map[string]httpapi.Config{
		"Config.Schema is missing":        {Authenticator: tokens{}},
		"Config.Authenticator is missing": {Schema: served},
		"still offers @defer":             {Schema: deferring, Authenticator: tokens{}},
	} {
		if _, err := httpapi.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q", err, want)
		}
	}
}

func TestWhatInstrumentsIsToldTheRoute(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	routes := map[string]string{}
	gateway := newGateway(t, func(config *httpapi.Config) {
		config.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("counted 1\n")) })
		config.Instrument = func(next http.Handler, route func(*http.Request) string) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				routes[r.URL.Path] = route(r)
				mu.Unlock()
				next.ServeHTTP(w, r)
			})
		}
	})
	want := map[string]string{"/graphql": "/graphql", "/healthz": "/healthz", "/metrics": "/metrics", "/nothing/here": ""}
	for path := range want {
		answer, err := http.Get(gateway.URL + path)
		if err != nil {
			t.Fatalf("GET %s: %v", path, err)
		}
		answer.Body.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Errorf("routes by path (-want +got):\n%s", diff)
	}
}
