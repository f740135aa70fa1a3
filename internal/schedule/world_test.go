package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

const kind jobs.Kind = "SYNC_INVOICE_LINES"

// world is a database with a clock that the test sets, and the schedulers that share both.
type world struct {
	*testing.T
	address  string
	db       *postgres.DB
	accounts *account.Service

	mu  sync.Mutex
	now time.Time
}

// newWorld returns a world in which it is now.
func newWorld(t *testing.T, now string) *world {
	t.Helper()
	w := &world{T: t, address: postgrestest.New(t), now: instant(t, now)}
	w.db = w.connect()
	w.accounts = account.NewService(w.db, nil, w.clock, account.Options{})
	return w
}

func (w *world) connect() *postgres.DB {
	w.Helper()
	db, err := postgres.Open(w.Context(), w.address, postgres.Options{MaxConnections: 6})
	if err != nil {
		w.Fatalf("Open: %v", err)
	}
	w.Cleanup(func() { db.Close() })
	return db
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) setClock(now string) {
	at := instant(w, now)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = at
}

// replica returns a scheduler with a pool of its own that asks for runs as the gateway does.
func (w *world) replica() *Scheduler {
	w.Helper()
	return New(w.connect(), w.accounts, enqueue, Options{Clock: w.clock, Poll: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
}

func enqueue(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, requestedBy string) error {
	_, started, err := jobs.Enqueue(ctx, tx, seller, jobs.Request{Kind: kind, RequestedBy: requestedBy})
	if err == nil && !started {
		return fmt.Errorf("enqueue: %w", ErrActive)
	}
	return err
}

// newSeller returns a seller in a zone whose set-up is complete and whose daily sync is at a time of day, since now.
func (w *world) newSeller(zone, at string) (id postgres.SellerID) {
	w.Helper()
	id = w.newBareSeller(zone, at)
	w.execute(`
		INSERT INTO psa_connection (seller_id, api_url, company_id, public_key, private_key_sealed, client_id_sealed, saved_at, saved_by)
		VALUES ($1, 'https://psa.example.com', 'traders', 'key', '', '', now(), 'anna')`, id)
	w.change(id, account.SettingsChange{AgreementType: &account.AgreementType{RecordID: 1, Name: "Managed"}})
	return id
}

// newBareSeller is newSeller without its set-up.
func (w *world) newBareSeller(zone, at string) (id postgres.SellerID) {
	w.Helper()
	err := w.db.System().Write(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &id, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('Cloud Traders', $1, 'https://platform.example.com', '', '')
			RETURNING id`, zone)
	})
	if err != nil {
		w.Fatalf("insert a seller: %v", err)
	}
	w.change(id, account.SettingsChange{DailySync: &account.DailySyncChange{Enabled: true, TimeOfDay: &at}})
	return id
}

func (w *world) change(seller postgres.SellerID, change account.SettingsChange) {
	w.Helper()
	err := w.db.Seller(seller).Write(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := w.accounts.UpdateSettings(ctx, tx, seller, change)
		return err
	})
	if err != nil {
		w.Fatalf("UpdateSettings(%+v): %v", change, err)
	}
}

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

// texts returns what a query for one column finds.
func (w *world) texts(query string, arguments ...any) (found []string) {
	w.Helper()
	err := w.db.System().Read(w.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		found = nil
		return tx.SelectContext(ctx, &found, query, arguments...)
	})
	if err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	return found
}

// wantRuns wants the seller to have so many runs, all asked for by the scheduler, and ends them.
func (w *world) wantRuns(when string, seller postgres.SellerID, count int) {
	w.Helper()
	want := slices.Repeat([]string{RequestedBy}, count)
	got := w.texts(`SELECT requested_by FROM job WHERE seller_id = $1 AND kind = $2`, seller, kind)
	if !slices.Equal(got, want) {
		w.Errorf("%s the runs of seller %s were asked for by %q, want %q", when, seller, got, want)
	}
	w.execute(`UPDATE job SET state = 'SUCCEEDED', finished_at = now() WHERE seller_id = $1 AND state = 'QUEUED'`, seller)
}

// wantSettled wants the seller's days that are done with to be those.
func (w *world) wantSettled(when string, seller postgres.SellerID, days ...string) {
	w.Helper()
	got := w.texts(`SELECT day::text FROM daily_run WHERE seller_id = $1 ORDER BY day`, seller)
	if !slices.Equal(got, days) {
		w.Errorf("%s the settled days of seller %s are %v, want %v", when, seller, got, days)
	}
}

// wantLog wants the seller's log to say this and nothing else.
func (w *world) wantLog(when string, seller postgres.SellerID, entries ...string) {
	w.Helper()
	got := w.texts(`SELECT level || ' ' || code || ': ' || title FROM log_entry WHERE seller_id = $1 ORDER BY id`, seller)
	if !slices.Equal(got, entries) {
		w.Errorf("%s the log of seller %s is %q, want %q", when, seller, got, entries)
	}
}

func (w *world) stop(s *Scheduler) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range 2 {
		if err := s.Stop(ctx); err != nil {
			w.Errorf("Stop: %v", err)
		}
	}
}

// await asks until the condition holds, and fails the test when it does not within a minute.
func (w *world) await(what string, condition func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-ctx.Done():
			w.Fatalf("waited in vain for %s", what)
		}
	}
}
