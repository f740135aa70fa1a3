package bench

import (
	"context"
	"fmt"
	"time"
)

// measureLookUps counts the calls to ConnectWise that many users of one page cause.
func measureLookUps(ctx context.Context, b *bench) error {
	query := "{ " + organizations("first: 100", "", columns) + " }"
	b.table("100 organizations, each with its company", "requests", "calls to ConnectWise", "calls a second")
	for _, users := range []int{1, 100} {
		before := b.psa.Faults().Count("")
		r, err := drive(ctx, graphQL(b.address, b.token, query), users, 2*time.Second)
		if err != nil {
			return err
		}
		calls := b.psa.Faults().Count("") - before
		b.row(fmt.Sprintf("%d at a time", users), thousands(r.requests), thousands(calls), fmt.Sprintf("%.1f", float64(calls)/r.took.Seconds()))
	}
	return nil
}
