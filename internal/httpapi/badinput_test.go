package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crosswalk/internal/httpapi"
)

// secretText is the part of a body that no error may repeat.
const secretText = "s3cret-part-of-the-body"

func TestBadInputIsRefusedClearly(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.BodyBytes = 200_000 })
	tests := []struct {
		name    string
		method  string // POST if empty
		path    string // /graphql if empty
		headers []string
		body    string
		status  int
		code    string
		message string // a part of it
	}{
		{
			name: "JSON that ends early", body: `{"query": "` + secretText,
			status: 400, code: "BAD_USER_INPUT", message: "not valid JSON",
		},
		{
			name: "JSON with something after it", body: `{"query":"{ __typename }"} {"a":"` + secretText + `"}`,
			status: 400, code: "BAD_USER_INPUT", message: "not valid JSON: something is wrong at byte 28",
		},
		{name: "no body", status: 400, code: "BAD_USER_INPUT", message: "body is empty"},
		{name: "a body of spaces", body: " \n\t", status: 400, code: "BAD_USER_INPUT", message: "body is empty"},
		{name: "a body that is null", body: "null", status: 400, code: "BAD_USER_INPUT", message: "must be a JSON object"},
		{name: "a body that is a string", body: `"{ __typename }"`, status: 400, code: "BAD_USER_INPUT", message: "must be a JSON object"},
		{
			name: "a list of operations", body: `[{"query":"{ __typename }"}]`,
			status: 400, code: "LIMIT_EXCEEDED", message: "one operation per request",
		},
		{
			name: "a body that is not UTF-8", body: "{\"query\":\"{ __typename }\xff\"}",
			status: 400, code: "BAD_USER_INPUT", message: "not UTF-8",
		},
		{name: "no query", body: `{"variables":{}}`, status: 400, code: "BAD_USER_INPUT", message: "query is missing"},
		{name: "a query by another name", body: `{"Query":"{ __typename }"}`, status: 400, code: "BAD_USER_INPUT", message: "query is missing"},
		{name: "a query in another case beside it", body: `{"query":" ","QUERY":"{ __typename }"}`, status: 400, code: "BAD_USER_INPUT", message: "query is missing"},
		{name: "an empty query", body: `{"query":"  "}`, status: 400, code: "BAD_USER_INPUT", message: "query is missing or empty"},
		{name: "a query that is null", body: `{"query":null}`, status: 400, code: "BAD_USER_INPUT", message: "query is missing"},
		{name: "a query that is a number", body: `{"query":1}`, status: 400, code: "BAD_USER_INPUT", message: "query must be a string"},
		{
			name: "a query that is an object", body: `{"query":{"` + secretText + `":1}}`,
			status: 400, code: "BAD_USER_INPUT", message: "query must be a string",
		},
		{
			name: "an operation name that is a list", body: `{"query":"{ __typename }","operationName":[]}`,
			status: 400, code: "BAD_USER_INPUT", message: "operationName must be a string",
		},
		{
			name: "variables that are a list", body: `{"query":"{ __typename }","variables":["` + secretText + `"]}`,
			status: 400, code: "BAD_USER_INPUT", message: "variables must be a JSON object",
		},
		{
			name: "extensions that are a string", body: `{"query":"{ __typename }","extensions":"x"}`,
			status: 400, code: "BAD_USER_INPUT", message: "extensions must be a JSON object",
		},
		{
			name: "a body nested too deeply for JSON", body: `{"query":"{ __typename }","variables":{"a":` + strings.Repeat("[", 50_000),
			status: 400, code: "BAD_USER_INPUT", message: "nested too deeply: at most 10000 levels",
		},
		{
			name: "a body that is too large", body: `{"query":"{ __typename }","variables":{"a":"` + strings.Repeat("x", 200_000) + `"}}`,
			status: 413, code: "LIMIT_EXCEEDED", message: "larger than the 200000 bytes",
		},
		{
			name: "a form", headers: []string{"Content-Type: application/x-www-form-urlencoded"}, body: "query={__typename}",
			status: 415, code: "BAD_USER_INPUT", message: "Content-Type: application/json",
		},
		{
			name: "plain text, which other sites' pages may send", headers: []string{"Content-Type: text/plain"}, body: `{"query":"{ __typename }"}`,
			status: 415, code: "BAD_USER_INPUT", message: "Content-Type: application/json",
		},
		{
			name: "a body without a type", headers: []string{"Content-Type:"}, body: `{"query":"{ __typename }"}`,
			status: 415, code: "BAD_USER_INPUT", message: "Content-Type: application/json",
		},
		{
			name: "JSON in another alphabet", headers: []string{"Content-Type: application/json; charset=utf-16"}, body: `{"query":"{ __typename }"}`,
			status: 415, code: "BAD_USER_INPUT", message: "Content-Type: application/json",
		},
		{
			name: "a compressed body", headers: []string{"Content-Encoding: gzip"}, body: `{"query":"{ __typename }"}`,
			status: 415, code: "BAD_USER_INPUT", message: "without Content-Encoding",
		},
		{
			name: "a method that does not exist here", method: http.MethodDelete,
			status: 405, code: "BAD_USER_INPUT", message: "Send operations with POST",
		},
		{
			name: "an answer in HTML wanted", headers: []string{"Accept: text/html"}, body: `{"query":"{ __typename }"}`,
			status: 406, code: "BAD_USER_INPUT", message: "Accept application/graphql-response+json",
		},
		{
			name: "a mutation over GET", method: http.MethodGet,
			path:   "/graphql?query=" + url.QueryEscape(`mutation { renameOrganization(id: "1", name: "x") { id } }`),
			status: 405, code: "BAD_USER_INPUT", message: "send mutations with POST",
		},
		{
			name: "a subscription without a stream", body: `{"query":"subscription { count }"}`,
			status: 406, code: "BAD_USER_INPUT", message: "text/event-stream",
		},
		{name: "GET without a query", method: http.MethodGet, status: 400, code: "BAD_USER_INPUT", message: "query is missing"},
		{
			name: "GET with variables that are not JSON", method: http.MethodGet, path: "/graphql?query={__typename}&variables={" + secretText,
			status: 400, code: "BAD_USER_INPUT", message: "variables must be a JSON object",
		},
		{
			name: "GET with variables that are a number", method: http.MethodGet, path: "/graphql?query={__typename}&variables=5",
			status: 400, code: "BAD_USER_INPUT", message: "variables must be a JSON object",
		},
		{
			name: "GET with an address that is not encoded properly", method: http.MethodGet, path: "/graphql?query=%zz",
			status: 400, code: "BAD_USER_INPUT", message: "not properly encoded",
		},
		{
			name: "GET with a query that is not UTF-8", method: http.MethodGet, path: "/graphql?query=%ff",
			status: 400, code: "BAD_USER_INPUT", message: "not properly encoded",
		},
		{
			name: "a document that does not parse", body: `{"query":"{ organizations( }"}`,
			status: 400, code: "GRAPHQL_PARSE_FAILED", message: "Expected Name",
		},
		{
			name: "a document without an operation", body: `{"query":"fragment F on Query { __typename }"}`,
			status: 400, code: "GRAPHQL_VALIDATION_FAILED", message: "no operation provided",
		},
		{
			name: "a field that does not exist", body: `{"query":"{ organisations { id } }"}`,
			status: 400, code: "GRAPHQL_VALIDATION_FAILED", message: `Did you mean "organizations"?`,
		},
		{
			name: "two operations and no choice", body: `{"query":"query A { __typename } query B { __typename }"}`,
			status: 400, code: "GRAPHQL_VALIDATION_FAILED", message: "holds 2 operations: A, B. Say in operationName",
		},
		{
			name: "an operation that is not there", body: `{"query":"query A { __typename }","operationName":"C"}`,
			status: 400, code: "GRAPHQL_VALIDATION_FAILED", message: `no operation named "C", only A`,
		},
		{
			name: "a directive that defers", body: `{"query":"{ viewer { ... @defer { subject } } }"}`,
			status: 400, code: "GRAPHQL_VALIDATION_FAILED", message: `Unknown directive "@defer"`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			method, path := test.method, test.path
			if method == "" {
				method = http.MethodPost
			}
			if path == "" {
				path = "/graphql"
			}
			headers := append([]string{"Accept: application/graphql-response+json"}, test.headers...)
			answer := gateway.send(t, method, path, test.body, headers...)
			requireRefusal(t, answer, test.status, test.code, test.message)
			if strings.Contains(string(answer.body), secretText) {
				t.Errorf("the answer repeats the body: %s", answer.body)
			}
		})
	}
	t.Cleanup(func() {
		if len(gateway.resolver.Renamed) > 0 {
			t.Error("a refused mutation was executed")
		}
	})
}

// requireRefusal checks an answer that holds nothing but errors.
func requireRefusal(t *testing.T, answer answer, status int, code, message string) {
	t.Helper()
	if answer.status != status {
		t.Errorf("status %d, want %d: %s", answer.status, status, answer.body)
	}
	result := answer.graphQL(t)
	if len(result.Errors) == 0 {
		t.Fatalf("no errors, want %s: %s", code, answer.body)
	}
	first := result.Errors[0]
	if first.Extensions["code"] != code {
		t.Errorf("code %v, want %s: %s", first.Extensions["code"], code, answer.body)
	}
	if !strings.Contains(first.Message, message) {
		t.Errorf("message %q, want it to contain %q", first.Message, message)
	}
	if first.Extensions["requestId"] != answer.header.Get("X-Request-Id") {
		t.Errorf("requestId %v, want that of the header, %q", first.Extensions["requestId"], answer.header.Get("X-Request-Id"))
	}
	if strings.Contains(string(answer.body), `"data"`) {
		t.Errorf("an answer to a request that was not executed holds data: %s", answer.body)
	}
}

func TestVariablesMustFitTheirTypes(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	const (
		list = `query ($first: Int, $search: String, $filter: OrganizationFilter) {
			organizations(first: $first, search: $search, filter: $filter) { id } }`
		echo   = `query ($ratio: Float, $flag: Boolean, $id: ID, $short: Short) { echo(ratio: $ratio, flag: $flag, id: $id, short: $short) }`
		rename = `mutation ($id: ID!, $name: String!) { renameOrganization(id: $id, name: $name) { id } }`
	)
	tests := []struct {
		name, query, variables, message string
	}{
		{"text for an integer", list, `{"first":"20"}`, `Variable "$first": expected Int, got a string.`},
		{"a fraction for an integer", list, `{"first":1.5}`, `Variable "$first": expected Int, got the number 1.5.`},
		{"a fraction for an integer further down", list, `{"filter":{"atLeast":1.5}}`, `Variable "$filter.atLeast": expected Int, got the number 1.5.`},
		{"an integer beyond 32 bits", list, `{"first":3000000000}`, `Variable "$first": expected Int, got the number 3000000000.`},
		{"an integer beyond 32 bits with a point", list, `{"first":3000000000.0}`, `Variable "$first": expected Int, got the number 3000000000.`},
		{"an integer beyond 64 bits", list, `{"first":99999999999999999999}`, `Variable "$first": expected Int, got the number 99999999999999999999.`},
		{"an integer beyond all numbers", list, `{"first":1e999}`, `Variable "$first": expected Int, got the number 1e999.`},
		{"an object for an integer", list, `{"first":{}}`, `Variable "$first": expected Int, got an object.`},
		{"a number for text", list, `{"search":5}`, `Variable "$search": expected String, got the number 5.`},
		{"a list for text", list, `{"search":["a"]}`, `Variable "$search": expected String, got a list.`},
		{"text for an input object", list, `{"filter":"x"}`, `Variable "$filter": expected OrganizationFilter, got a string.`},
		{"a number for an input object", list, `{"filter":{"and":5}}`, `Variable "$filter.and[0]": expected OrganizationFilter, got the number 5.`},
		{"an input field that does not exist", list, `{"filter":{"nam":"x"}}`, `Variable "$filter.nam": unknown field. Did you mean "name"?`},
		{"an input field that does not exist further down", list, `{"filter":{"and":[{},{"atLest":1}]}}`, `Variable "$filter.and[1].atLest": unknown field. Did you mean "atLeast"?`},
		{"an input field that is like no other", list, `{"filter":{"colour":"x"}}`, `Variable "$filter.colour": unknown field`},
		{"text for an integer further down", list, `{"filter":{"and":[{"atLeast":"3"}]}}`, `Variable "$filter.and[0].atLeast": expected Int, got a string.`},
		{"an enum value in the wrong case", list, `{"filter":{"status":["active"]}}`, `Variable "$filter.status[0]": "active" is not one of ACTIVE, BLOCKED.`},
		{"an enum value that does not exist", list, `{"filter":{"status":"GONE"}}`, `Variable "$filter.status[0]": GONE is not a valid OrganizationStatus`},
		{"true for an enum value", list, `{"filter":{"status":[true]}}`, `Variable "$filter.status[0]": enums must be`},
		{"a number beyond a float", echo, `{"ratio":1e999}`, `Variable "$ratio": expected Float, got the number 1e999.`},
		{"text for a float", echo, `{"ratio":"0.5"}`, `Variable "$ratio": expected Float, got a string.`},
		{"text for a boolean", echo, `{"flag":"true"}`, `Variable "$flag": expected Boolean, got a string.`},
		{"a number for a boolean", echo, `{"flag":1}`, `Variable "$flag": expected Boolean, got the number 1.`},
		{"a fraction for an id", echo, `{"id":1.5}`, `Variable "$id": expected ID, got the number 1.5.`},
		{"true for an id", echo, `{"id":true}`, `Variable "$id": expected ID, got true.`},
		{"a whole number with a point for an id", echo, `{"id":4.0}`, `Variable "$id": expected ID, got the number 4.0.`},
		{"null where something is needed", rename, `{"id":null,"name":"x"}`, `Variable "$id": cannot be null`},
		{"nothing where something is needed", rename, `{"id":"1"}`, `Variable "$name": must be defined`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			requireRefusal(t, gateway.query(t, test.query, test.variables), 400, "BAD_USER_INPUT", test.message)
		})
	}
	t.Run("a scalar refuses its value", func(t *testing.T) {
		t.Parallel()
		answer := gateway.query(t, echo, `{"short":"far too long for this"}`)
		result := answer.graphQL(t)
		if answer.status != 200 || len(result.Errors) != 1 || result.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
			t.Fatalf("%d %s, want an error BAD_USER_INPUT beside data", answer.status, answer.body)
		}
		if want := `Argument "short": must be a text of at most ten letters`; result.Errors[0].Message != want {
			t.Errorf("message %q, want %q", result.Errors[0].Message, want)
		}
		if fmt.Sprint(result.Errors[0].Path) != "[echo]" || result.Errors[0].Extensions["argument"] != "short" {
			t.Errorf("path %v and argument %v, want those of the field", result.Errors[0].Path, result.Errors[0].Extensions["argument"])
		}
		if !strings.Contains(string(answer.body), `"locations":[{"line":1,"column":65}]`) {
			t.Errorf("%s, want the location of the field", answer.body)
		}
	})
	t.Run("values that fit are taken", func(t *testing.T) {
		t.Parallel()
		for _, variables := range []string{
			`{"first":1,"search":null,"filter":{"and":[{"atLeast":0}],"status":"ACTIVE","name":"x"}}`,
			`{"first":1.0,"filter":{"and":[{"atLeast":1e2}],"atLeast":-0.0}}`,
			`{"first":2.0e0,"filter":{"and":{"atLeast":20.00}}}`,
			`{}`,
		} {
			if answer := gateway.query(t, list, variables); answer.code(t) != "" {
				t.Errorf("%s: %s", variables, answer.body)
			}
		}
		for _, variables := range []string{`{"ratio":1,"flag":false,"id":12}`, `{"ratio":0.5,"id":"12","short":"ok"}`} {
			if answer := gateway.query(t, echo, variables); answer.code(t) != "" {
				t.Errorf("%s: %s", variables, answer.body)
			}
		}
	})
	t.Run("clients of application/json get 200", func(t *testing.T) {
		t.Parallel()
		answer := gateway.send(t, http.MethodPost, "/graphql", `{"query":"query ($n: Int) { organizations(first: $n) { id } }","variables":{"n":"x"}}`,
			"Accept: application/json")
		requireRefusal(t, answer, 200, "BAD_USER_INPUT", `Variable "$n"`)
	})
}

func TestNullDoesNotDecideWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	const (
		null = `{"x":null}`
		want = `Variable "$x": cannot be null, because `
	)
	places := map[string]string{
		"a field at the root":          `query ($x: Boolean = true) { viewer @include(if: $x) { role } }`,
		"a field further down":         `query ($x: Boolean = true) { viewer { seller { name @skip(if: $x) } } }`,
		"a fragment":                   `query ($x: Boolean = true) { viewer { ...F @include(if: $x) } } fragment F on Viewer { role }`,
		"an inline fragment":           `query ($x: Boolean = true) { viewer { ... @skip(if: $x) { role } } }`,
		"a field in a fragment":        `query ($x: Boolean = true) { ...A } fragment A on Query { ...B } fragment B on Query { viewer { role @skip(if: $x) } }`,
		"the second of two directives": `query ($x: Boolean = true) { viewer { role @skip(if: false) @include(if: $x) } }`,
		"a mutation":                   `mutation ($x: Boolean = true) { renameOrganization(id: "1", name: "x") { name @include(if: $x) } }`,
		"a mutation's field":           `mutation ($x: Boolean = true) { renameOrganization(id: "1", name: "x") @skip(if: $x) { name } }`,
	}
	for name, query := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the second time, the document is remembered
				requireRefusal(t, gateway.query(t, query, null), 400, "BAD_USER_INPUT", want)
			}
			for _, variables := range []string{`{}`, `{"x":true}`, `{"x":false}`} {
				if strings.HasPrefix(query, "query") {
					if answer := gateway.query(t, query, variables); answer.code(t) != "" {
						t.Errorf("%s: %s", variables, answer.body)
					}
				}
			}
			body := fmt.Sprintf(`{"query":%q,"variables":%s}`, query, null)
			events := gateway.send(t, http.MethodPost, "/graphql", body, "Accept: text/event-stream")
			if text := string(events.body); !strings.Contains(text, `Variable \"$x\": cannot be null`) || !strings.Contains(text, "BAD_USER_INPUT") {
				t.Errorf("events: %s, want the variable refused", text)
			}
			socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
			socket.hears("connection_ack")
			socket.say(message{ID: "1", Type: "subscribe", Payload: json.RawMessage(body)})
			socket.hears(`error [{"message":"Variable \"$x\": cannot be null, because @`)
		})
	}
	t.Run("null where another operation's directive asks for a variable of that name", func(t *testing.T) {
		t.Parallel()
		const two = `query A($x: Boolean) { echo(flag: $x) } query B($x: Boolean!) { ...F } fragment F on Query { viewer @skip(if: $x) { role } }`
		answer := gateway.send(t, http.MethodPost, "/graphql", fmt.Sprintf(`{"query":%q,"operationName":"A","variables":%s}`, two, null))
		if answer.code(t) != "" {
			t.Errorf("%s, want it answered", answer.body)
		}
	})
	t.Cleanup(func() {
		if len(gateway.resolver.Renamed) > 0 {
			t.Error("a refused mutation was executed")
		}
	})
}

func TestASubscriptionIsOfOneFieldThatIsNotLeftOut(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	const remove = "A subscription cannot leave its field out: remove @"
	for query, want := range map[string]string{
		`subscription ($x: Boolean!) { count(to: 1) @skip(if: $x) }`:                                     remove + "skip",
		`subscription ($x: Boolean!) { count(to: 1) @include(if: $x) }`:                                  remove + "include",
		`subscription ($x: Boolean!) { ... @skip(if: $x) { count(to: 1) } }`:                             remove + "skip",
		`subscription ($x: Boolean!) { ...F @include(if: $x) } fragment F on Subscription { count }`:     remove + "include",
		`subscription ($x: Boolean!) { ...F } fragment F on Subscription { count(to: 1) @skip(if: $x) }`: remove + "skip",
		`subscription { a: count(to: 1) b: count(to: 2) }`:                                               `A subscription selects one field: remove "a" or "b".`,
		`subscription { count(to: 1) ... { ...F } } fragment F on Subscription { b: count(to: 2) }`:      `A subscription selects one field: remove "count" or "b".`,
	} {
		for _, variables := range []string{`{"x":true}`, `{"x":false}`, `{}`} {
			body := fmt.Sprintf(`{"query":%q,"variables":%s}`, query, variables)
			answer := gateway.send(t, http.MethodPost, "/graphql", body, accepting)
			requireRefusal(t, answer, 400, "GRAPHQL_VALIDATION_FAILED", want)
			if errors := answer.graphQL(t).Errors; len(errors) != 1 {
				t.Errorf("%s: %d errors, want one: %s", query, len(errors), answer.body)
			}
		}
	}
	_, events := gateway.listen(t, `subscription { ...F count(to: 1) } fragment F on Subscription { count(to: 1) }`)
	requireEvents(t, events, ":", "event: next\ndata: {\"data\":{\"count\":1}}")
}

func TestDocumentsMayNotCostTooMuch(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	nested := func(levels int) string {
		return "{ organizations { " + strings.Repeat("parent { ", levels-2) + "id" + strings.Repeat(" }", levels)
	}
	aliases := func(count int) string {
		var text strings.Builder
		for i := range count {
			fmt.Fprintf(&text, "a%d: __typename ", i)
		}
		return text.String()
	}
	tests := []struct {
		name, query, code, message string
	}{
		{"fifteen levels", nested(15), "", ""},
		{"sixteen levels", nested(16), "DEPTH_LIMIT_EXCEEDED", "nested 16 levels deep; at most 15"},
		{
			"levels hidden in fragments",
			"{ organizations { ...A } } fragment A on Organization { " + strings.Repeat("parent { ", 14) + "id" + strings.Repeat(" }", 15),
			"DEPTH_LIMIT_EXCEEDED", "nested 16 levels deep",
		},
		{"levels hidden in inline fragments", strings.Replace(nested(16), "parent { id", "... { parent { id", 1) + " }", "DEPTH_LIMIT_EXCEEDED", "nested 16"},
		{"a hundred aliases", "{ " + aliases(100) + "}", "", ""},
		{"a hundred and one aliases", "{ " + aliases(101) + "}", "LIMIT_EXCEEDED", "more fields than the 100"},
		{
			"aliases multiplied by fragments",
			"{ ...A a: __typename } fragment A on Query { ...B ... { ...B } b: __typename } fragment B on Query { " + aliases(60) + "}",
			"LIMIT_EXCEEDED", "more fields than the 100",
		},
		{"more than fifteen thousand tokens", "{ " + strings.Repeat("viewer ", 15_000) + "}", "LIMIT_EXCEEDED", "exceeded token limit of 15000"},
		{
			"more levels than can be parsed", "{ organizations(filter: " + strings.Repeat("{ and: ", 2000) + "{}" + strings.Repeat("}", 2000) + ") { id } }",
			"DEPTH_LIMIT_EXCEEDED", "exceeded maximum nesting depth",
		},
		{"one field a thousand times", "{ " + strings.Repeat("viewer { subject } ", 1000) + "}", "", ""},
		{
			"one field more often than that", "{ viewer { " + strings.Repeat("subject ", 1001) + "} }",
			"LIMIT_EXCEEDED", `selects "subject" more often than the 1000 times`,
		},
		{"introspection as deep as tools need it", introspection, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := gateway.query(t, test.query, "")
			if test.code == "" {
				if answer.status != 200 || answer.code(t) != "" {
					t.Errorf("%d %s, want it answered", answer.status, answer.body)
				}
				return
			}
			requireRefusal(t, answer, 400, test.code, test.message)
		})
	}
}

// introspection is nested deeper than other operations may be.
const introspection = `{ __schema { types { fields { type { ofType { ofType { ofType { ofType { ofType { ofType {
	ofType { ofType { ofType { ofType { ofType { name } } } } } } } } } } } } } } } }`

func TestManyMistakesGiveFewErrors(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	var nonsense strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&nonsense, "nonsense%d ", i)
	}
	answer := gateway.query(t, "{ "+nonsense.String()+"}", "")
	if count := len(answer.graphQL(t).Errors); count == 0 || count > 20 {
		t.Errorf("%d errors for a document with thousands of mistakes, want a few", count)
	}
	long := gateway.query(t, "{ organizations(first: "+strings.Repeat("x", 100_000)+") { id } }", "")
	if len(long.body) > 2000 {
		t.Errorf("an answer of %d bytes to a document with a very long mistake, want a short one", len(long.body))
	}
}
