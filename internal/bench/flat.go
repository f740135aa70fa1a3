package bench

import (
	"context"
	"fmt"
	"time"
)

// smallPart is the part of the market that the small seller has: a page of it is compared with the same of the large one.
const smallPart = 0.01

// measureFlatness compares what must not take longer the more there is.
func measureFlatness(ctx context.Context, b *bench) error {
	small, err := open(ctx, b.DSN, b.market.scaled(smallPart), b.Log)
	if err != nil {
		return err
	}
	defer small.end()
	address, stop, err := small.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer stop()
	month := peak().String()
	b.table("query", fmt.Sprintf("%s organizations, %s lines", thousands(small.market.Organizations), thousands(small.market.Lines)),
		fmt.Sprintf("%s organizations, %s lines", thousands(b.market.Organizations), thousands(b.market.Lines)), "ratio of times")
	lines := `invoiceNumber organization { name } offer { name } quantity unitPrice amount { amount currency } syncStatus`
	for _, c := range []struct{ name, query string }{
		{"organizations, 20 rows", "{ " + organizations("first: 20", "", columns) + " }"},
		{"organizations, 20 rows and total", "{ " + organizations("first: 20", "totalCount", columns) + " }"},
		{"invoice lines of the greatest month, 20 rows", `{ invoiceLines(period: "` + month + `", first: 20) { nodes { ` + lines + ` } } }`},
		{"mappingSummary without lines", `{ mappingSummary { organizations { total mapped } offers { total } contracts { total } } }`},
	} {
		results, err := b.takingTurns(ctx, 1, graphQL(address, small.token, c.query), graphQL(b.address, b.token, c.query))
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		few, many := results[0].quantile(0.5), results[1].quantile(0.5)
		b.row(c.name, milliseconds(few), milliseconds(many), ratio(float64(many)/float64(few)))
	}
	return b.measureCursors(ctx)
}

// measureCursors compares the first page with one that is near the end.
func (b *bench) measureCursors(ctx context.Context) error {
	offset := max(b.market.Organizations-200, 0)
	var data struct {
		Organizations struct{ PageInfo struct{ EndCursor string } }
	}
	before := fmt.Sprintf("{ organizations(first: 1, offset: %d) { pageInfo { endCursor } } }", offset)
	if err := graphQL(b.address, b.token, before).read(ctx, &data); err != nil {
		return err
	}
	near := organizations(`first: 20, after: "`+data.Organizations.PageInfo.EndCursor+`"`, "", columns)
	results, err := b.takingTurns(ctx, 1, graphQL(b.address, b.token, "{ "+organizations("first: 20", "", columns)+" }"), graphQL(b.address, b.token, "{ "+near+" }"))
	if err != nil {
		return err
	}
	first, last := results[0].quantile(0.5), results[1].quantile(0.5)
	b.row(fmt.Sprintf("organizations, first page and the one after row %s", thousands(offset)), milliseconds(first), milliseconds(last), ratio(float64(last)/float64(first)))
	return nil
}

// timed returns how long something takes, at the median and at the 95th percentile.
func timed(times int, what func(i int) error) (result, error) {
	var r result
	for i := range times {
		begun := time.Now()
		if err := what(i); err != nil {
			return r, err
		}
		r = r.plus(result{requests: 1, times: []time.Duration{time.Since(begun)}})
	}
	return r, nil
}
