package telemetry_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"crosswalk/internal/httpapi"
	"crosswalk/internal/jobs"
	"crosswalk/internal/platform/feed"
	"crosswalk/internal/psa"
	"crosswalk/internal/psa/connectwise"
	"crosswalk/internal/telemetry"
)

// metricsOf returns what /metrics would answer.
func metricsOf(t *testing.T, watch *telemetry.Telemetry) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	watch.Metrics().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	return recorder.Body.String()
}

func wantLine(t *testing.T, watch *telemetry.Telemetry, line string) {
	t.Helper()
	if text := metricsOf(t, watch); !strings.Contains(text, "\n"+line+"\n") {
		t.Errorf("want the line %s among the metrics:\n%s", line, linesBeginning(text, line[:strings.IndexAny(line, "{ ")]))
	}
}

func linesBeginning(text, with string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, with) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// fill makes every metric have a value.
func fill(t *testing.T, watch *telemetry.Telemetry) {
	t.Helper()
	if err := errors.Join(watch.WatchPool(func() sql.DBStats {
		return sql.DBStats{InUse: 2, Idle: 1, MaxOpenConnections: 24, WaitCount: 3, WaitDuration: time.Second}
	}),
		watch.WatchCircuits(func() map[psa.Circuit]int { return map[psa.Circuit]int{psa.CircuitOpen: 1, psa.CircuitClosed: 4} })); err != nil {
		t.Fatal(err)
	}
	serve(t, watch, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, http.MethodGet)
	watch.LimitReached(httpapi.LimitCost)
	watch.AdditionWritten("CREATE", "DONE")
	watch.ConnectWiseCalled(t.Context(), connectwise.Call{Operation: "list companies", Method: "GET", Status: 429, Err: errors.New("slow down")})
	watch.ConnectWiseCalled(t.Context(), connectwise.Call{Operation: "list companies", Method: "GET", Err: errors.New("nobody is there")})
	watch.ConnectWiseCalled(t.Context(), connectwise.Call{Operation: "list companies", Method: "GET", Status: 200, Err: errors.New("a web page")})
	watch.PlatformCalled(t.Context(), feed.Call{Operation: "read invoice rows", Status: 200})
	_, attempt := watch.Claimed(t.Context(), jobs.Job{Kind: "SYNC"})
	attempt.Step("Reading")
	watch.Finished("SYNC", jobs.Failed, time.Minute)
}

func TestMetricsAreNamedByTheRules(t *testing.T) {
	t.Parallel()
	watch := telemetry.New(telemetry.Options{})
	fill(t, watch)
	problems, err := promlint.New(strings.NewReader(metricsOf(t, watch))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	// OpenTelemetry's conventions call it so.
	want := []promlint.Problem{{Metric: "db_client_connection_count", Text: `non-histogram and non-summary metrics should not have "_count" suffix`}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("problems with names (-want +got):\n%s", diff)
	}
}

func TestHooksFillTheMetrics(t *testing.T) {
	t.Parallel()
	watch := telemetry.New(telemetry.Options{})
	fill(t, watch)
	for _, line := range []string{
		`crosswalk_limit_refusals_total{limit="cost"} 1`,
		`crosswalk_limit_refusals_total{limit="depth"} 0`,
		`crosswalk_additions_total{operation="CREATE",outcome="DONE"} 1`,
		`crosswalk_additions_total{operation="END",outcome="REFUSED"} 0`,
		`crosswalk_psa_rate_limited_total 1`,
		`crosswalk_psa_circuit{state="OPEN"} 1`,
		`crosswalk_psa_circuit{state="HALF_OPEN"} 0`,
		`crosswalk_jobs_running{kind="SYNC"} 1`,
		`crosswalk_job_duration_seconds_sum{kind="SYNC",state="FAILED"} 60`,
		`db_client_connection_count{db_client_connection_pool_name="postgresql",db_client_connection_state="used"} 2`,
		`db_client_connection_max{db_client_connection_pool_name="postgresql"} 24`,
		`crosswalk_db_connection_waits_total 3`,
		`crosswalk_db_connection_wait_seconds_total 1`,
		`http_client_request_duration_seconds_count{error_type="429",http_request_method="GET",http_response_status_code="429",operation="list companies",peer_service="connectwise"} 1`,
		`http_client_request_duration_seconds_count{error_type="no_answer",http_request_method="GET",http_response_status_code="",operation="list companies",peer_service="connectwise"} 1`,
		`http_client_request_duration_seconds_count{error_type="unusable",http_request_method="GET",http_response_status_code="200",operation="list companies",peer_service="connectwise"} 1`,
		`http_client_request_duration_seconds_count{error_type="",http_request_method="GET",http_response_status_code="200",operation="read invoice rows",peer_service="platform"} 1`,
	} {
		wantLine(t, watch, line)
	}
}

func TestATelemetryWatchesOneReplica(t *testing.T) {
	t.Parallel()
	watch := telemetry.New(telemetry.Options{Log: slog.New(slog.DiscardHandler)})
	stats := func() sql.DBStats { return sql.DBStats{} }
	if err := watch.WatchPool(stats); err != nil {
		t.Fatal(err)
	}
	if err := watch.WatchPool(stats); err == nil || !strings.Contains(err.Error(), "one replica") {
		t.Errorf("watching a second pool gave %v, want an error that says why not", err)
	}
	if err := errors.Join(watch.Flush(context.Background()), watch.Close(context.Background())); err != nil {
		t.Errorf("closing a telemetry without traces: %v", err)
	}
}
