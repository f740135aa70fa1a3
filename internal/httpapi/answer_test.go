package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"crosswalk/internal/httpapi"
	"crosswalk/internal/httpapi/internal/testschema"
)

func TestOperationsAreAnswered(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	const query = "query List($first: Int) { organizations(first: $first) { name } }"
	const want = `{"data":{"organizations":[{"name":"Müller & Söhne"}]}}`
	t.Run("over POST", func(t *testing.T) {
		t.Parallel()
		answer := gateway.query(t, query, `{"first":1}`)
		if answer.status != 200 || string(answer.body) != want {
			t.Errorf("%d %s, want 200 %s", answer.status, answer.body, want)
		}
	})
	t.Run("over GET", func(t *testing.T) {
		t.Parallel()
		path := "/graphql?" + url.Values{"query": {query}, "variables": {`{"first":1}`}, "operationName": {"List"}}.Encode()
		answer := gateway.send(t, http.MethodGet, path, "")
		if answer.status != 200 || string(answer.body) != want {
			t.Errorf("%d %s, want 200 %s", answer.status, answer.body, want)
		}
	})
	t.Run("a mutation over POST", func(t *testing.T) {
		t.Parallel()
		answer := gateway.query(t, `mutation { renameOrganization(id: "1", name: "Neu") { name } }`, "")
		if answer.status != 200 || !strings.Contains(string(answer.body), `{"name":"Neu"}`) {
			t.Errorf("%d %s, want the new name", answer.status, answer.body)
		}
	})
	t.Run("the one that was chosen", func(t *testing.T) {
		t.Parallel()
		answer := gateway.send(t, http.MethodPost, "/graphql",
			`{"query":"query A { viewer { subject } } query B { __typename }","operationName":"B"}`)
		if got := string(answer.body); got != `{"data":{"__typename":"Query"}}` {
			t.Errorf("%s, want the answer to B", got)
		}
	})
	t.Run("for others than browsers, kept by nobody", func(t *testing.T) {
		t.Parallel()
		header := gateway.query(t, "{ __typename }", "").header
		if header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers %v, want no-store and nosniff", header)
		}
	})
}

func TestTheFormOfTheAnswerIsNegotiated(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	const graphQLJSON, plainJSON = "application/graphql-response+json; charset=utf-8", "application/json; charset=utf-8"
	tests := []struct{ accept, want string }{
		{"", plainJSON},
		{"*/*", plainJSON},
		{"application/*", plainJSON},
		{"application/json", plainJSON},
		{"Application/JSON; charset=UTF-8", plainJSON},
		{"application/graphql-response+json", graphQLJSON},
		{"application/graphql-response+json, application/json;q=0.9", graphQLJSON},
		{"application/json, application/graphql-response+json", plainJSON},
		{"application/json;q=0.5, application/graphql-response+json", graphQLJSON},
		{"application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed", graphQLJSON},
		{"text/html, application/xhtml+xml, */*;q=0.8", plainJSON},
		{"application/json;q=0, application/graphql-response+json;q=0.1", graphQLJSON},
		{"text/html", ""},
		{"application/json;q=0", ""},
		{"application/json;q=0, */*", ""},
		{"application/json; charset=utf-16", ""},
		{"nonsense", ""},
	}
	for _, test := range tests {
		t.Run(test.accept, func(t *testing.T) {
			t.Parallel()
			answer := gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ __typename }"}`, "Accept: "+test.accept)
			if test.want == "" {
				if answer.status != http.StatusNotAcceptable {
					t.Errorf("status %d, want 406", answer.status)
				}
				return
			}
			if got := answer.header.Get("Content-Type"); got != test.want || answer.status != 200 {
				t.Errorf("%d with Content-Type %q, want 200 with %q", answer.status, got, test.want)
			}
		})
	}
}

func TestLongAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	for range 1000 {
		gateway.resolver.All = append(gateway.resolver.All,
			&testschema.Organization{ID: "x", Name: "Contoso", Status: testschema.OrganizationStatusActive})
	}
	plain := gateway.query(t, "{ organizations { id name } }", "")
	for accept, want := range map[string]string{"gzip": "gzip", "gzip, deflate, br": "gzip", "gzip, deflate, br, zstd": "zstd"} {
		compressed := gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ organizations { id name } }"}`, "Accept-Encoding: "+accept)
		if got := compressed.header.Get("Content-Encoding"); got != want || len(compressed.body) > len(plain.body)/10 {
			t.Fatalf("%q, %d bytes; want %s and less than the plain %d", got, len(compressed.body), want, len(plain.body))
		}
		if content := decompressed(t, want, compressed.body); !bytes.Equal(content, plain.body) {
			t.Errorf("the answer as %s holds something else: %d bytes, want %d", want, len(content), len(plain.body))
		}
	}
}

func decompressed(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var reader io.Reader
	var err error
	if encoding == "zstd" {
		var decoder *zstd.Decoder
		if decoder, err = zstd.NewReader(bytes.NewReader(body)); err == nil {
			defer decoder.Close()
		}
		reader = decoder
	} else {
		reader, err = gzip.NewReader(bytes.NewReader(body))
	}
	if err != nil {
		t.Fatalf("the answer is not %s: %v", encoding, err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("read the answer as %s: %v", encoding, err)
	}
	return content
}

func TestOnlyCallersWithATokenAreServed(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	basic := func(user, password string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	const body = `{"query":"mutation { renameOrganization(id: \"1\", name: \"x\") { id } }"}`
	refused := []struct {
		name, authorization, challenge string
	}{
		{"nothing", "Authorization:", `Bearer realm="crosswalk"`},
		{"another token", "Authorization: Bearer other", `Bearer realm="crosswalk", error="invalid_token"`},
		{"an empty token", "Authorization: Bearer", `Bearer realm="crosswalk", error="invalid_token"`},
		{"another scheme", "Authorization: Digest " + goodToken, `Bearer realm="crosswalk", error="invalid_token"`},
		{"Basic with another password", basic("report", "other"), `Bearer realm="crosswalk", error="invalid_token"`},
		{"Basic that is not Base64", "Authorization: Basic %%%", `Bearer realm="crosswalk", error="invalid_token"`},
	}
	for _, test := range refused {
		for _, accept := range []string{"application/json", "application/graphql-response+json", "text/html", "text/event-stream"} {
			t.Run(test.name+" for "+accept, func(t *testing.T) {
				t.Parallel()
				answer := gateway.send(t, http.MethodPost, "/graphql", body, "Accept: "+accept, test.authorization)
				requireRefusal(t, answer, http.StatusUnauthorized, "UNAUTHENTICATED", "oken")
				if got := answer.header.Get("WWW-Authenticate"); got != test.challenge {
					t.Errorf("WWW-Authenticate %q, want %q", got, test.challenge)
				}
			})
		}
	}
	t.Run("one that cannot be checked is no fault of the caller", func(t *testing.T) {
		t.Parallel()
		answer := gateway.send(t, http.MethodPost, "/graphql", body, "Authorization: Bearer "+brokenToken)
		requireRefusal(t, answer, http.StatusInternalServerError, "INTERNAL", "Something went wrong on our side")
		if got := answer.header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("WWW-Authenticate %q, want none: another token would not help", got)
		}
	})
	for token, says := range map[string]string{awayToken: "The database does not answer", undecidedToken: "The issuer does not answer"} {
		t.Run("one that cannot be checked for a while: "+token, func(t *testing.T) {
			t.Parallel()
			answer := gateway.send(t, http.MethodPost, "/graphql", body, "Authorization: Bearer "+token, "X-Request-Id: asked-with-"+token)
			requireRefusal(t, answer, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", says)
			if strings.Contains(string(answer.body), "10.0.0.7") || answer.header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s %q, want nothing of what is the matter, and no other token asked for", answer.body, answer.header)
			}
			if log := gateway.log.String(); !strings.Contains(log, "dial tcp 10.0.0.7") || !strings.Contains(log, "asked-with-"+token) {
				t.Errorf("the log does not say what is the matter: %s", log)
			}
		})
	}
	accepted := map[string]string{
		"Bearer":                         "Authorization: Bearer " + goodToken,
		"bearer in small letters":        "Authorization: bearer " + goodToken,
		"Bearer and more than one space": "Authorization: BEARER   " + goodToken,
		"the password of Basic":          basic("report", goodToken),
		"the user of Basic":              basic(goodToken, ""),
	}
	for name, authorization := range accepted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ viewer { subject } }"}`, authorization)
			if want := `{"data":{"viewer":{"subject":"ada@example.com"}}}`; string(answer.body) != want {
				t.Errorf("%d %s, want %s", answer.status, answer.body, want)
			}
		})
	}
	t.Cleanup(func() {
		if len(gateway.resolver.Renamed) > 0 {
			t.Error("an operation of a caller without a token was executed")
		}
	})
}

func TestErrorsTellOnlyWhatTheyShould(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	tests := []struct {
		how, code, message string
		logged             string // what the log says and the answer does not
	}{
		{"PLAIN", "INTERNAL", "Something went wrong on our side. It has been logged under this request id.", "pq: password authentication failed"},
		{"PANIC", "INTERNAL", "Something went wrong on our side. It has been logged under this request id.", "panic: password=hunter2"},
		{"CODED", "SETUP_INCOMPLETE", "The organization has moved on; read it again.", ""},
		{"WRAPPED", "SETUP_INCOMPLETE", "The organization has moved on; read it again.", ""},
	}
	for _, test := range tests {
		t.Run(test.how, func(t *testing.T) {
			t.Parallel()
			answer := gateway.send(t, http.MethodPost, "/graphql",
				`{"query":"query Failing { viewer { subject } fail(how: `+test.how+`) }"}`, "X-Request-Id: failing-"+test.how)
			result := answer.graphQL(t)
			if answer.status != 200 || len(result.Errors) != 1 || result.Data["viewer"] == nil {
				t.Fatalf("%d %s, want one error and the rest of the data", answer.status, answer.body)
			}
			got := result.Errors[0]
			if got.Message != test.message || got.Extensions["code"] != test.code || got.Extensions["requestId"] != "failing-"+test.how {
				t.Errorf("%+v, want %s: %s", got, test.code, test.message)
			}
			if len(got.Path) != 1 || got.Path[0] != "fail" {
				t.Errorf("path %v, want [fail]", got.Path)
			}
			if missing := got.Extensions["missing"]; (missing != nil) != (test.code == "SETUP_INCOMPLETE") {
				t.Errorf("extensions %v, want what the resolver adds, and nothing else", got.Extensions)
			}
			if strings.Contains(string(answer.body), "password") {
				t.Errorf("the answer leaks: %s", answer.body)
			}
			requireLogged(t, gateway, "failing-"+test.how, test.logged)
		})
	}
}

// requireLogged checks what the log says of a request's hidden errors.
func requireLogged(t *testing.T, gateway *gateway, requestID, want string) {
	t.Helper()
	var hidden []map[string]any
	for line := range strings.Lines(gateway.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("the log holds a line that is not JSON: %s", line)
		}
		if entry["request_id"] == requestID && entry["msg"] == "internal error" {
			hidden = append(hidden, entry)
		}
	}
	if want == "" {
		if len(hidden) > 0 {
			t.Errorf("an error that the caller was told is logged too: %v", hidden)
		}
		return
	}
	if len(hidden) != 1 {
		t.Fatalf("%d log entries about the error, want 1: %v", len(hidden), hidden)
	}
	text, _ := hidden[0]["error"].(string)
	if !strings.Contains(text, want) || hidden[0]["path"] != "fail" || hidden[0]["operation"] != "Failing" || hidden[0]["seller"] != "7" {
		t.Errorf("logged %v, want %q with path, operation and seller", hidden[0], want)
	}
	if stack, _ := hidden[0]["stack"].(string); strings.HasPrefix(want, "panic") && !strings.Contains(stack, "testschema") {
		t.Errorf("the stack of a panic does not lead to where it happened: %q", stack)
	}
}

func TestOperationsMayNotTakeForever(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.ExecutionTime = 50 * time.Millisecond })
	t.Run("a resolver that heeds its context", func(t *testing.T) {
		t.Parallel()
		answer := gateway.query(t, "{ viewer { subject } slow }", "")
		result := answer.graphQL(t)
		if answer.status != 200 || answer.code(t) != "TIMEOUT" || result.Data["viewer"] == nil {
			t.Errorf("%d %s, want TIMEOUT beside the rest of the data", answer.status, answer.body)
		}
	})
	t.Run("a resolver that does not", func(t *testing.T) {
		t.Parallel()
		answer := gateway.query(t, "{ stubborn }", "")
		requireRefusal(t, answer, http.StatusGatewayTimeout, "TIMEOUT", "took too long")
	})
	t.Run("a token that cannot be checked in time", func(t *testing.T) {
		t.Parallel()
		answer := gateway.send(t, http.MethodPost, "/graphql", `{"query":"{ __typename }"}`, "Authorization: Bearer "+slowToken)
		requireRefusal(t, answer, http.StatusGatewayTimeout, "TIMEOUT", "Checking the token took too long")
	})
	t.Cleanup(func() { close(gateway.resolver.Release) })
}

func TestIntrospectionCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	open, closed := newGateway(t, nil), newGateway(t, func(config *httpapi.Config) { config.HideSchema = true })
	const query = `{ __schema { directives { name } } __type(name: "Viewer") { name } }`
	answer := open.query(t, query, "")
	if answer.code(t) != "" || !strings.Contains(string(answer.body), `"Viewer"`) {
		t.Errorf("%s, want the schema", answer.body)
	}
	if strings.Contains(string(answer.body), "defer") {
		t.Errorf("the schema offers @defer: %s", answer.body)
	}
	for _, hidden := range []string{query, "{ ...F } fragment F on Query { __schema { queryType { name } } }"} {
		requireRefusal(t, closed.query(t, hidden, ""), 400, "GRAPHQL_VALIDATION_FAILED", "Introspection is switched off")
	}
	if answer := closed.query(t, "{ __typename }", ""); answer.code(t) != "" {
		t.Errorf("__typename is no introspection, but: %s", answer.body)
	}
	if body := string(closed.query(t, "{ organisations { id } }", "").body); strings.Contains(body, "organizations") {
		t.Errorf("a suggestion tells what is hidden: %s", body)
	}
	status := `query ($filter: OrganizationFilter) { organizations(filter: $filter) { id } }`
	if body := string(closed.query(t, status, `{"filter":{"status":["active"]}}`).body); strings.Contains(body, "BLOCKED") {
		t.Errorf("an error tells what is hidden: %s", body)
	}
	if answer := open.send(t, http.MethodGet, "/schema.graphqls", ""); answer.status != 200 || !strings.Contains(string(answer.body), "type Query") {
		t.Errorf("GET /schema.graphqls: %d %s, want the schema", answer.status, answer.body)
	}
	if answer := closed.send(t, http.MethodGet, "/schema.graphqls", ""); answer.status != 404 {
		t.Errorf("GET /schema.graphqls where the schema is hidden: %d, want 404", answer.status)
	}
}
