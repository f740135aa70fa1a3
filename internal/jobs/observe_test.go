package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/jobs"
)

// diary keeps what an observer is told.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) has(line string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.lines, line)
}

type observedKey struct{}

func (d *diary) Claimed(ctx context.Context, job jobs.Job) (context.Context, jobs.Attempt) {
	d.write("claimed %s, attempt %d", job.Kind, job.Attempt)
	return context.WithValue(ctx, observedKey{}, true), d
}

func (d *diary) Finished(kind jobs.Kind, state jobs.State, took time.Duration) {
	d.write("finished %s %s in no time: %t", kind, state, took < 0)
}

func (d *diary) Step(text string) { d.write("step %s", text) }

func (d *diary) Ended(state jobs.State, err error) {
	d.write("ended %q, without error: %t", state, err == nil)
}

func TestAnObserverIsToldHowRunsGo(t *testing.T) {
	t.Parallel()
	failing := func(context.Context, *jobs.Run) error { return errors.New("broken") }
	tests := []struct {
		name string
		do   jobs.Handler
		want []string
	}{
		{"a run that succeeds", func(ctx context.Context, run *jobs.Run) error {
			if ctx.Value(observedKey{}) == nil {
				return errors.New("the handler's context is not the observer's")
			}
			run.Step("Reading offers")
			return nil
		}, []string{
			"claimed LOAD_OFFERS, attempt 1", "step Reading offers", `ended "SUCCEEDED", without error: true`,
			"finished LOAD_OFFERS SUCCEEDED in no time: false",
		}},
		{"a run that succeeds in part", func(_ context.Context, run *jobs.Run) error {
			run.Count(jobs.Counts{Failed: 1})
			return nil
		}, []string{"finished LOAD_OFFERS PARTIALLY_SUCCEEDED in no time: false"}},
		{"a run that fails", failing, []string{`ended "FAILED", without error: false`, "finished LOAD_OFFERS FAILED in no time: false"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, told := newWorld(t), &diary{}
			runner := w.start(jobs.Options{Observer: told}, test.do)
			w.await(w.enqueue(load).Ref(), "over", func(job jobs.Job) bool { return job.State.Finished() })
			w.stop(runner)
			for _, line := range test.want {
				if !told.has(line) {
					t.Errorf("the observer was told %q, want %q among it", told.lines, line)
				}
			}
		})
	}
}

func TestAnObserverIsToldOfRunsThatDidNotEndWhereTheyBegan(t *testing.T) {
	t.Parallel()
	w, told := newWorld(t), &diary{}
	begun := make(chan struct{})
	runner := w.start(jobs.Options{Observer: told, Lease: never, Heartbeat: never}, func(ctx context.Context, _ *jobs.Run) error {
		close(begun)
		return untilStopped(ctx, nil)
	})
	w.enqueue(load)
	receive(w, begun, "the run to begin")
	w.stop(runner)
	if want := `ended "QUEUED", without error: false`; !told.has(want) {
		t.Errorf("the observer was told %q of a run that was handed over, want %q among it", told.lines, want)
	}
	if told.has("finished LOAD_OFFERS QUEUED in no time: false") {
		t.Errorf("the observer was told %q, want no end of a run that was handed over", told.lines)
	}
}
