package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// contractIDs returns the Contract IDs of contracts, in their order.
func contractIDs(rows []contract) []string {
	ids := []string{}
	for _, c := range rows {
		ids = append(ids, c.PlatformID)
	}
	return ids
}

func TestContractsArriveWithTheOrganizationsOfValidInvoices(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.AddCustomer("Alpha", "1", "Active")
	w.AddCustomer("Beta", "2", "Blocked")
	for _, c := range []platform.Contract{
		{ID: "C-1 paid", CustomerID: "1", Currency: "USD", BillingCycleDay: 28, ContractType: "Azure Plan & OneTime"},
		{ID: "C-1 new", CustomerID: "1", Currency: "EUR", BillingCycleDay: 3},
		{ID: "C-1 long ago", CustomerID: "1", Currency: "EUR", BillingCycleDay: 3},
		{ID: "C-1 never billed", CustomerID: "1", Currency: "EUR", BillingCycleDay: 3},
	} {
		w.Platform.AddContract(c)
	}
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1 paid", Status: "Paid", InvoiceDate: today().AddMonths(-12)})
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1 new", Status: "New"})
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1 long ago", InvoiceDate: today().AddMonths(-12).AddDays(-1)})
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-missing", Status: "Issued"})

	job := w.Sync(t)

	if diff := cmp.Diff([]string{"C-1", "C-1 paid", "C-2"}, contractIDs(contracts(t, w.Seller))); diff != "" {
		t.Errorf("imported contracts (-want +got):\n%s", diff)
	}
	got := contractOf(t, w.Seller, "C-1 paid")
	want := contract{
		ID: got.ID, PlatformID: "C-1 paid", Organization: got.Organization, Currency: "USD", BillingCycleDay: 28,
		ContractType: changedText("Azure Plan & OneTime"), MappingStatus: "UNMAPPED", Revision: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" || got.Organization.Name != "Alpha" {
		t.Errorf("an imported contract, of %q (-want +got):\n%s", got.Organization.Name, diff)
	}
	if plain := contractOf(t, w.Seller, "C-1"); plain.ContractType != nil || plain.Currency != "EUR" || plain.BillingCycleDay != 1 {
		t.Errorf("a contract without a type is %+v", plain)
	}
	if job.Created != 2 || job.Skipped != 0 {
		t.Errorf("the run counted %+v, want the 2 organizations alone", job)
	}
	var warnings []string
	for _, entry := range job.LogEntries.Nodes {
		if entry.Level == "WARNING" {
			warnings = append(warnings, entry.Code+" "+entry.Details)
		}
	}
	if want := []string{"CONTRACT_NOT_IN_FEED Its Platform id is C-missing. It was left out."}; !slices.Equal(warnings, want) {
		t.Errorf("the run warned %q, want %q", warnings, want)
	}
	if details := job.LogEntries.Nodes[0].Details; !strings.Contains(details, "Contracts on the Platform: 4, of which 3 are new and 0 changed") {
		t.Errorf("the run says %q of contracts", details)
	}
	checkMappingTotals(t, w.Seller)
}

func TestContractsTakeChangesOverAndKeepTheirAgreements(t *testing.T) {
	t.Parallel()
	w, acme, other := startContracts(t, gatewaytest.Options{})
	cloud := addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud", CompanyID: acme})
	before := sign(t, w.Seller, contractOf(t, w.Seller, "C-1").ID, agreementID(cloud))
	w.Platform.AddContract(platform.Contract{ID: "C-1", CustomerID: "1", Currency: "EUR", BillingCycleDay: 15, ContractType: "CSP"})

	job := w.Sync(t)

	want := before
	want.BillingCycleDay, want.ContractType = 15, changedText("CSP")
	if diff := cmp.Diff(want, contractOf(t, w.Seller, "C-1")); diff != "" {
		t.Errorf("a changed contract (-want +got):\n%s", diff)
	}
	if details := job.LogEntries.Nodes[0].Details; !strings.Contains(details, "of which 0 are new and 1 changed") {
		t.Errorf("the run says %q of contracts", details)
	}
	// The contract passes to another customer, who is mapped to another company.
	w.Platform.AddContract(platform.Contract{ID: "C-1", CustomerID: "3", Currency: "EUR", BillingCycleDay: 15})
	mapTo(t, w.Seller, organizationNamed(t, w.Seller, "Gamma").ID, companyID(other), nil)
	w.Sync(t)
	moved := contractOf(t, w.Seller, "C-1")
	if moved.Organization.Name != "Gamma" || deref(moved.AgreementProblem) != "AGREEMENT_NOT_OF_COMPANY" || moved.PsaAgreement == nil {
		t.Errorf("a contract of another customer is %+v with the agreement %+v, want it Gamma's, its agreement visible and not fitting", moved, moved.PsaAgreement)
	}
	checkMappingTotals(t, w.Seller)
}

// startContracts puts up a world with the companies ACME and OTHER, both in EUR, and the organizations Alpha,
// mapped to ACME, Beta and Gamma, unmapped, with the contracts C-1, C-2 and C-3 in EUR.
func startContracts(t *testing.T, options gatewaytest.Options) (w *gatewaytest.World, acme, other int) {
	t.Helper()
	w = gatewaytest.Start(t, options)
	acme = w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme Ltd", Currency: "EUR"})
	other = w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "OTHER", Name: "Other Ltd", Currency: "EUR"})
	w.AddCustomer("Alpha", "1", "Active")
	w.AddCustomer("Beta", "2", "Active")
	w.AddCustomer("Gamma", "3", "Active")
	for _, s := range w.Sellers {
		s.Sync(t)
		mapTo(t, s, organizationNamed(t, s, "Alpha").ID, companyID(acme), nil)
	}
	return w, acme, other
}

func TestSyncMirrorsAgreements(t *testing.T) {
	t.Parallel()
	w, acme, _ := startContracts(t, gatewaytest.Options{})
	staying := addAgreement(t, w, simconnectwise.Agreement{Name: "Staying", CompanyID: acme, Type: "Cloud Subscriptions", StartDate: today().AddMonths(-2), EndDate: today().AddMonths(2)})
	vanishing := addAgreement(t, w, simconnectwise.Agreement{Name: "Vanishing", CompanyID: acme})
	ending := addAgreement(t, w, simconnectwise.Agreement{Name: "Ending", CompanyID: acme})
	job := w.Sync(t)
	if details := job.LogEntries.Nodes[0].Details; !strings.Contains(details, "Agreements: 3 read, 3 new or changed, 0 no longer there") {
		t.Errorf("the run says %q of agreements", details)
	}
	if err := w.ConnectWise.RenameAgreement(staying, "Still There"); err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.PurgeAgreement(vanishing); err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.CancelAgreement(ending, yesterday()); err != nil {
		t.Fatal(err)
	}
	job = w.Sync(t)
	if details := job.LogEntries.Nodes[0].Details; !strings.Contains(details, "Agreements: 2 read, 2 new or changed, 1 no longer there") {
		t.Errorf("the next run says %q of agreements", details)
	}
	type state struct {
		Name, Type, Start, End, Currency, Company, Freshness string
		Cancelled, Deleted                                   bool
	}
	var got []state
	for _, a := range agreements(t, w.Seller, variables{"filter": variables{"includeClosed": true}}).Nodes {
		got = append(got, state{a.Name, deref(a.Type), deref(a.StartDate), deref(a.EndDate), deref(a.Currency), a.Company.Identifier, a.Freshness, a.Cancelled, a.Deleted})
	}
	want := []state{
		{"Ending", "Managed Services", "2026-05-18", "(nothing)", "EUR", "ACME", "STALE", true, false},
		{"Still There", "Cloud Subscriptions", "2026-03-18", "2026-07-18", "EUR", "ACME", "STALE", false, false},
		{"Vanishing", "Managed Services", "2026-05-18", "(nothing)", "EUR", "ACME", "STALE", false, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mirrored agreements (-want +got):\n%s", diff)
	}
}
