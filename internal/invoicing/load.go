// Package invoicing keeps invoice lines: loading them from the Platform, listing them with where each would
// post and what blocks it, and editing their dates and agreements until they are posted.
//
// A line's company, agreement and product are resolved from organization, contract and offer in the query
// that shows it, so that re-mapping reaches every line at once. The rules themselves are pure and in rule/.
// The package knows nothing of GraphQL or HTTP. Start reading at Loader, Lines and Service.
package invoicing

import (
	"context"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
)

// KindLoad is the kind of the run that Loader makes.
const KindLoad jobs.Kind = "LOAD_INVOICE_LINES"

// Load are the parameters of a KindLoad run.
type Load struct {
	// Periods are the months to load, as of when the run begins.
	Periods []rule.LoadPeriod `json:"periods"`
}

// Loader loads invoice lines of calendar months. Each month is one transaction: it is loaded whole or not at all.
type Loader struct {
	mapping.Sources
	// Rules returns the seller's charge-date rules.
	Rules func(context.Context, *postgres.Tx, postgres.SellerID) (Rules, error)
	// Filled is called after each month with the tables that it filled, to tell the planner: the next may take long, and the lines are
	// there already.
	Filled func(ctx context.Context, tables ...string)
}

// filled are the tables that a load fills.
var filled = []string{"vendor", "offer", "organization", "contract", "invoice", "invoice_line", "invoice_line_total"}

// Run is the handler of KindLoad. Loading a month again is harmless, so a run that was interrupted starts over.
func (l *Loader) Run(ctx context.Context, run *jobs.Run) error {
	var parameters Load
	if err := run.Parameters(&parameters); err != nil {
		return err
	}
	seller := run.Seller().ID()
	today, err := l.Today(ctx, seller)
	if err != nil {
		return err
	}
	feed, err := l.Feed(ctx, seller)
	if err != nil {
		return mapping.Explain(err)
	}
	months := rule.MonthsToLoad(today, parameters.Periods)
	err = run.Log(ctx, activity.Entry{
		Level: activity.Info, Code: activity.InvoiceLoadStarted, Title: "Load Invoices started",
		Details: fmt.Sprintf("For %s. Requested by %s.", named(months), run.Job().RequestedBy),
	})
	if err != nil {
		return err
	}
	if err := l.begin(ctx, run, months); err != nil {
		return err
	}
	done := 0
	for _, month := range months {
		load := monthLoad{Loader: l, run: run, feed: feed, seller: seller, month: month, before: done}
		if err := load.load(ctx); err != nil {
			return mapping.Explain(err)
		}
		l.Filled(ctx, filled...)
		done += load.rows
	}
	return nil
}

// named lists months: 2026-10, 2026-11.
func named(months []civil.YearMonth) string {
	names := make([]string, len(months))
	for i, month := range months {
		names[i] = month.String()
	}
	return strings.Join(names, ", ")
}

// begin notes that the months are not complete until they are loaded again.
func (l *Loader) begin(ctx context.Context, run *jobs.Run, months []civil.YearMonth) error {
	periods := make(pq.StringArray, len(months))
	for i, month := range months {
		periods[i] = month.FirstDay().String()
	}
	return run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE invoice_period SET complete = false WHERE seller_id = $1 AND period = ANY($2)`, run.Seller().ID(), periods)
		if err != nil {
			return fmt.Errorf("note what is going to be loaded: %w", err)
		}
		return nil
	})
}

// monthLoad loads one month.
type monthLoad struct {
	*Loader
	run    *jobs.Run
	feed   platform.Feed
	seller postgres.SellerID
	month  civil.YearMonth
	// before is how many rows the months before it had.
	before int

	rows int
}

// load stages the month and merges it, in one transaction. When its context ends, reading ends, and the transaction is
// then undone in order: ended by its context it would be undone while a COPY still listens on its connection.
func (l *monthLoad) load(reading context.Context) error {
	dates := platform.Range{From: l.month.FirstDay(), To: l.month.LastDay()}
	return l.run.WriteCounted(context.WithoutCancel(reading), func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		l.rows = 0
		rules, err := l.Rules(ctx, tx, l.seller)
		if err != nil {
			return jobs.Counts{}, err
		}
		stage, err := newStaging(ctx, tx)
		if err != nil {
			return jobs.Counts{}, err
		}
		l.run.Step("Reading invoices of " + l.month.String() + " from the Platform")
		if err := stage.invoices(reading, l.feed, dates); err != nil {
			return jobs.Counts{}, err
		}
		l.run.Step("Reading invoice lines of " + l.month.String() + " from the Platform")
		if err := stage.lines(reading, l.feed, dates, rules, l.see); err != nil {
			return jobs.Counts{}, err
		}
		if err := reading.Err(); err != nil {
			return jobs.Counts{}, err
		}
		l.run.Step("Saving invoice lines of " + l.month.String())
		merged, err := stage.merge(ctx, l.seller, l.month, l.feed)
		if err != nil {
			return jobs.Counts{}, err
		}
		return merged.Counts, l.run.LogTx(ctx, tx, l.report(merged)...)
	})
}

// see takes note of how many rows have streamed by.
func (l *monthLoad) see(page platform.Page, rows int) {
	l.rows = rows
	if l.rows%500 == 0 || l.rows == page.TotalCount {
		l.run.Progress(l.before+l.rows, l.before+page.TotalCount)
	}
}

// report tells the log what the load did and what looked odd.
func (l *monthLoad) report(m merged) []activity.Entry {
	var entries []activity.Entry
	warn := func(code activity.Code, title, details string) {
		entries = append(entries, activity.Entry{Level: activity.Warning, Code: code, Title: title, Details: details})
	}
	for _, u := range m.UnknownCharges {
		warn(activity.UnknownChargeType, fmt.Sprintf("%s the unknown charge type %q", activity.Count(u.Lines, "line has", "lines have"), u.Text),
			"Such lines are treated as one-time.")
	}
	if m.Mismatched > 0 {
		warn(activity.TotalMismatch, fmt.Sprintf("The total of %s is not quantity times unit price", activity.Count(m.Mismatched, "line", "lines")),
			"Such lines are loaded as invoiced.")
	}
	if m.Duplicates > 0 {
		warn(activity.DuplicateLine, activity.Count(m.Duplicates, "line", "lines")+" came more than once", "The last of each counts.")
	}
	if m.Strays > 0 {
		warn(activity.InvoiceNotInFeed, activity.Count(m.Strays, "line is of an invoice", "lines are of invoices")+" that the Platform does not list",
			"Such lines were left out. One of the invoices has the Platform id "+m.StrayInvoice+". Load the month again.")
	}
	if m.Unlisted > 0 {
		warn(activity.LinesNotInFeed, fmt.Sprintf("The Platform no longer lists %s on a valid invoice of %s", activity.Count(m.Unlisted, "line", "lines"), l.month),
			"Such a line was removed, its invoice moved to another month, or that is not valid any more. It will not be posted unless a later load finds it again.")
	}
	for _, id := range m.UnknownOrganizations {
		warn(activity.OrganizationNotInFeed, "Invoices name an organization that the Platform does not list", "Its Platform id is "+id+". It was added by that id.")
	}
	for _, id := range m.UnknownContracts {
		warn(activity.ContractNotInFeed, "Invoices name a contract that the Platform does not list", "Its Platform id is "+id+". It was added as the lines show it.")
	}
	return append(entries, activity.Entry{
		Level: activity.Info, Code: activity.InvoiceLoadCompleted, Title: "Invoice lines of " + l.month.String() + " were loaded",
		Details: fmt.Sprintf("%d new, %d changed, %d as before, %d left alone because they are posted or being posted.",
			m.Created, m.Updated, m.Unchanged, m.Skipped),
	})
}
