package invoicing

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// The benchmarks work on one month of a generated seller, with an organization for every 50 lines and an
// offer for every 200. At full size:
//
//	go test ./internal/invoicing -run '^$' -bench . -benchtime 1x -timeout 1h -lines 1000000
var lineCount = flag.Int("lines", 10_000, "how many invoice lines benchmarks work on")

// market generates the invoices of May 2026: 25 lines each, and one of fifty not valid.
type market struct{ lines, organizations, offers int }

const perInvoice = 25

func marketOf(lines int) market {
	return market{lines: lines, organizations: max(lines/50, 10), offers: max(lines/200, 5)}
}

func (m market) header(i int) platform.InvoiceHeader {
	organization := strconv.Itoa(i % m.organizations)
	h := platform.InvoiceHeader{
		InvoiceID: "invoice-" + strconv.Itoa(i), InvoiceNumber: fmt.Sprintf("90%08d", i), InvoiceDate: civil.Date{Year: 2026, Month: 5, Day: 1 + i%28},
		Status: "Verified", Source: "Standard", ContractID: "contract-" + organization, CustomerID: organization, Currency: currencyOf(i % m.organizations),
	}
	if i%50 == 49 {
		h.Status = "New"
	}
	return h
}

// currencyOf is the currency of an organization's contract.
func currencyOf(organization int) string { return []string{"EUR", "EUR", "EUR", "USD"}[organization%4] }

func (m market) row(i int) platform.InvoiceRow {
	h, offer := m.header(i/perInvoice), i*7%m.offers
	charge := []string{"CycleFee", "CycleFee", "CycleFee", "PurchaseFee", "OneTimeFee", "UsageFee"}[i%6]
	quantity, price := decimal.New(int64(1+i%40), 0), decimal.New(int64(199+i%5000), -2)
	return platform.InvoiceRow{
		RowID: fmt.Sprintf("row-%032d", i), InvoiceID: h.InvoiceID, InvoiceNumber: h.InvoiceNumber, InvoiceDate: h.InvoiceDate,
		ContractID: h.ContractID, CustomerID: h.CustomerID,
		SubscriptionID: fmt.Sprintf("subscription-%08d", i), SubscriptionName: fmt.Sprintf("Microsoft 365 Business %d", i%9000),
		SubscriptionStartDate: civil.Date{Year: 2025, Month: 5, Day: 1}, SubscriptionEndDate: civil.Date{Year: 2027, Month: 4, Day: 30},
		OfferID: "offer-" + strconv.Itoa(offer), OfferName: "Offer " + strconv.Itoa(offer), VendorOfferID: "SKU-" + strconv.Itoa(offer),
		VendorID: "vendor-" + strconv.Itoa(offer%20), VendorName: "Vendor " + strconv.Itoa(offer%20), ChargeType: charge,
		ChargeStartDate: civil.Date{Year: 2026, Month: 5, Day: 1}, ChargeEndDate: civil.Date{Year: 2026, Month: 5, Day: 31},
		Description: "Cycle fee of a subscription, billed in advance for one month", Quantity: quantity, UnitPrice: price, TotalPrice: quantity.Mul(price),
		ResellerPrice: decimal.NewNullDecimal(price),
	}
}

// InvoiceHeaders streams the headers in pages, as a feed does.
func (m market) InvoiceHeaders(_ context.Context, _ platform.Range, yield func(platform.Page, []platform.InvoiceHeader) error) error {
	return inPages((m.lines+perInvoice-1)/perInvoice, m.header, yield)
}

// InvoiceRows streams the rows in pages, as a feed does.
func (m market) InvoiceRows(_ context.Context, _ platform.Range, yield func(platform.Page, []platform.InvoiceRow) error) error {
	return inPages(m.lines, m.row, yield)
}

func inPages[T any](count int, item func(int) T, yield func(platform.Page, []T) error) error {
	const size = 1000
	page := make([]T, 0, size)
	for i := range count {
		page = append(page, item(i))
		if len(page) == size || i == count-1 {
			if err := yield(platform.Page{Number: i/size + 1, TotalCount: count}, page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	return nil
}

// Organizations answers with none: all are known.
func (m market) Organizations(context.Context, []string) ([]platform.Organization, error) {
	return nil, nil
}

// Contracts answers with none: all are known.
func (m market) Contracts(context.Context, []string) ([]platform.Contract, error) { return nil, nil }

// stock stores the market's organizations, contracts and offers. Most are mapped; one company of ten is shared, one
// organization of twenty excluded, one contract of three has an agreement, one offer of twenty no product.
func (m market) stock(ctx context.Context, tx *postgres.Tx) (postgres.SellerID, error) {
	seller, err := newSeller(ctx, tx)
	for _, query := range []string{
		`INSERT INTO psa_company (seller_id, record_id, identifier, name, currency)
			SELECT $1, n, 'C' || n, 'Company ' || n, CASE WHEN n % 4 = 3 THEN 'USD' ELSE 'EUR' END FROM generate_series(0, $2::int) n WHERE $3::int > 0`,
		`INSERT INTO psa_product (seller_id, record_id, identifier, description)
			SELECT $1, n, 'P' || n, 'Product ' || n FROM generate_series(1, $3::int) n WHERE $2::int > 0`,
		`INSERT INTO psa_agreement (seller_id, record_id, name, company_id, currency)
			SELECT $1, n, 'Agreement ' || n, n, CASE WHEN n % 4 = 3 THEN 'USD' ELSE 'EUR' END FROM generate_series(0, $2::int) n WHERE $3::int > 0`,
		`INSERT INTO organization (seller_id, platform_id, name, reference_number, status, status_text, psa_company_id, mapped_at, mapped_by, excluded_from_sync)
			SELECT $1, n, 'Organization ' || n, n, 'ACTIVE', 'Active', company, CASE WHEN company IS NOT NULL THEN now() END,
				CASE WHEN company IS NOT NULL THEN 'someone' END, n % 20 = 7
			FROM generate_series(0, $2::int - 1) n
			CROSS JOIN LATERAL (SELECT CASE WHEN n % 13 = 5 THEN NULL WHEN n % 40 = 12 THEN n - 4 ELSE n END AS company) c WHERE $3::int > 0`,
		`INSERT INTO contract (seller_id, platform_id, organization_id, currency, billing_cycle_day, psa_agreement_id, mapped_at, mapped_by)
			SELECT $1, 'contract-' || o.platform_id, o.id, CASE WHEN o.platform_id::int % 4 = 3 THEN 'USD' ELSE 'EUR' END, 1, a, CASE WHEN a IS NOT NULL THEN now() END,
				CASE WHEN a IS NOT NULL THEN 'someone' END
			FROM organization o
			CROSS JOIN LATERAL (SELECT CASE WHEN o.platform_id::int % 3 = 0 THEN o.psa_company_id END AS a) c
			WHERE o.seller_id = $1 AND $2::int + $3::int > 0`,
		`INSERT INTO vendor (seller_id, platform_id, name) SELECT $1, 'vendor-' || n, 'Vendor ' || n FROM generate_series(0, 19) n WHERE $2::int + $3::int > 0`,
		`INSERT INTO offer (seller_id, platform_id, name, vendor_id, psa_product_id, mapped_at, mapped_by)
			SELECT $1, 'offer-' || n, 'Offer ' || n, v.id, p, CASE WHEN p IS NOT NULL THEN now() END, CASE WHEN p IS NOT NULL THEN 'someone' END
			FROM generate_series(0, $3::int - 1) n
			JOIN vendor v ON v.seller_id = $1 AND v.platform_id = 'vendor-' || n % 20
			CROSS JOIN LATERAL (SELECT CASE WHEN n % 20 <> 11 THEN n + 1 END AS p) c WHERE $2::int > 0`,
	} {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, seller, m.organizations, m.offers)
		}
	}
	return seller, err
}

// load loads the market as a run does, without telling a run of it.
func (m market) load(ctx context.Context, db *postgres.DB, seller postgres.SellerID) (merged, error) {
	month := civil.YearMonth{Year: 2026, Month: 5}
	rules := Rules{Start: account.ChargeDateRule{Kind: account.FirstDayOfMonth}, End: account.ChargeDateRule{Kind: account.NoRule}}
	var done merged
	err := db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		stage, err := newStaging(ctx, tx)
		if err == nil {
			err = stage.invoices(ctx, m, platform.Range{})
		}
		if err == nil {
			err = stage.lines(ctx, m, platform.Range{}, rules, func(platform.Page, int) {})
		}
		if err == nil {
			done, err = stage.merge(ctx, seller, month, m)
		}
		return err
	})
	if err != nil {
		return merged{}, err
	}
	return done, db.RefreshStatistics(ctx, "invoice", "invoice_line", "invoice_line_total")
}

// stocked stores the market's organizations, contracts and offers for a new seller.
func stocked(b testing.TB, db *postgres.DB, m market) (seller postgres.SellerID) {
	b.Helper()
	err := db.System().Write(b.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		seller, err = m.stock(ctx, tx)
		return err
	})
	if err == nil {
		err = db.RefreshStatistics(b.Context(), "organization", "contract", "offer", "vendor", "psa_company", "psa_product", "psa_agreement")
	}
	if err != nil {
		b.Fatal(err)
	}
	return seller
}

func BenchmarkLines(b *testing.B) {
	m := marketOf(*lineCount)
	db := openDatabase(b)
	seller := stocked(b, db, m)
	if _, err := m.load(b.Context(), db, seller); err != nil {
		b.Fatal(err)
	}
	view := View{SetupComplete: true, Today: civil.Date{Year: 2026, Month: 5, Day: 18}}
	month := OfPeriod(civil.YearMonth{Year: 2026, Month: 5})
	ask := func(b *testing.B, req grid.Request) *grid.Result[Line] {
		b.Helper()
		var result *grid.Result[Line]
		err := db.Seller(seller).Read(b.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
			result, err = Lines(ctx, tx, seller, view, req)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		return result
	}
	var columns []string
	for name := range view.list().Columns {
		switch name {
		case "search", "organization_name", "contract_number", "offer_name", "vendor_name", "state", "excluded", "promising":
		default:
			if !strings.HasPrefix(name, "blocked by ") {
				columns = append(columns, name)
			}
		}
	}
	page := grid.FirstRows(20)
	byDate := []grid.Order{{Column: "invoice_date"}, {Column: "invoice_number"}}
	list := func(page grid.Page, where ...grid.Condition) grid.Request {
		return grid.Request{Columns: columns, Where: grid.All(append(where, month)...), Order: byDate, Page: page}
	}
	counted := func(req grid.Request) grid.Request { req.Total = true; return req }
	ready, failed, unmapped := OfStatus([]string{"READY"}), OfStatus([]string{"FAILED"}), Blocked([]string{"PRODUCT_UNMAPPED"})
	size, offset := 20, m.lines/5
	there, err := grid.NewPage(&size, nil, nil, nil, &offset)
	if err != nil {
		b.Fatal(err)
	}
	cursor := ask(b, grid.Request{Columns: columns, Where: month, Order: byDate, Page: there}).Cursor(0)
	deep, err := grid.NewPage(&size, &cursor, nil, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	facets := grid.Request{Where: month, Page: page.WithoutRows()}
	for _, column := range []string{"sync_status", "charge_type", "vendor_name", "currency", "mapping_status"} {
		facets.Facets = append(facets.Facets, grid.Facet{Column: column, Where: month})
	}
	amounts := grid.Request{Where: month, Page: page.WithoutRows(), SumBy: &grid.SumBy{Column: "amount", By: "currency"}}
	for _, c := range []struct {
		name string
		req  grid.Request
	}{
		{"first page", list(page)},
		{"first page with total", counted(list(page))},
		{"a fifth of the way in, by cursor", list(deep)},
		{"ready, first page", list(page, ready)},
		{"ready, first page with total", counted(list(page, ready))},
		{"failed, of which there are none", list(page, failed)},
		{"by blocker, first page", list(page, unmapped)},
		{"by blocker, first page with total", counted(list(page, unmapped))},
		{"search, first page", list(page, Search(seller, "Business 123"))},
		{"search, first page with total", counted(list(page, Search(seller, "Business 123")))},
		{"search by organization, with total", counted(list(page, Search(seller, "Organization 12")))},
		{"search of nothing, with total", counted(list(page, Search(seller, "no such thing")))},
		{"by amount, first page", grid.Request{Columns: columns, Where: month, Order: []grid.Order{{Column: "amount", Descending: true}}, Page: page}},
		{"facets", facets},
		{"amounts", amounts},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				ask(b, c.req)
			}
		})
	}
	b.Run("summary", func(b *testing.B) {
		for b.Loop() {
			err := db.Seller(seller).Read(b.Context(), func(ctx context.Context, tx *postgres.Tx) error {
				_, err := Summarize(ctx, tx, seller, view, civil.YearMonth{Year: 2026, Month: 5})
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("editing a tenth of the lines", func(b *testing.B) {
		service := NewService(db, &psa.Directory{}, time.Second, func(context.Context, postgres.SellerID) (civil.Date, error) { return view.Today, nil })
		some := grid.All(month, grid.OneOf("charge_type", []string{"USAGE_FEE"}), grid.Compare("invoice_date", grid.LessOrEqual, civil.Date{Year: 2026, Month: 5, Day: 17}))
		end := civil.Date{Year: 2026, Month: 5, Day: 20}
		for b.Loop() {
			end = end.AddDays(1)
			outcome, err := service.EditMatching(b.Context(), seller, "someone", view, some, Edit{End: Field[civil.Date]{Given: true, Value: &end}})
			if err != nil || len(outcome.Counts) > 0 {
				b.Fatal(outcome, err)
			}
			b.ReportMetric(float64(outcome.Updated), "lines")
		}
	})
}
