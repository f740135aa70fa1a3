package activity

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/startstop"
)

const (
	// Window is how long log entries are kept and shown.
	Window = 30 * 24 * time.Hour
	// jobWindow is how long finished runs are kept, long after the last entry about them is gone.
	jobWindow = 365 * 24 * time.Hour
	// purgeBatch bounds what one transaction deletes, so that no purge holds many locks or runs long.
	purgeBatch = 5_000
	// purgeLock is any number that nothing else in the database locks.
	purgeLock = 5_477_862_134
)

// Purge deletes, for all sellers, the log entries written before now less Window and the runs that finished
// a year before now, and returns how many rows that were. The mapping history stays. When another replica is
// at it, Purge leaves the rest to that one.
func Purge(ctx context.Context, db *postgres.DB, now time.Time) (deleted int, err error) {
	entries, err := purge(ctx, db, now.Add(-Window), `
		DELETE FROM log_entry
		WHERE (seller_id, id) IN (
			SELECT seller_id, id
			FROM log_entry
			WHERE logged_at < $1
			ORDER BY logged_at
			LIMIT $2)`)
	if err != nil {
		return entries, fmt.Errorf("purge the log: %w", err)
	}
	jobs, err := purge(ctx, db, now.Add(-jobWindow), `
		DELETE FROM job
		WHERE (seller_id, id) IN (
			SELECT seller_id, id
			FROM job
			WHERE finished_at < $1 AND NOT EXISTS (
				SELECT FROM log_entry WHERE log_entry.seller_id = job.seller_id AND log_entry.job_id = job.id)
			LIMIT $2)`)
	if err != nil {
		return entries + jobs, fmt.Errorf("purge finished runs: %w", err)
	}
	return entries + jobs, nil
}

// purge runs statement, which deletes at most so many rows older than before, until it finds no more.
func purge(ctx context.Context, db *postgres.DB, before time.Time, statement string) (deleted int, err error) {
	for {
		var batch int64
		err := db.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			batch = 0
			var mine bool
			if err := tx.GetContext(ctx, &mine, `SELECT pg_try_advisory_xact_lock($1)`, purgeLock); err != nil || !mine {
				return err
			}
			result, err := tx.ExecContext(ctx, statement, before, purgeBatch)
			if err != nil {
				return err
			}
			batch, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return deleted, err
		}
		deleted += int(batch)
		if batch < purgeBatch {
			return deleted, nil
		}
	}
}

// Purger purges when it starts and once a day from then on, sooner again after an error. Every replica runs one.
type Purger struct {
	db    *postgres.DB
	clock func() time.Time
	log   *slog.Logger
	life  startstop.Service
}

// NewPurger returns a purger. clock tells the real time; nil means time.Now. A nil log means slog.Default.
func NewPurger(db *postgres.DB, clock func() time.Time, log *slog.Logger) *Purger {
	if clock == nil {
		clock = time.Now
	}
	return &Purger{db: db, clock: clock, log: cmp.Or(log, slog.Default())}
}

// Start begins purging in the background.
func (p *Purger) Start(ctx context.Context) error { return p.life.Start(ctx, p.run) }

// Stop ends it and waits for the batch under way.
func (p *Purger) Stop(ctx context.Context) error { return p.life.Stop(ctx) }

func (p *Purger) run(ctx context.Context) {
	for {
		pause := 24 * time.Hour
		deleted, err := Purge(ctx, p.db, p.clock())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.ErrorContext(ctx, "purging old log entries failed", "error", err)
			pause = time.Hour
		case deleted > 0:
			p.log.InfoContext(ctx, "old log entries and runs purged", "rows", deleted)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}
