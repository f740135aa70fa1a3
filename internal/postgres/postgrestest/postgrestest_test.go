package postgrestest_test

import (
	"database/sql"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"crosswalk/internal/postgres/postgrestest"
)

func TestEveryTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two", "three", "four"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			db, err := sql.Open("postgres", postgrestest.New(t))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			t.Log(time.Since(begin))
			if _, err := db.Exec(`CREATE TABLE mine (name text)`); err != nil {
				t.Errorf("create a table that each test creates: %v", err)
			}
			var applied int
			if err := db.QueryRow(`SELECT count(*) FROM goose_db_version WHERE version_id > 0`).Scan(&applied); err != nil || applied == 0 {
				t.Errorf("applied migrations: got %d (%v), want at least one", applied, err)
			}
		})
	}
}
