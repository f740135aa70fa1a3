package feed

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

func read[T any](from collection[T], text string) (page[T], error) {
	return decodePage(arriving{strings.NewReader(text)}, from.read)
}

func TestDecodePage_ReadsEveryMemberOfAnInvoiceRow(t *testing.T) {
	t.Parallel()
	got, err := read(invoiceRows(), `{"unknown":{"items":[1]},"totalCount":7,"pageSize":1000,"items":[{
		"rowId":"r1","invoiceId":"i1","invoiceNumber":"26050007","invoiceDate":"2026-05-12","contractId":"C-7",
		"customerId":"o1","subscriptionId":"s1","subscriptionName":"Azure \u0000Plan","subscriptionStartDate":"2025-01-31",
		"subscriptionEndDate":"2027-01-30","offerId":"of1","offerName":"Azure Plan","vendorOfferId":"DZH:0001","vendorId":"v1",
		"vendorName":"Microsoft","chargeType":"UsageFee","chargeStartDate":"2026-04-01","chargeEndDate":"2026-04-30",
		"description":"Usage","quantity":0.333333,"unitPrice":12345678901234.123457,"totalPrice":-1.5e2,"resellerPrice":0.000001,
		"tags":["a"]}],"page":3}`)
	if err != nil {
		t.Fatal(err)
	}
	want := page[platform.InvoiceRow]{number: 3, total: 7, items: []platform.InvoiceRow{{
		RowID: "r1", InvoiceID: "i1", InvoiceNumber: "26050007", InvoiceDate: civil.MustParseDate("2026-05-12"), ContractID: "C-7",
		CustomerID: "o1", SubscriptionID: "s1", SubscriptionName: "Azure Plan", SubscriptionStartDate: civil.MustParseDate("2025-01-31"),
		SubscriptionEndDate: civil.MustParseDate("2027-01-30"), OfferID: "of1", OfferName: "Azure Plan", VendorOfferID: "DZH:0001",
		VendorID: "v1", VendorName: "Microsoft", ChargeType: "UsageFee", ChargeStartDate: civil.MustParseDate("2026-04-01"),
		ChargeEndDate: civil.MustParseDate("2026-04-30"), Description: "Usage", Quantity: decimal.RequireFromString("0.333333"),
		UnitPrice: decimal.RequireFromString("12345678901234.123457"), TotalPrice: decimal.RequireFromString("-150"),
		ResellerPrice: decimal.NewNullDecimal(decimal.RequireFromString("0.000001")),
	}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(page[platform.InvoiceRow]{})); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	row := reflect.ValueOf(got.items[0])
	for i := range row.NumField() {
		if row.Field(i).IsZero() {
			t.Errorf("%s was not read", row.Type().Field(i).Name)
		}
	}
}

func TestDecodePage_NullAndAbsenceAreTheSame(t *testing.T) {
	t.Parallel()
	withNulls := `{"rowId":"r1","invoiceId":"i1","invoiceNumber":null,"invoiceDate":"2026-05-12","contractId":"C-7","customerId":"o1",
		"subscriptionId":null,"subscriptionName":null,"subscriptionStartDate":null,"subscriptionEndDate":null,"offerId":null,
		"offerName":null,"vendorOfferId":null,"vendorId":null,"vendorName":null,"chargeType":null,"chargeStartDate":null,
		"chargeEndDate":null,"description":null,"quantity":0,"unitPrice":0.00,"totalPrice":0,"resellerPrice":null}`
	without := `{"rowId":"r1","invoiceId":"i1","invoiceDate":"2026-05-12","contractId":"C-7","customerId":"o1","quantity":0,
		"unitPrice":0.00,"totalPrice":0}`
	got, err := read(invoiceRows(), `{"items":[`+withNulls+`,`+without+`],"page":null,"totalCount":2}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.items[0], got.items[1]); diff != "" {
		t.Errorf("a row with nulls and one without members differ:\n%s", diff)
	}
	if got.items[0].ResellerPrice.Valid || !got.items[0].ChargeEndDate.IsZero() {
		t.Errorf("row = %+v, want no reseller price and no charge end", got.items[0])
	}
	if empty, err := read(invoiceRows(), `{"items":null,"totalCount":0}`); err != nil || len(empty.items) != 0 {
		t.Errorf("a page with items null = %v, %v, want an empty one", empty, err)
	}
}

func TestDecodePage_HeadersOrganizationsAndContracts(t *testing.T) {
	t.Parallel()
	headers, err := read(invoiceHeaders(), `{"items":[{"invoiceId":"i1","invoiceNumber":"7","invoiceDate":"2026-05-12",
		"status":"Verified","source":"Custom","contractId":"C-7","customerId":"o1","currency":"EUR","totalAmount":12.345678,
		"updatedAt":"2026-05-13T10:20:30.5+02:00"}],"totalCount":1}`)
	if err != nil {
		t.Fatal(err)
	}
	wantHeaders := []platform.InvoiceHeader{{
		InvoiceID: "i1", InvoiceNumber: "7", InvoiceDate: civil.MustParseDate("2026-05-12"), Status: "Verified",
		Source: "Custom", ContractID: "C-7", CustomerID: "o1", Currency: "EUR", TotalAmount: decimal.RequireFromString("12.345678"),
		UpdatedAt: time.Date(2026, 5, 13, 8, 20, 30, 500_000_000, time.UTC),
	}}
	if diff := cmp.Diff(wantHeaders, headers.items); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	found, err := read(organizations(), `{"items":[{"id":"o1","name":"Riga Foods","referenceNumber":"10023","status":"Blocked",
		"externalId":"X","erpId":null}],"totalCount":1}`)
	if err != nil {
		t.Fatal(err)
	}
	wantFound := []platform.Organization{{ID: "o1", Name: "Riga Foods", ReferenceNumber: "10023", Status: "Blocked", ExternalID: "X"}}
	if diff := cmp.Diff(wantFound, found.items); diff != "" {
		t.Errorf("organizations (-want +got):\n%s", diff)
	}
	for text, want := range map[string]int{"28": 28, "1.0": 1, "null": 0} {
		held, err := read(contracts(), `{"items":[{"id":"C-7","customerId":"o1","currency":"EUR","billingCycleDay":`+text+`}],"totalCount":1}`)
		if err != nil || held.items[0].BillingCycleDay != want {
			t.Errorf("billing cycle day %s was read as %v, %v, want %d", text, held.items, err, want)
		}
	}
	for _, text := range []string{"1.5", "-1", "32", "1e30", `"x"`} {
		if _, err := read(contracts(), `{"items":[{"id":"C-7","billingCycleDay":`+text+`}],"totalCount":1}`); err == nil {
			t.Errorf("billing cycle day %s was read, want an error", text)
		}
	}
	if _, err := read(invoiceHeaders(), `{"items":[{"invoiceId":"i1","invoiceDate":"2026-05-12","contractId":"C","customerId":"o",
		"updatedAt":"yesterday"}],"totalCount":1}`); err == nil || !strings.Contains(err.Error(), "updatedAt") {
		t.Errorf("a header updated yesterday gave %v, want an error about updatedAt", err)
	}
}

func TestDecodePage_BoundsWhatIsSortedAndFoundBy(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", maxText)
	got, err := read(invoiceRows(), `{"items":[`+rowJSON("row-1", map[string]any{"subscriptionName": long, "offerName": long, "description": long})+`],"totalCount":1}`)
	if err != nil {
		t.Fatal(err)
	}
	row := got.items[0]
	if want := long[:maxText]; row.SubscriptionName != want || row.OfferName != want || row.Description != long {
		t.Errorf("names of %d and %d bytes and a description of %d were read, want %d, %d and %d", len(row.SubscriptionName), len(row.OfferName),
			len(row.Description), maxText, maxText, len(long))
	}
	for _, name := range []string{"rowId", "subscriptionId", "offerId", "vendorId"} {
		_, err := read(invoiceRows(), `{"items":[`+rowJSON("row-1", map[string]any{name: strings.Repeat("x", maxID+1)})+`],"totalCount":1}`)
		if err == nil || !strings.Contains(err.Error(), name+" is longer than 500 bytes") {
			t.Errorf("a row with a long %s gave %v, want an error about that", name, err)
		}
	}
}

func TestClient_AcceptsAByteOrderMark(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	s.spoil = func(w http.ResponseWriter, _ *http.Request, _, _ int) bool {
		answerJSON(200, "\xef\xbb\xbf\r\n"+`{"totalCount":1,"items":[`+rowJSON("row-1", nil)+`]}`)(w, nil)
		return true
	}
	readRows(t, s.client(t)).wantRows(t, 1, 1)
}

// FuzzDecodePage feeds the decoder anything: it must not panic, must not lose a digit, and must either read
// every row there is or fail.
func FuzzDecodePage(f *testing.F) {
	f.Add(`{"items":[` + rowJSON("row-1", nil) + `],"page":1,"pageSize":1,"totalCount":1}`)
	f.Add(`{"items":[` + rowJSON("row-1", map[string]any{"quantity": json.Number("0.000001")}) + `,{"rowId":1}],"totalCount":1}`)
	f.Add(`{"items":[null],"totalCount":1}`)
	f.Add(`{"items":null,"totalCount":0} x`)
	f.Add(`{"items":[{"quantity":1e999999999}],"totalCount":1}`)
	f.Add(`[[[[`)
	f.Add(`{"items":[],"totalCount":99999999999999999999}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := read(invoiceRows(), text)
		if err != nil {
			return
		}
		var members map[string]json.RawMessage
		var plain []struct {
			Quantity json.Number `json:"quantity"`
		}
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatalf("the page was read although it is not JSON (%v): %q", err, text)
		}
		if err := json.Unmarshal(members["items"], &plain); err != nil || len(plain) != len(got.items) {
			t.Fatalf("%d rows were read of %d (%v): %q", len(got.items), len(plain), err, text)
		}
		for i, row := range got.items {
			want, err := decimal.NewFromString(string(plain[i].Quantity))
			if err != nil || !row.Quantity.Equal(want) || len(row.Quantity.String()) > 200 {
				t.Errorf("row %d has quantity %s, want %s", i+1, row.Quantity, plain[i].Quantity)
			}
			if row.RowID == "" || row.InvoiceDate.IsZero() {
				t.Errorf("row %d was read as %+v", i+1, row)
			}
		}
	})
}
