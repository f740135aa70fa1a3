package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/invoicing"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	simplatform "crosswalk/internal/simulator/platform"
)

const (
	// loadTurns is how often a month is loaded, and written by hand.
	loadTurns = 2
	// loadedPart is its part of the lines of the market's greatest month, manyPart that of an organization that has many.
	loadedPart, manyPart = 0.3, 0.1
)

// measureLoads loads a month, and writes the lines of it by hand: by nothing but a COPY, into the same table and into a plain one. Both
// have the month in memory. Then it is loaded over HTTP, from a simulator that takes its part of the same processors.
func measureLoads(ctx context.Context, b *bench) error {
	owner, err := postgres.OpenAsOwner(ctx, b.DSN, postgres.Options{StatementTimeout: time.Hour})
	if err != nil {
		return err
	}
	defer owner.Close()
	lines := int(float64(b.market.PeakLines) * loadedPart)
	s, err := b.billed(ctx, max(lines/50, 1), lines)
	if err != nil {
		return err
	}
	defer s.forget(ctx, owner)
	billed, err := s.remember(ctx)
	if err != nil {
		return err
	}
	stop, err := s.serveFromMemory(ctx, billed)
	if err != nil {
		return err
	}
	defer stop()

	var fromMemory, again, copied, plain, overHTTP time.Duration
	for range loadTurns {
		steps := []func() error{
			func() error { return s.run(ctx, kindFromMemory, &fromMemory) },
			func() error { return s.run(ctx, kindFromMemory, &again) },
			func() error { return s.clear(ctx, owner, linesAlone) },
			func() error { return s.copy(ctx, owner, billed, "invoice_line", &copied) },
			func() error { return s.copy(ctx, owner, billed, plainTable, &plain) },
			func() error { return s.clear(ctx, owner, linesAndInvoices) },
			func() error { return s.run(ctx, invoicing.KindLoad, &overHTTP) },
			func() error { return s.clear(ctx, owner, linesAndInvoices) },
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
	}
	b.table(fmt.Sprintf("a month with %s lines", thousands(billed.lines)), "lines a second", "of a COPY into the same table", "of a COPY into a plain table")
	for _, c := range []struct {
		name string
		took time.Duration
	}{
		{"by hand: a COPY into a plain table with a primary key", plain},
		{"by hand: a COPY into the table of lines", copied},
		{"load", fromMemory},
		{"load again, nothing changed", again},
		{"load over HTTP, from a simulator beside it", overHTTP},
	} {
		b.row(c.name, thousands(int(float64(billed.lines*loadTurns)/c.took.Seconds())), ratio(copied.Seconds()/c.took.Seconds()), ratio(plain.Seconds()/c.took.Seconds()))
	}
	return b.measureManyLines(ctx, owner)
}

// measureManyLines maps an organization with many lines anew, and edits all of its lines at once.
func (b *bench) measureManyLines(ctx context.Context, owner *postgres.DB) error {
	s, err := b.billed(ctx, 1, int(float64(b.market.PeakLines)*manyPart))
	if err != nil {
		return err
	}
	defer s.forget(ctx, owner)
	var loaded time.Duration
	if err := s.run(ctx, invoicing.KindLoad, &loaded); err != nil {
		return err
	}
	var of struct {
		Organizations struct{ Nodes []struct{ ID string } }
		InvoiceLines  struct{ TotalCount int }
	}
	if err := s.ask(ctx, fmt.Sprintf("{ organizations { nodes { id } } invoiceLines(period: %q) { totalCount } }", peak()), &of); err != nil {
		return err
	}
	if len(of.Organizations.Nodes) != 1 {
		return fmt.Errorf("there are %d organizations, want one", len(of.Organizations.Nodes))
	}
	organization := of.Organizations.Nodes[0].ID
	mapTo := func(company int64) string {
		return fmt.Sprintf("mapOrganization(input: {organizationId: %q, psaCompanyId: %q})", organization, yardstickID("PsaCompany:", company))
	}
	b.table(fmt.Sprintf("an organization with %s lines", thousands(of.InvoiceLines.TotalCount)), "time")
	if _, err := s.change(ctx, mapTo(1)); err != nil {
		return err
	}
	took, err := s.change(ctx, mapTo(2))
	if err != nil {
		return err
	}
	b.row("mapped to another company", milliseconds(took))
	begun := time.Now()
	var shown struct {
		InvoiceLines struct {
			Nodes []struct{ PsaCompany struct{ RecordID int } }
		}
	}
	if err := s.ask(ctx, fmt.Sprintf("{ invoiceLines(period: %q, first: 20) { nodes { psaCompany { recordId } } } }", peak()), &shown); err != nil {
		return err
	}
	b.row("the first page of its lines afterwards", milliseconds(time.Since(begun)))
	for _, line := range shown.InvoiceLines.Nodes {
		if line.PsaCompany.RecordID != 2 {
			return errors.New("a line shows the company that its organization was mapped to before")
		}
	}
	took, err = s.change(ctx, fmt.Sprintf("bulkUpdateInvoiceLines(input: {matching: {period: %q, filter: {organizationId: %q}}, chargeEndDate: %q})",
		peak(), organization, peak().Add(1).LastDay()))
	if err != nil {
		return err
	}
	b.row("all of its lines given another end", milliseconds(took))
	return nil
}

// billedSeller is a seller who has invoices on a simulated Platform.
type billedSeller struct {
	*bench
	id         postgres.SellerID
	url, token string
	end        func()
}

// billed creates a seller with so many organizations and lines, all in the greatest month.
func (b *bench) billed(ctx context.Context, organizations, lines int) (*billedSeller, error) {
	url, stop, err := listen(simplatform.New(simplatform.Options{Organizations: organizations, Lines: lines, Months: 1, Offers: 1000, Now: today}))
	if err != nil {
		return nil, err
	}
	s := &billedSeller{bench: b, url: url, end: stop}
	if s.id, err = b.createSeller(ctx, fmt.Sprintf("Bench of a load of %d lines", lines), url); err == nil {
		s.token, err = b.connect(ctx, s.id)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return s, nil
}

// ask asks the gateway and reads the data of its answer.
func (s *billedSeller) ask(ctx context.Context, query string, data any) error {
	return graphQL(s.address, s.token, query).read(ctx, data)
}

// change makes a mutation and returns how long it took.
func (s *billedSeller) change(ctx context.Context, mutation string) (time.Duration, error) {
	begun := time.Now()
	var data struct {
		Done struct{ UserErrors []struct{ Message string } }
	}
	if err := s.ask(ctx, "mutation { done: "+mutation+" { userErrors { message } } }", &data); err != nil {
		return 0, err
	}
	if refused := data.Done.UserErrors; len(refused) > 0 {
		return 0, errors.New(refused[0].Message)
	}
	return time.Since(begun), nil
}

// run has the month loaded by a run of a kind, and adds how long that took.
func (s *billedSeller) run(ctx context.Context, kind jobs.Kind, took *time.Duration) error {
	var job jobs.Job
	err := s.db.Seller(s.id).Write(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		job, _, err = jobs.Enqueue(ctx, tx, s.id, jobs.Request{
			Kind: kind, Parameters: invoicing.Load{Periods: []rule.LoadPeriod{rule.CurrentMonth}}, RequestedBy: "bench",
		})
		return err
	})
	for poll := time.NewTicker(20 * time.Millisecond); err == nil && !job.State.Finished(); <-poll.C {
		err = s.db.Seller(s.id).Read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
			job, err = jobs.Get(ctx, tx, s.id, job.ID)
			return err
		})
	}
	switch {
	case err != nil:
		return err
	case job.State != jobs.Succeeded:
		return fmt.Errorf("the load ended as %s", job.State)
	}
	*took += job.FinishedAt.Sub(*job.StartedAt)
	return nil
}

// What the lines of a seller are kept in; they refer to invoices.
var (
	linesAlone       = []string{"invoice_line", "invoice_line_total", "invoice_period"}
	linesAndInvoices = append(linesAlone, "invoice")
)

// clear removes what the seller has in tables, and every trace of it: what is written next is not to meet dead rows of the same keys.
func (s *billedSeller) clear(ctx context.Context, owner *postgres.DB, tables []string) error {
	err := owner.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		for _, table := range tables {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE seller_id = $1", s.id); err != nil {
				return fmt.Errorf("clear %s: %w", table, err)
			}
		}
		return nil
	})
	if err == nil {
		_, err = owner.Pool().ExecContext(ctx, "VACUUM "+strings.Join(tables, ", "))
	}
	return err
}

// forget removes the seller and all it has, of which other tables than those of clear have little. A table that others still refer to
// is left to the next round.
func (s *billedSeller) forget(ctx context.Context, owner *postgres.DB) {
	s.end()
	err := s.clear(ctx, owner, linesAndInvoices)
	if err == nil {
		err = owner.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.ExecContext(ctx, `
				DO $$
				DECLARE
					relation regclass;
					removed bigint;
					again boolean := true;
				BEGIN
					WHILE again LOOP
						again := false;
						FOR relation IN
							SELECT c.oid
							FROM pg_class c
							JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seller_id'
							WHERE c.relkind = 'r'
								AND c.relnamespace = current_schema()::regnamespace
						LOOP
							BEGIN
								EXECUTE format('DELETE FROM %s WHERE seller_id = `+s.id.String()+`', relation);
								GET DIAGNOSTICS removed = ROW_COUNT;
								again := again OR removed > 0;
							EXCEPTION WHEN foreign_key_violation THEN
								again := true;
							END;
						END LOOP;
					END LOOP;
					DELETE FROM seller WHERE id = `+s.id.String()+`;
				END
				$$`)
			return err
		})
	}
	if err != nil {
		s.Log.Warn("a seller was left behind", "seller", s.id.String(), "error", err)
	}
}
