package psa_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/psa"
)

// rank is how well a company fits what was typed, 0 the best.
func rank(name, identifier, typed string) int {
	name, identifier, typed = strings.ToLower(name), strings.ToLower(identifier), strings.ToLower(typed)
	switch {
	case identifier == typed:
		return 0
	case name == typed:
		return 1
	case strings.HasPrefix(identifier, typed):
		return 2
	case strings.HasPrefix(name, typed):
		return 3
	case strings.Contains(name, " "+typed) || strings.Contains(identifier, " "+typed):
		return 4
	}
	return 5
}

func TestAPickerFindsTheBestMatchesHoweverManyMatch(t *testing.T) {
	t.Parallel()
	for name, policies := range map[string]string{"by an index": "NO FORCE", "where policies forbid the index": "FORCE"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testBestMatches(t, policies)
		})
	}
}

func testBestMatches(t *testing.T, policies string) {
	t.Helper()
	db, err := postgres.OpenAsOwner(t.Context(), postgrestest.New(t), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Pool().ExecContext(t.Context(), `ALTER TABLE psa_company `+policies+` ROW LEVEL SECURITY`); err != nil {
		t.Fatal(err)
	}
	var sellers []postgres.SellerID
	// Enough of what has "common" within a word that it is read in the order of the list.
	err = db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		err := tx.SelectContext(ctx, &sellers, `
			INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
			VALUES ('A', 'UTC', 'https://a.example', '', ''), ('B', 'UTC', 'https://b.example', '', '') RETURNING id`)
		if err == nil {
			_, err = tx.ExecContext(ctx, `
				INSERT INTO psa_company (seller_id, record_id, identifier, name)
				SELECT s, n,
					CASE WHEN n % 700 = 0 THEN 'Common' || n WHEN n % 90 = 0 THEN 'a common' || n ELSE 'C' || n END,
					CASE WHEN n = 2345 THEN 'Common' WHEN n % 50 = 0 THEN 'Common ' WHEN n % 30 = 0 THEN 'Rather common ' WHEN n % 7 = 0 THEN 'Заря 100%_\ '
						ELSE 'Uncommon ' END || CASE WHEN n = 2345 THEN '' ELSE (n * 7919 % 3001)::text END
				FROM unnest($1::bigint[]) s, generate_series(1, 3000) n`,
				sellers)
		}
		return err
	})
	if err == nil {
		err = db.RefreshStatistics(t.Context(), "psa_company")
	}
	if err != nil {
		t.Fatal(err)
	}
	type company struct {
		ID         psa.RecordID `db:"record_id"`
		Identifier string       `db:"identifier"`
		Name       string       `db:"name"`
	}
	var all []company
	err = db.Seller(sellers[0]).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &all, `SELECT record_id, identifier, name FROM psa_company WHERE seller_id = $1 ORDER BY name, record_id`, sellers[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		"common", "COMMON", "comm", "mmon", "mmon 1", "n 1", "r c", "rather", "ther common 2", "uncommon", "заря", "Зар", "аря 100%", `%_\`, "100%", `_\ 1`,
		"a common", "common7", "c1234", "234", "c12", "no such", "c 1", "uncommon 2999", "100_", "%%%",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		name := []rune(all[random.IntN(len(all))].Name)
		from := random.IntN(max(1, len(name)-3))
		texts = append(texts, string(name[from:min(len(name), from+3+random.IntN(6))]))
	}
	for _, text := range texts {
		matching := []company{}
		for _, c := range all {
			if strings.Contains(strings.ToLower(c.Name), strings.ToLower(text)) || strings.Contains(strings.ToLower(c.Identifier), strings.ToLower(text)) {
				matching = append(matching, c)
			}
		}
		slices.SortStableFunc(matching, func(a, b company) int {
			return cmp.Compare(rank(a.Name, a.Identifier, text), rank(b.Name, b.Identifier, text))
		})
		for _, size := range []int{20, 300} {
			got := []company{}
			total := 0
			err := db.Seller(sellers[0]).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
				result, err := psa.Companies.List(ctx, tx, sellers[0], text, grid.Request{
					Columns: []string{"record_id", "identifier", "name"}, Order: []grid.Order{{Column: "name"}}, Page: grid.FirstRows(size), Total: size == 20,
				})
				if err != nil {
					return err
				}
				total = result.Total
				for _, row := range result.Rows {
					got = append(got, company{ID: row.ID, Identifier: row.Identifier, Name: row.Name})
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if size == 20 && total != len(matching) {
				t.Errorf("%q finds %d, want %d", text, total, len(matching))
			}
			if diff := gocmp.Diff(matching[:min(size, len(matching))], got); diff != "" {
				t.Errorf("the first %d of %q (-want +got):\n%s", size, text, diff)
			}
		}
	}
}
