package posting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// write is a write of the journal.
type write struct {
	ID         int64        `db:"id"`
	AdditionID int64        `db:"addition_id"`
	LineID     *int64       `db:"line_id"`
	Operation  operation    `db:"operation"`
	Agreement  psa.RecordID `db:"agreement_id"`
	values
	Marker string `db:"marker"`
	// Record is nil for an Addition that is being created.
	Record *psa.RecordID `db:"record_id"`
	// LookedBefore is true when the first look is long enough ago for the second one.
	LookedBefore bool `db:"looked_before"`
	// Losses is how often the line's write was lost in this run.
	Losses int `db:"losses"`

	// Apart is true for a recurring line that gets an Addition of its own.
	Apart bool `db:"apart"`

	// live is the Addition as it was listed, for a write that changes one.
	live psa.Addition
}

// keep runs a transaction whose outcome must be stored even when the run is over: what ConnectWise did is so,
// whoever has the run. It is tried again while the database is away.
func (p *posting) keep(ctx context.Context, fn func(context.Context, *postgres.Tx) (jobs.Counts, error)) error {
	ctx = context.WithoutCancel(ctx)
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 2*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := p.run.WriteCounted(ctx, fn)
		if errors.Is(err, jobs.ErrLeaseLost) {
			err = p.db.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
				_, err := fn(ctx, tx)
				return err
			})
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(30*time.Second))
	return err
}

// intend notes a write and freezes the line it is for. It is part of the transaction that decided on it.
func (p *posting) intend(ctx context.Context, tx *postgres.Tx, l *line, agreement psa.RecordID, additionID int64, d decision) (*write, error) {
	w := &write{
		AdditionID: additionID, Operation: d.operation, Agreement: agreement, values: d.values, Marker: d.marker, live: d.live, Apart: d.apart,
	}
	if d.live.ID != 0 {
		w.Record = &d.live.ID
	}
	if l != nil {
		w.LineID = &l.ID
	}
	err := tx.GetContext(ctx, &w.ID, `
		INSERT INTO addition_write (seller_id, addition_id, line_id, job_id, operation, agreement_id, product_id,
			quantity, unit_price, unit_cost, effective_date, cancelled_date, invoice_description)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		RETURNING id`,
		p.seller, w.AdditionID, w.LineID, p.run.Job().ID, w.Operation, w.Agreement, w.ProductID,
		w.Quantity, w.UnitPrice, w.UnitCost, w.EffectiveDate, w.CancelledDate, w.InvoiceDescription)
	if err != nil {
		return nil, fmt.Errorf("note a write: %w", err)
	}
	if l == nil {
		return w, nil
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE invoice_line
		SET state = 'SYNCING', posted_company_id = $3, posted_agreement_id = $4, posted_agreement_origin = $5, posted_product_id = $6
		WHERE seller_id = $1 AND id = $2`, p.seller, l.ID, l.Company, l.Agreement, l.Origin, l.Product)
	if err != nil {
		return nil, fmt.Errorf("freeze line %d: %w", l.ID, err)
	}
	return w, nil
}

// own makes sure of our row for an Addition and returns its number.
func (p *posting) own(ctx context.Context, tx *postgres.Tx, l line, d decision) (int64, error) {
	if d.replaced != 0 {
		if err := p.retire(ctx, tx, d.replaced); err != nil {
			return 0, err
		}
	}
	if d.addition != 0 {
		if d.operation == end {
			return d.addition, nil
		}
		_, err := tx.ExecContext(ctx, `UPDATE addition SET current = true WHERE seller_id = $1 AND id = $2 AND NOT current`, p.seller, d.addition)
		if err != nil {
			return 0, fmt.Errorf("note that Addition %d goes on: %w", d.addition, err)
		}
		return d.addition, nil
	}
	var subscription *string
	var record *psa.RecordID
	if d.generation > 0 {
		subscription = l.SubscriptionID
	}
	if d.live.ID != 0 {
		record = &d.live.ID
	}
	var id int64
	err := tx.GetContext(ctx, &id, `
		INSERT INTO addition (seller_id, marker, subscription_id, generation, current, line_id, organization_id, contract_id,
			agreement_id, product_id, record_id)
		VALUES ($1, $2, $3, greatest($4::int, 1), $4::int > 0, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (seller_id, marker) DO UPDATE
		SET current = EXCLUDED.current, line_id = EXCLUDED.line_id, organization_id = EXCLUDED.organization_id, contract_id = EXCLUDED.contract_id,
			agreement_id = EXCLUDED.agreement_id, product_id = EXCLUDED.product_id, record_id = EXCLUDED.record_id
		RETURNING id`,
		p.seller, d.marker, subscription, d.generation, l.ID, l.OrganizationID, l.ContractID, l.Agreement, l.Product, record)
	if err != nil {
		return 0, fmt.Errorf("note an Addition: %w", err)
	}
	return id, nil
}

// retire notes that a lasting Addition is over.
func (p *posting) retire(ctx context.Context, tx *postgres.Tx, addition int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE addition SET current = false WHERE seller_id = $1 AND id = $2`, p.seller, addition)
	if err != nil {
		return fmt.Errorf("note that Addition %d is over: %w", addition, err)
	}
	return nil
}

// confirm notes that ConnectWise has what a write asked for.
func (p *posting) confirm(ctx context.Context, w *write, live psa.Addition) error {
	posted := false
	err := p.settleAs(ctx, w, writeDone, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		posted = false
		if err := p.copy(ctx, tx, w.AdditionID, w.LineID, w.Operation, live); err != nil {
			return jobs.Counts{}, err
		}
		switch {
		case w.LineID == nil:
			return jobs.Counts{Cancelled: 1}, p.run.LogTx(ctx, tx, endedEntry("The Addition of a subscription that is gone was ended", w, live))
		case w.Operation == end:
			if err := p.release(ctx, tx, w); err != nil {
				return jobs.Counts{}, err
			}
			return jobs.Counts{}, p.run.LogTx(ctx, tx, endedEntry("An Addition was ended, because another one takes its place", w, live))
		}
		posted = true
		counts := jobs.Counts{Created: 1}
		if w.Operation == change {
			counts = jobs.Counts{Updated: 1}
		}
		return counts, p.posted(ctx, tx, *w.LineID, w.AdditionID, w.Apart)
	})
	if posted && err == nil {
		p.progress.step(p.run)
	}
	return err
}

// copy keeps what ConnectWise has. An Addition that was ended is nobody's any more.
func (p *posting) copy(ctx context.Context, tx *postgres.Tx, addition int64, lineID *int64, operation operation, live psa.Addition) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE addition
		SET record_id = $3, product_id = $4, product_identifier = $5, description = $6, invoice_description = $7, quantity = $8, unit_price = $9,
			unit_cost = $10, effective_date = $11, cancelled_date = $12, bill_customer = $13, written_at = now(),
			current = current AND $14 <> 'END',
			line_id = CASE WHEN $14 <> 'END' THEN coalesce($15, line_id) ELSE line_id END
		WHERE seller_id = $1 AND id = $2`,
		p.seller, addition, live.ID, live.ProductID, live.ProductIdentifier, live.Description, live.InvoiceDescription, live.Quantity, live.UnitPrice,
		live.UnitCost, live.EffectiveDate, live.CancelledDate, live.BillCustomer, operation, lineID)
	if err != nil {
		return fmt.Errorf("keep Addition %d: %w", addition, err)
	}
	return nil
}

// posted notes that a line is part of an Addition, for good. Of two charges of one subscription in a month only one can have the
// lasting Addition, and the log tells where the other went.
func (p *posting) posted(ctx context.Context, tx *postgres.Tx, lineID, addition int64, apart bool) error {
	var second []bool
	err := tx.SelectContext(ctx, &second, `
		UPDATE invoice_line l
		SET state = 'SYNCED', synced_at = now(), addition_id = $3, sync_error_code = NULL, sync_error = NULL, revision = revision + 1
		WHERE seller_id = $1 AND id = $2 AND state <> 'SYNCED'
		RETURNING EXISTS (
			SELECT
			FROM addition a
			JOIN addition b ON b.seller_id = a.seller_id AND b.subscription_id = a.subscription_id AND b.generation < a.generation
			JOIN invoice_line o ON o.seller_id = b.seller_id AND o.id = b.line_id
			WHERE a.seller_id = $1 AND a.id = $3
				AND o.period = l.period
				AND o.id <> l.id
				AND o.state = 'SYNCED'
		)`, p.seller, lineID, addition)
	if err != nil {
		return fmt.Errorf("note that line %d is posted: %w", lineID, err)
	}
	if err := p.finishItem(ctx, tx, lineID); err != nil {
		return err
	}
	duplicate := activity.Entry{Level: activity.Warning, Code: activity.DuplicateRecurringLine, Subject: subjectLine(lineID)}
	switch {
	case apart:
		duplicate.Title = "A recurring line was posted as a charge of its own"
		duplicate.Details = "A later charge of the same subscription has its lasting Addition. The line got an Addition that ends with its month."
	case len(second) == 1 && second[0]:
		duplicate.Title = "A second recurring line of a month took the lasting Addition over"
		duplicate.Details = "An earlier charge of the same subscription and month was posted before. Its Addition ends, and the line began a new one."
	default:
		return nil
	}
	return p.run.LogTx(ctx, tx, duplicate)
}

func (p *posting) finishItem(ctx context.Context, tx *postgres.Tx, lineID int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM posting_item WHERE seller_id = $1 AND job_id = $2 AND line_id = $3`, p.seller, p.run.Job().ID, lineID)
	if err != nil {
		return fmt.Errorf("finish line %d: %w", lineID, err)
	}
	return nil
}

// outcome is what became of a write.
type outcome string

// The outcomes, as the journal has them. All but writeLost are final.
const (
	writeDone    outcome = "DONE"
	writeRefused outcome = "REFUSED"
	writeDropped outcome = "DROPPED"
	writeLost    outcome = "UNCONFIRMED"
)

// settleAs ends a write in a final state, and stores with it what follows from that. It does nothing if the write
// was settled meanwhile.
func (p *posting) settleAs(ctx context.Context, w *write, as outcome, fn func(context.Context, *postgres.Tx) (jobs.Counts, error)) error {
	settled := false
	err := p.keep(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		result, err := tx.ExecContext(ctx, `
			UPDATE addition_write
			SET state = $3, settled_at = now()
			WHERE seller_id = $1 AND id = $2 AND state IN ('SENDING', 'UNCONFIRMED')`, p.seller, w.ID, as)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("settle write %d: %w", w.ID, err)
		}
		n, err := result.RowsAffected()
		settled = n > 0
		if err != nil || !settled {
			return jobs.Counts{}, err
		}
		return fn(ctx, tx)
	})
	if err == nil && settled {
		p.observe(w, as)
	}
	return err
}

// observe tells what became of a write.
func (p *posting) observe(w *write, as outcome) {
	if p.Observe != nil {
		p.Observe(string(w.Operation), string(as))
	}
}

// release gives a frozen line back as it was before.
func (p *posting) release(ctx context.Context, tx *postgres.Tx, w *write) error {
	if w.LineID == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE invoice_line
		SET state = CASE WHEN sync_error_code IS NULL THEN 'OPEN' ELSE 'FAILED' END,
			posted_company_id = NULL, posted_agreement_id = NULL, posted_agreement_origin = NULL, posted_product_id = NULL
		WHERE seller_id = $1 AND id = $2 AND state IN ('SYNCING', 'UNCONFIRMED')`, p.seller, *w.LineID)
	if err != nil {
		return fmt.Errorf("release line %d: %w", *w.LineID, err)
	}
	return nil
}

// drop notes that a write did not happen and will not.
func (p *posting) drop(ctx context.Context, w *write) error {
	return p.settleAs(ctx, w, writeDropped, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		if err := p.forgetUnbegun(ctx, tx, w); err != nil {
			return jobs.Counts{}, err
		}
		return jobs.Counts{}, p.release(ctx, tx, w)
	})
}

// forgetUnbegun gives up the claim of an Addition that was never created to be its subscription's lasting one.
func (p *posting) forgetUnbegun(ctx context.Context, tx *postgres.Tx, w *write) error {
	_, err := tx.ExecContext(ctx, `UPDATE addition SET current = false WHERE seller_id = $1 AND id = $2 AND record_id IS NULL`, p.seller, w.AdditionID)
	if err != nil {
		return fmt.Errorf("give up Addition %d: %w", w.AdditionID, err)
	}
	return nil
}

// lose notes that the answer to a write was lost.
func (p *posting) lose(ctx context.Context, w *write) error {
	err := p.keep(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		_, err := tx.ExecContext(ctx, `
			WITH lost AS (
				UPDATE addition_write
				SET state = 'UNCONFIRMED'
				WHERE seller_id = $1 AND id = $2 AND state = 'SENDING'
				RETURNING seller_id, line_id
			)
			UPDATE invoice_line l
			SET state = 'UNCONFIRMED'
			FROM lost
			WHERE l.seller_id = lost.seller_id AND l.id = lost.line_id AND l.state = 'SYNCING'`, p.seller, w.ID)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("note that the answer to write %d was lost: %w", w.ID, err)
		}
		return jobs.Counts{}, nil
	})
	if err == nil {
		p.observe(w, writeLost)
	}
	return err
}

// refuse notes that ConnectWise will not have a write.
func (p *posting) refuse(ctx context.Context, w *write, why refusal) error {
	err := p.settleAs(ctx, w, writeRefused, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		if err := p.forgetUnbegun(ctx, tx, w); err != nil {
			return jobs.Counts{}, err
		}
		if w.LineID == nil {
			return jobs.Counts{Failed: 1}, p.run.LogTx(ctx, tx, activity.Entry{
				Level: activity.Error, Code: activity.AdditionWriteFailed, Title: "The Addition of a subscription that is gone could not be ended",
				Details: fmt.Sprintf("Addition %d of agreement %d. %s", *w.Record, w.Agreement, why.Message),
			})
		}
		return jobs.Counts{Failed: 1}, p.fail(ctx, tx, *w.LineID, why)
	})
	if err == nil && w.LineID != nil {
		p.progress.step(p.run)
	}
	return err
}

// fail notes why a line could not be posted.
func (p *posting) fail(ctx context.Context, tx *postgres.Tx, lineID int64, why refusal) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE invoice_line
		SET state = 'FAILED', sync_error_code = $3, sync_error = $4, revision = revision + 1,
			posted_company_id = NULL, posted_agreement_id = NULL, posted_agreement_origin = NULL, posted_product_id = NULL
		WHERE seller_id = $1 AND id = $2 AND state <> 'SYNCED'`, p.seller, lineID, why.Code, why.Message)
	if err != nil {
		return fmt.Errorf("note why line %d failed: %w", lineID, err)
	}
	if err := p.finishItem(ctx, tx, lineID); err != nil {
		return err
	}
	return p.run.LogTx(ctx, tx, activity.Entry{
		Level: activity.Error, Code: activity.AdditionWriteFailed, Title: "A line could not be posted", Details: why.Message, Subject: subjectLine(lineID),
	})
}

func subjectLine(id int64) *activity.Subject { return &activity.Subject{Kind: "INVOICE_LINE", ID: id} }
