package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
)

func TestARunShowsWhatItDoesAndHowItEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type parameters struct{ Months int }
	var got parameters
	seen := make(chan struct{})
	w.start(jobs.Options{}, func(_ context.Context, run *jobs.Run) error {
		if err := run.Parameters(&got); err != nil {
			return err
		}
		run.Step("Reading offers")
		run.Progress(0, jobs.Unknown)
		run.Progress(3, 10)
		run.Count(jobs.Counts{Created: 2, Unchanged: 1})
		<-seen
		run.Progress(10, 10)
		run.Count(jobs.Counts{Created: 1, Updated: 3, Skipped: 2, Cancelled: 1})
		return nil
	})
	job, _ := w.request(w.seller, jobs.Request{Kind: load, Parameters: parameters{Months: 6}, RequestedBy: "anna"})
	w.await(job.Ref(), "shown with its progress", func(job jobs.Job) bool {
		return job.State == jobs.Running && job.Step != nil && *job.Step == "Reading offers" &&
			job.Done == 3 && job.Total != nil && *job.Total == 10 && job.Counts == jobs.Counts{Created: 2, Unchanged: 1}
	})
	close(seen)
	ended := w.awaitState(job.Ref(), jobs.Succeeded)
	want := jobs.Job{
		SellerID: w.seller, ID: job.ID, Kind: load, State: jobs.Succeeded, Parameters: []byte(`{"Months": 6}`),
		Done: 10, Total: new(10), Counts: jobs.Counts{Created: 3, Updated: 3, Unchanged: 1, Skipped: 2, Cancelled: 1},
		RequestedBy: "anna", QueuedAt: job.QueuedAt, Attempt: 1,
	}
	if diff := cmp.Diff(want, ended, cmpopts.IgnoreFields(jobs.Job{}, "StartedAt", "FinishedAt", "Worker")); diff != "" {
		t.Errorf("the job after its end (-want +got):\n%s", diff)
	}
	if ended.StartedAt == nil || ended.FinishedAt == nil || ended.FinishedAt.Before(*ended.StartedAt) {
		t.Errorf("started at %v, finished at %v; want both, in that order", ended.StartedAt, ended.FinishedAt)
	}
	if got.Months != 6 {
		t.Errorf("the handler read %+v, want 6 months", got)
	}
}

func TestARunThatCountsFailuresSucceedsInPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(jobs.Options{}, func(_ context.Context, run *jobs.Run) error {
		run.Count(jobs.Counts{Created: 9, Failed: 1})
		return nil
	})
	job := w.enqueue(load)
	ended := w.awaitState(job.Ref(), jobs.PartiallySucceeded)
	if want := (jobs.Counts{Created: 9, Failed: 1}); ended.Counts != want {
		t.Errorf("counts %+v, want %+v", ended.Counts, want)
	}
}

func TestFrequentProgressIsStoredNowAndThenAndAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const steps = 20_000
	w.start(jobs.Options{}, func(_ context.Context, run *jobs.Run) error {
		for i := range steps {
			run.Progress(i+1, steps)
			run.Count(jobs.Counts{Updated: 1})
		}
		return nil
	})
	changes, unsubscribe := w.listener.Subscribe(jobs.Channel)
	defer unsubscribe()
	receive(w, changes, "the first notification")
	begun, announced := time.Now(), 0
	job := w.enqueue(load)
	for !w.get(job.Ref()).State.Finished() {
		receive(w, changes, "a notification")
		announced++
	}
	took := time.Since(begun)
	ended := w.get(job.Ref())
	if ended.Done != steps || ended.Updated != steps {
		t.Errorf("done %d, updated %d; want %d of both", ended.Done, ended.Updated, steps)
	}
	// Progress is announced at once and then four times a second. Besides, the run is announced when it is queued,
	// claimed and finished, and may be looked at when it is queued and when the replica has begun to listen.
	if most := 7 + int(4*took.Seconds()); announced > most {
		t.Errorf("%d changes were announced in %v, want at most %d", announced, took, most)
	}
}

func TestARunOfSeveralRunnersRunsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var (
		mu   sync.Mutex
		runs = make(map[jobs.Ref]int)
	)
	count := func(_ context.Context, run *jobs.Run) error {
		mu.Lock()
		defer mu.Unlock()
		runs[run.Job().Ref()]++
		return nil
	}
	w.start(jobs.Options{Workers: 2, Poll: 10 * time.Millisecond}, count)
	w.start(jobs.Options{Workers: 2, Poll: 10 * time.Millisecond}, count)
	var refs []jobs.Ref
	for range 20 {
		job, _ := w.request(w.newSeller(), jobs.Request{Kind: load, RequestedBy: "anna"})
		refs = append(refs, job.Ref())
	}
	for _, ref := range refs {
		w.awaitState(ref, jobs.Succeeded)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, ref := range refs {
		if runs[ref] != 1 {
			t.Errorf("job %s was run %d times, want once", ref, runs[ref])
		}
	}
}

func TestANotificationWakesTheRunner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun := make(chan jobs.Kind)
	var kinds []jobs.Kind
	for i := range 5 {
		kinds = append(kinds, jobs.Kind(fmt.Sprint("KIND_", i)))
	}
	// No run ends, so that no worker that becomes free makes the runner look: only a notification does.
	w.start(jobs.Options{Poll: never}, func(ctx context.Context, run *jobs.Run) error {
		begun <- run.Job().Kind
		return untilStopped(ctx, run)
	}, kinds...)
	for _, kind := range kinds {
		w.enqueue(kind)
		if got := receive(w, begun, "the run to begin"); got != kind {
			t.Errorf("%s began, want %s", got, kind)
		}
	}
}

func TestWithoutAListenerTheRunnerPolls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := &replica{w: w}
	r.db, _ = w.connect()
	r.start(jobs.Options{Poll: 10 * time.Millisecond}, func(context.Context, *jobs.Run) error { return nil })
	w.awaitState(w.enqueue(load).Ref(), jobs.Succeeded)
	w.awaitState(w.enqueue(load).Ref(), jobs.Succeeded)
}

func TestSellersWithNothingUnderWayComeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy, waiting := w.seller, w.newSeller()
	kinds := []jobs.Kind{"FIRST", "SECOND", "THIRD"}
	for _, kind := range kinds {
		w.request(busy, jobs.Request{Kind: kind, RequestedBy: "anna"})
	}
	w.request(waiting, jobs.Request{Kind: "FIRST", RequestedBy: "ben"})
	begun := make(chan postgres.SellerID)
	w.start(jobs.Options{Workers: 2}, func(ctx context.Context, run *jobs.Run) error {
		begun <- run.Job().SellerID
		return untilStopped(ctx, run)
	}, kinds...)
	got := []postgres.SellerID{receive(w, begun, "a run to begin"), receive(w, begun, "a run to begin")}
	slices.Sort(got)
	if want := []postgres.SellerID{busy, waiting}; !slices.Equal(got, want) {
		t.Errorf("runs of the sellers %v began first, want one of each of %v", got, want)
	}
}

func TestARunnerLeavesKindsItDoesNotKnowToOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nothing := func(context.Context, *jobs.Run) error { return nil }
	w.start(jobs.Options{Poll: 10 * time.Millisecond}, nothing, syncing)
	strange := w.enqueue(load)
	w.awaitState(w.enqueue(syncing).Ref(), jobs.Succeeded)
	if job := w.get(strange.Ref()); job.State != jobs.Queued {
		t.Errorf("the job no runner knows is %s, want QUEUED", job.State)
	}
	w.start(jobs.Options{}, nothing, load)
	w.awaitState(strange.Ref(), jobs.Succeeded)
}

func TestARunSurvivesTheLossOfEveryConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, lost := make(chan struct{}), make(chan struct{})
	w.start(jobs.Options{Heartbeat: 20 * time.Millisecond}, func(_ context.Context, run *jobs.Run) error {
		close(begun)
		<-lost
		run.Progress(1, 1)
		return nil
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	owner, err := postgres.OpenAsOwner(t.Context(), w.address, postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatalf("OpenAsOwner: %v", err)
	}
	defer owner.Close()
	if _, err := owner.Pool().ExecContext(t.Context(), `
		SELECT pg_terminate_backend(pid)
		FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatalf("cut all connections: %v", err)
	}
	close(lost)
	if ended := w.awaitState(job.Ref(), jobs.Succeeded); ended.Attempt != 1 || ended.Done != 1 {
		t.Errorf("the job ended in attempt %d with %d done, want 1 and 1", ended.Attempt, ended.Done)
	}
}
