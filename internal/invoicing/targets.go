package invoicing

import (
	"context"
	"fmt"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// Numbers returns the statement that selects the numbers of the lines for which a condition holds.
func Numbers(view View, seller postgres.SellerID, where grid.Condition) (query string, args []any, err error) {
	return grid.Numbers(view.list(), seller, where)
}

// Targets returns the statement that selects where the lines go for which a condition holds, and what keeps them from
// going there. Its columns are id, sync_status, blockers, psa_company_id, psa_agreement_id, agreement_origin
// and psa_product_id.
func Targets(view View, seller postgres.SellerID, where grid.Condition) (query string, args []any, err error) {
	return grid.Select(view.list(), seller, where,
		"id", "sync_status", "blockers", "psa_company_id", "psa_agreement_id", "agreement_origin", "psa_product_id")
}

// Known returns those of the numbers that lines of the seller have, in ascending order.
func Known(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, numbers []int64) ([]int64, error) {
	known := []int64{}
	err := tx.SelectContext(ctx, &known, `
		SELECT id
		FROM invoice_line
		WHERE seller_id = $1
			AND id = ANY($2)
		ORDER BY id`, seller, numbers)
	if err != nil {
		return nil, fmt.Errorf("find lines: %w", err)
	}
	return known, nil
}
