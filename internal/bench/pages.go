package bench

import (
	"context"
	"fmt"
	"os"
)

// columns of the Organizations tab.
const columns = `id platformId name referenceNumber status
	psaCompany { id recordId identifier name status }
	excludedFromSync mappingStatus mappingStatusMessage revision mappedAt mappedBy`

// organizations is the query for a page; more comes before its rows.
func organizations(arguments, more, columns string) string {
	return "organizations(" + arguments + ") { " + more + " nodes { " + columns + " } pageInfo { hasNextPage endCursor } }"
}

// comparison is a page measured on all sides.
type comparison struct {
	name string
	// lane and plain are the throughput of the gateway with and without its fast lane, as a share of the yardstick's;
	// work is the same of computing time.
	lane, plain, work float64
}

// measurePages compares pages of organizations with the yardstick.
func measurePages(ctx context.Context, b *bench) error {
	b.table("page of organizations", "crosswalk : by hand", "the same, by computing time", "plain gqlgen resolvers : by hand", "by hand, a second")
	var all []comparison
	for _, c := range []struct{ name, yardstick, query string }{
		{"20 rows, all columns", "/page/20", "{ " + organizations("first: 20", "", columns) + " }"},
		{
			"20 rows, total and summary", "/page/20?totals=1",
			"{ " + organizations("first: 20", "totalCount", columns) + " mappingSummary { organizations { total mapped unmapped } } }",
		},
		{"1,000 rows, all columns", "/page/1000", "{ " + organizations("first: 1000", "", columns) + " }"},
	} {
		byHand := target{url: b.byHand + c.yardstick}
		results, err := b.takingTurns(ctx, b.Clients, graphQL(b.address, b.token, c.query), graphQL(b.plain, b.token, c.query), byHand)
		if err != nil {
			return err
		}
		lane, plain, yardstick := results[0], results[1], results[2]
		measured := comparison{
			name: c.name, lane: lane.perSecond() / yardstick.perSecond(), plain: plain.perSecond() / yardstick.perSecond(),
			work: float64(yardstick.cpuPerRequest()) / float64(max(lane.cpuPerRequest(), 1)),
		}
		all = append(all, measured)
		b.row(measured.name, ratio(measured.lane), ratio(measured.work), ratio(measured.plain), fmt.Sprintf("%.0f", yardstick.perSecond()))
	}
	if b.Picture == "" {
		return nil
	}
	return os.WriteFile(b.Picture, []byte(picture(all)), 0o644)
}

func ratio(r float64) string { return fmt.Sprintf("%.2f", r) }
