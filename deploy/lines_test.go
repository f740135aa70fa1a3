package deploy_test

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// run starts a background run, which must succeed, and returns it.
func run(t *testing.T, w *gatewaytest.World, mutation string) gatewaytest.Job {
	t.Helper()
	var data struct{ Run gatewaytest.JobPayload }
	w.Must(t, account.Operator, `mutation { run: `+mutation+` { job { id } started userErrors { code message field } } }`, nil, &data)
	if data.Run.Job == nil || !data.Run.Started {
		t.Fatalf("%s was answered with %+v, want a new run", mutation, data.Run)
	}
	job := w.WaitForJob(t, data.Run.Job.ID)
	if job.State != "SUCCEEDED" {
		t.Fatalf("%s ended as %s: %+v", mutation, job.State, job)
	}
	return job
}

// first returns the id of the first record of a list.
func first(t *testing.T, w *gatewaytest.World, list string) string {
	t.Helper()
	var data struct {
		List struct{ Nodes []struct{ ID string } }
	}
	w.Must(t, account.Viewer, `{ list: `+list+` { nodes { id } } }`, nil, &data)
	if len(data.List.Nodes) == 0 {
		t.Fatalf("%s is empty", list)
	}
	return data.List.Nodes[0].ID
}

// change runs a mutation, which must not be refused.
func change(t *testing.T, w *gatewaytest.World, mutation string, input map[string]any) {
	t.Helper()
	var data struct {
		Change struct{ UserErrors []gatewaytest.UserError }
	}
	w.Must(t, account.Editor, `mutation ($input: `+mutation+`Input!) { change: `+strings.ToLower(mutation[:1])+mutation[1:]+`(input: $input) {
		userErrors { code message field } } }`, map[string]any{"input": input}, &data)
	if len(data.Change.UserErrors) > 0 {
		t.Fatalf("%s of %v was refused: %+v", mutation, input, data.Change.UserErrors)
	}
}

func TestTheLoginThatServesLoadsEditsAndPostsLines(t *testing.T) {
	t.Parallel()
	address := setUp(t)
	w := gatewaytest.Start(t, gatewaytest.Options{Address: address("crosswalk_gateway", "crosswalk")})
	acme := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme", Currency: "EUR"})
	w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "DISK", Description: "Disk"})
	agreement, err := w.ConnectWise.AddAgreement(simconnectwise.Agreement{
		Name: "Cloud", StartDate: civil.Date{Year: 2026, Month: 4, Day: 1}, CompanyID: acme, Currency: "EUR",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.AddCustomer("Alpha", "1", "Active")
	day := civil.Date{Year: 2026, Month: 5, Day: 10}
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1", Currency: "EUR", InvoiceDate: day}, platform.InvoiceRow{
		RowID: "R-1", OfferID: "O-1", OfferName: "Disk", VendorID: "V-1", VendorName: "Vendor", ChargeType: "OneTimeFee", ChargeStartDate: day,
		Quantity: decimal.NewFromInt(1), UnitPrice: decimal.NewFromInt(7), TotalPrice: decimal.NewFromInt(7),
	})
	w.Sync(t)
	w.Load(t, 1)
	if job := run(t, w, `loadInvoiceLines(input: {periods: [CURRENT_MONTH]})`); job.Created != 1 {
		t.Fatalf("%d lines were loaded, want 1", job.Created)
	}
	line := first(t, w, "invoiceLines")
	change(t, w, "MapOrganization", map[string]any{
		"organizationId": first(t, w, "organizations"), "psaCompanyId": first(t, w, `psaCompanies(search: "acme")`), "excludedFromSync": false,
	})
	change(t, w, "MapOffer", map[string]any{"offerId": first(t, w, "offers"), "psaProductId": first(t, w, `psaProducts(search: "disk")`)})
	change(t, w, "MapContract", map[string]any{"contractId": first(t, w, "contracts"), "psaAgreementId": first(t, w, "psaAgreements")})
	change(t, w, "BulkUpdateInvoiceLines", map[string]any{"ids": []string{line}, "chargeEndDate": "2026-05-20"})
	change(t, w, "BulkUpdateInvoiceLines", map[string]any{"matching": map[string]any{"period": "2026-05"}, "chargeEndDate": "2026-05-21"})
	if job := run(t, w, "syncInvoiceLines"); job.Created != 1 {
		t.Errorf("%d lines were posted, want 1: %+v", job.Created, job)
	}
	if additions := w.ConnectWise.Additions(agreement); len(additions) != 1 {
		t.Errorf("the agreement has the Additions %+v, want that of the line", additions)
	}
}
