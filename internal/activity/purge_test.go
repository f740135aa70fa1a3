package activity_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
)

func TestPurgeDeletesWhatIsPastItsWindow(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	now := time.Now().UTC()
	const day = 24 * time.Hour
	ancient := insertJob(t, db, seller, now.Add(-366*day))
	recent := insertJob(t, db, seller, now.Add(-364*day))
	insertEntries(t, db, seller, ancient, now.Add(-31*day), 12_000)
	insertEntries(t, db, seller, recent, now.Add(-activity.Window-time.Minute), 1)
	insertEntries(t, db, seller, recent, now.Add(-activity.Window+time.Minute), 3)

	deleted, err := activity.Purge(t.Context(), db, now)
	if err != nil || deleted != 12_002 {
		t.Errorf("Purge: %d rows (%v), want 12002: 12001 entries and a run", deleted, err)
	}
	if got := len(entries(t, db, seller)); got != 3 {
		t.Errorf("%d entries are left, want 3", got)
	}
	if diff := cmp.Diff([]int64{recent}, jobs(t, db, seller)); diff != "" {
		t.Errorf("runs that are left (-want +got):\n%s", diff)
	}
	if deleted, err := activity.Purge(t.Context(), db, now); err != nil || deleted != 0 {
		t.Errorf("Purge again: %d rows (%v), want 0", deleted, err)
	}
}

func TestPurgeTakesWhatAnOldPostingRunPlanned(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	now := time.Now().UTC()
	old := insertJob(t, db, seller, now.AddDate(-1, 0, -2))
	other := insertJob(t, db, seller, now.AddDate(-1, 0, -2))
	recent := insertJob(t, db, seller, now)
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO posting_plan (seller_id, job_id, line_count) VALUES ($1, $2, 3), ($1, $3, 4)`, seller, old, recent)
		return err
	})
	if deleted, err := activity.Purge(t.Context(), db, now); err != nil || deleted != 2 {
		t.Errorf("Purge: %d rows (%v), want the runs %d and %d", deleted, err, old, other)
	}
	var planned []int64
	read(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &planned, `SELECT job_id FROM posting_plan WHERE seller_id = $1`, seller)
	})
	if diff := cmp.Diff([]int64{recent}, planned); diff != "" {
		t.Errorf("runs whose plans are left (-want +got):\n%s", diff)
	}
}

func TestPurgeLeavesTheWorkToAReplicaThatIsAtIt(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	now := time.Now()
	insertEntries(t, db, seller, insertJob(t, db, seller, now), now.Add(-2*activity.Window), 1)
	err := db.System().Write(t.Context(), func(ctx context.Context, other *postgres.Tx) error {
		if _, err := other.ExecContext(ctx, `SELECT pg_advisory_xact_lock(5477862134)`); err != nil {
			return err
		}
		deleted, err := activity.Purge(ctx, db, now)
		if deleted != 0 {
			t.Errorf("Purge while another replica purges deleted %d rows, want 0", deleted)
		}
		return err
	})
	if err != nil {
		t.Fatalf("Purge while another replica purges: %v", err)
	}
	if deleted, err := activity.Purge(t.Context(), db, now); err != nil || deleted != 1 {
		t.Errorf("Purge afterwards: %d rows (%v), want 1", deleted, err)
	}
}

func TestThePurgerPurgesWhenItStarts(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	now := time.Now()
	insertEntries(t, db, seller, insertJob(t, db, seller, now), now, 2)
	later := func() time.Time { return now.Add(activity.Window + time.Hour) }
	purgers := []*activity.Purger{activity.NewPurger(db, later, nil), activity.NewPurger(db, later, nil)}
	for _, purger := range purgers {
		for range 2 {
			if err := purger.Start(t.Context()); err != nil {
				t.Fatalf("Start: %v", err)
			}
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for len(entries(t, db, seller)) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d old entries are left, want none", len(entries(t, db, seller)))
		}
	}
	for _, purger := range purgers {
		for range 2 {
			if err := purger.Stop(context.Background()); err != nil {
				t.Errorf("Stop: %v", err)
			}
		}
	}
}

func insertEntries(t *testing.T, db *postgres.DB, seller postgres.SellerID, job int64, logged time.Time, count int) {
	t.Helper()
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO log_entry (seller_id, level, logged_at, code, title, job_id)
			SELECT $1, 'INFO', $2, 'ORGS_CREATED', 'Entry ' || n, $3
			FROM generate_series(1, $4) AS n`, seller, logged, job, count)
		return err
	})
}

func jobs(t *testing.T, db *postgres.DB, seller postgres.SellerID) (ids []int64) {
	t.Helper()
	read(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &ids, `SELECT id FROM job WHERE seller_id = $1 ORDER BY id`, seller)
	})
	return ids
}
