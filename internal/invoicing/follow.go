package invoicing

import (
	"context"
	"fmt"

	"crosswalk/internal/postgres"
)

// Follow makes lines follow contracts whose agreement changed: a contract that was mapped speaks for all its
// lines again, so agreements chosen for single lines are cleared. It returns how many unposted lines of the
// contracts there are. It is a mapping.Reach.
func Follow(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, mapped, unmapped []int64) (int, error) {
	if len(mapped)+len(unmapped) == 0 {
		return 0, nil
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE invoice_line
		SET psa_agreement_id = NULL, revision = revision + 1
		WHERE seller_id = $1
			AND contract_id = ANY($2)
			AND psa_agreement_id IS NOT NULL
			AND state IN ('OPEN', 'FAILED')`,
		seller, mapped)
	if err != nil {
		return 0, fmt.Errorf("clear the agreements of lines: %w", err)
	}
	var reached int
	err = tx.GetContext(ctx, &reached, `
		SELECT count(*)
		FROM invoice_line
		WHERE seller_id = $1
			AND contract_id = ANY($2)
			AND state IN ('OPEN', 'FAILED')`,
		seller, append(mapped, unmapped...))
	if err != nil {
		return 0, fmt.Errorf("count the lines reached: %w", err)
	}
	return reached, nil
}
