package postgres_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// foreign are errors of reaching another service, which look like those of reaching the database.
func foreign() map[string]error {
	return map[string]error{
		"refused":   &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
		"reset":     &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET},
		"closed":    fmt.Errorf("ask for a page: %w", io.EOF),
		"truncated": fmt.Errorf("read a page: %w", io.ErrUnexpectedEOF),
		"timeout":   fmt.Errorf("ask for a page: %w", context.DeadlineExceeded),
	}
}

func TestANetworkErrorOfAnotherServiceIsNotTheDatabases(t *testing.T) {
	t.Parallel()
	db := openSmall(t, postgrestest.New(t), 1)
	for name, want := range foreign() {
		for _, way := range []string{"Read", "Write", "System Read"} {
			runs := 0
			err := ways(db)[way](t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
				runs++
				if err := one(ctx, tx); err != nil {
					return err
				}
				return want
			})
			if err != want || runs != 1 {
				t.Errorf("%s with another service's error %q: %v after %d runs, want that error itself after one", way, name, err, runs)
			}
		}
	}
}

func TestANetworkErrorOfAnotherServiceLeavesNoCopyBehind(t *testing.T) {
	t.Parallel()
	db := openSmall(t, postgrestest.New(t), 1)
	for name, want := range foreign() {
		err := db.Seller(1).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			if _, err := tx.ExecContext(ctx, `CREATE TEMPORARY TABLE staged (n bigint) ON COMMIT DROP`); err != nil {
				return err
			}
			stream, err := tx.PrepareContext(ctx, `COPY staged (n) FROM STDIN`)
			if err != nil {
				return err
			}
			defer stream.Close()
			if _, err := stream.ExecContext(ctx, int64(1)); err != nil {
				return err
			}
			return want
		})
		if err != want {
			t.Errorf("a COPY that another service's error %q ended: %v, want that error itself", name, err)
		}
		if err := db.Seller(1).Write(t.Context(), one); err != nil {
			t.Errorf("the transaction after it: %v", err)
		}
	}
}

func TestALostConnectionIsTheDatabasesWhateverTheCallbackSaysOfIt(t *testing.T) {
	t.Parallel()
	db := openSmall(t, postgrestest.New(t), 1)
	owner := openSmall(t, db.DSN(), 1)
	for name, said := range map[string]error{"as it came": nil, "end of file": io.EOF, "bad connection": driver.ErrBadConn} {
		err := db.Seller(1).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			var session int
			if err := tx.GetContext(ctx, &session, `SELECT pg_backend_pid()`); err != nil {
				return err
			}
			if _, err := owner.Pool().ExecContext(ctx, `SELECT pg_terminate_backend($1, 10000)`, session); err != nil {
				t.Fatalf("cut the connection: %v", err)
			}
			err := one(ctx, tx)
			if said != nil {
				return said
			}
			return err
		})
		if !postgres.IsUnavailable(err) {
			t.Errorf("Write whose connection was lost, %s: %v, want the database unavailable", name, err)
		}
	}
}
