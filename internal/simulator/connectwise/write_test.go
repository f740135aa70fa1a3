package connectwise

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// startWithAgreement has company 1, products 1 (plain) and 2 (a bundle) and agreement 1, billed from 2026-01-01.
func startWithAgreement(t *testing.T, change func(*Agreement)) *caller {
	t.Helper()
	c := start(t, Options{})
	c.sim.AddCompany(Company{Identifier: "acme", Name: "Acme", Currency: "EUR"})
	c.sim.AddProduct(Product{
		Identifier: "M365", Description: "Microsoft 365", CustomerDescription: "Microsoft 365 for you",
		Price: decimal.RequireFromString("22.10"), Cost: decimal.RequireFromString("18.7"), Taxable: true,
	})
	c.sim.AddProduct(Product{Identifier: "KIT", Description: "Kit", Class: "Bundle"})
	agreement := Agreement{Name: "Cloud", CompanyID: 1, Type: "Cloud Subscriptions", StartDate: civil.MustParseDate("2026-01-01")}
	if change != nil {
		change(&agreement)
	}
	if _, err := c.sim.AddAgreement(agreement); err != nil {
		t.Fatal(err)
	}
	return c
}

const additions = "/finance/agreements/1/additions"

func TestCreate_FillsInWhatTheCatalogSays(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	got := c.send("POST", additions+"?fields=product/identifier,quantity,lessIncluded,unitPrice,unitCost,billCustomer,effectiveDate,"+
		"taxableFlag,invoiceDescription,agreementId,description,billedQuantity,uom,extPrice,extCost,margin,agreementStatus",
		`{"product":{"id":1},"quantity":2.5,"lessIncluded":0.5,"billCustomer":"Billable","effectiveDate":"2026-05-01T00:00:00Z"}`).is(201)
	wantJSON(t, "created addition", `{"product":{"identifier":"M365"},"quantity":2.5,"lessIncluded":0.5,"unitPrice":22.1,"unitCost":18.7,
		"billCustomer":"Billable","effectiveDate":"2026-05-01T00:00:00Z","taxableFlag":true,"invoiceDescription":"Microsoft 365 for you",
		"agreementId":1,"description":"Microsoft 365","billedQuantity":2,"uom":"Each","extPrice":55.25,"extCost":46.75,"margin":8.5,
		"agreementStatus":"Active"}`, got.body)
	if want := c.server.URL + apiRoot + additions + "/1"; got.header.Get("Location") != want {
		t.Errorf("Location %q, want %q", got.header.Get("Location"), want)
	}
	c.get(additions + "/1").is(200)
	c.get("/finance/agreements/2/additions/1").refusedWith(404, "NotFound")
}

func TestCreate_KeepsEveryDigitAndEveryExplicitValue(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	got := c.send("POST", additions+"?fields=quantity,unitPrice,unitCost,invoiceDescription,extPrice", `{"product":{"identifier":"m365"},
		"quantity":-3,"unitPrice":12345678901234567890.123456789,"unitCost":0,"billCustomer":"NoCharge","invoiceDescription":""}`).is(201)
	wantJSON(t, "created addition", `{"quantity":-3,"unitPrice":12345678901234567890.123456789,"unitCost":0,"invoiceDescription":"",
		"extPrice":-37037036703703703670.370370367}`, got.body)
}

func TestCreate_FoldsLineBreaks(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	body := `{"product":{"id":1},"billCustomer":"Billable","invoiceDescription":"a\r\nb\t\"c\"\\d\u0008\u000c"}`
	got := c.send("POST", additions+"?fields=invoiceDescription", body).is(201)
	wantJSON(t, "created addition", `{"invoiceDescription":"a  b\t\"c\"\\d"}`, got.body)
	c.configure(func(s *Settings) { s.KeepLineBreaks = true })
	kept := c.send("POST", additions+"?fields=invoiceDescription", body).is(201)
	wantJSON(t, "addition with line breaks kept", `{"invoiceDescription":"a\u000d\nb\t\"c\"\\d\u0008\u000c"}`, kept.body)
}

func TestCreate_RefusesIncompleteAndImpossibleRecords(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	long := strings.Repeat("x", 6001)
	for _, tt := range []struct {
		name, path, body string
		fields           []string
	}{
		{"a company without a name", "/company/companies", `{"identifier":"b"}`, []string{"name"}},
		{"a company without anything", "/company/companies", `{}`, []string{"identifier", "name"}},
		{"a company that is null", "/company/companies", `null`, []string{"identifier", "name"}},
		{"a taken identifier in another case", "/company/companies", `{"identifier":"ACME","name":"b"}`, []string{"identifier"}},
		{"a long identifier", "/company/companies", `{"identifier":"` + long[:31] + `","name":"b"}`, []string{"identifier"}},
		{"a long name", "/company/companies", `{"identifier":"b","name":"` + long[:51] + `"}`, []string{"name"}},
		{"an early year", "/company/companies", `{"identifier":"b","name":"b","yearEstablished":0}`, []string{"yearEstablished"}},
		{"a status that does not exist", "/company/companies", `{"identifier":"b","name":"b","status":{"id":99}}`, []string{"status/id"}},
		{"a status name that does not exist", "/company/companies", `{"identifier":"b","name":"b","status":{"name":"Gone"}}`, []string{"status/id"}},
		{"a reference that is a number", "/company/companies", `{"identifier":"b","name":"b","status":1}`, []string{"status"}},
		{"an empty agreement", "/finance/agreements", `{}`, []string{"company/id", "contact/id", "name", "type/id"}},
		{"an empty agreement type", "/finance/agreements/types", `{"name":"x"}`, []string{
			"billExpenses", "billProducts", "billTime", "employeeCompNotExceed", "employeeCompRate", "invoicingCycle"}},
		{"an agreement of a company that does not exist", "/finance/agreements",
			`{"name":"x","type":{"id":1},"company":{"id":9},"contact":{"id":1}}`, []string{"company/id"}},
		{"an empty catalog item", "/procurement/catalog", `{}`, []string{"customerDescription", "description", "identifier", "subcategory/id", "type/id"}},
		{"a recurring catalog item without a cycle", "/procurement/catalog", `{"identifier":"r","description":"r","customerDescription":"r",
			"subcategory":{"id":1},"type":{"id":1},"recurringFlag":true}`, []string{"recurringBillCycle/id", "recurringOneTimeFlag"}},
		{"an empty addition", additions, `{}`, []string{"billCustomer", "product/id"}},
		{"an unknown way of billing", additions, `{"product":{"id":1},"billCustomer":"NoDefault"}`, []string{"billCustomer"}},
		{"a bundle", additions, `{"product":{"id":2},"billCustomer":"Billable"}`, []string{"product/id"}},
		{"a product that does not exist", additions, `{"product":{"id":3},"billCustomer":"Billable"}`, []string{"product/id"}},
		{"a quantity that is no number", additions, `{"product":{"id":1},"billCustomer":"Billable","quantity":"many"}`, []string{"quantity"}},
		{"a quantity beyond reason", additions, `{"product":{"id":1},"billCustomer":"Billable","quantity":1e999999999}`, []string{"quantity"}},
		{"a date with an offset", additions, `{"product":{"id":1},"billCustomer":"Billable","effectiveDate":"2026-05-01T00:00:00-04:00"}`, []string{"effectiveDate"}},
		{"a date alone", additions, `{"product":{"id":1},"billCustomer":"Billable","effectiveDate":"2026-05-01"}`, []string{"effectiveDate"}},
		{"a date that does not exist", additions, `{"product":{"id":1},"billCustomer":"Billable","effectiveDate":"2026-02-30T00:00:00Z"}`, []string{"effectiveDate"}},
		{"a date before billing starts", additions, `{"product":{"id":1},"billCustomer":"Billable","effectiveDate":"2025-12-31T00:00:00Z"}`, []string{"effectiveDate"}},
		{"a long description", additions, `{"product":{"id":1},"billCustomer":"Billable","invoiceDescription":"` + long + `"}`, []string{"invoiceDescription"}},
		{"a flag that is no flag", additions, `{"product":{"id":1},"billCustomer":"Billable","taxableFlag":"maybe"}`, []string{"taxableFlag"}},
		{"a custom field that does not exist", additions, `{"product":{"id":1},"billCustomer":"Billable","customFields":[{"id":99,"value":"x"}]}`, []string{"customFields"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c.send("POST", tt.path, tt.body).refusedWith(400, "InvalidObject", tt.fields...)
		})
	}
	if got := len(c.sim.Additions(1)); got != 0 {
		t.Errorf("%d additions after refusals, want none", got)
	}
}

func TestCreate_RefusesBodiesThatAreNotRecords(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	for _, body := range []string{`{`, `[]`, `"x"`, `{"name":"x"} {}`} {
		c.send("POST", "/company/companies", body).refusedWith(400, "InvalidObject")
	}
	c.header.Set("Content-Type", "text/plain")
	c.send("POST", "/company/companies", `{}`).is(415)
}

func TestRefusals_HaveTheBodiesOfLiveTenants(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	wantJSON(t, "duplicate", `{"code":"InvalidObject","message":"company object is invalid","errors":[{"code":"ObjectExists",
		"message":"Company ID already in use.","resource":"company","field":"identifier"}]}`,
		c.send("POST", "/company/companies", `{"identifier":"acme","name":"b"}`).is(400).body)
	wantJSON(t, "early date", `{"code":"InvalidObject","message":"addition object is invalid","errors":[{"code":"InvalidObject",
		"message":"effectiveDate cannot be less than the agreement billing start date","resource":"addition","field":"effectiveDate"}]}`,
		c.send("POST", additions, `{"product":{"id":1},"billCustomer":"Billable","effectiveDate":"2020-01-01T00:00:00Z"}`).is(400).body)
	wantJSON(t, "not found", `{"code":"NotFound","message":"Company 77 not found","errors":null}`, c.get("/company/companies/77").is(404).body)
	wantJSON(t, "unknown endpoint", `{"code":"ConnectWiseApi","message":"The endpoint does not exist.","errors":null}`,
		c.get("/finance/agreements/statuses").is(404).body)
	wantJSON(t, "unknown name", `{"code":"ApiFindCondition","message":"nmae is not a recognized name.","errors":null}`,
		c.get("/company/companies", "conditions", "nmae = 1").is(400).body)
}

func TestCreate_AgreementTakesOverFromTypeCompanyAndServer(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	got := c.send("POST", "/finance/agreements?fields=id,company/identifier,contact/id,startDate,noEndingDateFlag,billStartDate,billTime,"+
		"billingCycle/name,prorateFlag,currency/currencyCode,nextInvoiceDate,agreementStatus",
		`{"name":"New","type":{"name":"Cloud Subscriptions"},"company":{"identifier":"acme"},"contact":{"id":1},"startDate":"2026-05-01T00:00:00Z"}`).is(201)
	wantJSON(t, "created agreement", `{"id":2,"company":{"identifier":"acme"},"contact":{"id":1},"startDate":"2026-05-01T00:00:00Z",
		"noEndingDateFlag":true,"billStartDate":"2026-05-18T00:00:00Z","billTime":"Billable","billingCycle":{"name":"Monthly"},
		"prorateFlag":true,"currency":{"currencyCode":"EUR"},"nextInvoiceDate":"2026-05-18T00:00:00Z","agreementStatus":"Active"}`, got.body)
}

func TestCreate_ObeysStatusesThatDoNotAllowSaving(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.sim.AddStatus("Frozen", true)
	if err := c.sim.SetCompanyStatus(1, "Frozen"); err != nil {
		t.Fatal(err)
	}
	c.send("POST", "/finance/agreements", `{"name":"x","type":{"id":1},"company":{"id":1},"contact":{"id":1}}`).
		refusedWith(400, "InvalidObject", "company/id")
	c.send("POST", additions, `{"product":{"id":1},"billCustomer":"Billable"}`).refusedWith(400, "InvalidObject", "company/id")
}

func TestAdditions_ObeyTheirAgreement(t *testing.T) {
	t.Parallel()
	const body = `{"product":{"id":1},"billCustomer":"Billable","effectiveDate":"%sT00:00:00Z"}`
	for _, tt := range []struct {
		name      string
		change    func(*Agreement)
		effective string
		refused   string
	}{
		{"on the first billed day", nil, "2026-01-01", ""},
		{"before the first billed day though after the start", func(a *Agreement) { a.BillStartDate = civil.MustParseDate("2026-02-01") }, "2026-01-31", "effectiveDate"},
		{"in an invoiced period with proration", func(a *Agreement) { a.NextInvoiceDate = civil.MustParseDate("2026-06-01") }, "2026-05-10", ""},
		{"in an invoiced period without proration", func(a *Agreement) {
			a.NextInvoiceDate, a.NoProration = civil.MustParseDate("2026-06-01"), true
		}, "2026-05-10", "effectiveDate"},
		{"on the next invoice date without proration", func(a *Agreement) {
			a.NextInvoiceDate, a.NoProration = civil.MustParseDate("2026-06-01"), true
		}, "2026-06-01", ""},
		{"without proration but nothing invoiced", func(a *Agreement) { a.NoProration = true }, "2026-01-10", ""},
		{"on a cancelled agreement", func(a *Agreement) { a.CancelledDate = civil.MustParseDate("2026-04-30") }, "2026-03-01", "agreementId"},
		{"on an ended agreement", func(a *Agreement) { a.EndDate = civil.MustParseDate("2026-04-30") }, "2026-03-01", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startWithAgreement(t, tt.change)
			got := c.send("POST", additions, fmt.Sprintf(body, tt.effective))
			if tt.refused == "" {
				got.is(201)
				return
			}
			got.refusedWith(400, "InvalidObject", tt.refused)
			if tt.refused == "effectiveDate" {
				c.configure(func(s *Settings) { s.NoAdditionDateRules = true })
				c.send("POST", additions, fmt.Sprintf(body, tt.effective)).is(201)
			}
		})
	}
}

func TestAdditions_CanBeCancelledInInvoicedPeriods(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, func(a *Agreement) { a.NoProration = true })
	c.send("POST", additions, `{"product":{"id":1},"billCustomer":"Billable","effectiveDate":"2026-01-01T00:00:00Z"}`).is(201)
	wantJSON(t, "number of the invoice", `1`, c.send("POST", "/finance/agreements/1/invoice", "").is(200).body)
	if agreement, _ := c.sim.AgreementByID(1); agreement.NextInvoiceDate != civil.MustParseDate("2026-02-01") {
		t.Errorf("next invoice on %s, want 2026-02-01", agreement.NextInvoiceDate)
	}
	c.send("PATCH", additions+"/1", `[{"op":"replace","path":"effectiveDate","value":"2026-01-02T00:00:00Z"}]`).
		refusedWith(400, "InvalidObject", "effectiveDate")
	c.send("PATCH", additions+"/1", `[{"op":"replace","path":"cancelledDate","value":"2026-01-31T00:00:00Z"}]`).is(200)
}

func TestPatch_ChangesNamedFields(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.send("POST", additions, `{"product":{"id":1},"quantity":1,"billCustomer":"Billable","cancelledDate":"2026-05-31T13:14:15.277Z"}`).is(201)
	const fields = "?fields=quantity,unitPrice,cancelledDate,extPrice,billCustomer"
	for _, tt := range []struct{ name, body, want string }{
		{"a bare path", `[{"op":"replace","path":"quantity","value":3}]`, `{"quantity":3,"unitPrice":22.1,"billCustomer":"Billable","cancelledDate":"2026-05-31T00:00:00Z","extPrice":66.3}`},
		{"a path with a slash", `[{"op":"add","path":"/quantity","value":4}]`, `{"quantity":4,"unitPrice":22.1,"billCustomer":"Billable","cancelledDate":"2026-05-31T00:00:00Z","extPrice":88.4}`},
		{"several operations", `[{"op":"replace","path":"quantity","value":2},{"op":"replace","path":"unitPrice","value":"1.50"}]`, `{"quantity":2,"unitPrice":1.5,"billCustomer":"Billable","cancelledDate":"2026-05-31T00:00:00Z","extPrice":3}`},
		{"a nested path does nothing", `[{"op":"replace","path":"product/id","value":2}]`, `{"quantity":2,"unitPrice":1.5,"billCustomer":"Billable","cancelledDate":"2026-05-31T00:00:00Z","extPrice":3}`},
		{"what the server computes is ignored", `[{"op":"replace","path":"extPrice","value":9},{"op":"replace","path":"id","value":9}]`, `{"quantity":2,"unitPrice":1.5,"billCustomer":"Billable","cancelledDate":"2026-05-31T00:00:00Z","extPrice":3}`},
		{"null clears", `[{"op":"replace","path":"cancelledDate","value":null}]`, `{"quantity":2,"unitPrice":1.5,"billCustomer":"Billable","extPrice":3}`},
		{"remove clears", `[{"op":"add","path":"cancelledDate","value":"2026-05-31T00:00:00Z"},{"op":"remove","path":"cancelledDate"}]`, `{"quantity":2,"unitPrice":1.5,"billCustomer":"Billable","extPrice":3}`},
	} {
		wantJSON(t, tt.name, tt.want, c.send("PATCH", additions+"/1"+fields, tt.body).is(200).body)
	}
}

func TestPatch_RefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.send("POST", additions, `{"product":{"id":1},"quantity":1,"billCustomer":"Billable"}`).is(201)
	for _, tt := range []struct{ name, body, field string }{
		{"an unknown path", `[{"op":"replace","path":"price","value":3}]`, "price"},
		{"a path in the wrong case", `[{"op":"replace","path":"Quantity","value":3}]`, "Quantity"},
		{"an operation in the wrong case", `[{"op":"Replace","path":"quantity","value":3}]`, "quantity"},
		{"an unknown operation", `[{"op":"test","path":"quantity","value":1}]`, "quantity"},
		{"removing what is required", `[{"op":"remove","path":"billCustomer"}]`, "billCustomer"},
		{"removing a required reference", `[{"op":"replace","path":"product","value":null}]`, "product/id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c.send("PATCH", additions+"/1", tt.body).refusedWith(400, "InvalidObject", tt.field)
		})
	}
	c.send("PATCH", additions+"/1", `{"op":"replace","path":"quantity","value":3}`).refusedWith(400, "InvalidObject")
	c.send("PATCH", additions+"/2", `[]`).refusedWith(404, "NotFound")
	c.send("PATCH", "/company/companies/1", `[{"op":"replace","path":"types","value":[{"id":1}]}]`).refusedWith(400, "InvalidObject", "typeIds")
}

func TestPatch_RefusesNestedPathsWhenTold(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.configure(func(s *Settings) { s.RefuseNestedPatch = true })
	c.send("PATCH", "/company/companies/1", `[{"op":"replace","path":"status/id","value":2}]`).refusedWith(400, "InvalidObject", "status/id")
}

func TestPatch_ChecksTheWholeStoredRecord(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	id := c.sim.AddCompany(Company{Identifier: "old", Name: strings.Repeat("n", 60)})
	c.send("PATCH", fmt.Sprintf("/company/companies/%d", id), `[{"op":"replace","path":"city","value":"Riga"}]`).
		refusedWith(400, "InvalidObject", "name")
}

func TestPatch_AnotherProductBringsItsPricesAndTexts(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.sim.AddProduct(Product{Identifier: "ACR", Description: "Acronis", CustomerDescription: "Backup", Price: decimal.RequireFromString("5"), Cost: decimal.RequireFromString("3")})
	c.send("POST", additions, `{"product":{"id":1},"unitPrice":1,"unitCost":1,"invoiceDescription":"mine","billCustomer":"Billable"}`).is(201)
	const fields = "?fields=unitPrice,unitCost,invoiceDescription,description"
	wantJSON(t, "the same product", `{"unitPrice":1,"unitCost":1,"invoiceDescription":"mine","description":"Microsoft 365"}`,
		c.send("PATCH", additions+"/1"+fields, `[{"op":"replace","path":"product","value":{"id":1}}]`).is(200).body)
	wantJSON(t, "another product with a price", `{"unitPrice":7,"unitCost":3,"invoiceDescription":"Backup","description":"Acronis"}`,
		c.send("PATCH", additions+"/1"+fields, `[{"op":"replace","path":"unitPrice","value":7},{"op":"replace","path":"product","value":{"id":3}}]`).is(200).body)
}

func TestPatch_ReplacesCustomFieldsAsAWhole(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	if err := c.sim.AddCustomField("agreement", CustomField{ID: 7, Caption: "Line"}); err != nil {
		t.Fatal(err)
	}
	if err := c.sim.AddCustomField("agreement", CustomField{ID: 8, Caption: "Size", Type: "Number"}); err != nil {
		t.Fatal(err)
	}
	const fields = "?fields=customFields"
	empty := `{"id":7,"caption":"Line","type":"Text","entryMethod":"EntryField","numberOfDecimals":0}`
	wantJSON(t, "filled by id and caption", `{"customFields":[{"id":7,"caption":"Line","type":"Text","entryMethod":"EntryField","numberOfDecimals":0,"value":"k 1"},
		{"id":8,"caption":"Size","type":"Number","entryMethod":"EntryField","numberOfDecimals":0,"value":1.25}]}`,
		c.send("PATCH", "/finance/agreements/1"+fields, `[{"op":"replace","path":"customFields","value":[{"caption":"Size","value":1.250},{"id":7,"value":"k\n1"}]}]`).is(200).body)
	wantJSON(t, "one left out becomes empty", `{"customFields":[`+empty+`,{"id":8,"caption":"Size","type":"Number","entryMethod":"EntryField","numberOfDecimals":0,"value":true}]}`,
		c.send("PATCH", "/finance/agreements/1"+fields, `[{"op":"replace","path":"customFields","value":[{"id":8,"value":true}]}]`).is(200).body)
}

func TestPut_ReplacesTheWholeRecord(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.send("POST", additions, `{"product":{"id":1},"quantity":9,"unitPrice":1,"serialNumber":"S","billCustomer":"Billable","effectiveDate":"2026-02-01T00:00:00Z"}`).is(201)
	got := c.send("PUT", additions+"/1?fields=id,quantity,unitPrice,serialNumber,effectiveDate,billCustomer,description",
		`{"product":{"id":1},"billCustomer":"DoNotBill"}`).is(200)
	wantJSON(t, "replaced addition", `{"id":1,"quantity":1,"unitPrice":22.1,"billCustomer":"DoNotBill","effectiveDate":"2026-05-18T00:00:00Z","description":"Microsoft 365"}`, got.body)

	read := c.get("/finance/agreements/1").is(200)
	c.send("PUT", "/finance/agreements/1", read.body).is(200)
	if again := c.get("/finance/agreements/1", "fields", "name,startDate,prorateFlag"); again.body != `{"name":"Cloud","startDate":"2026-01-01T00:00:00Z","prorateFlag":true}` {
		t.Errorf("an agreement that was read and put back is %s", again.body)
	}
	c.send("PUT", "/finance/agreements/1", `{"name":"x","type":{"id":1},"company":{"id":1},"contact":{"id":1}}`).
		refusedWith(400, "InvalidObject", "billExpenses", "billProducts", "billTime", "employeeCompRate", "invoicingCycle")
	company := c.get("/company/companies/1").is(200)
	c.send("PUT", "/company/companies/1", company.body).refusedWith(400, "InvalidObject", "typeIds")
}

func TestDelete_RecyclesCompaniesAndRemovesTheRest(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.send("POST", additions, `{"product":{"id":1},"billCustomer":"Billable"}`).is(201)

	c.send("DELETE", "/company/companies/1", "").is(204)
	c.send("DELETE", "/company/companies/1", "").refusedWith(404, "NotFound")
	if got := c.get("/company/companies/1", "fields", "deletedFlag,deletedBy").is(200).body; got != `{"deletedFlag":true,"deletedBy":"public"}` {
		t.Errorf("a deleted company is %s, want it marked", got)
	}
	c.send("DELETE", "/procurement/catalog/1", "").refusedWith(409, "ConflictObject")
	c.send("DELETE", additions+"/1", "").is(204)
	c.send("DELETE", additions+"/1", "").refusedWith(404, "NotFound")
	c.send("DELETE", "/procurement/catalog/1", "").is(204)
	c.send("DELETE", "/finance/agreements/1", "").is(204)
	c.get(additions).refusedWith(404, "NotFound")
}

func TestRoutes_AnswerWrongMethods(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	for _, request := range []string{
		"DELETE /company/companies", "POST /company/companies/1", "POST /company/companies/count", "DELETE /system/info", "GET /finance/agreements/1/invoice",
	} {
		method, path, _ := strings.Cut(request, " ")
		c.send(method, path, "").refusedWith(http.StatusMethodNotAllowed, "ConnectWiseApi")
	}
}

func TestGet_LeavesOutWhatHasNoValue(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	got := c.get("/company/companies/1").is(200)
	if _, found := got.object()["faxNumber"]; found {
		t.Errorf("faxNumber is in %s, want members without a value left out", got.body)
	}
	info, _ := got.object()["_info"].(map[string]any)
	stamps := []string{}
	for _, name := range []string{"lastUpdated", "updatedBy", "dateEntered", "enteredBy", "contacts_href"} {
		if text, _ := info[name].(string); text == "" {
			stamps = append(stamps, name)
		}
	}
	if diff := cmp.Diff([]string{}, stamps); diff != "" {
		t.Errorf("missing of _info: %s", diff)
	}
	c.configure(func(s *Settings) { s.ShowNulls = true })
	if value, found := c.get("/company/companies/1").is(200).object()["faxNumber"]; !found || value != nil {
		t.Errorf("with nulls shown faxNumber = %v, %t, want null", value, found)
	}
}
