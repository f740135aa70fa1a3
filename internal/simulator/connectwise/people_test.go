package connectwise

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

func TestPeople_ChangeRecordsByHand(t *testing.T) {
	t.Parallel()
	day := civil.MustParseDate
	for _, tt := range []struct {
		name   string
		change func(*Simulator) error
		path   string
		fields string
		want   string
	}{
		{"rename a company", func(s *Simulator) error { return s.RenameCompany(1, "Neu") }, "/company/companies/1", "name,_info/updatedBy", `{"name":"Neu","_info":{"updatedBy":"jdoe"}}`},
		{"a renamed company in its agreement", func(s *Simulator) error { return s.RenameCompany(1, "Neu") }, "/finance/agreements/1", "company/name", `{"company":{"name":"Neu"}}`},
		{"change a status", func(s *Simulator) error { return s.SetCompanyStatus(1, "On hold") }, "/company/companies/1", "status/name", `{"status":{"name":"On hold"}}`},
		{"change an identifier", func(s *Simulator) error { return s.SetCompanyIdentifier(1, "new") }, "/company/companies/1", "identifier", `{"identifier":"new"}`},
		{"take the contact away", func(s *Simulator) error { return s.RemoveDefaultContact(1) }, "/company/companies/1", "id,defaultContact", `{"id":1}`},
		{"delete a company", func(s *Simulator) error { return s.DeleteCompany(1) }, "/company/companies/1", "deletedFlag,deletedBy", `{"deletedFlag":true,"deletedBy":"jdoe"}`},
		{"restore a company", func(s *Simulator) error {
			if err := s.DeleteCompany(1); err != nil {
				return err
			}
			return s.RestoreCompany(1)
		}, "/company/companies/1", "deletedFlag,deletedBy", `{"deletedFlag":false}`},
		{"an agreement whose company is purged", func(s *Simulator) error { return s.PurgeCompany(1) }, "/finance/agreements/1", "company", `{"company":{"id":1,"name":"Acme"}}`},
		{"an addition whose product is purged", func(s *Simulator) error { return s.PurgeProduct(1) }, additions + "/1", "product", `{"product":{"id":1,"name":"M365"}}`},
		{"rename a product", func(s *Simulator) error { return s.RenameProduct(1, "Office") }, "/procurement/catalog/1", "description", `{"description":"Office"}`},
		{"deactivate a product", func(s *Simulator) error { return s.DeactivateProduct(1) }, "/procurement/catalog/1", "inactiveFlag", `{"inactiveFlag":true}`},
		{"rename an agreement", func(s *Simulator) error { return s.RenameAgreement(1, "Neu") }, "/finance/agreements/1", "name", `{"name":"Neu"}`},
		{"cancel an agreement", func(s *Simulator) error { return s.CancelAgreement(1, day("2026-05-01")) }, "/finance/agreements/1", "cancelledFlag,dateCancelled,agreementStatus", `{"cancelledFlag":true,"dateCancelled":"2026-05-01T00:00:00Z","agreementStatus":"Cancelled"}`},
		{"cancel an agreement later", func(s *Simulator) error { return s.CancelAgreement(1, day("2026-06-01")) }, "/finance/agreements/1", "agreementStatus", `{"agreementStatus":"Active"}`},
		{"end an agreement", func(s *Simulator) error { return s.EndAgreement(1, day("2026-05-17")) }, "/finance/agreements/1", "endDate,agreementStatus", `{"endDate":"2026-05-17T00:00:00Z","agreementStatus":"Expired"}`},
		{"the status of an agreement on its additions", func(s *Simulator) error { return s.EndAgreement(1, day("2026-05-17")) }, additions + "/1", "agreementStatus", `{"agreementStatus":"Expired"}`},
		{"mark a period invoiced", func(s *Simulator) error { return s.MarkInvoiced(1, day("2026-06-01")) }, "/finance/agreements/1", "nextInvoiceDate", `{"nextInvoiceDate":"2026-06-01T00:00:00Z"}`},
		{"deactivate an agreement type", func(s *Simulator) error { return s.DeactivateAgreementType(1) }, "/finance/agreements/types/1", "inactiveFlag", `{"inactiveFlag":true}`},
		{"cancel an addition", func(s *Simulator) error { return s.CancelAddition(1, day("2026-05-31")) }, additions + "/1", "cancelledDate", `{"cancelledDate":"2026-05-31T00:00:00Z"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startWithAgreement(t, nil)
			if _, err := c.sim.AddAddition(Addition{AgreementID: 1, ProductID: 1, Quantity: decimal.NewFromInt(1)}); err != nil {
				t.Fatal(err)
			}
			if err := tt.change(c.sim); err != nil {
				t.Fatal(err)
			}
			wantJSON(t, tt.path, tt.want, c.get(tt.path, "fields", tt.fields).is(200).body)
		})
	}
}

func TestPeople_CannotChangeWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for name, err := range map[string]error{
		"rename": s.RenameCompany(1, "x"), "purge": s.PurgeAgreement(1), "delete": s.DeleteAddition(1),
		"cancel": s.CancelAgreement(1, civil.MustParseDate(today)), "custom field": s.AddCustomField("currency", CustomField{}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := s.AddAgreement(Agreement{Name: "x", CompanyID: 1}); err == nil {
		t.Error("an agreement of no company was added")
	}
	if _, err := s.AddAddition(Addition{AgreementID: 1, ProductID: 1}); err == nil {
		t.Error("an addition to no agreement was added")
	}
}

func TestRecords_AreReadAsTheyWereAdded(t *testing.T) {
	t.Parallel()
	s := New(Options{Now: frozen})
	company := Company{
		ID: 250, Identifier: "acme", Name: "Acme", Status: "Gold", Currency: "GBP", AddressLine1: "Station Road 1", City: "York",
		Zip: "YO1", Country: "United Kingdom", PhoneNumber: "1", Website: "acme.co.uk", YearEstablished: 1999, Deleted: true,
	}
	if id := s.AddCompany(company); id != 250 {
		t.Fatalf("AddCompany gave id %d, want 250", id)
	}
	company.DefaultContact = 1
	if diff := cmp.Diff([]Company{company}, s.Companies()); diff != "" {
		t.Errorf("companies (-added +read):\n%s", diff)
	}
	if next := s.AddCompany(Company{ID: 100, Identifier: "low", Name: "Low"}) + s.AddCompany(Company{Identifier: "n", Name: "Next"}); next != 100+251 {
		t.Errorf("ids 100 and the next free one add up to %d, want 351", next)
	}
	product := Product{
		Identifier: "p", Description: "P", CustomerDescription: "For you", Category: "Backup", Class: "Service",
		Price: decimal.RequireFromString("1.005"), Cost: decimal.RequireFromString("1"), VendorSKU: "V", Taxable: true, Inactive: true,
	}
	product.ID = s.AddProduct(product)
	if diff := cmp.Diff([]Product{product}, s.Products()); diff != "" {
		t.Errorf("products (-added +read):\n%s", diff)
	}
	agreement := Agreement{
		Name: "A", CompanyID: 250, Type: "Own", Currency: "SEK", StartDate: civil.MustParseDate("2026-02-02"),
		BillStartDate: civil.MustParseDate("2026-02-01"), EndDate: civil.MustParseDate("2026-12-31"),
		CancelledDate: civil.MustParseDate("2026-04-01"), NextInvoiceDate: civil.MustParseDate("2026-05-01"), NoProration: true, Status: "Cancelled",
	}
	id, err := s.AddAgreement(agreement)
	if err != nil {
		t.Fatal(err)
	}
	agreement.ID = id
	if diff := cmp.Diff([]Agreement{agreement}, s.Agreements()); diff != "" {
		t.Errorf("agreements (-added +read):\n%s", diff)
	}
	addition := Addition{
		AgreementID: id, ProductID: product.ID, Quantity: decimal.RequireFromString("1.5"), UnitPrice: decimal.NewNullDecimal(decimal.NewFromInt(3)),
		UnitCost: decimal.NewNullDecimal(decimal.NewFromInt(2)), EffectiveDate: civil.MustParseDate("2026-02-01"),
		CancelledDate: civil.MustParseDate("2026-02-28"), BillCustomer: "DoNotBill", InvoiceDescription: "line", SerialNumber: "S",
	}
	if addition.ID, err = s.AddAddition(addition); err != nil {
		t.Fatal(err)
	}
	addition.Description = "P"
	for what, got := range map[string][]Addition{"of the agreement": s.Additions(id), "of all agreements": s.AllAdditions()} {
		if diff := cmp.Diff([]Addition{addition}, got); diff != "" {
			t.Errorf("additions %s (-added +read):\n%s", what, diff)
		}
	}
	if err := s.DeleteAddition(addition.ID); err != nil || len(s.AllAdditions()) != 0 {
		t.Errorf("after deleting: %v, %v", s.AllAdditions(), err)
	}
}

func TestSimulator_ServesManyAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 50, Products: 20, Agreements: 50})
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 15 {
				c.get("/company/companies", "conditions", `name contains "a"`, "orderBy", "name desc")
				c.send("POST", "/company/companies", fmt.Sprintf(`{"identifier":"w%d-%d","name":"W"}`, worker, i)).is(201)
				if err := c.sim.RenameCompany(1, fmt.Sprint("R", worker, i)); err != nil {
					t.Error(err)
				}
				c.configure(func(s *Settings) { s.LimitPages = i%2 == 0 })
				c.sim.Calls()
			}
		})
	}
	wait.Wait()
	if got := c.get("/company/companies/count").is(200).body; got != `{"count":170}` {
		t.Errorf("count after 120 creations = %s, want 170", got)
	}
}

// BenchmarkList reads a page of a thousand out of 60,000 companies in the ways that clients do.
func BenchmarkList(b *testing.B) {
	sim := New(Options{Companies: 60_000, Settings: Settings{AnyCredentials: true}})
	for name, query := range map[string]string{
		"everything of a page":   "pageSize=1000&page=30",
		"three fields of a page": "pageSize=1000&page=30&fields=id,name,status/name",
		"a filtered page":        "pageSize=1000&page=30&fields=id&conditions=deletedFlag=false",
		"a sorted page":          "pageSize=1000&page=30&fields=id&orderBy=name",
		"a hundred ids":          "fields=id&conditions=id+in+(" + strings.Repeat("7,500,59000,", 33) + "1)",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				recorder := httptest.NewRecorder()
				sim.ServeHTTP(recorder, httptest.NewRequest("GET", apiRoot+"/company/companies?"+query, nil))
				if recorder.Code != 200 {
					b.Fatalf("%s: %d %s", query, recorder.Code, recorder.Body)
				}
			}
		})
	}
}
