package telemetry

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/jobs"
)

// Claimed counts a run that is worked on, and begins its trace.
func (t *Telemetry) Claimed(ctx context.Context, job jobs.Job) (context.Context, jobs.Attempt) {
	running := t.jobsRunning.WithLabelValues(string(job.Kind))
	running.Inc()
	a := &attempt{over: running.Dec, tracer: t.tracer}
	if t.tracer == nil {
		return ctx, a
	}
	ctx, a.span = t.tracer.Start(ctx, "job "+string(job.Kind), trace.WithNewRoot(), trace.WithAttributes(
		attribute.String("crosswalk.job.kind", string(job.Kind)), attribute.Int64("crosswalk.job.id", job.ID),
		attribute.Int("crosswalk.job.attempt", job.Attempt), attribute.String("crosswalk.seller.id", job.SellerID.String())))
	a.run = ctx
	if !a.span.IsRecording() {
		a.tracer = nil
		return ctx, a
	}
	a.now.Store(&ctx)
	return stepContext{ctx, &a.now}, a
}

// Finished counts a run that is over.
func (t *Telemetry) Finished(kind jobs.Kind, state jobs.State, took time.Duration) {
	t.jobs.WithLabelValues(string(kind), string(state)).Observe(took.Seconds())
}

// attempt follows an attempt at a run, with a span for each of its steps.
type attempt struct {
	over func()
	// tracer is nil where the attempt is not traced.
	tracer trace.Tracer
	span   trace.Span
	// run is the context of the attempt as a whole, now that of the step it is at.
	run context.Context
	now atomic.Pointer[context.Context]

	mu   sync.Mutex
	step trace.Span
	text string
}

// Step ends the step before and begins the next.
func (a *attempt) Step(text string) {
	if a.tracer == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if text == a.text {
		return
	}
	a.endStep()
	ctx, step := a.tracer.Start(a.run, text)
	a.step, a.text = step, text
	a.now.Store(&ctx)
}

// endStep ends the step that the attempt is at. The caller holds mu.
func (a *attempt) endStep() {
	if a.step != nil {
		a.step.End()
	}
}

// Ended ends the trace.
func (a *attempt) Ended(state jobs.State, _ error) {
	a.over()
	if a.tracer == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endStep()
	outcome := string(state)
	if outcome == "" {
		outcome = "LEASE_LOST"
	}
	a.span.SetAttributes(attribute.String("crosswalk.job.state", outcome))
	if state == jobs.Failed || state == "" {
		fail(a.span, outcome)
	}
	a.span.End()
}

// stepContext has the values of the context of the step that a run is at, so that what is begun in it becomes part of
// that step.
type stepContext struct {
	context.Context
	now *atomic.Pointer[context.Context]
}

// Value looks where the run is at.
func (c stepContext) Value(key any) any { return (*c.now.Load()).Value(key) }
