package invoicing

import (
	"context"
	"slices"
	"testing"

	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
)

// The planner hears of a month while the next one is still to be loaded.
func TestALoadTellsOfEachMonthOnceItsLinesAreThere(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	m := marketOf(200)
	seller := stocked(t, db, m)
	var complete []int
	end := runLoad(t, db, seller, Loader{
		Sources: mapping.Sources{Feed: func(context.Context, postgres.SellerID) (platform.Feed, error) { return m, nil }},
		Filled: func(ctx context.Context, _ ...string) {
			var periods int
			err := db.Seller(seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
				return tx.GetContext(ctx, &periods, `SELECT count(*) FROM invoice_period WHERE seller_id = $1 AND complete`, seller)
			})
			if err != nil {
				t.Errorf("count the months: %v", err)
			}
			complete = append(complete, periods)
		},
	}, rule.PreviousMonth, rule.CurrentMonth)
	if end.state != jobs.Succeeded || !slices.Equal(complete, []int{1, 2}) {
		t.Errorf("the load ended as %s (%v) and told of %v months, want one and then two", end.state, end.err, complete)
	}
}
