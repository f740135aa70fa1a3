package posting

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// endMoved ends the lasting Additions of a month's lines that go to another agreement now. Those that are over are looked at, too:
// somebody may have taken their end away.
func (p *posting) endMoved(ctx context.Context, month civil.YearMonth) error {
	var moved []struct {
		Agreement psa.RecordID `db:"agreement_id"`
		LineID    int64        `db:"line_id"`
		Current   bool         `db:"current"`
	}
	err := p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &moved, `
			SELECT a.agreement_id, i.line_id, a.current
			FROM posting_item i
			JOIN invoice_line l ON l.seller_id = i.seller_id AND l.id = i.line_id
			CROSS JOIN LATERAL (
				SELECT a.agreement_id, a.current
				FROM addition a
				WHERE a.seller_id = l.seller_id AND a.subscription_id = l.subscription_id AND a.record_id IS NOT NULL
				ORDER BY a.generation DESC
				LIMIT 1
			) a
			WHERE i.seller_id = $1 AND i.job_id = $2 AND i.period = $3 AND i.lasting AND i.agreement_id <> a.agreement_id
			ORDER BY 1, 2`, p.seller, p.run.Job().ID, month.FirstDay())
	})
	if err != nil {
		return fmt.Errorf("find lines that moved: %w", err)
	}
	lines, current := make(map[psa.RecordID][]int64), make(map[psa.RecordID][]int64)
	var agreements []psa.RecordID
	for _, m := range moved {
		if lines[m.Agreement] == nil {
			agreements = append(agreements, m.Agreement)
		}
		lines[m.Agreement] = append(lines[m.Agreement], m.LineID)
		if m.Current {
			current[m.Agreement] = append(current[m.Agreement], m.LineID)
		}
	}
	return each(ctx, agreements, func(ctx context.Context, agreement psa.RecordID) error {
		return p.onAgreement(ctx, agreement, func(ctx context.Context, live listed) error {
			for _, id := range lines[agreement] {
				if err := p.endFor(ctx, agreement, id, live); err != nil {
					return err
				}
			}
			return nil
		}, func(ctx context.Context, why refusal) error {
			return p.failItems(ctx, why, `l.id = ANY($3)`, pq.Int64Array(current[agreement]))
		})
	})
}

// endFor ends the lasting Addition, on the agreement it is on, that a line is going to follow elsewhere.
func (p *posting) endFor(ctx context.Context, agreement psa.RecordID, id int64, live listed) error {
	var gone int64
	decideEnd := func(l line, before *predecessor, live listed) decision {
		gone = 0
		if before == nil || before.Unsettled || before.Record == nil || before.Agreement != agreement ||
			!before.Current && !before.goesOn(l, live) || l.claim().Compare(before.claim()) < 0 {
			return decision{wait: true}
		}
		current, exists := live.byRecord[*before.Record]
		last := before.lastDay(l, current)
		if !exists || current.CancelledDate == last {
			gone = before.ID // removed in ConnectWise, or ended early enough
			return decision{wait: true}
		}
		return finish(*before, current, last)
	}
	w, err := p.claim(ctx, id, agreement, live, decideEnd)
	if err != nil {
		return err
	}
	if gone != 0 {
		return p.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error { return p.retire(ctx, tx, gone) })
	}
	if w == nil {
		return nil
	}
	_, err = p.execute(ctx, w, live)
	return err
}
