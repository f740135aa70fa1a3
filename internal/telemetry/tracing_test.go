package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/psa/connectwise"
	"crosswalk/internal/telemetry"
)

// newTraced returns a telemetry and what reads its spans.
func newTraced(t *testing.T) (*telemetry.Telemetry, func() tracetest.SpanStubs) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	watch := telemetry.New(telemetry.Options{Exporter: exporter})
	t.Cleanup(func() { _ = watch.Close(context.WithoutCancel(t.Context())) })
	return watch, func() tracetest.SpanStubs {
		if err := watch.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return exporter.GetSpans()
	}
}

func TestTracesAreSentWhereTheEnvironmentAsksForThem(t *testing.T) {
	t.Parallel()
	const collector = "http://127.0.0.1:4318"
	tests := []struct {
		name        string
		environment map[string]string
		sends       bool
		problem     string
	}{
		{"nobody asks", nil, false, ""},
		{"an endpoint for all signals", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector}, true, ""},
		{"an endpoint for traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector}, true, ""},
		{"the SDK is switched off", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_SDK_DISABLED": "true"}, false, ""},
		{"no exporter", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_EXPORTER": "none"}, false, ""},
		{"an exporter there is not", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_EXPORTER": "zipkin"}, false, `OTEL_TRACES_EXPORTER is "zipkin"`},
		{"a protocol there is", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, true, ""},
		{"a protocol there is not", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, "port 4318"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			exporter, err := telemetry.Exporter(t.Context(), func(name string) string { return test.environment[name] })
			if (exporter != nil) != test.sends || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%v gave %T, %v; want an exporter: %t, error with %q", test.environment, exporter, err, test.sends, test.problem)
			}
		})
	}
}

// TestSpansReachACollector sets the environment, which the exporter reads itself, and so cannot run beside others.
func TestSpansReachACollector(t *testing.T) {
	type delivery struct{ path, contentType, key, body string }
	delivered := make(chan delivery, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the spans: %v", err)
		}
		delivered <- delivery{r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("X-Key"), string(body)}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=mine")
	t.Setenv("OTEL_SERVICE_NAME", "crosswalk-of-a-test")
	exporter, err := telemetry.Exporter(t.Context(), func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	watch := telemetry.New(telemetry.Options{Exporter: exporter})
	serve(t, watch, func(http.ResponseWriter, *http.Request) {}, http.MethodGet)
	if err := watch.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := <-delivered
	if got.path != "/v1/traces" || got.contentType != "application/x-protobuf" || got.key != "mine" {
		t.Errorf("the collector got %s of type %s with key %q, want spans with the key", got.path, got.contentType, got.key)
	}
	for _, want := range []string{"GET /graphql", "crosswalk-of-a-test", "http.route"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("what the collector got does not hold %q", want)
		}
	}
}

// unreachable is a collector that is not there.
type unreachable struct{}

func (unreachable) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	return errors.New("nobody listens")
}
func (unreachable) Shutdown(context.Context) error { return nil }

func TestSpansThatCannotBeSentAreLoggedAndHoldNothingUp(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	watch := telemetry.New(telemetry.Options{Exporter: unreachable{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	serve(t, watch, func(http.ResponseWriter, *http.Request) {}, http.MethodGet)
	if err := watch.Close(t.Context()); err != nil {
		t.Errorf("closing: %v", err)
	}
	if !strings.Contains(log.String(), "level=WARN msg=\"spans could not be exported\" spans=1 error=\"nobody listens\"") {
		t.Errorf("the log says %q, want that a span could not be exported, and why", log.String())
	}
}

func TestProbesAreNotTraced(t *testing.T) {
	t.Parallel()
	watch, spans := newTraced(t)
	for _, route := range []string{"/healthz", "/readyz", "/metrics"} {
		handler := watch.Instrument(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(*http.Request) string { return route })
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, route, http.NoBody))
	}
	if got := spans(); len(got) != 0 {
		t.Errorf("probes made %d spans, want none", len(got))
	}
}

func TestAnAttemptAtARunIsATraceOfItsSteps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		state jobs.State
		// want is the run's state and what is wrong with it.
		want, problem string
	}{
		{"a run that succeeds", jobs.Succeeded, "SUCCEEDED", ""},
		{"a run that fails", jobs.Failed, "FAILED", "FAILED"},
		{"a run that is handed over", jobs.Queued, "QUEUED", ""},
		{"a run whose lease is lost", "", "LEASE_LOST", "LEASE_LOST"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			watch, spans := newTraced(t)
			ctx, attempt := watch.Claimed(t.Context(), jobs.Job{Kind: "SYNC", ID: 7, Attempt: 2})
			watch.ConnectWiseCalled(ctx, connectwise.Call{Operation: "before", Method: "GET", Status: 200})
			inside, cancel := context.WithCancel(ctx)
			defer cancel()
			attempt.Step("Reading")
			watch.ConnectWiseCalled(inside, connectwise.Call{Operation: "during", Method: "GET", Status: 200})
			attempt.Step("Reading")
			attempt.Step("Saving")
			attempt.Ended(test.state, errors.New("a secret"))

			parents := make(map[trace.SpanID]string)
			var shape []string
			for _, span := range spans() {
				parents[span.SpanContext.SpanID()] = span.Name
			}
			for _, span := range spans() {
				shape = append(shape, parents[span.Parent.SpanID()]+" > "+span.Name)
			}
			slices.Sort(shape)
			want := []string{" > job SYNC", "Reading > connectwise: during", "job SYNC > Reading", "job SYNC > Saving", "job SYNC > connectwise: before"}
			if diff := cmp.Diff(want, shape); diff != "" {
				t.Errorf("spans below spans (-want +got):\n%s", diff)
			}
			run := spans()[len(shape)-1]
			got := attributesOf(run)
			if got["crosswalk.job.state"] != test.want || got["error.type"] != test.problem || got["crosswalk.job.attempt"] != "2" || strings.Contains(fmt.Sprint(got), "secret") {
				t.Errorf("the run's span has %v, want state %s, error.type %q and nothing of the error's text", got, test.want, test.problem)
			}
		})
	}
}

func attributesOf(span tracetest.SpanStub) map[string]string {
	attributes := make(map[string]string)
	for _, attribute := range span.Attributes {
		attributes[string(attribute.Key)] = attribute.Value.String()
	}
	return attributes
}

func TestStatementsOfATraceHaveSpansWithoutValues(t *testing.T) {
	t.Parallel()
	watch, spans := newTraced(t)
	db := postgrestest.Open(t, watch.DatabaseOptions())
	if err := db.Pool().PingContext(t.Context()); err != nil { // belongs to no trace
		t.Fatal(err)
	}
	serve(t, watch, func(_ http.ResponseWriter, r *http.Request) {
		err := db.System().Write(r.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			var same string
			if err := tx.GetContext(ctx, &same, `SELECT $1::text`, "a secret"); err != nil {
				return err
			}
			return copyRows(ctx, tx, 100)
		})
		if err != nil {
			t.Errorf("write: %v", err)
		}
		err = db.System().Read(r.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.ExecContext(ctx, `SELECT $1::text::int`, "a secret")
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "a secret") {
			t.Errorf("the statement that fails gave %v, want an error that quotes the value", err)
		}
	}, http.MethodPost)

	var names []string
	for _, span := range spans() {
		names = append(names, span.Name+" "+attributesOf(span)["error.type"])
		if text := fmt.Sprintf("%+v", span); strings.Contains(text, "secret") {
			t.Errorf("the span %s tells a value: %s", span.Name, text)
		}
		if len(span.Events) > 0 {
			t.Errorf("the span %s has the events %v, want none", span.Name, span.Events)
		}
	}
	want := []string{"SELECT ", "CREATE ", "COMMIT ", "SELECT 22P02", "POST /graphql "}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("spans and what was wrong (-want +got):\n%s", diff)
	}
}

// copyRows streams rows into a table by COPY, as loads do.
func copyRows(ctx context.Context, tx *postgres.Tx, count int) error {
	if _, err := tx.ExecContext(ctx, `CREATE TEMPORARY TABLE streamed (n integer) ON COMMIT DROP`); err != nil {
		return err
	}
	stream, err := tx.PrepareContext(ctx, "COPY streamed (n) FROM STDIN")
	if err != nil {
		return err
	}
	for n := range count {
		if _, err := stream.ExecContext(ctx, n); err != nil {
			return err
		}
	}
	if _, err := stream.ExecContext(ctx); err != nil {
		return err
	}
	return stream.Close()
}
