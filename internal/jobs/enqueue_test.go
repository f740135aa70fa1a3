package jobs_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
)

func TestEnqueueReturnsTheRunThatIsNotFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.enqueue(load)
	if first.State != jobs.Queued || first.RequestedBy != "anna" || first.QueuedAt.IsZero() {
		t.Errorf("Enqueue: %+v, want a queued job of anna's", first)
	}
	again := jobs.Request{Kind: load, RequestedBy: "ben", Parameters: map[string]int{"months": 3}}
	if job, started := w.request(w.seller, again); started || job.ID != first.ID {
		t.Errorf("Enqueue while one waits: job %d, started %t; want job %d, started false", job.ID, started, first.ID)
	}
	release := make(chan struct{})
	w.start(jobs.Options{}, func(context.Context, *jobs.Run) error {
		<-release
		return nil
	})
	w.awaitState(first.Ref(), jobs.Running)
	if job, started := w.request(w.seller, again); started || job.ID != first.ID || job.State != jobs.Running {
		t.Errorf("Enqueue while one runs: job %d (%s), started %t; want job %d (RUNNING), started false", job.ID, job.State, started, first.ID)
	}
	close(release)
	w.awaitState(first.Ref(), jobs.Succeeded)
	if job, started := w.request(w.seller, again); !started || job.ID == first.ID {
		t.Errorf("Enqueue after the run: job %d, started %t; want a new job", job.ID, started)
	}
}

func TestKindsAndSellersDoNotStandInEachOthersWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enqueue(load)
	w.enqueue(syncing)
	if _, started := w.request(w.newSeller(), jobs.Request{Kind: load, RequestedBy: "carl"}); !started {
		t.Error("Enqueue for another seller returned a run that was there before, want a new one")
	}
}

func TestOfManyWhoAskAtOnceOneStartsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const users = 8
	var (
		asking sync.WaitGroup
		mu     sync.Mutex
		ids    []int64
		starts int
	)
	for range users {
		asking.Go(func() {
			err := w.db.Seller(w.seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
				job, started, err := jobs.Enqueue(ctx, tx, w.seller, jobs.Request{Kind: load, RequestedBy: "anna"})
				mu.Lock()
				defer mu.Unlock()
				ids = append(ids, job.ID)
				if started {
					starts++
				}
				return err
			})
			if err != nil {
				t.Errorf("Enqueue: %v", err)
			}
		})
	}
	asking.Wait()
	slices.Sort(ids)
	if starts != 1 || len(slices.Compact(ids)) != 1 {
		t.Errorf("%d users got the jobs %v and %d started one; want the same job for all and one start", users, ids, starts)
	}
}

func TestEnqueueRefusesParametersThatAreNotJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := w.db.Seller(w.seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, _, err := jobs.Enqueue(ctx, tx, w.seller, jobs.Request{Kind: load, Parameters: func() {}})
		return err
	})
	if err == nil {
		t.Error("Enqueue with a function as parameters succeeded, want an error")
	}
}

func TestAQueuedRunIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	job := w.enqueue(load)
	for range 2 {
		got := w.cancel(job.ID)
		if got.State != jobs.Cancelled || got.FinishedAt == nil {
			t.Errorf("Cancel: %s, finished at %v; want CANCELLED and a time", got.State, got.FinishedAt)
		}
	}
	if codes := w.logged(job.Ref()); !slices.Equal(codes, []activity.Code{activity.JobCancelled}) {
		t.Errorf("log entries %v, want one JOB_CANCELLED", codes)
	}
	w.enqueue(load)
}

func TestCancelKnowsOnlyTheSellersJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	job := w.enqueue(load)
	stranger := w.newSeller()
	for name, ref := range map[string]jobs.Ref{
		"a job that does not exist":      {Seller: w.seller, ID: job.ID + 1_000},
		"a job that is another seller's": {Seller: stranger, ID: job.ID},
	} {
		err := w.db.Seller(ref.Seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			_, err := jobs.Cancel(ctx, tx, ref.Seller, ref.ID)
			return err
		})
		if !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("Cancel of %s: %v, want ErrNotFound", name, err)
		}
	}
	if got := w.get(job.Ref()); got.State != jobs.Queued {
		t.Errorf("the job is %s, want QUEUED", got.State)
	}
}
