package connectwise_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
	"crosswalk/internal/psa/connectwise"
	simulator "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// simulated starts a simulated ConnectWise and a client of it.
func simulated(t *testing.T, options simulator.Options) (*simulator.Simulator, *connectwise.Client) {
	t.Helper()
	s := simulator.New(options)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := connectwise.NewClient(connectwise.Config{
		APIURL: server.URL, CompanyID: "demo", PublicKey: "public", PrivateKey: "private",
		ClientID: "4a7e0b1c-0000-4000-8000-000000000001", AllowInsecure: true, CallsPerMinute: 60_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return s, client
}

func collect[T any](t *testing.T, stream func(context.Context, func([]T) error) error) ([]T, int) {
	t.Helper()
	var records []T
	pages := 0
	err := stream(t.Context(), func(page []T) error {
		pages++
		records = append(records, page...)
		return nil
	})
	if err != nil {
		t.Fatalf("streaming: %v", err)
	}
	return records, pages
}

func TestSimulator_StreamsEverythingInEveryWayOfPaging(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]simulator.Settings{
		"forward-only":                     {},
		"navigable":                        {NoForwardOnly: true},
		"counted":                          {NoForwardOnly: true, NoLinkHeader: true},
		"nulls, and unknown names refused": {ShowNulls: true, RefuseUnknownFields: true, RefuseLargePages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := simulated(t, simulator.Options{Companies: 2001, Products: 1001, Agreements: 30, Settings: settings})
			companies, pages := collect(t, client.Companies)
			if len(companies) != 2001 || pages != 3 {
				t.Errorf("Companies streams %d companies in %d pages, want 2001 in 3", len(companies), pages)
			}
			deleted := map[psa.RecordID]bool{}
			for _, company := range companies {
				deleted[company.ID] = company.Deleted
				if company.Name == "" || company.Identifier == "" || company.Status == "" || company.LastUpdated.IsZero() {
					t.Fatalf("company %+v lacks what every company has", company)
				}
			}
			for _, want := range s.Companies() {
				if got, ok := deleted[psa.RecordID(want.ID)]; !ok || got != want.Deleted {
					t.Errorf("company %d is streamed %t, deleted %t, want deleted %t", want.ID, ok, got, want.Deleted)
				}
			}
			if products, pages := collect(t, client.Products); len(products) != 1001 || pages != 2 || !products[0].Price.Valid {
				t.Errorf("Products streams %d products in %d pages, the first %+v, want 1001 in 2 with prices", len(products), pages, products[0])
			}
			if agreements, pages := collect(t, client.Agreements); len(agreements) != 30 || pages != 1 || agreements[0].CompanyID == 0 {
				t.Errorf("Agreements streams %d agreements in %d pages, want 30 in 1 with companies", len(agreements), pages)
			}
		})
	}
}

func TestSimulator_ReadsAThousandCompaniesInFewCalls(t *testing.T) {
	t.Parallel()
	s, client := simulated(t, simulator.Options{Companies: 1000})
	var ids []psa.RecordID
	for _, company := range s.Companies() {
		ids = append(ids, psa.RecordID(company.ID), psa.RecordID(company.ID))
	}
	found, err := client.CompaniesByID(t.Context(), append(ids, 999_999_999))
	if err != nil || len(found) != 1000 {
		t.Fatalf("CompaniesByID = %d companies, %v, want 1000", len(found), err)
	}
	if calls := s.CallCount("GET /company/companies"); calls > 4 {
		t.Errorf("CompaniesByID of 1000 companies took %d calls, want at most 4", calls)
	}
}

func TestSimulator_AgreementsAndAdditions(t *testing.T) {
	t.Parallel()
	s, client := simulated(t, simulator.Options{Companies: 5, Products: 5, Agreements: 5, Currencies: []string{"EUR"}})
	var company psa.Company
	companies, _ := collect(t, client.Companies)
	for _, candidate := range companies {
		if !candidate.Deleted && candidate.DefaultContact != 0 {
			company = candidate
		}
	}
	types, err := client.AgreementTypes(t.Context())
	if err != nil || len(types) == 0 {
		t.Fatalf("AgreementTypes = %v, %v, want some", types, err)
	}
	start := civil.MustParseDate("2026-05-01")
	agreement, err := client.CreateAgreement(t.Context(), psa.NewAgreement{
		Name: "Cloud services", TypeID: types[0].ID, CompanyID: company.ID, ContactID: company.DefaultContact,
		StartDate: start, BillStartDate: start, Currency: "EUR",
	})
	if err != nil {
		t.Fatalf("CreateAgreement: %v", err)
	}
	if agreement.ID == 0 || agreement.Name != "Cloud services" || agreement.CompanyID != company.ID || agreement.BillStartDate != start ||
		!agreement.EndDate.IsZero() || agreement.Currency != "EUR" {
		t.Errorf("CreateAgreement = %+v, want what was asked for, without an end", agreement)
	}
	ofCompany, err := client.AgreementsOfCompany(t.Context(), company.ID)
	if err != nil || len(ofCompany) == 0 || ofCompany[len(ofCompany)-1].ID != agreement.ID {
		t.Errorf("AgreementsOfCompany = %v, %v, want the new one among them", ofCompany, err)
	}

	wanted := psa.NewAddition{
		ProductID: psa.RecordID(s.Products()[0].ID), Quantity: decimal.RequireFromString("2.5"),
		UnitPrice: decimal.NewNullDecimal(decimal.RequireFromString("10.01")), UnitCost: decimal.NewNullDecimal(decimal.RequireFromString("8")),
		EffectiveDate: start, CancelledDate: start.YearMonth().LastDay(), InvoiceDescription: "Licences #A1B2C3", SerialNumber: "S-1", BillCustomer: "Billable",
	}
	addition, err := client.CreateAddition(t.Context(), agreement.ID, wanted)
	if err != nil || !addition.Quantity.Equal(wanted.Quantity) || !addition.UnitPrice.Decimal.Equal(wanted.UnitPrice.Decimal) ||
		addition.EffectiveDate != start || addition.CancelledDate != wanted.CancelledDate || addition.InvoiceDescription != wanted.InvoiceDescription {
		t.Fatalf("CreateAddition = %+v, %v, want %+v", addition, err, wanted)
	}
	quantity := decimal.NewFromInt(3)
	changed, err := client.UpdateAddition(t.Context(), agreement.ID, addition.ID, psa.AdditionChange{Quantity: &quantity, CancelledDate: &civil.Date{}})
	if err != nil || !changed.Quantity.Equal(quantity) || !changed.CancelledDate.IsZero() || changed.SerialNumber != "S-1" {
		t.Errorf("UpdateAddition = %+v, %v, want quantity 3, no end, and the rest as it was", changed, err)
	}
	listed, err := client.Additions(t.Context(), agreement.ID)
	if err != nil || len(listed) != 1 || listed[0].ID != addition.ID || !listed[0].Quantity.Equal(quantity) {
		t.Errorf("Additions = %+v, %v, want the changed one", listed, err)
	}

	wanted.EffectiveDate = start.AddDays(-1)
	var refused *psa.RefusedError
	if _, err := client.CreateAddition(t.Context(), agreement.ID, wanted); !errors.As(err, &refused) || refused.Status != 400 {
		t.Errorf("CreateAddition before the billing start = %v, want a refusal", err)
	}
	if _, err := client.CreateAddition(t.Context(), 999_999, wanted); !psa.IsNotFound(err) {
		t.Errorf("CreateAddition under no agreement = %v, want a 404", err)
	}
	if _, err := client.Additions(t.Context(), 999_999); !psa.IsNotFound(err) {
		t.Errorf("Additions of no agreement = %v, want a 404", err)
	}
	if _, err := client.UpdateAddition(t.Context(), agreement.ID, 999_999, psa.AdditionChange{Quantity: &quantity}); !psa.IsNotFound(err) {
		t.Errorf("UpdateAddition of no addition = %v, want a 404", err)
	}
}

func TestSimulator_RefusedCredentials(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]simulator.Settings{
		"on-premise answers 401": {KeysExpired: true},
		"cloud answers 404":      {KeysExpired: true, Cloud404: true},
		"plain HTTP is refused":  {RequireTLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := simulated(t, simulator.Options{Settings: settings})
			_, err := client.SystemInfo(t.Context())
			var unavailable *psa.UnavailableError
			if !errors.As(err, &unavailable) || !unavailable.Unauthorized {
				t.Errorf("SystemInfo = %v, want refused credentials", err)
			}
			if err := s.Configure(func(s *simulator.Settings) { *s = simulator.Settings{} }); err != nil {
				t.Fatal(err)
			}
			if info, err := client.SystemInfo(t.Context()); err != nil || info.Version == "" {
				t.Errorf("SystemInfo with the keys put right = %+v, %v, want the version", info, err)
			}
		})
	}
}

func TestSimulator_FaultsOfWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind fault.Kind
		want string
		// done is true when the addition was made all the same.
		done bool
	}{
		{fault.Unauthorized, "unavailable", false},
		{fault.RateLimited, "unavailable", false},
		{fault.ServerError, "unconfirmed", false},
		{fault.BadGateway, "unconfirmed", false},
		{fault.WebPage, "unconfirmed", false},
		{fault.Truncated, "unconfirmed", true},
		{fault.BrokenOff, "unconfirmed", true},
		{fault.LostAnswer, "unconfirmed", true},
		{fault.NoAnswer, "unconfirmed", false},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			s, client := simulated(t, simulator.Options{Companies: 2, Products: 2, Agreements: 2})
			agreement := s.Agreements()[0]
			if err := s.Faults().Set(fault.Fault{Kind: tt.kind, Method: "POST"}); err != nil {
				t.Fatal(err)
			}
			_, err := client.CreateAddition(t.Context(), psa.RecordID(agreement.ID), psa.NewAddition{
				ProductID: psa.RecordID(s.Products()[0].ID), Quantity: decimal.NewFromInt(1), BillCustomer: "Billable",
				EffectiveDate: civil.DateOf(time.Now()).AddMonths(1),
			})
			var unavailable *psa.UnavailableError
			var unconfirmed *psa.UnconfirmedError
			if !(tt.want == "unavailable" && errors.As(err, &unavailable)) && !(tt.want == "unconfirmed" && errors.As(err, &unconfirmed)) {
				t.Errorf("CreateAddition = %v, want it %s", err, tt.want)
			}
			posts := 0
			for _, call := range s.Faults().Calls() {
				if call.Method == "POST" {
					posts++
				}
			}
			if made := len(s.Additions(agreement.ID)); posts != 1 || (made == 1) != tt.done {
				t.Errorf("CreateAddition sent %d requests and made %d additions, want 1 request and an addition: %t", posts, made, tt.done)
			}
		})
	}
}

func TestSimulator_ReadsGetOverPassingFaults(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{
		fault.ServerError, fault.BadGateway, fault.WebPage, fault.Truncated, fault.BrokenOff, fault.LostAnswer, fault.NoAnswer,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, client := simulated(t, simulator.Options{Companies: 30})
			if err := s.Faults().Set(fault.Fault{Kind: kind, Path: "/company/companies", Count: 1}); err != nil {
				t.Fatal(err)
			}
			if companies, _ := collect(t, client.Companies); len(companies) != 30 {
				t.Errorf("Companies = %d companies, want 30", len(companies))
			}
		})
	}
}

func TestSimulator_ARateLimitThatIsAWebPage(t *testing.T) {
	t.Parallel()
	_, client := simulated(t, simulator.Options{Companies: 3, Settings: simulator.Settings{RequestsPerMinute: 1, LimitPages: true}})
	if _, err := client.SystemInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := client.SystemInfo(t.Context())
	var unavailable *psa.UnavailableError
	if !errors.As(err, &unavailable) || !unavailable.RateLimited || !unavailable.RetryAt.After(time.Now()) {
		t.Errorf("SystemInfo beyond the limit = %v, want it limited with RetryAt", err)
	}
	if health := client.Health(); !strings.Contains(health.LastError, "slow down") || health.RetryAt.IsZero() {
		t.Errorf("Health = %+v, want it to tell of the limit", health)
	}
}
