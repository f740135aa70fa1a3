package bench

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/platform"
	"crosswalk/internal/platform/feed"
	"crosswalk/internal/postgres"
	simplatform "crosswalk/internal/simulator/platform"
)

// month is what a seller was billed in the greatest month, in memory. It is a feed, too.
type month struct {
	platform.Feed
	headers []platform.InvoiceHeader
	rows    []platform.InvoiceRow
	// valid are the invoices whose rows are stored, by id, and lines how many rows that is.
	valid map[string]platform.InvoiceHeader
	lines int
}

// remember reads the month from the Platform.
func (s *billedSeller) remember(ctx context.Context) (*month, error) {
	client, err := feed.NewClient(feed.Config{
		BaseURL: s.url, Key: simplatform.DefaultKey, Token: simplatform.DefaultToken, AllowInsecure: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	m := &month{Feed: client, valid: make(map[string]platform.InvoiceHeader)}
	dates := platform.Range{From: peak().FirstDay(), To: peak().LastDay()}
	err = client.InvoiceHeaders(ctx, dates, func(_ platform.Page, headers []platform.InvoiceHeader) error {
		m.headers = append(m.headers, headers...)
		for _, h := range headers {
			if h.IsValid() {
				m.valid[h.InvoiceID] = h
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = client.InvoiceRows(ctx, dates, func(_ platform.Page, rows []platform.InvoiceRow) error {
		m.rows = append(m.rows, rows...)
		for _, r := range rows {
			if _, ok := m.valid[r.InvoiceID]; ok {
				m.lines++
			}
		}
		return nil
	})
	return m, err
}

// InvoiceHeaders hands on the headers in pages.
func (m *month) InvoiceHeaders(_ context.Context, _ platform.Range, yield func(platform.Page, []platform.InvoiceHeader) error) error {
	return inPages(m.headers, yield)
}

// InvoiceRows hands on the rows in pages.
func (m *month) InvoiceRows(_ context.Context, _ platform.Range, yield func(platform.Page, []platform.InvoiceRow) error) error {
	return inPages(m.rows, yield)
}

func inPages[T any](items []T, yield func(platform.Page, []T) error) error {
	number := 0
	for page := range slices.Chunk(items, 1000) {
		number++
		if err := yield(platform.Page{Number: number, TotalCount: len(items)}, page); err != nil {
			return err
		}
	}
	return nil
}

// kindFromMemory is the kind of runs that load a month out of memory.
const kindFromMemory jobs.Kind = "BENCH_LOAD"

// serveFromMemory has runs of kindFromMemory do what those of a gateway do, but for where they have the month from.
func (s *billedSeller) serveFromMemory(ctx context.Context, m *month) (stop func(), err error) {
	loader := &invoicing.Loader{
		Sources: mapping.Sources{
			Feed:  func(context.Context, postgres.SellerID) (platform.Feed, error) { return m, nil },
			Today: func(context.Context, postgres.SellerID) (civil.Date, error) { return civil.DateOf(today()), nil },
		},
		Rules: func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (invoicing.Rules, error) {
			settings, err := s.accounts.Settings(ctx, tx, seller)
			return invoicing.Rules{Start: settings.ChargeStart, End: settings.ChargeEnd}, err
		},
		Filled: func(ctx context.Context, tables ...string) {
			if err := s.db.RefreshStatistics(ctx, tables...); err != nil {
				s.Log.Warn("statistics were not refreshed", "error", err)
			}
		},
	}
	runner := jobs.NewRunner(s.db, jobs.Options{Poll: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	runner.Handle(kindFromMemory, loader.Run)
	if err := runner.Start(ctx); err != nil {
		return nil, err
	}
	return soon(ctx, runner.Stop), nil
}

// plainTable has the columns of a line and a primary key, and is filled by nothing but a COPY.
const plainTable = "bench_plain_line"

// copied are the columns that a COPY of lines fills, computed those that their table works out by itself.
const (
	copied = `seller_id, platform_id, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
		subscription_id, subscription_name, subscription_start, subscription_end, description, charge_type, charge_type_text, custom,
		quantity, unit_price, unit_cost, amount, currency, invoiced_start, invoiced_end, end_is_ruled, listed, state, revision, loaded_at`
	computed = `, id, recurring, charge_start, charge_end, search_text`
)

// numbers are the ids of a seller's records by what the Platform calls them.
type numbers map[string]int64

func (s *billedSeller) numbers(ctx context.Context, owner *postgres.DB, table string) (numbers, error) {
	found := make(numbers)
	err := owner.System().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT platform_id, id FROM "+pq.QuoteIdentifier(table)+" WHERE seller_id = $1", s.id)
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

// copy writes the rows of valid invoices into a table by one COPY and adds how long that took. All that they refer to is stored and
// looked up before.
func (s *billedSeller) copy(ctx context.Context, owner *postgres.DB, m *month, table string, took *time.Duration) error {
	known := make(map[string]numbers)
	for _, name := range []string{"invoice", "organization", "contract", "offer"} {
		var err error
		if known[name], err = s.numbers(ctx, owner, name); err != nil {
			return err
		}
	}
	columns, isPlain := copied, table == plainTable
	if isPlain {
		columns += computed
		_, err := owner.Pool().ExecContext(ctx, "DROP TABLE IF EXISTS "+plainTable+"; CREATE TABLE "+plainTable+" (LIKE invoice_line, PRIMARY KEY (seller_id, id))")
		if err != nil {
			return err
		}
	}
	period, loadedAt := peak().FirstDay().String(), time.Now().UTC().Format(time.RFC3339)
	begun := time.Now()
	err := owner.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		forced, err := pastPolicies(ctx, tx, table)
		if err != nil {
			return err
		}
		stream, err := tx.PrepareContext(ctx, "COPY "+table+" ("+columns+") FROM STDIN")
		if err != nil {
			return err
		}
		defer stream.Close()
		var values []any
		for i, r := range m.rows {
			h, ok := m.valid[r.InvoiceID]
			if !ok {
				continue
			}
			cost := any(nil)
			if r.ResellerPrice.Valid {
				cost = r.ResellerPrice.Decimal.String()
			}
			values = append(values[:0],
				int64(s.id), r.RowID, period, known["invoice"][r.InvoiceID], h.InvoiceNumber, h.InvoiceDate.String(),
				known["organization"][r.CustomerID], known["contract"][r.ContractID], known["offer"][r.OfferID],
				orNull(r.SubscriptionID), orNull(r.SubscriptionName), dayOrNull(r.SubscriptionStartDate), dayOrNull(r.SubscriptionEndDate),
				r.Description, "CYCLE_FEE", r.ChargeType, h.Source == "Custom",
				r.Quantity.String(), r.UnitPrice.String(), cost, r.TotalPrice.String(), h.Currency,
				dayOrNull(r.ChargeStartDate), dayOrNull(r.ChargeEndDate), false, true, "OPEN", int64(1), loadedAt,
			)
			if isPlain {
				values = append(values, int64(i), true, h.InvoiceDate.String(), nil, strings.ToLower(r.SubscriptionName+"\x1f"+h.InvoiceNumber))
			}
			if _, err := stream.ExecContext(ctx, values...); err != nil {
				return err
			}
		}
		if _, err = stream.ExecContext(ctx); err == nil && forced {
			_, err = tx.ExecContext(ctx, "ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("copy into %s: %w", table, err)
	}
	*took += time.Since(begun)
	if isPlain {
		_, err = owner.Pool().ExecContext(ctx, "DROP TABLE "+plainTable)
	}
	return err
}

// pastPolicies lets the owner of a table COPY into it, for as long as a transaction lasts, and reports whether policies were forced upon
// the owner before.
func pastPolicies(ctx context.Context, tx *postgres.Tx, table string) (forced bool, err error) {
	err = tx.GetContext(ctx, &forced, "SELECT relforcerowsecurity FROM pg_class WHERE oid = $1::regclass", table)
	if err == nil && forced {
		_, err = tx.ExecContext(ctx, "ALTER TABLE "+table+" NO FORCE ROW LEVEL SECURITY")
	}
	return forced, err
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func dayOrNull(d civil.Date) any {
	if d.IsZero() {
		return nil
	}
	return d.String()
}
