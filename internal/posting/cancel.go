package posting

import (
	"context"
	"fmt"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// cancelChunk is how many open Additions are compared with the month at a time; each time goes through the month.
const cancelChunk = 10_000

// open is a lasting Addition without an end.
type open struct {
	ID             int64        `db:"id"`
	Agreement      psa.RecordID `db:"agreement_id"`
	Record         psa.RecordID `db:"record_id"`
	SubscriptionID string       `db:"subscription_id"`
	OrganizationID int64        `db:"organization_id"`
	EffectiveDate  civil.Date   `db:"effective_date"`
	// Billed is true when any line of the month is of the subscription, Invoiced when the month speaks for
	// the organization.
	Billed   bool `db:"billed"`
	Invoiced bool `db:"invoiced"`
}

// cancelVanished ends the lasting Additions of subscriptions that the greatest loaded month does not bill any more.
// It is the last step of a run over all lines. While the latest load, or the latest one of that month, did not come to a
// good end it is left out: what was not loaded looks as if it were gone.
func (p *posting) cancelVanished(ctx context.Context) error {
	month, why, err := p.completeMonth(ctx)
	if err != nil {
		return err
	}
	if why != "" {
		return p.run.Log(ctx, activity.Entry{
			Level: activity.Info, Code: activity.CancellationsSkipped, Title: "Subscriptions that are gone were not looked for", Details: why,
		})
	}
	if month == nil {
		return nil
	}
	for range rounds {
		p.run.Step("Ending the Additions of subscriptions that are gone")
		if err := p.cancelAll(ctx, *month); err != nil {
			return err
		}
		lost, err := p.awaitSettled(ctx)
		if err != nil || !lost {
			return err
		}
	}
	return nil
}

// cancelAll goes through the open Additions once. Those whose end was lost on the way stay open until it is settled.
func (p *posting) cancelAll(ctx context.Context, month civil.YearMonth) error {
	after := int64(0)
	for {
		candidates, err := p.openAdditions(ctx, month, after)
		if err != nil || len(candidates) == 0 {
			return err
		}
		after = candidates[len(candidates)-1].ID
		if err := p.cancel(ctx, month, candidates); err != nil {
			return err
		}
	}
}

// completeMonth returns the greatest loaded month, or why nothing can be told from it.
func (p *posting) completeMonth(ctx context.Context) (month *civil.YearMonth, why string, err error) {
	var so struct {
		Greatest civil.Date `db:"greatest"`
		Complete bool       `db:"complete"`
		Load     *string    `db:"load"`
	}
	err = p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &so, `
			SELECT max(period) AS greatest, coalesce((array_agg(complete ORDER BY period DESC))[1], false) AS complete,
				(SELECT state FROM job WHERE seller_id = $1 AND kind = $2 ORDER BY queued_at DESC, id DESC LIMIT 1) AS load
			FROM invoice_period
			WHERE seller_id = $1`, p.seller, invoicing.KindLoad)
	})
	if err != nil {
		return nil, "", fmt.Errorf("read what is loaded: %w", err)
	}
	if so.Greatest.IsZero() {
		return nil, "", nil
	}
	if !so.Complete || so.Load != nil && *so.Load != string(jobs.Succeeded) {
		return nil, "The latest load of invoice lines is not complete. Load Invoices again, then post again.", nil
	}
	greatest := so.Greatest.YearMonth()
	return &greatest, "", nil
}

// openAdditions returns open lasting Additions with what a month says about them, a chunk at a time.
func (p *posting) openAdditions(ctx context.Context, month civil.YearMonth, after int64) (found []open, err error) {
	err = p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
		return tx.SelectContext(ctx, &found, `
			WITH open AS MATERIALIZED (
				SELECT a.id, a.agreement_id, a.record_id, a.subscription_id, a.organization_id, a.effective_date
				FROM addition a
				WHERE a.seller_id = $1 AND a.current AND a.record_id IS NOT NULL AND a.cancelled_date IS NULL AND a.id > $3
					AND NOT EXISTS (
						SELECT
						FROM addition_write w
						WHERE w.seller_id = a.seller_id AND w.addition_id = a.id
							AND (w.state IN ('SENDING', 'UNCONFIRMED') OR w.state = 'REFUSED' AND w.job_id = $5 AND w.line_id IS NULL)
					)
				ORDER BY a.id
				LIMIT $4
			)
			SELECT open.*,
				open.subscription_id IN (
					SELECT l.subscription_id
					FROM invoice_line l
					WHERE l.seller_id = $1 AND l.period = $2 AND l.subscription_id IS NOT NULL
					UNION ALL -- posted lines stay in the month they were posted in when their invoice moves to this one
					SELECT l.subscription_id
					FROM invoice i
					JOIN invoice_line l ON l.seller_id = i.seller_id AND l.invoice_id = i.id
					WHERE i.seller_id = $1 AND i.period = $2 AND l.period <> $2 AND l.subscription_id IS NOT NULL
				) AS billed,
				NOT o.excluded_from_sync AND EXISTS (
					SELECT
					FROM invoice_line l
					JOIN invoice i ON i.seller_id = l.seller_id AND i.id = l.invoice_id
					WHERE l.seller_id = $1 AND l.organization_id = open.organization_id AND l.period = $2
						AND i.valid AND NOT i.custom AND l.listed
				) AS invoiced
			FROM open
			JOIN organization o ON o.seller_id = $1 AND o.id = open.organization_id
			ORDER BY open.id`, p.seller, month.FirstDay(), after, cancelChunk, p.run.Job().ID)
	})
	if err != nil {
		return nil, fmt.Errorf("find open Additions: %w", err)
	}
	return found, nil
}

// cancel ends those of the candidates whose subscription is gone.
func (p *posting) cancel(ctx context.Context, month civil.YearMonth, candidates []open) error {
	said := rule.LoadedMonth{Month: month, Subscriptions: make(map[string]bool), Organizations: make(map[int64]bool)}
	byID := make(map[int64]open, len(candidates))
	lasting := make([]rule.LastingAddition, len(candidates))
	for i, c := range candidates {
		byID[c.ID] = c
		if c.Billed {
			said.Subscriptions[c.SubscriptionID] = true
		}
		if c.Invoiced {
			said.Organizations[c.OrganizationID] = true
		}
		lasting[i] = rule.LastingAddition{
			ID: c.ID, SubscriptionID: c.SubscriptionID, OrganizationID: c.OrganizationID, EffectiveDate: c.EffectiveDate,
		}
	}
	ends := make(map[psa.RecordID][]rule.Cancellation)
	var agreements []psa.RecordID
	for _, c := range said.Cancellations(lasting) {
		agreement := byID[c.Addition.ID].Agreement
		if ends[agreement] == nil {
			agreements = append(agreements, agreement)
		}
		ends[agreement] = append(ends[agreement], c)
	}
	return each(ctx, agreements, func(ctx context.Context, agreement psa.RecordID) error {
		return p.onAgreement(ctx, agreement, func(ctx context.Context, live listed) error {
			for _, c := range ends[agreement] {
				if err := p.cancelOne(ctx, byID[c.Addition.ID], c.Date, live); err != nil {
					return err
				}
			}
			return nil
		}, func(ctx context.Context, why refusal) error {
			return p.run.Log(ctx, activity.Entry{
				Level: activity.Error, Code: activity.AdditionWriteFailed, Title: "The Additions of subscriptions that are gone could not be ended",
				Details: why.Message,
			})
		})
	})
}

// cancelOne ends an Addition, unless ConnectWise has ended or removed it already. One that somebody ended there with a later
// day keeps that end, and goes on until then if the subscription comes back.
func (p *posting) cancelOne(ctx context.Context, a open, on civil.Date, live listed) error {
	current, exists := live.byRecord[a.Record]
	switch {
	case !exists, !current.CancelledDate.IsZero() && !current.CancelledDate.After(on):
		return p.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error { return p.retire(ctx, tx, a.ID) })
	case !current.CancelledDate.IsZero():
		return p.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error { return p.copy(ctx, tx, a.ID, nil, change, current) })
	}
	var w *write
	err := p.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		w = nil
		var excluded bool
		err := tx.GetContext(ctx, &excluded, `
			SELECT excluded_from_sync
			FROM organization
			WHERE seller_id = $1 AND id = $2
			FOR SHARE`, p.seller, a.OrganizationID)
		if err != nil || excluded {
			return err
		}
		w, err = p.intend(ctx, tx, nil, a.Agreement, a.ID, decision{
			operation: end, live: current, values: values{ProductID: current.ProductID, CancelledDate: on},
		})
		return err
	})
	if err != nil || w == nil {
		return err
	}
	_, err = p.execute(ctx, w, live)
	return err
}

// endedEntry tells of the end of a subscription's Addition.
func endedEntry(title string, w *write, live psa.Addition) activity.Entry {
	return activity.Entry{
		Level: activity.Info, Code: activity.AdditionCancelled, Title: title,
		Details: fmt.Sprintf("Addition %d of agreement %d (%s), with %s.", live.ID, w.Agreement, live.InvoiceDescription, live.CancelledDate),
	}
}
