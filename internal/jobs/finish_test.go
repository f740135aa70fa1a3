package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
)

func TestAFailedRunTellsTheUserASentenceAndTheOperatorTheRest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler jobs.Handler
		message string
		code    activity.Code
		logged  string
	}{
		"an error with a sentence": {
			handler: func(context.Context, *jobs.Run) error {
				failure := &jobs.Failure{Code: activity.PlatformLoadFailed, Message: "The Platform does not answer.", Err: errors.New("dial 10.0.0.7: refused")}
				return fmt.Errorf("load: %w", failure)
			},
			message: "The Platform does not answer.",
			code:    activity.PlatformLoadFailed,
			logged:  "10.0.0.7",
		},
		"an error with nothing to say": {
			handler: func(context.Context, *jobs.Run) error { return errors.New("column secret does not exist") },
			message: "It stopped because of an unexpected error",
			code:    activity.JobFailed,
			logged:  "column secret",
		},
		"a sentence without a code": {
			handler: func(context.Context, *jobs.Run) error { return &jobs.Failure{Message: "Nothing to load."} },
			message: "Nothing to load.",
			code:    activity.JobFailed,
			logged:  "Nothing to load.",
		},
		"a panic": {
			handler: func(context.Context, *jobs.Run) error { panic("index out of secret range") },
			message: "It stopped because of an unexpected error",
			code:    activity.JobFailed,
			logged:  "finish_test.go",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var operators logBuffer
			r := w.start(jobs.Options{Log: slog.New(slog.NewTextHandler(&operators, nil))}, test.handler)
			job := w.awaitState(w.enqueue(load).Ref(), jobs.Failed)
			if job.Error == nil || !strings.HasPrefix(*job.Error, test.message) || strings.Contains(*job.Error, "secret") {
				t.Errorf("the user reads %v, want %q", *job.Error, test.message)
			}
			if codes := w.logged(job.Ref()); !slices.Equal(codes, []activity.Code{test.code}) {
				t.Errorf("log entries %v, want one %s", codes, test.code)
			}
			w.stop(r)
			if text := operators.String(); !strings.Contains(text, test.logged) {
				t.Errorf("operators read\n%s\nwant it to contain %q", text, test.logged)
			}
		})
	}
}

func TestARunningRunIsCancelledByNotification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, seen := make(chan struct{}), make(chan bool, 1)
	w.start(jobs.Options{Poll: never, Lease: never, Heartbeat: never}, func(ctx context.Context, run *jobs.Run) error {
		close(begun)
		<-ctx.Done()
		seen <- run.Cancelled() && errors.Is(context.Cause(ctx), jobs.ErrCancelled)
		return ctx.Err()
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	if got := w.cancel(job.ID); got.State != jobs.Running {
		t.Errorf("Cancel: %s, want RUNNING until the handler stops", got.State)
	}
	w.awaitState(job.Ref(), jobs.Cancelled)
	if !<-seen {
		t.Error("the handler was stopped without knowing that the run was cancelled")
	}
	if codes := w.logged(job.Ref()); !slices.Equal(codes, []activity.Code{activity.JobCancelled}) {
		t.Errorf("log entries %v, want one JOB_CANCELLED", codes)
	}
}

func TestARunningRunIsCancelledByHeartbeatWhenNothingNotifies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := &replica{w: w}
	r.db, _ = w.connect()
	r.start(jobs.Options{Poll: 10 * time.Millisecond, Heartbeat: 20 * time.Millisecond}, untilStopped)
	job := w.enqueue(load)
	w.awaitState(job.Ref(), jobs.Running)
	w.cancel(job.ID)
	w.awaitState(job.Ref(), jobs.Cancelled)
}

func TestARunThatCompletesInSpiteOfACancellationSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun := make(chan struct{})
	w.start(jobs.Options{}, func(ctx context.Context, _ *jobs.Run) error {
		close(begun)
		<-ctx.Done() // it was cancelled after the last step
		return nil
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	w.cancel(job.ID)
	w.awaitState(job.Ref(), jobs.Succeeded)
}

func TestARunnerThatStopsHandsItsRunsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, cause := make(chan struct{}), make(chan error, 1)
	stopping := w.start(jobs.Options{Lease: never, Heartbeat: never}, func(ctx context.Context, run *jobs.Run) error {
		run.Step("Reading offers")
		run.Progress(5, 10)
		run.Count(jobs.Counts{Created: 5})
		close(begun)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return ctx.Err()
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	resumed := make(chan jobs.Job)
	// It neither polls nor would the lease pass: only the hand-over gives it the run.
	w.start(jobs.Options{Poll: never}, func(_ context.Context, run *jobs.Run) error {
		resumed <- run.Job()
		run.Count(jobs.Counts{Created: 5})
		return nil
	})
	for range 2 {
		w.stop(stopping)
	}
	if got := receive(w, cause, "the handler to be stopped"); !errors.Is(got, jobs.ErrStopping) {
		t.Errorf("the handler was stopped by %v, want ErrStopping", got)
	}
	again := receive(w, resumed, "the run to be resumed")
	if again.ID != job.ID || again.Attempt != 2 || again.Done != 5 || again.Step != nil {
		t.Errorf("resumed job %d in attempt %d with %d done and step %v; want job %d, attempt 2, 5 done, no step", again.ID, again.Attempt, again.Done, again.Step, job.ID)
	}
	if ended := w.awaitState(job.Ref(), jobs.Succeeded); ended.Created != 10 {
		t.Errorf("created %d, want 10 of both attempts", ended.Created)
	}
}

func TestARunCancelledWhileItIsHandedOverIsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, stopped, cancelled := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := w.start(jobs.Options{Heartbeat: never, Lease: never}, func(ctx context.Context, _ *jobs.Run) error {
		close(begun)
		<-ctx.Done()
		close(stopped)
		<-cancelled
		return ctx.Err()
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.stop(r)
	}()
	receive(w, stopped, "the handler to be stopped")
	w.cancel(job.ID)
	close(cancelled)
	receive(w, ended, "the runner to stop")
	if got := w.get(job.Ref()); got.State != jobs.Cancelled {
		t.Errorf("the job is %s, want CANCELLED", got.State)
	}
}

func TestStopDoesNotWaitForeverForAHandler(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begun, release := make(chan struct{}), make(chan struct{})
	r := w.start(jobs.Options{}, func(context.Context, *jobs.Run) error {
		close(begun)
		<-release
		return nil
	})
	job := w.enqueue(load)
	receive(w, begun, "the run to begin")
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Stop(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop with a handler that does not stop: %v, want context.Canceled", err)
	}
	close(release)
	w.awaitState(job.Ref(), jobs.Succeeded)
}
