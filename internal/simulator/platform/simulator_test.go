package platform_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
	"crosswalk/internal/platform/feed"
	"crosswalk/internal/simulator/fault"

	simulator "crosswalk/internal/simulator/platform"
)

// ask sends one request with the credentials and returns the status and the body.
func ask(t *testing.T, s *simulator.Simulator, method, target string, change ...func(http.Header)) (int, string) {
	t.Helper()
	request := httptest.NewRequest(method, target, nil)
	request.Header.Set("Ocp-Apim-Subscription-Key", simulator.DefaultKey)
	request.Header.Set("Authorization", "Bearer "+simulator.DefaultToken)
	for _, apply := range change {
		apply(request.Header)
	}
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder.Code, strings.TrimSpace(recorder.Body.String())
}

const may = "invoiceDateFrom=2026-05-01&invoiceDateTo=2026-05-31"

func TestSimulator_WritesTheContractsForms(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Now: on("2026-05-18")})
	s.AddOrganization(platform.Organization{ID: "o1", Name: "Riga Foods", ReferenceNumber: "10023", Status: "Active"})
	s.AddContract(platform.Contract{ID: "C-1", CustomerID: "o1", Currency: "EUR", BillingCycleDay: 7})
	s.AddInvoice(platform.InvoiceHeader{
		InvoiceID: "i1", InvoiceNumber: "77", ContractID: "C-1", CustomerID: "o1", Currency: "EUR",
	}, platform.InvoiceRow{
		RowID: "r1", OfferID: "of1", OfferName: "Backup", VendorID: "v1", VendorName: "V", ChargeType: "UsageFee",
		Quantity: decimal.RequireFromString("0.000001"), UnitPrice: decimal.RequireFromString("1e7"), TotalPrice: decimal.NewFromInt(10),
	})
	for target, want := range map[string]string{
		"/reporting/v2/invoice-headers?isPreview=false&" + may: `{"items":[{"invoiceId":"i1","invoiceNumber":"77","invoiceDate":"2026-05-18",` +
			`"status":"Verified","source":"Standard","contractId":"C-1","customerId":"o1","currency":"EUR","totalAmount":10,` +
			`"updatedAt":"2026-05-18T12:00:00Z"}],"page":1,"pageSize":100,"totalCount":1}`,
		"/reporting/v2/invoice-rows?pageSize=5&" + may: `{"items":[{"rowId":"r1","invoiceId":"i1","invoiceNumber":"77",` +
			`"invoiceDate":"2026-05-18","contractId":"C-1","customerId":"o1","subscriptionId":null,"subscriptionName":null,` +
			`"subscriptionStartDate":null,"subscriptionEndDate":null,"offerId":"of1","offerName":"Backup","vendorOfferId":null,` +
			`"vendorId":"v1","vendorName":"V","chargeType":"UsageFee","chargeStartDate":null,"chargeEndDate":null,"description":"",` +
			`"quantity":0.000001,"unitPrice":10000000,"totalPrice":10,"resellerPrice":null}],"page":1,"pageSize":5,"totalCount":1}`,
		"/organizations/details?ids=o1,o2,o1": `{"items":[{"id":"o1","name":"Riga Foods","referenceNumber":"10023","status":"Active",` +
			`"externalId":null,"erpId":null}],"page":1,"pageSize":100,"totalCount":1}`,
		"/contracts?ids=C-2,C-1&page=1": `{"items":[{"id":"C-1","customerId":"o1","currency":"EUR","billingCycleDay":7,` +
			`"contractType":null}],"page":1,"pageSize":100,"totalCount":1}`,
		"/contracts?ids=C-1&page=2":                         `{"items":[],"page":2,"pageSize":100,"totalCount":1}`,
		"/reporting/v2/invoice-rows?page=1000000000&" + may: `{"items":[],"page":1000000000,"pageSize":100,"totalCount":1}`,
		"/reporting/v2/invoice-headers?page=9&" + may:       `{"items":[],"page":9,"pageSize":100,"totalCount":1}`,
	} {
		if status, body := ask(t, s, http.MethodGet, target); status != http.StatusOK || body != want {
			t.Errorf("GET %s answered %d\n%s\nwant 200\n%s", target, status, body, want)
		}
	}
}

func TestSimulator_RefusesWhatTheContractForbids(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{})
	for _, tt := range []struct {
		name, method, target string
		change               func(http.Header)
		status               int
		message              string
	}{
		{"no key", "GET", "/contracts?ids=1", func(h http.Header) { h.Del("Ocp-Apim-Subscription-Key") }, 401, "missing or wrong"},
		{"another key", "GET", "/contracts?ids=1", func(h http.Header) { h.Set("Ocp-Apim-Subscription-Key", "x") }, 401, "missing or wrong"},
		{"another token", "GET", "/contracts?ids=1", func(h http.Header) { h.Set("Authorization", "Bearer x") }, 401, "missing or wrong"},
		{"no ids", "GET", "/contracts", nil, 400, "ids must be 1 to 100 ids"},
		{"too many ids", "GET", "/organizations/details?ids=" + strings.Repeat("x,", 100) + "x", nil, 400, "ids must be 1 to 100 ids"},
		{"no dates", "GET", "/reporting/v2/invoice-rows", nil, 400, "is not a calendar date"},
		{"a day that does not exist", "GET", "/reporting/v2/invoice-rows?invoiceDateFrom=2026-02-30&invoiceDateTo=2026-03-01", nil, 400, "2026-02-30"},
		{"dates the wrong way round", "GET", "/reporting/v2/invoice-headers?invoiceDateFrom=2026-05-02&invoiceDateTo=2026-05-01", nil, 400, "is after"},
		{"page 0", "GET", "/contracts?ids=1&page=0", nil, 400, "page must be a number"},
		{"too large a page", "GET", "/contracts?ids=1&pageSize=1001", nil, 400, "pageSize must be a number from 1 to 1000"},
		{"another path", "GET", "/reporting/v1/invoice-rows", nil, 404, "There is no GET"},
		{"writing", "POST", "/contracts?ids=1", nil, 404, "There is no POST"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			change := tt.change
			if change == nil {
				change = func(http.Header) {}
			}
			status, body := ask(t, s, tt.method, tt.target, change)
			var answer struct {
				Error struct{ Code, Message string }
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatalf("%s %s answered %d %s, want the error form: %v", tt.method, tt.target, status, body, err)
			}
			if status != tt.status || !strings.Contains(answer.Error.Message, tt.message) || answer.Error.Code == "" {
				t.Errorf("%s %s answered %d %s, want %d and %q", tt.method, tt.target, status, body, tt.status, tt.message)
			}
		})
	}
}

func TestSimulator_PagesOfAnySizeMakeUpTheWhole(t *testing.T) {
	t.Parallel()
	options := simulator.Options{Organizations: 25, Lines: 611, Now: on("2026-05-18")}
	_, client := serve(t, options)
	whole := readSeller(t, client)
	for _, size := range []int{1, 7, 100, 610, 611, 612} {
		t.Run(fmt.Sprintf("of %d", size), func(t *testing.T) {
			t.Parallel()
			_, client := serve(t, options, func(c *feed.Config) { c.PageSize = size })
			if diff := cmp.Diff(whole, readSeller(t, client), cmp.AllowUnexported(seller{})); diff != "" {
				t.Errorf("what pages of %d rows make up differs:\n%s", size, diff)
			}
		})
	}
	t.Run("of single days", func(t *testing.T) {
		t.Parallel()
		var rows []platform.InvoiceRow
		for day := civil.MustParseDate("2025-12-01"); day.Before(civil.MustParseDate("2026-06-01")); day = day.AddDays(1) {
			ofDay, err := readRows(t.Context(), client, platform.Range{From: day, To: day})
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, ofDay...)
		}
		if diff := cmp.Diff(whole.rows, rows); diff != "" {
			t.Errorf("what the days make up differs:\n%s", diff)
		}
	})
}

func TestSimulator_ServesAnyPageOfAMillionLines(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Organizations: 500, Lines: 1_000_000, Now: on("2026-05-18")})
	for _, number := range []int{1, 500, 1000, 1001} {
		target := fmt.Sprintf("/reporting/v2/invoice-rows?invoiceDateFrom=2025-12-01&invoiceDateTo=2026-05-31&pageSize=1000&page=%d", number)
		want := 1000
		if number == 1001 {
			want = 0
		}
		status, body := ask(t, s, http.MethodGet, target)
		if got := strings.Count(body, "rowId"); status != http.StatusOK || got != want || !strings.HasSuffix(body, `"totalCount":1000000}`) {
			t.Errorf("GET %s answered %d with %d rows, want %d of 1000000", target, status, got, want)
		}
	}
}

func TestSimulator_ServesWhatTestsAddAndChange(t *testing.T) {
	t.Parallel()
	s, client := serve(t, simulator.Options{Organizations: 5, Lines: 200, Now: on("2026-05-18")})
	april := dates("2026-04-01", "2026-04-30")
	generated := s.Invoices(april)[0]
	_, rows, err := s.Invoice(generated.InvoiceID)
	if err != nil {
		t.Fatal(err)
	}
	before := len(rowsOf(t, client, april))

	added := s.AddInvoice(platform.InvoiceHeader{InvoiceDate: civil.MustParseDate("2026-04-30"), ContractID: "C-1", CustomerID: "o1"},
		platform.InvoiceRow{TotalPrice: decimal.NewFromInt(5)}, platform.InvoiceRow{TotalPrice: decimal.NewFromInt(7)})
	if err := s.SetInvoiceStatus(generated.InvoiceID, "New Corrected"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveRow(generated.InvoiceID, rows[0].RowID); err != nil {
		t.Fatal(err)
	}
	changed := rows[1]
	changed.Description = "changed"
	changed.TotalPrice = changed.TotalPrice.Add(decimal.NewFromInt(1))
	if err := s.ReplaceRow(changed); err != nil {
		t.Fatal(err)
	}
	fee, err := s.AddRow(generated.InvoiceID, platform.InvoiceRow{ChargeType: "OneTimeFee", TotalPrice: decimal.NewFromInt(100)})
	if err != nil {
		t.Fatal(err)
	}

	headers := map[string]platform.InvoiceHeader{}
	for _, header := range headersOf(t, client, april) {
		headers[header.InvoiceID] = header
	}
	if got := headers[added.InvoiceID]; !got.TotalAmount.Equal(decimal.NewFromInt(12)) || got.Status != "Verified" {
		t.Errorf("the invoice added is served as %+v, want a total of 12 and Verified", got)
	}
	got := headers[generated.InvoiceID]
	want := generated.TotalAmount.Sub(rows[0].TotalPrice).Add(decimal.NewFromInt(101))
	if got.Status != "New Corrected" || !got.TotalAmount.Equal(want) || !got.UpdatedAt.Equal(on("2026-05-18")()) {
		t.Errorf("the invoice changed is served as %+v, want New Corrected, a total of %s and updated now", got, want)
	}
	served := rowsOf(t, client, april)
	if want := before + 2; len(served) != want {
		t.Errorf("%d rows are served, want %d", len(served), want)
	}
	ids := map[string]platform.InvoiceRow{}
	for _, row := range served {
		ids[row.RowID] = row
	}
	if _, found := ids[rows[0].RowID]; found || ids[changed.RowID].Description != "changed" || ids[fee.RowID].InvoiceID != generated.InvoiceID {
		t.Errorf("the rows served do not show what was removed, changed and added")
	}
	if last := served[len(served)-1]; last.InvoiceID != added.InvoiceID || last.ContractID != "C-1" || last.CustomerID != "o1" {
		t.Errorf("the last row of April = %+v, want one of the invoice added", last)
	}

	s.AddInvoice(platform.InvoiceHeader{InvoiceID: added.InvoiceID, InvoiceDate: civil.MustParseDate("2026-04-02")})
	if err := s.RemoveInvoice(generated.InvoiceID); err != nil {
		t.Fatal(err)
	}
	if got, want := len(rowsOf(t, client, april)), before-len(rows); got != want {
		t.Errorf("%d rows are served after one invoice was emptied and one removed, want %d", got, want)
	}
}

func rowsOf(t *testing.T, client *feed.Client, within platform.Range) []platform.InvoiceRow {
	t.Helper()
	rows, err := readRows(t.Context(), client, within)
	if err != nil {
		t.Fatalf("read the invoice rows: %v", err)
	}
	return rows
}

func headersOf(t *testing.T, client *feed.Client, within platform.Range) []platform.InvoiceHeader {
	t.Helper()
	headers, err := readHeaders(t.Context(), client, within)
	if err != nil {
		t.Fatalf("read the invoice headers: %v", err)
	}
	return headers
}

func TestSimulator_ReplacesOrganizationsAndContracts(t *testing.T) {
	t.Parallel()
	s, client := serve(t, simulator.Options{Organizations: 1, Lines: 10, Now: on("2026-05-18")})
	header := s.Invoices(allDates())[0]
	s.AddOrganization(platform.Organization{ID: header.CustomerID, Name: "Renamed", Status: "Blocked"})
	s.AddContract(platform.Contract{ID: header.ContractID, CustomerID: header.CustomerID, Currency: "CHF", BillingCycleDay: 9})
	read := readSeller(t, client)
	if got := read.organizations[header.CustomerID].Name; got != "Renamed" {
		t.Errorf("the organization is served as %q, want Renamed", got)
	}
	if got := read.contracts[header.ContractID].Currency; got != "CHF" {
		t.Errorf("the contract is served in %q, want CHF", got)
	}
}

func TestSimulator_SaysWhatThereIsNotToChange(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{Organizations: 1, Lines: 1, Now: on("2026-05-18")})
	known := s.Invoices(allDates())[0].InvoiceID
	_, addErr := s.AddRow("none", platform.InvoiceRow{})
	_, _, readErr := s.Invoice("none")
	for what, err := range map[string]error{
		"AddRow to an unknown invoice":             addErr,
		"Invoice that is unknown":                  readErr,
		"SetInvoiceStatus of an unknown invoice":   s.SetInvoiceStatus("none", "Paid"),
		"RemoveInvoice that is unknown":            s.RemoveInvoice("none"),
		"RemoveRow of an unknown invoice":          s.RemoveRow("none", "none"),
		"RemoveRow that is unknown":                s.RemoveRow(known, "none"),
		"ReplaceRow that is unknown":               s.ReplaceRow(platform.InvoiceRow{InvoiceID: known, RowID: "none"}),
		"ReplaceRow of an unknown invoice with it": s.ReplaceRow(platform.InvoiceRow{InvoiceID: "none"}),
	} {
		if err == nil || !strings.Contains(err.Error(), "none") {
			t.Errorf("%s gave %v, want an error that names it", what, err)
		}
	}
	for _, id := range []string{"C-", "C-000001", "C-0100000", "C-100002", "100000", "C-x"} {
		if _, body := ask(t, s, http.MethodGet, "/contracts?ids="+id); !strings.Contains(body, `"totalCount":0`) {
			t.Errorf("contract %s is served as %s, want nothing", id, body)
		}
	}
}

func TestSimulator_IsReadThroughEveryFaultThatPasses(t *testing.T) {
	t.Parallel()
	options := simulator.Options{Organizations: 10, Lines: 300, Now: on("2026-05-18")}
	_, client := serve(t, options)
	want := readSeller(t, client)
	for _, kind := range []fault.Kind{
		fault.RateLimited, fault.ServerError, fault.BadGateway, fault.WebPage, fault.Slow, fault.Truncated, fault.BrokenOff,
		fault.LostAnswer, fault.NoAnswer,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, client := serve(t, options, func(c *feed.Config) { c.PageSize = 50 })
			if err := s.SetFaults(
				fault.Fault{Kind: kind, Path: "/invoice-rows", Page: 3, Count: 2, DelayMilliseconds: 1},
				fault.Fault{Kind: kind, Path: "/organizations", Count: 1, DelayMilliseconds: 1},
			); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, readSeller(t, client), cmp.AllowUnexported(seller{})); diff != "" {
				t.Errorf("what was read through %s differs:\n%s", kind, diff)
			}
			if got, want := s.CallCount("/reporting/v2/invoice-rows"), 6; kind != fault.Slow && got < want+2 {
				t.Errorf("the rows were asked for %d times, want the %d pages and one of them twice more", got, want)
			}
		})
	}
}

func TestSimulator_FaultsThatDoNotPassFailTheRead(t *testing.T) {
	t.Parallel()
	for kind, unauthorized := range map[fault.Kind]bool{fault.Unauthorized: true, fault.Forbidden: true, fault.BadGateway: false} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, client := serve(t, simulator.Options{Organizations: 10, Lines: 300, Now: on("2026-05-18")})
			if err := s.SetFaults(fault.Fault{Kind: kind}); err != nil {
				t.Fatal(err)
			}
			_, err := readRows(t.Context(), client, allDates())
			failed, ok := err.(*platform.Error)
			if !ok || failed.Unauthorized != unauthorized || failed.Page != 1 {
				t.Errorf("the read failed with %v, want a *platform.Error for page 1 with Unauthorized %v", err, unauthorized)
			}
			s.ClearFaults()
			if _, err := readRows(t.Context(), client, allDates()); err != nil {
				t.Errorf("the read still fails after the fault is cleared: %v", err)
			}
		})
	}
}

func TestSimulator_IsReadWithTheCredentialsItWasGiven(t *testing.T) {
	t.Parallel()
	options := simulator.Options{Key: "own-key", Token: "own-token", Organizations: 1, Lines: 1, Now: on("2026-05-18")}
	_, refused := serve(t, options)
	if _, err := readRows(t.Context(), refused, allDates()); err == nil || !strings.Contains(err.Error(), "was refused") {
		t.Errorf("reading with the default credentials gave %v, want a refusal", err)
	}
	_, admitted := serve(t, options, func(c *feed.Config) { c.Key, c.Token = "own-key", "own-token" })
	if rows, err := readRows(t.Context(), admitted, allDates()); err != nil || len(rows) != 1 {
		t.Errorf("reading with its own credentials gave %d rows, %v, want 1", len(rows), err)
	}
}

func TestSimulator_CountsAndFaultsOverHTTP(t *testing.T) {
	t.Parallel()
	s, client := serve(t, simulator.Options{Organizations: 1, Lines: 10, Now: on("2026-05-18")})
	request := httptest.NewRequest(http.MethodPut, "/_simulator/faults", strings.NewReader(`{"kind":"server-error","count":1}`))
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		body, _ := io.ReadAll(recorder.Body)
		t.Fatalf("PUT /_simulator/faults without credentials answered %d %s, want 200", recorder.Code, body)
	}
	rowsOf(t, client, allDates())
	if got := s.CallCount("/reporting/v2/invoice-rows"); got != 2 {
		t.Errorf("the rows were asked for %d times, want 2", got)
	}
	if status, body := ask(t, s, http.MethodGet, "/_simulator/requests"); status != 200 || !strings.Contains(body, `"total":2`) {
		t.Errorf("GET /_simulator/requests answered %d %s, want a total of 2", status, body)
	}
	paths := make([]string, 0, 2)
	for _, call := range s.Calls() {
		paths = append(paths, call.Path)
	}
	if !slices.Equal(paths, []string{"/reporting/v2/invoice-rows", "/reporting/v2/invoice-rows"}) {
		t.Errorf("calls = %v, want the rows twice", paths)
	}
	s.ForgetCalls()
	if got := s.CallCount(""); got != 0 {
		t.Errorf("CallCount after ForgetCalls = %d, want 0", got)
	}
}
