package gateway_test

import (
	"context"
	"maps"
	"testing"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// chargeDate is a charge date of a line.
type chargeDate struct {
	Value    *string
	Origin   string
	Invoiced *string
}

// money is an amount in one currency.
type money struct{ Amount, Currency string }

// blocker is a reason why a line cannot be posted.
type blocker struct {
	Code, Message string
	Subject       *struct {
		Typename string `json:"__typename"`
		ID       string
	}
}

// line is what tests look at of a row of the Invoices tab.
type line struct {
	ID, PlatformID, InvoiceNumber, InvoiceDate, InvoiceStatus, Period string

	Organization struct{ ID, Name string }
	Contract     struct{ ID, PlatformID string }
	Offer        struct{ ID, Name string }
	Subscription *struct {
		ID, Name           string
		StartDate, EndDate *string
	}
	Description, ChargeType, ChargeTypeText, Recurrence string

	Quantity, UnitPrice            string
	UnitCost                       *string
	Amount                         money
	ChargeStartDate, ChargeEndDate chargeDate
	IsCustomInvoice                bool
	PsaCompany                     *struct{ Identifier string }
	PsaAgreement                   *struct{ ID, Name string }
	PsaAgreementOrigin             string
	PsaProduct                     *struct{ Identifier string }
	MappingStatus, SyncStatus      string
	SyncBlockers                   []blocker
	Revision                       int
}

// codes are the codes of what keeps a line from being posted.
func (l line) codes() []string {
	list := []string{}
	for _, b := range l.SyncBlockers {
		list = append(list, b.Code)
	}
	return list
}

const lineFields = `id platformId invoiceNumber invoiceDate invoiceStatus period organization { id name } contract { id platformId } offer { id name }
	subscription { id name startDate endDate } description chargeType chargeTypeText recurrence quantity unitPrice unitCost
	amount { amount currency } chargeStartDate { value origin invoiced } chargeEndDate { value origin invoiced } isCustomInvoice
	psaCompany { identifier } psaAgreement { id name } psaAgreementOrigin psaProduct { identifier } mappingStatus syncStatus
	syncBlockers { code message subject { __typename ... on Node { id } } } revision`

// may is the month that tests of lines take place in.
const may = "2026-05"

// linesOf returns all lines of a month, by the Platform's id.
func linesOf(t *testing.T, s *gatewaytest.Seller, month string) map[string]line {
	t.Helper()
	var data struct{ InvoiceLines struct{ Nodes []line } }
	s.Must(t, viewer, `query ($period: YearMonth) { invoiceLines(period: $period, first: 1000) { nodes { `+lineFields+` } } }`,
		variables{"period": month}, &data)
	byPlatformID := make(map[string]line)
	for _, l := range data.InvoiceLines.Nodes {
		byPlatformID[l.PlatformID] = l
	}
	return byPlatformID
}

// lineOf returns the line of May with a Platform id.
func lineOf(t *testing.T, s *gatewaytest.Seller, platformID string) line {
	t.Helper()
	l, exists := linesOf(t, s, may)[platformID]
	if !exists {
		t.Fatalf("there is no line %q", platformID)
	}
	return l
}

// startLineLoad asks for a run of Load Invoices.
func startLineLoad(t testing.TB, s *gatewaytest.Seller, periods ...string) gatewaytest.JobPayload {
	t.Helper()
	var data struct{ LoadInvoiceLines gatewaytest.JobPayload }
	s.Must(t, operator, `mutation ($periods: [LoadPeriod!]!) {
		loadInvoiceLines(input: {periods: $periods}) { job { id kind state } started userErrors { code message field } } }`,
		variables{"periods": periods}, &data)
	return data.LoadInvoiceLines
}

// loadLines runs Load Invoices to its end, which must be a success; without periods it loads the current month.
func loadLines(t testing.TB, s *gatewaytest.Seller, periods ...string) gatewaytest.Job {
	t.Helper()
	if len(periods) == 0 {
		periods = []string{"CURRENT_MONTH"}
	}
	payload := startLineLoad(t, s, periods...)
	if payload.Job == nil || !payload.Started || len(payload.UserErrors) > 0 {
		t.Fatalf("loadInvoiceLines of %v answered %+v, want a new run", periods, payload)
	}
	job := s.WaitForJob(t, payload.Job.ID)
	if job.State != "SUCCEEDED" {
		t.Fatalf("Load Invoices ended as %s: %+v", job.State, job)
	}
	return job
}

// cycle is a cycle fee for a subscription of its own: five seats of the offer Office at 10 each.
func cycle(rowID string) platform.InvoiceRow {
	row := sold("O-1", "Office")
	row.RowID, row.SubscriptionID, row.SubscriptionName = rowID, "S-"+rowID, "Office for "+rowID
	row.Quantity, row.UnitPrice, row.TotalPrice = decimal.New(5, 0), decimal.New(10, 0), decimal.New(50, 0)
	row.ChargeStartDate, row.ChargeEndDate = date(1), date(31)
	return row
}

// once is a one-time fee without a subscription: one Disk at 7.50.
func once(rowID string) platform.InvoiceRow {
	row := sold("O-2", "Disk")
	row.RowID, row.ChargeType, row.Description = rowID, "OneTimeFee", "Disk for "+rowID
	row.Quantity, row.UnitPrice, row.TotalPrice = decimal.New(1, 0), decimal.New(75, -1), decimal.New(75, -1)
	row.ChargeStartDate = date(10)
	return row
}

// date is a day of May 2026.
func date(day int) civil.Date { return civil.Date{Year: 2026, Month: 5, Day: day} }

// billTo adds a valid invoice of a day to a customer of AddCustomer.
func billTo(w *gatewaytest.World, customer string, on civil.Date, rows ...platform.InvoiceRow) platform.InvoiceHeader {
	return w.Platform.AddInvoice(platform.InvoiceHeader{
		CustomerID: customer, ContractID: "C-" + customer, Currency: "EUR", InvoiceDate: on,
	}, rows...)
}

// desk is the world of the tests of lines: the companies ACME and OTHER in EUR, the products SEAT and DISK, and
// the organizations Alpha and Beta with the contracts C-1 and C-2 in EUR.
type desk struct {
	*gatewaytest.World
	acme, other, seat, disk int
	// cloud and spare are ACME's agreements in EUR, dollars one in USD, closed one that has ended; elsewhere is OTHER's.
	cloud, spare, dollars, closed, elsewhere int
}

func startDesk(t *testing.T, options gatewaytest.Options) desk {
	t.Helper()
	return deskOf(t, gatewaytest.Start(t, options))
}

func deskOf(t *testing.T, w *gatewaytest.World) desk {
	t.Helper()
	d := desk{World: w}
	d.acme = w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme", Currency: "EUR"})
	d.other = w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "OTHER", Name: "Other", Currency: "EUR"})
	d.seat = w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "SEAT", Description: "Seat"})
	d.disk = w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "DISK", Description: "Disk"})
	d.cloud = addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud", StartDate: april(1), CompanyID: d.acme, Currency: "EUR"})
	d.spare = addAgreement(t, w, simconnectwise.Agreement{Name: "Spare", StartDate: april(1), CompanyID: d.acme, Currency: "EUR"})
	d.dollars = addAgreement(t, w, simconnectwise.Agreement{Name: "Dollars", StartDate: april(1), CompanyID: d.acme, Currency: "USD"})
	d.closed = addAgreement(t, w, simconnectwise.Agreement{Name: "Closed", CompanyID: d.acme, Currency: "EUR"})
	d.elsewhere = addAgreement(t, w, simconnectwise.Agreement{Name: "Elsewhere", StartDate: april(1), CompanyID: d.other, Currency: "EUR"})
	if err := w.ConnectWise.CancelAgreement(d.closed, yesterday()); err != nil {
		t.Fatal(err)
	}
	w.AddCustomer("Alpha", "1", "Active")
	w.AddCustomer("Beta", "2", "Active")
	w.Sync(t)
	return d
}

// ready maps everything that lines of Alpha depend on, so that they can be posted.
func (d desk) ready(t *testing.T) {
	t.Helper()
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, companyID(d.acme), variables{"excludedFromSync": false})
	d.sell(t)
}

// sell maps the offers Office and Disk to SEAT and DISK, as far as lines have brought them.
func (d desk) sell(t *testing.T) {
	t.Helper()
	for _, o := range offers(t, d.Seller) {
		sellAs(t, d.Seller, o.ID, nodeID("PsaProduct", int64(map[string]int{"O-1": d.seat, "O-2": d.disk}[o.PlatformID])))
	}
}

// setState puts lines into a state that only posting them leads to.
func setState(t *testing.T, w *gatewaytest.World, state string, platformIDs ...string) {
	t.Helper()
	err := w.DB.Seller(w.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE invoice_line SET state = $1 WHERE seller_id = $2 AND platform_id = ANY($3)`, state, w.ID, platformIDs)
		return err
	})
	if err != nil {
		t.Fatalf("set %q to %s: %v", platformIDs, state, err)
	}
}

// linePayload is the answer to updateInvoiceLine.
type linePayload struct {
	InvoiceLine *line
	UserErrors  []gatewaytest.UserError
}

// editLine changes a line by what input says beside its id.
func editLine(t *testing.T, s *gatewaytest.Seller, id string, input variables) linePayload {
	t.Helper()
	whole := variables{"invoiceLineId": id}
	maps.Copy(whole, input)
	var data struct{ UpdateInvoiceLine linePayload }
	s.Must(t, editor, `mutation ($input: UpdateInvoiceLineInput!) { updateInvoiceLine(input: $input) {
		invoiceLine { `+lineFields+` } userErrors { code message field } } }`, variables{"input": whole}, &data)
	return data.UpdateInvoiceLine
}

// edit is editLine where nothing may be refused; it returns the line as it is then.
func edit(t *testing.T, s *gatewaytest.Seller, id string, input variables) line {
	t.Helper()
	payload := editLine(t, s, id, input)
	if len(payload.UserErrors) > 0 || payload.InvoiceLine == nil {
		t.Fatalf("change %s by %v: %+v", id, input, payload)
	}
	return *payload.InvoiceLine
}

// bulkLines is the answer to bulkUpdateInvoiceLines.
type bulkLines struct {
	Updated, Skipped, Failed int
	UserErrors               []gatewaytest.UserError
}

// editLines changes many lines.
func editLines(t *testing.T, s *gatewaytest.Seller, input variables) bulkLines {
	t.Helper()
	var data struct{ BulkUpdateInvoiceLines bulkLines }
	s.Must(t, editor, `mutation ($input: BulkUpdateInvoiceLinesInput!) { bulkUpdateInvoiceLines(input: $input) {
		updated skipped failed userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.BulkUpdateInvoiceLines
}
