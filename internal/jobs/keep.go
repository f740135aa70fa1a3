package jobs

import (
	"context"
	"errors"
	"time"

	"crosswalk/internal/postgres"
)

// progressEvery is how often progress is stored at most.
const progressEvery = 250 * time.Millisecond

// keep extends the lease, stores progress and asks for cancellation until done is closed.
func (r *Run) keep(done <-chan struct{}) {
	heartbeat := time.NewTicker(r.options.Heartbeat)
	defer heartbeat.Stop()
	var (
		stored time.Time        // when the last sign of life was given
		soon   <-chan time.Time // when progress that came too early for the database may be stored
	)
	for {
		select {
		case <-done:
			return
		case <-heartbeat.C:
		case <-r.look:
		case <-soon:
		case <-r.changed:
			if wait := time.Until(stored.Add(progressEvery)); wait > 0 {
				soon = time.After(wait)
				continue
			}
		}
		if errors.Is(context.Cause(r.ctx), ErrLeaseLost) {
			return // it is somebody else's turn
		}
		r.beat()
		stored, soon = time.Now(), nil
	}
}

// beat is one sign of life. Failing to give it changes nothing until the lease has passed.
func (r *Run) beat() {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.options.Lease)
	defer cancel()
	cancelled, err := r.storeProgress(ctx)
	switch {
	case errors.Is(err, ErrLeaseLost):
		r.stop(ErrLeaseLost)
	case err != nil:
		r.log.WarnContext(ctx, "extending a job's lease failed", "error", err)
	default:
		r.lapse.Reset(time.Until(begun.Add(r.options.Lease)))
		if cancelled {
			r.stop(ErrCancelled)
		}
	}
}

// storeProgress extends the lease, stores what is unsent and reports whether the run is to be cancelled.
func (r *Run) storeProgress(ctx context.Context) (cancelled bool, err error) {
	err = r.send(ctx, func(ctx context.Context, tx *postgres.Tx, shown progress) error {
		err := tx.GetContext(ctx, &cancelled, `
			UPDATE job
			SET lease_until = now() + $14 * interval '1 millisecond',`+progressAssignments+`
			WHERE `+fence+`
			RETURNING cancel_requested`, r.progressArguments(shown, r.options.Lease.Milliseconds())...)
		if err != nil || !shown.changed {
			return held(err)
		}
		return announce(ctx, tx, Channel, r.job.Ref())
	})
	return cancelled, err
}

// progressAssignments stores a progress; its arguments follow those of the fence.
const progressAssignments = `
				done = $5, total = $6, step = $7,
				created = created + $8, updated = updated + $9, unchanged = unchanged + $10,
				skipped = skipped + $11, failed = failed + $12, cancelled = cancelled + $13`

func (r *Run) progressArguments(p progress, more ...any) []any {
	arguments := r.fenceArguments(p.done, p.total, p.step,
		p.counts.Created, p.counts.Updated, p.counts.Unchanged, p.counts.Skipped, p.counts.Failed, p.counts.Cancelled)
	return append(arguments, more...)
}

// send stores, in a transaction, what the database has not got yet. What cannot be stored is kept for the next
// time.
func (r *Run) send(ctx context.Context, store func(ctx context.Context, tx *postgres.Tx, shown progress) error) error {
	r.mu.Lock()
	shown := r.unsent
	r.unsent.counts, r.unsent.changed = Counts{}, false
	r.mu.Unlock()
	err := r.seller.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return store(ctx, tx, shown)
	})
	if err != nil {
		r.mu.Lock()
		r.unsent.counts = r.unsent.counts.plus(shown.counts)
		r.unsent.changed = r.unsent.changed || shown.changed
		r.mu.Unlock()
	}
	return err
}
