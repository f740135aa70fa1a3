package jobs_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
)

// mortal is a run whose workers fall silent, one after the other, at the end of what they do.
type mortal struct {
	*world
	ref    jobs.Ref
	silent chan int
}

// fallSilent begins a run that does do in every attempt, after which the attempt is not heard of until the test ends.
// The attempt numbered last, and those after it, complete.
func (w *world) fallSilent(maxAttempts, last int, do func(ctx context.Context, run *jobs.Run) error) *mortal {
	w.Helper()
	m := &mortal{world: w, silent: make(chan int)}
	over := make(chan struct{})
	w.startSilent(jobs.Options{Workers: 100, MaxAttempts: maxAttempts, Lease: never}, func(ctx context.Context, run *jobs.Run) error {
		attempt := run.Job().Attempt
		if err := do(ctx, run); err != nil {
			w.Errorf("attempt %d: %v", attempt, err)
		}
		if attempt >= last {
			return nil
		}
		select {
		case m.silent <- attempt:
			<-over
		case <-over:
		}
		return errors.New("nothing is heard of this attempt")
	})
	w.Cleanup(func() { close(over) })
	m.ref = w.enqueue(load).Ref()
	return m
}

// kill waits for attempts to fall silent, and has the lease of each pass.
func (m *mortal) kill(count int) {
	m.Helper()
	for range count {
		attempt := receive(m.world, m.silent, "an attempt to fall silent")
		m.await(m.ref, "taken from its silent worker", func(job jobs.Job) bool {
			if job.Attempt == attempt && !job.State.Finished() {
				m.lapse(m.ref, attempt)
				return false
			}
			return true
		})
	}
}

// storeSomething does work that is not counted.
func storeSomething(ctx context.Context, run *jobs.Run) error {
	return run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE seller SET name = name || '.' WHERE id = $1`, run.Seller().ID())
		return err
	})
}

const nobody = math.MaxInt

func TestARunThatKeepsKillingItsWorkerIsGivenUp(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, do := range map[string]func(context.Context, *jobs.Run) error{
		"and does nothing": func(context.Context, *jobs.Run) error { return nil },
		"and shows progress only": func(_ context.Context, run *jobs.Run) error {
			run.Progress(run.Job().Attempt, 9)
			return nil
		},
		"and finds nothing to store": func(ctx context.Context, run *jobs.Run) error {
			return run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
				_, err := tx.ExecContext(ctx, `UPDATE seller SET name = name WHERE id = 0`)
				return err
			})
		},
		"and logs only that it begins": func(ctx context.Context, run *jobs.Run) error {
			return run.Log(ctx, activity.Entry{Level: activity.Info, Code: activity.ProductLoadStarted, Title: "Begun"})
		},
		"and undoes what it stores": func(ctx context.Context, run *jobs.Run) error {
			err := run.WriteCounted(ctx, func(context.Context, *postgres.Tx) (jobs.Counts, error) {
				return jobs.Counts{Created: 1}, broken
			})
			if !errors.Is(err, broken) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := w.fallSilent(3, nobody, do)
			m.kill(3)
			ended := w.awaitState(m.ref, jobs.Failed)
			if ended.Attempt != 3 {
				t.Errorf("the run was given up after attempt %d, want 3", ended.Attempt)
			}
			if ended.Error == nil || *ended.Error == "" {
				t.Error("the failed job has no sentence for the user")
			}
			if codes := w.logged(m.ref); codes[len(codes)-1] != activity.JobFailed {
				t.Errorf("log entries %v, want a JOB_FAILED at the end", codes)
			}
		})
	}
}

func TestARunThatGetsOnInEveryAttemptIsNeverGivenUp(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(context.Context, *jobs.Run) error{
		"with what is counted": func(ctx context.Context, run *jobs.Run) error {
			return run.WriteCounted(ctx, func(context.Context, *postgres.Tx) (jobs.Counts, error) {
				return jobs.Counts{Created: 1}, nil
			})
		},
		"with what is not": storeSomething,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			const deaths = 30
			m := w.fallSilent(1, deaths+1, do)
			m.kill(deaths)
			if ended := w.awaitState(m.ref, jobs.Succeeded); ended.Attempt != deaths+1 {
				t.Errorf("the run ended in attempt %d, want %d", ended.Attempt, deaths+1)
			}
		})
	}
}

func TestOnlyFruitlessAttemptsInARowCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fruitful := []int{3, 4, 6}
	m := w.fallSilent(3, nobody, func(ctx context.Context, run *jobs.Run) error {
		if !slices.Contains(fruitful, run.Job().Attempt) {
			return nil
		}
		return storeSomething(ctx, run)
	})
	m.kill(9)
	if ended := w.awaitState(m.ref, jobs.Failed); ended.Attempt != 9 {
		t.Errorf("attempts %v got on, and the run was given up after attempt %d, want 9", fruitful, ended.Attempt)
	}
}

func TestAHandedOverRunHasAllItsAttemptsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	job := w.enqueue(load)
	w.execute(`UPDATE job SET fruitless = 2`)
	begun := make(chan struct{})
	r := w.start(jobs.Options{MaxAttempts: 3}, func(ctx context.Context, run *jobs.Run) error {
		close(begun)
		return untilStopped(ctx, run)
	})
	receive(w, begun, "the run to begin")
	w.stop(r.Runner)
	w.wantAllAttempts(job.Ref())
}

func TestARestartedRunHasAllItsAttemptsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	job := w.enqueue(load)
	w.execute(`UPDATE job SET state = 'RUNNING', worker = 'dead', attempt = 3, fruitless = 3, lease_until = now() - interval '1 second'`)
	w.restart()
	w.wantAllAttempts(job.Ref())
}

// wantAllAttempts wants the job to wait for a worker, with no attempt held against it.
func (w *world) wantAllAttempts(ref jobs.Ref) {
	w.Helper()
	var fruitless int
	err := w.db.Seller(ref.Seller).Read(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &fruitless, `SELECT fruitless FROM job WHERE seller_id = $1 AND id = $2`, ref.Seller, ref.ID)
	})
	if err != nil {
		w.Fatalf("read the fruitless attempts of job %s: %v", ref, err)
	}
	if job := w.get(ref); job.State != jobs.Queued || fruitless != 0 {
		w.Errorf("the job is %s after %d fruitless attempts, want QUEUED after none", job.State, fruitless)
	}
}

func TestAWriteChangesTheRunsRowOnceAnAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// versions are those of the row before and after each write.
	versions := make(chan string, 4)
	w.startSilent(jobs.Options{Workers: 1, Lease: never}, func(ctx context.Context, run *jobs.Run) error {
		for range cap(versions) {
			versions <- w.version(run.Job().Ref())
			if err := storeSomething(ctx, run); err != nil {
				return err
			}
		}
		return nil
	})
	w.awaitState(w.enqueue(load).Ref(), jobs.Succeeded)
	claimed, first, second, third := <-versions, <-versions, <-versions, <-versions
	if claimed == first || first != second || second != third {
		t.Errorf("the row's versions are %s, then after writes %s, %s and %s; want a change by the first write only", claimed, first, second, third)
	}
}

// version returns what changes whenever the job's row does.
func (w *world) version(ref jobs.Ref) (version string) {
	w.Helper()
	err := w.db.Seller(ref.Seller).Read(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &version, `SELECT ctid::text FROM job WHERE seller_id = $1 AND id = $2`, ref.Seller, ref.ID)
	})
	if err != nil {
		w.Errorf("read the version of job %s: %v", ref, err)
	}
	return version
}
