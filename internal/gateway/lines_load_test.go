package gateway_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simplatform "crosswalk/internal/simulator/platform"
)

// keys are the sorted keys of lines by Platform id.
func keys(lines map[string]line) []string { return slices.Sorted(maps.Keys(lines)) }

// loadedPeriods are the months that can be shown, newest first, with how many lines each has.
func loadedPeriods(t *testing.T, s *gatewaytest.Seller) []string {
	t.Helper()
	var data struct {
		InvoicePeriods []struct {
			Period    string
			LineCount int
			LoadedAt  time.Time
		}
	}
	s.Must(t, viewer, `{ invoicePeriods { period lineCount loadedAt } }`, nil, &data)
	list := []string{}
	for _, p := range data.InvoicePeriods {
		list = append(list, p.Period+" "+number(p.LineCount))
		if time.Since(p.LoadedAt) > time.Hour || p.LoadedAt.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s was loaded at %s, want just now", p.Period, p.LoadedAt)
		}
	}
	return list
}

func TestMonthsBeginAndEndWhereTheSellerIs(t *testing.T) {
	t.Parallel()
	w, clock := startMovable(t)
	w.AddCustomer("Alpha", "1", "Active")
	for _, on := range []string{"2025-11-30", "2025-12-01", "2025-12-31", "2026-01-01", "2026-05-01", "2026-05-31", "2026-06-01", "2026-06-30", "2026-07-01"} {
		day, err := civil.ParseDate(on)
		if err != nil {
			t.Fatal(err)
		}
		billTo(w, "1", day, cycle(on))
	}
	w.Sync(t)
	for _, c := range []struct {
		now     string // Riga is two hours ahead in winter and three in summer
		periods []string
		month   string
		want    []string
	}{
		{"2026-05-31T20:59:59Z", []string{"CURRENT_MONTH"}, "2026-05", []string{"2026-05-01", "2026-05-31"}},
		{"2026-05-31T21:00:00Z", []string{"CURRENT_MONTH"}, "2026-06", []string{"2026-06-01", "2026-06-30"}},
		{"2025-12-31T21:59:59Z", []string{"PREVIOUS_MONTH"}, "2025-11", []string{"2025-11-30"}},
		{"2025-12-31T22:00:00Z", []string{"PREVIOUS_MONTH"}, "2025-12", []string{"2025-12-01", "2025-12-31"}},
		{"2025-12-31T22:00:00Z", []string{"CURRENT_MONTH", "PREVIOUS_MONTH", "CURRENT_MONTH"}, "2026-01", []string{"2026-01-01"}},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		clock.set(now)
		loadLines(t, w.Seller, c.periods...)
		if diff := cmp.Diff(c.want, keys(linesOf(t, w.Seller, c.month))); diff != "" {
			t.Errorf("lines of %s after loading %v at %s (-want +got):\n%s", c.month, c.periods, c.now, diff)
		}
	}
	clock.set(gatewaytest.Now().AddDate(0, 1, 0))
	want := []string{"2026-06 00002", "2026-05 00002", "2026-01 00001", "2025-12 00002", "2025-11 00001"}
	if diff := cmp.Diff(want, loadedPeriods(t, w.Seller)); diff != "" {
		t.Errorf("loaded periods (-want +got):\n%s", diff)
	}
	clock.set(gatewaytest.Now().AddDate(0, 10, 0)) // March 2027: fifteen months back is December 2025
	if diff := cmp.Diff(want[:4], loadedPeriods(t, w.Seller)); diff != "" {
		t.Errorf("loaded periods in March 2027 (-want +got):\n%s", diff)
	}
}

func TestALoadNeedsAPeriod(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	var data struct{ LoadInvoiceLines gatewaytest.JobPayload }
	w.Must(t, operator, `mutation { loadInvoiceLines(input: {periods: []}) { job { id } started userErrors { code message field } } }`, nil, &data)
	wantRefused(t, "loadInvoiceLines of nothing", data.LoadInvoiceLines.UserErrors, "INVALID", "periods")
}

func TestLinesOfValidInvoicesAreLoaded(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	for _, status := range []string{"New", "New Corrected", "Verified", "Issued", "Paid", "Payment Card Error", "Something Else"} {
		d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1", Currency: "EUR", Status: status}, cycle(status))
	}
	job := loadLines(t, d.Seller)
	if job.Created != 4 || job.Updated+job.Unchanged+job.Skipped+job.Failed != 0 {
		t.Errorf("the load counts %+v, want 4 new lines and nothing else", job)
	}
	got := make(map[string]string)
	for id, l := range linesOf(t, d.Seller, may) {
		got[id] = l.InvoiceStatus
	}
	want := map[string]string{"Verified": "VERIFIED", "Issued": "ISSUED", "Paid": "PAID", "Payment Card Error": "PAYMENT_CARD_ERROR"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("loaded lines and their invoices' statuses (-want +got):\n%s", diff)
	}
}

func TestALineSaysWhatItsInvoiceSays(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	row := cycle("R-1")
	row.Description, row.SubscriptionStartDate, row.SubscriptionEndDate = "Office, five seats", date(1).AddDays(-400), date(31)
	row.Quantity, row.UnitPrice, row.TotalPrice = decimal.RequireFromString("2.50"), decimal.RequireFromString("-3.333333"), decimal.RequireFromString("-8.33")
	row.ResellerPrice = decimal.NewNullDecimal(decimal.RequireFromString("1.10"))
	header := billTo(d.World, "1", date(3), row)
	billTo(d.World, "2", date(4), once("R-2"))
	loadLines(t, d.Seller)
	lines := linesOf(t, d.Seller, may)
	l := lines["R-1"]
	l.ID, l.Organization.ID, l.Contract.ID, l.Offer.ID, l.SyncBlockers = "", "", "", "", nil
	want := line{
		PlatformID: "R-1", InvoiceNumber: header.InvoiceNumber, InvoiceDate: "2026-05-03", InvoiceStatus: "VERIFIED", Period: may,
		Description: "Office, five seats", ChargeType: "CYCLE_FEE", ChargeTypeText: "CycleFee", Recurrence: "RECURRING",
		Quantity: "2.5", UnitPrice: "-3.333333", UnitCost: changedText("1.1"), Amount: money{"-8.33", "EUR"},
		ChargeStartDate: chargeDate{changedText("2026-05-01"), "DEFAULT", changedText("2026-05-01")},
		ChargeEndDate:   chargeDate{nil, "DEFAULT", changedText("2026-05-31")}, PsaAgreementOrigin: "NONE",
		MappingStatus: "UNMAPPED", SyncStatus: "EXCLUDED", Revision: 1, Subscription: l.Subscription,
	}
	want.Organization.Name, want.Contract.PlatformID, want.Offer.Name = "Alpha", "C-1", "Office"
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("a recurring line (-want +got):\n%s", diff)
	}
	if s := l.Subscription; s == nil || s.ID != "S-R-1" || s.Name != "Office for R-1" || deref(s.StartDate) != "2025-03-27" || deref(s.EndDate) != "2026-05-31" {
		t.Errorf("its subscription is %+v", s)
	}
	alone := lines["R-2"]
	if alone.Subscription != nil || alone.UnitCost != nil || alone.Recurrence != "ONE_TIME" || alone.Organization.Name != "Beta" || alone.Amount != (money{"7.5", "EUR"}) ||
		deref(alone.ChargeEndDate.Value) != "2026-05-31" || alone.ChargeEndDate.Invoiced != nil {
		t.Errorf("a one-time line is %+v", alone)
	}
}

func TestLinesOfCustomInvoicesAreOneTime(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1", Currency: "EUR", Source: "Custom"}, cycle("by source"))
	standIn := cycle("by offer")
	standIn.OfferID, standIn.OfferName = "O-0", "Offer for Default Subscription"
	billTo(d.World, "1", today(), standIn, cycle("standard"))
	loadLines(t, d.Seller)
	for id, l := range linesOf(t, d.Seller, may) {
		if custom := id != "standard"; l.IsCustomInvoice != custom || (l.Recurrence == "ONE_TIME") != custom {
			t.Errorf("the line %q is custom: %t, %s", id, l.IsCustomInvoice, l.Recurrence)
		}
	}
}

func TestAReloadAddsRefreshesAndKeepsDates(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	updateSettings(t, d.Seller, variables{"chargeStartDateRule": variables{"kind": "FIXED_DAY", "day": 15}, "chargeEndDateRule": variables{"kind": "FIXED_DAY", "day": 20}})
	invoice := billTo(d.World, "1", date(5), cycle("same"), cycle("changed"), cycle("edited"), cycle("posted"), cycle("vanished"))
	loadLines(t, d.Seller)
	before := linesOf(t, d.Seller, may)
	edit(t, d.Seller, before["edited"].ID, variables{"chargeStartDate": "2026-05-07", "chargeEndDate": "2026-05-09"})
	setState(t, d.World, "SYNCED", "posted")
	posted := lineOf(t, d.Seller, "posted")

	updateSettings(t, d.Seller, variables{"chargeStartDateRule": variables{"kind": "NO_RULE"}, "chargeEndDateRule": variables{"kind": "NO_RULE"}})
	for _, id := range []string{"changed", "edited", "posted"} {
		row := cycle(id)
		row.InvoiceID, row.Quantity, row.TotalPrice = invoice.InvoiceID, decimal.New(6, 0), decimal.New(60, 0)
		row.ChargeStartDate = date(2)
		if err := d.Platform.ReplaceRow(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Platform.RemoveRow(invoice.InvoiceID, "vanished"); err != nil {
		t.Fatal(err)
	}
	billTo(d.World, "1", date(6), cycle("new"))
	job := loadLines(t, d.Seller)
	if job.Created != 1 || job.Updated != 2 || job.Unchanged != 1 || job.Skipped != 1 {
		t.Errorf("the reload counts %+v, want 1 new, 2 changed, 1 as before and 1 left alone", job)
	}

	after := linesOf(t, d.Seller, may)
	if diff := cmp.Diff(before["same"], after["same"]); diff != "" {
		t.Errorf("a line that did not change (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(posted, after["posted"]); diff != "" {
		t.Errorf("a posted line (-before +after):\n%s", diff)
	}
	ruled := [2]chargeDate{{changedText("2026-05-15"), "SYSTEM_UPDATED", changedText("2026-05-02")}, {changedText("2026-05-20"), "SYSTEM_UPDATED", changedText("2026-05-31")}}
	chosen := [2]chargeDate{{changedText("2026-05-07"), "USER_UPDATED", changedText("2026-05-02")}, {changedText("2026-05-09"), "USER_UPDATED", changedText("2026-05-31")}}
	fresh := [2]chargeDate{{changedText("2026-05-01"), "DEFAULT", changedText("2026-05-01")}, {nil, "DEFAULT", changedText("2026-05-31")}}
	for id, want := range map[string][2]chargeDate{"changed": ruled, "edited": chosen, "new": fresh} {
		if diff := cmp.Diff(want, [2]chargeDate{after[id].ChargeStartDate, after[id].ChargeEndDate}); diff != "" {
			t.Errorf("dates of %q (-want +got):\n%s", id, diff)
		}
	}
	if got := after["changed"]; got.Quantity != "6" || got.Amount.Amount != "60" || got.Revision != before["changed"].Revision {
		t.Errorf("the changed line is %+v, want the new quantity and total, and no revision that users did not make", got)
	}
	if !slices.Contains(after["vanished"].codes(), "INVOICE_NOT_VALID") {
		t.Errorf("a line that the Platform lists no longer is blocked by %q, want INVOICE_NOT_VALID among it", after["vanished"].codes())
	}
	cleared := edit(t, d.Seller, after["edited"].ID, variables{"chargeStartDate": nil, "chargeEndDate": nil})
	if diff := cmp.Diff(ruled, [2]chargeDate{cleared.ChargeStartDate, cleared.ChargeEndDate}); diff != "" {
		t.Errorf("dates that were cleared return to the rule of the first load (-want +got):\n%s", diff)
	}
}

func TestLinesOfInvoicesThatAreNotValidAnyMoreAreBlockedUntilTheyAre(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	reopened := billTo(d.World, "1", date(5), cycle("reopened"))
	removed := billTo(d.World, "1", date(6), cycle("removed"))
	billTo(d.World, "1", date(7), cycle("kept"))
	loadLines(t, d.Seller)
	d.ready(t)
	blocked := func() map[string][]string {
		got := make(map[string][]string)
		for id, l := range linesOf(t, d.Seller, may) {
			got[id] = l.codes()
		}
		return got
	}
	none := map[string][]string{"reopened": {}, "removed": {}, "kept": {}}
	if diff := cmp.Diff(none, blocked()); diff != "" {
		t.Fatalf("blockers before (-want +got):\n%s", diff)
	}
	_, rows, err := d.Platform.Invoice(removed.InvoiceID)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Platform.RemoveInvoice(removed.InvoiceID); err != nil {
		t.Fatal(err)
	}
	if err := d.Platform.SetInvoiceStatus(reopened.InvoiceID, "New Corrected"); err != nil {
		t.Fatal(err)
	}
	wantUnlisted(t, loadLines(t, d.Seller), "The Platform no longer lists 2 lines on a valid invoice of 2026-05")
	const notVerified = "The invoice is not verified, or not any more. Verify it on the Platform and load its month again."
	for _, b := range lineOf(t, d.Seller, "reopened").SyncBlockers {
		if b.Message != notVerified {
			t.Errorf("the line of the reopened invoice is blocked with %q, want %q", b.Message, notVerified)
		}
	}
	wantUnlisted(t, loadLines(t, d.Seller))
	want := map[string][]string{"reopened": {"INVOICE_NOT_VALID"}, "removed": {"INVOICE_NOT_VALID"}, "kept": {}}
	if diff := cmp.Diff(want, blocked()); diff != "" {
		t.Errorf("blockers after one invoice was reopened and one removed (-want +got):\n%s", diff)
	}
	if got := lineOf(t, d.Seller, "reopened").InvoiceStatus; got != "NEW_CORRECTED" {
		t.Errorf("the reopened invoice is %s, want NEW_CORRECTED", got)
	}
	if err := d.Platform.SetInvoiceStatus(reopened.InvoiceID, "Paid"); err != nil {
		t.Fatal(err)
	}
	d.Platform.AddInvoice(removed, rows...)
	wantUnlisted(t, loadLines(t, d.Seller))
	if diff := cmp.Diff(none, blocked()); diff != "" {
		t.Errorf("blockers after both are valid again (-want +got):\n%s", diff)
	}
}

func TestALineThatIsNotListedOnAValidInvoiceSaysSo(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	invoice := billTo(d.World, "1", date(5), cycle("stays"), cycle("goes"))
	loadLines(t, d.Seller)
	d.ready(t)
	if err := d.Platform.RemoveRow(invoice.InvoiceID, "goes"); err != nil {
		t.Fatal(err)
	}
	wantUnlisted(t, loadLines(t, d.Seller), "The Platform no longer lists 1 line on a valid invoice of 2026-05")
	gone := lineOf(t, d.Seller, "goes")
	if len(gone.SyncBlockers) != 1 || gone.SyncBlockers[0].Code != "INVOICE_NOT_VALID" || gone.SyncStatus != "NOT_READY" ||
		gone.SyncBlockers[0].Message != "The Platform does not list the line any more. It is not posted unless a later load finds it again." ||
		gone.SyncBlockers[0].Subject == nil || gone.SyncBlockers[0].Subject.ID != gone.ID {
		t.Errorf("the line is %s with the blockers %+v", gone.SyncStatus, gone.SyncBlockers)
	}
	var data struct {
		InvoiceLines struct {
			TotalCount int
			Nodes      []struct{ PlatformID string }
		}
	}
	d.Must(t, viewer, `{ invoiceLines(filter: {blocker: [INVOICE_NOT_VALID]}) { totalCount nodes { platformId } } }`, nil, &data)
	if found := data.InvoiceLines; found.TotalCount != 1 || len(found.Nodes) != 1 || found.Nodes[0].PlatformID != "goes" {
		t.Errorf("lines blocked by INVOICE_NOT_VALID are %+v, want the one that is gone", found)
	}
	d.Platform.AddInvoice(invoice, cycle("stays"), cycle("goes"))
	loadLines(t, d.Seller)
	if got := lineOf(t, d.Seller, "goes"); len(got.SyncBlockers) > 0 {
		t.Errorf("a line that is listed again has the blockers %+v", got.SyncBlockers)
	}
}

func TestLinesOfInvoicesThatAreNotListedAreAWarning(t *testing.T) {
	t.Parallel()
	// What is invoiced after the invoices were read comes with the lines alone.
	var once sync.Once
	late := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if market := next.(*simplatform.Simulator); r.URL.Path == rowsPath {
			once.Do(func() {
				market.AddInvoice(platform.InvoiceHeader{InvoiceID: "late", CustomerID: "1", ContractID: "C-1", Currency: "EUR"}, cycle("late"), cycle("later"))
			})
		}
		next.ServeHTTP(w, r)
	}
	d := startDesk(t, gatewaytest.Options{BeforePlatform: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { late(w, r, next) })
	}})
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1", Currency: "EUR", Status: "New"}, cycle("draft"))
	billTo(d.World, "1", today(), cycle("listed"))
	missing := func(job gatewaytest.Job) (list []string) {
		for _, entry := range job.LogEntries.Nodes {
			if entry.Code == "INVOICE_NOT_IN_FEED" {
				list = append(list, entry.Level+" "+entry.Title+" | "+entry.Details)
			}
		}
		return list
	}
	want := []string{"WARNING 2 lines are of invoices that the Platform does not list | Such lines were left out. One of the invoices has the Platform id late. Load the month again."}
	if diff := cmp.Diff(want, missing(loadLines(t, d.Seller))); diff != "" {
		t.Errorf("the load warned (-want +got):\n%s", diff)
	}
	if got := keys(linesOf(t, d.Seller, may)); !slices.Equal(got, []string{"listed"}) {
		t.Errorf("lines are %q, want the listed one", got)
	}
	if got := missing(loadLines(t, d.Seller)); got != nil {
		t.Errorf("a load that finds the invoice, and one that is not valid, warned %q", got)
	}
	if got := keys(linesOf(t, d.Seller, may)); !slices.Equal(got, []string{"late", "later", "listed"}) {
		t.Errorf("after another load lines are %q", got)
	}
}

func TestALineThatMovesGetsANewRevision(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	d.Platform.AddContract(platform.Contract{ID: "C-1b", CustomerID: "1", Currency: "EUR", BillingCycleDay: 1})
	invoice := billTo(d.World, "1", date(5), cycle("same"), cycle("texts"), cycle("contract"), cycle("organization"), cycle("offer"), cycle("subscription"))
	moved := billTo(d.World, "1", date(5), cycle("date"))
	billed := billTo(d.World, "1", date(5), cycle("custom"))
	priced := billTo(d.World, "1", date(5), cycle("currency"))
	loadLines(t, d.Seller)
	before := linesOf(t, d.Seller, may)
	for id, change := range map[string]func(*platform.InvoiceRow){
		"texts": func(r *platform.InvoiceRow) {
			r.Description, r.SubscriptionName, r.Quantity, r.TotalPrice = "Another text", "Another name", decimal.New(6, 0), decimal.New(60, 0)
		},
		"contract":     func(r *platform.InvoiceRow) { r.ContractID = "C-1b" },
		"organization": func(r *platform.InvoiceRow) { r.CustomerID = "2" },
		"offer":        func(r *platform.InvoiceRow) { r.OfferID, r.OfferName = "O-2", "Disk" },
		"subscription": func(r *platform.InvoiceRow) { r.SubscriptionID = "S-other" },
	} {
		row := cycle(id)
		row.InvoiceID = invoice.InvoiceID
		change(&row)
		if err := d.Platform.ReplaceRow(row); err != nil {
			t.Fatal(err)
		}
	}
	moved.InvoiceDate, billed.Source, priced.Currency = date(6), "Custom", "USD"
	d.Platform.AddInvoice(moved, cycle("date"))
	d.Platform.AddInvoice(billed, cycle("custom"))
	d.Platform.AddInvoice(priced, cycle("currency"))
	if job := loadLines(t, d.Seller); job.Updated != 8 || job.Unchanged != 1 {
		t.Errorf("the reload counts %+v, want 8 changed and 1 as before", job)
	}
	after := linesOf(t, d.Seller, may)
	for id, l := range before {
		grown := 1
		if id == "same" || id == "texts" {
			grown = 0
		}
		if got := after[id].Revision; got != l.Revision+grown {
			t.Errorf("the line %q went from revision %d to %d, want %d", id, l.Revision, got, l.Revision+grown)
		}
	}
	l := after["contract"]
	stale := editLine(t, d.Seller, l.ID, variables{"chargeEndDate": "2026-05-30", "expectedRevision": before["contract"].Revision})
	wantRefused(t, "an edit of the line as it was before it moved", stale.UserErrors, "CONFLICT", "expectedRevision")
	edit(t, d.Seller, l.ID, variables{"chargeEndDate": "2026-05-30", "expectedRevision": l.Revision})
}

// wantUnlisted checks which warnings a load logged of lines that the Platform lists no longer.
func wantUnlisted(t *testing.T, job gatewaytest.Job, titles ...string) {
	t.Helper()
	var got []string
	for _, entry := range job.LogEntries.Nodes {
		if entry.Code == "LINES_NOT_IN_FEED" && entry.Level == "WARNING" && strings.Contains(entry.Details, "will not be posted") {
			got = append(got, entry.Title)
		}
	}
	if !slices.Equal(got, titles) {
		t.Errorf("the load warned of lines that are gone with %q, want %q", got, titles)
	}
}

func TestALineThatMovesToAnotherMonthIsCountedThere(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	april := civil.Date{Year: 2026, Month: 4, Day: 20}
	invoice := billTo(d.World, "1", april, cycle("moves"), cycle("posted"))
	billTo(d.World, "1", april, cycle("stays"))
	billTo(d.World, "2", date(5), cycle("of May"))
	loadLines(t, d.Seller, "CURRENT_MONTH", "PREVIOUS_MONTH")
	if diff := cmp.Diff([]string{"2026-05 00001", "2026-04 00003"}, loadedPeriods(t, d.Seller)); diff != "" {
		t.Fatalf("loaded periods before (-want +got):\n%s", diff)
	}
	setState(t, d.World, "SYNCED", "posted")
	_, rows, err := d.Platform.Invoice(invoice.InvoiceID)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Platform.RemoveInvoice(invoice.InvoiceID); err != nil {
		t.Fatal(err)
	}
	invoice.InvoiceDate = date(2)
	d.Platform.AddInvoice(invoice, rows...)
	job := loadLines(t, d.Seller)
	if job.Created != 0 || job.Updated != 1 || job.Unchanged != 1 || job.Skipped != 1 {
		t.Errorf("the load counts %+v, want one line moved, one as before and one skipped", job)
	}
	wantUnlisted(t, job)
	for month, want := range map[string][]string{may: {"moves", "of May"}, "2026-04": {"posted", "stays"}} {
		if diff := cmp.Diff(want, keys(linesOf(t, d.Seller, month))); diff != "" {
			t.Errorf("lines of %s (-want +got):\n%s", month, diff)
		}
	}
	if diff := cmp.Diff([]string{"2026-05 00002", "2026-04 00002"}, loadedPeriods(t, d.Seller)); diff != "" {
		t.Errorf("loaded periods after an invoice moved to May (-want +got):\n%s", diff)
	}
}

func TestWhatIsOddAboutLinesIsAWarning(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	strange, also, off, rounded := cycle("strange"), cycle("also strange"), cycle("off"), cycle("rounded")
	strange.ChargeType, also.ChargeType = "MysteryFee", "MysteryFee"
	off.TotalPrice = decimal.RequireFromString("50.01")
	rounded.UnitPrice, rounded.TotalPrice = decimal.RequireFromString("10.0009"), decimal.RequireFromString("50.00")
	first, second := cycle("twice"), cycle("twice")
	second.Quantity, second.TotalPrice = decimal.New(9, 0), decimal.New(90, 0)
	billTo(d.World, "1", today(), strange, also, off, rounded, first, second)
	yen := cycle("yen")
	yen.Quantity, yen.UnitPrice, yen.TotalPrice = decimal.New(1, 0), decimal.RequireFromString("100.4"), decimal.New(100, 0)
	d.Platform.AddContract(platform.Contract{ID: "C-JPY", CustomerID: "1", Currency: "JPY", BillingCycleDay: 1})
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-JPY", Currency: "JPY"}, yen)
	draft := cycle("draft")
	draft.ChargeType, draft.TotalPrice = "DraftFee", decimal.New(1, 0)
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1", Currency: "EUR", Status: "New"}, draft)

	job := loadLines(t, d.Seller)
	var warnings []string
	for _, entry := range job.LogEntries.Nodes {
		if entry.Level == "WARNING" {
			warnings = append(warnings, entry.Code+": "+entry.Title)
		}
	}
	slices.Sort(warnings)
	want := []string{
		"DUPLICATE_LINE: 1 line came more than once",
		"TOTAL_MISMATCH: The total of 1 line is not quantity times unit price",
		`UNKNOWN_CHARGE_TYPE: 2 lines have the unknown charge type "MysteryFee"`,
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	lines := linesOf(t, d.Seller, may)
	if got := lines["strange"]; got.ChargeType != "OTHER" || got.ChargeTypeText != "MysteryFee" || got.Recurrence != "ONE_TIME" {
		t.Errorf("a line of an unknown charge type is %s (%s), %s", got.ChargeType, got.ChargeTypeText, got.Recurrence)
	}
	if lines["off"].Amount.Amount != "50.01" || lines["twice"].Quantity != "9" || job.Created != 6 {
		t.Errorf("the total is %s, the repeated line's quantity %s of %d lines; want both as they came last, and 6 lines", lines["off"].Amount.Amount, lines["twice"].Quantity, job.Created)
	}
}

func TestOrganizationsAndContractsThatAreNewComeWithTheirLines(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	d.AddCustomer("Gamma", "3", "Active")
	billTo(d.World, "3", today(), cycle("of the feed"))
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "stranger", ContractID: "C-stranger", Currency: "USD"}, cycle("of nobody"))
	job := loadLines(t, d.Seller)
	lines := linesOf(t, d.Seller, may)
	if got := lines["of the feed"]; got.Organization.Name != "Gamma" || got.Contract.PlatformID != "C-3" || got.SyncStatus != "EXCLUDED" || got.MappingStatus != "UNMAPPED" {
		t.Errorf("a line of a new organization is %+v, want it Gamma's, excluded and unmapped", got)
	}
	if got := lines["of nobody"]; got.Organization.Name != "stranger" || got.Contract.PlatformID != "C-stranger" || got.SyncStatus != "EXCLUDED" {
		t.Errorf("a line of an organization that the Platform does not have is %+v, want it known by its id", got)
	}
	codes := job.Codes()
	for _, code := range []string{"ORGANIZATION_NOT_IN_FEED", "CONTRACT_NOT_IN_FEED"} {
		if !slices.Contains(codes, code) {
			t.Errorf("the load logged %q, want %s among it", codes, code)
		}
	}
	if got := contractOf(t, d.Seller, "C-stranger"); got.Currency != "USD" || got.Organization.Name != "stranger" {
		t.Errorf("the contract is %+v, want it as the line shows it", got)
	}
	checkMappingTotals(t, d.Seller)
}

func TestAContractThatTheFeedListsComesAsItIs(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	d.Platform.AddOrganization(platform.Organization{ID: "3", Name: "Gamma", ReferenceNumber: "G", Status: "Active"})
	d.Platform.AddContract(platform.Contract{ID: "C-Gamma", CustomerID: "3", Currency: "EUR", BillingCycleDay: 15, ContractType: "Reseller"})
	d.Platform.AddContract(platform.Contract{ID: "C-nobody", CustomerID: "nobody", Currency: "USD", BillingCycleDay: 20, ContractType: "Direct"})
	for _, contract := range []string{"C-Gamma", "C-nobody", "C-missing"} {
		d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: contract, Currency: "EUR"}, cycle("on "+contract))
	}
	job := loadLines(t, d.Seller)
	for id, l := range linesOf(t, d.Seller, may) {
		if l.Organization.Name != "Alpha" || "on "+l.Contract.PlatformID != id {
			t.Errorf("the line %q is of %s and %s, want it of Alpha and its contract", id, l.Organization.Name, l.Contract.PlatformID)
		}
	}
	got := make(map[string]string)
	for _, id := range []string{"C-Gamma", "C-nobody", "C-missing"} {
		c := contractOf(t, d.Seller, id)
		got[id] = c.Organization.Name + " " + c.Currency + " " + number(c.BillingCycleDay) + " " + deref(c.ContractType)
	}
	want := map[string]string{"C-Gamma": "Gamma EUR 00015 Reseller", "C-nobody": "nobody USD 00020 Direct", "C-missing": "Alpha EUR 00001 (nothing)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contracts (-want +got):\n%s", diff)
	}
	var warnings []string
	for _, entry := range job.LogEntries.Nodes {
		if entry.Level == "WARNING" {
			warnings = append(warnings, entry.Code+" "+entry.Details)
		}
	}
	slices.Sort(warnings)
	lacking := []string{
		"CONTRACT_NOT_IN_FEED Its Platform id is C-missing. It was added as the lines show it.",
		"ORGANIZATION_NOT_IN_FEED Its Platform id is nobody. It was added by that id.",
	}
	if diff := cmp.Diff(lacking, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	checkMappingTotals(t, d.Seller)
}

func TestASecondLoadOfOtherMonthsIsRefusedWhileOneIsUnderWay(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", today(), cycle("R-1"))
	setFaults(t, d.Platform.SetFaults, stuck(rowsPath))
	first := startLineLoad(t, d.Seller, "CURRENT_MONTH", "PREVIOUS_MONTH")
	if !first.Started || len(first.UserErrors) > 0 {
		t.Fatalf("the first load answered %+v, want a new run", first)
	}
	if same := startLineLoad(t, d.Seller, "PREVIOUS_MONTH", "CURRENT_MONTH"); same.Started || same.Job == nil || same.Job.ID != first.Job.ID || len(same.UserErrors) > 0 {
		t.Errorf("a load of the same months answered %+v, want the run under way and no refusal", same)
	}
	other := startLineLoad(t, d.Seller, "CURRENT_MONTH")
	if other.Started || other.Job == nil || other.Job.ID != first.Job.ID {
		t.Errorf("a load of fewer months answered %+v, want the run under way", other)
	}
	wantRefused(t, "a load of fewer months", other.UserErrors, "JOB_RUNNING")
	cancelJob(t, d.Seller, first.Job.ID)
	if job := d.WaitForJob(t, first.Job.ID); job.State != "CANCELLED" {
		t.Errorf("the cancelled run ended as %s", job.State)
	}
	if got := loadedPeriods(t, d.Seller); len(got) > 0 {
		t.Errorf("a cancelled load left the months %q", got)
	}
	d.Platform.ClearFaults()
	loadLines(t, d.Seller)
}

func TestALineThatCannotBeReadFailsTheWholeLoad(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(5), cycle("good"))
	loadLines(t, d.Seller)
	kept := linesOf(t, d.Seller, may)
	header := d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "9", ContractID: "C-9", Currency: "EUR", InvoiceDate: date(6)}, cycle("would be new"), cycle("bad"))
	bad := cycle("bad")
	bad.InvoiceID, bad.RowID = header.InvoiceID, "bad"
	bad.ChargeStartDate = civil.Date{Year: 2026, Month: 13, Day: 45}
	if err := d.Platform.ReplaceRow(bad); err != nil {
		t.Fatal(err)
	}
	job := d.WaitForJob(t, startLineLoad(t, d.Seller, "CURRENT_MONTH").Job.ID)
	if job.State != "FAILED" {
		t.Errorf("the load ended as %s, want it failed", job.State)
	}
	for _, text := range []string{"page 1, row 3", `the row with the id "bad" cannot be read: chargeStartDate: "2026-13-45"`, "fails again until the Platform lists that row correctly"} {
		if !strings.Contains(deref(job.Error), text) {
			t.Errorf("the load failed with %q, want it to say %q", deref(job.Error), text)
		}
	}
	if diff := cmp.Diff(kept, linesOf(t, d.Seller, may)); diff != "" {
		t.Errorf("lines after the failure (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Alpha", "Beta"}, names(organizations(t, d.Seller))); diff != "" {
		t.Errorf("organizations after the failure (-want +got):\n%s", diff)
	}
}
