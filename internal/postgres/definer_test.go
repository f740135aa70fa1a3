package postgres_test

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"crosswalk/internal/postgres"
)

func TestFunctionsThatRunAsTheOwnerLookForTemporaryTablesLast(t *testing.T) {
	t.Parallel()
	db := openSmall(t, newWithRole(t), 1)
	rows, err := db.Pool().QueryContext(t.Context(), `
		SELECT p.oid::regprocedure, coalesce((SELECT c FROM unnest(p.proconfig) c WHERE c LIKE 'search\_path=%'), ''),
			EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0),
			has_function_privilege(p.oid, 'EXECUTE')
		FROM pg_proc p
		WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := 0
	for rows.Next() {
		var name, path string
		var everybody, application bool
		if err := rows.Scan(&name, &path, &everybody, &application); err != nil {
			t.Fatal(err)
		}
		found++
		if path != "search_path=public, pg_temp" {
			t.Errorf("%s looks for what it names with %q, want the schema and then pg_temp", name, path)
		}
		if everybody || !application {
			t.Errorf("%s may be called by everybody: %t, by the application: %t; want false, true", name, everybody, application)
		}
	}
	if err := rows.Err(); err != nil || found != 3 {
		t.Errorf("%d functions run as the owner (%v), want the three there are", found, err)
	}
}

func TestTheApplicationCannotHaveTheOwnerRunItsFunctions(t *testing.T) {
	t.Parallel()
	db := openSmall(t, newWithRole(t), 1)
	for _, call := range []string{`matches('organization', '%abc%', 10)`, `best_matches('psa_company', 'abc', 10)`, `refresh_statistics('organization')`} {
		undo := errors.New("undo")
		err := db.Seller(1).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.ExecContext(ctx, `
				CREATE FUNCTION pg_temp.intrude() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it ran as %'', current_user; END';
				CREATE TEMPORARY VIEW organization AS SELECT pg_temp.intrude() AS id, pg_temp.intrude() AS seller_id, 'abc'::text COLLATE "C" AS search_text;
				CREATE TEMPORARY VIEW psa_company AS
					SELECT pg_temp.intrude() AS record_id, pg_temp.intrude() AS seller_id, 'abc'::text COLLATE "C" AS search_text, 'abc'::text AS name`)
			if err != nil {
				t.Fatalf("prepare the attack: %v", err)
			}
			_, err = tx.ExecContext(ctx, `SELECT `+call)
			return cmp.Or(err, undo)
		})
		if !errors.Is(err, undo) {
			t.Errorf("%s beside a temporary view of the application: %v, want that the view is not looked at", call, err)
		}
	}
}
