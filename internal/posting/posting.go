// Package posting sends invoice lines to ConnectWise as Additions of Agreements, each exactly once.
//
// ConnectWise has no idempotency keys, so every write is noted in a journal before it is sent, with what
// ConnectWise is to have afterwards and a marker by which the Addition is recognised. The outcome is noted
// after the answer. When the answer is lost, or the sender dies, the write is UNCONFIRMED: the agreement's
// Additions are listed and looked through. What is found is adopted. What is not found is looked for once more
// after a delay, because lists may lag behind writes, and only then sent again.
//
//	line      READY or FAILED ──▶ SYNCING ──▶ SYNCED, FAILED
//	                    ▲            │  ▲
//	       never arrived│            ▼  │ found
//	                    └──── UNCONFIRMED
//
// A run takes the mappings as they are when it begins and notes where every line goes (plan.go). It works
// through the months, oldest first, and within a month through the agreements, several at a time; an agreement
// is written to by one worker anywhere at a time (agreement.go, postline.go). What a line becomes is decided by decide
// (decision.go), a pure function. The journal is in journal.go, the search for lost writes in settle.go,
// creating agreements in create.go and ending the Additions of subscriptions that are gone in cancel.go.
//
// The package knows nothing of GraphQL or HTTP. Start reading at Poster.
package posting

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"crosswalk/internal/account"
	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// Kind is the kind of the run that Poster makes.
const Kind jobs.Kind = "SYNC_INVOICE_LINES"

// DefaultSettleDelay is how long a lost write is given to turn up.
const DefaultSettleDelay = time.Minute

const (
	// parallel is how many agreements are written to at a time.
	parallel = 16
	// losses is how often a line is sent in one run before it counts as failed, its answer lost and ConnectWise
	// found not to have it each time.
	losses = 5
	// rounds bounds how often lines are gone through that lost writes hold up.
	rounds = 12
)

// Poster makes runs of Kind.
type Poster struct {
	Clients psa.Clients
	Today   mapping.Today
	// Settings returns the seller's preferences, for the type that agreements are created with.
	Settings func(context.Context, *postgres.Tx, postgres.SellerID) (account.Settings, error)
	// SettleDelay is how long after the first look a lost write is looked for again before it is sent again; 0
	// means DefaultSettleDelay.
	SettleDelay time.Duration
	// Observe, if set, is told what became of a write of an Addition: CREATE, CHANGE or END; and DONE, REFUSED,
	// UNCONFIRMED when its answer was lost, or DROPPED when it turned out not to have arrived. It must be safe for
	// concurrent use.
	Observe func(operation, outcome string)
}

// posting is one attempt at a run.
type posting struct {
	*Poster
	run           *jobs.Run
	db            *postgres.SellerDB
	seller        postgres.SellerID
	client        psa.Client
	locks         *postgres.Locks
	today         civil.Date
	agreementType psa.RecordID
	// selected is true when a user chose the lines.
	selected bool
	outage   outage
	progress progress

	mu sync.Mutex
	// known are agreements as ConnectWise told them in this attempt; those it does not have have no ID.
	known map[psa.RecordID]psa.Agreement
	// agreementLosses is how often the creation of an agreement was lost, by its contract.
	agreementLosses map[int64]int
}

// Run is the handler of Kind. A run that was interrupted goes on with the items that are left.
func (p *Poster) Run(ctx context.Context, run *jobs.Run) error {
	attempt, err := p.begin(ctx, run)
	if err != nil {
		return mapping.Explain(err)
	}
	defer attempt.locks.Close()
	err = attempt.work(ctx)
	if err != nil && (run.Cancelled() || ctx.Err() == nil) {
		attempt.tellWritten(ctx)
	}
	return mapping.Explain(err)
}

func (p *Poster) begin(ctx context.Context, run *jobs.Run) (*posting, error) {
	attempt := &posting{
		Poster: p, run: run, db: run.Seller(), seller: run.Seller().ID(), known: make(map[psa.RecordID]psa.Agreement),
		agreementLosses: make(map[int64]int),
	}
	var asked parameters
	if err := run.Parameters(&asked); err != nil {
		return nil, err
	}
	attempt.selected = asked.Selection != ""
	var settings account.Settings
	err := attempt.db.Read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		settings, err = p.Settings(ctx, tx, attempt.seller)
		return err
	})
	if err != nil {
		return nil, err
	}
	if settings.AgreementType == nil {
		return nil, &jobs.Failure{Message: "No Agreement Type is chosen. Choose one in settings, then run it again."}
	}
	attempt.agreementType = psa.RecordID(settings.AgreementType.RecordID)
	if attempt.today, err = p.Today(ctx, attempt.seller); err != nil {
		return nil, err
	}
	if attempt.client, err = p.Clients.Client(ctx, attempt.seller); err != nil {
		return nil, err
	}
	attempt.locks, err = attempt.db.Locks(ctx)
	return attempt, err
}

// work is the run from its plan to its end.
func (p *posting) work(ctx context.Context) error {
	ctx = psa.Background(ctx)
	if err := p.takeOver(ctx); err != nil {
		return err
	}
	p.run.Step("Finding the lines to post")
	if err := p.reconsider(ctx); err != nil {
		return err
	}
	if err := p.plan(ctx); err != nil {
		return err
	}
	p.run.Step("Settling what was sent before")
	if err := p.settle(ctx); err != nil {
		return err
	}
	if err := p.postAll(ctx); err != nil {
		return err
	}
	if !p.selected {
		if err := p.cancelVanished(ctx); err != nil {
			return err
		}
	}
	return p.finish(ctx)
}

// postAll posts the items month by month, and again as long as lost writes hold some of them up.
func (p *posting) postAll(ctx context.Context) error {
	for range rounds {
		months, err := p.months(ctx)
		if err != nil {
			return err
		}
		for _, month := range months {
			if err := p.postMonth(ctx, month); err != nil {
				return err
			}
		}
		settled, err := p.awaitSettled(ctx)
		if err != nil || !settled {
			return err
		}
	}
	return nil
}

// awaitSettled waits until every lost write is settled, and returns false if there was none: then nothing is
// held up any more.
func (p *posting) awaitSettled(ctx context.Context) (waited bool, err error) {
	for {
		lost, due, err := p.unsettled(ctx)
		if err != nil || lost == 0 {
			return waited, err
		}
		waited = true
		if due > 0 {
			p.run.Step(fmt.Sprintf("Waiting to look again for %s whose answer was lost", activity.Count(lost, "write", "writes")))
		}
		select {
		case <-time.After(due):
		case <-ctx.Done():
			return waited, ctx.Err()
		}
		if err := p.settle(ctx); err != nil {
			return waited, err
		}
	}
}

// postMonth posts the items of one month.
func (p *posting) postMonth(ctx context.Context, month civil.YearMonth) error {
	p.run.Step("Posting invoice lines of " + month.String())
	for _, step := range []func(context.Context, civil.YearMonth) error{
		p.verifyAgreements, p.createAgreements, p.endMoved, p.postToAgreements,
	} {
		if err := step(ctx, month); err != nil {
			return err
		}
	}
	return nil
}

// finish tells the log how the run went and clears up. Items that are left could not be posted.
func (p *posting) finish(ctx context.Context) error {
	return p.run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		var left int
		err := tx.GetContext(ctx, &left, `
			WITH cleared AS (DELETE FROM posting_item WHERE seller_id = $1 AND job_id = $2 RETURNING line_id)
			SELECT count(*) FROM cleared`, p.seller, p.run.Job().ID)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("clear the plan: %w", err)
		}
		counts := jobs.Counts{Skipped: left}
		var so jobs.Counts
		err = tx.GetContext(ctx, &so, `
			SELECT created, updated, unchanged, skipped, failed, cancelled
			FROM job
			WHERE seller_id = $1 AND id = $2`, p.seller, p.run.Job().ID)
		if err != nil {
			return jobs.Counts{}, fmt.Errorf("read the counts: %w", err)
		}
		entries, err := p.written(ctx, tx)
		if err != nil {
			return jobs.Counts{}, err
		}
		entries = append(entries, p.progress.skipped(left)...)
		return counts, p.run.LogTx(ctx, tx, append(entries, activity.Entry{
			Level: activity.Info, Code: activity.LineSyncCompleted, Title: "Invoice lines were posted",
			Details: fmt.Sprintf("%s created, %d changed, %d as they were, %d ended; %s skipped, %d failed.",
				activity.Count(so.Created, "Addition", "Additions"), so.Updated, so.Unchanged, so.Cancelled, activity.Count(so.Skipped+left, "line", "lines"), so.Failed),
		})...)
	})
}

// tellWritten tells the log what was written by a run that ends before its time. That the run itself ended is told by others,
// so that nothing is lost where this fails.
func (p *posting) tellWritten(ctx context.Context) {
	_ = p.run.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *postgres.Tx) error {
		entries, err := p.written(ctx, tx)
		if err != nil || len(entries) == 0 {
			return err
		}
		return p.run.LogTx(ctx, tx, entries...)
	})
}

// toldAgreements is how many agreements the log tells of one by one.
const toldAgreements = 100

// written tells what was written to which agreement, as the journal has it: those that got most first, and the rest
// together.
func (p *posting) written(ctx context.Context, tx *postgres.Tx) ([]activity.Entry, error) {
	var rows []struct {
		Operation operation    `db:"operation"`
		Agreement psa.RecordID `db:"agreement_id"`
		Name      string       `db:"name"`
		Count     int          `db:"count"`
		Others    int          `db:"others"`
	}
	err := tx.SelectContext(ctx, &rows, `
		WITH written AS (
			SELECT w.operation, w.agreement_id, count(*) AS count, row_number() OVER (ORDER BY count(*) DESC, w.agreement_id, w.operation) AS position
			FROM addition_write w
			WHERE w.seller_id = $1 AND w.job_id = $2 AND w.state = 'DONE' AND w.operation <> 'END'
			GROUP BY 1, 2
		)
		SELECT w.operation, w.agreement_id, coalesce(a.name, '') AS name, w.count, 0 AS others
		FROM written w
		LEFT JOIN psa_agreement a ON a.seller_id = $1 AND a.record_id = w.agreement_id
		WHERE w.position <= $3
		UNION ALL
		SELECT operation, 0, '', sum(count), count(*)
		FROM written
		WHERE position > $3
		GROUP BY 1
		ORDER BY 5, 4, 2, 1`, p.seller, p.run.Job().ID, toldAgreements)
	if err != nil {
		return nil, fmt.Errorf("count what was written: %w", err)
	}
	entries := make([]activity.Entry, len(rows))
	for i, r := range rows {
		code, verb := activity.AdditionsCreated, "created on"
		if r.Operation == change {
			code, verb = activity.AdditionsUpdated, "changed on"
		}
		where := fmt.Sprintf("agreement %q", r.Name)
		if r.Others > 0 {
			where = activity.Count(r.Others, "other agreement", "other agreements")
		}
		entries[i] = activity.Entry{
			Level: activity.Info, Code: code, Title: fmt.Sprintf("%s %s %s", activity.Count(r.Count, "Addition", "Additions"), verb, where),
		}
		if r.Others == 0 {
			entries[i].Details = fmt.Sprintf("Agreement %d.", r.Agreement)
		}
	}
	return entries, nil
}

// each does something for every target, several at a time, the first ones first. It stops at the first error.
func each[T any](ctx context.Context, targets []T, do func(context.Context, T) error) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, target := range targets {
		if working.Err() != nil {
			break
		}
		group.Go(func() error { return do(working, target) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// warnings collects entries of a run that tell of lines, by number.
type warnings []activity.Entry

// add tells of lines, whose number stands for %s in the title, unless there are none.
func (w *warnings) add(code activity.Code, lines int, title, details string) {
	if lines > 0 {
		*w = append(*w, activity.Entry{
			Level: activity.Warning, Code: code, Title: fmt.Sprintf(title, activity.Count(lines, "line", "lines")), Details: details,
		})
	}
}
