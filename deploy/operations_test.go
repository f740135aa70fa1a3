package deploy_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"crosswalk/internal/postgres"
)

// statements are the pieces of SQL in docs/operations.md.
func statements(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, piece := range regexp.MustCompile("(?ms)^ *```sql\n(.*?)```").FindAllStringSubmatch(read(t, "../docs/operations.md"), -1) {
		found = append(found, piece[1])
	}
	if len(found) != 3 {
		t.Fatalf("docs/operations.md has %d pieces of SQL, want those of poolers, of ranges and of splitting", len(found))
	}
	return found
}

// addSellers makes three sellers, each with a token, settings and a run that waits, and returns their ids.
func addSellers(t *testing.T, db *postgres.DB) []postgres.SellerID {
	t.Helper()
	var ids []postgres.SellerID
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &ids, `
			WITH added AS (
				INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
				SELECT 'Seller ' || n, 'UTC', 'https://p.example.com', '', ''
				FROM generate_series(1, 3) n
				RETURNING id
			), tokens AS (
				INSERT INTO api_token (seller_id, hash, hint, subject, role)
				SELECT id, id::text::bytea, 'cw_' || id, 'anna', 'ADMIN'
				FROM added
			), settings AS (
				INSERT INTO seller_settings (seller_id, daily_sync_enabled)
				SELECT id, true
				FROM added
			), runs AS (
				INSERT INTO job (seller_id, kind, requested_by)
				SELECT id, 'SYNC_ORGANIZATIONS', 'anna'
				FROM added
			)
			SELECT id FROM added ORDER BY id`)
	})
	if err != nil {
		t.Fatalf("add sellers: %v", err)
	}
	return ids
}

func TestSellersOfAnotherDatabaseComeToRest(t *testing.T) {
	t.Parallel()
	address := setUp(t)
	db, err := postgres.Open(t.Context(), address("crosswalk_gateway", "crosswalk"), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if ids := addSellers(t, db); len(ids) != 3 || ids[0] != 1 {
		t.Fatalf("the sellers are %v, want 1 to 3, of which the page speaks", ids)
	}
	for _, piece := range statements(t) {
		login := "crosswalk_owner"
		if strings.HasPrefix(piece, "ALTER ROLE") {
			login = "postgres"
		}
		execute(t, address(login, "crosswalk"), piece)
	}
	var active struct{ Tokens, Daily, Runs int }
	err = db.System().Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &active, `
			SELECT (SELECT count(*) FROM api_token WHERE revoked_at IS NULL) AS tokens,
				(SELECT count(*) FROM seller_settings WHERE daily_sync_enabled) AS daily,
				(SELECT count(*) FROM job WHERE finished_at IS NULL) AS runs`)
	})
	if err != nil || active.Tokens != 1 || active.Daily != 1 || active.Runs != 1 {
		t.Errorf("what still belongs to a seller: %+v (%v), want what is the first one's", active, err)
	}
	if ids := addSellers(t, db); len(ids) != 3 || ids[0] != 1_000_001 {
		t.Errorf("new sellers are %v, want those of the database's own range", ids)
	}
}

// execute runs statements with all rights of a login.
func execute(t *testing.T, address, text string) {
	t.Helper()
	db, err := postgres.OpenAsOwner(t.Context(), address, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Pool().ExecContext(t.Context(), text); err != nil {
		t.Errorf("%s\nfailed: %v", text, err)
	}
}
