// Package telemetry counts and times what a replica does, for Prometheus, and traces it, for OpenTelemetry.
//
// It stands beside the parts it watches: each of them offers a hook and is told nothing of what becomes of it, and
// this package has one file for each hook. Nothing it does may change what a part does, hold it up, or fail it. Labels
// have few values: none names a seller, a person or a record. Neither labels nor spans hold values of statements,
// variables or answers, or texts of errors, since any of those may quote a secret.
//
// Without an exporter there is no tracer, and nobody pays for one: the database's driver is not wrapped and resolvers
// are not intercepted. Start reading at New; the metrics are in metrics.go.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/httpapi"
	"crosswalk/internal/jobs"
)

// Options tune a Telemetry. The zero value counts and does not trace.
type Options struct {
	// Exporter takes the spans; nil switches traces off. See Exporter.
	Exporter sdktrace.SpanExporter
	// Resource describes this process in traces; nil means what the environment says.
	Resource *resource.Resource
	// Log takes what concerns operators; nil means slog.Default.
	Log *slog.Logger
}

// Telemetry watches one replica. It is safe for concurrent use.
type Telemetry struct {
	*metrics
	registry *prometheus.Registry
	// tracer is nil where nothing is traced.
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
}

var (
	_ httpapi.Observer = (*Telemetry)(nil)
	_ jobs.Observer    = (*Telemetry)(nil)
)

// New returns a Telemetry. Close it to have the last spans sent.
func New(options Options) *Telemetry {
	t := &Telemetry{registry: prometheus.NewRegistry()}
	t.metrics = newMetrics(t.registry)
	if options.Exporter == nil {
		return t
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.Resource == nil {
		options.Resource = describe()
	}
	limits := sdktrace.NewSpanLimits()
	limits.EventCountLimit = 0 // what libraries note of an error is its text
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(quiet{options.Exporter, options.Log}),
		sdktrace.WithResource(options.Resource),
		sdktrace.WithRawSpanLimits(limits),
	)
	t.tracer = t.provider.Tracer("crosswalk")
	return t
}

// Close sends the spans that are left.
func (t *Telemetry) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Flush sends the spans that have ended so far.
func (t *Telemetry) Flush(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.ForceFlush(ctx)
}

// scrapes bounds how many scrapes are answered at a time: everybody may ask.
const scrapes = 4

// Metrics answers with all metrics.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes})
}

// register adds a collector. It fails where one of the kind is there already.
func (t *Telemetry) register(collector prometheus.Collector) error {
	err := t.registry.Register(collector)
	if already := (prometheus.AlreadyRegisteredError{}); errors.As(err, &already) {
		return errors.New("telemetry watches one replica, and this is a second one")
	}
	return err
}
