package invoicing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// Service edits lines.
type Service struct {
	db        *postgres.DB
	directory *psa.Directory
	budget    time.Duration
	today     mapping.Today
}

// NewService returns a Service that verifies agreements with directory and waits for its answer no longer than
// budget. Whether an agreement has ended is judged by today.
func NewService(db *postgres.DB, directory *psa.Directory, budget time.Duration, today mapping.Today) *Service {
	return &Service{db: db, directory: directory, budget: budget, today: today}
}

// Field is a change of one value: none, to a value, or back to what rule, default or contract say.
type Field[T any] struct {
	Given bool
	// Value is nil to take back what a user set.
	Value *T
}

// Edit is a change of one or many lines.
type Edit struct {
	Agreement  Field[psa.RecordID]
	Start, End Field[civil.Date]
	// ExpectedRevision, when given, is the revision the caller saw; only for the edit of a single line.
	ExpectedRevision *int
}

// RefusalCode says why a line was not changed.
type RefusalCode string

// The codes of refusals.
const (
	NotFound         RefusalCode = "NOT_FOUND"
	Invalid          RefusalCode = "INVALID"
	Stale            RefusalCode = "STALE"
	Conflict         RefusalCode = "CONFLICT"
	AlreadySynced    RefusalCode = "ALREADY_SYNCED"
	PsaUnavailable   RefusalCode = "PSA_UNAVAILABLE"
	NotOfCompany     RefusalCode = "NOT_OF_COMPANY"
	Closed           RefusalCode = "CLOSED"
	CurrencyMismatch RefusalCode = "CURRENCY_MISMATCH"
)

// skips reports whether a refusal means that the line is out of reach rather than that the edit does not fit it.
func (c RefusalCode) skips() bool { return c == AlreadySynced || c == Conflict }

// Messages tell users what a refusal means.
var Messages = map[RefusalCode]string{
	NotFound:         "There is no such line. Refresh the list and try again.",
	Invalid:          "The charge would end before it starts. Choose an end on or after the start.",
	Stale:            "The line was changed by someone else in the meantime. Look at it again and then save.",
	Conflict:         "The line is being posted. Look at it again when that is over.",
	AlreadySynced:    "The line is posted and can no longer change. Change its Addition in ConnectWise.",
	PsaUnavailable:   "ConnectWise does not answer, and this agreement is not known yet. Try again in a few minutes.",
	NotOfCompany:     "This agreement belongs to another company than the line's organization is mapped to. Choose one of that company's agreements.",
	Closed:           "This agreement is cancelled or has ended. Choose an open one.",
	CurrencyMismatch: "This agreement is in another currency than the line's contract. Choose one in that currency.",
}

// Refusal is a reason why a line was not changed.
type Refusal struct {
	Line int64       `db:"id"`
	Code RefusalCode `db:"refusal"`
}

// Outcome is what became of an edit.
type Outcome struct {
	// Updated counts lines that hold now what was asked, those that did before included.
	Updated int
	// Skipped counts lines that are out of reach, Failed those that the edit does not fit.
	Skipped, Failed int
	// Refused is all that speaks against the lines that were not changed. Of an edit by condition it is counted in Counts
	// alone.
	Refused []Refusal
	// Counts are the refusals by code.
	Counts map[RefusalCode]int
	// Whole is why nothing was changed at all, whatever the lines; empty when something could be. Lines within reach failed for
	// it.
	Whole RefusalCode
}

// EditLines changes the lines with the numbers given, all that it can, in one transaction.
func (s *Service) EditLines(ctx context.Context, seller postgres.SellerID, by string, ids []int64, edit Edit) (Outcome, error) {
	return s.edit(ctx, seller, by, edit, true, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO selected_line (id) SELECT DISTINCT unnest($1::bigint[])`, ids)
		return err
	})
}

// EditMatching changes the lines for which a condition holds, all that it can, in one transaction.
func (s *Service) EditMatching(ctx context.Context, seller postgres.SellerID, by string, view View, where grid.Condition, edit Edit) (Outcome, error) {
	return s.edit(ctx, seller, by, edit, false, func(ctx context.Context, tx *postgres.Tx) error {
		query, args, err := grid.Numbers(view.list(), seller, where)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO selected_line (id) `+query, args...)
		return err
	})
}

func (s *Service) edit(ctx context.Context, seller postgres.SellerID, by string, edit Edit, each bool, choose func(context.Context, *postgres.Tx) error) (Outcome, error) {
	today, err := s.today(ctx, seller)
	if err != nil {
		return Outcome{}, err
	}
	var ids []psa.RecordID
	if edit.Agreement.Value != nil {
		ids = []psa.RecordID{*edit.Agreement.Value}
	}
	waiting, cancel := context.WithTimeout(ctx, s.budget)
	said := psa.Confirm(waiting, s.directory.Agreements, psa.Agreements, seller, ids)
	cancel()
	var outcome Outcome
	err = s.db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		e := lineEdit{tx: tx, seller: seller, Edit: edit, today: today}
		outcome = Outcome{Counts: make(map[RefusalCode]int)}
		if outcome.Whole, err = e.settle(ctx, said); err != nil {
			return err
		}
		if err := e.choose(ctx, choose); err != nil {
			return err
		}
		if err := e.judge(ctx); err != nil {
			return err
		}
		if outcome.Whole == "" {
			if err := e.change(ctx); err != nil {
				return err
			}
		}
		if err := e.report(ctx, each, &outcome); err != nil {
			return err
		}
		if outcome.Updated == 0 {
			return nil
		}
		return activity.Log(ctx, tx, seller, activity.Entry{
			Level: activity.Info, Code: activity.LinesChanged, Title: activity.Count(outcome.Updated, "invoice line was edited", "invoice lines were edited"),
			Details: "By " + by + ".",
		})
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("edit lines: %w", err)
	}
	return outcome, nil
}

// lineEdit is one transaction of an edit.
type lineEdit struct {
	tx     *postgres.Tx
	seller postgres.SellerID
	Edit
	today civil.Date
	// agreement is the one to set; nil for none, and for one that is not known or gone.
	agreement *psa.Agreement
}

// settle learns the agreement, and refuses the whole edit when no line could have it.
func (e *lineEdit) settle(ctx context.Context, said *psa.Confirmation[psa.Agreement]) (RefusalCode, error) {
	found, gone, err := said.Settle(ctx, e.tx, e.seller, nil)
	if err != nil || e.Agreement.Value == nil {
		return "", err
	}
	agreement, known := found[*e.Agreement.Value]
	switch {
	case agreement.Deleted || slices.Contains(gone, *e.Agreement.Value):
		return NotFound, nil
	case !known:
		return PsaUnavailable, nil
	}
	e.agreement = &agreement
	if agreement.IsClosed(e.today) {
		return Closed, nil
	}
	return "", nil
}

// choose collects the lines and keeps others from changing them, in id order so that two edits queue up.
func (e *lineEdit) choose(ctx context.Context, choose func(context.Context, *postgres.Tx) error) error {
	_, err := e.tx.ExecContext(ctx, `CREATE TEMPORARY TABLE selected_line (id bigint NOT NULL) ON COMMIT DROP`)
	if err != nil {
		return fmt.Errorf("make room for the selection: %w", err)
	}
	if err := choose(ctx, e.tx); err != nil {
		return fmt.Errorf("select lines: %w", err)
	}
	_, err = e.tx.ExecContext(ctx, `
		SELECT
		FROM invoice_line l
		JOIN selected_line s ON s.id = l.id
		WHERE l.seller_id = $1
		ORDER BY l.id
		FOR NO KEY UPDATE OF l`,
		e.seller)
	if err != nil {
		return fmt.Errorf("lock lines: %w", err)
	}
	return nil
}

// judge notes all that speaks against changing each line chosen. Nothing speaks against one that is within reach and holds
// already what was asked.
func (e *lineEdit) judge(ctx context.Context) error {
	_, err := e.tx.ExecContext(ctx, `
		CREATE TEMPORARY TABLE judged_line (id bigint, refusals text[]) ON COMMIT DROP`)
	if err != nil {
		return fmt.Errorf("make room for the verdicts: %w", err)
	}
	var company *psa.RecordID
	var currency string
	if e.agreement != nil {
		company, currency = &e.agreement.CompanyID, e.agreement.Currency
	}
	_, err = e.tx.ExecContext(ctx, `
		WITH edited AS (
			SELECT s.id, l.id IS NOT NULL AS found, l.state, l.revision, l.contract_id, l.organization_id,
				coalesce(CASE WHEN $4::boolean THEN $5::date ELSE l.chosen_start END, l.ruled_start, l.invoiced_start, l.invoice_date) AS charge_start,
				CASE WHEN $6::boolean THEN $7::date ELSE l.chosen_end END AS chosen_end, l.end_is_ruled, l.ruled_end,
				NOT ($9::boolean AND l.psa_agreement_id IS DISTINCT FROM $10::int
					OR $4::boolean AND l.chosen_start IS DISTINCT FROM $5::date
					OR $6::boolean AND l.chosen_end IS DISTINCT FROM $7::date) AS holds
			FROM selected_line s
			LEFT JOIN invoice_line l ON l.seller_id = $1 AND l.id = s.id
		)
		INSERT INTO judged_line (id, refusals)
		SELECT e.id, CASE
			WHEN NOT e.found THEN '{NOT_FOUND}'
			WHEN e.state = 'SYNCED' THEN '{ALREADY_SYNCED}'
			WHEN e.state NOT IN ('OPEN', 'FAILED') THEN '{CONFLICT}'
			WHEN e.holds THEN '{}'
			ELSE array_remove(ARRAY[
				CASE WHEN e.revision <> $8::int THEN 'STALE' END,
				CASE WHEN $2::int IS NOT NULL AND o.psa_company_id IS DISTINCT FROM $2::int THEN 'NOT_OF_COMPANY' END,
				CASE WHEN $2::int IS NOT NULL AND t.currency <> NULLIF($3::text, '') THEN 'CURRENCY_MISMATCH' END,
				CASE WHEN ($4::boolean OR $6::boolean) AND CASE
						WHEN e.chosen_end IS NOT NULL THEN e.chosen_end
						WHEN e.end_is_ruled THEN e.ruled_end
					END < e.charge_start THEN 'INVALID' END
			], NULL)
		END
		FROM edited e
		LEFT JOIN organization o ON o.seller_id = $1 AND o.id = e.organization_id
		LEFT JOIN contract t ON t.seller_id = $1 AND t.id = e.contract_id`,
		e.seller, company, currency, e.Start.Given, e.Start.Value, e.End.Given, e.End.Value, e.ExpectedRevision,
		e.Agreement.Given, e.Agreement.Value)
	if err != nil {
		return fmt.Errorf("judge lines: %w", err)
	}
	return nil
}

// change changes the lines that nothing speaks against and that do not hold yet what was asked, in one statement.
func (e *lineEdit) change(ctx context.Context) error {
	_, err := e.tx.ExecContext(ctx, `
		UPDATE invoice_line l
		SET psa_agreement_id = CASE WHEN $2::boolean THEN $3::int ELSE l.psa_agreement_id END,
			chosen_start = CASE WHEN $4::boolean THEN $5::date ELSE l.chosen_start END,
			chosen_end = CASE WHEN $6::boolean THEN $7::date ELSE l.chosen_end END,
			revision = l.revision + 1
		FROM judged_line j
		WHERE l.seller_id = $1
			AND l.id = j.id
			AND j.refusals = '{}'
			AND ($2::boolean AND l.psa_agreement_id IS DISTINCT FROM $3::int
				OR $4::boolean AND l.chosen_start IS DISTINCT FROM $5::date
				OR $6::boolean AND l.chosen_end IS DISTINCT FROM $7::date)`,
		e.seller, e.Agreement.Given, e.Agreement.Value, e.Start.Given, e.Start.Value, e.End.Given, e.End.Value)
	if err != nil {
		return fmt.Errorf("change lines: %w", err)
	}
	return nil
}

// report reads the verdicts: each of them, or only how many there are of each.
func (e *lineEdit) report(ctx context.Context, each bool, outcome *Outcome) error {
	var counts []struct {
		Codes pq.StringArray `db:"refusals"`
		Count int            `db:"count"`
	}
	err := e.tx.SelectContext(ctx, &counts, `SELECT refusals, count(*) AS count FROM judged_line GROUP BY refusals`)
	if err != nil {
		return fmt.Errorf("count verdicts: %w", err)
	}
	for _, c := range counts {
		for _, code := range c.Codes {
			outcome.Counts[RefusalCode(code)] += c.Count
		}
		switch {
		case len(c.Codes) > 0 && RefusalCode(c.Codes[0]).skips():
			outcome.Skipped += c.Count
		case len(c.Codes) > 0 || outcome.Whole != "":
			outcome.Failed += c.Count
		default:
			outcome.Updated = c.Count
		}
	}
	if !each || len(outcome.Counts) == 0 {
		return nil
	}
	err = e.tx.SelectContext(ctx, &outcome.Refused, `SELECT id, unnest(refusals) AS refusal FROM judged_line`)
	if err != nil {
		return fmt.Errorf("read verdicts: %w", err)
	}
	return nil
}
