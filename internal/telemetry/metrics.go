package telemetry

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"crosswalk/internal/httpapi"
)

// Buckets, in seconds: those that the conventions recommend for requests and, for what may take longer, more.
var (
	requestBuckets = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 30}
	jobBuckets     = []float64{.1, .5, 1, 5, 15, 60, 300, 900, 1800, 3600, 7200}
)

// metrics are what the hooks fill. The names follow OpenTelemetry's conventions as Prometheus writes them, where there
// are any.
type metrics struct {
	requests      *prometheus.HistogramVec
	active        *prometheus.GaugeVec
	operations    *prometheus.HistogramVec
	subscriptions prometheus.Gauge
	limits        *prometheus.CounterVec
	calls         *prometheus.HistogramVec
	rateLimited   prometheus.Counter
	jobs          *prometheus.HistogramVec
	jobsRunning   *prometheus.GaugeVec
	additions     *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) *metrics {
	m := &metrics{
		requests: histogram("http_server_request_duration_seconds", requestBuckets,
			"Requests answered; for streams, the time until they began.", "http_request_method", "http_route", "http_response_status_code"),
		active: gauge("http_server_active_requests", "Requests being answered, open streams included.", "http_request_method"),
		operations: histogram("crosswalk_graphql_operation_duration_seconds", requestBuckets,
			"Queries and mutations answered. The name is told of documents that come with the gateway or are the only ones "+
				"allowed, the root field where there is one, error_type is the code of the first error.",
			"graphql_operation_type", "graphql_operation_name", "graphql_root_field", "error_type"),
		subscriptions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "crosswalk_graphql_subscriptions", Help: "Subscriptions open."}),
		limits:        counter("crosswalk_limit_refusals_total", "Operations that a limit refused or stopped.", "limit"),
		calls: histogram("http_client_request_duration_seconds", requestBuckets,
			"Requests to ConnectWise and the Platform.", "peer_service", "operation", "http_request_method", "http_response_status_code", "error_type"),
		rateLimited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "crosswalk_psa_rate_limited_total", Help: "Requests that ConnectWise answered with 429.",
		}),
		jobs: histogram("crosswalk_job_duration_seconds", jobBuckets,
			"Background runs that came to an end on this replica, from their first attempt on.", "kind", "state"),
		jobsRunning: gauge("crosswalk_jobs_running", "Background runs this replica works on.", "kind"),
		additions: counter("crosswalk_additions_total",
			"Writes of Additions, by what became of them; UNCONFIRMED ones count again when they are settled.", "operation", "outcome"),
	}
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(),
		m.requests, m.active, m.operations, m.subscriptions, m.limits, m.calls, m.rateLimited, m.jobs, m.jobsRunning, m.additions,
	)
	m.begin()
	return m
}

// begin makes counters whose labels are known start at zero, so that the first event shows as a rise.
func (m *metrics) begin() {
	for _, limit := range []httpapi.Limit{
		httpapi.LimitBody, httpapi.LimitBatch, httpapi.LimitTokens, httpapi.LimitDepth, httpapi.LimitAliases, httpapi.LimitDirectives,
		httpapi.LimitRepeats, httpapi.LimitCost, httpapi.LimitExecutionTime, httpapi.LimitConcurrentOperations,
		httpapi.LimitOperationsPerMinute, httpapi.LimitSubscriptions,
	} {
		m.limits.WithLabelValues(string(limit))
	}
	for _, operation := range []string{"CREATE", "CHANGE", "END"} {
		for _, outcome := range []string{"DONE", "REFUSED", "UNCONFIRMED", "DROPPED"} {
			m.additions.WithLabelValues(operation, outcome)
		}
	}
}

// LimitReached counts an operation that a limit refused or stopped.
func (m *metrics) LimitReached(limit httpapi.Limit) { m.limits.WithLabelValues(string(limit)).Inc() }

// AdditionWritten counts what became of a write of an Addition.
func (m *metrics) AdditionWritten(operation, outcome string) {
	m.additions.WithLabelValues(operation, outcome).Inc()
}

// buildInfo is 1, and its labels tell what is running.
func buildInfo() prometheus.Collector {
	version, revision, goVersion := build()
	info := gauge("crosswalk_build_info", "What is running; always 1.", "version", "revision", "goversion")
	info.WithLabelValues(version, revision, goVersion).Set(1)
	return info
}

// build returns what the binary was built from. Version and revision are empty where nobody told the compiler.
func build() (version, revision, goVersion string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", "", runtime.Version()
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			revision = setting.Value
		}
	}
	return info.Main.Version, revision, info.GoVersion
}

func histogram(name string, buckets []float64, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}
