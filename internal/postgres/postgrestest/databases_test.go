package postgrestest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/postgres/server"
)

func TestManyProcessesMakeOneTemplateAndLeaveNothingElse(t *testing.T) {
	t.Parallel()
	address := ownServer(t)
	type result struct {
		databases *databases
		err       error
	}
	results := make(chan result)
	for range 4 {
		go func() {
			d, err := openDatabases(t.Context(), address, nil)
			results <- result{d, err}
		}()
	}
	template := ""
	for range 4 {
		got := <-results
		if got.err != nil {
			t.Errorf("openDatabases, four at once: %v", got.err)
			continue
		}
		template = got.databases.template
		name := mustCreate(t, got.databases)
		if err := got.databases.drop(t.Context(), name); err != nil {
			t.Errorf("drop: %v", err)
		}
		if err := got.databases.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	want := []string{template}
	if diff := cmp.Diff(want, databaseNames(t, address)); diff != "" {
		t.Errorf("databases left on the server (-want +got):\n%s", diff)
	}
}

func TestHalfMadeAndOutdatedTemplatesAreReplaced(t *testing.T) {
	t.Parallel()
	address := ownServer(t)
	first := mustOpen(t, address)
	template := first.template
	if err := first.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	outdated := template[:len(template)-16] + "0123456789abcdef"
	execute(t, address, `ALTER DATABASE `+template+` RENAME TO `+template+unfinished)
	execute(t, address, `CREATE DATABASE `+outdated)
	d := mustOpen(t, address)
	if diff := cmp.Diff([]string{template}, databaseNames(t, address)); diff != "" {
		t.Errorf("databases after openDatabases (-want +got):\n%s", diff)
	}
	execute(t, address, `DROP DATABASE `+template)
	mustCreate(t, d)
}

func TestTemplatesOfOtherMigrationsStayWhileTheyAreNeeded(t *testing.T) {
	t.Parallel()
	address := ownServer(t)
	ours := mustOpen(t, address)
	other := &databases{admin: ours.admin, home: ours.home, address: address}
	other.template = fmt.Sprintf("crosswalk_template_%d_%016x", ours.home, uint64(1))
	if err := other.ensureTemplate(t.Context()); err != nil {
		t.Fatalf("ensureTemplate of other migrations: %v", err)
	}
	want := []string{other.template, ours.template}
	slices.Sort(want)
	if diff := cmp.Diff(want, databaseNames(t, address)); diff != "" {
		t.Errorf("databases with two kinds of migrations in use (-want +got):\n%s", diff)
	}
}

func TestDatabasesOfEndedProcessesAreDropped(t *testing.T) {
	t.Parallel()
	address := ownServer(t)
	ended, living := mustOpen(t, address), mustOpen(t, address)
	for range 2 {
		mustCreate(t, ended)
	}
	kept := mustCreate(t, living)
	if err := ended.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	mustOpen(t, address)
	if diff := cmp.Diff([]string{living.template, kept}, databaseNames(t, address)); diff != "" {
		t.Errorf("databases after another process came (-want +got):\n%s", diff)
	}
}

func TestARoleThatMayNotCreateDatabasesIsToldSo(t *testing.T) {
	t.Parallel()
	address := ownServer(t)
	execute(t, strings.Replace(address, "user=crosswalk", "user=postgres", 1), `ALTER ROLE crosswalk NOCREATEDB`)
	_, err := openDatabases(t.Context(), address, nil)
	if want := "ALTER ROLE \"crosswalk\" CREATEDB"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("openDatabases without the right to create any: got error %v, want it to contain %q", err, want)
	}
}

func TestAServerThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	_, err := openDatabases(t.Context(), "postgres://nobody@127.0.0.1:1/none?sslmode=disable", nil)
	if want := "the server does not answer"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("openDatabases of a closed port: got error %v, want it to contain %q", err, want)
	}
}

func TestWithDatabaseKeepsTheRestOfTheAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ address, want string }{
		"URL":                             {"postgres://me:s%2Fcret@db:5433/home?sslmode=disable", "postgres://me:s%2Fcret@db:5433/new?sslmode=disable"},
		"URL without a database":          {"postgresql://db", "postgresql://db/new"},
		"URL with the database as option": {"postgres://db/?dbname=home&host=%2Ftmp", "postgres://db/new?host=%2Ftmp"},
		"pairs":                           {"host=/tmp dbname='my home'", "host=/tmp dbname='my home' dbname=new"},
		"pairs without a database":        {"host=/tmp", "host=/tmp dbname=new"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := withDatabase(test.address, "new"); got != test.want {
				t.Errorf("withDatabase(%q): got %q, want %q", test.address, got, test.want)
			}
		})
	}
}

func TestURLAddressesWork(t *testing.T) {
	t.Parallel()
	pairs := ownServer(t)
	_, rest, _ := strings.Cut(pairs, "host='")
	socket, _, _ := strings.Cut(rest, "'")
	d := mustOpen(t, "postgres://crosswalk@/postgres?sslmode=disable&port=5432&host="+socket)
	execute(t, withDatabase(d.address, mustCreate(t, d)), `SELECT FROM goose_db_version`)
}

// ownServer starts a server for the test and returns its address.
func ownServer(t *testing.T) string {
	t.Helper()
	running, err := server.Start(t.Context(), server.Options{Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := timeLimit()
		defer cancel()
		if err := running.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return running.DSN("postgres")
}

func mustOpen(t *testing.T, address string) *databases {
	t.Helper()
	d, err := openDatabases(t.Context(), address, nil)
	if err != nil {
		t.Fatalf("openDatabases: %v", err)
	}
	t.Cleanup(func() { _ = d.Close() }) // some tests have closed it
	return d
}

func mustCreate(t *testing.T, d *databases) string {
	t.Helper()
	name, err := d.create(t.Context())
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return name
}

func execute(t *testing.T, address, statement string) {
	t.Helper()
	db, err := sql.Open("postgres", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// databaseNames lists the databases that do not come with the server.
func databaseNames(t *testing.T, address string) []string {
	t.Helper()
	d := &databases{}
	var err error
	if d.admin, err = sql.Open("postgres", address); err != nil {
		t.Fatal(err)
	}
	defer d.admin.Close()
	names, err := d.list(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return names
}
