package posting

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// chunk is how many items are read at a time.
const chunk = 200

// onAgreement does something with an agreement's Additions while nobody else writes to it. Where those of this agreement alone
// cannot be read it does unreadable instead, if that is not nil.
func (p *posting) onAgreement(
	ctx context.Context, agreement psa.RecordID, do func(context.Context, listed) error, unreadable func(context.Context, refusal) error,
) error {
	name := fmt.Sprintf("agreement/%d", agreement)
	if err := p.locks.Lock(ctx, name); err != nil {
		return err
	}
	defer func() { _ = p.locks.Unlock(name) }() // where that fails the connection is gone, and the lock with it
	live, err := p.list(ctx, agreement)
	switch {
	case err == nil:
		return do(ctx, live)
	case unreadable != nil && p.isApart(ctx, err):
		what := fmt.Sprintf("the Additions of agreement %d", agreement)
		if known := p.agreement(agreement).Name; known != "" {
			what += fmt.Sprintf(" %q", known)
		}
		return unreadable(ctx, cannotRead(what, err))
	}
	return err
}

// isApart reports whether a record that could not be read is the only one: ConnectWise refused, or it does answer otherwise.
// Everything else stops the run.
func (p *posting) isApart(ctx context.Context, err error) bool {
	var refused *psa.RefusedError
	var unavailable *psa.UnavailableError
	switch {
	case ctx.Err() != nil:
		return false
	case errors.As(err, &refused):
		return true
	case !errors.As(err, &unavailable), unavailable.Unauthorized && !unavailable.NoPermission:
		return false
	}
	_, err = p.client.SystemInfo(ctx)
	return err == nil
}

// list lists the Additions of an agreement. One that is gone has none.
func (p *posting) list(ctx context.Context, agreement psa.RecordID) (listed, error) {
	var additions []psa.Addition
	err := p.patiently(ctx, func() (err error) {
		additions, err = p.client.Additions(ctx, agreement)
		return err
	})
	if psa.IsNotFound(err) {
		return index(nil), nil
	}
	live := index(additions)
	if err != nil {
		return live, err
	}
	return live, p.complete(ctx, agreement, live)
}

// complete adds lasting Additions of ours that a list does not show. Lists lag behind writes, so that one may only be
// too new for it: each is asked for by its number, which tells at once whether ConnectWise has it.
func (p *posting) complete(ctx context.Context, agreement psa.RecordID, live listed) error {
	var ours []psa.RecordID
	err := p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &ours, `
			SELECT record_id
			FROM addition
			WHERE seller_id = $1 AND agreement_id = $2 AND record_id IS NOT NULL AND current
			ORDER BY record_id`, p.seller, agreement)
	})
	if err != nil {
		return fmt.Errorf("read the Additions of agreement %d: %w", agreement, err)
	}
	for _, record := range ours {
		if _, shown := live.byRecord[record]; shown {
			continue
		}
		var addition psa.Addition
		err := p.patiently(ctx, func() (err error) {
			addition, err = p.client.UpdateAddition(ctx, agreement, record, psa.AdditionChange{}) // changes nothing: it reads
			return err
		})
		switch {
		case err == nil:
			live.put(addition)
		case !psa.IsNotFound(err):
			return err
		}
	}
	return nil
}

// target is what is to be posted to one agreement.
type target struct {
	Agreement psa.RecordID `db:"agreement_id"`
	Currency  string       `db:"currency"`
	Company   psa.RecordID `db:"company_id"`
}

// targets returns the agreements that items of a month go to, each with the currency and the company that it
// ought to be of; the one with the oldest line comes first.
func (p *posting) targets(ctx context.Context, month civil.YearMonth) (targets []target, err error) {
	err = p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &targets, `
			SELECT i.agreement_id, t.currency, i.company_id
			FROM posting_item i
			JOIN contract t ON t.seller_id = i.seller_id AND t.id = i.contract_id
			WHERE i.seller_id = $1 AND i.job_id = $2 AND i.period = $3 AND i.agreement_id IS NOT NULL
			GROUP BY 1, 2, 3
			ORDER BY min(i.invoice_date), 1`, p.seller, p.run.Job().ID, month.FirstDay())
	})
	if err != nil {
		return nil, fmt.Errorf("read what goes where: %w", err)
	}
	return targets, nil
}

// verifyAgreements asks ConnectWise for the agreements of a month's items, and fails items whose agreement cannot
// take them. The mirror, which readiness is judged by, may be behind.
func (p *posting) verifyAgreements(ctx context.Context, month civil.YearMonth) error {
	targets, err := p.targets(ctx, month)
	if err != nil {
		return err
	}
	var unknown []psa.RecordID
	for _, t := range targets {
		if _, known := p.known[t.Agreement]; !known && !slices.Contains(unknown, t.Agreement) {
			unknown = append(unknown, t.Agreement)
		}
	}
	if err := p.learn(ctx, unknown); err != nil {
		return err
	}
	for _, t := range targets {
		agreement := p.agreement(t.Agreement)
		var why refusal
		switch {
		case agreement.ID == 0:
			why = missing("agreement")
		case agreement.IsClosed(p.today):
			why = closed()
		case agreement.CompanyID != 0 && agreement.CompanyID != t.Company:
			why = refusal{Refused, "The agreement belongs to another company now. Sync Organizations, map the contract to one of the company's agreements, then post again."}
		case agreement.Currency != "" && agreement.Currency != t.Currency:
			why = mismatch(agreement, t.Currency)
		default:
			continue
		}
		if err := p.failTarget(ctx, t, why); err != nil {
			return err
		}
	}
	return nil
}

// learn asks ConnectWise for agreements.
func (p *posting) learn(ctx context.Context, ids []psa.RecordID) error {
	if len(ids) == 0 {
		return nil
	}
	var found []psa.Agreement
	err := p.patiently(ctx, func() (err error) {
		found, err = p.client.AgreementsByID(ctx, ids)
		return err
	})
	if err != nil {
		return err
	}
	answered := make(map[psa.RecordID]psa.Agreement, len(ids))
	for _, agreement := range found {
		answered[agreement.ID] = agreement
	}
	for _, id := range ids {
		if answered[id].ID != 0 {
			continue
		}
		// A search does not find what is new; the Additions of an agreement are there from the beginning.
		err := p.patiently(ctx, func() error {
			_, err := p.client.Additions(ctx, id)
			return err
		})
		switch {
		case psa.IsNotFound(err):
		case err == nil, p.isApart(ctx, err):
			answered[id] = psa.Agreement{ID: id}
		default:
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.known[id] = answered[id]
	}
	return nil
}

func (p *posting) agreement(id psa.RecordID) psa.Agreement {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[id]
}

// failTarget fails every item that goes to a target. Lines that were sent already are not touched.
func (p *posting) failTarget(ctx context.Context, t target, why refusal) error {
	return p.failItems(ctx, why, `i.agreement_id = $3 AND t.currency = $4 AND i.company_id = $5`, t.Agreement, t.Currency, t.Company)
}

// failItems fails the items that a condition holds for; its first argument is $3.
func (p *posting) failItems(ctx context.Context, why refusal, where string, args ...any) error {
	failed := 0
	err := p.run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		var ids []int64
		err := tx.SelectContext(ctx, &ids, `
			SELECT l.id
			FROM posting_item i
			JOIN contract t ON t.seller_id = i.seller_id AND t.id = i.contract_id
			JOIN invoice_line l ON l.seller_id = i.seller_id AND l.id = i.line_id
			WHERE i.seller_id = $1 AND i.job_id = $2 AND l.state IN ('OPEN', 'FAILED') AND `+where+`
			ORDER BY l.id
			FOR NO KEY UPDATE OF l`, append([]any{p.seller, p.run.Job().ID}, args...)...)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("find lines that fail: %w", err)
		}
		for _, id := range ids {
			if err := p.fail(ctx, tx, id, why); err != nil {
				return jobs.Counts{}, err
			}
		}
		failed = len(ids)
		return jobs.Counts{Failed: failed}, nil
	})
	for range failed {
		p.progress.step(p.run)
	}
	return err
}

// postToAgreements posts a month's items.
func (p *posting) postToAgreements(ctx context.Context, month civil.YearMonth) error {
	targets, err := p.targets(ctx, month)
	if err != nil {
		return err
	}
	var agreements []psa.RecordID
	for _, t := range targets {
		if !slices.Contains(agreements, t.Agreement) {
			agreements = append(agreements, t.Agreement)
		}
	}
	return each(ctx, agreements, func(ctx context.Context, agreement psa.RecordID) error {
		return p.onAgreement(ctx, agreement, func(ctx context.Context, live listed) error {
			return p.eachItem(ctx, month, agreement, func(ctx context.Context, id int64) error {
				return p.postLine(ctx, agreement, id, live)
			})
		}, func(ctx context.Context, why refusal) error {
			return p.failItems(ctx, why, `i.agreement_id = $3 AND i.period = $4`, agreement, month.FirstDay())
		})
	})
}

// eachItem does something with the line of every item of a month and an agreement, the oldest first.
func (p *posting) eachItem(ctx context.Context, month civil.YearMonth, agreement psa.RecordID, do func(context.Context, int64) error) error {
	var last struct {
		InvoiceDate civil.Date `db:"invoice_date"`
		LineID      int64      `db:"line_id"`
	}
	last.InvoiceDate = civil.Date{Year: 1, Month: 1, Day: 1}
	for {
		items := []struct {
			InvoiceDate civil.Date `db:"invoice_date"`
			LineID      int64      `db:"line_id"`
		}{}
		err := p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			items = items[:0]
			return tx.SelectContext(ctx, &items, `
				SELECT invoice_date, line_id
				FROM posting_item
				WHERE seller_id = $1 AND job_id = $2 AND period = $3 AND agreement_id = $4 AND (invoice_date, line_id) > ($5, $6)
				ORDER BY invoice_date, line_id
				LIMIT $7`, p.seller, p.run.Job().ID, month.FirstDay(), agreement, last.InvoiceDate, last.LineID, chunk)
		})
		if err != nil {
			return fmt.Errorf("read lines to post: %w", err)
		}
		if len(items) == 0 {
			return nil
		}
		for _, item := range items {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := do(ctx, item.LineID); err != nil {
				return err
			}
		}
		last = items[len(items)-1]
	}
}
