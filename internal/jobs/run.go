package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
)

// The causes with which a run's context ends before its handler does.
var (
	// ErrCancelled means that somebody asked for the run to be cancelled.
	ErrCancelled = errors.New("the job was cancelled")
	// ErrLeaseLost means that another worker has the run, or may have it. Nothing more can be written.
	ErrLeaseLost = errors.New("the job's lease was lost")
	// ErrStopping means that this process is stopping; another one goes on with the run.
	ErrStopping = errors.New("the job is handed over because the process is stopping")
)

// Unknown is the total of a run whose size is not known yet.
const Unknown = -1

// Run is one attempt at a job, as its handler sees it. It is safe for concurrent use.
type Run struct {
	job     Job
	seller  *postgres.SellerDB
	options Options
	log     *slog.Logger
	attempt Attempt
	// ctx is the handler's, kept here because what ends it comes from several sides.
	ctx  context.Context
	stop context.CancelCauseFunc
	// lapse ends the run when the lease may have passed, even while the database does not answer.
	lapse *time.Timer
	// changed has a value when there is progress to store, look when the run is to ask whether it is cancelled.
	changed, look chan struct{}

	// fruitful is set once this attempt has stored work, and the job's row says so.
	fruitful atomic.Bool

	mu     sync.Mutex
	unsent progress
}

// progress is what a run shows of itself. The counts are those the database has not got yet.
type progress struct {
	step   *string
	done   int
	total  *int
	counts Counts
	// changed is false when the database has all of it.
	changed bool
}

// newRun returns the run of a job claimed no earlier than begun.
func (r *Runner) newRun(ctx context.Context, job Job, begun time.Time) *Run {
	ctx, attempt := r.options.Observer.Claimed(context.WithoutCancel(ctx), job)
	ctx, stop := context.WithCancelCause(ctx)
	return &Run{
		job:     job,
		seller:  r.db.Seller(job.SellerID),
		options: r.options,
		log:     r.options.Log.With(jobAttributes(job)...),
		attempt: attempt,
		ctx:     ctx,
		stop:    stop,
		lapse:   time.AfterFunc(time.Until(begun.Add(r.options.Lease)), func() { stop(ErrLeaseLost) }),
		changed: make(chan struct{}, 1),
		look:    make(chan struct{}, 1),
		unsent:  progress{step: job.Step, done: job.Done, total: job.Total},
	}
}

// Job returns the job as it was when this attempt began.
func (r *Run) Job() Job { return r.job }

// Parameters reads what the job was asked for into target.
func (r *Run) Parameters(target any) error {
	if err := json.Unmarshal(r.job.Parameters, target); err != nil {
		return fmt.Errorf("parameters of job %d: %w", r.job.ID, err)
	}
	return nil
}

// Seller returns the view of the database of the seller the job belongs to. What the handler writes through it
// is not fenced; see Write.
func (r *Run) Seller() *postgres.SellerDB { return r.seller }

// Cancelled reports whether somebody asked for the run to be cancelled. Handlers need not ask: their context
// ends then.
func (r *Run) Cancelled() bool { return errors.Is(context.Cause(r.ctx), ErrCancelled) }

// Step says what the run is doing now, in words a user understands. It does not wait for the database.
func (r *Run) Step(text string) {
	r.attempt.Step(text)
	r.show(func(p *progress) { p.step = &text })
}

// Progress says how much is done and of how much, Unknown if that is not known. It does not wait for the
// database, so it may be called for every record.
func (r *Run) Progress(done, total int) {
	r.show(func(p *progress) {
		p.done, p.total = done, nil
		if total >= 0 {
			p.total = &total
		}
	})
}

// Count adds to the run's counts. It does not wait for the database: a crash may lose the last of it. Counts of
// what Write stores belong to WriteCounted.
func (r *Run) Count(counts Counts) {
	r.show(func(p *progress) { p.counts = p.counts.plus(counts) })
}

func (r *Run) show(change func(*progress)) {
	r.mu.Lock()
	change(&r.unsent)
	r.unsent.changed = true
	r.mu.Unlock()
	signal(r.changed)
}

// Write runs fn in a transaction that commits only while this worker has the lease. If it has lost it, the
// error is ErrLeaseLost and nothing is stored. As with SellerDB.Write, fn may be called more than once.
//
// What fn changes shows that the run gets on, however often it loses its worker: see Options.MaxAttempts.
func (r *Run) Write(ctx context.Context, fn func(ctx context.Context, tx *postgres.Tx) error) error {
	return r.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (Counts, error) {
		return Counts{}, fn(ctx, tx)
	})
}

// WriteCounted is Write for data that is counted: the counts fn returns are stored in the same transaction, so
// that no crash loses them or has them counted twice.
func (r *Run) WriteCounted(ctx context.Context, fn func(ctx context.Context, tx *postgres.Tx) (Counts, error)) error {
	var (
		counts Counts
		work   bool
	)
	err := r.fenced(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		if counts, err = fn(ctx, tx); err != nil {
			return err
		}
		work = counts != (Counts{})
		if !work && !r.fruitful.Load() {
			if work, err = hasChanges(ctx, tx); err != nil {
				return err
			}
		}
		if !work {
			return r.holdLease(ctx, tx)
		}
		return r.storeCounts(ctx, tx, counts)
	})
	if err != nil {
		return err
	}
	if work {
		r.fruitful.Store(true)
	}
	if counts != (Counts{}) {
		r.show(func(*progress) {}) // announces the counts
	}
	return nil
}

// hasChanges reports whether tx has changed or locked anything: an attempt that only finds its work done has not got on.
func hasChanges(ctx context.Context, tx *postgres.Tx) (changes bool, err error) {
	err = tx.GetContext(ctx, &changes, `SELECT pg_current_xact_id_if_assigned() IS NOT NULL`)
	return changes, err
}

// fenced runs fn, which ends with holdLease or storeCounts, in a transaction.
func (r *Run) fenced(ctx context.Context, fn func(ctx context.Context, tx *postgres.Tx) error) error {
	err := r.seller.Write(ctx, fn)
	if errors.Is(err, ErrLeaseLost) {
		r.stop(ErrLeaseLost)
	}
	return err
}

// holdLease makes sure that no other worker has claimed the run when tx commits. It comes last in its
// transaction: from here on others wait for the run's row, and they should not wait for long, above all not if this
// process falls silent.
func (r *Run) holdLease(ctx context.Context, tx *postgres.Tx) error {
	var id int64
	err := tx.GetContext(ctx, &id, `SELECT id FROM job WHERE `+fence+` FOR SHARE`, r.fenceArguments()...)
	return held(err)
}

// storeCounts is holdLease, and adds the counts. The attempt is fruitful from then on.
func (r *Run) storeCounts(ctx context.Context, tx *postgres.Tx, counts Counts) error {
	var id int64
	err := tx.GetContext(ctx, &id, `
		UPDATE job
		SET created = created + $5, updated = updated + $6, unchanged = unchanged + $7,
			skipped = skipped + $8, failed = failed + $9, cancelled = cancelled + $10, fruitless = 0
		WHERE `+fence+`
		RETURNING id`, r.fenceArguments(counts.Created, counts.Updated, counts.Unchanged, counts.Skipped, counts.Failed, counts.Cancelled)...)
	return held(err)
}

func (r *Run) fenceArguments(more ...any) []any {
	return append([]any{r.job.SellerID, r.job.ID, r.job.Attempt, r.options.Worker}, more...)
}

// Log writes entries about this run to the seller's log, in a transaction of their own, fenced as Write is. To talk
// is not to get on: that a run logs what it begins to do does not keep it from being given up.
func (r *Run) Log(ctx context.Context, entries ...activity.Entry) error {
	return r.fenced(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		if err := r.LogTx(ctx, tx, entries...); err != nil {
			return err
		}
		return r.holdLease(ctx, tx)
	})
}

// LogTx is Log in the transaction of what the entries tell of.
func (r *Run) LogTx(ctx context.Context, tx *postgres.Tx, entries ...activity.Entry) error {
	ours := make([]activity.Entry, len(entries))
	for i, entry := range entries {
		entry.JobID = r.job.ID
		ours[i] = entry
	}
	return activity.Log(ctx, tx, r.job.SellerID, ours...)
}
