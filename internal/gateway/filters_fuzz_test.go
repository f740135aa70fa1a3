package gateway_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
)

// marker is in every text that is looked for here. SQL that has it in its text was put together from what a
// stranger sent.
const marker = "zq7"

// searcher asks the lists of a seller who has a line, an organization and an offer, and reads what SQL that becomes.
type searcher struct {
	*gatewaytest.Seller
	statements *gatewaytest.Statements
	survey     survey
}

func newSearcher(t testing.TB) *searcher {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.Limits.Cost = 1 << 30 }})
	w.ConnectWise.AddCompany(companyOf("ACME"))
	w.AddCustomer("Alpha", "1", "Active")
	billTo(w, "1", date(2), cycle("R-1"))
	w.Sync(t)
	w.Load(t, 1)
	loadLines(t, w.Seller)
	replica, statements := w.Watched(t)
	return &searcher{Seller: w.On(replica), statements: statements, survey: survey{loadSchema(t)}}
}

// lists are the fields of Query that take pages.
func (s *searcher) lists() []*ast.FieldDefinition {
	var found []*ast.FieldDefinition
	for _, field := range s.survey.Query.Fields {
		if field.Arguments.ForName("after") != nil {
			found = append(found, field)
		}
	}
	return found
}

// query asks a list with whatever arguments are among the values. All it can tell about the rows is asked for.
func (s *searcher) query(field *ast.FieldDefinition, values map[string]json.RawMessage) (text string, given variables) {
	given = variables{}
	var declared, passed []string
	for _, argument := range field.Arguments {
		if value, ok := values[argument.Name]; ok {
			declared = append(declared, "$"+argument.Name+": "+argument.Type.String())
			passed = append(passed, argument.Name+": $"+argument.Name)
			given[argument.Name] = value
		}
	}
	call := field.Name
	if len(passed) > 0 {
		call += "(" + strings.Join(passed, ", ") + ")"
	}
	connection := s.survey.Types[field.Type.Name()]
	var shown []string
	for _, member := range connection.Fields {
		switch {
		case s.survey.leaf(member.Type):
			shown = append(shown, member.Name)
		case member.Name == "nodes":
			shown = append(shown, "nodes { id }")
		case member.Name != "edges":
			shown = append(shown, s.survey.call(member, nil, 0))
		}
	}
	text = "query "
	if len(declared) > 0 {
		text += "(" + strings.Join(declared, ", ") + ") "
	}
	return text + "{ " + call + " { " + strings.Join(shown, " ") + " } }", given
}

// check asks, reports whether there was an answer, and fails the test unless that is answered or refused as input that cannot be used, with SQL that
// has nothing in it of what was asked.
func (s *searcher) check(t testing.TB, report func(format string, arguments ...any), field *ast.FieldDefinition, values map[string]json.RawMessage) (answered bool) {
	t.Helper()
	text, given := s.query(field, values)
	s.statements.Forget()
	response := s.Query(t, viewer, text, given)
	for _, code := range response.Codes() {
		if code != "BAD_USER_INPUT" {
			report("%s\nwith %s\nwas answered with %s, want an answer or BAD_USER_INPUT", text, values, response.Body)
			break
		}
	}
	if found := s.statements.Containing(marker); len(found) > 0 {
		report("%s\nwith %s\nbecame SQL that has what was asked in its text:\n%s", text, values, found[0])
	}
	return len(response.Errors) == 0
}

// FuzzFilters passes anything that is JSON off as the arguments of a list.
func FuzzFilters(f *testing.F) {
	s := newSearcher(f)
	lists := s.lists()
	number := func(name string) uint8 {
		return uint8(slices.IndexFunc(lists, func(field *ast.FieldDefinition) bool { return field.Name == name }))
	}
	for _, seed := range []struct{ list, arguments string }{
		{"organizations", `{"filter": {"name": {"contains": "zq7'\"\\%_$1?::int"}, "status": ["NEW"], "excludedFromSync": false}}`},
		{"organizations", `{"filter": {"or": [{"psaStatus": ["zq7"]}, {"not": {"mappingStatus": ["MAPPED", "UNMAPPED"]}}, {}]}, "search": "zq7"}`},
		{"organizations", `{"filter": {"id": ["T3JnYW5pemF0aW9uOjk5OTk5OTk5OTk5OTk5OTk5OTk"], "psaCompanyId": ["UHNhQ29tcGFueTo5MDA3MTk5MjU0NzQwOTkz"]}}`},
		{"organizations", `{"filter": {"name": {"in": [], "isNull": true}}, "orderBy": [{"field": "PSA_STATUS", "direction": "DESC"}]}`},
		{"offers", `{"filter": {"externalId": {"startsWith": "zq7", "isNull": false}, "vendor": [""]}, "first": 1000, "offset": 2147483647}`},
		{"contracts", `{"filter": {"agreementProblem": ["AGREEMENT_CLOSED"], "currency": ["EUR"]}, "last": 1}`},
		{"invoiceLines", `{"filter": {"invoiceDate": {"gte": "0001-01-01", "lt": "9999-12-31", "isNull": false}, "chargeEndDate": {"eq": "0000-01-01"}}}`},
		{"invoiceLines", `{"filter": {"unitPrice": {"eq": "-0.000000000000000000000000000000000000000000000000000001", "lt": "99999999999999999999999999999999999999"}}}`},
		{"invoiceLines", `{"filter": {"unitPrice": {"gt": 1e400}}}`},
		{"invoiceLines", `{"period": "2026-05", "filter": {"blocker": ["PRODUCT_UNMAPPED"], "syncStatus": ["NOT_READY"], "recurrence": []}}`},
		{"invoiceLines", `{"period": "0001-01"}`},
		{"psaAgreements", `{"companyId": "UHNhQ29tcGFueTox", "search": "zq7"}`},
		{"psaProducts", `{"search": "zq7 \ud800", "filter": {"category": ["zq7"], "includeInactive": true}}`},
		{"logEntries", `{"level": ["INFO"], "before": "zq7"}`},
		{"jobs", `{"kind": [], "state": ["FAILED"], "first": 1}`},
		{"jobs", `null`},
	} {
		f.Add(number(seed.list), seed.arguments)
	}
	f.Fuzz(func(t *testing.T, list uint8, arguments string) {
		var values map[string]json.RawMessage
		if json.Unmarshal([]byte(arguments), &values) != nil {
			return
		}
		s.check(t, t.Errorf, lists[int(list)%len(lists)], values)
	})
}

// paging are arguments of lists that are tried elsewhere: nearly all values of theirs are refused.
var paging = []string{"first", "after", "last", "before", "offset"}

// TestAnyFilterOfAListIsAnsweredOrRefused draws arguments that fit the schema, in any combination.
func TestAnyFilterOfAListIsAnsweredOrRefused(t *testing.T) {
	t.Parallel()
	s := newSearcher(t)
	lists := s.lists()
	tried, answered := 0, 0
	rapid.Check(t, func(draw *rapid.T) {
		field := rapid.SampledFrom(lists).Draw(draw, "list")
		values := make(map[string]json.RawMessage)
		for _, argument := range field.Arguments {
			if !slices.Contains(paging, argument.Name) && rapid.Bool().Draw(draw, "with "+argument.Name) {
				values[argument.Name] = s.anything(draw, field, argument.Type, argument.Name, 3)
			}
		}
		tried++
		if s.check(t, draw.Errorf, field, values) {
			answered++
		}
	})
	if answered*2 < tried {
		t.Errorf("only %d of %d lists were answered: what is drawn does not fit the schema", answered, tried)
	}
}

// anything draws a value for an argument or a member of one, as JSON has it.
func (s *searcher) anything(draw *rapid.T, list *ast.FieldDefinition, of *ast.Type, name string, depth int) json.RawMessage {
	var value any
	definition := s.survey.Types[of.Name()]
	switch {
	case of.Elem != nil:
		items := make([]json.RawMessage, rapid.IntRange(0, 3).Draw(draw, "length of "+name))
		for i := range items {
			items[i] = s.anything(draw, list, of.Elem, name, depth)
		}
		value = items
	case definition.Kind == ast.Enum:
		value = rapid.SampledFrom(definition.EnumValues).Draw(draw, name).Name
	case definition.Kind == ast.InputObject:
		object := map[string]json.RawMessage{}
		for _, member := range definition.Fields {
			nested := member.Type.Name() == definition.Name
			if member.Type.NonNull || (depth > 0 || !nested) && rapid.IntRange(0, 3).Draw(draw, "with "+member.Name) == 0 {
				object[member.Name] = s.anything(draw, list, member.Type, member.Name, depth-1)
			}
		}
		value = object
	case definition.Name == "ID":
		value = nodeID(kindOf(list, name), rapid.OneOf(rapid.Int64Range(1, 3), rapid.Int64Min(1<<31-2)).Draw(draw, name))
	default:
		value = anyScalar(draw, definition.Name)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		draw.Fatal(err)
	}
	return encoded
}

// kindOf is the type of node that a member such as psaCompanyId takes; id takes what the list is of.
func kindOf(list *ast.FieldDefinition, name string) string {
	if name == "id" {
		return strings.TrimSuffix(list.Type.Name(), "Connection")
	}
	name = strings.TrimSuffix(name, "Id")
	return strings.ToUpper(name[:1]) + name[1:]
}

func anyScalar(draw *rapid.T, name string) any {
	switch name {
	case "Boolean":
		return rapid.Bool().Draw(draw, "flag")
	case "Date":
		return rapid.SampledFrom([]string{"2026-05-18", "0001-01-01", "9999-12-31", "2024-02-29"}).Draw(draw, "date")
	case "YearMonth":
		return rapid.SampledFrom([]string{"2026-05", "2026-04", "2025-03"}).Draw(draw, "month")
	case "Decimal":
		return rapid.StringMatching(`-?[0-9]{1,28}(\.[0-9]{1,28})?`).Draw(draw, "decimal")
	case "CurrencyCode":
		return rapid.StringMatching(`[A-Z]{3}`).Draw(draw, "currency")
	}
	text := rapid.OneOf(rapid.SampledFrom([]string{"'", `"`, `\`, "%", "_", "$1", "?", "--", ";", "*/", "\u202e"}), rapid.StringN(0, 20, 60)).Draw(draw, "text")
	return marker + strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return 'x'
		}
		return r
	}, text)
}
