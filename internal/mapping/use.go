package mapping

import (
	"context"
	"fmt"

	"crosswalk/internal/postgres"
)

// InUse reports whether anything of seller is mapped, so that ConnectWise's record numbers mean something
// to us and another ConnectWise must not take its place.
func InUse(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (bool, error) {
	var mapped bool
	err := tx.GetContext(ctx, &mapped, `
		SELECT EXISTS (
			SELECT
			FROM mapping_total
			WHERE seller_id = $1
				AND mapped > 0)`,
		seller)
	if err != nil {
		return false, fmt.Errorf("look for mappings: %w", err)
	}
	return mapped, nil
}
