package cost

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"crosswalk/internal/httpapi/explorer"
)

// limit is what operations may cost by default.
const limit = 250_000

func loadSchema(t *testing.T) *ast.Schema {
	t.Helper()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// reckon returns what the first operation of a document costs.
func reckon(t *testing.T, schema *ast.Schema, document string, variables map[string]any) int {
	t.Helper()
	parsed, problems := gqlparser.LoadQueryWithRules(schema, document, rules.NewDefaultRules())
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, document)
	}
	operation := parsed.Operations[0]
	values, err := validator.VariableValues(schema, operation, variables)
	if err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	return Of(&graphql.OperationContext{Doc: parsed, Operation: operation, Variables: values})
}

func TestOf(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	tests := []struct {
		name, document, variables string
		want                      int
	}{
		{"a field", "{ viewer { subject } }", "", 2},
		{"__typename is free", "{ __typename viewer { __typename subject } }", "", 2},
		{"a page without a size", "{ organizations { nodes { id } } }", "", 1 + 1 + 20},
		{"a page of a size", "{ organizations(first: 7) { nodes { id } } }", "", 1 + 1 + 7},
		{"a page from the end", "{ organizations(last: 7) { edges { cursor node { id } } } }", "", 1 + 1 + 7*3},
		{"a size that is null", "{ organizations(first: null, last: 7) { nodes { id } } }", "", 1 + 1 + 7},
		{"more rows than a page may have", "{ organizations(first: 2000000000) { nodes { id } } }", "", 1 + 1 + 1000},
		{"fewer rows than none", "{ organizations(first: -5) { nodes { id } } }", "", 1 + 1 + 1},
		{"a size in a variable", "query ($n: Int) { organizations(first: $n) { nodes { id } } }", `{"n": 7}`, 1 + 1 + 7},
		{"a variable's default", "query ($n: Int = 8) { organizations(first: $n) { nodes { id } } }", "", 1 + 1 + 8},
		{"a variable that is left out", "query ($n: Int) { organizations(first: $n) { nodes { id } } }", "", 1 + 1 + 20},
		{"pages within pages", "{ organizations(first: 10) { nodes { contracts(first: 10) { nodes { id } } } } }", "", 1 + 1 + 10*(1+1+10)},
		{"what stands beside the rows counts once", "{ organizations(first: 1000) { totalCount range { from to } } }", "", 1 + 1 + 1 + 2},
		{"lists beside the rows are short", "{ invoiceLines(first: 1000) { amounts { amount currency } } }", "", 1 + 1 + 5*2},
		{"fields that need ConnectWise", "{ organizations(first: 10) { nodes { mappingStatus psaCompany { name } } } }", "", 1 + 1 + 10*(5+5+1)},
		{"as many records as ids", `{ nodes(ids: ["a", "b", "c"]) { id } }`, "", 1 + 3},
		{"as many records as ids in a variable", "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", `{"ids": ["a", "b", "c", "d"]}`, 1 + 4},
		{
			"as many records as a mutation is given",
			"mutation ($input: MapOrganizationsInput!) { mapOrganizations(input: $input) { organizations { id } } }",
			`{"input": {"mappings": [{"organizationId": "a", "psaCompanyId": "b"}, {"organizationId": "c", "psaCompanyId": "d"}]}}`, 1 + 1 + 2,
		},
		{"conditions of a filter", `{ organizations(filter: {status: [NEW], name: {eq: "a", contains: "b"}}) { totalCount } }`, "", 1 + 1 + 3},
		{"ten values of a list count as one condition", `{ organizations(filter: {psaStatus: ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]}) { totalCount } }`, "", 1 + 1 + 1},
		{
			"conditions in a variable, wherever it is used", "query ($f: OrganizationFilter!) { organizations(filter: {or: [$f, {not: $f}, {name: {isNull: true}}]}) { totalCount } }",
			`{"f": {"id": ["a", "b"], "or": [{"name": {"eq": "x"}}, {"name": {"in": ["a", "b", "c"]}}, {"name": null}]}}`, 1 + 1 + 4,
		},
		{
			"conditions below each of many rows", `{ organizations(first: 10) { nodes { invoiceLines(filter: {currency: ["EUR"], vendor: "x"}) { totalCount } } } }`,
			"", 1 + 1 + 10*(1+2+1),
		},
		{
			"conditions of a mutation", "mutation ($input: BulkUpdateInvoiceLinesInput!) { bulkUpdateInvoiceLines(input: $input) { updated } }",
			`{"input": {"chargeEndDate": null, "matching": {"period": "2026-05", "filter": {"and": [{"isCustomInvoice": true}, {"unitPrice": {"gt": 1, "lt": 5}}]}}}}`, 1 + 1 + 3,
		},
		{"a fragment where it is used", "{ organizations(first: 10) { ...Page } } fragment Page on OrganizationConnection { nodes { id } }", "", 1 + 1 + 10},
		{
			"one fragment in pages of different sizes",
			"{ a: organizations(first: 10) { ...Page } b: organizations(first: 30) { ...Page } } fragment Page on OrganizationConnection { nodes { id } }",
			"", 2 + 2 + 10 + 30,
		},
		{"inline fragments", `{ node(id: "a") { ... on Organization { id name } } }`, "", 3},
		{"what is skipped", "query ($no: Boolean!) { viewer { subject @skip(if: true) role @include(if: $no) } }", `{"no": false}`, 1},
		{"what is not skipped", "query ($no: Boolean!) { viewer { subject @skip(if: $no) role @include(if: true) } }", `{"no": false}`, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var variables map[string]any
			if test.variables != "" {
				decoder := json.NewDecoder(strings.NewReader(test.variables))
				decoder.UseNumber()
				if err := decoder.Decode(&variables); err != nil {
					t.Fatal(err)
				}
			}
			if got := reckon(t, schema, test.document, variables); got != test.want {
				t.Errorf("%d, want %d for %s", got, test.want, test.document)
			}
		})
	}
}

func TestCostsThatExplodeStopAtTheCeiling(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	var document strings.Builder
	document.WriteString("{ ...F0 } ")
	for level := range 60 {
		fmt.Fprintf(&document, "fragment F%d on Query { ...F%d ... { ...F%d } } ", level, level+1, level+1)
	}
	document.WriteString("fragment F60 on Query { viewer { subject } }")
	if got := reckon(t, schema, document.String(), nil); got != ceiling {
		t.Errorf("%d, want the ceiling, %d", got, ceiling)
	}
	nested := "{ organizations(first: 1000) { nodes { contracts(first: 1000) { nodes { organization { contracts(first: 1000) { nodes { id } } } } } } } }"
	if got := reckon(t, schema, nested, nil); got <= limit {
		t.Errorf("%d for a thousand million rows, want more than the limit, %d", got, limit)
	}
}

func TestEveryWeightIsOfAFieldThatExists(t *testing.T) {
	t.Parallel()
	fields := map[string]bool{}
	for _, definition := range loadSchema(t).Types {
		for _, field := range definition.Fields {
			fields[field.Name] = true
		}
	}
	for name := range weights {
		if !fields[name] {
			t.Errorf("no type of the schema has the field %s", name)
		}
	}
}

// documentsIn are the GraphQL documents in a text in Markdown.
var documentsIn = regexp.MustCompile("(?s)```graphql\n(.*?)```")

func TestEveryWrittenQueryIsAllowedWithAThousandRows(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	documents := map[string]string{}
	examples, err := explorer.Examples()
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		documents["explorer: "+example.Title] = example.Query
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range documentsIn.FindAllStringSubmatch(string(readme), -1) {
		title, _, _ := strings.Cut(found[1], "\n")
		documents["README: "+title] = found[1]
	}
	grids := 0
	for name, document := range documents {
		if !strings.Contains(document, "$first:") {
			continue
		}
		grids++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, problems := gqlparser.LoadQueryWithRules(schema, document, rules.NewDefaultRules())
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			operation := parsed.Operations[0]
			got := Of(&graphql.OperationContext{
				Doc: parsed, Operation: operation, Variables: map[string]any{"first": json.Number("1000")},
			})
			t.Logf("costs %d", got)
			if got > limit {
				t.Errorf("costs %d, want at most %d", got, limit)
			}
		})
	}
	if grids < 8 {
		t.Errorf("%d queries with pages, want those of all grids in the explorer and in README", grids)
	}
}

func TestEveryGridIsAllowedWithAllColumnsAndAThousandRows(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	for _, grid := range []string{"organizations", "offers", "contracts", "invoiceLines", "logEntries", "psaCompanies", "psaProducts", "psaAgreements"} {
		t.Run(grid, func(t *testing.T) {
			t.Parallel()
			connection := schema.Query.Fields.ForName(grid).Type.Name()
			row := schema.Types[connection].Fields.ForName("nodes").Type.Name()
			page := "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { " + columns(schema, row, 2) + " }"
			got := reckon(t, schema, "{ "+grid+"(first: 1000) { "+page+" } }", nil)
			t.Logf("costs %d", got)
			if got > limit {
				t.Errorf("costs %d, want at most %d", got, limit)
			}
		})
	}
}

// columns selects all values of a type and of the records in it, lists of rows
// left out.
func columns(schema *ast.Schema, name string, levels int) string {
	var text strings.Builder
	text.WriteString("__typename ")
	for _, field := range schema.Types[name].Fields {
		kind := schema.Types[field.Type.Name()].Kind
		switch {
		case strings.HasPrefix(field.Name, "__") || field.Arguments.ForName("first") != nil:
		case kind == ast.Scalar || kind == ast.Enum:
			text.WriteString(field.Name + " ")
		case levels > 1:
			text.WriteString(field.Name + " { " + columns(schema, field.Type.Name(), levels-1) + "} ")
		}
	}
	return text.String()
}

func TestIntrospectionIsAllowed(t *testing.T) {
	t.Parallel()
	ofType := strings.Repeat("ofType { kind name ", 9) + strings.Repeat("} ", 9)
	value := "name description type { kind name " + ofType + "} defaultValue isDeprecated deprecationReason"
	document := "{ __schema { queryType { name } mutationType { name } subscriptionType { name } types { kind name description " +
		"fields(includeDeprecated: true) { name description args { " + value + " } type { kind name " + ofType + "} isDeprecated deprecationReason } " +
		"inputFields { " + value + " } interfaces { kind name " + ofType + "} enumValues { name description } possibleTypes { kind name " + ofType + "} } " +
		"directives { name description locations args { " + value + " } } } }"
	got := reckon(t, loadSchema(t), document, nil)
	t.Logf("costs %d", got)
	if got > limit {
		t.Errorf("costs %d, want at most %d", got, limit)
	}
}
