package postgres_test

import (
	"context"
	"strings"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// twoSellers opens a database as the gateway does, with an organization-less seller A and a seller B.
func twoSellers(t *testing.T) (db *postgres.DB, a, b postgres.SellerID) {
	t.Helper()
	db = postgrestest.Open(t, postgres.Options{MaxConnections: 4})
	var ids []postgres.SellerID
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &ids, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('A', 'UTC', 'https://a.example', '', ''), ('B', 'UTC', 'https://b.example', '', '')
			RETURNING id`)
	})
	if err != nil {
		t.Fatal(err)
	}
	return db, ids[0], ids[1]
}

func TestRowLevelSecurity_HoldsEvenForQueriesThatForgetTheSeller(t *testing.T) {
	t.Parallel()
	db, a, b := twoSellers(t)
	err := db.Seller(b).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO organization (seller_id, platform_id, name, reference_number, status, status_text) VALUES ($1, 'x', 'X', '1', 'NEW', 'New')`, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	count := func(id postgres.SellerID) (n int) {
		err := db.Seller(id).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			return tx.GetContext(ctx, &n, `SELECT count(*) FROM organization`)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := count(b); got != 1 {
		t.Errorf("the owner sees %d organizations, want 1", got)
	}
	if got := count(a); got != 0 {
		t.Errorf("another seller sees %d organizations, want 0", got)
	}
	err = db.Seller(a).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO organization (seller_id, platform_id, name, reference_number, status, status_text) VALUES ($1, 'y', 'Y', '1', 'NEW', 'New')`, b)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "row-level security") {
		t.Errorf("writing a row of another seller: %v, want a refusal by row-level security", err)
	}
	var outside int
	if err := db.Pool().QueryRowContext(t.Context(), `SELECT count(*) FROM organization`).Scan(&outside); err != nil || outside != 0 {
		t.Errorf("a query outside of any scope sees %d organizations, %v; want 0", outside, err)
	}
}

func TestRowLevelSecurity_CoversEveryTableWithASeller(t *testing.T) {
	t.Parallel()
	db, _, _ := twoSellers(t)
	rows, err := db.Pool().QueryContext(t.Context(), `
		SELECT c.relname
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
		WHERE c.relkind IN ('r', 'p')
			AND c.relname <> 'goose_db_version'
			AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		t.Errorf("table %s is not isolated: its migration must call isolate_sellers", table)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
