package gateway_test

import (
	"encoding/csv"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"crosswalk/internal/nodetest"
	"crosswalk/internal/postgres/postgrestest"
)

// reportsPage is where reports are documented.
const reportsPage = "docs/bi.md"

// inLanguage returns the one piece of a part of the documentation that is in a language.
func inLanguage(t *testing.T, parts []block, language string) string {
	t.Helper()
	var found []string
	for _, part := range parts {
		if part.Language == language {
			found = append(found, part.Text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d pieces are in %s, want one", len(found), language)
	}
	return found[0]
}

func TestDocumentedReportsReadEveryLineOnce(t *testing.T) {
	t.Parallel()
	needs(t, "bash", "curl", "jq", "psql")
	w := startDocumented(t)
	folder := t.TempDir()
	// Small pages, so that there are some to go through.
	query := section(t, reportsPage, "The query")
	if _, asked := w.Must(t, viewer, query[0].Text, nil, nil).Extensions["psa"]; asked {
		t.Error("the documented query asks ConnectWise, want one that does not")
	}
	query[0].Text = strings.Replace(query[0].Text, "first: 1000", "first: 50", 1)
	follow(t, w, folder, query)
	follow(t, w, folder, section(t, reportsPage, "curl and jq to CSV"))

	var data struct{ InvoiceLines struct{ TotalCount int } }
	w.Must(t, viewer, `{ invoiceLines(period: "2026-04") { totalCount } }`, nil, &data)
	all := shell(t, w, folder, "cat lines.csv")
	rows, err := csv.NewReader(strings.NewReader(all)).ReadAll()
	if err != nil {
		t.Fatalf("what the documented script prints is not CSV: %v", err)
	}
	ids := make(map[string]bool)
	for _, row := range rows[1:] {
		ids[row[0]] = true
	}
	if len(rows)-1 != data.InvoiceLines.TotalCount || len(ids) != len(rows)-1 || len(ids) < 100 {
		t.Errorf("the report has %d rows with %d lines, want %d of each", len(rows)-1, len(ids), data.InvoiceLines.TotalCount)
	}

	// Loading it again replaces what was loaded.
	metabase := section(t, reportsPage, "Metabase")
	reports := "REPORTS_URL=" + postgrestest.New(t)
	var roles string
	for _, part := range metabase {
		switch {
		case part.File != "":
			follow(t, w, folder, []block{part})
		case part.Language == "sh":
			shell(t, w, folder, part.Text, reports)
			printed(t, shell(t, w, folder, part.Text, reports), `Microsoft +\| EUR +\| EXCLUDED`)
		case part.Language == "sql":
			roles = part.Text
		}
	}
	count := shell(t, w, folder, `psql -XAtc 'SELECT count(*) FROM reports.invoice_line' "$REPORTS_URL"`, reports)
	if want := fmt.Sprintln(len(ids)); count != want {
		t.Errorf("the database for reports has %s lines, want %s", count, want)
	}
	// The test's login may not make roles, so that everybody takes the place of the new one.
	_, grants, _ := strings.Cut(roles, "\n")
	grants = strings.ReplaceAll(grants, "metabase", "PUBLIC")
	shell(t, w, folder, `echo "$GRANTS" | psql -X --set ON_ERROR_STOP=1 "$REPORTS_URL"`, reports, "GRANTS="+grants)
}

func TestAReportThatCannotBeReadSaysWhy(t *testing.T) {
	t.Parallel()
	needs(t, "bash", "curl", "jq")
	w := startDocumented(t)
	folder := t.TempDir()
	follow(t, w, folder, section(t, reportsPage, "The query"))
	script := section(t, reportsPage, "curl and jq to CSV")[0]
	follow(t, w, folder, []block{script})
	printed(t, shell(t, w, folder, "! TOKEN=cw_nobody bash "+script.File+" 2026-04"), `(?i)token`)
	printed(t, shell(t, w, folder, "! bash "+script.File+" nonsense"), `must be a month`)
}

// textInM is a text in M's quotes.
var textInM = regexp.MustCompile(`Query = "([^"]+)"`)

func TestTheDocumentedQueryInMIsParsedAndAsksForTheSameLines(t *testing.T) {
	t.Parallel()
	text := inLanguage(t, section(t, reportsPage, "Power BI"), "powerquery")
	found := textInM.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no GraphQL is in this: %s", text)
	}
	fold := func(query string) string { return strings.Join(strings.Fields(query), " ") }
	if want := inLanguage(t, section(t, reportsPage, "The query"), "graphql"); fold(found[1]) != fold(want) {
		t.Errorf("M asks\n%s\nwant\n%s", fold(found[1]), fold(want))
	}
	modules := nodetest.Modules(t, "@microsoft/powerquery-parser@0.16.0")
	nodetest.Report(t, nodetest.Run(t, modules, nil, filepath.Join("testdata", "clients", "powerquery.cjs"), text))
}

// rootSelector is where Grafana is told to find the rows of the query that follows.
var rootSelector = regexp.MustCompile("`data\\.([a-zA-Z.]+)`[^\n]*\n\n```graphql\n((?s:.*?))```")

func TestDocumentedRootSelectorsFindRows(t *testing.T) {
	t.Parallel()
	w := startDocumented(t)
	selections := rootSelector.FindAllStringSubmatch(pageText(t, reportsPage), -1)
	if len(selections) < 4 {
		t.Fatalf("%d queries have a root selector, want that of each panel", len(selections))
	}
	for _, selection := range selections {
		var value any
		w.Must(t, viewer, selection[2], nil, &value)
		for name := range strings.SplitSeq(selection[1], ".") {
			object, _ := value.(map[string]any)
			value = object[name]
		}
		if rows, isList := value.([]any); !isList {
			t.Errorf("data.%s is %v, want rows: %s", selection[1], rows, selection[2])
		}
	}
}
