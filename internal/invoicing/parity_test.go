package invoicing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/psa"
)

// facts are all that a seller's lines depend on. Records refer to each other by number, counted from 1;
// 0 stands for none.
type facts struct {
	view          View
	companies     []psa.Company
	products      []psa.Product
	agreements    []psa.Agreement
	organizations []organizationFacts
	contracts     []contractFacts
	offers        []psa.RecordID // the products that offers are mapped to
	invoices      []invoiceFacts
	lines         []lineFacts
}

type organizationFacts struct {
	company  psa.RecordID
	excluded bool
}

type contractFacts struct {
	organization int
	agreement    psa.RecordID
	currency     string
	// created is the agreement that posting created, when the organization was mapped to createdFor.
	created, createdFor psa.RecordID
}

type invoiceFacts struct {
	date          civil.Date
	valid, custom bool
	currency      string
}

type lineFacts struct {
	contract, offer, invoice int
	agreement                psa.RecordID
	chargeType               rule.ChargeType
	subscription             string
	invoicedStart            civil.Date
	invoicedEnd              civil.Date
	rules                    Rules
	chosenStart, chosenEnd   civil.Date
	listed                   bool
	state                    string
}

var (
	rarely     = rapid.SampledFrom([]bool{false, false, false, false, false, false, false, true})
	often      = rapid.Map(rarely, func(rare bool) bool { return !rare })
	currencies = rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "EUR", "USD"})
	perhaps    = rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "", "USD"})
	days       = rapid.Custom(func(t *rapid.T) civil.Date {
		return civil.Date{Year: 2026, Month: 4, Day: 1}.AddDays(rapid.IntRange(0, 75).Draw(t, "days after April 1"))
	})
	noDayOrDays = rapid.OneOf(rapid.Just(civil.Date{}), days)
	startRules  = []account.ChargeDateRuleKind{
		account.NoRule, account.NoRule, account.AsInvoiced, account.FirstDayOfMonth, account.LastDayOfMonth,
		account.FirstDayOfNextMonth, account.InvoiceDate, account.FixedDay,
	}
	endRules = append([]account.ChargeDateRuleKind{account.NoDate}, startRules...)
	charges  = []rule.ChargeType{
		rule.CycleFee, rule.PurchaseFee, rule.Correction, rule.UsageFee, rule.ItemFee, rule.OneTimeFee, rule.UserCorrection, rule.OtherCharge,
	}
)

func drawRule(t *rapid.T, kinds []account.ChargeDateRuleKind) account.ChargeDateRule {
	r := account.ChargeDateRule{Kind: rapid.SampledFrom(kinds).Draw(t, "rule")}
	if r.Kind == account.FixedDay {
		r.Day = rapid.IntRange(1, 31).Draw(t, "day")
	}
	return r
}

// oneOf draws the number of one of n records or, now and then, of none.
func oneOf(t *rapid.T, n int, what string) psa.RecordID {
	return psa.RecordID(rapid.IntRange(0, n).Draw(t, what))
}

func drawFacts(t *rapid.T) facts {
	today := civil.Date{Year: 2026, Month: 5, Day: 18}
	f := facts{view: View{SetupComplete: often.Draw(t, "set-up complete"), Today: today}}
	for i := range 3 {
		f.companies = append(f.companies, psa.Company{ID: psa.RecordID(i + 1), Currency: perhaps.Draw(t, "company currency"), Deleted: rarely.Draw(t, "company deleted")})
		f.products = append(f.products, psa.Product{ID: psa.RecordID(i + 1), Deleted: rarely.Draw(t, "product deleted")})
	}
	for i := range 5 {
		f.agreements = append(f.agreements, psa.Agreement{
			ID: psa.RecordID(i + 1), CompanyID: psa.RecordID(rapid.IntRange(1, 3).Draw(t, "company of the agreement")),
			Currency: perhaps.Draw(t, "agreement currency"), Cancelled: rarely.Draw(t, "cancelled"), Deleted: rarely.Draw(t, "agreement deleted"),
			EndDate: rapid.SampledFrom([]civil.Date{{}, {}, {}, today.AddDays(-1), today, today.AddDays(1)}).Draw(t, "agreement ends"),
		})
	}
	for range 4 {
		f.organizations = append(f.organizations, organizationFacts{oneOf(t, len(f.companies), "company"), rarely.Draw(t, "excluded")})
	}
	for range 4 {
		f.contracts = append(f.contracts, contractFacts{
			organization: rapid.IntRange(1, len(f.organizations)).Draw(t, "organization"), agreement: oneOf(t, len(f.agreements), "contract's agreement"),
			currency: currencies.Draw(t, "contract currency"),
			created:  oneOf(t, len(f.agreements), "created agreement"), createdFor: psa.RecordID(rapid.IntRange(1, len(f.companies)).Draw(t, "created for")),
		})
	}
	for range 3 {
		f.offers = append(f.offers, oneOf(t, len(f.products), "product"))
		f.invoices = append(f.invoices, invoiceFacts{days.Draw(t, "invoice date"), often.Draw(t, "valid"), rarely.Draw(t, "custom"), currencies.Draw(t, "invoice currency")})
	}
	for range rapid.IntRange(4, 12).Draw(t, "lines") {
		f.lines = append(f.lines, drawLine(t, f))
	}
	return f
}

func drawLine(t *rapid.T, f facts) lineFacts {
	l := lineFacts{
		contract: rapid.IntRange(1, len(f.contracts)).Draw(t, "contract"), offer: rapid.IntRange(1, len(f.offers)).Draw(t, "offer"),
		invoice: rapid.IntRange(1, len(f.invoices)).Draw(t, "invoice"), chargeType: rapid.SampledFrom(charges).Draw(t, "charge type"),
		subscription:  rapid.SampledFrom([]string{"", "S-1", "S-2"}).Draw(t, "subscription"),
		invoicedStart: noDayOrDays.Draw(t, "invoiced start"), invoicedEnd: noDayOrDays.Draw(t, "invoiced end"),
		rules:  Rules{Start: drawRule(t, startRules), End: drawRule(t, endRules)},
		listed: often.Draw(t, "listed"),
		state:  rapid.SampledFrom([]string{"OPEN", "OPEN", "OPEN", "FAILED", "SYNCING", "UNCONFIRMED", "SYNCED"}).Draw(t, "state"),
	}
	if rapid.Bool().Draw(t, "has an agreement of its own") {
		l.agreement = oneOf(t, len(f.agreements), "line's agreement")
	}
	if rapid.Bool().Draw(t, "edited") {
		l.chosenStart, l.chosenEnd = noDayOrDays.Draw(t, "chosen start"), noDayOrDays.Draw(t, "chosen end")
	}
	return l
}

// shown is what a query tells of a line, or the rules say.
type shown struct {
	Blockers             []string
	Sync, Mapping        string
	Start, End           rule.ChargeDate
	Recurrence           rule.Recurrence
	Agreement            psa.RecordID
	AgreementOrigin      string
	Company, ProductUsed psa.RecordID
}

// byRules is what the rules say of a line.
func (f facts) byRules(l lineFacts) shown {
	contract, invoice := f.contracts[l.contract-1], f.invoices[l.invoice-1]
	organization := f.organizations[contract.organization-1]
	invoiced := rule.Invoiced{InvoiceDate: invoice.date, ChargeStart: l.invoicedStart, ChargeEnd: l.invoicedEnd}
	dates := rule.DateSources{
		Invoiced: invoiced, Recurrence: rule.RecurrenceOf(l.chargeType, invoice.custom, l.subscription),
		RuleStart: rule.StartByRule(l.rules.Start, invoiced), RuleEnd: rule.EndByRule(l.rules.End, invoiced),
		UserStart: l.chosenStart, UserEnd: l.chosenEnd,
	}
	sharing := 0
	for _, other := range f.organizations {
		if other.company == organization.company {
			sharing++
		}
	}
	known := rule.Facts{
		SetupComplete: f.view.SetupComplete, InvoiceValid: invoice.valid, Unlisted: !l.listed, Excluded: organization.excluded,
		Company: numbered(f.companies, organization.company), CompanyShared: organization.company != 0 && sharing > 1,
		Product:          numbered(f.products, f.offers[l.offer-1]),
		Agreements:       rule.Agreements{Line: numbered(f.agreements, l.agreement), Contract: numbered(f.agreements, contract.agreement)},
		ContractCurrency: contract.currency, InvoiceCurrency: invoice.currency,
		Start: dates.Start().Date, End: dates.End().Date, Today: f.view.Today,
	}
	if created := numbered(f.agreements, contract.created); created.CompanyID == contract.createdFor {
		known.Agreements.Created = created
	}
	agreement, origin := known.Agreement()
	says := shown{
		Blockers: []string{}, Start: dates.Start(), End: dates.End(), Recurrence: dates.Recurrence, Mapping: "UNMAPPED",
		Agreement: agreement.ID, AgreementOrigin: string(origin), Company: known.Company.ID, ProductUsed: known.Product.ID,
	}
	for _, reason := range rule.Reasons(known) {
		says.Blockers = append(says.Blockers, string(reason))
	}
	if known.IsMapped() {
		says.Mapping = "MAPPED"
	}
	status := rule.StatusOf(rule.Blockers(known))
	state := rule.SyncStatus(l.state)
	if state == rule.Failed && status != rule.Excluded {
		status = state
	}
	if state.IsFrozen() {
		// Nothing stands in the way of a line that was sent, and it shows where it went.
		status, says.Blockers, says.Mapping = state, []string{}, "MAPPED"
		says.Agreement, says.AgreementOrigin, says.Company, says.ProductUsed = sentTo, "LINE", sentTo, sentTo
	}
	says.Sync = string(status)
	return says
}

// sentTo is where all lines that were sent went, by number.
const sentTo = 1

// numbered returns the record with a number, or the zero value for 0.
func numbered[T any](records []T, number psa.RecordID) (record T) {
	if number != 0 {
		record = records[number-1]
	}
	return record
}

// byQuery is what the list tells of a line.
func byQuery(l Line) shown {
	told := shown{
		Blockers: l.Blockers, Sync: l.SyncStatus, Mapping: l.MappingStatus, Recurrence: rule.OneTime, AgreementOrigin: l.AgreementOrigin,
		Start: rule.ChargeDate{Date: l.ChargeStart, Origin: rule.DateOrigin(l.ChargeStartOrigin)},
		End:   rule.ChargeDate{Date: l.ChargeEnd, Origin: rule.DateOrigin(l.ChargeEndOrigin)},
	}
	if l.Recurring {
		told.Recurrence = rule.Recurring
	}
	for from, into := range map[*psa.RecordID]*psa.RecordID{l.PsaAgreementID: &told.Agreement, l.PsaCompanyID: &told.Company, l.PsaProductID: &told.ProductUsed} {
		if from != nil {
			*into = *from
		}
	}
	return told
}

// errUndo ends the transaction of a world that is not needed any more.
var errUndo = errors.New("undo")

func TestQueriesSayWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFacts(rt)
		err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			seller, err := f.store(ctx, tx)
			if err != nil {
				return err
			}
			result, err := Lines(ctx, tx, seller, f.view, grid.Request{
				Columns: []string{
					"blockers", "sync_status", "mapping_status", "charge_start", "charge_start_origin", "charge_end", "charge_end_origin",
					"recurring", "psa_agreement_id", "agreement_origin", "psa_company_id", "psa_product_id",
				},
				Page: grid.FirstRows(len(f.lines)),
			})
			if err != nil {
				return err
			}
			for i, row := range result.Rows {
				if diff := cmp.Diff(f.byRules(f.lines[i]), byQuery(row)); diff != "" {
					rt.Errorf("line %+v of\n%+v (-rules +query):\n%s", f.lines[i], f, diff)
				}
			}
			if err := f.checkFilters(ctx, rt, tx, seller); err != nil {
				return err
			}
			if len(result.Rows) != len(f.lines) {
				rt.Errorf("%d lines are listed, want %d", len(result.Rows), len(f.lines))
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			rt.Fatal(err)
		}
	})
}

// checkFilters checks that filters by a status and by a code find the lines that have it.
func (f facts) checkFilters(ctx context.Context, t *rapid.T, tx *postgres.Tx, seller postgres.SellerID) error {
	status := rapid.SampledFrom([]string{"NOT_READY", "EXCLUDED", "READY", "SYNCING", "UNCONFIRMED", "SYNCED", "FAILED"}).Draw(t, "status")
	code := rapid.SampledFrom([]string{
		"SETUP_INCOMPLETE", "INVOICE_NOT_VALID", "ORGANIZATION_UNMAPPED", "ORGANIZATION_EXCLUDED", "PRODUCT_UNMAPPED", "AGREEMENT_REQUIRED",
		"AGREEMENT_NOT_OF_COMPANY", "AGREEMENT_CLOSED", "PSA_RECORD_MISSING", "DATE_RANGE_INVALID", "CURRENCY_MISMATCH",
	}).Draw(t, "code")
	var withStatus, withCode []int64
	for i, l := range f.lines {
		says := f.byRules(l)
		if says.Sync == status {
			withStatus = append(withStatus, int64(i+1))
		}
		if slices.ContainsFunc(says.Blockers, func(reason string) bool { return string(rule.Reason(reason).Explain().Code) == code }) {
			withCode = append(withCode, int64(i+1))
		}
	}
	for _, c := range []struct {
		name  string
		where grid.Condition
		want  []int64
	}{{status, OfStatus([]string{status}), withStatus}, {code, Blocked([]string{code}), withCode}} {
		result, err := Lines(ctx, tx, seller, f.view, grid.Request{Where: c.where, Page: grid.FirstRows(len(f.lines))})
		if err != nil {
			return err
		}
		var got []int64
		for _, row := range result.Rows {
			got = append(got, row.RowID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("lines filtered by %s of\n%+v (-want +got):\n%s", c.name, f, diff)
		}
	}
	return nil
}

func openDatabase(t testing.TB) *postgres.DB {
	t.Helper()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 4})
	return db
}

// newSeller adds a seller.
func newSeller(ctx context.Context, tx *postgres.Tx) (seller postgres.SellerID, err error) {
	err = tx.GetContext(ctx, &seller, `
		INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
		VALUES ('Seller', 'UTC', 'https://platform.example', '', '')
		RETURNING id`)
	return seller, err
}

// store writes the facts down as a seller's.
func (f facts) store(ctx context.Context, tx *postgres.Tx) (postgres.SellerID, error) {
	seller, err := newSeller(ctx, tx)
	insert := func(query string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, append([]any{seller}, args...)...)
		}
	}
	for _, c := range f.companies {
		insert(`INSERT INTO psa_company (seller_id, record_id, identifier, name, currency, deleted) VALUES ($1, $2, '', '', NULLIF($3, ''), $4)`,
			c.ID, c.Currency, c.Deleted)
	}
	for _, p := range f.products {
		insert(`INSERT INTO psa_product (seller_id, record_id, identifier, description, deleted) VALUES ($1, $2, '', '', $3)`, p.ID, p.Deleted)
	}
	for _, a := range f.agreements {
		insert(`INSERT INTO psa_agreement (seller_id, record_id, name, company_id, end_date, cancelled, currency, deleted)
			VALUES ($1, $2, '', $3, $4, $5, NULLIF($6, ''), $7)`, a.ID, a.CompanyID, date(a.EndDate), a.Cancelled, a.Currency, a.Deleted)
	}
	insert(`INSERT INTO vendor (seller_id, id, platform_id, name) OVERRIDING SYSTEM VALUE VALUES ($1, 1, '', '')`)
	const mapped = `CASE WHEN $3 <> 0 THEN now() END, CASE WHEN $3 <> 0 THEN 'someone' END`
	for i, o := range f.organizations {
		insert(`INSERT INTO organization (seller_id, id, platform_id, name, reference_number, status, status_text, psa_company_id, mapped_at, mapped_by, excluded_from_sync)
			OVERRIDING SYSTEM VALUE VALUES ($1, $2, $2::bigint::text, '', '', 'NEW', 'New', NULLIF($3::int, 0), `+mapped+`, $4)`, i+1, o.company, o.excluded)
	}
	for i, product := range f.offers {
		insert(`INSERT INTO offer (seller_id, id, platform_id, name, vendor_id, psa_product_id, mapped_at, mapped_by)
			OVERRIDING SYSTEM VALUE VALUES ($1, $2, $2::bigint::text, '', 1, NULLIF($3::int, 0), `+mapped+`)`, i+1, product)
	}
	for i, c := range f.contracts {
		insert(`INSERT INTO contract (seller_id, id, platform_id, organization_id, currency, billing_cycle_day, psa_agreement_id, mapped_at, mapped_by)
			OVERRIDING SYSTEM VALUE VALUES ($1, $2, $2::bigint::text, $4, $5, 1, NULLIF($3::int, 0), `+mapped+`)`, i+1, c.agreement, c.organization, c.currency)
	}
	for i, c := range f.contracts {
		if c.created != 0 {
			insert(`INSERT INTO created_agreement (seller_id, contract_id, company_id, name, agreement_id, state) VALUES ($1, $2, $3, '', $4, 'DONE')`,
				i+1, c.createdFor, c.created)
		}
	}
	for i, v := range f.invoices {
		insert(`INSERT INTO invoice (seller_id, id, platform_id, number, date, period, status, valid, custom, currency)
			OVERRIDING SYSTEM VALUE VALUES ($1, $2, $2::bigint::text, '', $3, $4, '', $5, $6, $7)`,
			i+1, v.date, v.date.YearMonth().FirstDay(), v.valid, v.custom, v.currency)
	}
	for i, l := range f.lines {
		contract, invoice := f.contracts[l.contract-1], f.invoices[l.invoice-1]
		ruled := l.rules.apply(platform.InvoiceRow{InvoiceDate: invoice.date, ChargeStartDate: l.invoicedStart, ChargeEndDate: l.invoicedEnd})
		insert(`INSERT INTO invoice_line (seller_id, id, platform_id, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
				subscription_id, description, charge_type, charge_type_text, custom, quantity, unit_price, amount, currency, invoiced_start, invoiced_end,
				ruled_start, ruled_end, end_is_ruled, chosen_start, chosen_end, psa_agreement_id, listed, state,
				posted_company_id, posted_agreement_id, posted_product_id, posted_agreement_origin)
			OVERRIDING SYSTEM VALUE VALUES ($1, $2, $2::bigint::text, $3, $4, '', $5, $6, $7, $8, NULLIF($9, ''), '', $10, '', $11, 1, 1, 1, $12,
				$13, $14, $15, $16, $17, $18, $19, NULLIF($20::int, 0), $21, $22, $23, $23, $23, 'LINE')`,
			i+1, invoice.date.YearMonth().FirstDay(), l.invoice, invoice.date, contract.organization, l.contract, l.offer,
			l.subscription, string(l.chargeType), invoice.custom, invoice.currency, date(l.invoicedStart), date(l.invoicedEnd),
			date(ruled.start), date(ruled.end), ruled.endIsRuled, date(l.chosenStart), date(l.chosenEnd), l.agreement, l.listed, l.state, sentTo)
	}
	if err != nil {
		return 0, fmt.Errorf("store the facts: %w", err)
	}
	return seller, nil
}
