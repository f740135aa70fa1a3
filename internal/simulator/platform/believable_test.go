package platform_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
	"crosswalk/internal/simulator/sample"

	simulator "crosswalk/internal/simulator/platform"
)

func TestNew_HasExactlyTheLinesItWasAskedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []simulator.Options{
		{},
		{Organizations: 5},
		{Lines: 100},
		{Organizations: 1, Lines: 1},
		{Organizations: 1, Lines: 100, Months: 1},
		{Organizations: 30, Lines: 7},
		{Organizations: 100, Lines: 2_000},
		{Organizations: 100, Lines: 2_001, Months: 13, Offers: 3, Seed: 9},
		{Organizations: 7, Lines: 3_333, Offers: 1_000},
		{Organizations: -1, Lines: -1, Months: -1, Offers: -1},
	} {
		t.Run(fmt.Sprintf("%d organizations, %d lines, %d months", tt.Organizations, tt.Lines, tt.Months), func(t *testing.T) {
			t.Parallel()
			tt.Now = on("2026-05-18")
			_, client := serve(t, tt)
			read := readSeller(t, client)
			want := max(tt.Lines, 0)
			if tt.Organizations <= 0 {
				want = 0
			}
			if len(read.rows) != want {
				t.Errorf("%d lines are served, want %d", len(read.rows), want)
			}
			if got := len(read.organizations); got > max(tt.Organizations, 0) {
				t.Errorf("%d organizations are served, want at most %d", got, tt.Organizations)
			}
			ids := map[string]bool{}
			for _, row := range read.rows {
				ids[row.RowID] = true
			}
			if len(ids) != want {
				t.Errorf("the %d lines have %d ids", want, len(ids))
			}
		})
	}
}

func TestNew_TheSameSellerEachTime(t *testing.T) {
	t.Parallel()
	options := simulator.Options{Organizations: 20, Lines: 500, Now: on("2026-05-18")}
	_, first := serve(t, options)
	_, second := serve(t, options)
	if diff := cmp.Diff(readSeller(t, first), readSeller(t, second), cmp.AllowUnexported(seller{})); diff != "" {
		t.Errorf("two simulators with the same options differ:\n%s", diff)
	}
	options.Seed = 2
	_, other := serve(t, options)
	if a, b := readSeller(t, first), readSeller(t, other); a.rows[0].RowID == b.rows[0].RowID {
		t.Errorf("two simulators with different seeds have the line %s in common", a.rows[0].RowID)
	}
}

func TestNew_TheNextMonthKeepsThePast(t *testing.T) {
	t.Parallel()
	options := simulator.Options{Organizations: 40, Lines: 2_000, Now: on("2026-05-18")}
	_, may := serve(t, options)
	options.Now = on("2026-06-02")
	_, june := serve(t, options)
	common := dates("2026-01-01", "2026-05-31")
	before, err := readRows(t.Context(), may, common)
	if err != nil {
		t.Fatal(err)
	}
	after, err := readRows(t.Context(), june, common)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" || len(before) == 0 {
		t.Errorf("%d lines of the months in common changed:\n%s", len(before), diff)
	}
	if dropped, err := readRows(t.Context(), june, dates("2000-01-01", "2025-12-31")); err != nil || len(dropped) != 0 {
		t.Errorf("lines of the seventh month back = %d, %v, want none", len(dropped), err)
	}
}

// share checks that part of whole is about the wanted share.
func share(t *testing.T, what string, part, whole int, low, high float64) {
	t.Helper()
	got := float64(part) / float64(whole)
	if math.IsNaN(got) || got < low || got > high {
		t.Errorf("%s: %d of %d, want a share between %g and %g", what, part, whole, low, high)
	}
}

// believable is how many organizations there are where shares of them are checked.
const believable = 300

func TestNew_ASellerOneCanBelieve(t *testing.T) {
	t.Parallel()
	_, client := serve(t, simulator.Options{Organizations: believable, Lines: 9_000, Now: on("2026-05-18")})
	read := readSeller(t, client)
	if len(read.organizations) != believable {
		t.Fatalf("%d organizations have invoices, want all %d", len(read.organizations), believable)
	}
	t.Run("organizations", func(t *testing.T) {
		t.Parallel()
		checkOrganizations(t, read)
	})
	t.Run("contracts", func(t *testing.T) {
		t.Parallel()
		checkContracts(t, read)
	})
	t.Run("invoices", func(t *testing.T) {
		t.Parallel()
		checkInvoices(t, read)
	})
	t.Run("lines", func(t *testing.T) {
		t.Parallel()
		checkLines(t, read)
	})
	t.Run("subscriptions", func(t *testing.T) {
		t.Parallel()
		checkSubscriptions(t, read)
	})
}

func checkOrganizations(t *testing.T, read seller) {
	known := map[string]bool{}
	for i := range believable {
		known[sample.OrganizationName(i)] = true
	}
	statuses, references := map[string]int{}, map[string]bool{}
	same, external, erp := 0, 0, 0
	for _, o := range read.organizations {
		statuses[o.Status]++
		references[o.ReferenceNumber] = true
		if known[o.Name] {
			same++
		}
		if o.ExternalID != "" {
			external++
		}
		if o.ERPID != "" {
			erp++
		}
		if len(o.ID) != 36 || o.Name == "" || strings.Trim(o.ReferenceNumber, "0123456789") != "" {
			t.Errorf("organization = %+v, want a GUID, a name and a reference number of digits", o)
		}
	}
	if len(references) != len(read.organizations) {
		t.Errorf("%d organizations have %d reference numbers", len(read.organizations), len(references))
	}
	share(t, "organizations named as everywhere", same, believable, 0.6, 0.9)
	share(t, "active organizations", statuses["Active"], believable, 0.8, 0.95)
	share(t, "blocked organizations", statuses["Blocked"], believable, 0.03, 0.12)
	share(t, "new organizations", statuses["New"], believable, 0.02, 0.1)
	share(t, "organizations with an external id", external, believable, 0.3, 0.5)
	share(t, "organizations with an ERP id", erp, believable, 0.2, 0.4)

	valid := map[string]bool{}
	for _, header := range read.headers {
		valid[header.CustomerID] = valid[header.CustomerID] || header.IsValid()
	}
	never := 0
	for _, is := range valid {
		if !is {
			never++
		}
	}
	share(t, "organizations without a valid invoice", never, believable, 0.02, 0.09)
}

func checkContracts(t *testing.T, read seller) {
	perOrganization, types := map[string]map[string]bool{}, map[string]int{}
	for _, c := range read.contracts {
		if perOrganization[c.CustomerID] == nil {
			perOrganization[c.CustomerID] = map[string]bool{}
		}
		perOrganization[c.CustomerID][c.Currency] = true
		types[c.ContractType]++
		if c.BillingCycleDay < 1 || c.BillingCycleDay > 28 || len(c.Currency) != 3 {
			t.Errorf("contract = %+v, want a day from 1 to 28 and a currency", c)
		}
		if _, found := read.organizations[c.CustomerID]; !found {
			t.Errorf("contract %s belongs to the unknown organization %s", c.ID, c.CustomerID)
		}
	}
	two := 0
	for _, currencies := range perOrganization {
		if len(currencies) == 2 {
			two++
		}
	}
	if want := believable + two; len(read.contracts) != want {
		t.Errorf("%d contracts, want %d: one for each organization and one more for %d", len(read.contracts), want, two)
	}
	share(t, "organizations with two currencies", two, believable, 0.01, 0.06)
	for _, name := range []string{"CSP", "Azure Plan & OneTime", "Distribution Services", ""} {
		share(t, "contracts of type "+name, types[name], len(read.contracts), 0.02, 0.7)
	}
}

func checkInvoices(t *testing.T, read seller) {
	totals := map[string]decimal.Decimal{}
	for _, row := range read.rows {
		totals[row.InvoiceID] = totals[row.InvoiceID].Add(row.TotalPrice)
	}
	statuses, numbers, months, custom := map[string]int{}, map[string]bool{}, map[string]int{}, 0
	today := civil.MustParseDate("2026-05-18")
	last := civil.Date{}
	for _, h := range read.headers {
		statuses[h.Status]++
		numbers[h.InvoiceNumber] = true
		months[h.InvoiceDate.YearMonth().String()]++
		if h.Source == "Custom" {
			custom++
		}
		if h.InvoiceDate.Before(last) {
			t.Errorf("invoice %s of %s comes after one of %s", h.InvoiceNumber, h.InvoiceDate, last)
		}
		last = h.InvoiceDate
		if h.IsValid() && h.InvoiceDate.After(today) {
			t.Errorf("invoice %s of %s is %s, want it not yet valid", h.InvoiceNumber, h.InvoiceDate, h.Status)
		}
		contract := read.contracts[h.ContractID]
		if contract.CustomerID != h.CustomerID || contract.Currency != h.Currency {
			t.Errorf("invoice %+v does not agree with its contract %+v", h, contract)
		}
		if !h.TotalAmount.Equal(totals[h.InvoiceID]) {
			t.Errorf("invoice %s has the total %s, its rows have %s", h.InvoiceNumber, h.TotalAmount, totals[h.InvoiceID])
		}
	}
	if len(numbers) != len(read.headers) {
		t.Errorf("%d invoices have %d numbers", len(read.headers), len(numbers))
	}
	if len(months) != 6 || months["2025-12"] == 0 || months["2026-05"] == 0 {
		t.Errorf("invoices by month = %v, want December 2025 to May 2026", months)
	}
	for _, status := range []string{"Verified", "Issued", "Paid", "Payment Card Error", "New", "New Corrected"} {
		share(t, "invoices with the status "+status, statuses[status], len(read.headers), 0.005, 0.7)
	}
	share(t, "custom invoices", custom, len(read.headers), 0.015, 0.06)
}

func checkLines(t *testing.T, read seller) {
	customInvoice := map[string]bool{}
	for _, header := range read.headers {
		customInvoice[header.InvoiceID] = header.Source == "Custom"
	}
	kinds, odd, withoutCost := map[string]int{}, 0, 0
	for _, r := range read.rows {
		kinds[r.ChargeType]++
		if !r.TotalPrice.Equal(r.Quantity.Mul(r.UnitPrice)) {
			odd++
		}
		if !r.ResellerPrice.Valid {
			withoutCost++
		}
		for _, amount := range []decimal.Decimal{r.Quantity, r.UnitPrice, r.TotalPrice, r.ResellerPrice.Decimal} {
			if !amount.Equal(amount.Round(6)) {
				t.Errorf("line %s has the amount %s with more than six decimals", r.RowID, amount)
			}
		}
		if !r.ChargeEndDate.IsZero() && r.ChargeEndDate.Before(r.ChargeStartDate) {
			t.Errorf("line %s charges from %s to %s", r.RowID, r.ChargeStartDate, r.ChargeEndDate)
		}
		checkCustom(t, r, customInvoice[r.InvoiceID])
		if (r.ChargeType == "Correction") != (r.TotalPrice.IsNegative() && !customInvoice[r.InvoiceID]) {
			t.Errorf("line %s is a %s of %s", r.RowID, r.ChargeType, r.TotalPrice)
		}
	}
	for kind, least := range map[string]float64{
		"CycleFee": 0.4, "PurchaseFee": 0.01, "Correction": 0.04, "UsageFee": 0.08, "ItemFee": 0.04, "OneTimeFee": 0.04,
		"UserCorrection": 0.001,
	} {
		share(t, kind+" lines", kinds[kind], len(read.rows), least, 0.7)
	}
	if len(kinds) != 7 {
		t.Errorf("charge types = %v, want seven", kinds)
	}
	share(t, "lines whose total is not quantity times price", odd, len(read.rows), 0.0005, 0.005)
	share(t, "lines without the seller's cost", withoutCost, len(read.rows), 0.01, 0.06)
}

// checkCustom checks what tells the lines of custom invoices from all others.
func checkCustom(t *testing.T, r platform.InvoiceRow, custom bool) {
	t.Helper()
	standalone := r.SubscriptionID == "" && r.SubscriptionName == "" && r.SubscriptionStartDate.IsZero() && r.VendorOfferID == "" &&
		r.OfferName == "Offer for Default Subscription" && r.ChargeType == "UserCorrection" && r.VendorID != "" && r.OfferID != ""
	subscribed := r.SubscriptionID != "" && r.SubscriptionName != "" && !r.SubscriptionStartDate.IsZero() && r.VendorOfferID != "" &&
		r.OfferName != "Offer for Default Subscription" && r.ChargeType != "UserCorrection" && r.VendorID != "" && r.OfferID != ""
	if (custom && !standalone) || (!custom && !subscribed) {
		t.Errorf("line of an invoice with custom %v = %+v", custom, r)
	}
}

func checkSubscriptions(t *testing.T, read seller) {
	type month struct{ subscription, month string }
	recurring, kinds := map[string]map[string]string{}, map[month]int{}
	for _, r := range read.rows {
		if r.ChargeType != "CycleFee" && r.ChargeType != "PurchaseFee" {
			continue
		}
		in := r.InvoiceDate.YearMonth().String()
		kinds[month{r.SubscriptionID, in}]++
		if recurring[r.SubscriptionID] == nil {
			recurring[r.SubscriptionID] = map[string]string{}
		}
		recurring[r.SubscriptionID][in] = r.ChargeType
	}
	for key, n := range kinds {
		if n > 1 {
			t.Errorf("subscription %s is charged %d times in %s", key.subscription, n, key.month)
		}
	}
	months := []string{"2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"}
	vanished, purchased := 0, 0
	for id, charged := range recurring {
		var history string
		for _, in := range months {
			history += string((charged[in] + "-")[0])
		}
		// Charged from its first month, by a PurchaseFee when that can be seen, to its last one without a gap.
		if strings.Contains(strings.Trim(history, "-"), "-") || strings.LastIndex(history, "P") > 0 && !strings.HasPrefix(strings.TrimLeft(history, "-"), "P") {
			t.Errorf("subscription %s has the charges %s", id, history)
		}
		if strings.Contains(history, "P") {
			purchased++
		}
		if history[4] != '-' && history[5] == '-' {
			vanished++
		}
	}
	share(t, "subscriptions that are purchased within the months", purchased, len(recurring), 0.05, 0.4)
	share(t, "subscriptions that vanish in the newest month", vanished, len(recurring), 0.01, 0.1)
}
