package invoicing

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// yardsticks are ordinary tables with the columns of a line, to be filled by nothing but a COPY. The bare one has a
// primary key; the equipped one has all indexes, checks, generated columns and triggers of invoice_line.
const yardsticks = `
	CREATE TABLE bare_line (LIKE invoice_line INCLUDING DEFAULTS, PRIMARY KEY (seller_id, id));
	CREATE TABLE equipped_line (LIKE invoice_line INCLUDING ALL);
	DO $$
	DECLARE
		definition text;
	BEGIN
		FOR definition IN
			SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'invoice_line'::regclass AND NOT tgisinternal
		LOOP
			EXECUTE replace(definition, ' ON public.invoice_line ', ' ON equipped_line ');
		END LOOP;
	END
	$$`

// copied are the columns that a COPY of a line fills, and generated those that a table may work out by itself.
const (
	copied = `seller_id, id, platform_id, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
		subscription_id, subscription_name, subscription_start, subscription_end, description, charge_type, charge_type_text, custom,
		quantity, unit_price, unit_cost, amount, currency, invoiced_start, invoiced_end, ruled_start, ruled_end, end_is_ruled,
		chosen_start, chosen_end, psa_agreement_id, listed, state, revision, loaded_at`
	generated = `, recurring, charge_start, charge_end, search_text`
)

// numbers are the ids of records by what the Platform calls them.
type numbers map[string]int64

func readNumbers(ctx context.Context, db *postgres.DB, table string) (numbers, error) {
	found := make(numbers)
	err := db.System().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT platform_id, id FROM `+pq.QuoteIdentifier(table))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var id int64
			if err := rows.Scan(&name, &id); err != nil {
				return err
			}
			found[name] = id
		}
		return rows.Err()
	})
	return found, err
}

// references are the records that lines refer to.
type references struct{ invoices, organizations, contracts, offers numbers }

func readReferences(ctx context.Context, db *postgres.DB) (r references, err error) {
	for table, into := range map[string]*numbers{"invoice": &r.invoices, "organization": &r.organizations, "contract": &r.contracts, "offer": &r.offers} {
		if *into, err = readNumbers(ctx, db, table); err != nil {
			return r, err
		}
	}
	return r, nil
}

// copy writes the lines that a load stores into a table by one COPY. A bare table is given generated columns as well.
func (m market) copy(ctx context.Context, db *postgres.DB, seller postgres.SellerID, to references, table string, bare bool) error {
	columns := copied
	if bare {
		columns += generated
	}
	loadedAt := time.Now().UTC().Format(time.RFC3339)
	return db.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		stage := &staging{tx: tx}
		return stage.copyInto(ctx, table, columns, func(add func(...any) error) error {
			for i := range m.lines {
				r, h := m.row(i), m.header(i/perInvoice)
				if !h.IsValid() {
					continue
				}
				values := []any{
					int64(seller), i, r.RowID, "2026-05-01", to.invoices[r.InvoiceID], r.InvoiceNumber, date(r.InvoiceDate),
					to.organizations[r.CustomerID], to.contracts[r.ContractID], to.offers[r.OfferID],
					r.SubscriptionID, r.SubscriptionName, date(r.SubscriptionStartDate), date(r.SubscriptionEndDate), r.Description, r.ChargeType, r.ChargeType, false,
					r.Quantity.String(), r.UnitPrice.String(), r.ResellerPrice.Decimal.String(), r.TotalPrice.String(), h.Currency,
					date(r.ChargeStartDate), date(r.ChargeEndDate), date(r.ChargeStartDate), nil, false, nil, nil, nil, true, "OPEN", 1, loadedAt,
				}
				if bare {
					values = append(values, false, date(r.ChargeStartDate), date(r.ChargeEndDate), strings.ToLower(r.SubscriptionName+"\x1f"+r.InvoiceNumber))
				}
				if err := add(values...); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func BenchmarkLoad(b *testing.B) {
	m := marketOf(*lineCount)
	address := postgrestest.New(b)
	owner, err := postgres.OpenAsOwner(b.Context(), address, postgres.Options{StatementTimeout: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { owner.Close() })
	db, err := postgres.Open(b.Context(), address, postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	execute := func(statement string) {
		if _, err := owner.Pool().ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	execute(yardsticks)
	seller := stocked(b, db, m)
	var first, again, bare, equipped time.Duration
	timed := func(total *time.Duration, do func() error) {
		begun := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		*total += time.Since(begun)
	}
	load := func(want merged) func() error {
		return func() error {
			got, err := m.load(b.Context(), db, seller)
			if err == nil && (got.Created != want.Created || got.Unchanged != want.Unchanged || got.Updated != 0) {
				b.Errorf("the load counts %+v, want %+v", got.Counts, want.Counts)
			}
			return err
		}
	}
	var whole, same merged
	for i := range m.lines {
		if h := m.header(i / perInvoice); h.IsValid() {
			whole.Created++
		}
	}
	same.Unchanged = whole.Created
	for b.Loop() {
		timed(&first, load(whole))
		timed(&again, load(same))
		to, err := readReferences(b.Context(), owner)
		if err != nil {
			b.Fatal(err)
		}
		timed(&bare, func() error { return m.copy(b.Context(), owner, seller, to, "bare_line", true) })
		execute(`TRUNCATE invoice_line_total`) // so that counting begins at nothing, as it did for the load
		timed(&equipped, func() error { return m.copy(b.Context(), owner, seller, to, "equipped_line", false) })
		execute(`TRUNCATE invoice_line, invoice, invoice_period, invoice_line_total, bare_line, equipped_line CASCADE`)
	}
	rows := float64(m.lines * b.N)
	b.ReportMetric(rows/bare.Seconds(), "copy-rows/s")
	b.ReportMetric(rows/equipped.Seconds(), "equipped-copy-rows/s")
	b.ReportMetric(rows/first.Seconds(), "load-rows/s")
	b.ReportMetric(rows/again.Seconds(), "reload-rows/s")
	b.ReportMetric(bare.Seconds()/first.Seconds(), "load/copy")
	b.ReportMetric(equipped.Seconds()/first.Seconds(), "load/equipped-copy")
}
