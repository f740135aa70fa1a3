package invoicing

import (
	"context"
	"fmt"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// Lines are counted by their totals wherever those can tell. The trigger that keeps them takes every listed line for
// one of a valid invoice; lines for which that is wrong are moved to where they belong here, each by two rows.
const totals = `(
	SELECT seller_id, period, organization_id, contract_id, offer_id, psa_agreement_id, state, currency, listed AS billable, reversed,
		line_count, amount
	FROM invoice_line_total
	UNION ALL
	SELECT l.seller_id, l.period, l.organization_id, l.contract_id, l.offer_id, l.psa_agreement_id, l.state, l.currency, moved.billable,
		coalesce(l.charge_end < l.charge_start, false), moved.line_count, moved.line_count * l.amount
	FROM invoice i
	JOIN invoice_line l ON l.seller_id = i.seller_id AND l.invoice_id = i.id AND l.listed
	CROSS JOIN (VALUES (true, -1), (false, 1)) AS moved (billable, line_count)
	WHERE NOT i.valid
)`

// offerless are totals in which of the offers only that is left which the status rules ask. That makes fewer rows to
// work a status out for.
const offerless = `(
	SELECT l.seller_id, l.period, l.organization_id, l.contract_id, l.psa_agreement_id, l.state, l.currency, l.billable, l.reversed,
		f.psa_product_id IS NOT NULL AS product_mapped, p.deleted AS product_deleted, sum(l.line_count) AS line_count, sum(l.amount) AS amount
	FROM ` + totals + ` l
	JOIN offer f ON f.seller_id = l.seller_id AND f.id = l.offer_id
	LEFT JOIN psa_product p ON p.seller_id = f.seller_id AND p.record_id = f.psa_product_id
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	HAVING sum(l.line_count) <> 0
)`

// summaryOf returns the grid of totals that come from a table or query, with the columns that need no resolving.
func summaryOf(from string, joins ...grid.Join) *grid.Grid {
	return &grid.Grid{
		Name: "invoice_line_total", From: from + " l", Seller: "l.seller_id", Joins: joins,
		Columns: map[string]grid.Column{
			"period":          {SQL: "l.period", Type: grid.Date},
			"organization_id": {SQL: "l.organization_id", Type: grid.Integer},
			"contract_id":     {SQL: "l.contract_id", Type: grid.Integer},
			"currency":        {SQL: "l.currency"},
		},
	}
}

// offerColumns are those of totals that know their offer.
var offerColumns = map[string]grid.Column{
	"offer_id":    {SQL: "l.offer_id", Type: grid.Integer},
	"vendor_name": {SQL: "v.name", Joins: joinVendor},
}

var (
	// plainTotals need not know which lines are billable, so that they are read as they are kept.
	plainTotals     = summaryOf("invoice_line_total", offerJoin, vendorJoin).WithAll(offerColumns)
	offerlessTotals = summaryOf(offerless, organizationJoin, contractJoin, companyJoin, createdJoin, agreementJoin)
	fullTotals      = summaryOf(totals, organizationJoin, contractJoin, offerJoin, vendorJoin, companyJoin, productJoin, createdJoin, agreementJoin).WithAll(offerColumns)
)

// totalTerms are the terms of totals; those without offers have resolved their product already.
var (
	totalTerms = terms{
		billable: "l.billable", valid: "NULL", reversed: "l.reversed", productMapped: lineTerms.productMapped, productDeleted: lineTerms.productDeleted,
	}
	offerlessTerms = terms{
		billable: "l.billable", valid: "NULL", reversed: "l.reversed", productMapped: "l.product_mapped", productDeleted: "l.product_deleted",
	}
)

// summaries returns what lines are counted by, the cheapest first.
func (v View) summaries() []grid.Summary {
	all := []grid.Summary{{Grid: plainTotals}, {Grid: v.resolved(offerlessTotals, offerlessTerms)}, {Grid: v.resolved(fullTotals, totalTerms)}}
	for i := range all {
		all[i].Count, all[i].Sums = "l.line_count", map[string]string{"amount": "l.amount"}
	}
	return all
}

// makeRoom lets a transaction count in memory what would not fit into what the server gives each query.
func makeRoom(ctx context.Context, tx *postgres.Tx) error {
	if _, err := tx.ExecContext(ctx, `SET LOCAL work_mem = '32MB'`); err != nil {
		return fmt.Errorf("make room for counting: %w", err)
	}
	return nil
}
