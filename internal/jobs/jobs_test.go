package jobs_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/notify"
	"crosswalk/internal/postgres/postgrestest"
)

const (
	load    = jobs.Kind("LOAD_OFFERS")
	syncing = jobs.Kind("SYNC_ORGANIZATIONS")
)

// patience is how long a test waits for what must come, never as long as never is.
const (
	patience = time.Minute
	never    = 24 * time.Hour
)

// world is a database with a seller, and the replicas that share it.
type world struct {
	*testing.T
	address  string
	db       *postgres.DB
	listener *notify.Listener
	seller   postgres.SellerID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, address: postgrestest.New(t)}
	w.db, w.listener = w.connect()
	w.seller = w.newSeller()
	return w
}

// connect returns a pool and a listener of their own, as every replica has.
func (w *world) connect() (*postgres.DB, *notify.Listener) {
	w.Helper()
	db, err := postgres.Open(w.Context(), w.address, postgres.Options{MaxConnections: 6})
	if err != nil {
		w.Fatalf("Open: %v", err)
	}
	w.Cleanup(func() { db.Close() })
	listener := notify.NewListener(db, quiet())
	if err := listener.Start(w.Context()); err != nil {
		w.Fatalf("start the listener: %v", err)
	}
	w.Cleanup(func() { w.stop(listener) })
	return db, listener
}

func (w *world) newSeller() (id postgres.SellerID) {
	w.Helper()
	err := w.db.System().Write(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &id, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('Cloud Traders', 'Europe/Berlin', 'https://platform.example.com', '', '')
			RETURNING id`)
	})
	if err != nil {
		w.Fatalf("insert a seller: %v", err)
	}
	return id
}

// replica is one process of several.
type replica struct {
	w        *world
	db       *postgres.DB
	listener *notify.Listener
	*jobs.Runner
}

// start runs a replica with one handler for all the kinds, or for load if none are given.
func (w *world) start(options jobs.Options, handler jobs.Handler, kinds ...jobs.Kind) *replica {
	w.Helper()
	r := &replica{w: w}
	r.db, r.listener = w.connect()
	options.Listener = r.listener
	return r.start(options, handler, kinds...)
}

func (r *replica) start(options jobs.Options, handler jobs.Handler, kinds ...jobs.Kind) *replica {
	r.w.Helper()
	if options.Log == nil {
		options.Log = quiet()
	}
	r.Runner = jobs.NewRunner(r.db, options)
	if len(kinds) == 0 {
		kinds = []jobs.Kind{load}
	}
	for _, kind := range kinds {
		r.Handle(kind, handler)
	}
	if err := r.Start(r.w.Context()); err != nil {
		r.w.Fatalf("start the runner: %v", err)
	}
	r.w.Cleanup(func() { r.w.stop(r.Runner) })
	return r
}

// die cuts the replica off the database, as the end of its process would: it can release nothing.
func (r *replica) die() {
	r.w.Helper()
	r.w.stop(r.listener)
	if err := r.db.Close(); err != nil {
		r.w.Fatalf("cut the connections: %v", err)
	}
}

func (w *world) stop(service interface{ Stop(context.Context) error }) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := service.Stop(ctx); err != nil {
		w.Errorf("Stop: %v", err)
	}
}

func (w *world) enqueue(kind jobs.Kind) jobs.Job {
	w.Helper()
	job, started := w.request(w.seller, jobs.Request{Kind: kind, RequestedBy: "anna"})
	if !started {
		w.Fatalf("Enqueue(%s) returned job %d that was there before, want a new one", kind, job.ID)
	}
	return job
}

func (w *world) request(seller postgres.SellerID, request jobs.Request) (job jobs.Job, started bool) {
	w.Helper()
	err := w.db.Seller(seller).Write(w.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		job, started, err = jobs.Enqueue(ctx, tx, seller, request)
		return err
	})
	if err != nil {
		w.Fatalf("Enqueue(%s): %v", request.Kind, err)
	}
	return job, started
}

func (w *world) cancel(id int64) (job jobs.Job) {
	w.Helper()
	err := w.db.Seller(w.seller).Write(w.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		job, err = jobs.Cancel(ctx, tx, w.seller, id)
		return err
	})
	if err != nil {
		w.Fatalf("Cancel(%d): %v", id, err)
	}
	return job
}

func (w *world) get(ref jobs.Ref) (job jobs.Job) {
	w.Helper()
	err := w.db.Seller(ref.Seller).Read(w.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		job, err = jobs.Get(ctx, tx, ref.Seller, ref.ID)
		return err
	})
	if err != nil {
		w.Fatalf("Get(%s): %v", ref, err)
	}
	return job
}

// await reads the job whenever a change of it is announced, until it is as wanted.
func (w *world) await(ref jobs.Ref, what string, wanted func(jobs.Job) bool) jobs.Job {
	w.Helper()
	changes, unsubscribe := w.listener.Subscribe(jobs.Channel)
	defer unsubscribe()
	late := time.After(patience)
	for {
		job := w.get(ref)
		if wanted(job) {
			return job
		}
		select {
		case <-changes:
		case <-late:
			w.Fatalf("job %s is %s (step %v, done %d), want it %s", ref, job.State, job.Step, job.Done, what)
		}
	}
}

func (w *world) awaitState(ref jobs.Ref, state jobs.State) jobs.Job {
	w.Helper()
	job := w.await(ref, "finished", func(job jobs.Job) bool { return job.State.Finished() || job.State == state })
	if job.State != state {
		w.Fatalf("job %s is %s, want %s", ref, job.State, state)
	}
	return job
}

// logged returns the codes of the log entries about the job.
func (w *world) logged(ref jobs.Ref) (codes []activity.Code) {
	w.Helper()
	err := w.db.Seller(ref.Seller).Read(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &codes, `
			SELECT code
			FROM log_entry
			WHERE seller_id = $1 AND job_id = $2
			ORDER BY id`, ref.Seller, ref.ID)
	})
	if err != nil {
		w.Fatalf("read the log: %v", err)
	}
	return codes
}

// execute runs a statement as somebody who is not bound to the package's rules.
func (w *world) execute(statement string, arguments ...any) {
	w.Helper()
	err := w.db.System().Write(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, statement, arguments...)
		return err
	})
	if err != nil {
		w.Fatalf("%s: %v", statement, err)
	}
}

// receive returns the next value or fails the test.
func receive[T any](w *world, values <-chan T, what string) (value T) {
	w.Helper()
	select {
	case value = <-values:
	case <-time.After(patience):
		w.Fatalf("waited in vain for %s", what)
	}
	return value
}

// untilStopped is a handler that does nothing until it has to stop.
func untilStopped(ctx context.Context, _ *jobs.Run) error {
	<-ctx.Done()
	return ctx.Err()
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// logBuffer collects what is logged for operators.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}
