package notify_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/notify"
	"crosswalk/internal/postgres/postgrestest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func TestSubscribersGetWhatArrivesOnTheirChannel(t *testing.T) {
	t.Parallel()
	db, listener := startListener(t)
	first, _ := listener.Subscribe("one")
	second, _ := listener.Subscribe("one")
	other, _ := listener.Subscribe("other")
	for _, payloads := range []<-chan string{first, second, other} {
		expect(t, payloads, notify.Missed)
	}
	send(t, db, "one", "for both")
	expect(t, first, "for both")
	expect(t, second, "for both")
	send(t, db, "other", "for the third")
	expect(t, other, "for the third")
	if len(first) != 0 || len(second) != 0 {
		t.Error("a subscriber got what was sent on another channel")
	}
}

func TestALaterSubscriberBeginsWithMissed(t *testing.T) {
	t.Parallel()
	db, listener := startListener(t)
	early, _ := listener.Subscribe("news")
	expect(t, early, notify.Missed)
	late, _ := listener.Subscribe("news")
	expect(t, late, notify.Missed)
	send(t, db, "news", "hello")
	expect(t, early, "hello")
	expect(t, late, "hello")
}

func TestAnEndedSubscriptionIsClosedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	db, listener := startListener(t)
	leaving, unsubscribe := listener.Subscribe("news")
	staying, _ := listener.Subscribe("news")
	expect(t, leaving, notify.Missed)
	expect(t, staying, notify.Missed)
	unsubscribe()
	unsubscribe()
	expectClosed(t, leaving)
	send(t, db, "news", "hello")
	expect(t, staying, "hello")
}

func TestASlowSubscriberGetsMissedInPlaceOfWhatItDidNotRead(t *testing.T) {
	t.Parallel()
	db, listener := startListener(t)
	slow, _ := listener.Subscribe("flood")
	expect(t, slow, notify.Missed)
	barrier, _ := listener.Subscribe("barrier")
	expect(t, barrier, notify.Missed)
	const sent = 1_000
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `SELECT pg_notify('flood', n::text) FROM generate_series(1, $1) AS n`, sent)
		return err
	})
	if err != nil {
		t.Fatalf("notify %d times: %v", sent, err)
	}
	send(t, db, "barrier", "all delivered")
	expect(t, barrier, "all delivered")
	var got []string
	for len(slow) > 0 {
		got = append(got, <-slow)
	}
	if len(got) == 0 || len(got) >= sent || got[0] != notify.Missed {
		t.Fatalf("the slow subscriber got %d payloads beginning with %q; want a Missed and fewer than %d", len(got), got[:min(3, len(got))], sent)
	}
	if last := got[len(got)-1]; last != fmt.Sprint(sent) && last != notify.Missed {
		t.Errorf("the last payload is %q; want the last one sent, or a Missed that stands for it", last)
	}
}

func TestTheListenerSurvivesTheLossOfItsConnection(t *testing.T) {
	t.Parallel()
	db, listener := startListener(t)
	payloads, _ := listener.Subscribe("news")
	expect(t, payloads, notify.Missed)
	owner, err := postgres.OpenAsOwner(t.Context(), db.DSN(), postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatalf("OpenAsOwner: %v", err)
	}
	defer owner.Close()
	var ended int
	err = owner.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &ended, `
			SELECT count(pg_terminate_backend(pid))
			FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'LISTEN %'`)
	})
	if err != nil || ended != 1 {
		t.Fatalf("ended %d listening connections (%v), want 1", ended, err)
	}
	expect(t, payloads, notify.Missed)
	send(t, db, "news", "after the break")
	expect(t, payloads, "after the break")
}

func TestStopClosesEverySubscription(t *testing.T) {
	t.Parallel()
	_, listener := startListener(t)
	connected, unsubscribe := listener.Subscribe("news")
	expect(t, connected, notify.Missed)
	for range 2 {
		if err := listener.Stop(t.Context()); err != nil {
			t.Fatalf("Stop: %v", err)
		}
	}
	expectClosed(t, connected)
	unsubscribe()
	late, _ := listener.Subscribe("news")
	expectClosed(t, late)
}

func startListener(t *testing.T) (*postgres.DB, *notify.Listener) {
	t.Helper()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 3})
	listener := notify.NewListener(db, quiet())
	if err := listener.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() {
		if err := listener.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return db, listener
}

func send(t *testing.T, db *postgres.DB, channel, payload string) {
	t.Helper()
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, payload)
		return err
	})
	if err != nil {
		t.Fatalf("notify %s: %v", channel, err)
	}
}

func expect(t *testing.T, payloads <-chan string, want string) {
	t.Helper()
	select {
	case got, open := <-payloads:
		if !open || got != want {
			t.Fatalf("got the payload %q (channel open: %t), want %q", got, open, want)
		}
	case <-time.After(patience):
		t.Fatalf("no payload came, want %q", want)
	}
}

func expectClosed(t *testing.T, payloads <-chan string) {
	t.Helper()
	select {
	case payload, open := <-payloads:
		if open {
			t.Fatalf("got the payload %q, want a closed channel", payload)
		}
	case <-time.After(patience):
		t.Fatal("the channel stays open, want it closed")
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
