package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
)

// The first tests in this file set the environment, and so cannot run beside others.

func TestTracesNeedACollector(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	watch, stop, err := startTelemetry(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if watch.DatabaseOptions().OpenDB != nil {
		t.Error("statements are traced, though nobody asks for traces")
	}
}

func TestTracesAreSentWhereTheEnvironmentSays(t *testing.T) {
	delivered := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { delivered <- r.URL.Path }))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	watch, stop, err := startTelemetry(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if watch.DatabaseOptions().OpenDB == nil {
		t.Error("statements are not traced, though there is a collector")
	}
	handler := watch.Instrument(http.NotFoundHandler(), func(*http.Request) string { return "" })
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	stop()
	if got := <-delivered; got != "/v1/traces" {
		t.Errorf("spans were sent to %s, want /v1/traces", got)
	}
}

func TestTracesThatCannotBeSentStopTheStart(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	if _, _, err := startTelemetry(t.Context(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an exporter that there is not was accepted")
	}
}

func TestTheAddressOfMetricsReachesTheGateway(t *testing.T) {
	t.Parallel()
	if got := gatewayConfig(t, "--metrics-listen=127.0.0.1:9090").MetricsListen; got != "127.0.0.1:9090" {
		t.Errorf("metrics are served on %q, want 127.0.0.1:9090", got)
	}
}

func TestWhatIsWrongWithTracesIsLoggedWithoutWhatItIs(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutGateway: true})
	replica := startServe(t, w, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%ZZTOPSECRET,TOPSECRET",
		"OTEL_EXPORTER_OTLP_TIMEOUT=TOPSECRET", "OTEL_RESOURCE_ATTRIBUTES=TOPSECRET,a=%ZZTOPSECRET", "OTEL_BSP_SCHEDULE_DELAY=TOPSECRET", "CROSSWALK_LOG_FORMAT=json")
	said := replica.stderr.String()
	if strings.Contains(said, "SECRET") || !strings.Contains(said, `"doing":"escape header value"`) {
		t.Errorf("a replica with headers that cannot be read says\n%s\nwant what it is about, and no value", said)
	}
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "crosswalk serves ") {
			t.Errorf("this is no line of the log: %s", line)
		}
	}
}
