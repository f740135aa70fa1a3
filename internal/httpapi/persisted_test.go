package httpapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crosswalk/internal/httpapi"
	"crosswalk/internal/httpapi/internal/testschema"
)

const accepting = "Accept: application/graphql-response+json"

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// hashed is a request's body with a hash, and a text unless it is empty.
func hashed(hash, text string) string {
	body := map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}}
	if text != "" {
		body["query"] = text
	}
	encoded, _ := json.Marshal(body)
	return string(encoded)
}

func TestADocumentIsRememberedByItsHash(t *testing.T) {
	t.Parallel()
	const query = "query Who { viewer { role } }"
	const answered = `{"data":{"viewer":{"role":"EDITOR"}}}`
	get := "/graphql?extensions=" + url.QueryEscape(fmt.Sprintf(`{"persistedQuery":{"version":1,"sha256Hash":%q}}`, sha(query)))
	t.Run("over POST", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		requireRefusal(t, gateway.send(t, http.MethodPost, "/graphql", hashed(sha(query), ""), accepting), 400, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
		for _, body := range []string{hashed(sha(query), query), hashed(sha(query), ""), hashed(strings.ToUpper(sha(query)), "")} {
			if answer := gateway.send(t, http.MethodPost, "/graphql", body, accepting); string(answer.body) != answered {
				t.Errorf("%s: %s, want %s", body, answer.body, answered)
			}
		}
	})
	t.Run("over GET", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		requireRefusal(t, gateway.send(t, http.MethodGet, get, ""), 200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
		for _, path := range []string{get + "&query=" + url.QueryEscape(query), get} {
			if answer := gateway.send(t, http.MethodGet, path, ""); string(answer.body) != answered {
				t.Errorf("%s: %s, want %s", path, answer.body, answered)
			}
		}
	})
	t.Run("over WebSocket and server-sent events", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
		socket.hears("connection_ack")
		socket.say(message{ID: "1", Type: "subscribe", Payload: json.RawMessage(hashed(sha(query), ""))})
		socket.hears(`error [{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"`)
		socket.say(message{ID: "2", Type: "subscribe", Payload: json.RawMessage(hashed(sha(query), query))})
		socket.hears("next " + answered[:len(answered)-1])
		socket.hears("complete")
		answer := gateway.send(t, http.MethodPost, "/graphql", hashed(sha(query), ""), "Accept: text/event-stream")
		if !strings.Contains(string(answer.body), answered) {
			t.Errorf("%s, want %s", answer.body, answered)
		}
	})
}

func TestHashesThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.CachedDocuments = 2 })
	const mutation = `mutation { renameOrganization(id: "1", name: "x") { id } }`
	gateway.send(t, http.MethodPost, "/graphql", hashed(sha("{ nonsense }"), "{ nonsense }"))
	tests := []struct {
		name, body, code, message string
	}{
		{"a hash of something else", hashed(sha("{ a }"), "{ __typename }"), "BAD_USER_INPUT", "is not the SHA-256 of query"},
		{"a hash that is none", hashed("abc", ""), "BAD_USER_INPUT", "64 hexadecimal digits"},
		{"another version", `{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"` + sha("x") + `"}}}`, "BAD_USER_INPUT", "version must be 1"},
		{"something else in its place", `{"extensions":{"persistedQuery":"yes"}}`, "BAD_USER_INPUT", "version must be 1"},
		{"a document that was not valid", hashed(sha("{ nonsense }"), ""), "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"},
	}
	for _, test := range tests {
		requireRefusal(t, gateway.send(t, http.MethodPost, "/graphql", test.body, accepting), 400, test.code, test.message)
	}
	for i := range 3 {
		query := fmt.Sprintf("query Q%d { __typename }", i)
		gateway.send(t, http.MethodPost, "/graphql", hashed(sha(query), query))
	}
	if answer := gateway.send(t, http.MethodPost, "/graphql", hashed(sha("query Q0 { __typename }"), "")); answer.code(t) != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("the third but last of at most two documents: %s, want it forgotten", answer.body)
	}
	gateway.send(t, http.MethodPost, "/graphql", hashed(sha(mutation), mutation))
	if name := <-gateway.resolver.Renamed; name != "x" {
		t.Errorf("renamed to %q, want x", name)
	}
	get := "/graphql?extensions=" + url.QueryEscape(fmt.Sprintf(`{"persistedQuery":{"version":1,"sha256Hash":%q}}`, sha(mutation)))
	requireRefusal(t, gateway.send(t, http.MethodGet, get, ""), http.StatusMethodNotAllowed, "BAD_USER_INPUT", "send mutations with POST")
	if len(gateway.resolver.Renamed) > 0 {
		t.Error("a mutation was executed over GET by its hash")
	}
}

// write puts files, by name, into a directory of their own.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, content := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func TestOnlyPersistedDocumentsAreExecuted(t *testing.T) {
	t.Parallel()
	const (
		who     = "# Who asks.\nquery Who {\n  viewer { role }\n}\n"
		several = "query A { viewer { ...F } }\r\nquery B { __typename }\r\nfragment F on Viewer { role }\r\n"
	)
	directory := write(t, map[string]string{"who.graphql": who, "pages/several.graphql": several, "README.md": "{ nonsense"})
	closed := newGateway(t, func(config *httpapi.Config) { config.PersistedOnly, config.HideSchema = directory, true })
	open := newGateway(t, func(config *httpapi.Config) { config.PersistedOnly = directory })
	text := func(query, rest string) string { return fmt.Sprintf(`{"query":%q%s}`, query, rest) }
	served := map[string]string{
		"its text":                             text(who, ""),
		"its text without the end of the file": text(strings.TrimSpace(who), ""),
		"the hash of its file":                 hashed(sha(who), ""),
		"the hash of its text":                 hashed(sha(strings.TrimSpace(who)), ""),
		"hash and text":                        hashed(sha(who), who),
		"one of several operations":            text(strings.ReplaceAll(several, "\r\n", "\n"), `,"operationName":"B"`),
		"one of several by hash":               strings.TrimSuffix(hashed(sha(several), ""), "}") + `,"operationName":"A"}`,
	}
	for name, body := range served {
		for _, gateway := range []*gateway{closed, open} {
			if answer := gateway.send(t, http.MethodPost, "/graphql", body, accepting); answer.status != 200 || answer.code(t) != "" {
				t.Errorf("%s: %d %s, want it answered", name, answer.status, answer.body)
			}
		}
	}
	refused := map[string]string{
		"another text":                text("{ viewer { role } }", ""),
		"another text with its hash":  hashed(sha("{ viewer { role } }"), "{ viewer { role } }"),
		"an unknown hash":             hashed(sha("{ viewer { role } }"), ""),
		"a text that does not parse":  text("{", ""),
		"a file that is no document":  text("{ nonsense", ""),
		"introspection and something": text("{ __schema { queryType { name } } viewer { role } }", ""),
		"introspection in a fragment": text("{ ...F } fragment F on Query { __schema { queryType { name } } }", ""),
	}
	for name, body := range refused {
		for _, gateway := range []*gateway{closed, open} {
			answer := gateway.send(t, http.MethodPost, "/graphql", body, accepting)
			t.Log(name)
			requireRefusal(t, answer, 400, "PERSISTED_QUERY_ONLY", "executes only the documents that it was started with")
		}
	}
	introspects := text("{ __typename __schema { queryType { name } } }", "")
	if answer := open.send(t, http.MethodPost, "/graphql", introspects, accepting); answer.code(t) != "" {
		t.Errorf("introspection where it was asked for: %s, want it answered", answer.body)
	}
	requireRefusal(t, closed.send(t, http.MethodPost, "/graphql", introspects, accepting), 400, "PERSISTED_QUERY_ONLY", "")
	socket := closed.connect(t, `{"token":"`+goodToken+`"}`)
	socket.hears("connection_ack")
	socket.subscribe("1", "subscription { count }")
	socket.hears(`error [{"message":"This server executes only the documents`)
}

func TestDocumentsThatCannotBeExecutedStopTheStart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"a field that does not exist", map[string]string{"a.graphql": "query A {\n  viewer {\n    nonsense\n  }\n}\n"}, []string{"a.graphql:3: ", "nonsense"}},
		{"a text that does not parse", map[string]string{"a/b.graphql": "query A {\n  viewer {\n"}, []string{filepath.Join("a", "b.graphql") + ":"}},
		{"a fragment alone", map[string]string{"f.graphql": "fragment F on Viewer { role }"}, []string{"f.graphql:1: the file holds no operation"}},
		{"text that is not UTF-8", map[string]string{"a.graphql": "# \xff\n{ __typename }"}, []string{"a.graphql: this is not UTF-8"}},
		{
			"an operation that is too deep",
			map[string]string{"deep.graphql": "\n{ organizations { " + strings.Repeat("parent { ", 15) + "id" + strings.Repeat(" }", 17)},
			[]string{"deep.graphql:2: ", "levels deep; at most 15"},
		},
		{
			"a subscription that may leave its field out",
			map[string]string{"s.graphql": "subscription ($x: Boolean!) {\n  count @skip(if: $x)\n}"}, []string{"s.graphql:2: ", "remove @skip"},
		},
		{
			"several of them", map[string]string{"a.graphql": "{ nonsense }", "b.graphql": "{ __typename }", "c.graphql": "\n{ rubbish }"},
			[]string{"a.graphql:1: ", "c.graphql:2: "},
		},
		{"no document at all", map[string]string{"README.md": ""}, []string{"holds no persisted documents"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := httpapi.New(httpapi.Config{
				Schema: testschema.New(&testschema.Resolver{}, httpapi.Published), Authenticator: tokens{}, PersistedOnly: write(t, test.files),
			})
			if err == nil {
				t.Fatal("New: nil, want an error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("New: %v, want %q in it", err, want)
				}
			}
		})
	}
	_, err := httpapi.New(httpapi.Config{
		Schema: testschema.New(&testschema.Resolver{}, httpapi.Published), Authenticator: tokens{}, PersistedOnly: filepath.Join(t.TempDir(), "gone"),
	})
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("New with a directory that does not exist: %v, want an error that names it", err)
	}
}
