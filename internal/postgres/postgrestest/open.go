package postgrestest

import (
	"testing"

	"crosswalk/internal/postgres"
)

// Open returns a pool on a migrated database that only this test uses; both are gone when the test ends.
func Open(t testing.TB, options postgres.Options) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), New(t), options)
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
