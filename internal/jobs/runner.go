package jobs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/notify"
	"crosswalk/internal/startstop"
)

// Handler does the work of one kind of run. It may be called again for the same run, on another replica, after
// a crash or a hand-over, and goes on from what it finds in the database.
//
// ctx ends when the run is to stop: because somebody cancelled it (the cause is ErrCancelled), the lease was
// lost (ErrLeaseLost) or the runner is stopping (ErrStopping). The handler then stops between two steps and
// returns an error; what must not be broken off is done with context.WithoutCancel(ctx). Returning nil means
// that the work is complete, whatever happened to ctx. An error that wraps *postgres.UnavailableError leaves the run to
// the next worker; any other fails it, see Failure.
type Handler func(ctx context.Context, run *Run) error

// Options tune a Runner. The zero value is ready for use.
type Options struct {
	// Listener wakes the runner when something happens to a run. Without one the runner only polls.
	Listener *notify.Listener
	// Workers is how many runs are worked on at a time; 0 means 8.
	Workers int
	// Lease is how long a worker that has gone silent is believed to live; 0 means 15 s.
	Lease time.Duration
	// Heartbeat is how often the lease is extended; 0 means a third of it.
	Heartbeat time.Duration
	// Poll is how often the runner looks for runs by itself, which finds those of dead workers; 0 means a third of
	// the lease.
	Poll time.Duration
	// MaxAttempts is how many attempts in a row may lose their worker before they have stored anything, until the
	// run is failed; 0 means 5. One that gets on a little each time is never failed for that.
	MaxAttempts int
	// Worker names this runner in the job table; empty means host and process. A random part is added.
	Worker string
	// Observer is told what becomes of runs; nil for nobody.
	Observer Observer
	// Log takes what concerns operators; nil means slog.Default.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Workers = cmp.Or(o.Workers, 8)
	o.Lease = cmp.Or(o.Lease, 15*time.Second)
	o.Heartbeat = cmp.Or(o.Heartbeat, o.Lease/3)
	o.Poll = cmp.Or(o.Poll, o.Lease/3)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, 5)
	o.Log = cmp.Or(o.Log, slog.Default())
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		o.Worker = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	o.Worker = fmt.Sprintf("%s/%08x", o.Worker, rand.Uint32())
	return o
}

// Runner claims runs and works on them. Every replica has one.
type Runner struct {
	db       *postgres.DB
	options  Options
	handlers map[Kind]Handler
	life     startstop.Service
	// freed has a value when a worker may have become free.
	freed   chan struct{}
	workers sync.WaitGroup

	mu   sync.Mutex
	runs map[*Run]struct{}
}

// NewRunner returns a runner that knows no kinds yet.
func NewRunner(db *postgres.DB, options Options) *Runner {
	return &Runner{
		db:       db,
		options:  options.withDefaults(),
		handlers: make(map[Kind]Handler),
		freed:    make(chan struct{}, 1),
		runs:     make(map[*Run]struct{}),
	}
}

// Handle sets what does the work of a kind. It must be called before Start; runs of kinds without a handler
// are left to other runners.
func (r *Runner) Handle(kind Kind, handler Handler) { r.handlers[kind] = handler }

// Start begins to claim runs and returns at once.
func (r *Runner) Start(ctx context.Context) error { return r.life.Start(ctx, r.loop) }

// Stop claims no more, asks the handlers at work to stop, and waits for them. Their runs go back to the queue,
// where another replica takes them up at once. When ctx ends first, a run whose handler has not stopped is
// taken up by another replica after its lease has passed.
func (r *Runner) Stop(ctx context.Context) error { return r.life.Stop(ctx) }

func (r *Runner) loop(ctx context.Context) {
	var woken <-chan string
	if r.options.Listener != nil {
		payloads, unsubscribe := r.options.Listener.Subscribe(QueueChannel)
		defer unsubscribe()
		woken = payloads
	}
	poll := time.NewTicker(r.options.Poll)
	defer poll.Stop()
	for {
		r.fill(ctx)
		select {
		case <-ctx.Done():
			r.each(func(run *Run) { run.stop(ErrStopping) })
			r.workers.Wait()
			return
		case payload, open := <-woken:
			if !open {
				woken = nil // the listener was stopped; polling goes on
				continue
			}
			r.look(payload)
		case <-r.freed:
		case <-poll.C:
		}
	}
}

// fill claims runs for the workers that are free.
func (r *Runner) fill(ctx context.Context) {
	for ctx.Err() == nil && r.busy() < r.options.Workers {
		run, err := r.claim(ctx)
		if err != nil {
			r.options.Log.WarnContext(ctx, "looking for jobs failed", "error", err)
			return
		}
		if run == nil {
			return
		}
		r.launch(run)
	}
}

func (r *Runner) launch(run *Run) {
	r.mu.Lock()
	r.runs[run] = struct{}{}
	r.mu.Unlock()
	r.workers.Go(func() {
		defer func() {
			r.mu.Lock()
			delete(r.runs, run)
			r.mu.Unlock()
			signal(r.freed)
		}()
		run.execute(r.handlers[run.job.Kind])
	})
}

// look makes the run a notification names, if it is ours, ask whether it is to be cancelled.
func (r *Runner) look(payload string) {
	ref, err := ParseRef(payload)
	missed := err != nil // then it may be any of them
	r.each(func(run *Run) {
		if missed || run.job.Ref() == ref {
			signal(run.look)
		}
	})
}

func (r *Runner) each(do func(*Run)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for run := range r.runs {
		do(run)
	}
}

func (r *Runner) busy() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.runs)
}

// signal leaves a value in a channel of room one, unless there is one already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
