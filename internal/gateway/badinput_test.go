package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
)

// rawRequest is a request as it goes over the wire, without the token.
type rawRequest struct {
	method, path, contentType, accept, body string
}

// send sends it with the token of an administrator, who may do everything.
func (r rawRequest) send(t *testing.T, s *gatewaytest.Seller) gatewaytest.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), r.method, s.URL()+"/graphql"+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.Token(admin))
	if r.contentType != "" {
		request.Header.Set("Content-Type", r.contentType)
	}
	if r.accept != "" {
		request.Header.Set("Accept", r.accept)
	}
	return gatewaytest.Do(t, request)
}

// posted is a JSON body in a POST.
func posted(body string) rawRequest {
	return rawRequest{method: http.MethodPost, contentType: "application/json", body: body}
}

// operation is a query with variables in a POST.
func operation(query string, values variables) rawRequest {
	body, err := json.Marshal(variables{"query": query, "variables": values})
	if err != nil {
		panic(err)
	}
	return posted(string(body))
}

func TestBadRequestsGetAClearErrorAndSaveNothing(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, _ := startPair(t, gatewaytest.Options{})
	before := organizations(t, w.Seller)
	exclude := `mutation { setOrganizationsExcluded(input: {organizationIds: ["` + alpha.ID + `"], excluded: false}) { userErrors { code } } }`
	excludeJSON, _ := json.Marshal(exclude)
	const listed = `query ($search: String, $filter: OrganizationFilter, $orderBy: [OrganizationOrder!]) {
		organizations(search: $search, filter: $filter, orderBy: $orderBy) { totalCount } }`
	const mapped = `mutation ($input: MapOrganizationInput!) { mapOrganization(input: $input) { userErrors { code } } }`
	huge := strings.Repeat("x", 10_001)
	deep := variables{"status": "ACTIVE"}
	for range 100 {
		deep = variables{"not": deep}
	}
	abyss := `{"query": "query ($filter: OrganizationFilter) { organizations(filter: $filter) { totalCount } }", "variables": {"filter": ` +
		strings.Repeat(`{"not": `, 20_000) + "{}" + strings.Repeat("}", 20_000) + "}}"
	tests := map[string]struct {
		rawRequest
		status int
		code   string
		says   string
	}{
		"an empty body":                {posted(""), 400, "BAD_USER_INPUT", "empty"},
		"invalid JSON":                 {posted(`{"query": `), 400, "BAD_USER_INPUT", "not valid JSON"},
		"JSON that is no object":       {posted(`"query"`), 400, "BAD_USER_INPUT", "JSON object"},
		"a list of operations":         {posted(`[{"query": "{ __typename }"}]`), 400, "LIMIT_EXCEEDED", "one operation"},
		"bytes that are not UTF-8":     {posted("{\"query\": \"\xff\"}"), 400, "BAD_USER_INPUT", "UTF-8"},
		"nothing to execute":           {posted(`{"variables": {}}`), 400, "BAD_USER_INPUT", "query"},
		"a query that is no text":      {posted(`{"query": 17}`), 400, "BAD_USER_INPUT", "query must be a string"},
		"variables that are no object": {posted(`{"query": "{ __typename }", "variables": [1]}`), 400, "BAD_USER_INPUT", "variables"},
		"a body beyond 4 MiB":          {operation(listed, variables{"search": strings.Repeat("x", 5<<20)}), 413, "LIMIT_EXCEEDED", "larger"},

		"a form":                   {rawRequest{method: "POST", contentType: "application/x-www-form-urlencoded", body: "query={__typename}"}, 415, "BAD_USER_INPUT", "application/json"},
		"plain text":               {rawRequest{method: "POST", contentType: "text/plain", body: `{"query": "{ __typename }"}`}, 415, "BAD_USER_INPUT", "application/json"},
		"no content type":          {rawRequest{method: "POST", body: `{"query": ` + string(excludeJSON) + `}`}, 415, "BAD_USER_INPUT", "application/json"},
		"a multipart upload":       {rawRequest{method: "POST", contentType: "multipart/form-data; boundary=x", body: "--x--"}, 415, "BAD_USER_INPUT", "application/json"},
		"an answer in XML":         {rawRequest{method: "POST", contentType: "application/json", accept: "text/xml", body: `{"query": ` + string(excludeJSON) + `}`}, 406, "BAD_USER_INPUT", "Accept"},
		"PUT":                      {rawRequest{method: "PUT", contentType: "application/json", body: `{"query": ` + string(excludeJSON) + `}`}, 405, "BAD_USER_INPUT", "POST"},
		"a mutation by GET":        {rawRequest{method: "GET", path: "?query=" + url.QueryEscape(exclude)}, 405, "BAD_USER_INPUT", "POST"},
		"variables by GET":         {rawRequest{method: "GET", path: "?query=%7B__typename%7D&variables=x"}, 400, "BAD_USER_INPUT", "variables"},
		"two operations, no name":  {operation("query A { __typename } mutation B { syncOrganizations { started } }", nil), 200, "GRAPHQL_VALIDATION_FAILED", "operationName"},
		"a name of no operation":   {posted(`{"query": "query A { __typename } query B { __typename }", "operationName": "C"}`), 200, "GRAPHQL_VALIDATION_FAILED", "no operation named"},
		"no GraphQL":               {operation("select * from organization", nil), 200, "GRAPHQL_PARSE_FAILED", ""},
		"an unclosed brace":        {operation("{ viewer { subject }", nil), 200, "GRAPHQL_PARSE_FAILED", ""},
		"an unknown field":         {operation("{ organisations { totalCount } }", nil), 200, "GRAPHQL_VALIDATION_FAILED", `Did you mean`},
		"an unknown argument":      {operation(`{ organizations(serach: "x") { totalCount } }`, nil), 200, "GRAPHQL_VALIDATION_FAILED", "serach"},
		"an unknown input field":   {operation(`{ organizations(filter: {nmae: {eq: "x"}}) { totalCount } }`, nil), 200, "GRAPHQL_VALIDATION_FAILED", "nmae"},
		"an unknown enum value":    {operation(`{ organizations(filter: {status: [ACTIV]}) { totalCount } }`, nil), 200, "GRAPHQL_VALIDATION_FAILED", "ACTIV"},
		"no selection":             {operation(`{ organizations }`, nil), 200, "GRAPHQL_VALIDATION_FAILED", "organizations"},
		"a missing argument":       {operation(`mutation { cancelJob { started } }`, nil), 200, "GRAPHQL_VALIDATION_FAILED", "id"},
		"a null where none may be": {operation(`mutation { cancelJob(id: null) { started } }`, nil), 200, "GRAPHQL_VALIDATION_FAILED", ""},

		"a number for a text":            {operation(listed, variables{"search": 17}), 200, "BAD_USER_INPUT", "$search"},
		"a text for a number":            {operation(`query ($n: Int) { organizations(first: $n) { totalCount } }`, variables{"n": "5"}), 200, "BAD_USER_INPUT", "$n"},
		"a fraction for a number":        {operation(`query ($n: Int) { organizations(first: $n) { totalCount } }`, variables{"n": 1.5}), 200, "BAD_USER_INPUT", "$n"},
		"a number beyond 32 bits":        {operation(`query ($n: Int) { organizations(first: $n) { totalCount } }`, variables{"n": 1 << 40}), 200, "BAD_USER_INPUT", "$n"},
		"a number for a boolean":         {operation(listed, variables{"filter": variables{"excludedFromSync": 1}}), 200, "BAD_USER_INPUT", "expected Boolean, got the number 1"},
		"a text for a boolean":           {operation(listed, variables{"filter": variables{"excludedFromSync": "true"}}), 200, "BAD_USER_INPUT", "excludedFromSync"},
		"a list for an object":           {operation(listed, variables{"filter": []int{1}}), 200, "BAD_USER_INPUT", "$filter"},
		"an enum value in lower case":    {operation(listed, variables{"filter": variables{"status": "active"}}), 200, "BAD_USER_INPUT", "ACTIVE"},
		"an unknown field in a variable": {operation(listed, variables{"filter": variables{"nmae": "x"}}), 200, "BAD_USER_INPUT", "nmae"},
		"a variable left out":            {operation(mapped, nil), 200, "BAD_USER_INPUT", "$input"},
		"half an input":                  {operation(mapped, variables{"input": variables{"organizationId": alpha.ID}}), 200, "BAD_USER_INPUT", "psaCompanyId"},
		"null for a required field":      {operation(mapped, variables{"input": variables{"organizationId": alpha.ID, "psaCompanyId": nil}}), 200, "BAD_USER_INPUT", "psaCompanyId"},
		"a revision that is a text":      {operation(mapped, variables{"input": variables{"organizationId": alpha.ID, "psaCompanyId": acme.ID, "expectedRevision": "1"}}), 200, "BAD_USER_INPUT", "expectedRevision"},

		"a huge search":                 {operation(listed, variables{"search": huge}), 200, "BAD_USER_INPUT", "10000"},
		"a NUL in the search":           {operation(listed, variables{"search": "a\x00b"}), 200, "BAD_USER_INPUT", "NUL"},
		"a control sign in the search":  {operation(listed, variables{"search": "tours\x1f9"}), 200, "BAD_USER_INPUT", "control"},
		"a huge text in a filter":       {operation(listed, variables{"filter": variables{"name": variables{"contains": huge}}}), 200, "BAD_USER_INPUT", "10000"},
		"a NUL in a filter":             {operation(listed, variables{"filter": variables{"psaStatus": "\x00"}}), 200, "BAD_USER_INPUT", "NUL"},
		"a huge id":                     {operation(mapped, variables{"input": variables{"organizationId": huge, "psaCompanyId": acme.ID}}), 200, "BAD_USER_INPUT", "10000"},
		"10,000 ids in a filter":        {operation(listed, variables{"filter": variables{"id": slices.Repeat([]string{alpha.ID}, 10_000)}}), 200, "BAD_USER_INPUT", "1000"},
		"10,000 names in a filter":      {operation(listed, variables{"filter": variables{"name": variables{"in": slices.Repeat([]string{"x"}, 10_000)}}}), 200, "BAD_USER_INPUT", "1000"},
		"10,000 statuses in a filter":   {operation(listed, variables{"filter": variables{"psaStatus": slices.Repeat([]string{"x"}, 10_000)}}), 200, "BAD_USER_INPUT", "1000"},
		"10,000 alternatives":           {operation(listed, variables{"filter": variables{"or": slices.Repeat([]variables{{"status": "NEW"}}, 10_000)}}), 200, "BAD_USER_INPUT", "1000"},
		"10,000 columns to sort by":     {operation(listed, variables{"orderBy": slices.Repeat([]variables{{"field": "NAME"}}, 10_000)}), 200, "BAD_USER_INPUT", "once"},
		"null for a direction":          {operation(`query ($d: SortDirection) { organizations(orderBy: {field: NAME, direction: $d}) { totalCount } }`, variables{"d": nil}), 200, "BAD_USER_INPUT", "direction\": cannot be null"},
		"the same column twice":         {operation(listed, variables{"orderBy": []variables{{"field": "NAME"}, {"field": "STATUS"}, {"field": "NAME", "direction": "DESC"}}}), 200, "BAD_USER_INPUT", "once"},
		"69,000 conditions":             {operation(listed, variables{"filter": conditionsOf(300, 230)}), 200, "BAD_USER_INPUT", "at most 1000"},
		"1,001 conditions":              {operation(listed, variables{"filter": conditionsOf(7, 143)}), 200, "BAD_USER_INPUT", "at most 1000"},
		"a filter nested 20,000 deep":   {posted(abyss), 400, "BAD_USER_INPUT", "nested too deeply"},
		"a filter nested 100 deep":      {operation(listed, variables{"filter": deep}), 200, "BAD_USER_INPUT", "nested"},
		"fields nested 20 deep":         {operation(`{ organizations { nodes { psaCompany `+strings.Repeat("{ organizations { nodes { psaCompany ", 6)+"{ id }"+strings.Repeat(" } } }", 6)+" } } }", nil), 200, "DEPTH_LIMIT_EXCEEDED", "deep"},
		"200 aliases":                   {operation("{ "+strings.Repeat("a: viewer { subject } ", 200)+"}", nil), 200, "LIMIT_EXCEEDED", ""},
		"a document of 20,000 signs":    {operation("{ viewer { "+strings.Repeat("subject ", 20_000)+"} }", nil), 200, "LIMIT_EXCEEDED", ""},
		"a million rows":                {operation("{ organizations(first: 1000) { nodes { contracts(first: 1000) { nodes { id } } } } }", nil), 200, "COST_LIMIT_EXCEEDED", "at most 250000"},
		"a fragment that holds itself":  {operation("{ viewer { ...a } } fragment a on Viewer { ...a }", nil), 200, "GRAPHQL_VALIDATION_FAILED", ""},
		"a mutation nested in a query":  {operation("{ viewer { mapOrganization { userErrors { code } } } }", nil), 200, "GRAPHQL_VALIDATION_FAILED", "mapOrganization"},
		"@defer, which is not served":   {operation("{ viewer { ... @defer { subject } } }", nil), 200, "GRAPHQL_VALIDATION_FAILED", "defer"},
		"a picker's huge search":        {operation(`query ($s: String) { psaCompanies(search: $s) { totalCount } }`, variables{"s": huge}), 200, "BAD_USER_INPUT", "10000"},
		"a picker's control sign":       {operation(`query ($s: String) { psaCompanies(search: $s) { totalCount } }`, variables{"s": "a\x1fb"}), 200, "BAD_USER_INPUT", "control"},
		"a picker's page of 0":          {operation(`{ psaCompanies(first: 0) { totalCount } }`, nil), 200, "BAD_USER_INPUT", "first"},
		"a picker's 10,000 statuses":    {operation(`query ($s: [String!]) { psaCompanies(filter: {status: $s}) { totalCount } }`, variables{"s": slices.Repeat([]string{"x"}, 10_000)}), 200, "BAD_USER_INPUT", "1000"},
		"jobs of 10,000 kinds":          {operation(`query ($k: [JobKind!]) { jobs(kind: $k) { totalCount } }`, variables{"k": slices.Repeat([]string{"SYNC_ORGANIZATIONS"}, 10_000)}), 200, "BAD_USER_INPUT", "1000"},
		"log entries of 10,000 levels":  {operation(`query ($l: [LogLevel!]) { logEntries(level: $l) { totalCount } }`, variables{"l": slices.Repeat([]string{"INFO"}, 10_000)}), 200, "BAD_USER_INPUT", "1000"},
		"log entries with a bad cursor": {operation(`{ logEntries(after: "x") { totalCount } }`, nil), 200, "BAD_USER_INPUT", "cursor"},
	}
	for name, test := range tests {
		response := test.send(t, w.Seller)
		if response.Status != test.status || len(response.Errors) == 0 || response.Errors[0].Code() != test.code ||
			!strings.Contains(response.Errors[0].Message, test.says) {
			t.Errorf("%s was answered with status %d: %.600s\nwant %d, %s, saying %q", name, response.Status, response.Body, test.status, test.code, test.says)
		}
		if len(response.Body) > 20_000 {
			t.Errorf("%s was answered with %d bytes, want an answer of a bearable length", name, len(response.Body))
		}
	}
	if diff := cmp.Diff(before, organizations(t, w.Seller)); diff != "" {
		t.Errorf("bad requests changed organizations (-before +after):\n%s", diff)
	}
	if got := len(history(t, w)); got != 0 {
		t.Errorf("bad requests left %d changes in the history", got)
	}
	if strings.Contains(w.Log.String(), "level=ERROR") {
		t.Errorf("bad requests were logged as errors of ours:\n%s", w.Log)
	}
}

func TestAnErrorInAnArgumentNamesFieldAndArgument(t *testing.T) {
	t.Parallel()
	w, _, _, _, _ := startPair(t, gatewaytest.Options{})
	for name, test := range map[string]struct {
		query    string
		values   variables
		argument string
	}{
		"a variable":          {`query ($f: ContractFilter) { page: contracts(filter: $f) { totalCount } }`, variables{"f": variables{"currency": []string{"EUR", "euro"}}}, "filter.currency[1]"},
		"a part of one":       {`query ($c: [CurrencyCode!]) { page: contracts(filter: {or: [{}, {currency: $c}]}) { totalCount } }`, variables{"c": "euro"}, "filter.or[1].currency[0]"},
		"a literal":           {`{ page: contracts(filter: {currency: "euro"}) { totalCount } }`, nil, "filter.currency[0]"},
		"a null in an object": {`query ($d: SortDirection) { page: contracts(orderBy: [{field: CURRENCY, direction: $d}]) { totalCount } }`, variables{"d": nil}, "orderBy[0].direction"},
	} {
		response := w.Query(t, viewer, test.query, test.values)
		if len(response.Errors) != 1 {
			t.Errorf("%s was answered %s, want one error", name, response.Body)
			continue
		}
		found := response.Errors[0]
		if fmt.Sprint(found.Path) != "[page]" || found.Extensions["argument"] != test.argument || !strings.Contains(found.Message, test.argument) ||
			!strings.Contains(string(response.Body), `"locations":[{"line":1,"column":`) {
			t.Errorf("%s was answered %s, want the path of the field, its location and the argument %s", name, response.Body, test.argument)
		}
	}
}

// conditionsOf is a filter of so many conditions in each of so many lists.
func conditionsOf(lists, each int) variables {
	return variables{"or": slices.Repeat([]variables{{"or": slices.Repeat([]variables{{"name": variables{"eq": "x"}}}, each)}}, lists)}
}

func TestTextsOfAllKindsAreLookedForWithoutHarm(t *testing.T) {
	t.Parallel()
	w, _, _, _, _ := startPair(t, gatewaytest.Options{})
	for _, text := range []string{
		"'", `"`, `\`, `\\`, "%", "_", "%%", `\%`, "'; DROP TABLE organization; --", "$1", "?", "?::int", "{}", "\u202e", "\ufffd",
		"😀", "ﬀ", "İ", "ß", "é", "e\u0301", strings.Repeat("ä", 5_000), strings.Repeat("%", 10_000), "a b  c", "\\x41", "E'\\n'",
	} {
		for _, arguments := range []variables{
			{"search": text}, {"filter": variables{"name": variables{"contains": text, "startsWith": text}}},
			{"filter": variables{"name": variables{"eq": text}, "psaStatus": text}},
		} {
			if got := references(t, w.Seller, arguments); len(got) != 0 {
				t.Errorf("organizations with %.200v found %q, want nothing", arguments, got)
			}
		}
		if got := pick(t, w.Seller, variables{"search": text, "filter": variables{"status": text}}); len(got) != 0 {
			t.Errorf("the picker found %q with %.100q, want nothing", got, text)
		}
	}
}

func TestAThousandItemsInAFilterAreTaken(t *testing.T) {
	t.Parallel()
	w, alpha, _, _, _ := startPair(t, gatewaytest.Options{})
	thousand := slices.Repeat([]string{"x"}, 999)
	for name, filter := range map[string]variables{
		"names":        {"name": variables{"in": append(slices.Clone(thousand), "Alpha")}},
		"ids":          {"id": slices.Repeat([]string{alpha.ID}, 1000)},
		"alternatives": {"or": append(slices.Repeat([]variables{{"name": variables{"contains": "zzz"}}}, 999), variables{"name": variables{"eq": "Alpha"}})},
		"conditions":   {"or": []variables{{"name": variables{"eq": "Alpha"}}, conditionsOf(27, 37)}},
		"nots":         {"not": variables{"name": variables{"in": append(slices.Clone(thousand), "Beta")}}},
	} {
		if got := references(t, w.Seller, variables{"filter": filter}); !slices.Equal(got, []string{"1"}) {
			t.Errorf("a filter of 1000 %s found %q, want Alpha", name, got)
		}
	}
	deep := variables{"name": variables{"eq": "Alpha"}}
	for range 30 {
		deep = variables{"not": variables{"not": deep}}
	}
	if response := w.Query(t, viewer, `query ($filter: OrganizationFilter) { organizations(filter: $filter) { totalCount } }`, variables{"filter": deep}); !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
		t.Errorf("a filter of 60 nots answered %s, want BAD_USER_INPUT", response.Body)
	}
}

// TestNoFilterIsOfMoreThanAThousandConditions tries every filter of the schema that nests.
func TestNoFilterIsOfMoreThanAThousandConditions(t *testing.T) {
	t.Parallel()
	w, _, _, _, _ := startPair(t, gatewaytest.Options{})
	billTo(w, "1", date(2), cycle("R-1"))
	loadLines(t, w.Seller)
	many := func(count int, condition variables) variables {
		return variables{"not": variables{"or": []variables{
			{"or": slices.Repeat([]variables{condition}, count/2)}, {"and": slices.Repeat([]variables{condition}, count-count/2)},
		}}}
	}
	for list, condition := range map[string]variables{
		"organizations": {"psaStatus": []string{"x"}},
		"offers":        {"externalId": variables{"isNull": true}},
		"contracts":     {"or": []variables{}},
		"invoiceLines":  {"chargeEndDate": variables{"gte": "2026-01-01"}},
	} {
		filter := strings.ToUpper(list[:1]) + list[1:len(list)-1] + "Filter"
		query := "query ($filter: " + filter + ") { " + list + "(filter: $filter) { totalCount nodes { id } } }"
		w.Must(t, viewer, query, variables{"filter": many(1000, condition)}, nil)
		response := w.Query(t, viewer, query, variables{"filter": many(1001, condition)})
		if !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) || !strings.Contains(response.Errors[0].Message, "at most 1000 conditions") {
			t.Errorf("%s with 1001 conditions answered %s, want BAD_USER_INPUT", list, response.Body)
		}
		if list == "invoiceLines" {
			continue
		}
		ids := slices.Repeat([]string{nodeID(strings.TrimSuffix(filter, "Filter"), 1)}, 1000)
		w.Must(t, viewer, query, variables{"filter": variables{"or": slices.Repeat([]variables{{"id": ids}}, 10)}}, nil)
		response = w.Query(t, viewer, query, variables{"filter": variables{"or": slices.Repeat([]variables{{"id": ids}}, 11)}})
		if !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
			t.Errorf("%s with 11 lists of 1000 ids answered %s, want BAD_USER_INPUT", list, response.Body)
		}
	}
	matching := variables{"period": "2026-05", "filter": many(1001, variables{"currency": []string{"EUR"}})}
	for mutation, values := range map[string]variables{
		`mutation ($input: BulkUpdateInvoiceLinesInput!) { bulkUpdateInvoiceLines(input: $input) { userErrors { message } } }`: {"matching": matching, "chargeEndDate": "2026-12-31"},
		`mutation ($input: SyncInvoiceLinesInput) { syncInvoiceLines(input: $input) { userErrors { message } } }`:              {"matching": matching},
	} {
		response := w.Query(t, admin, mutation, variables{"input": values})
		if !strings.Contains(string(response.Body), "at most 1000 conditions") {
			t.Errorf("%s with 1001 conditions answered %s, want them refused", mutation, response.Body)
		}
	}
}
