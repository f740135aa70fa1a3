package gateway_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
)

// dashboard is what is looked at of Grafana's file.
type dashboard struct {
	Title, UID string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  struct{ UID string }
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, LegendFormat string }
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana", "crosswalk.json"))
	if err != nil {
		t.Fatal(err)
	}
	var read dashboard
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("the dashboard cannot be read: %v", err)
	}
	return read
}

// startBusy puts up a world that has done something of everything.
func startBusy(t *testing.T) desk {
	t.Helper()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("R-1"))
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	return d
}

func TestEveryExpressionOfTheDashboardAsksForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	d := startBusy(t)
	have := scrape(t, d.URL())
	asked := 0
	for _, panel := range readDashboard(t).Panels {
		for _, target := range panel.Targets {
			expression := readExpression(target.Expr)
			if len(expression.metrics) == 0 {
				t.Errorf("%q: the expression %s asks for no metric", panel.Title, target.Expr)
			}
			labels := []string{"instance", "job", "le"}
			for _, metric := range expression.metrics {
				asked++
				family := familyOf(have, metric)
				if family == "" {
					t.Errorf("%q asks for %s, which /metrics does not have", panel.Title, metric)
				}
				labels = append(labels, labelsOf(have, family)...)
			}
			for _, label := range append(expression.labels, placeholders(target.LegendFormat)...) {
				if !slices.Contains(labels, label) {
					t.Errorf("%q uses the label %s, which none of %v has", panel.Title, label, expression.metrics)
				}
			}
		}
	}
	if asked < 30 {
		t.Errorf("the dashboard asks for %d metrics, want it to ask for more", asked)
	}
}

func TestTheDashboardCanBeImported(t *testing.T) {
	t.Parallel()
	read := readDashboard(t)
	if read.Title != "crosswalk" || read.UID == "" || len(read.Templating.List) == 0 || read.Templating.List[0].Type != "datasource" {
		t.Errorf("the dashboard is %q (%q) with variables %+v, want its data source to be chosen first", read.Title, read.UID, read.Templating.List)
	}
	var rows []string
	ids := make(map[int]bool)
	for _, panel := range read.Panels {
		if ids[panel.ID] {
			t.Errorf("%q has the id of another panel", panel.Title)
		}
		ids[panel.ID] = true
		if panel.Type == "row" {
			rows = append(rows, panel.Title)
			continue
		}
		if panel.Datasource.UID != "${datasource}" || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("%q has the data source %q and lies at %+v, want the one that was chosen and a width of at most 24", panel.Title, panel.Datasource.UID, panel.GridPos)
		}
	}
	for _, want := range []string{"Traffic", "Errors", "Latency by operation", "Limits", "ConnectWise and the Platform", "Runs", "Additions by outcome", "Database connections", "Go runtime"} {
		if !slices.Contains(rows, want) {
			t.Errorf("there is no row %q among %q", want, rows)
		}
	}
}

// expression is what an expression of PromQL names.
type expression struct{ metrics, labels []string }

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	selector = regexp.MustCompile(`\{([^}]*)\}`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	window   = regexp.MustCompile(`\[[^\]]*\]`)
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	function = regexp.MustCompile(`[a-zA-Z_]+\s*\(`)
)

// readExpression takes labels out of selectors and groupings; what is left and is no function is a metric.
func readExpression(text string) expression {
	var found expression
	text = quoted.ReplaceAllString(text, "")
	for _, labels := range []*regexp.Regexp{selector, grouping} {
		for _, match := range labels.FindAllStringSubmatch(text, -1) {
			found.labels = append(found.labels, word.FindAllString(match[1], -1)...)
		}
		text = labels.ReplaceAllString(text, "")
	}
	text = window.ReplaceAllString(text, "")
	text = function.ReplaceAllString(text, "(")
	found.metrics = word.FindAllString(text, -1)
	return found
}

// placeholders are the labels that a legend shows.
func placeholders(legend string) []string {
	var labels []string
	for _, match := range regexp.MustCompile(`\{\{([^}]*)\}\}`).FindAllStringSubmatch(legend, -1) {
		labels = append(labels, strings.TrimSpace(match[1]))
	}
	return labels
}

// familyOf returns the family that a series belongs to; empty for none.
func familyOf(have readings, series string) string {
	for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
		family, found := strings.CutSuffix(series, suffix)
		if found && have[family] != nil {
			return family
		}
	}
	return ""
}

// labelsOf returns the labels that the metrics of a family have.
func labelsOf(have readings, family string) []string {
	var labels []string
	for _, metric := range have[family].GetMetric() {
		for _, label := range metric.GetLabel() {
			labels = append(labels, label.GetName())
		}
		if metric.GetSummary() != nil {
			labels = append(labels, "quantile")
		}
	}
	return labels
}
