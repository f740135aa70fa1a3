package activity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/notify"
	"crosswalk/internal/postgres/postgrestest"
)

type storedEntry struct {
	Level       string  `db:"level"`
	Code        string  `db:"code"`
	Title       string  `db:"title"`
	Details     *string `db:"details"`
	SubjectKind *string `db:"subject_kind"`
	SubjectID   *int64  `db:"subject_id"`
	JobID       *int64  `db:"job_id"`
}

func TestLogKeepsEntriesInOrderAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	job := insertJob(t, db, seller, time.Now())
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return activity.Log(ctx, tx, seller,
			activity.Entry{Level: activity.Info, Code: activity.OrgSyncStarted, Title: "Sync started", JobID: job},
			activity.Entry{
				Level: activity.Warning, Code: activity.OrganizationNotInFeed, Title: "O'Neill\x00 & Söhne \xff",
				Details: "Not in the feed.", Subject: &activity.Subject{Kind: "Organization", ID: 7},
			},
			activity.Entry{Level: activity.Error, Code: "SOMETHING_NEW", Title: "Failed"},
		)
	})
	want := []storedEntry{
		{Level: "INFO", Code: "ORG_SYNC_STARTED", Title: "Sync started", JobID: &job},
		{
			Level: "WARNING", Code: "ORGANIZATION_NOT_IN_FEED", Title: "O'Neill & Söhne \uFFFD",
			Details: new("Not in the feed."), SubjectKind: new("Organization"), SubjectID: new(int64(7)),
		},
		{Level: "ERROR", Code: "SOMETHING_NEW", Title: "Failed"},
	}
	if diff := cmp.Diff(want, entries(t, db, seller)); diff != "" {
		t.Errorf("log entries (-want +got):\n%s", diff)
	}
}

func TestTheLogIsTheSameListAMomentLater(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	one, now := 1, time.Now()
	read := func(now time.Time, after *string) (result *grid.Result[activity.Logged]) {
		t.Helper()
		asked, err := grid.NewPage(&one, after, nil, nil, nil)
		if err == nil {
			err = db.Seller(seller).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
				result, err = activity.List(ctx, tx, seller, now, grid.Request{Columns: activity.LoggedColumns, Page: asked})
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		entry := activity.Entry{Level: activity.Info, Code: activity.OrgSyncStarted, Title: "x"}
		return activity.Log(ctx, tx, seller, entry, entry)
	})
	first := read(now, nil).Cursor(0)
	// The position comes with the cursor: nobody asked for it to be counted.
	if from := read(now.Add(time.Minute), &first).From; from != 2 {
		t.Errorf("the next page begins at %d a minute later, want 2", from)
	}
}

func TestLogRefusesALevelThatDoesNotExist(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return activity.Log(ctx, tx, seller, activity.Entry{Level: "LOUD", Code: activity.OrgsCreated, Title: "Oops"})
	})
	if err == nil {
		t.Error("Log with the level LOUD succeeded, want an error")
	}
}

func TestEntriesAreAnnouncedWhenTheyAreCommitted(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	listener := notify.NewListener(db, nil)
	if err := listener.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { _ = listener.Stop(context.Background()) })
	payloads, _ := listener.Subscribe(activity.LogChannel)
	<-payloads

	undone := errors.New("undone")
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		if err := activity.Log(ctx, tx, seller, activity.Entry{Level: activity.Error, Code: activity.JobFailed, Title: "Undone"}); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatalf("Write: %v, want it undone", err)
	}
	const many = 1_000
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		batch := make([]activity.Entry, many)
		for i := range batch {
			batch[i] = activity.Entry{Level: activity.Info, Code: activity.OrgsCreated, Title: fmt.Sprint("Entry ", i)}
		}
		return activity.Log(ctx, tx, seller, batch...)
	})
	var announced []int64
	for len(announced) < many {
		select {
		case payload := <-payloads:
			notice, err := activity.ParseNotice(payload)
			if err != nil {
				t.Fatalf("ParseNotice(%q): %v", payload, err)
			}
			if notice.Seller != seller || notice.Level != activity.Info {
				t.Fatalf("announced: seller %d, level %s; want %d, INFO", notice.Seller, notice.Level, seller)
			}
			announced = append(announced, notice.IDs...)
		case <-time.After(30 * time.Second):
			t.Fatalf("%d entries announced, want %d", len(announced), many)
		}
	}
	var want []int64
	read(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &want, `SELECT id FROM log_entry WHERE seller_id = $1 ORDER BY id`, seller)
	})
	if diff := cmp.Diff(want, announced); diff != "" {
		t.Errorf("announced entries (-stored +announced):\n%s", diff)
	}
}

func TestNoticesReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	one := activity.Notice{Seller: 7, IDs: []int64{123}, Level: activity.Error}
	if got, want := one.String(), "7:123:ERROR"; got != want {
		t.Errorf("String: %q, want %q", got, want)
	}
	several := activity.Notice{Seller: 7, IDs: []int64{1, 2, 9}, Level: activity.Info}
	for _, notice := range []activity.Notice{one, several} {
		got, err := activity.ParseNotice(notice.String())
		if err != nil {
			t.Errorf("ParseNotice(%q): %v", notice, err)
		}
		if diff := cmp.Diff(notice, got); diff != "" {
			t.Errorf("ParseNotice(%q) (-want +got):\n%s", notice, diff)
		}
	}
	for _, payload := range []string{"", "7", "7:1", "x:1:INFO", "7:x:INFO", "7::INFO", "7:1:INFO:more"} {
		if notice, err := activity.ParseNotice(payload); err == nil {
			t.Errorf("ParseNotice(%q): %+v, want an error", payload, notice)
		}
	}
}

func TestRecordKeepsWhoChangedWhatFromWhatToWhat(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	type mapping struct {
		Company *int `json:"company"`
	}
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return activity.Record(ctx, tx, seller, "anna@example.com",
			activity.Change{Kind: "Organization", RecordID: 3, Revision: 2, After: mapping{new(19)}},
			activity.Change{Kind: "Organization", RecordID: 4, Revision: 8, Before: mapping{new(19)}, After: mapping{}},
		)
	})
	type change struct {
		Kind     string `db:"kind"`
		RecordID int64  `db:"record_id"`
		Revision int    `db:"revision"`
		By       string `db:"changed_by"`
		Before   string `db:"before"`
		After    string `db:"after"`
	}
	want := []change{
		{"Organization", 3, 2, "anna@example.com", `null`, `{"company": 19}`},
		{"Organization", 4, 8, "anna@example.com", `{"company": 19}`, `{"company": null}`},
	}
	var got []change
	read(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &got, `
			SELECT kind, record_id, revision, changed_by, before, after
			FROM mapping_history
			WHERE seller_id = $1
			ORDER BY id`, seller)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mapping history (-want +got):\n%s", diff)
	}
}

func TestRecordRefusesWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	db, seller := open(t)
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return activity.Record(ctx, tx, seller, "anna", activity.Change{Kind: "Offer", RecordID: 1, After: func() {}})
	})
	if err == nil || !strings.Contains(err.Error(), "Offer 1") {
		t.Errorf("Record of a function: %v, want an error that names the record", err)
	}
}

func open(t *testing.T) (*postgres.DB, postgres.SellerID) {
	t.Helper()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 5})
	var seller postgres.SellerID
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &seller, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('Cloud Traders', 'Europe/Berlin', 'https://platform.example.com', '', '')
			RETURNING id`)
	})
	if err != nil {
		t.Fatalf("insert a seller: %v", err)
	}
	return db, seller
}

func write(t *testing.T, db *postgres.DB, seller postgres.SellerID, fn func(context.Context, *postgres.Tx) error) {
	t.Helper()
	if err := db.Seller(seller).Write(t.Context(), fn); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func read(t *testing.T, db *postgres.DB, seller postgres.SellerID, fn func(context.Context, *postgres.Tx) error) {
	t.Helper()
	if err := db.Seller(seller).Read(t.Context(), fn); err != nil {
		t.Fatalf("read: %v", err)
	}
}

func entries(t *testing.T, db *postgres.DB, seller postgres.SellerID) []storedEntry {
	t.Helper()
	var stored []storedEntry
	read(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &stored, `
			SELECT level, code, title, details, subject_kind, subject_id, job_id
			FROM log_entry
			WHERE seller_id = $1
			ORDER BY id`, seller)
	})
	return stored
}

// insertJob stores a run that finished at the given time.
func insertJob(t *testing.T, db *postgres.DB, seller postgres.SellerID, finished time.Time) (id int64) {
	t.Helper()
	write(t, db, seller, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &id, `
			INSERT INTO job (seller_id, kind, state, requested_by, finished_at)
			VALUES ($1, 'SYNC_ORGANIZATIONS', 'SUCCEEDED', 'anna', $2)
			RETURNING id`, seller, finished)
	})
	return id
}
