package jobs

import (
	"context"
	"strings"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

func TestLookingForRunsDoesNotReadThoseThatHaveFinished(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 1})
	if err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
		INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
		SELECT 'Seller ' || n, 'UTC', 'https://platform.example.com', '', ''
		FROM generate_series(1, 100) AS n;
		INSERT INTO job (seller_id, kind, state, requested_by, finished_at)
		SELECT seller.id, 'LOAD_OFFERS', 'SUCCEEDED', 'anna', now()
		FROM seller, generate_series(1, 100);
		INSERT INTO job (seller_id, kind, requested_by)
		SELECT id, 'LOAD_OFFERS', 'anna'
		FROM seller`)
		return err
	}); err != nil {
		t.Fatalf("fill the table: %v", err)
	}
	if owner, err := postgres.OpenAsOwner(t.Context(), db.DSN(), postgres.Options{MaxConnections: 1}); err != nil {
		t.Fatalf("OpenAsOwner: %v", err)
	} else {
		defer owner.Close()
		if _, err := owner.Pool().ExecContext(t.Context(), `ANALYZE seller, job`); err != nil {
			t.Fatalf("analyze: %v", err)
		}
	}
	for name, query := range map[string]struct {
		statement string
		arguments []any
	}{
		"claiming":  {claimStatement, []any{[]string{"LOAD_OFFERS"}, "worker", 15_000, 5}},
		"giving up": {giveUpStatement, []any{5, exhausted}},
	} {
		var plan []string
		err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			return tx.SelectContext(ctx, &plan, "EXPLAIN "+query.statement, query.arguments...)
		})
		if err != nil {
			t.Fatalf("explain %s: %v", name, err)
		}
		if text := strings.Join(plan, "\n"); strings.Contains(text, "Seq Scan") {
			t.Errorf("%s reads the whole table, want indexes only:\n%s", name, text)
		}
	}
}
