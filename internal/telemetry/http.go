package telemetry

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Instrument times the requests that next answers, and traces them as part of the trace that a request names in
// traceparent, or of a new one. route tells the pattern that a request's path matches.
func (t *Telemetry) Instrument(next http.Handler, route func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &exchange{ResponseWriter: w, telemetry: t, method: methodOf(r), route: route(r), began: time.Now()}
		active := t.active.WithLabelValues(e.method)
		active.Inc()
		defer active.Dec()
		if t.tracer != nil && !isProbe(e.route) {
			r = r.WithContext(e.trace(r))
		}
		broken := true
		defer func() { e.end(broken) }()
		next.ServeHTTP(e, r)
		broken = false
	})
}

// isProbe tells routes that machines ask every few seconds, and nobody wants to see traces of.
func isProbe(route string) bool {
	return route == "/healthz" || route == "/readyz" || route == "/metrics"
}

// methodOf returns the method as the conventions have it: methods can be made up.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	}
	return "_OTHER"
}

// exchange is a request and how it is answered.
type exchange struct {
	http.ResponseWriter
	telemetry *Telemetry
	method    string
	route     string
	began     time.Time
	// span is nil where nothing is traced.
	span trace.Span

	status int
	// told is true once the request was counted.
	told bool
}

// trace begins the span.
func (e *exchange) trace(r *http.Request) context.Context {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, e.span = e.telemetry.tracer.Start(ctx, strings.TrimSpace(e.method+" "+e.route), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", e.method), attribute.String("http.route", e.route)))
	return ctx
}

// WriteHeader keeps the status.
func (e *exchange) WriteHeader(status int) {
	e.answer(status)
	e.ResponseWriter.WriteHeader(status)
}

// Write answers 200 unless another status was set.
func (e *exchange) Write(body []byte) (int, error) {
	e.answer(http.StatusOK)
	return e.ResponseWriter.Write(body)
}

// Hijack hands the connection over.
func (e *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffer, err := http.NewResponseController(e.ResponseWriter).Hijack()
	if err == nil {
		e.answer(http.StatusSwitchingProtocols)
	}
	return connection, buffer, err
}

// Unwrap lets http.ResponseController reach the connection.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// answer keeps the first status. Streams are counted when they begin: they may last for days.
func (e *exchange) answer(status int) {
	if e.status != 0 {
		return
	}
	e.status = status
	if status == http.StatusSwitchingProtocols || strings.HasPrefix(e.Header().Get("Content-Type"), "text/event-stream") {
		e.tell()
	}
}

// end counts what was not counted yet. broken is true when the handler panicked.
func (e *exchange) end(broken bool) {
	switch {
	case e.status != 0:
	case broken:
		e.status = http.StatusInternalServerError
	default:
		e.status = http.StatusOK
	}
	e.tell()
}

func (e *exchange) tell() {
	if e.told {
		return
	}
	e.told = true
	code := strconv.Itoa(e.status)
	e.telemetry.requests.WithLabelValues(e.method, e.route, code).Observe(time.Since(e.began).Seconds())
	if e.span == nil {
		return
	}
	e.span.SetAttributes(attribute.Int("http.response.status_code", e.status),
		attribute.String("crosswalk.request.id", e.Header().Get("X-Request-Id")))
	if e.status >= http.StatusInternalServerError {
		fail(e.span, code)
	}
	e.span.End()
}
