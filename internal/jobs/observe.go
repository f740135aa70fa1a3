package jobs

import (
	"context"
	"time"
)

// Observer is told what becomes of runs, for metrics and traces. Its methods are called by many goroutines at once
// and must not block.
type Observer interface {
	// Claimed is called when a worker begins an attempt. Everything the attempt does is done in the context
	// returned, which is derived from ctx; the Attempt is told of the rest.
	Claimed(ctx context.Context, job Job) (context.Context, Attempt)
	// Finished is called when a runner has stored a final state, with the time since the first attempt began; 0 if none did.
	Finished(kind Kind, state State, took time.Duration)
}

// Attempt is told how one attempt at a run goes.
type Attempt interface {
	// Step is called when the run says what it is doing now.
	Step(text string)
	// Ended is called last. The state is Queued when the run is handed over, and empty when the lease was lost; err
	// is why the run did not succeed, and may hold what users must not see.
	Ended(state State, err error)
}

// unobserved is the Observer where nobody wants to know, and its Attempt.
type unobserved struct{}

func (unobserved) Claimed(ctx context.Context, _ Job) (context.Context, Attempt) {
	return ctx, unobserved{}
}
func (unobserved) Finished(Kind, State, time.Duration) {}
func (unobserved) Step(string)                         {}
func (unobserved) Ended(State, error)                  {}

// finished tells of a job whose final state is stored.
func (o Options) finished(job Job) {
	var took time.Duration
	if job.StartedAt != nil && job.FinishedAt != nil {
		took = job.FinishedAt.Sub(*job.StartedAt)
	}
	o.Observer.Finished(job.Kind, job.State, took)
}
