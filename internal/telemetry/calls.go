package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/platform/feed"
	"crosswalk/internal/psa/connectwise"
)

// ConnectWiseCalled takes a request that was made to ConnectWise.
func (t *Telemetry) ConnectWiseCalled(ctx context.Context, call connectwise.Call) {
	if call.Status == http.StatusTooManyRequests {
		t.rateLimited.Inc()
	}
	t.called(ctx, request{"connectwise", call.Method, call.Operation, call.Status, call.Duration, call.Err != nil})
}

// PlatformCalled takes a request that was made to the Platform.
func (t *Telemetry) PlatformCalled(ctx context.Context, call feed.Call) {
	t.called(ctx, request{"platform", http.MethodGet, call.Operation, call.Status, call.Duration, call.Err != nil})
}

// request is one that was made to another system.
type request struct {
	peer      string
	method    string
	operation string
	status    int
	took      time.Duration
	failed    bool
}

// errorType says in a word of a known set what went wrong; empty if nothing did.
func (r request) errorType() string {
	switch {
	case !r.failed:
		return ""
	case r.status == 0:
		return "no_answer"
	case r.status >= http.StatusBadRequest:
		return strconv.Itoa(r.status)
	}
	return "unusable"
}

func (t *Telemetry) called(ctx context.Context, r request) {
	status := ""
	if r.status != 0 {
		status = strconv.Itoa(r.status)
	}
	t.calls.WithLabelValues(r.peer, r.operation, r.method, status, r.errorType()).Observe(r.took.Seconds())
	if !t.isTraced(ctx) {
		return
	}
	end := time.Now()
	_, span := t.tracer.Start(ctx, r.peer+": "+r.operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(end.Add(-r.took)),
		trace.WithAttributes(attribute.String("peer.service", r.peer), attribute.String("crosswalk.operation", r.operation),
			attribute.String("http.request.method", r.method)))
	if r.status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", r.status))
	}
	if r.failed {
		fail(span, r.errorType())
	}
	span.End(trace.WithTimestamp(end))
}
