package mapping_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/postgrestest"
)

// crowd is more than what is taken by its numbers.
const crowd = grid.Dense + 200

func TestSearchesFindTheSameHoweverManyMatch(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t, postgres.Options{})
	var sellers []postgres.SellerID
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		err := tx.SelectContext(ctx, &sellers, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('A', 'UTC', 'https://a.example', '', ''), ('B', 'UTC', 'https://b.example', '', '') RETURNING id`)
		for _, statement := range []string{
			`INSERT INTO psa_company (seller_id, record_id, identifier, name)
				SELECT s, n, 'C' || n, CASE WHEN n % 400 = 0 THEN 'Scarce ' ELSE 'Plenty ' END || n FROM unnest($1::bigint[]) s, generate_series(1, $2::int) n`,
			`INSERT INTO organization (seller_id, platform_id, name, reference_number, status, status_text, psa_company_id, mapped_at, mapped_by)
				SELECT s, s || '-' || n, CASE WHEN n % 300 = 0 THEN 'Rare 100% ' ELSE 'Common ' END || n, n, 'ACTIVE', 'Active', n, now(), 'someone'
				FROM unnest($1::bigint[]) s, generate_series(1, $2::int) n`,
		} {
			if err == nil {
				_, err = tx.ExecContext(ctx, statement, sellers, crowd)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list := func(where grid.Condition, size int) (names []string, total int) {
		t.Helper()
		names = []string{}
		err := db.Seller(sellers[0]).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			result, err := mapping.Organizations(ctx, tx, sellers[0], grid.Request{
				Columns: []string{"id", "platform_id", "name"}, Where: where, Order: []grid.Order{{Column: "name"}}, Page: grid.FirstRows(size), Total: true,
			})
			if err != nil {
				return err
			}
			total = result.Total
			for _, row := range result.Rows {
				if !strings.HasPrefix(row.PlatformID, sellers[0].String()+"-") {
					t.Errorf("%s is another seller's", row.PlatformID)
				}
				names = append(names, row.Name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return names, total
	}
	for _, text := range []string{"rare", "RARE 1", "common", "ommon 12", "co", "scarce", "plenty", "lenty 8", "100% 3", "no such", "1", "common 7 "} {
		want := []string{}
		for n := 1; n <= crowd; n++ {
			// Organization n is mapped to company n.
			name, company := fmt.Sprint("Common ", n), fmt.Sprint("Plenty ", n)
			if n%300 == 0 {
				name = fmt.Sprint("Rare 100% ", n)
			}
			if n%400 == 0 {
				company = fmt.Sprint("Scarce ", n)
			}
			searched := []string{name, fmt.Sprint(n), company, fmt.Sprint("C", n)}
			if slices.ContainsFunc(searched, func(in string) bool { return strings.Contains(strings.ToLower(in), strings.ToLower(text)) }) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		got, total := list(mapping.SearchOrganizations(sellers[0], text), 50)
		if total != len(want) {
			t.Errorf("%q finds %d, want %d", text, total, len(want))
		}
		if diff := cmp.Diff(want[:min(50, len(want))], got); diff != "" {
			t.Errorf("the first page of %q (-want +got):\n%s", text, diff)
		}
	}
}
