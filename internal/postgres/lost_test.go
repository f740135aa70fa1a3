package postgres_test

import (
	"context"
	"database/sql"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// TestTransactions_BeginAgainWhenAllConnectionsWereLost is what a restart of the database is like for a pool
// that holds several connections.
func TestTransactions_BeginAgainWhenAllConnectionsWereLost(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	const connections = 8
	db, err := postgres.Open(t.Context(), address, postgres.Options{MaxConnections: connections})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	owner, err := postgres.OpenAsOwner(t.Context(), address, postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	for range 10 {
		for name, run := range map[string]func(context.Context, func(context.Context, *postgres.Tx) error) error{
			"Read": db.Seller(1).Read, "Write": db.Seller(1).Write,
		} {
			fill(t, db, connections)
			_, err := owner.Pool().ExecContext(t.Context(), `
				SELECT pg_terminate_backend(pid)
				FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			if err != nil {
				t.Fatalf("cut all connections: %v", err)
			}
			if err := run(t.Context(), one); err != nil {
				t.Errorf("%s after all connections were lost: %v", name, err)
			}
		}
	}
}

// fill makes the pool hold as many connections, all idle.
func fill(t *testing.T, db *postgres.DB, connections int) {
	t.Helper()
	held := make([]*sql.Conn, connections)
	for i := range held {
		var err error
		if held[i], err = db.Pool().Conn(t.Context()); err != nil {
			t.Fatalf("fill the pool: %v", err)
		}
	}
	for _, connection := range held {
		connection.Close()
	}
}
