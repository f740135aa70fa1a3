package gatewaytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/account"
	"crosswalk/internal/postgres"
)

// Roles are all roles, from the one that may least to the one that may most.
func Roles() []account.Role {
	return []account.Role{account.Viewer, account.Editor, account.Operator, account.Admin}
}

// Subject is whom the token of a role was issued to.
func Subject(role account.Role) string { return strings.ToLower(string(role)) + "@example.com" }

// Seller asks one replica as the people of one seller.
type Seller struct {
	ID   postgres.SellerID
	Name string

	url    string
	tokens map[account.Role]string
}

// Token returns the token of a role.
func (s *Seller) Token(role account.Role) string { return s.tokens[role] }

// URL is the address of the gateway asked, without a path.
func (s *Seller) URL() string { return s.url }

// On returns the same seller asking another replica.
func (s *Seller) On(replica *Replica) *Seller {
	moved := *s
	moved.url = replica.URL
	return &moved
}

// Error is one error of a response.
type Error struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// Code returns extensions.code.
func (e Error) Code() string {
	code, _ := e.Extensions["code"].(string)
	return code
}

// Response is what the gateway answered.
type Response struct {
	Status int
	Header http.Header
	// Body is the whole answer; the rest was read from it.
	Body       []byte
	Data       json.RawMessage            `json:"data"`
	Errors     []Error                    `json:"errors"`
	Extensions map[string]json.RawMessage `json:"extensions"`
}

// Decode reads the data into a value and fails the test if it does not fit.
func (r Response) Decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(r.Data, into); err != nil {
		t.Fatalf("the data does not fit %T: %v\n%s", into, err, r.Body)
	}
}

// Codes returns the code of every error.
func (r Response) Codes() []string {
	var codes []string
	for _, e := range r.Errors {
		codes = append(codes, e.Code())
	}
	return codes
}

// Query posts an operation with the token of a role.
func (s *Seller) Query(t testing.TB, role account.Role, query string, variables map[string]any) Response {
	t.Helper()
	return Post(t, s.url, s.tokens[role], query, variables)
}

// Must is Query for operations that must succeed; into takes the data and may be nil.
func (s *Seller) Must(t testing.TB, role account.Role, query string, variables map[string]any, into any) Response {
	t.Helper()
	response := s.Query(t, role, query, variables)
	if response.Status != http.StatusOK || len(response.Errors) > 0 {
		t.Fatalf("%s\nwith %v\nmust succeed; it was answered with status %d: %s", query, variables, response.Status, response.Body)
	}
	if into != nil {
		response.Decode(t, into)
	}
	return response
}

// Post sends an operation to the gateway at url. An empty token sends none.
func Post(t testing.TB, url, token, query string, variables map[string]any) Response {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatalf("encode the operation: %v", err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatalf("make the request: %v", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return Do(t, request)
}

// Do sends a request and reads the answer, which must be JSON in GraphQL's form.
func Do(t testing.TB, request *http.Request) Response {
	t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	defer answer.Body.Close()
	response := Response{Status: answer.StatusCode, Header: answer.Header}
	if response.Body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatalf("read the answer to %s %s: %v", request.Method, request.URL, err)
	}
	if err := json.Unmarshal(response.Body, &response); err != nil {
		t.Fatalf("the answer to %s %s (status %d) is not JSON: %v\n%s", request.Method, request.URL, answer.StatusCode, err, response.Body)
	}
	return response
}
