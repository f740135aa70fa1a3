package posting

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// takeOver makes writes that an earlier attempt or run was about to send unconfirmed: its worker is gone, and
// nobody knows how far it came.
func (p *posting) takeOver(ctx context.Context) error {
	return p.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			WITH lost AS (
				UPDATE addition_write
				SET state = 'UNCONFIRMED'
				WHERE seller_id = $1 AND state = 'SENDING'
				RETURNING seller_id, line_id
			)
			UPDATE invoice_line l
			SET state = 'UNCONFIRMED'
			FROM lost
			WHERE l.seller_id = lost.seller_id AND l.id = lost.line_id AND l.state = 'SYNCING'`, p.seller)
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE created_agreement SET state = 'UNCONFIRMED' WHERE seller_id = $1 AND state = 'SENDING'`, p.seller)
		}
		if err != nil {
			return fmt.Errorf("take over from an earlier attempt: %w", err)
		}
		return nil
	})
}

func (p *posting) delay() time.Duration {
	if p.SettleDelay <= 0 {
		return DefaultSettleDelay
	}
	return p.SettleDelay
}

// unsettled counts lost writes and says how long until the next of them can be looked for.
func (p *posting) unsettled(ctx context.Context) (lost int, due time.Duration, err error) {
	var so struct {
		Lost int     `db:"lost"`
		Due  float64 `db:"due"`
	}
	err = p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &so, `
			SELECT count(*) AS lost,
				coalesce(extract(epoch FROM min(coalesce(looked_at + $2 * interval '1 millisecond', now())) - now()), 0) AS due
			FROM (
				SELECT looked_at FROM addition_write WHERE seller_id = $1 AND state = 'UNCONFIRMED'
				UNION ALL
				SELECT looked_at FROM created_agreement WHERE seller_id = $1 AND state = 'UNCONFIRMED'
			) AS lost`, p.seller, p.delay().Milliseconds())
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count lost writes: %w", err)
	}
	return so.Lost, max(0, time.Duration(so.Due*float64(time.Second))), nil
}

// settle looks for every lost write that can be looked for now.
func (p *posting) settle(ctx context.Context) error {
	if err := p.settleAgreements(ctx); err != nil {
		return err
	}
	writes, err := p.lostWrites(ctx)
	if err != nil {
		return err
	}
	byAgreement := make(map[psa.RecordID][]*write)
	var agreements []psa.RecordID
	for i := range writes {
		w := &writes[i]
		if byAgreement[w.Agreement] == nil {
			agreements = append(agreements, w.Agreement)
		}
		byAgreement[w.Agreement] = append(byAgreement[w.Agreement], w)
	}
	return each(ctx, agreements, func(ctx context.Context, agreement psa.RecordID) error {
		return p.onAgreement(ctx, agreement, func(ctx context.Context, live listed) error {
			for _, w := range byAgreement[agreement] {
				if _, err := p.look(ctx, w, live); err != nil {
					return err
				}
			}
			return nil
		}, nil)
	})
}

func (p *posting) lostWrites(ctx context.Context) (writes []write, err error) {
	err = p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &writes, `
			SELECT w.id, w.addition_id, w.line_id, w.operation, w.agreement_id, w.product_id, w.quantity, w.unit_price, w.unit_cost,
				w.effective_date, w.cancelled_date, w.invoice_description, a.marker, a.record_id, w.looked_at IS NOT NULL AS looked_before,
				a.subscription_id IS NULL AND coalesce((
					SELECT l.recurring
					FROM invoice_line l
					WHERE l.seller_id = w.seller_id AND l.id = w.line_id
				), false) AS apart,
				(
					SELECT count(*)
					FROM addition_write earlier
					WHERE earlier.seller_id = w.seller_id AND earlier.line_id = w.line_id AND earlier.job_id = $3
						AND earlier.state = 'DROPPED' AND earlier.looked_at IS NOT NULL
				) AS losses
			FROM addition_write w
			JOIN addition a ON a.seller_id = w.seller_id AND a.id = w.addition_id
			WHERE w.seller_id = $1
				AND w.state = 'UNCONFIRMED'
				AND (w.looked_at IS NULL OR w.looked_at + $2 * interval '1 millisecond' <= now())
			ORDER BY w.id`, p.seller, p.delay().Milliseconds(), p.run.Job().ID)
	})
	if err != nil {
		return nil, fmt.Errorf("read lost writes: %w", err)
	}
	return writes, nil
}

// look looks for a lost write among the Additions of its agreement. What is found is adopted. What is not found the
// second time did not arrive; its line is posted anew.
func (p *posting) look(ctx context.Context, w *write, live listed) (found bool, err error) {
	if addition, arrived := w.arrived(live); arrived {
		if err := p.confirm(ctx, w, addition); err != nil {
			return true, err
		}
		return true, p.endSurplus(ctx, w, live)
	}
	if !w.LookedBefore {
		return false, p.keep(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
			_, err := tx.ExecContext(ctx, `
				UPDATE addition_write
				SET looked_at = coalesce(looked_at, now())
				WHERE seller_id = $1 AND id = $2 AND state = 'UNCONFIRMED'`, p.seller, w.ID)
			if err != nil {
				return jobs.Counts{}, fmt.Errorf("note a look for write %d: %w", w.ID, err)
			}
			return jobs.Counts{}, nil
		})
	}
	if w.LineID != nil && w.Losses+1 >= losses {
		return false, p.refuse(ctx, w, refusal{Refused, "ConnectWise broke off each time the line was sent, and does not have it. Post it again later."})
	}
	return false, p.drop(ctx, w)
}

// arrived returns the Addition that a write has made or changed, if ConnectWise has it as it was to be.
func (w *write) arrived(live listed) (psa.Addition, bool) {
	if w.Operation == create {
		return live.marked(w.Marker)
	}
	addition, exists := live.byRecord[*w.Record]
	if !exists {
		return psa.Addition{}, false
	}
	_, differs := w.change(w.Operation, addition)
	return addition, !differs
}

// endSurplus ends further Additions with the marker of one that was found, on their first day, so that nobody pays
// twice. There are none, unless ConnectWise took its time over a write beyond all measure.
func (p *posting) endSurplus(ctx context.Context, w *write, live listed) error {
	kept, _ := live.marked(w.Marker)
	for _, surplus := range live.byMarker[w.Marker] {
		if surplus.ID == kept.ID || surplus.CancelledDate == surplus.EffectiveDate && !surplus.EffectiveDate.IsZero() {
			continue
		}
		err := p.patiently(ctx, func() error {
			_, err := p.client.UpdateAddition(context.WithoutCancel(ctx), w.Agreement, surplus.ID, psa.AdditionChange{CancelledDate: &surplus.EffectiveDate})
			return err
		})
		if err != nil {
			return fmt.Errorf("end the surplus Addition %d: %w", surplus.ID, err)
		}
		err = p.run.Log(ctx, activity.Entry{
			Level: activity.Warning, Code: activity.SurplusAddition, Title: "A second Addition of one line was ended",
			Details: fmt.Sprintf("Addition %d of agreement %d; Addition %d stands for the line.", surplus.ID, w.Agreement, kept.ID),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
