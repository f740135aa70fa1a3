// Package schedule has the Automated Daily Sync begin: at the seller's time of day, once a day for each seller, however
// many replicas there are and whenever they are started.
//
// Which day is due is a matter of the seller's settings and the clock alone (Plan). What makes it happen once is the
// daily_run table: whoever inserts the seller's day asks for the run in the same transaction. So a day is
// settled exactly once, by a run that was asked for or by an entry in the seller's log that says why there is none.
//
// Times are real times, not those that business rules take for today. The package does not know what the run does: it
// is given a function that asks for it. Start reading at Plan, then Scheduler.
package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/startstop"
)

// RequestedBy is who asks for the runs, as people read it.
const RequestedBy = "Automated Daily Sync"

// ErrActive is returned by an Enqueue that finds such a run waiting or under way.
var ErrActive = errors.New("there is such a run already")

// Enqueue asks, in tx, for a run of all that a seller has to sync. If there is one already it changes nothing and
// returns ErrActive, wrapped or not; the day counts as settled then.
type Enqueue func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, requestedBy string) error

// Options tune a Scheduler. The zero value is ready for use.
type Options struct {
	// Clock tells the real time; nil means time.Now.
	Clock func() time.Time
	// Poll is how often changed settings are looked for; 0 means 30 s. Runs that are known to be due sooner are begun on
	// time.
	Poll time.Duration
	// Log takes what concerns operators; nil means slog.Default.
	Log *slog.Logger
}

const (
	// patience is how long settling one seller's day may take.
	patience = 30 * time.Second
	// kept is for how many days it is kept which days are settled.
	kept = 60
	// purgeEvery is how often older ones are deleted, and purgeBatch how many at a time.
	purgeEvery = time.Hour
	purgeBatch = 10_000
)

// Scheduler begins the daily runs that are due. Every replica has one.
type Scheduler struct {
	db       *postgres.DB
	accounts *account.Service
	enqueue  Enqueue
	options  Options
	life     startstop.Service
}

// New returns a scheduler of the sellers in db.
func New(db *postgres.DB, accounts *account.Service, enqueue Enqueue, options Options) *Scheduler {
	if options.Clock == nil {
		options.Clock = time.Now
	}
	options.Poll = cmp.Or(options.Poll, 30*time.Second)
	options.Log = cmp.Or(options.Log, slog.Default())
	return &Scheduler{db: db, accounts: accounts, enqueue: enqueue, options: options}
}

// Start begins to look for runs that are due and returns at once.
func (s *Scheduler) Start(ctx context.Context) error { return s.life.Start(ctx, s.loop) }

// Stop ends that. A day that is being settled is left to another replica, or to the next start.
func (s *Scheduler) Stop(ctx context.Context) error { return s.life.Stop(ctx) }

func (s *Scheduler) loop(ctx context.Context) {
	var purged time.Time
	for ctx.Err() == nil {
		wait := s.options.Poll
		if next := s.look(ctx); !next.IsZero() {
			wait = min(wait, next.Sub(s.options.Clock()))
		}
		if now := s.options.Clock(); now.Sub(purged) >= purgeEvery {
			s.purge(ctx, civil.DateOf(now.UTC()).AddDays(-kept))
			purged = now
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// look settles the days that are due and returns when the next one will be, which is zero if that is not known. What
// fails is tried again at the next look.
func (s *Scheduler) look(ctx context.Context) (next time.Time) {
	now := s.options.Clock()
	sellers, err := s.planned(ctx)
	if err != nil {
		s.complain(ctx, "looking for daily syncs failed", err)
		return time.Time{}
	}
	for _, seller := range sellers {
		plan, err := seller.plan()
		if err != nil {
			s.complain(ctx, "a daily sync cannot be planned", err, "seller", seller.ID)
			continue
		}
		if due, wanted := plan.Current(now); wanted {
			if err := s.settle(ctx, seller, due, now); err != nil {
				s.complain(ctx, "beginning a daily sync failed", err, "seller", seller.ID, "day", due.Day)
			}
		}
		if due := plan.Next(now).Due; next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next
}

// complain tells operators of an error, unless it is the scheduler's own end.
func (s *Scheduler) complain(ctx context.Context, what string, err error, attributes ...any) {
	if ctx.Err() == nil {
		s.options.Log.ErrorContext(ctx, what, append(attributes, "error", err)...)
	}
}

// planned is a seller whose daily sync is switched on.
type planned struct {
	ID       postgres.SellerID `db:"id"`
	TimeZone string            `db:"time_zone"`
	At       string            `db:"daily_sync_time"`
	Since    time.Time         `db:"daily_sync_since"`
	Settled  *civil.Date       `db:"settled"`
}

func (p planned) plan() (Plan, error) {
	zone, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		return Plan{}, err
	}
	at, err := account.ParseTimeOfDay(p.At)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Zone: zone, At: at, Since: p.Since}
	if p.Settled != nil {
		plan.Settled = *p.Settled
	}
	return plan, nil
}

const plannedStatement = `
	SELECT seller.id, seller.time_zone, planned.daily_sync_time, planned.daily_sync_since,
		(SELECT max(day) FROM daily_run WHERE daily_run.seller_id = planned.seller_id) AS settled
	FROM seller_settings AS planned
	JOIN seller ON seller.id = planned.seller_id
	WHERE planned.daily_sync_enabled`

func (s *Scheduler) planned(ctx context.Context) (sellers []planned, err error) {
	err = s.db.System().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		sellers = nil
		return tx.SelectContext(ctx, &sellers, plannedStatement)
	})
	if err != nil {
		return nil, fmt.Errorf("read the daily syncs: %w", err)
	}
	return sellers, nil
}

// purge forgets which days before a day are settled, at most so many at a time.
func (s *Scheduler) purge(ctx context.Context, before civil.Date) {
	err := s.db.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			DELETE FROM daily_run
			WHERE (seller_id, day) IN (
				SELECT seller_id, day
				FROM daily_run
				WHERE day < $1
				ORDER BY day
				LIMIT $2
				FOR UPDATE SKIP LOCKED)`, before, purgeBatch)
		return err
	})
	if err != nil {
		s.complain(ctx, "purging old daily syncs failed", err)
	}
}
