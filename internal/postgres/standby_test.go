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

func TestAStandbyIsUnavailableForChangesAndNotReady(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewPrimary(t)
	db := openSmall(t, server.DSN(), 1)
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("Ready of a primary: %v", err)
	}
	server.StandBy()
	for range 3 {
		err := db.Seller(1).Write(t.Context(), one)
		var unavailable *postgres.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.Unsure {
			t.Errorf("Write in a standby: %v, want it unavailable and surely nothing done", err)
		}
		if err := db.Seller(1).Read(t.Context(), one); err != nil {
			t.Errorf("Read in a standby: %v", err)
		}
	}
	if err := db.Ready(t.Context()); !errors.Is(err, postgres.ErrStandby) {
		t.Errorf("Ready of a standby: %v, want %v", err, postgres.ErrStandby)
	}
}

func TestADatabaseIsReadyThoughConnectionsWereLostOrAreTaken(t *testing.T) {
	t.Parallel()
	db, owner, _, _ := openOne(t)
	// nested holds as many connections for look-ups as it is deep.
	var nested func(depth int)
	nested = func(depth int) {
		err := db.LookUp(t.Context(), `SELECT 1`, func(*sql.Rows) error {
			if depth > 1 {
				nested(depth - 1)
			}
			return nil
		})
		if err != nil {
			t.Errorf("look up: %v", err)
		}
	}
	nested(4)
	_, err := owner.Pool().ExecContext(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatalf("cut all connections: %v", err)
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("Ready after all connections were lost: %v", err)
	}
	held, err := db.Pool().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := db.Ready(ctx); err != nil {
		t.Errorf("Ready while the only connection is taken: %v", err)
	}
}
