package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

func one(ctx context.Context, tx *postgres.Tx) error {
	var n int
	return tx.GetContext(ctx, &n, `SELECT 1`)
}

// openSmall opens a database with so many connections.
func openSmall(t *testing.T, address string, connections int) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), address, postgres.Options{MaxConnections: connections})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// ways are all ways to ask as a seller.
func ways(db *postgres.DB) map[string]func(context.Context, func(context.Context, *postgres.Tx) error) error {
	return map[string]func(context.Context, func(context.Context, *postgres.Tx) error) error{
		"Read": db.Seller(1).Read, "Write": db.Seller(1).Write, "ReadOne": db.Seller(1).ReadOne, "System Read": db.System().Read,
	}
}

func TestADatabaseThatIsAwayIsUnavailableUntilItIsBack(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	db := openSmall(t, server.DSN(), 4)
	for name, stop := range map[string]func(){"stopped in order": server.Stop, "crashed": server.Crash} {
		stop()
		for way, run := range ways(db) {
			err := run(t.Context(), one)
			var unavailable *postgres.UnavailableError
			if !errors.As(err, &unavailable) || unavailable.Unsure {
				t.Errorf("%s of a database that was %s: %v, want it unavailable and surely nothing done", way, name, err)
			}
		}
		if locks, err := db.Seller(1).Locks(t.Context()); !postgres.IsUnavailable(err) {
			t.Errorf("Locks of a database that was %s: %v, %v, want it unavailable", name, locks, err)
		}
		server.Start()
		for way, run := range ways(db) {
			if err := run(t.Context(), one); err != nil {
				t.Errorf("%s after the database that was %s is back: %v", way, name, err)
			}
		}
	}
}

func TestADatabaseThatGoesAwayInATransactionLeavesAWriterUnsure(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	db := openSmall(t, server.DSN(), 4)
	for _, way := range []string{"Read", "Write"} {
		err := ways(db)[way](t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			server.Crash()
			return one(ctx, tx)
		})
		var unavailable *postgres.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.Unsure != (way == "Write") {
			t.Errorf("%s while the database crashed: %v, want it unavailable, and only a writer unsure", way, err)
		}
		server.Start()
	}
	locks, err := db.Seller(1).Locks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.Crash()
	for range 2 {
		if err := locks.Lock(t.Context(), "a lock"); !postgres.IsUnavailable(err) {
			t.Errorf("Lock after the database crashed: %v, want it unavailable", err)
		}
	}
	_ = locks.Close() // there is nobody to tell
}

func TestWhoWaitsInVainForAConnectionIsToldSo(t *testing.T) {
	t.Parallel()
	const connections = 2
	db := openSmall(t, postgrestest.New(t), connections)
	held := make([]*sql.Conn, connections)
	for i := range held {
		var err error
		if held[i], err = db.Pool().Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for way, run := range ways(db) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := run(ctx, one); !postgres.IsUnavailable(err) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s with all connections taken: %v, want the database unavailable in time", way, err)
		}
		cancel()
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := run(gone, one); postgres.IsUnavailable(err) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s of a caller who left: %v, want that alone", way, err)
		}
	}
	for _, connection := range held {
		connection.Close()
	}
	for way, run := range ways(db) {
		if err := run(t.Context(), one); err != nil {
			t.Errorf("%s when connections are free again: %v", way, err)
		}
	}
}

func TestADatabaseThatTakesNoChangesHasHandedOver(t *testing.T) {
	t.Parallel()
	db := openSmall(t, postgrestest.New(t), 1)
	err := db.Seller(1).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `SET TRANSACTION READ ONLY; UPDATE seller SET name = name`)
		return err
	})
	if !postgres.IsUnavailable(err) {
		t.Errorf("a change in a database that takes none: %v, want it unavailable", err)
	}
}

func TestErrorsOfWhatWasAskedAreNotTheDatabases(t *testing.T) {
	t.Parallel()
	db := openSmall(t, postgrestest.New(t), 1)
	for _, statement := range []string{`SELECT 1/0`, `SELECT * FROM nowhere`, `SELECT pg_sleep(60)`} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := db.Seller(1).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		})
		if err == nil || postgres.IsUnavailable(err) {
			t.Errorf("%s: %v, want an error that is not the database's", statement, err)
		}
		cancel()
	}
}
