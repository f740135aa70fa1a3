package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/postgres/server"
	"crosswalk/migrations"
)

// steps are the migrations of these tests: the first n.
func steps(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := range n {
		name := fmt.Sprintf("%05d_table_%d.sql", i+1, i+1)
		files[name] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE table_%d (id int);\n", i+1)}
	}
	return files
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	running, err := server.Start(t.Context(), server.Options{Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	for name, test := range map[string]func(*testing.T, string){
		"apply what is missing and no more":        testApplyWhatIsMissing,
		"are applied once by many replicas":        testManyReplicas,
		"need one connection only":                 testOneConnection,
		"that fail leave those before":             testFailure,
		"of a newer binary are refused":            testNewerDatabase,
		"have a status that changes nothing":       testStatus,
		"may take longer than statements may":      testStatementTimeout,
		"give up waiting when the caller does":     testCancelledWait,
		"of this repository apply from the first":  testEmbedded,
		"that are missing are named by the checks": testCheckNamesTheMissing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := strings.ReplaceAll(name, " ", "_")
			if err := running.CreateDatabase(t.Context(), database); err != nil {
				t.Fatal(err)
			}
			test(t, running.DSN(database))
		})
	}
}

func testApplyWhatIsMissing(t *testing.T, dsn string) {
	db := open(t, dsn)
	for _, run := range []struct{ known, applied int }{{2, 2}, {2, 0}, {5, 3}, {5, 0}} {
		if got, err := migrate(t.Context(), db, steps(run.known)); err != nil || got != run.applied {
			t.Errorf("migrate to step %d: got %d applied (%v), want %d", run.known, got, err, run.applied)
		}
		if err := checkSchema(t.Context(), db, steps(run.known)); err != nil {
			t.Errorf("checkSchema after migrating to step %d: %v", run.known, err)
		}
	}
}

func testManyReplicas(t *testing.T, dsn string) {
	const replicas = 6
	type result struct {
		applied int
		err     error
	}
	results := make(chan result)
	begin := time.Now()
	for range replicas {
		db := open(t, dsn)
		go func() {
			applied, err := migrate(t.Context(), db, steps(3))
			results <- result{applied, err}
		}()
	}
	total := 0
	for range replicas {
		got := <-results
		if got.err != nil {
			t.Errorf("migrate, %d at once: %v", replicas, got.err)
		}
		total += got.applied
	}
	if total != 3 {
		t.Errorf("steps applied by %d replicas together: got %d, want 3", replicas, total)
	}
	t.Logf("%d replicas took %v", replicas, time.Since(begin))
}

func testOneConnection(t *testing.T, dsn string) {
	db := open(t, dsn)
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got, err := migrate(ctx, db, steps(2)); err != nil || got != 2 {
		t.Errorf("migrate over one connection: got %d (%v), want 2", got, err)
	}
	if err := checkSchema(ctx, db, steps(2)); err != nil {
		t.Errorf("checkSchema over one connection: %v", err)
	}
}

func testFailure(t *testing.T, dsn string) {
	db := open(t, dsn)
	files := steps(3)
	files["00002_table_2.sql"].Data = []byte("-- +goose Up\nCREATE TABLE half (id int);\nCREATE TABEL broken (id int);\n")
	applied, err := migrate(t.Context(), db, files)
	if applied != 1 || err == nil || !strings.Contains(err.Error(), "migration 00002_table_2.sql") {
		t.Errorf("migrate with a broken second step: got %d applied and error %v, want 1 and one that names the file", applied, err)
	}
	var half bool
	if err := db.QueryRowContext(t.Context(), `SELECT to_regclass('half') IS NOT NULL`).Scan(&half); err != nil || half {
		t.Errorf("a table of the broken step: got there %v (%v), want it undone", half, err)
	}
	if applied, err := migrate(t.Context(), db, steps(3)); err != nil || applied != 2 {
		t.Errorf("migrate after the correction: got %d (%v), want 2", applied, err)
	}
}

func testNewerDatabase(t *testing.T, dsn string) {
	db := open(t, dsn)
	if _, err := migrate(t.Context(), db, steps(3)); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	if err := checkSchema(t.Context(), db, steps(2)); !errors.Is(err, ErrSchemaAhead) {
		t.Errorf("checkSchema by an older binary: got %v, want %v", err, ErrSchemaAhead)
	}
	if _, err := migrate(t.Context(), db, steps(2)); !errors.Is(err, ErrSchemaAhead) {
		t.Errorf("migrate by an older binary: got %v, want %v", err, ErrSchemaAhead)
	}
}

func testStatus(t *testing.T, dsn string) {
	db := open(t, dsn)
	status := func(known int) []string {
		t.Helper()
		list, err := migrationStatus(t.Context(), db, steps(known))
		if err != nil {
			t.Fatalf("migrationStatus: %v", err)
		}
		lines := []string{}
		for _, step := range list {
			if age := time.Since(step.AppliedAt); step.Applied() && (age < -time.Minute || age > time.Hour) {
				t.Errorf("step %d was applied at %v, want just now", step.Version, step.AppliedAt)
			}
			lines = append(lines, fmt.Sprintf("%d %s %v", step.Version, step.Name, step.Applied()))
		}
		return lines
	}
	want := []string{"1 00001_table_1.sql false", "2 00002_table_2.sql false"}
	if diff := cmp.Diff(want, status(2)); diff != "" {
		t.Errorf("status of an empty database (-want +got):\n%s", diff)
	}
	var tables int
	err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables)
	if err != nil || tables != 0 {
		t.Errorf("tables after asking for the status: got %d (%v), want none", tables, err)
	}
	if _, err := migrate(t.Context(), db, steps(2)); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	want = []string{"1 00001_table_1.sql true", "2  true"}
	if diff := cmp.Diff(want, status(1)); diff != "" {
		t.Errorf("status seen by an older binary (-want +got):\n%s", diff)
	}
}

func testStatementTimeout(t *testing.T, dsn string) {
	db := open(t, dsn+" statement_timeout=50")
	db.SetMaxOpenConns(1)
	files := fstest.MapFS{"00001_slow.sql": {Data: []byte("-- +goose Up\nSELECT pg_sleep(0.1);\n")}}
	if _, err := migrate(t.Context(), db, files); err != nil {
		t.Errorf("migrate with a statement longer than the timeout: %v", err)
	}
	var timeout string
	if err := db.QueryRowContext(t.Context(), `SHOW statement_timeout`).Scan(&timeout); err != nil || timeout != "50ms" {
		t.Errorf("statement_timeout of the connection afterwards: got %q (%v), want 50ms again", timeout, err)
	}
}

func testCancelledWait(t *testing.T, dsn string) {
	db := open(t, dsn)
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if err := (migrationLock{}).SessionLock(t.Context(), holder); err != nil {
		t.Fatalf("SessionLock: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := migrate(ctx, db, steps(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("migrate while another replica does: got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := (migrationLock{}).SessionUnlock(t.Context(), holder); err != nil {
		t.Fatalf("SessionUnlock: %v", err)
	}
	if got, err := migrate(t.Context(), db, steps(1)); err != nil || got != 1 {
		t.Errorf("migrate after the other replica: got %d (%v), want 1", got, err)
	}
}

func testEmbedded(t *testing.T, dsn string) {
	db := open(t, dsn)
	if err := CheckSchema(t.Context(), db); !errors.Is(err, ErrSchemaBehind) {
		t.Errorf("CheckSchema of an empty database: got %v, want %v", err, ErrSchemaBehind)
	}
	files, err := migrations.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Migrate(t.Context(), db); err != nil || got != len(files) {
		t.Errorf("Migrate of an empty database: got %d (%v), want %d", got, err, len(files))
	}
	if err := CheckSchema(t.Context(), db); err != nil {
		t.Errorf("CheckSchema of a migrated database: %v", err)
	}
	status, err := MigrationStatus(t.Context(), db)
	if err != nil || len(status) != len(files) {
		t.Errorf("MigrationStatus: got %+v (%v), want %d steps", status, err, len(files))
	}
}

func testCheckNamesTheMissing(t *testing.T, dsn string) {
	db := open(t, dsn)
	if _, err := migrate(t.Context(), db, steps(1)); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	err := checkSchema(t.Context(), db, steps(3))
	if !errors.Is(err, ErrSchemaBehind) || !strings.Contains(err.Error(), "crosswalk migrate up (00002_table_2.sql is missing)") {
		t.Errorf("checkSchema: got %v, want an error that names the first missing step and the command", err)
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
