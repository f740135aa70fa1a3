package invoicing

import (
	"context"
	"strings"
	"testing"

	"crosswalk/internal/postgres"
)

// A load that is done anew because its worker died may meet lines of which the planner has heard nothing.
func TestKnownLinesAreFoundByTheirIndexWhateverThePlannerKnows(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	m := marketOf(2_000)
	if _, err := m.load(t.Context(), db, stocked(t, db, m)); err != nil {
		t.Fatal(err)
	}
	var unheardOf postgres.SellerID
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		unheardOf, err = newSeller(ctx, tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	err = db.Seller(unheardOf).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		stage, err := newStaging(ctx, tx)
		if err != nil {
			return err
		}
		return stage.withoutSorting(ctx, func() error { return tx.SelectContext(ctx, &plan, "EXPLAIN "+knownLines, unheardOf) })
	})
	if err != nil {
		t.Fatal(err)
	}
	if how := strings.Join(plan, "\n"); !strings.Contains(how, "invoice_line_seller_id_platform_id_key") {
		t.Errorf("known lines are not looked up by their index:\n%s", how)
	}
}
