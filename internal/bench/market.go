package bench

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
)

// Market is the size of a generated seller.
type Market struct {
	Organizations, Companies, Offers int
	// Lines are spread over Months, PeakLines of them in the last.
	Lines, PeakLines, Months int
}

// peak is the month with the most lines, which is the last.
func peak() civil.YearMonth { return civil.YearMonth{Year: 2026, Month: time.May} }

// scaled returns the market with a part of everything, but of the months.
func (m Market) scaled(part float64) Market {
	of := func(n int) int { return max(int(float64(n)*part), 20) }
	return Market{
		Organizations: of(m.Organizations), Companies: of(m.Companies), Offers: of(m.Offers),
		Lines: max(of(m.Lines), 20*m.Months), PeakLines: of(m.PeakLines), Months: m.Months,
	}
}

// batch is how many lines one statement inserts.
const batch = 100_000

// words make names.
const words = `{alder,amber,anvil,aspen,basalt,beacon,birch,bramble,canyon,cedar,cobalt,copper,coral,delta,ember,falcon,fjord,garnet,` +
	`glacier,granite,harbor,hazel,heron,indigo,juniper,lantern,maple,meadow,nimbus,onyx,orchid,osprey,pebble,quartz,raven,sable,` +
	`summit,thistle,timber,willow}`

// name is an expression for a name that follows from a number: two words and the number.
const name = `(SELECT initcap(w[1 + n * 7 % 40] || ' ' || w[1 + (n / 40 + n) % 40]) || ' ' || n FROM (SELECT '` + words + `'::text[] AS w) words)`

// furniture are the statements that make everything but the lines. Most records are mapped: of organizations all but one in 13, of contracts one
// in three, of offers all but one in 20. One organization in 20 is excluded. Arguments are seller, organizations, companies, offers.
var furniture = []string{
	`INSERT INTO psa_company (seller_id, record_id, identifier, name, status, currency)
		SELECT $1, n, 'C' || n, ` + name + `, 'Active', CASE WHEN n % 4 = 3 THEN 'USD' ELSE 'EUR' END
		FROM generate_series(1, $3::int) n WHERE $2::int + $4::int > 0`,
	`INSERT INTO psa_product (seller_id, record_id, identifier, description)
		SELECT $1, n, 'P' || n, ` + name + ` FROM generate_series(1, $4::int) n WHERE $2::int + $3::int > 0`,
	`INSERT INTO psa_agreement (seller_id, record_id, name, company_id, currency)
		SELECT $1, n, 'Agreement ' || n, n, CASE WHEN n % 4 = 3 THEN 'USD' ELSE 'EUR' END
		FROM generate_series(1, $3::int) n WHERE $2::int + $4::int > 0`,
	`INSERT INTO organization (seller_id, platform_id, name, reference_number, status, status_text, psa_company_id, mapped_at, mapped_by, excluded_from_sync)
		SELECT $1, 'organization-' || n, ` + name + `, 1000000 + n, 'ACTIVE', 'Active', c.id, CASE WHEN c.id IS NOT NULL THEN now() END,
			CASE WHEN c.id IS NOT NULL THEN 'Someone' END, n % 20 = 7
		FROM generate_series(1, $2::int) n
		CROSS JOIN LATERAL (SELECT CASE WHEN n % 13 <> 5 THEN 1 + n % $3::int END AS id) c WHERE $4::int > 0`,
	`INSERT INTO contract (seller_id, platform_id, organization_id, currency, billing_cycle_day, psa_agreement_id, mapped_at, mapped_by)
		SELECT $1, 'contract-' || o.reference_number, o.id, CASE WHEN coalesce(o.psa_company_id, 0) % 4 = 3 THEN 'USD' ELSE 'EUR' END, 1, a.id,
			CASE WHEN a.id IS NOT NULL THEN now() END, CASE WHEN a.id IS NOT NULL THEN 'Someone' END
		FROM organization o
		CROSS JOIN LATERAL (SELECT CASE WHEN o.reference_order % 3 = 0 THEN o.psa_company_id END AS id) a
		WHERE o.seller_id = $1 AND $2::int + $3::int + $4::int > 0`,
	`INSERT INTO vendor (seller_id, platform_id, name)
		SELECT $1, 'vendor-' || n, 'Vendor ' || n FROM generate_series(0, 19) n WHERE $2::int + $3::int + $4::int > 0`,
	`INSERT INTO offer (seller_id, platform_id, name, vendor_id, psa_product_id, mapped_at, mapped_by)
		SELECT $1, 'offer-' || n, ` + name + `, v.id, p.id, CASE WHEN p.id IS NOT NULL THEN now() END, CASE WHEN p.id IS NOT NULL THEN 'Someone' END
		FROM generate_series(1, $4::int) n
		JOIN vendor v ON v.seller_id = $1 AND v.platform_id = 'vendor-' || n % 20
		CROSS JOIN LATERAL (SELECT CASE WHEN n % 20 <> 11 THEN n END AS id) p WHERE $2::int + $3::int > 0`,
}

// perInvoice is how many lines an invoice has.
const perInvoice = 25

// The statements of one batch of lines: the seller, the month, the first number, and how many. Numbers go on from month to month.
const (
	insertInvoices = `
		INSERT INTO invoice (seller_id, platform_id, number, date, period, status, valid, custom, currency)
		SELECT $1, 'invoice-' || n, 'INV' || 10000000 + n, $2::date + n % 28, $2::date, 'Verified', true, false, c.currency
		FROM generate_series($3::int / 25, ($3::int + $4::int - 1) / 25) n
		JOIN market_customer c ON c.place = 1 + n % (SELECT count(*) FROM market_customer)`
	insertLines = `
		INSERT INTO invoice_line (seller_id, platform_id, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
			subscription_id, subscription_name, subscription_start, subscription_end, description, charge_type, charge_type_text, custom,
			quantity, unit_price, unit_cost, amount, currency, invoiced_start, invoiced_end)
		SELECT $1, 'line-' || n, $2::date, i.id, i.number, i.date, c.organization_id, c.contract_id, f.id,
			'subscription-' || n, ` + name + `, DATE '2025-05-01', DATE '2027-04-30', 'Charge for one month, billed in advance', t.kind, t.kind, false,
			1 + n % 40, p.price, p.price, (1 + n % 40) * p.price, i.currency, $2::date, ($2::date + interval '1 month - 1 day')::date
		FROM generate_series($3::int, $3::int + $4::int - 1) n
		JOIN invoice i ON i.seller_id = $1 AND i.platform_id = 'invoice-' || n / 25
		JOIN market_customer c ON c.place = 1 + n / 25 % (SELECT count(*) FROM market_customer)
		JOIN market_offer f ON f.place = 1 + n::bigint * 7 % (SELECT count(*) FROM market_offer)
		CROSS JOIN LATERAL (SELECT (199 + n % 5000)::numeric / 100 AS price) p
		CROSS JOIN LATERAL (SELECT (ARRAY['CYCLE_FEE', 'CYCLE_FEE', 'CYCLE_FEE', 'PURCHASE_FEE', 'ONE_TIME_FEE', 'USAGE_FEE'])[1 + n % 6] AS kind) t`
	insertPeriod = `INSERT INTO invoice_period (seller_id, period, line_count, loaded_at) VALUES ($1, $2, $3, now())`
)

// numbered are the customers and offers of the seller by numbers without gaps, for as long as a transaction lasts.
const numbered = `
	CREATE TEMPORARY TABLE market_customer ON COMMIT DROP AS
		SELECT row_number() OVER (ORDER BY o.id) AS place, o.id AS organization_id, t.id AS contract_id, t.currency
		FROM organization o
		JOIN contract t ON t.seller_id = o.seller_id AND t.organization_id = o.id;
	CREATE TEMPORARY TABLE market_offer ON COMMIT DROP AS
		SELECT row_number() OVER (ORDER BY id) AS place, id FROM offer;
	ANALYZE market_customer, market_offer`

// Generate fills a seller that has nothing yet, and tells progress how many lines are in. The seller has loaded months only
// when it is complete.
func (m Market) Generate(ctx context.Context, db *postgres.DB, seller postgres.SellerID, progress func(lines int)) error {
	g := &generation{Market: m, db: db, seller: seller, progress: progress}
	err := g.write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		for _, statement := range furniture {
			if _, err := tx.ExecContext(ctx, statement, seller, m.Organizations, m.Companies, m.Offers); err != nil {
				return fmt.Errorf("%.60s: %w", statement, err)
			}
		}
		return nil
	})
	if err == nil {
		err = db.RefreshStatistics(ctx, "psa_company", "psa_product", "psa_agreement", "organization", "contract", "vendor", "offer")
	}
	for month := 0; month < m.Months && err == nil; month++ {
		if err = g.write(ctx, func(ctx context.Context, tx *postgres.Tx) error { return g.month(ctx, tx, month) }); err == nil {
			err = db.RefreshStatistics(ctx, "invoice", "invoice_line", "invoice_line_total")
		}
	}
	if err == nil {
		err = g.write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			for month := range m.Months {
				if _, err := tx.ExecContext(ctx, insertPeriod, seller, m.period(month), m.linesOf(month)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("generate a seller: %w", err)
	}
	return nil
}

// period is the first day of a month, counted from 0.
func (m Market) period(month int) string { return peak().Add(month - m.Months + 1).FirstDay().String() }

// linesOf is how many lines a month has, whole invoices of them.
func (m Market) linesOf(month int) int {
	count := m.PeakLines
	if month < m.Months-1 {
		count = (m.Lines - m.PeakLines) / (m.Months - 1)
	}
	return count - count%perInvoice
}

// generation is a market on its way into the database.
type generation struct {
	Market
	db       *postgres.DB
	seller   postgres.SellerID
	progress func(lines int)
	// next is the number of the next line.
	next int
}

// write runs statements that take long, and that the planner does better without loops over loops.
func (g *generation) write(ctx context.Context, fn func(context.Context, *postgres.Tx) error) error {
	return g.db.Seller(g.seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '256MB'; SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off`)
		if err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// month inserts the lines of a month, and their invoices.
func (g *generation) month(ctx context.Context, tx *postgres.Tx, month int) error {
	if _, err := tx.ExecContext(ctx, numbered); err != nil {
		return err
	}
	period, end := g.period(month), g.next+g.linesOf(month)
	for from := g.next; from < end; from += batch {
		size := min(batch, end-from)
		for _, statement := range []string{insertInvoices, insertLines} {
			if _, err := tx.ExecContext(ctx, statement, g.seller, period, from, size); err != nil {
				return fmt.Errorf("lines of %s: %w", period, err)
			}
		}
		g.progress(from + size)
	}
	if _, err := tx.ExecContext(ctx, `SELECT fold_line_totals($1, $2)`, g.seller, period); err != nil {
		return fmt.Errorf("fold the totals of %s: %w", period, err)
	}
	g.next = end
	return nil
}
