package jobs_test

import (
	"context"
	"errors"
	"testing"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
)

// restart takes the seller's runs from their workers.
func (w *world) restart() {
	w.Helper()
	err := w.db.Seller(w.seller).Write(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return jobs.Restart(ctx, tx, w.seller)
	})
	if err != nil {
		w.Fatalf("Restart: %v", err)
	}
}

func TestARestartedRunBeginsAnewAndItsFormerWorkerWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, restarted, former := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	w.start(jobs.Options{Heartbeat: never, Lease: never}, func(ctx context.Context, run *jobs.Run) error {
		if run.Job().Attempt > 1 {
			return run.Log(ctx, activity.Entry{Level: activity.Info, Code: activity.OrgsCreated, Title: "Anew"})
		}
		run.Progress(7, 9)
		close(begun)
		<-restarted
		former <- run.Log(context.WithoutCancel(ctx), activity.Entry{Level: activity.Info, Code: activity.OrgsUpdated, Title: "Former"})
		return nil
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	w.restart()
	close(restarted)
	if err := receive(w, former, "the former worker"); !errors.Is(err, jobs.ErrLeaseLost) {
		t.Errorf("a write of the former worker: %v, want ErrLeaseLost", err)
	}
	got := w.awaitState(job.Ref(), jobs.Succeeded)
	if got.Attempt != 2 || got.Done != 0 {
		t.Errorf("the job ended in attempt %d with %d done, want attempt 2 and nothing of the first", got.Attempt, got.Done)
	}
	for _, code := range w.logged(job.Ref()) {
		if code == activity.OrgsUpdated {
			t.Error("the former worker's entry is in the log")
		}
	}
}

func TestARestartEndsRunsThatAreToBeCancelledAndLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, released := make(chan struct{}), make(chan struct{})
	w.start(jobs.Options{Heartbeat: never, Lease: never}, func(context.Context, *jobs.Run) error {
		close(begun)
		<-released // deaf to everything else, as a handler in a long call is
		return nil
	})
	t.Cleanup(func() { close(released) })
	waiting := w.enqueue(syncing) // of a kind that nobody works on
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	w.cancel(job.ID)
	w.restart()
	if got := w.get(job.Ref()); got.State != jobs.Cancelled || got.FinishedAt == nil {
		t.Errorf("the run to be cancelled is %s, want CANCELLED", got.State)
	}
	if got := w.get(waiting.Ref()); got.State != jobs.Queued || got.Attempt != 0 {
		t.Errorf("the run that waits is %s in attempt %d, want it waiting as before", got.State, got.Attempt)
	}
}
