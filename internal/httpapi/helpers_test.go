package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"crosswalk/internal/account"
	"crosswalk/internal/httpapi"
	"crosswalk/internal/httpapi/internal/testschema"
	"crosswalk/internal/postgres"
)

// goodToken and otherToken are let in; brokenToken makes the authenticator fail, awayToken and
// undecidedToken because what it asks is away, and slowToken makes it wait for as long as it may.
const (
	goodToken      = "good-token"
	otherToken     = "other-token"
	brokenToken    = "broken-token"
	awayToken      = "away-token"
	undecidedToken = "undecided-token"
	slowToken      = "slow-token"
)

// tokens is an authenticator that knows goodToken.
type tokens struct{}

func (tokens) Authenticate(ctx context.Context, token string) (account.Identity, error) {
	switch token {
	case goodToken:
		return account.Identity{Seller: 7, Subject: "ada@example.com", TokenID: 1}, nil
	case otherToken:
		return account.Identity{Seller: 7, Subject: "bob@example.com", TokenID: 2}, nil
	case slowToken:
		<-ctx.Done()
		return account.Identity{}, ctx.Err()
	case brokenToken:
		return account.Identity{}, errors.New("pq: connection refused by 10.0.0.7")
	case awayToken:
		return account.Identity{}, fmt.Errorf("look up: %w (dial tcp 10.0.0.7)", &postgres.UnavailableError{})
	case undecidedToken:
		return account.Identity{}, &account.UndecidedError{Reason: "The issuer does not answer.", Err: errors.New("dial tcp 10.0.0.7")}
	}
	return account.Identity{}, fmt.Errorf("look up: %w", account.ErrUnauthenticated)
}

func (tokens) Known(string) (account.Identity, bool) { return account.Identity{}, false }

// caller is what the test schema says about who asks.
func caller(ctx context.Context) string {
	identity, ok := account.IdentityFrom(ctx)
	if !ok {
		return "nobody"
	}
	return identity.Subject
}

// logBook is a place to log to and to read from, at the same time.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// gateway is a server under test and what stands behind it.
type gateway struct {
	*httptest.Server
	handler  *httpapi.Handler
	resolver *testschema.Resolver
	log      *logBook
}

// newGateway serves the test schema; configure changes how.
func newGateway(t *testing.T, configure func(*httpapi.Config)) *gateway {
	t.Helper()
	result := &gateway{
		log: &logBook{},
		resolver: &testschema.Resolver{
			Caller:    caller,
			Waiting:   make(chan struct{}, 10),
			Release:   make(chan struct{}),
			Renamed:   make(chan string, 10),
			Listening: make(chan int, 10),
			All: []*testschema.Organization{
				{ID: "1", Name: "Müller & Söhne", Status: testschema.OrganizationStatusActive},
				{ID: "2", Name: "O'Brien Ltd", Status: testschema.OrganizationStatusBlocked},
			},
		},
	}
	config := httpapi.Config{
		Schema:        testschema.New(result.resolver, httpapi.Published),
		SDL:           "type Query { viewer: Viewer! }",
		Authenticator: tokens{},
		Logger:        slog.New(slog.NewJSONHandler(result.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if configure != nil {
		configure(&config)
	}
	handler, err := httpapi.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	result.handler = handler
	result.Server = httptest.NewServer(handler)
	t.Cleanup(result.Close)
	return result
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// graphQLAnswer is a body in GraphQL's form.
type graphQLAnswer struct {
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
}

func (a answer) graphQL(t *testing.T) graphQLAnswer {
	t.Helper()
	var result graphQLAnswer
	if err := json.Unmarshal(a.body, &result); err != nil {
		t.Fatalf("the answer is not JSON: %v\n%s", err, a.body)
	}
	return result
}

// code is extensions.code of the first error.
func (a answer) code(t *testing.T) string {
	t.Helper()
	result := a.graphQL(t)
	if len(result.Errors) == 0 {
		return ""
	}
	code, _ := result.Errors[0].Extensions["code"].(string)
	return code
}

// send sends a request as somebody with a good token, unless headers say
// otherwise. Headers are "Name: value"; "Name:" leaves a header out.
func (g *gateway) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+goodToken)
	request.Header.Set("Accept-Encoding", "identity")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ":")
		if value = strings.TrimSpace(value); value == "" {
			request.Header.Del(name)
		} else {
			request.Header.Set(name, value)
		}
	}
	response, err := g.Client().Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", method, path, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: content}
}

// query runs a query, with variables in JSON or none, and accepts
// application/graphql-response+json.
func (g *gateway) query(t *testing.T, query, variables string) answer {
	t.Helper()
	if variables == "" {
		variables = "null"
	}
	text, err := json.Marshal(query)
	if err != nil {
		t.Fatal(err)
	}
	return g.send(t, http.MethodPost, "/graphql", fmt.Sprintf(`{"query":%s,"variables":%s}`, text, variables),
		"Accept: application/graphql-response+json")
}
