package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"crosswalk/internal/invoicing"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// sampled are some of the values of a column of a table.
func sampled(ctx context.Context, b *bench, table, column string) ([]string, error) {
	var names []string
	err := b.db.Seller(b.seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &names, "SELECT "+column+" FROM "+table+" TABLESAMPLE SYSTEM (5) WHERE seller_id = $1 LIMIT 5000", b.seller)
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s is too small to search in", table)
	}
	return names, err
}

// typedTexts are texts as people type them: parts of three to eight characters of names that there are.
func typedTexts(ctx context.Context, b *bench, table, column string, count int) ([]string, error) {
	names, err := sampled(ctx, b, table, column)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, count)
	for i := range texts {
		name := strings.ToLower(names[random.IntN(len(names))])
		length := min(3+random.IntN(6), len(name))
		at := random.IntN(len(name) - length + 1)
		texts[i] = name[at : at+length]
	}
	return texts, nil
}

const searchCount = 400

// measureSearches has lists searched as one types, each search the first page.
func measureSearches(ctx context.Context, b *bench) error {
	b.table("search of any three to eight characters of a name, first page", "median", "95th percentile")
	organizations := func(total bool) func(context.Context, *postgres.Tx, string) error {
		return func(ctx context.Context, tx *postgres.Tx, text string) error {
			_, err := mapping.Organizations(ctx, tx, b.seller, grid.Request{
				Columns: mapping.OrganizationColumns, Where: mapping.SearchOrganizations(b.seller, text), Order: []grid.Order{{Column: "name"}},
				Page: grid.FirstRows(20), Total: total,
			})
			return err
		}
	}
	companies := func(total bool) func(context.Context, *postgres.Tx, string) error {
		return func(ctx context.Context, tx *postgres.Tx, text string) error {
			_, err := psa.Companies.List(ctx, tx, b.seller, text, grid.Request{
				Columns: []string{"record_id", "name", "identifier"}, Order: []grid.Order{{Column: "name"}}, Page: grid.FirstRows(20), Total: total,
			})
			return err
		}
	}
	for _, c := range []struct {
		name, table string
		search      func(ctx context.Context, tx *postgres.Tx, text string) error
	}{
		{fmt.Sprintf("%s organizations", thousands(b.market.Organizations)), "organization", organizations(false)},
		{"the same with `totalCount`", "organization", organizations(true)},
		{fmt.Sprintf("%s companies, best match first", thousands(b.market.Companies)), "psa_company", companies(false)},
		{"the same with `totalCount`", "psa_company", companies(true)},
	} {
		texts, err := typedTexts(ctx, b, c.table, "name", searchCount)
		if err != nil {
			return err
		}
		r, err := timed(searchCount, func(i int) error {
			return b.db.Seller(b.seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error { return c.search(ctx, tx, texts[i]) })
		})
		if err != nil {
			return err
		}
		b.row(c.name, milliseconds(r.quantile(0.5)), milliseconds(r.quantile(0.95)))
	}
	return nil
}

// measureFilters reads first pages of lines of the greatest month by conditions.
func measureFilters(ctx context.Context, b *bench) error {
	view := invoicing.View{SetupComplete: true, Today: peak().FirstDay().AddDays(17)}
	month := invoicing.OfPeriod(peak())
	var organization int64
	err := b.db.Seller(b.seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &organization, `SELECT organization_id FROM invoice_line WHERE seller_id = $1 AND period = $2::date LIMIT 1`,
			b.seller, peak().FirstDay().String())
	})
	if err != nil {
		return err
	}
	b.table(fmt.Sprintf("first page of a month with %s lines", thousands(b.market.PeakLines)), "median", "95th percentile")
	for _, c := range []struct {
		name  string
		where grid.Condition
	}{
		{"all", nil},
		{"status READY", invoicing.OfStatus([]string{"READY"})},
		{"status FAILED, of which there are none", invoicing.OfStatus([]string{"FAILED"})},
		{"blocker PRODUCT_UNMAPPED", invoicing.Blocked([]string{"PRODUCT_UNMAPPED"})},
		{"one organization", grid.Compare("organization_id", grid.Equal, organization)},
		{"one vendor", grid.OneOf("vendor_name", []string{"Vendor 7"})},
	} {
		r, err := timed(200, func(int) error {
			return b.db.Seller(b.seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
				_, err := invoicing.Lines(ctx, tx, b.seller, view, grid.Request{
					Columns: []string{"id", "invoice_number", "invoice_date", "quantity", "unit_price", "amount", "sync_status"}, Where: grid.All(c.where, month),
					Order: []grid.Order{{Column: "invoice_date"}, {Column: "invoice_number"}}, Page: grid.FirstRows(20),
				})
				return err
			})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		b.row(c.name, milliseconds(r.quantile(0.5)), milliseconds(r.quantile(0.95)))
	}
	return nil
}
