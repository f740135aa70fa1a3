package postgrestest_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

func TestEveryTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two", "three", "four"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, postgrestest.New(t))
			if err := postgres.CheckSchema(t.Context(), db); err != nil {
				t.Errorf("CheckSchema of a new database: %v", err)
			}
			if _, err := db.ExecContext(t.Context(), `CREATE TABLE mine (name text)`); err != nil {
				t.Errorf("create a table that each test creates: %v", err)
			}
		})
	}
}

func TestADatabaseIsGoneAfterItsTestEvenIfInUse(t *testing.T) {
	t.Parallel()
	var address string
	t.Run("a test that does not close its connections", func(t *testing.T) {
		address = postgrestest.New(t)
		if err := open(t, address).PingContext(t.Context()); err != nil {
			t.Fatalf("connect to a new database: %v", err)
		}
	})
	if address == "" {
		t.Fatal("there was no database")
	}
	db := open(t, address)
	if err := db.PingContext(t.Context()); err == nil {
		t.Error("connect to the database of an ended test: got no error, want that it does not exist")
	}
}

func TestAServerOfOnesOwnComesBackWithItsData(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	address := server.DSN()
	db := open(t, address)
	if err := postgres.CheckSchema(t.Context(), db); err != nil {
		t.Errorf("CheckSchema of a new database: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE kept (name text)`); err != nil {
		t.Fatalf("create a table: %v", err)
	}
	for name, end := range map[string]func(){"stopped": server.Stop, "crashed": server.Crash} {
		end()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := db.PingContext(ctx); err == nil {
			t.Errorf("connect to a server that %s: got no error", name)
		}
		cancel()
		server.Start()
		if got := server.DSN(); got != address {
			t.Errorf("DSN after the server %s: got %q, want still %q", name, got, address)
		}
		if _, err := db.ExecContext(t.Context(), `SELECT name FROM kept`); err != nil {
			t.Errorf("read a table from before the server %s: %v", name, err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		postgrestest.New(b)
	}
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
