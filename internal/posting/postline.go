package posting

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// maxSteps bounds what is done for one line in a row: an Addition may have to be ended before one is begun, and
// either may turn out to be gone.
const maxSteps = 4

// postLine takes a line to its Addition.
func (p *posting) postLine(ctx context.Context, agreement psa.RecordID, id int64, live listed) error {
	for range maxSteps {
		w, err := p.claim(ctx, id, agreement, live, decide)
		if err != nil || w == nil {
			return err
		}
		again, err := p.execute(ctx, w, live)
		if err != nil || !again {
			return err
		}
	}
	return nil
}

// decider says what becomes of a line.
type decider func(line, *predecessor, listed) decision

// claim decides about a line and notes the write that follows, in one transaction that only this run's holder can
// commit. It returns nil where nothing is to be sent: the line is done, or out of reach, or has to wait.
func (p *posting) claim(ctx context.Context, id int64, agreement psa.RecordID, live listed, decide decider) (*write, error) {
	var w *write
	done, skipped := false, false
	var l *line
	err := p.run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (counts jobs.Counts, err error) {
		w, done, skipped = nil, false, false
		l, err = p.lock(ctx, tx, id)
		if err != nil || l == nil {
			return jobs.Counts{}, err
		}
		switch {
		case l.State == "SYNCED":
			done = true
			return jobs.Counts{Unchanged: 1}, p.finishItem(ctx, tx, id)
		case l.State != "OPEN" && l.State != "FAILED":
			return jobs.Counts{}, nil // it waits for its own lost write
		case !l.Valid, l.Excluded, l.Revision != l.PlannedRevision:
			// Somebody changed something about it since the run began; the next run takes that into account.
			done, skipped = true, true
			return jobs.Counts{Skipped: 1}, p.finishItem(ctx, tx, id)
		}
		before, err := p.predecessor(ctx, tx, *l)
		if err != nil {
			return jobs.Counts{}, err
		}
		d := decide(*l, before, live)
		if d.wait {
			return jobs.Counts{}, nil
		}
		if d.live.ID != 0 && d.operation != end {
			l.Product = d.live.ProductID // one that was posted before, by a database that is no more, stays what it is
		}
		addition, err := p.own(ctx, tx, *l, d)
		if err != nil {
			return jobs.Counts{}, err
		}
		if d.operation != "" {
			w, err = p.intend(ctx, tx, l, agreement, addition, d)
			return jobs.Counts{}, err
		}
		done = true
		if err := p.freeze(ctx, tx, *l); err != nil {
			return jobs.Counts{}, err
		}
		if err := p.copy(ctx, tx, addition, &id, change, d.live); err != nil {
			return jobs.Counts{}, err
		}
		return jobs.Counts{Unchanged: 1}, p.posted(ctx, tx, id, addition, d.apart)
	})
	if err == nil && done {
		p.progress.step(p.run)
	}
	if err == nil && skipped {
		p.progress.skip(*l)
	}
	return w, err
}

// lock reads a line, keeps it from changing, and keeps its organization from being excluded until the write is
// noted: what is excluded before then is not sent.
func (p *posting) lock(ctx context.Context, tx *postgres.Tx, id int64) (*line, error) {
	var found []line
	err := tx.SelectContext(ctx, &found, `
		SELECT l.seller_id, l.id, l.platform_id, l.state, l.revision, l.period, l.organization_id, l.contract_id, l.subscription_id, l.subscription_name,
			l.description, l.charge_type_text, l.recurring, l.quantity, l.unit_price, l.unit_cost, l.invoice_date, l.invoiced_start,
			l.charge_start, l.charge_end, l.chosen_end IS NULL AND NOT l.end_is_ruled AS end_is_default,
			n.valid AND l.listed AS valid, o.excluded_from_sync,
			i.revision AS planned_revision, i.company_id, coalesce(i.agreement_id, 0) AS agreement_id, i.agreement_origin, i.product_id, i.lasting
		FROM posting_item i
		JOIN invoice_line l ON l.seller_id = i.seller_id AND l.id = i.line_id
		JOIN organization o ON o.seller_id = l.seller_id AND o.id = l.organization_id
		JOIN invoice n ON n.seller_id = l.seller_id AND n.id = l.invoice_id
		WHERE i.seller_id = $1 AND i.job_id = $2 AND i.line_id = $3
		FOR NO KEY UPDATE OF l
		FOR SHARE OF o`, p.seller, p.run.Job().ID, id)
	if err != nil {
		return nil, fmt.Errorf("lock line %d: %w", id, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &found[0], nil
}

// predecessor returns the latest lasting Addition of a line's subscription, or nil.
func (p *posting) predecessor(ctx context.Context, tx *postgres.Tx, l line) (*predecessor, error) {
	if !l.Recurring {
		return nil, nil
	}
	var found []predecessor
	err := tx.SelectContext(ctx, &found, `
		SELECT *
		FROM (
			SELECT a.id, a.generation, a.current, a.agreement_id, a.record_id, a.product_id, a.effective_date, a.cancelled_date,
				EXISTS (
					SELECT
					FROM addition_write w
					WHERE w.seller_id = a.seller_id AND w.addition_id = a.id AND w.state IN ('SENDING', 'UNCONFIRMED')
				) AS unsettled,
				o.id AS owner_id, o.platform_id AS owner_platform_id, o.period AS owner_period,
				o.invoice_date AS owner_invoice_date, o.invoiced_start AS owner_invoiced_start, o.charge_start AS owner_charge_start
			FROM addition a
			JOIN invoice_line o ON o.seller_id = a.seller_id AND o.id = a.line_id
			WHERE a.seller_id = $1 AND a.subscription_id = $2
		) AS lasting
		WHERE record_id IS NOT NULL OR unsettled
		ORDER BY generation DESC
		LIMIT 1`, p.seller, l.SubscriptionID)
	if err != nil {
		return nil, fmt.Errorf("find the Addition of a subscription: %w", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &found[0], nil
}

// freeze notes where a line went that nothing had to be sent for.
func (p *posting) freeze(ctx context.Context, tx *postgres.Tx, l line) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE invoice_line
		SET posted_company_id = $3, posted_agreement_id = $4, posted_agreement_origin = $5, posted_product_id = $6
		WHERE seller_id = $1 AND id = $2`, p.seller, l.ID, l.Company, l.Agreement, l.Origin, l.Product)
	if err != nil {
		return fmt.Errorf("freeze line %d: %w", l.ID, err)
	}
	return nil
}

// execute sends a write and notes what came of it. again is true when there is more to decide about its line.
func (p *posting) execute(ctx context.Context, w *write, live listed) (again bool, err error) {
	answer, err := p.send(ctx, w)
	var lost *psa.UnconfirmedError
	var refused *psa.RefusedError
	switch {
	case err == nil && w.Operation == end && answer.CancelledDate != w.CancelledDate:
		return p.unmoved(ctx, w, live)
	case err == nil:
		live.put(answer)
		return w.Operation == end, p.confirm(ctx, w, answer)
	case errors.As(err, &lost):
		return p.lookAtOnce(ctx, w, live)
	case errors.Is(err, errUnwanted):
		return true, p.drop(ctx, w)
	case errors.As(err, &refused) && psa.IsNotFound(err) && w.Operation != create:
		return p.missing(ctx, w, live)
	case errors.As(err, &refused):
		why := p.explain(ctx, w, err)
		if w.Operation == end && p.agreement(w.Agreement).IsClosed(p.today) {
			return true, p.letGo(ctx, w)
		}
		return false, p.refuse(ctx, w, why)
	}
	return false, errors.Join(err, p.drop(ctx, w))
}

// missing deals with an Addition that ConnectWise says it does not have when it is to be changed. If somebody removed it, what
// follows is decided without it. If it is still listed it may bill, so that none takes its place.
func (p *posting) missing(ctx context.Context, w *write, live listed) (again bool, err error) {
	if err := p.listAgain(ctx, w.Agreement, live); err != nil {
		return false, errors.Join(err, p.drop(ctx, w))
	}
	if _, exists := live.byRecord[*w.Record]; exists {
		return false, p.refuse(ctx, w, refusal{Refused, fmt.Sprintf("ConnectWise lists Addition %d of agreement %d, but says that it does not exist when it is to be changed. "+
			"Look at it in ConnectWise; then post again.", *w.Record, w.Agreement)})
	}
	return true, p.drop(ctx, w)
}

// unmoved deals with an end that ConnectWise accepted and then did not show. Nothing takes the place of an Addition that bills.
func (p *posting) unmoved(ctx context.Context, w *write, live listed) (again bool, err error) {
	if err := p.listAgain(ctx, w.Agreement, live); err != nil {
		return false, errors.Join(err, p.lose(ctx, w))
	}
	if addition, ended := w.arrived(live); ended {
		return true, p.confirm(ctx, w, addition)
	}
	return false, p.refuse(ctx, w, refusal{Refused, fmt.Sprintf("ConnectWise accepted that Addition %d of agreement %d ends with %s, but did not end it. "+
		"End it in ConnectWise; then post again.", *w.Record, w.Agreement, w.CancelledDate)})
}

// letGo gives up an Addition that cannot be ended because its agreement is closed: nothing on it is billed any more.
func (p *posting) letGo(ctx context.Context, w *write) error {
	return p.settleAs(ctx, w, writeDropped, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		if err := p.retire(ctx, tx, w.AdditionID); err != nil {
			return jobs.Counts{}, err
		}
		if err := p.release(ctx, tx, w); err != nil {
			return jobs.Counts{}, err
		}
		return jobs.Counts{}, p.run.LogTx(ctx, tx, activity.Entry{
			Level: activity.Warning, Code: activity.AdditionLeft, Title: "An Addition stays without an end, because its agreement is closed",
			Details: fmt.Sprintf("Addition %d of agreement %d (%s). Its subscription is not billed there any more. Should the agreement be reopened, end the Addition in ConnectWise first.",
				*w.Record, w.Agreement, w.live.InvoiceDescription),
		})
	})
}

// explain says what a refusal means, with a look at the agreement.
func (p *posting) explain(ctx context.Context, w *write, err error) refusal {
	agreement := p.agreement(w.Agreement)
	if p.learn(ctx, []psa.RecordID{w.Agreement}) == nil {
		agreement = p.agreement(w.Agreement)
	}
	if w.Operation == end {
		var refused *psa.RefusedError
		errors.As(err, &refused)
		return refusal{Refused, fmt.Sprintf("Addition %d of agreement %d has to end with %s, and ConnectWise refused that: %s "+
			"End it in ConnectWise; then post again.", *w.Record, w.Agreement, w.CancelledDate, quote(refused))}
	}
	if w.Operation == change {
		agreement.BillStartDate = civil.Date{} // when an Addition that is there begins was accepted before
	}
	return refusalOf(err, agreement, w.EffectiveDate, p.today)
}

// errUnwanted is why a write is not sent after all.
var errUnwanted = errors.New("what was to be sent is not wanted any more")

// whileWanted returns the context of a write that is not sent when its turn comes if the run is over by then, or wanted says so.
// Once on its way it is not broken off.
func (p *posting) whileWanted(ctx context.Context, wanted func(context.Context, *postgres.Tx) (bool, error)) context.Context {
	return psa.WithLastLook(context.WithoutCancel(ctx), func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		still := false
		err := p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
			still, err = wanted(ctx, tx)
			return err
		})
		if err == nil && !still {
			err = errUnwanted
		}
		return err
	})
}

// isWanted reports whether a write is still to be sent: nobody has taken it over, and its organization was not excluded while it
// waited for its turn.
func (p *posting) isWanted(ctx context.Context, tx *postgres.Tx, w *write) (wanted bool, err error) {
	err = tx.GetContext(postgres.Reuse(ctx), &wanted, `
		SELECT w.state = 'SENDING' AND NOT o.excluded_from_sync
		FROM addition_write w
		JOIN addition a ON a.seller_id = w.seller_id AND a.id = w.addition_id
		LEFT JOIN invoice_line l ON l.seller_id = w.seller_id AND l.id = w.line_id
		JOIN organization o ON o.seller_id = w.seller_id AND o.id = coalesce(l.organization_id, a.organization_id)
		WHERE w.seller_id = $1 AND w.id = $2`, p.seller, w.ID)
	if err != nil {
		return false, fmt.Errorf("look at write %d before it is sent: %w", w.ID, err)
	}
	return wanted, nil
}

// send sends a write, waiting while ConnectWise is certain not to have taken it.
func (p *posting) send(ctx context.Context, w *write) (answer psa.Addition, err error) {
	underway := p.whileWanted(ctx, func(ctx context.Context, tx *postgres.Tx) (bool, error) { return p.isWanted(ctx, tx, w) })
	err = p.patiently(ctx, func() error {
		if w.Operation == create {
			answer, err = p.client.CreateAddition(underway, w.Agreement, w.addition(w.Marker))
			return err
		}
		change, _ := w.change(w.Operation, w.live)
		answer, err = p.client.UpdateAddition(underway, w.Agreement, *w.Record, change)
		return err
	})
	return answer, err
}

// lookAtOnce looks for a write whose answer was lost. What is not found is looked for again later.
func (p *posting) lookAtOnce(ctx context.Context, w *write, live listed) (again bool, err error) {
	if err := p.lose(ctx, w); err != nil {
		return false, err
	}
	if err := p.listAgain(ctx, w.Agreement, live); err != nil {
		return false, err
	}
	found, err := p.look(ctx, w, live)
	return found && w.Operation == end, err
}

// listAgain makes live what ConnectWise lists now.
func (p *posting) listAgain(ctx context.Context, agreement psa.RecordID, live listed) error {
	now, err := p.list(ctx, agreement)
	if err != nil {
		return err
	}
	clear(live.byRecord)
	clear(live.byMarker)
	maps.Copy(live.byRecord, now.byRecord)
	maps.Copy(live.byMarker, now.byMarker)
	return nil
}
