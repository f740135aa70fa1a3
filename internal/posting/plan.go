package posting

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// parameters are those of a run as the job keeps them.
type parameters struct {
	// Selection identifies what a user asked for; empty for all lines. The lines chosen are items of the run.
	Selection string `json:"selection,omitempty"`
}

// Selection is a choice of lines.
type Selection struct {
	// Asked identifies the choice: two that say the same are the same.
	Asked string
	// IDs are the lines' numbers. Where they are nil, the lines are those where a condition holds.
	IDs   []int64
	View  invoicing.View
	Where grid.Condition
}

// Enqueue asks for a run over the lines selected, or over all when selected is nil. While the seller has a run that
// is not finished it returns that one; same is false if that was asked for other lines.
func Enqueue(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, by string, selected *Selection) (job jobs.Job, started, same bool, err error) {
	var asked parameters
	if selected != nil {
		asked.Selection = selected.Asked
	}
	job, started, err = jobs.Enqueue(ctx, tx, seller, jobs.Request{Kind: Kind, Parameters: asked, RequestedBy: by})
	if err != nil {
		return job, false, false, err
	}
	if !started {
		var theirs parameters
		err = readParameters(job, &theirs)
		return job, false, theirs == asked, err
	}
	if selected == nil {
		return job, true, true, nil
	}
	return job, true, true, selected.note(ctx, tx, seller, job.ID)
}

// note makes the lines selected items of a run.
func (s *Selection) note(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, job int64) error {
	query, args := `SELECT unnest($1::bigint[])`, []any{s.IDs}
	if s.IDs == nil {
		var err error
		if query, args, err = invoicing.Numbers(s.View, seller, s.Where); err != nil {
			return err
		}
	}
	args = append(args, seller, job)
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`
		INSERT INTO posting_item (seller_id, job_id, line_id)
		SELECT DISTINCT l.seller_id, $%d::bigint, l.id
		FROM (%s) AS chosen (id)
		JOIN invoice_line l ON l.seller_id = $%d AND l.id = chosen.id`, len(args), query, len(args)-1), args...)
	if err != nil {
		return fmt.Errorf("note the lines chosen: %w", err)
	}
	return nil
}

// plan notes where each line of the run goes, unless an earlier attempt has, and tells the log about lines that are
// not ready.
func (p *posting) plan(ctx context.Context) error {
	return p.run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		job := p.run.Job().ID
		var planned []int
		if err := tx.SelectContext(ctx, &planned, `SELECT line_count FROM posting_plan WHERE seller_id = $1 AND job_id = $2`, p.seller, job); err != nil {
			return jobs.Counts{}, fmt.Errorf("read the plan: %w", err)
		}
		if len(planned) > 0 {
			return jobs.Counts{}, nil
		}
		if err := p.gather(ctx, tx); err != nil {
			return jobs.Counts{}, err
		}
		counts, entries, err := p.skip(ctx, tx)
		if err != nil {
			return jobs.Counts{}, err
		}
		lines, err := p.store(ctx, tx)
		if err != nil {
			return jobs.Counts{}, err
		}
		p.run.Progress(0, lines)
		started := activity.Entry{
			Level: activity.Info, Code: activity.LineSyncStarted, Title: "Posting of invoice lines started",
			Details: fmt.Sprintf("%s to post. Requested by %s.", activity.Count(lines, "line", "lines"), p.run.Job().RequestedBy),
		}
		return counts, p.run.LogTx(ctx, tx, append([]activity.Entry{started}, entries...)...)
	})
}

// mostReconsidered bounds how many records of a kind are asked for anew.
const mostReconsidered = 1_000

// reconsider asks ConnectWise anew for the records that keep lines from being posted. What was wrong with them when they were seen
// last may have been put right there since. While ConnectWise does not tell, they are what they were.
func (p *posting) reconsider(ctx context.Context) error {
	blocked := invoicing.Blocked([]string{
		string(rule.PsaRecordMissing), string(rule.AgreementClosed), string(rule.AgreementNotOfCompany), string(rule.CurrencyMismatch),
	})
	query, args, err := p.targetsOf(grid.All(blocked, p.inQuestion(rule.NotReady, rule.Failed)))
	if err != nil {
		return err
	}
	var found struct {
		Companies  pq.Int32Array `db:"companies"`
		Products   pq.Int32Array `db:"products"`
		Agreements pq.Int32Array `db:"agreements"`
	}
	err = p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
		return tx.GetContext(ctx, &found, `
			SELECT array_agg(DISTINCT psa_company_id) FILTER (WHERE psa_company_id IS NOT NULL) AS companies,
				array_agg(DISTINCT psa_product_id) FILTER (WHERE psa_product_id IS NOT NULL) AS products,
				array_agg(DISTINCT psa_agreement_id) FILTER (WHERE psa_agreement_id IS NOT NULL) AS agreements
			FROM (`+query+`) AS blocked`, args...)
	})
	if err != nil {
		return fmt.Errorf("find what keeps lines from being posted: %w", err)
	}
	for _, ask := range []func() error{
		func() error { return askAnew(ctx, p, psa.Companies, p.client.CompaniesByID, found.Companies) },
		func() error { return askAnew(ctx, p, psa.Products, p.client.ProductsByID, found.Products) },
		func() error { return askAnew(ctx, p, psa.Agreements, p.client.AgreementsByID, found.Agreements) },
	} {
		if err := ask(); err != nil {
			return err
		}
	}
	return nil
}

// saver is a mirror.
type saver[T any] interface {
	Save(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, records []T) (changed int, err error)
}

// askAnew saves records as ConnectWise has them now.
func askAnew[T any](ctx context.Context, p *posting, mirror saver[T], ask func(context.Context, []psa.RecordID) ([]T, error), numbers []int32) error {
	if len(numbers) == 0 {
		return nil
	}
	ids := make([]psa.RecordID, min(len(numbers), mostReconsidered))
	for i := range ids {
		ids[i] = psa.RecordID(numbers[i])
	}
	records, err := ask(ctx, ids)
	if err != nil {
		return ctx.Err()
	}
	return p.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := mirror.Save(ctx, tx, p.seller, records)
		return err
	})
}

// inQuestion holds for the lines that the run is about: those chosen or, where nobody chose, those with a status.
func (p *posting) inQuestion(statuses ...rule.SyncStatus) grid.Condition {
	if p.selected {
		return grid.Expression(nil, `EXISTS (
			SELECT FROM posting_item chosen
			WHERE chosen.seller_id = l.seller_id AND chosen.job_id = ? AND chosen.line_id = l.id)`, p.run.Job().ID)
	}
	names := make([]string, len(statuses))
	for i, status := range statuses {
		names[i] = string(status)
	}
	return grid.OneOf("sync_status", names)
}

func (p *posting) targetsOf(where grid.Condition) (query string, args []any, err error) {
	return invoicing.Targets(invoicing.View{SetupComplete: true, Today: p.today}, p.seller, where)
}

// gather collects the lines in question with what they resolve to.
func (p *posting) gather(ctx context.Context, tx *postgres.Tx) error {
	query, args, err := p.targetsOf(p.inQuestion(rule.Ready, rule.Failed, rule.NotReady, rule.Excluded))
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
		return fmt.Errorf("allow for a long statement: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `CREATE TEMPORARY TABLE candidate ON COMMIT DROP AS `+query, args...); err != nil {
		return fmt.Errorf("resolve lines: %w", err)
	}
	return nil
}

// ready holds for candidates that can be posted.
const ready = `(c.sync_status = 'READY' OR c.sync_status = 'FAILED' AND cardinality(c.blockers) = 0)`

// skip counts what cannot be posted, by reason.
func (p *posting) skip(ctx context.Context, tx *postgres.Tx) (counts jobs.Counts, entries warnings, err error) {
	var reasons []struct {
		Status  string  `db:"sync_status"`
		Blocker *string `db:"blocker"`
		Lines   int     `db:"lines"`
		First   bool    `db:"first"`
	}
	err = tx.SelectContext(ctx, &reasons, `
		SELECT c.sync_status, split_part(b.blocker, ':', 1) AS blocker, count(DISTINCT c.id) AS lines, false AS first
		FROM candidate c, unnest(c.blockers) AS b (blocker)
		WHERE c.sync_status IN ('NOT_READY', 'FAILED')
		GROUP BY 1, 2
		UNION ALL
		SELECT c.sync_status, NULL, count(*), true
		FROM candidate c
		WHERE NOT `+ready+`
		GROUP BY 1
		ORDER BY 3 DESC, 2`)
	if err != nil {
		return counts, nil, fmt.Errorf("count lines that are not ready: %w", err)
	}
	blocked, excluded := 0, 0
	byCode := make(map[rule.BlockerCode]int)
	for _, r := range reasons {
		switch {
		case r.Blocker != nil:
			byCode[rule.BlockerCode(*r.Blocker)] += r.Lines
		case r.Status == string(rule.Excluded):
			excluded += r.Lines
		case r.Status == string(rule.Synced):
			counts.Unchanged += r.Lines
		case r.Status == string(rule.NotReady), r.Status == string(rule.Failed):
			blocked += r.Lines
		}
	}
	counts.Skipped = blocked + excluded
	entries.add(activity.LinesSkippedUnmapped, blocked, "%s could not be posted yet", reasonsOf(byCode))
	entries.add(activity.LinesSkippedExcluded, excluded, "%s of excluded organizations left out", "Set Excluded from Sync to No to post them.")
	entries.add(activity.AgreementRequired, byCode[rule.AgreementRequired], "%s without an agreement, which has to be chosen by hand",
		"Several organizations share their company. Choose an agreement of the company for the contract.")
	entries.add(activity.CurrencyMismatch, byCode[rule.CurrencyMismatch], "%s in another currency than the agreement, the company or the invoice",
		"Amounts are never converted. Map the contract to an agreement in its own currency.")
	return counts, entries, nil
}

// reasonsOf lists blockers in the order they are known in.
func reasonsOf(byCode map[rule.BlockerCode]int) string {
	var parts []string
	for _, code := range []rule.BlockerCode{
		rule.InvoiceNotValid, rule.OrganizationUnmapped, rule.ProductUnmapped, rule.AgreementRequired, rule.AgreementNotOfCompany,
		rule.AgreementClosed, rule.PsaRecordMissing, rule.DateRangeInvalid, rule.CurrencyMismatch,
	} {
		if n := byCode[code]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", code, n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + "."
}

// store makes items of what is ready, and of lines that a lost write may send back, which go where they went. Of
// the recurring lines of one subscription in one month, the one with the strongest claim is the lasting one.
func (p *posting) store(ctx context.Context, tx *postgres.Tx) (lines int, err error) {
	job := p.run.Job().ID
	_, err = tx.ExecContext(ctx, `
		INSERT INTO posting_item (seller_id, job_id, line_id, period, invoice_date, contract_id, company_id, agreement_id, agreement_origin,
			product_id, revision, lasting)
		SELECT $1::bigint, $2::bigint, c.id, l.period, l.invoice_date, l.contract_id, c.psa_company_id, c.psa_agreement_id, c.agreement_origin,
			c.psa_product_id, l.revision,
			l.recurring AND row_number() OVER (
				PARTITION BY l.subscription_id, l.period, l.recurring
				ORDER BY coalesce(l.invoiced_start, l.invoice_date) DESC, l.invoice_date DESC, l.platform_id DESC) = 1
		FROM candidate c
		JOIN invoice_line l ON l.seller_id = $1 AND l.id = c.id
		WHERE `+ready+`
		ON CONFLICT (seller_id, job_id, line_id) DO UPDATE
		SET period = EXCLUDED.period, invoice_date = EXCLUDED.invoice_date, contract_id = EXCLUDED.contract_id, company_id = EXCLUDED.company_id,
			agreement_id = EXCLUDED.agreement_id, agreement_origin = EXCLUDED.agreement_origin, product_id = EXCLUDED.product_id,
			revision = EXCLUDED.revision, lasting = EXCLUDED.lasting`, p.seller, job)
	if err != nil {
		return 0, fmt.Errorf("plan lines: %w", err)
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM posting_item WHERE seller_id = $1 AND job_id = $2 AND period IS NULL`, p.seller, job)
	if err != nil {
		return 0, fmt.Errorf("forget lines that are not ready: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO posting_item (seller_id, job_id, line_id, period, invoice_date, contract_id, company_id, agreement_id, agreement_origin,
			product_id, revision, lasting)
		SELECT DISTINCT ON (l.id) l.seller_id, $2::bigint, l.id, l.period, l.invoice_date, l.contract_id, l.posted_company_id, l.posted_agreement_id,
			l.posted_agreement_origin, l.posted_product_id, l.revision, a.subscription_id IS NOT NULL
		FROM addition_write w
		JOIN addition a ON a.seller_id = w.seller_id AND a.id = w.addition_id
		JOIN invoice_line l ON l.seller_id = w.seller_id AND l.id = w.line_id
		WHERE w.seller_id = $1
			AND w.state = 'UNCONFIRMED'
		ON CONFLICT (seller_id, job_id, line_id) DO NOTHING`, p.seller, job)
	if err != nil {
		return 0, fmt.Errorf("plan lines that were sent before: %w", err)
	}
	err = tx.GetContext(ctx, &lines, `
		INSERT INTO posting_plan (seller_id, job_id, line_count)
		SELECT $1::bigint, $2::bigint, count(*)
		FROM posting_item
		WHERE seller_id = $1 AND job_id = $2
		RETURNING line_count`, p.seller, job)
	if err != nil {
		return 0, fmt.Errorf("note the plan: %w", err)
	}
	// What runs left behind that ended before they could clear up.
	_, err = tx.ExecContext(ctx, `DELETE FROM posting_item WHERE seller_id = $1 AND job_id <> $2`, p.seller, job)
	if err != nil {
		return 0, fmt.Errorf("clear up old plans: %w", err)
	}
	return lines, nil
}

// months returns the months of the items, the oldest first, and shows how many lines are done.
func (p *posting) months(ctx context.Context) ([]civil.YearMonth, error) {
	var periods []civil.Date
	err := p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &periods, `
			SELECT DISTINCT period
			FROM posting_item
			WHERE seller_id = $1 AND job_id = $2
			ORDER BY period`, p.seller, p.run.Job().ID)
	})
	if err != nil {
		return nil, fmt.Errorf("read the months to post: %w", err)
	}
	months := make([]civil.YearMonth, len(periods))
	for i, period := range periods {
		months[i] = period.YearMonth()
	}
	return months, p.showProgress(ctx)
}

// showProgress shows how many of the lines planned are done.
func (p *posting) showProgress(ctx context.Context) error {
	var so struct {
		Planned int `db:"planned"`
		Left    int `db:"remaining"`
	}
	err := p.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &so, `
			SELECT line_count AS planned,
				(SELECT count(*) FROM posting_item i WHERE i.seller_id = pp.seller_id AND i.job_id = pp.job_id) AS remaining
			FROM posting_plan pp
			WHERE seller_id = $1 AND job_id = $2`, p.seller, p.run.Job().ID)
	})
	if err != nil {
		return fmt.Errorf("read the progress: %w", err)
	}
	p.progress.begin(so.Planned, so.Left)
	p.run.Progress(so.Planned-so.Left, so.Planned)
	return nil
}

func readParameters(job jobs.Job, into *parameters) error {
	if err := json.Unmarshal(job.Parameters, into); err != nil {
		return fmt.Errorf("parameters of job %d: %w", job.ID, err)
	}
	return nil
}
