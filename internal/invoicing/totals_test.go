package invoicing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"pgregory.net/rapid"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/psa"
	"crosswalk/migrations"
)

// difference is what totals and lines say differently of one kind of lines.
const difference = `
	SELECT period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency, listed, reversed,
		sum(line_count) AS line_count, sum(amount) AS amount
	FROM (
		SELECT period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency, listed, reversed, line_count, amount
		FROM invoice_line_total
		WHERE seller_id = $1
		UNION ALL
		SELECT period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency, listed,
			coalesce(charge_end < charge_start, false), -1, -amount
		FROM invoice_line
		WHERE seller_id = $1
	) compared
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
	HAVING sum(line_count) <> 0 OR sum(amount) <> 0`

// checkTotals checks that a seller's totals are what counting the lines gives.
func checkTotals(ctx context.Context, t rapid.TB, tx *postgres.Tx, seller postgres.SellerID) error {
	var differences []string
	err := tx.SelectContext(ctx, &differences, `SELECT row_to_json(d)::text FROM (`+difference+`) d`, seller)
	if len(differences) > 0 {
		t.Errorf("the totals differ from the lines by %v; want no difference", differences)
	}
	return err
}

// changes are statements that change what lines are counted by, or what they resolve to. The argument selects records.
var changes = map[string]string{
	"state changed":          `UPDATE invoice_line SET state = (ARRAY['OPEN', 'SYNCING', 'UNCONFIRMED', 'SYNCED', 'FAILED'])[1 + (id + $2) % 5] WHERE seller_id = $1 AND id % 3 = $2 % 3`,
	"state of one changed":   `UPDATE invoice_line SET state = 'FAILED' WHERE seller_id = $1 AND id = $2`,
	"not listed any more":    `UPDATE invoice_line SET listed = NOT listed WHERE seller_id = $1 AND id % 4 = $2 % 4`,
	"agreement chosen":       `UPDATE invoice_line SET psa_agreement_id = NULLIF((id + $2) % 6, 0) WHERE seller_id = $1 AND id % 2 = $2 % 2`,
	"end chosen":             `UPDATE invoice_line SET chosen_end = charge_start - ($2::bigint % 3)::int WHERE seller_id = $1 AND id % 2 = $2 % 2`,
	"billed anew":            `UPDATE invoice_line SET amount = amount + $2, currency = 'USD', offer_id = 1 + $2 % 3 WHERE seller_id = $1 AND id % 5 = $2 % 5`,
	"moved to another month": `UPDATE invoice_line SET period = '2026-07-01' WHERE seller_id = $1 AND id = $2`,
	"nothing counted":        `UPDATE invoice_line SET revision = revision + 1, description = 'x' WHERE seller_id = $1 AND $2::bigint > 0`,
	"line removed":           `DELETE FROM invoice_line WHERE seller_id = $1 AND id = $2`,
	"lines added":            addLines + `gen_random_uuid()::text` + addedLines,
	"lines merged": addLines + `CASE WHEN id % 2 = 0 THEN platform_id ELSE gen_random_uuid()::text END` + addedLines +
		` ON CONFLICT (seller_id, platform_id) DO UPDATE SET amount = EXCLUDED.amount, listed = true`,
	"invoice not valid any more": `UPDATE invoice SET valid = NOT valid WHERE seller_id = $1 AND id % 3 = $2 % 3`,
	"organization mapped anew":   `UPDATE organization SET psa_company_id = 1 + $2 % 3, mapped_at = now(), mapped_by = '' WHERE seller_id = $1 AND id % 2 = $2 % 2`,
	"organization let in":        `UPDATE organization SET excluded_from_sync = NOT excluded_from_sync WHERE seller_id = $1 AND id = 1 + $2 % 4`,
	"offer unmapped":             `UPDATE offer SET psa_product_id = NULL, mapped_at = NULL, mapped_by = NULL WHERE seller_id = $1 AND id = 1 + $2 % 3`,
	"contract mapped anew":       `UPDATE contract SET psa_agreement_id = 1 + $2 % 5, mapped_at = now(), mapped_by = '' WHERE seller_id = $1 AND id % 2 = $2 % 2`,
	"product gone":               `UPDATE psa_product SET deleted = NOT deleted WHERE seller_id = $1 AND record_id = 1 + $2 % 3`,
	"folded":                     `SELECT fold_line_totals(seller_id, period) FROM (SELECT DISTINCT seller_id, period FROM invoice_line WHERE seller_id = $1 AND $2::bigint > 0) m`,
}

// addLines and addedLines add lines like those there are; the platform id goes between them.
const (
	addLines = `INSERT INTO invoice_line (seller_id, id, platform_id, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
			description, charge_type, charge_type_text, custom, quantity, unit_price, amount, currency)
		OVERRIDING SYSTEM VALUE
		SELECT seller_id, last + row_number() OVER (), `
	addedLines = `, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
			description, charge_type, charge_type_text, custom, quantity, unit_price, id, currency
		FROM (SELECT max(id) OVER () AS last, * FROM invoice_line WHERE seller_id = $1) l WHERE id % 3 = $2 % 3`
)

// counted is all that can be counted of lines under one condition.
type counted struct {
	Total     int
	Facets    [][]grid.FacetValue
	Sums      []string
	Summaries []StatusTotal
}

// count counts by a list.
func count(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, list *grid.Grid, where grid.Condition) (counted, error) {
	req := grid.Request{Where: where, Total: true, Page: grid.FirstRows(1).WithoutRows(), SumBy: &grid.SumBy{Column: "amount", By: "currency"}}
	for _, column := range []string{"sync_status", "mapping_status", "currency", "vendor_name", "charge_type"} {
		req.Facets = append(req.Facets, grid.Facet{Column: column, Where: where})
	}
	result, err := grid.Fetch[Line](ctx, tx, list, seller, req)
	if err != nil {
		return counted{}, err
	}
	told := counted{Total: result.Total, Facets: result.Facets}
	for _, s := range result.Sums {
		told.Sums = append(told.Sums, s.Total.String()+" "+s.By)
	}
	query, args, err := grid.Totals(list, seller, where, "sync_status", "currency", "amount")
	if err != nil {
		return counted{}, err
	}
	return told, tx.SelectContext(ctx, &told.Summaries, query, args...)
}

// drawName draws one of the names of a table.
func drawName[T any](t *rapid.T, what string, table map[string]T) string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(table))).Draw(t, what)
}

// checkCounts checks that counting by totals tells what counting line by line does, under conditions of each kind.
func checkCounts(ctx context.Context, t *rapid.T, tx *postgres.Tx, seller postgres.SellerID, view View) error {
	byTotals := view.list()
	byLines := *byTotals
	byLines.Summaries = nil
	conditions := map[string]grid.Condition{
		"of a month":         OfPeriod(civil.YearMonth{Year: 2026, Month: 5}),
		"ready":              OfStatus([]string{"READY"}),
		"not ready, synced":  OfStatus([]string{"NOT_READY", "SYNCED"}),
		"failed":             OfStatus([]string{"FAILED"}),
		"excluded":           OfStatus([]string{"EXCLUDED"}),
		"not valid":          Blocked([]string{"INVOICE_NOT_VALID"}),
		"dates, product":     Blocked([]string{"DATE_RANGE_INVALID", "PRODUCT_UNMAPPED"}),
		"of an organization": grid.OneOf("organization_id", []int64{1, 3}),
		"of a contract":      grid.Not(grid.All(grid.OneOf("contract_id", []int64{1}), OfStatus([]string{"READY"}))),
		"of an offer":        grid.Any(grid.OneOf("offer_id", []int64{2}), grid.OneOf("currency", []string{"USD"})),
		"of a vendor, ready": grid.All(grid.OneOf("vendor_name", []string{""}), OfStatus([]string{"READY"})),
		"mapped":             grid.OneOf("mapping_status", []string{"MAPPED"}),
		"by charge type":     grid.OneOf("charge_type", []string{"CYCLE_FEE"}),
		"search":             Search(seller, "1"),
	}
	for _, name := range []string{"of a month", drawName(t, "condition", conditions), drawName(t, "other condition", conditions)} {
		where := conditions[name]
		want, err := count(ctx, tx, seller, &byLines, where)
		if err != nil {
			return err
		}
		got, err := count(ctx, tx, seller, byTotals, where)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counts of lines %q (-by lines +by totals):\n%s", name, diff)
		}
	}
	return nil
}

func TestTotals_CountWhatCountingTheLinesDoes(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFacts(rt)
		err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			seller, err := f.store(ctx, tx)
			if err != nil {
				return err
			}
			for range rapid.IntRange(0, 8).Draw(rt, "changes") {
				name, number := drawName(rt, "change", changes), rapid.Int64Range(1, 12).Draw(rt, "number")
				if _, err := tx.ExecContext(ctx, changes[name], seller, number); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if err := checkTotals(ctx, rt, tx, seller); err != nil {
					return err
				}
			}
			if err := checkCounts(ctx, rt, tx, seller, f.view); err != nil {
				return err
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			rt.Fatal(err)
		}
	})
}

// loaded returns a seller whose market is loaded.
func loaded(t *testing.T, db *postgres.DB, m market) (seller postgres.SellerID) {
	t.Helper()
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		seller, err = m.stock(ctx, tx)
		return err
	})
	if err == nil {
		_, err = m.load(t.Context(), db, seller)
	}
	if err != nil {
		t.Fatal(err)
	}
	return seller
}

func wantRightTotals(t *testing.T, db *postgres.DB, seller postgres.SellerID) {
	t.Helper()
	err := db.Seller(seller).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return checkTotals(ctx, t, tx, seller)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTotals_StayRightWhenManyChangeLinesAtOnce(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	seller := loaded(t, db, marketOf(2000))
	failures := make(chan error, 5)
	var all sync.WaitGroup
	change := func(times int, query string) {
		all.Go(func() {
			for i := range times {
				err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
					_, err := tx.ExecContext(ctx, query, seller, i)
					return err
				})
				if err != nil {
					failures <- fmt.Errorf("%s: %w", query, err)
					return
				}
			}
		})
	}
	// Two replicas post lines, a user edits many, invoices change, and totals are folded all the while.
	post := `UPDATE invoice_line SET state = CASE state WHEN 'OPEN' THEN 'SYNCING' ELSE 'SYNCED' END
		WHERE seller_id = $1 AND id = (SELECT min(id) + $2::int / 2 * 2 FROM invoice_line WHERE seller_id = $1)`
	change(100, post)
	change(100, post+` + 1`)
	change(5, `WITH locked AS (SELECT id FROM invoice_line WHERE seller_id = $1 AND id % 5 = $2 ORDER BY id FOR NO KEY UPDATE)
		UPDATE invoice_line l SET psa_agreement_id = 1 FROM locked k WHERE l.seller_id = $1 AND l.id = k.id`)
	change(10, `UPDATE invoice SET valid = NOT valid WHERE seller_id = $1 AND id % 7 = $2 % 7`)
	change(20, `SELECT fold_line_totals($1, '2026-05-01') WHERE $2::int >= 0`)
	all.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	wantRightTotals(t, db, seller)
}

func TestTotals_KeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	seller := loaded(t, db, marketOf(200))
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, edit *postgres.Tx) error {
		if _, err := edit.ExecContext(ctx, `
			UPDATE invoice_line SET state = 'FAILED' WHERE seller_id = $1 AND id % 2 = 0`, seller); err != nil {
			return err
		}
		if _, err := edit.ExecContext(ctx, `SELECT fold_line_totals($1, '2026-05-01')`, seller); err != nil {
			return err
		}
		return db.Seller(seller).Write(t.Context(), func(ctx context.Context, post *postgres.Tx) error {
			_, err := post.ExecContext(ctx, `
				SET LOCAL lock_timeout = '5s';
				UPDATE invoice_line SET state = 'SYNCING' WHERE id % 2 = 1`)
			if err != nil {
				return fmt.Errorf("change the other lines of the same kinds meanwhile: %w", err)
			}
			_, err = post.ExecContext(ctx, `SELECT fold_line_totals($1, '2026-05-01')`, seller)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRightTotals(t, db, seller)
}

func TestTotals_AreFoldedToOneRowForEachKind(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	seller := loaded(t, db, marketOf(200))
	var kinds, rows int
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		for _, state := range []string{"SYNCING", "SYNCED", "OPEN", "FAILED"} {
			if _, err := tx.ExecContext(ctx, `UPDATE invoice_line SET state = $2 WHERE seller_id = $1`, seller, state); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `SELECT fold_line_totals($1, '2026-05-01')`, seller); err != nil {
			return err
		}
		err := tx.GetContext(ctx, &kinds, `SELECT count(DISTINCT (organization_id, contract_id, offer_id)) FROM invoice_line WHERE seller_id = $1`, seller)
		if err != nil {
			return err
		}
		return tx.GetContext(ctx, &rows, `SELECT count(*) FROM invoice_line_total WHERE seller_id = $1`, seller)
	})
	if err != nil {
		t.Fatal(err)
	}
	if rows != kinds {
		t.Errorf("after many changes and folding there are %d rows for %d kinds of lines, want one for each", rows, kinds)
	}
	wantRightTotals(t, db, seller)
}

func TestTotals_FollowALoadThatChangesLines(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	m := marketOf(1000)
	seller := loaded(t, db, m)
	wantRightTotals(t, db, seller)
	m.lines = 600 // the others are listed no longer
	if _, err := m.load(t.Context(), db, seller); err != nil {
		t.Fatal(err)
	}
	wantRightTotals(t, db, seller)
	_, err := NewService(db, &psa.Directory{}, 0, func(context.Context, postgres.SellerID) (civil.Date, error) { return civil.Date{}, nil }).
		EditMatching(t.Context(), seller, "someone", View{SetupComplete: true, Today: civil.Date{Year: 2026, Month: 5, Day: 18}},
			OfStatus([]string{"READY"}), Edit{End: Field[civil.Date]{Given: true, Value: &civil.Date{Year: 2026, Month: 5, Day: 31}}})
	if err != nil {
		t.Fatal(err)
	}
	wantRightTotals(t, db, seller)
}

func TestTotals_AnswerWithoutLookingAtLines(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	seller := loaded(t, db, marketOf(200))
	list := View{SetupComplete: true, Today: civil.Date{Year: 2026, Month: 5, Day: 18}}.list()
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM invoice_line_total WHERE seller_id = $1`, seller); err != nil {
			return err
		}
		for _, c := range []struct {
			name    string
			where   grid.Condition
			byLines bool
		}{
			{"the month", OfPeriod(civil.YearMonth{Year: 2026, Month: 5}), false},
			{"a status", OfStatus([]string{"READY"}), false},
			{"a blocker", Blocked([]string{"PRODUCT_UNMAPPED"}), false},
			{"a vendor in a status", grid.All(grid.OneOf("vendor_name", []string{"Vendor 1"}), OfStatus([]string{"READY"})), false},
			{"a text", Search(seller, "Business"), true},
			{"a charge type", grid.OneOf("charge_type", []string{"CYCLE_FEE"}), true},
		} {
			told, err := count(ctx, tx, seller, list, c.where)
			if err != nil {
				return err
			}
			if byLines := told.Total > 0; byLines != c.byLines {
				t.Errorf("without totals, lines filtered by %s count %d; want them counted by totals: %t", c.name, told.Total, !c.byLines)
			}
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatal(err)
	}
}

func TestTotals_CountTheLinesThatWereThereBeforeThem(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	db, err := postgres.Open(t.Context(), address, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	owner, err := postgres.OpenAsOwner(t.Context(), address, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	seller := loaded(t, db, marketOf(200))
	steps, err := goose.NewProvider(goose.DialectPostgres, owner.Pool(), migrations.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	for _, up := range []bool{false, true} {
		if _, err := steps.ApplyVersion(t.Context(), 9, up); err != nil {
			t.Fatal(err)
		}
	}
	wantRightTotals(t, db, seller)
}
