package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/telemetry"
)

// readings are what /metrics answered: families by their names.
type readings map[string]*dto.MetricFamily

// scrape reads the metrics of the gateway at url.
func scrape(t *testing.T, url string) readings {
	t.Helper()
	text := get(t, url+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("/metrics answered what cannot be read: %v\n%s", err, text)
	}
	return families
}

// get reads what is at a URL, which must be there.
func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: status %d, %v: %s", url, answer.StatusCode, err, body)
	}
	return string(body)
}

// value adds up the values of the metrics of a family that have all of the labels; of histograms, how much they counted.
// Labels come as name and value in turn.
func (r readings) value(family string, labels ...string) float64 {
	sum := 0.0
	for _, metric := range r[family].GetMetric() {
		if hasLabels(metric, labels) {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

func hasLabels(metric *dto.Metric, labels []string) bool {
	have := make(map[string]string)
	for _, label := range metric.GetLabel() {
		have[label.GetName()] = label.GetValue()
	}
	for i := 0; i < len(labels); i += 2 {
		if value, ok := have[labels[i]]; !ok || value != labels[i+1] {
			return false
		}
	}
	return true
}

// traced are the spans of a world.
type traced struct {
	watch    *telemetry.Telemetry
	exporter *tracetest.InMemoryExporter
}

// startTraced returns what has the options make a world whose spans are kept.
func startTraced(t *testing.T, options *gatewaytest.Options) *traced {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	watch := telemetry.New(telemetry.Options{Exporter: exporter})
	t.Cleanup(func() {
		if err := watch.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close the telemetry: %v", err)
		}
	})
	options.Database = watch.DatabaseOptions()
	further := options.Gateway
	options.Gateway = func(c *gateway.Config) {
		c.Telemetry = watch
		if further != nil {
			further(c)
		}
	}
	return &traced{watch, exporter}
}

// spans returns all spans that have ended.
func (tr *traced) spans(t *testing.T) spans {
	t.Helper()
	if err := tr.watch.Flush(t.Context()); err != nil {
		t.Fatalf("flush the spans: %v", err)
	}
	return spans(tr.exporter.GetSpans())
}

// await returns the spans of a trace once one of a name is among them.
func (tr *traced) await(t *testing.T, name string, of trace.TraceID) spans {
	t.Helper()
	var found spans
	gatewaytest.Eventually(t, "there is a span "+name, func() bool {
		found = tr.spans(t).of(of)
		return len(found.named(name)) > 0
	})
	return found
}

type spans tracetest.SpanStubs

// of returns the spans of a trace; of all where it is none.
func (s spans) of(id trace.TraceID) spans {
	if !id.IsValid() {
		return s
	}
	var found spans
	for _, span := range s {
		if span.SpanContext.TraceID() == id {
			found = append(found, span)
		}
	}
	return found
}

func (s spans) named(name string) spans {
	var found spans
	for _, span := range s {
		if span.Name == name {
			found = append(found, span)
		}
	}
	return found
}

// the returns the span of a name, of which there must be one.
func (s spans) the(t *testing.T, name string) tracetest.SpanStub {
	t.Helper()
	found := s.named(name)
	if len(found) != 1 {
		t.Fatalf("there are %d spans %q, want one:\n%s", len(found), name, s)
	}
	return found[0]
}

// below returns the spans of a name that descend from another span.
func (s spans) below(above tracetest.SpanStub, name string) spans {
	parents := make(map[trace.SpanID]trace.SpanID)
	for _, span := range s {
		parents[span.SpanContext.SpanID()] = span.Parent.SpanID()
	}
	var found spans
	for _, span := range s.named(name) {
		at := span.Parent.SpanID()
		for at.IsValid() && at != above.SpanContext.SpanID() {
			at = parents[at]
		}
		if at.IsValid() {
			found = append(found, span)
		}
	}
	return found
}

// String shows spans below their parents.
func (s spans) String() string {
	var text strings.Builder
	for _, span := range s {
		fmt.Fprintf(&text, "%s %s < %s %s %v\n", span.SpanContext.TraceID(), span.SpanContext.SpanID(), span.Parent.SpanID(), span.Name, attributesOf(span))
	}
	return text.String()
}

func attributesOf(span tracetest.SpanStub) map[string]string {
	attributes := make(map[string]string)
	for _, attribute := range span.Attributes {
		attributes[string(attribute.Key)] = attribute.Value.String()
	}
	return attributes
}
