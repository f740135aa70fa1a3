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

// summary is the summary line of the Organizations tab.
const summary = "mappingSummary { organizations { total mapped unmapped } }"

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
			"{ " + organizations("first: 20", "totalCount", columns) + " " + summary + " }",
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

// lineColumns are those of the Invoices tab.
const lineColumns = `id platformId invoiceNumber invoiceDate invoiceStatus period organization { id name } contract { id platformId }
	offer { id name vendor { name } } subscription { id name } description chargeType recurrence quantity unitPrice amount { amount currency }
	chargeStartDate { value origin } chargeEndDate { value origin } psaCompany { recordId name } psaAgreement { recordId name } psaAgreementOrigin
	psaProduct { recordId identifier } mappingStatus syncStatus syncBlockers { code message subject { __typename id } } syncedAt revision`

// measureLinePages compares pages of invoice lines with those that plain resolvers make.
func measureLinePages(ctx context.Context, b *bench) error {
	b.table("page of invoice lines, all columns", "crosswalk, a second", "plain gqlgen resolvers, a second", "ratio")
	for _, rows := range []int{20, 1000} {
		query := fmt.Sprintf("{ invoiceLines(period: %q, first: %d) { nodes { %s } pageInfo { hasNextPage endCursor } } }", peak(), rows, lineColumns)
		results, err := b.takingTurns(ctx, b.Clients, graphQL(b.address, b.token, query), graphQL(b.plain, b.token, query))
		if err != nil {
			return err
		}
		lane, plain := results[0].perSecond(), results[1].perSecond()
		b.row(thousands(rows)+" rows", fmt.Sprintf("%.0f", lane), fmt.Sprintf("%.0f", plain), fmt.Sprintf("%.1f", lane/plain))
	}
	return nil
}

func ratio(r float64) string { return fmt.Sprintf("%.2f", r) }
