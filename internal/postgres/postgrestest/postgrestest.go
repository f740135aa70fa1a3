// Package postgrestest hands a PostgreSQL database of its own to every test that asks.
//
// Databases are cloned from a template with all migrations applied, on the server DATABASE_URL names or, if
// that is not set, on one that the packages of a go test run share: the first test process starts it, the
// others find it, and it ends a few seconds after the last is gone. This package must be imported by tests
// only: it turns the program it is in into the keeper of that server when asked to by its environment.
//
// Start reading at New. NewServer is for tests that stop and start the server.
package postgrestest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// New returns the address of a fresh, migrated database for the test and the test's helpers. It is dropped,
// whoever is still connected, when the test ends.
func New(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	databases, err := sharedDatabases()
	if err != nil {
		t.Fatalf("no PostgreSQL for tests: %v", err)
	}
	name, err := databases.create(ctx)
	if err != nil {
		t.Fatalf("no database for the test: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := databases.drop(ctx, name); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return withDatabase(databases.address, name)
}

// sharedDatabases connects once per process and keeps its place on the server until the process ends.
var sharedDatabases = sync.OnceValues(func() (*databases, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // a download may be part of it
	defer cancel()
	if address := os.Getenv("DATABASE_URL"); address != "" {
		databases, err := openDatabases(ctx, address, nil)
		if err != nil {
			return nil, fmt.Errorf("DATABASE_URL: %w", err)
		}
		return databases, nil
	}
	place, err := joinSharedServer(ctx)
	if err != nil {
		return nil, err
	}
	return openDatabases(ctx, place.address, place)
})
