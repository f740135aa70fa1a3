package gateway_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

const rowsPath = "/reporting/v2/invoice-rows"

func TestLoadOffersTakesOneToTwelveMonths(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for _, months := range []int{0, -1, 13, 1 << 30, -1 << 31} {
		payload := w.StartLoad(t, months)
		wantRefused(t, "loadOffers of "+strconv.Itoa(months)+" months", payload.UserErrors, "INVALID", "months")
		if payload.Job != nil || payload.Started {
			t.Errorf("loadOffers of %d months answered %+v, want no run", months, payload)
		}
	}
	var data struct{ Jobs struct{ TotalCount int } }
	w.Must(t, viewer, `{ jobs { totalCount } }`, nil, &data)
	if data.Jobs.TotalCount != 0 {
		t.Errorf("refused windows left %d runs, want none", data.Jobs.TotalCount)
	}
	for _, months := range []int{1, 12} {
		w.Load(t, months)
	}
}

// movable is a clock that tests set.
type movable struct{ now atomic.Pointer[time.Time] }

func (m *movable) set(now time.Time) { m.now.Store(&now) }

func (m *movable) clock() civil.Clock {
	return civil.Clock{Now: func() time.Time { return *m.now.Load() }}
}

// startMovable puts up a world whose clock, as business rules see it, is the test's.
func startMovable(t *testing.T) (*gatewaytest.World, *movable) {
	t.Helper()
	clock := &movable{}
	clock.set(gatewaytest.Now())
	return gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.Clock = clock.clock() }}), clock
}

// windows returns the ranges of dates that requests for a path asked for, each once, in order.
func windows(t *testing.T, w *gatewaytest.World, path string) []string {
	t.Helper()
	var list []string
	for _, call := range w.Platform.Calls() {
		if call.Path != path {
			continue
		}
		query, err := url.ParseQuery(call.Query)
		if err != nil {
			t.Fatalf("the query of %+v: %v", call, err)
		}
		if preview := query.Get("isPreview"); preview != "false" {
			t.Errorf("%s was asked for with isPreview=%q, want false", path, preview)
		}
		if window := query.Get("invoiceDateFrom") + " to " + query.Get("invoiceDateTo"); !slices.Contains(list, window) {
			list = append(list, window)
		}
	}
	return list
}

func TestTheWindowReachesBackWholeMonthsClampedToTheirEndsInTheSellersZone(t *testing.T) {
	t.Parallel()
	w, clock := startMovable(t)
	riga, err := time.LoadLocation("Europe/Riga") // where the seller's days begin and end
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		today  string
		months int
		from   string
	}{
		{"2026-05-18", 3, "2026-02-18"},
		{"2026-05-31", 3, "2026-02-28"},
		{"2026-03-31", 1, "2026-02-28"},
		{"2028-02-29", 12, "2027-02-28"},
		{"2026-01-01", 1, "2025-12-01"},
		{"2027-05-31", 3, "2027-02-28"},
	} {
		from, to := civil.MustParseDate(test.from), civil.MustParseDate(test.today)
		name := func(border string) string { return fmt.Sprintf("%s less %d: %s", test.today, test.months, border) }
		for border, on := range map[string]civil.Date{
			"the day before": from.AddDays(-1), "first day": from, "last day": to, "the day after": to.AddDays(1),
		} {
			bill(w, on, sold(name(border), name(border)))
		}
		begins := time.Date(to.Year, to.Month, to.Day, 0, 0, 0, 0, riga)
		ends := time.Date(to.Year, to.Month, to.Day+1, 0, 0, 0, 0, riga).Add(-time.Nanosecond)
		for _, now := range []time.Time{begins, ends} {
			clock.set(now.UTC())
			w.Platform.ForgetCalls()
			w.Load(t, test.months)
			for _, path := range []string{headersPath, rowsPath} {
				want := []string{test.from + " to " + test.today}
				if diff := cmp.Diff(want, windows(t, w, path)); diff != "" {
					t.Errorf("at %s, %d months: the window asked of %s (-want +got):\n%s", now, test.months, path, diff)
				}
			}
		}
		var got []string
		for _, o := range offerNames(t, w.Seller) {
			if strings.HasPrefix(o, test.today) {
				got = append(got, o)
			}
		}
		if diff := cmp.Diff([]string{name("first day"), name("last day")}, got); diff != "" {
			t.Errorf("offers loaded on %s for %d months (-want +got):\n%s", test.today, test.months, diff)
		}
	}
}

func TestTheWindowEndsOnTheDayItIsWhereTheSellerIs(t *testing.T) {
	t.Parallel()
	w, clock := startMovable(t)
	for _, test := range []struct {
		zone string
		now  time.Time
		want string
	}{
		{"America/Los_Angeles", time.Date(2026, 5, 18, 6, 59, 0, 0, time.UTC), "2026-04-17 to 2026-05-17"},
		{"America/Los_Angeles", time.Date(2026, 5, 18, 7, 0, 0, 0, time.UTC), "2026-04-18 to 2026-05-18"},
		{"Pacific/Auckland", time.Date(2026, 5, 18, 11, 59, 0, 0, time.UTC), "2026-04-18 to 2026-05-18"},
		{"Pacific/Auckland", time.Date(2026, 5, 18, 12, 0, 0, 0, time.UTC), "2026-04-19 to 2026-05-19"},
		{"Pacific/Kiritimati", time.Date(2026, 5, 30, 10, 0, 0, 0, time.UTC), "2026-04-30 to 2026-05-31"},
		{"UTC", time.Date(2026, 5, 30, 23, 59, 59, 999, time.UTC), "2026-04-30 to 2026-05-30"},
	} {
		err := w.DB.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE seller SET time_zone = $2 WHERE id = $1`, w.ID, test.zone)
			return err
		})
		if err != nil {
			t.Fatalf("move the seller to %s: %v", test.zone, err)
		}
		clock.set(test.now)
		w.Platform.ForgetCalls()
		w.Load(t, 1)
		if got := windows(t, w, rowsPath); !slices.Equal(got, []string{test.want}) {
			t.Errorf("at %s in %s one month is %q, want %q", test.now, test.zone, got, test.want)
		}
	}
}

func TestOnlyOffersOnValidInvoicesAreLoaded(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for _, status := range []string{"Verified", "Issued", "Paid", "Payment Card Error", "New", "New Corrected", "Draft", "verified", "Processed", "Cancelled"} {
		w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "customer", ContractID: "C-1", Currency: "EUR", Status: status}, sold(status, status))
	}
	// A valid custom invoice counts, as does an offer that is on an invalid invoice and on a valid one.
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "customer", ContractID: "C-1", Currency: "EUR", Source: "Custom"}, sold("custom", "Custom"))
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "customer", ContractID: "C-1", Currency: "EUR", Status: "New"}, sold("both", "Not yet"))
	bill(w, today().AddDays(-9), sold("both", "Both"))
	bill(w, today()) // no rows at all
	nameless := sold("", "No id")
	bill(w, today(), nameless)

	w.Load(t, 1)

	want := []string{"Both", "Custom", "Issued", "Paid", "Payment Card Error", "Verified"}
	if diff := cmp.Diff(want, offerNames(t, w.Seller)); diff != "" {
		t.Errorf("loaded offers (-want +got):\n%s", diff)
	}
}

func TestEveryPageOfTheFeedAndOfTheCatalogIsRead(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{ConnectWise: simconnectwise.Options{Products: 2100}})
	for i := range 1100 {
		rows := []platform.InvoiceRow{sold("offer "+number(i), "Offer "+number(i)), sold("offer "+number(i%7), "Offer "+number(i%7))}
		bill(w, today().AddDays(-i%28), rows...)
	}

	job := w.Load(t, 1)

	if job.Created != 1100 {
		t.Errorf("the run created %d offers, want 1100", job.Created)
	}
	if job.Total == nil || job.Done != 4300 || *job.Total != 4300 {
		t.Errorf("the run shows %d of %v done, want 4300 of 4300: products and invoice lines", job.Done, job.Total)
	}
	if headers, rows := w.Platform.CallCount(headersPath), w.Platform.CallCount(rowsPath); headers != 2 || rows != 3 {
		t.Errorf("the run asked for %d pages of invoices and %d of lines, want 2 and 3", headers, rows)
	}
	var data struct {
		Offers      struct{ TotalCount int }
		PsaProducts struct{ TotalCount int }
	}
	w.Must(t, viewer, `{ offers { totalCount } psaProducts(filter: {includeInactive: true}) { totalCount } }`, nil, &data)
	if data.Offers.TotalCount != 1100 || data.PsaProducts.TotalCount != 2100 {
		t.Errorf("there are %d offers and %d products, want 1100 and 2100", data.Offers.TotalCount, data.PsaProducts.TotalCount)
	}
}

func TestLoadingAgainTakesChangesOverAndRemovesNothing(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "SEAT", Description: "Seat", Price: decimal.RequireFromString("12.50")})
	bill(w, today(), sold("kept", "Kept"), sold("renamed", "Old Name"))
	early := bill(w, today().AddDays(-20), sold("early", "Early"))

	first := w.Load(t, 1)
	if first.Created != 3 || first.Updated != 0 || first.Unchanged != 0 {
		t.Errorf("the first run counted %+v, want 3 created and nothing else", first)
	}
	seat := products(t, w.Seller)["SEAT"]
	for _, id := range []string{"kept", "renamed", "early"} {
		sellAs(t, w.Seller, offerOf(t, w.Seller, id).ID, seat.ID)
	}
	kept, renamed, before := offerOf(t, w.Seller, "kept"), offerOf(t, w.Seller, "renamed"), offerOf(t, w.Seller, "early")
	if err := w.Platform.RemoveInvoice(early.InvoiceID); err != nil {
		t.Fatal(err)
	}
	changed := sold("renamed", "New Name")
	changed.VendorOfferID, changed.VendorID, changed.VendorName = "EXT-2", "V-2", "Fabrikam"
	w.Platform.AddInvoice(platform.InvoiceHeader{
		CustomerID: "customer", ContractID: "C-1", Currency: "EUR", InvoiceDate: today(), InvoiceNumber: "99999",
	}, sold("new", "New"))
	if err := replaceOffer(w, "renamed", changed); err != nil {
		t.Fatal(err)
	}
	job := w.Load(t, 1)

	if job.Created != 1 || job.Updated != 1 || job.Unchanged != 1 {
		t.Errorf("the second run counted %d created, %d updated, %d unchanged; want one of each", job.Created, job.Updated, job.Unchanged)
	}
	for platformID, want := range map[string]offer{"kept": kept, "early": before} {
		if diff := cmp.Diff(want, offerOf(t, w.Seller, platformID)); diff != "" {
			t.Errorf("the offer %q after the second run (-before +after):\n%s", platformID, diff)
		}
	}
	got := offerOf(t, w.Seller, "renamed")
	want := renamed
	want.Name, want.ExternalID, want.Vendor.ID, want.Vendor.Name = "New Name", changedText("EXT-2"), got.Vendor.ID, "Fabrikam"
	if diff := cmp.Diff(want, got); diff != "" || got.Vendor.ID == renamed.Vendor.ID {
		t.Errorf("the changed offer after the second run (-want +got):\n%s", diff)
	}
	third := w.Load(t, 1)
	if third.Created != 0 || third.Updated != 0 || third.Unchanged != 3 {
		t.Errorf("a run without news counted %+v, want 3 unchanged and nothing else", third)
	}
	checkMappingTotals(t, w.Seller)
}

func changedText(text string) *string { return &text }

// replaceOffer puts a row in the place of the one that sells an offer.
func replaceOffer(w *gatewaytest.World, offerID string, with platform.InvoiceRow) error {
	for _, header := range w.Platform.Invoices(platform.Range{From: today().AddMonths(-1), To: today()}) {
		_, rows, err := w.Platform.Invoice(header.InvoiceID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.OfferID == offerID {
				with.RowID, with.InvoiceID = row.RowID, row.InvoiceID
				return w.Platform.ReplaceRow(with)
			}
		}
	}
	return fmt.Errorf("no row sells %s", offerID)
}

func TestTheNewestInvoiceSaysWhatAnOfferAndItsVendorAreCalled(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	// The vendor was renamed in between. One of its offers was sold before that only.
	for i := range 12 {
		row := sold("offer", "Name "+number(i))
		row.VendorName = "Vendor " + number(i)
		bill(w, today().AddDays(i-20), row)
	}
	for i := range 11 {
		row := sold("sold before "+strconv.Itoa(i), "Sold Before "+strconv.Itoa(i))
		row.VendorName = "Vendor " + number(i)
		bill(w, today().AddDays(i-20), row)
	}
	for range 3 {
		w.Load(t, 1)
		for _, o := range offers(t, w.Seller) {
			if o.Vendor.Name != "Vendor 00011" {
				t.Errorf("the vendor of %s is called %q, want the name on the newest invoice, Vendor 00011", o.Name, o.Vendor.Name)
			}
		}
		if got := offerOf(t, w.Seller, "offer").Name; got != "Name 00011" {
			t.Errorf("the offer is called %q, want the name on the newest invoice, Name 00011", got)
		}
	}
}
