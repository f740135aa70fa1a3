package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
)

func TestAnotherReplicaCompletesTheRunOfADeadOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, ended := make(chan struct{}), make(chan error, 1)
	dying := w.startSilent(jobs.Options{Workers: 1, Lease: 2 * time.Second}, func(ctx context.Context, run *jobs.Run) error {
		close(begun)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	dying.die()
	w.lapse(job.Ref(), 1)
	w.start(jobs.Options{Poll: 20 * time.Millisecond}, func(context.Context, *jobs.Run) error { return nil })
	if got := w.awaitState(job.Ref(), jobs.Succeeded); got.Attempt != 2 {
		t.Errorf("the job ended in attempt %d, want 2", got.Attempt)
	}
	if codes := w.logged(job.Ref()); !slices.Equal(codes, []activity.Code{activity.JobResumed}) {
		t.Errorf("log entries %v, want one JOB_RESUMED", codes)
	}
	if cause := receive(w, ended, "the cut-off handler to be stopped"); !errors.Is(cause, jobs.ErrLeaseLost) {
		t.Errorf("the cut-off handler was stopped by %v, want ErrLeaseLost", cause)
	}
}

func TestAWorkerThatLostItsLeaseWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, resumed, late := make(chan struct{}), make(chan struct{}), make(chan struct{})
	stale := w.startSilent(jobs.Options{Workers: 1, Lease: never}, func(ctx context.Context, run *jobs.Run) error {
		defer close(late)
		ctx = context.WithoutCancel(ctx)
		// This transaction begins with the lease and ends without it.
		err := run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
			close(begun)
			if err := run.LogTx(ctx, tx, activity.Entry{Level: activity.Info, Code: activity.OrgsCreated, Title: "Stale"}); err != nil {
				return jobs.Counts{}, err
			}
			<-resumed
			return jobs.Counts{Created: 100}, nil
		})
		if !errors.Is(err, jobs.ErrLeaseLost) {
			t.Errorf("WriteCounted after the lease was lost: %v, want ErrLeaseLost", err)
		}
		run.Step("Stale")
		run.Count(jobs.Counts{Failed: 100})
		for name, write := range map[string]func() error{
			"Write": func() error {
				return run.Write(ctx, func(context.Context, *postgres.Tx) error { return nil })
			},
			"Log": func() error {
				return run.Log(ctx, activity.Entry{Level: activity.Info, Code: activity.OrgsCreated, Title: "Stale"})
			},
		} {
			if err := write(); !errors.Is(err, jobs.ErrLeaseLost) {
				t.Errorf("%s after the lease was lost: %v, want ErrLeaseLost", name, err)
			}
		}
		return nil
	})
	job := w.enqueue(load)
	receive(w, begun, "the first attempt to begin")
	w.lapse(job.Ref(), 1)
	w.start(jobs.Options{Poll: 20 * time.Millisecond}, func(ctx context.Context, run *jobs.Run) error {
		close(resumed)
		<-late
		w.stop(stale) // has stored how its attempt ended, if it could
		return run.WriteCounted(ctx, func(context.Context, *postgres.Tx) (jobs.Counts, error) {
			return jobs.Counts{Created: 1}, nil
		})
	})
	ended := w.awaitState(job.Ref(), jobs.Succeeded)
	if want := (jobs.Counts{Created: 1}); ended.Counts != want || ended.Attempt != 2 {
		t.Errorf("attempt %d ended with %+v, want attempt 2 with %+v", ended.Attempt, ended.Counts, want)
	}
	if codes := w.logged(job.Ref()); !slices.Equal(codes, []activity.Code{activity.JobResumed}) {
		t.Errorf("log entries %v, want one JOB_RESUMED and nothing of the stale worker", codes)
	}
}

// TestCountsAreExactWhateverCrashes has attempts die at every point of a unit of work, and wants each unit
// stored and counted once.
func TestCountsAreExactWhateverCrashes(t *testing.T) {
	t.Parallel()
	const units = 4
	for _, point := range []string{"before a write", "inside a write", "after a write"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			dead := make(chan struct{}, 1)
			// work stores the units that are not stored yet; crash stops it for good at the point.
			work := func(ctx context.Context, run *jobs.Run, crash func(at string) error) error {
				for unit := w.stored(run.Job().Ref()); unit < units; unit++ {
					if err := crash("before a write"); err != nil {
						return err
					}
					err := run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
						title := fmt.Sprint("Unit ", unit)
						if err := run.LogTx(ctx, tx, activity.Entry{Level: activity.Info, Code: activity.OrgsCreated, Title: title}); err != nil {
							return jobs.Counts{}, err
						}
						return jobs.Counts{Created: 1}, crash("inside a write")
					})
					if err != nil {
						return err
					}
					if err := crash("after a write"); err != nil {
						return err
					}
				}
				return nil
			}
			job := w.enqueue(load)
			for attempt := range 3 {
				dying := w.startSilent(jobs.Options{Workers: 1, Lease: 2 * time.Second}, func(ctx context.Context, run *jobs.Run) error {
					passed := 0
					return work(ctx, run, func(at string) error {
						if at != point {
							return nil
						}
						if passed++; passed <= attempt%2 {
							return nil
						}
						dead <- struct{}{}
						<-ctx.Done() // the process is gone: nothing more happens
						return ctx.Err()
					})
				})
				receive(w, dead, "the crash")
				dying.die()
				w.lapse(job.Ref(), attempt+1)
			}
			w.start(jobs.Options{Poll: 20 * time.Millisecond}, func(ctx context.Context, run *jobs.Run) error {
				return work(ctx, run, func(string) error { return nil })
			})
			ended := w.awaitState(job.Ref(), jobs.Succeeded)
			if stored := w.stored(job.Ref()); stored != units || ended.Counts != (jobs.Counts{Created: units}) {
				t.Errorf("%d units are stored and counted as %+v, want %d created", stored, ended.Counts, units)
			}
			if ended.Attempt != 4 {
				t.Errorf("the job ended in attempt %d, want 4", ended.Attempt)
			}
		})
	}
}

// startSilent runs a replica that extends no lease unless a handler shows progress. Give it one worker, and it does not
// itself take up again what that one has lost.
func (w *world) startSilent(options jobs.Options, handler jobs.Handler) *replica {
	w.Helper()
	// What the replica hears would make it give a sign of life.
	r := &replica{w: w}
	r.db, r.listener = w.connect()
	options.Heartbeat, options.Poll = never, 10*time.Millisecond
	return r.start(options, handler)
}

// lapse makes the lease of an attempt pass.
func (w *world) lapse(ref jobs.Ref, attempt int) {
	w.Helper()
	w.execute(`
		UPDATE job
		SET lease_until = now() - interval '1 second'
		WHERE seller_id = $1 AND id = $2 AND attempt = $3 AND state = 'RUNNING'`, ref.Seller, ref.ID, attempt)
}

// stored returns how many units of work the log holds for the job.
func (w *world) stored(ref jobs.Ref) (units int) {
	for _, code := range w.logged(ref) {
		if code == activity.OrgsCreated {
			units++
		}
	}
	return units
}

func TestACancelledRunOfADeadWorkerIsNotBegunAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	job := w.enqueue(load)
	w.execute(`UPDATE job SET state = 'RUNNING', worker = 'dead', attempt = 1, lease_until = now() - interval '1 second'`)
	if got := w.cancel(job.ID); got.State != jobs.Running || !got.CancelRequested {
		t.Errorf("Cancel: %s, requested %t; want RUNNING and true", got.State, got.CancelRequested)
	}
	w.start(jobs.Options{}, func(context.Context, *jobs.Run) error {
		t.Error("the cancelled run was begun again")
		return nil
	})
	w.awaitState(job.Ref(), jobs.Cancelled)
	if codes := w.logged(job.Ref()); !slices.Equal(codes, []activity.Code{activity.JobCancelled}) {
		t.Errorf("log entries %v, want one JOB_CANCELLED", codes)
	}
}
