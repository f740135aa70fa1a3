package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// silence has OpenTelemetry tell the log what is the matter with the settings, and nothing that it quotes of them: in those of
// headers, for one, are secrets.
type silence struct{ log *slog.Logger }

// LogTo has OpenTelemetry log to a log what goes wrong, for all of this process.
func LogTo(log *slog.Logger) {
	otel.SetLogger(logr.New(silence{log}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {
		log.Warn("OpenTelemetry met a problem; look at the variables that begin with OTEL_ and at the collector")
	}))
}

// Init does nothing.
func (silence) Init(logr.RuntimeInfo) {}

// Enabled leaves out what is no error.
func (silence) Enabled(int) bool { return false }

// Info is never called.
func (silence) Info(int, string, ...any) {}

// Error logs what OpenTelemetry was doing.
func (s silence) Error(_ error, doing string, _ ...any) {
	s.log.Warn("OpenTelemetry met a problem; look at the variables that begin with OTEL_", "doing", doing)
}

// WithValues leaves values out.
func (s silence) WithValues(...any) logr.LogSink { return s }

// WithName leaves names out.
func (s silence) WithName(string) logr.LogSink { return s }

// Exporter returns what sends spans by OTLP over HTTP, as the standard variables of the environment say; nil where
// they do not ask for traces. Addresses, headers, certificates and time limits are read by the exporter, the sampler
// and the bounds of spans by the SDK.
func Exporter(ctx context.Context, getenv func(string) string) (sdktrace.SpanExporter, error) {
	asked := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	if !asked || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	switch kind := getenv("OTEL_TRACES_EXPORTER"); kind {
	case "", "otlp":
	case "none":
		return nil, nil
	default:
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; otlp and none are possible", kind)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := getenv(name); protocol != "" && protocol != "http/protobuf" {
			return nil, fmt.Errorf("%s is %q; spans are sent as http/protobuf only, for which collectors listen on port 4318", name, protocol)
		}
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up the export of traces: %w", err)
	}
	return exporter, nil
}

// describe returns what the environment says about this process, and the rest.
func describe() *resource.Resource {
	version, revision, _ := build()
	own := resource.NewSchemaless(
		attribute.String("service.name", "crosswalk"),
		attribute.String("service.version", version),
		attribute.String("vcs.ref.head.revision", revision),
	)
	// What is malformed in the environment is left out.
	told, _ := resource.New(context.Background(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	merged, err := resource.Merge(own, told)
	if err != nil {
		return own
	}
	return merged
}

// quiet is an exporter whose failures are logged here, and nowhere else.
type quiet struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans sends spans. Those that cannot be sent are lost.
func (q quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := q.SpanExporter.ExportSpans(ctx, spans); err != nil {
		q.log.WarnContext(ctx, "spans could not be exported", "spans", len(spans), "error", err)
	}
	return nil
}

// isTraced reports whether what is done in ctx belongs to a trace that is kept. The span itself may be over: look-ups
// outlast those who asked for them.
func (t *Telemetry) isTraced(ctx context.Context) bool {
	return t.tracer != nil && trace.SpanContextFromContext(ctx).IsSampled()
}

// fail marks a span with a word for what went wrong, never with the text of an error.
func fail(span trace.Span, what string) {
	span.SetAttributes(attribute.String("error.type", what))
	span.SetStatus(codes.Error, "")
}
