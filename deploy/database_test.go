package deploy_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/server"
)

// startServer starts a PostgreSQL server without databases or roles of ours, and returns the address to log in at as
// somebody else, to another database.
func startServer(t *testing.T) func(user, database string) string {
	t.Helper()
	running, err := server.Start(t.Context(), server.Options{Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return func(user, database string) string { return running.DSN(database) + " user=" + user }
}

// setUp runs database.sql and the migrations.
func setUp(t *testing.T) func(user, database string) string {
	t.Helper()
	return setUpBy(t, read(t, "database.sql"))
}

// setUpBy runs what stands in a file like database.sql, and the migrations.
func setUpBy(t *testing.T, text string) func(user, database string) string {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skipf("psql is not installed: %v", err)
	}
	address := startServer(t)
	create := exec.CommandContext(t.Context(), psql, "--no-psqlrc", "--quiet", "--file=-", address("postgres", "postgres"))
	create.Stdin = strings.NewReader(text)
	create.Env = append(os.Environ(), "DATABASE_OWNER_PASSWORD=own'er", "DATABASE_GATEWAY_PASSWORD=gate")
	if output, err := create.CombinedOutput(); err != nil {
		t.Fatalf("database.sql: %v\n%s", err, output)
	}
	owner, err := postgres.OpenAsOwner(t.Context(), address("crosswalk_owner", "crosswalk"), postgres.Options{})
	if err != nil {
		t.Fatalf("open the database as its owner: %v", err)
	}
	defer owner.Close()
	if _, err := postgres.Migrate(t.Context(), owner.Pool()); err != nil {
		t.Fatalf("migrate as crosswalk_owner: %v", err)
	}
	return address
}

func TestTheLoginThatServesIsBoundToOneSellerAndOwnsNothing(t *testing.T) {
	t.Parallel()
	address := setUp(t)
	db, err := postgres.Open(t.Context(), address("crosswalk_gateway", "crosswalk"), postgres.Options{})
	if err != nil {
		t.Fatalf("open the database as crosswalk_gateway: %v", err)
	}
	defer db.Close()
	if err := postgres.CheckSchema(t.Context(), db.Pool()); err != nil {
		t.Errorf("CheckSchema as crosswalk_gateway: %v", err)
	}
	var seller postgres.SellerID
	err = db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &seller, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('A', 'UTC', 'https://p.example.com', '', '')
			RETURNING id`)
	})
	if err != nil {
		t.Fatalf("create a seller as crosswalk_gateway: %v", err)
	}
	for _, statement := range []string{`DROP TABLE seller`, `ALTER TABLE seller DISABLE ROW LEVEL SECURITY`, `SET ROLE crosswalk_owner`, `CREATE TABLE mine ()`} {
		if _, err := db.Pool().ExecContext(t.Context(), statement); err == nil {
			t.Errorf("crosswalk_gateway may: %s", statement)
		}
	}
	var seen int
	if err := db.Pool().QueryRowContext(t.Context(), `SELECT count(*) FROM seller`).Scan(&seen); err != nil || seen != 0 {
		t.Errorf("without naming a seller, crosswalk_gateway sees %d of them (%v), want none", seen, err)
	}
}

// temporary is what database.sql did not have at first.
const temporary = "GRANT TEMPORARY ON DATABASE crosswalk TO crosswalk_app;\n"

func TestMigrationsLetTheLoginThatServesMakeTemporaryTables(t *testing.T) {
	t.Parallel()
	text := read(t, "database.sql")
	before := strings.Replace(text, temporary, "", 1)
	if before == text {
		t.Fatalf("database.sql does not say %s", temporary)
	}
	address := setUpBy(t, before)
	db, err := postgres.Open(t.Context(), address("crosswalk_gateway", "crosswalk"), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.CheckRights(t.Context()); err != nil {
		t.Errorf("after the migrations: %v", err)
	}
	execute(t, address("crosswalk_owner", "crosswalk"), `REVOKE TEMPORARY ON DATABASE crosswalk FROM crosswalk_app`)
	const advice = `GRANT TEMPORARY ON DATABASE "crosswalk" TO "crosswalk_app"`
	if err := db.CheckRights(t.Context()); err == nil || !strings.Contains(err.Error(), advice) {
		t.Errorf("without the right: %v, want the advice %q", err, advice)
	}
}

// An owner of the tables who does not own the database cannot give rights in it.
func TestMigrationsOfALoginThatDoesNotOwnTheDatabaseGoThrough(t *testing.T) {
	t.Parallel()
	text := read(t, "database.sql")
	const owned = " OWNER crosswalk_owner"
	if !strings.Contains(text, owned) || !strings.Contains(text, temporary) {
		t.Fatalf("database.sql does not say %s and %s", owned, temporary)
	}
	text = strings.Replace(strings.Replace(text, owned, "", 1), temporary, `\connect crosswalk
CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin;
GRANT CREATE, USAGE ON SCHEMA public TO crosswalk_owner;
GRANT CREATE, TEMPORARY ON DATABASE crosswalk TO crosswalk_owner;
`, 1)
	address := setUpBy(t, text)
	db, err := postgres.Open(t.Context(), address("crosswalk_gateway", "crosswalk"), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.CheckRights(t.Context()); err == nil {
		t.Error("the login that serves was given a right by somebody who cannot give it")
	}
}

// What docs/operations.md says of keys where it comes to sharding.
func TestEveryKeyLeadsWithTheSellerButThese(t *testing.T) {
	t.Parallel()
	address := setUp(t)
	db, err := postgres.OpenAsOwner(t.Context(), address("crosswalk_owner", "crosswalk"), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Pool().QueryContext(t.Context(), `
		SELECT c.relname || ' (' || pg_get_indexdef(i.indexrelid, 1, true) || ')'
		FROM pg_index i
		JOIN pg_class c ON c.oid = i.indrelid
		WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'goose_db_version'
			AND pg_get_indexdef(i.indexrelid, 1, true) <> 'seller_id'
		UNION
		SELECT relname || ' without seller_id'
		FROM pg_class c
		WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'seller_id')
		UNION
		SELECT relname || ' without policy'
		FROM pg_class
		WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT relrowsecurity
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var exception string
		if err := rows.Scan(&exception); err != nil {
			t.Fatal(err)
		}
		got = append(got, exception)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{"api_token (hash)", "goose_db_version without policy", "goose_db_version without seller_id", "seller (id)", "seller without seller_id"}
	if !slices.Equal(got, want) {
		t.Errorf("exceptions are %q, want %q; docs/operations.md lists them", got, want)
	}
}
