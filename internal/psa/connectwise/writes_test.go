package connectwise

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

func pointer[T any](value T) *T { return &value }

func TestCreateAddition_Body(t *testing.T) {
	t.Parallel()
	full := psa.NewAddition{
		ProductID: 5, Quantity: decimal.RequireFromString("2.50"), UnitPrice: amount("12345678901234567.123456789"), UnitCost: amount("0.1"),
		EffectiveDate: civil.MustParseDate("2026-05-01"), CancelledDate: civil.MustParseDate("2026-05-31"),
		InvoiceDescription: "R&D <b>\u2028\b\fline\nnext \"é\" #A1", SerialNumber: "S-1", BillCustomer: "Billable",
	}
	for _, tt := range []struct {
		name     string
		addition psa.NewAddition
		want     string
	}{
		{
			"every field", full,
			`{"product":{"id":5},"quantity":2.5,"unitPrice":12345678901234567.123456789,"unitCost":0.1,"billCustomer":"Billable",` +
				`"effectiveDate":"2026-05-01T00:00:00Z","cancelledDate":"2026-05-31T00:00:00Z",` +
				`"invoiceDescription":"R&D <b> line\nnext \"é\" #A1","serialNumber":"S-1"}`,
		},
		{
			"zero dates and invalid prices are left out",
			psa.NewAddition{ProductID: 5, Quantity: decimal.NewFromInt(-1), BillCustomer: "NoCharge"},
			`{"product":{"id":5},"quantity":-1,"billCustomer":"NoCharge","invoiceDescription":"","serialNumber":""}`,
		},
		{
			"a large quantity has no exponent",
			psa.NewAddition{ProductID: 5, Quantity: decimal.New(1, 20), UnitPrice: amount("0"), BillCustomer: "Billable"},
			`{"product":{"id":5},"quantity":100000000000000000000,"unitPrice":0,"billCustomer":"Billable","invoiceDescription":"","serialNumber":""}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, always(http.StatusCreated, `{"id":71,"quantity":2.5,"product":{"id":5},"agreementId":9}`))
			got, err := server.client(t).CreateAddition(t.Context(), 9, tt.addition)
			if err != nil || got.ID != 71 || got.AgreementID != 9 {
				t.Fatalf("CreateAddition = %+v, %v, want addition 71 of agreement 9", got, err)
			}
			request := server.all()[0]
			if request.Method != http.MethodPost || request.Path != "/finance/agreements/9/additions" || request.Query.Encode() != "" {
				t.Errorf("CreateAddition sends %s %s, want POST to the agreement's additions", request.Method, request.Raw)
			}
			if body := strings.TrimSpace(request.Body); body != tt.want || request.Header.Get("Content-Type") != "application/json" {
				t.Errorf("CreateAddition sends %s as %s, want %s", body, request.Header.Get("Content-Type"), tt.want)
			}
		})
	}
}

func TestUpdateAddition_Patch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change psa.AdditionChange
		want   string
	}{
		{
			"every field",
			psa.AdditionChange{
				Quantity: pointer(decimal.RequireFromString("3.25")), UnitPrice: pointer(decimal.Zero), UnitCost: pointer(decimal.RequireFromString("-0.10")),
				EffectiveDate: pointer(civil.MustParseDate("2026-05-01")), CancelledDate: pointer(civil.MustParseDate("2026-06-30")), InvoiceDescription: pointer(""),
			},
			`[{"op":"replace","path":"quantity","value":3.25},{"op":"replace","path":"unitPrice","value":0},{"op":"replace","path":"unitCost","value":-0.1},` +
				`{"op":"replace","path":"effectiveDate","value":"2026-05-01T00:00:00Z"},{"op":"replace","path":"cancelledDate","value":"2026-06-30T00:00:00Z"},` +
				`{"op":"replace","path":"invoiceDescription","value":""}]`,
		},
		{"a date is cleared", psa.AdditionChange{CancelledDate: &civil.Date{}}, `[{"op":"remove","path":"cancelledDate"}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, always(http.StatusOK, `{"id":71}`))
			got, err := server.client(t).UpdateAddition(t.Context(), 9, 71, tt.change)
			if err != nil || got.ID != 71 || got.AgreementID != 9 {
				t.Fatalf("UpdateAddition = %+v, %v, want addition 71 of agreement 9", got, err)
			}
			request := server.all()[0]
			if body := strings.TrimSpace(request.Body); request.Method != http.MethodPatch || request.Path != "/finance/agreements/9/additions/71" || body != tt.want {
				t.Errorf("UpdateAddition sends %s %s %s, want PATCH %s", request.Method, request.Path, body, tt.want)
			}
		})
	}
}

func TestUpdateAddition_WithoutAChangeOnlyReads(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(http.StatusOK, `{"id":71,"serialNumber":"S-1"}`))
	got, err := server.client(t).UpdateAddition(t.Context(), 9, 71, psa.AdditionChange{})
	if err != nil || got.SerialNumber != "S-1" || server.all()[0].Method != http.MethodGet {
		t.Errorf("UpdateAddition without a change = %+v, %v with a %s, want the record by GET", got, err, server.all()[0].Method)
	}
}

func TestCreateAgreement(t *testing.T) {
	t.Parallel()
	currencies := `[{"id":7,"currencyCode":"EUR"},{"id":8,"isoCode":"ISK"},{"id":9,"currencyIdentifier":"USD"}]`
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			answerJSON(w, http.StatusCreated, `{"id":33,"name":"Cloud","currency":{"currencyCode":"EUR"}}`)
			return
		}
		w.Header().Set("Link", "")
		if r.URL.Query().Get("conditions") == `currencyCode = "EUR"` {
			answerJSON(w, http.StatusOK, `[{"id":7,"currencyCode":"EUR"}]`)
		} else if r.URL.Query().Has("conditions") {
			answerJSON(w, http.StatusOK, `[]`)
		} else {
			answerJSON(w, http.StatusOK, currencies)
		}
	})
	client := server.client(t)
	agreement := psa.NewAgreement{
		Name: strings.Repeat("é", 98) + " 😀 and more", TypeID: 2, CompanyID: 250, ContactID: 33,
		StartDate: civil.MustParseDate("2026-05-01"), BillStartDate: civil.MustParseDate("2026-05-02"), Currency: "eur",
	}
	for range 2 {
		if got, err := client.CreateAgreement(t.Context(), agreement); err != nil || got.ID != 33 || got.Currency != "EUR" {
			t.Fatalf("CreateAgreement = %+v, %v, want agreement 33", got, err)
		}
	}
	requests := server.all()
	if len(requests) != 3 { // the currency is looked up once
		t.Fatalf("two agreements took %d requests, want 3", len(requests))
	}
	want := `{"name":"` + strings.Repeat("é", 98) + `","type":{"id":2},"company":{"id":250},"contact":{"id":33},"startDate":"2026-05-01T00:00:00Z",` +
		`"billStartDate":"2026-05-02T00:00:00Z","noEndingDateFlag":true,"currency":{"id":7}}`
	if got := strings.TrimSpace(requests[1].Body); got != want || requests[1].Path != "/finance/agreements" {
		t.Errorf("CreateAgreement sends %s to %s, want %s", got, requests[1].Path, want)
	}
	for code, id := range map[string]string{"ISK": `"currency":{"id":8}`, "USD": `"currency":{"id":9}`} {
		agreement.Currency = code
		if _, err := client.CreateAgreement(t.Context(), agreement); err != nil {
			t.Errorf("CreateAgreement in %s: %v", code, err)
		}
		if requests := server.all(); !strings.Contains(requests[len(requests)-1].Body, id) {
			t.Errorf("CreateAgreement in %s sends %s, want %s", code, requests[len(requests)-1].Body, id)
		}
	}
}

func TestCreateAgreement_WithoutCurrencyAndContact(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(http.StatusCreated, `{"id":33}`))
	if _, err := server.client(t).CreateAgreement(t.Context(), psa.NewAgreement{Name: "Cloud", TypeID: 2, CompanyID: 250}); err != nil {
		t.Fatal(err)
	}
	want := `{"name":"Cloud","type":{"id":2},"company":{"id":250},"noEndingDateFlag":true}`
	if got := strings.TrimSpace(server.all()[0].Body); got != want || len(server.all()) != 1 {
		t.Errorf("CreateAgreement sends %s, want %s", got, want)
	}
}

func TestCreateAgreement_InACurrencyTheTenantDoesNotHave(t *testing.T) {
	t.Parallel()
	for name, api := range map[string]http.HandlerFunc{
		"it is not in the list": always(http.StatusOK, `[]`),
		"the condition is refused": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("conditions") {
				answerJSON(w, 400, `{"code":"ApiFindCondition","message":"currencyCode is not a recognized name.","errors":null}`)
				return
			}
			answerJSON(w, http.StatusOK, `[]`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, api)
			for _, code := range []string{"XTS", `E"R`} {
				_, err := server.client(t).CreateAgreement(t.Context(), psa.NewAgreement{Name: "Cloud", Currency: code})
				var refused *psa.RefusedError
				if !errors.As(err, &refused) || len(refused.Details) != 1 || refused.Details[0].Field != "currency" {
					t.Errorf("CreateAgreement in %s = %v, want a refusal of the currency", code, err)
				}
			}
			for _, request := range server.all() {
				if request.Method != http.MethodGet {
					t.Errorf("%s %s was sent, want nothing created", request.Method, request.Path)
				}
			}
		})
	}
}

func TestCutName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"short":       "short",
		"exactly ten": "exactly te",
		"123456789é1": "123456789é",
		"123456789😀":  "123456789",
		"12345678  😀": "12345678",
		"":            "",
	} {
		if got := cutName(name, 10); got != want {
			t.Errorf("cutName(%q, 10) = %q, want %q", name, got, want)
		}
	}
}

func TestWrite_OutcomesAndExactlyOneRequest(t *testing.T) {
	t.Parallel()
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answerHTML(w, status) }
	}
	for _, tt := range []struct {
		name string
		api  http.HandlerFunc
		want string // refused, unavailable, unauthorized, limited or unconfirmed
	}{
		{"400 in the API's form", always(400, `{"code":"InvalidObject","message":"addition object is invalid","errors":[{"code":"x","message":"m","field":"effectiveDate"}]}`), "refused"},
		{"404 for the agreement", always(404, `{"code":"NotFound","message":"Agreement 9 not found","errors":null}`), "refused"},
		{"409 in the API's form", always(409, `{"code":"Conflict","message":"in use","errors":null}`), "refused"},
		{"403 for a missing permission", always(403, `{"code":"Security","message":"no","errors":null}`), "refused"},
		{"401", always(401, `{"code":"Unauthorized"}`), "unauthorized"},
		{"403 for a missing client id", always(403, `{"code":"Forbidden"}`), "unauthorized"},
		{"404 of a cloud host for wrong credentials", html(404), "unauthorized"},
		{"429", always(429, `{"error":"ConnectWiseAPI","message":"Too many requests."}`), "limited"},
		{"429 as a web page", html(429), "limited"},
		{"400 as a web page", html(400), "unconfirmed"},
		{"408", always(408, `{"code":"Timeout"}`), "unconfirmed"},
		{"400 cut short", always(400, `{"code":"Invalid`), "unconfirmed"},
		{"500 in the API's form", always(500, `{"code":"ConnectWiseApi","message":"no"}`), "unconfirmed"},
		{"502 as a web page", html(502), "unconfirmed"},
		{"503 as a web page", html(503), "unconfirmed"},
		{"200 as a web page", html(200), "unconfirmed"},
		{"201 with JSON cut short", always(201, `{"id":71,"quan`), "unconfirmed"},
		{"201 without a body", always(201, ``), "unconfirmed"},
		{"201 without an id", always(201, `{"quantity":1}`), "unconfirmed"},
		{"201 with a list", always(201, `[{"id":71}]`), "unconfirmed"},
		{"201 with a body shorter than announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(201)
			_, _ = w.Write([]byte(`{"id":71}`))
		}, "unconfirmed"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "unconfirmed"},
		{"the connection is dropped after the request", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unconfirmed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, tt.api)
			_, err := server.client(t).CreateAddition(psa.Background(t.Context()), 9, psa.NewAddition{ProductID: 5})
			if got := outcome(err); got != tt.want {
				t.Errorf("CreateAddition = %v, which is %s, want %s", err, got, tt.want)
			}
			if got := len(server.all()); got != 1 {
				t.Errorf("CreateAddition made %d requests, want exactly 1", got)
			}
		})
	}
}

// outcome names the kind of an error.
func outcome(err error) string {
	var refused *psa.RefusedError
	var unavailable *psa.UnavailableError
	var unconfirmed *psa.UnconfirmedError
	switch {
	case err == nil:
		return "success"
	case errors.As(err, &refused):
		return "refused"
	case errors.As(err, &unconfirmed):
		return "unconfirmed"
	case !errors.As(err, &unavailable):
		return "unknown"
	case unavailable.Unauthorized:
		return "unauthorized"
	case unavailable.RateLimited:
		return "limited"
	}
	return "unavailable"
}

func TestWrite_RefusalKeepsTheDetails(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(400, `{"code":"InvalidObject","message":"addition object is invalid","errors":[
		{"code":"InvalidField","message":"effectiveDate cannot be less than the agreement billing start date","resource":"addition","field":"effectiveDate"}]}`))
	_, err := server.client(t).CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5})
	want := &psa.RefusedError{Status: 400, Code: "InvalidObject", Message: "addition object is invalid", Details: []psa.RefusedDetail{{
		Code: "InvalidField", Message: "effectiveDate cannot be less than the agreement billing start date", Field: "effectiveDate",
	}}}
	var refused *psa.RefusedError
	if !errors.As(err, &refused) || diff(want, refused) != "" {
		t.Errorf("CreateAddition = %v, want %v", err, want)
	}
}

func TestWrite_NothingIsSentWhereNobodyListens(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(200, `{}`))
	client := server.client(t)
	server.Close()
	_, err := client.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5})
	if outcome(err) != "unavailable" {
		t.Errorf("CreateAddition without a server = %v, want *psa.UnavailableError: nothing was sent", err)
	}
}

func TestWrite_NeverGoesOverAnIdleConnection(t *testing.T) {
	t.Parallel()
	server := newServer(t, inTurn(
		always(http.StatusOK, `{"version":"v2026.1"}`), // leaves an idle connection behind
		always(http.StatusCreated, `{"id":71}`),
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	))
	client := server.client(t)
	if _, err := client.SystemInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5}); err != nil {
		t.Fatal(err)
	}
	_, err := client.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5})
	if outcome(err) != "unconfirmed" {
		t.Errorf("CreateAddition over a dropped connection = %v, want *psa.UnconfirmedError", err)
	}
	requests := server.all()
	if len(requests) != 3 {
		t.Errorf("one read and two writes made %d requests, want 3", len(requests))
	}
	for _, request := range requests[1:] {
		if request.Header.Get("Connection") != "close" {
			t.Errorf("a write came with Connection: %q, want a connection of its own", request.Header.Get("Connection"))
		}
	}
}
