package gateway_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// organization is what tests look at of a row.
type organization struct {
	ID, PlatformID, Name, ReferenceNumber, Status string
	ExcludedFromSync                              bool
	MappingStatus                                 string
	MappingStatusMessage                          *string
	Revision                                      int
	MappedAt, MappedBy                            *string
	PsaCompany                                    *company
}

// company is what tests look at of a ConnectWise company.
type company struct {
	ID               string
	RecordID         int
	Identifier, Name string
	Status, Currency *string
	Deleted          bool
	Freshness        string
}

const organizationFields = `id platformId name referenceNumber status excludedFromSync mappingStatus mappingStatusMessage
	revision mappedAt mappedBy psaCompany { id recordId identifier name status currency deleted freshness }`

// organizations returns all organizations, by name.
func organizations(t testing.TB, s *gatewaytest.Seller) []organization {
	t.Helper()
	var data struct {
		Organizations struct{ Nodes []organization }
	}
	s.Must(t, viewer, `{ organizations(first: 1000) { nodes { `+organizationFields+` } } }`, nil, &data)
	return data.Organizations.Nodes
}

// organizationNamed returns the organization of a name.
func organizationNamed(t *testing.T, s *gatewaytest.Seller, name string) organization {
	t.Helper()
	for _, o := range organizations(t, s) {
		if o.Name == name {
			return o
		}
	}
	t.Fatalf("there is no organization %q", name)
	return organization{}
}

// companies returns all companies of the picker, deleted ones included, by identifier.
func companies(t *testing.T, s *gatewaytest.Seller) map[string]company {
	t.Helper()
	var data struct{ PsaCompanies struct{ Nodes []company } }
	s.Must(t, viewer, `{ psaCompanies(first: 1000, filter: {includeDeleted: true}) {
		nodes { id recordId identifier name status currency deleted freshness } } }`, nil, &data)
	byIdentifier := make(map[string]company)
	for _, c := range data.PsaCompanies.Nodes {
		byIdentifier[c.Identifier] = c
	}
	return byIdentifier
}

// names returns the names of organizations.
func names(rows []organization) []string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = row.Name
	}
	return list
}

func TestSyncImportsTheOrganizationsOfValidInvoicesOfTheLastTwelveMonths(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	today := civil.DateOf(gatewaytest.Now())
	for i, invoice := range []platform.InvoiceHeader{
		{CustomerID: "verified", Status: "Verified", InvoiceDate: today},
		{CustomerID: "issued", Status: "Issued", InvoiceDate: today.AddMonths(-3)},
		{CustomerID: "paid", Status: "Paid", InvoiceDate: today.AddMonths(-12)},
		{CustomerID: "card error", Status: "Payment Card Error", InvoiceDate: today.AddMonths(-1)},
		{CustomerID: "new", Status: "New", InvoiceDate: today},
		{CustomerID: "new corrected", Status: "New Corrected", InvoiceDate: today},
		{CustomerID: "long ago", Status: "Paid", InvoiceDate: today.AddMonths(-12).AddDays(-1)},
		{CustomerID: "in future", Status: "Verified", InvoiceDate: today.AddDays(1)},
		{CustomerID: "verified", Status: "New", InvoiceDate: today.AddDays(-3)},
	} {
		invoice.ContractID, invoice.Currency = "C-1", "EUR"
		w.Platform.AddInvoice(invoice)
		w.Platform.AddOrganization(platform.Organization{
			ID: invoice.CustomerID, Name: invoice.CustomerID, ReferenceNumber: string(rune('1' + i)), Status: "Active",
		})
	}
	w.Platform.AddOrganization(platform.Organization{ID: "no invoice", Name: "no invoice", ReferenceNumber: "99", Status: "Active"})

	w.Sync(t)

	want := []string{"card error", "issued", "paid", "verified"}
	if got := names(organizations(t, w.Seller)); !slices.Equal(got, want) {
		t.Errorf("Sync Organizations imported %q, want %q", got, want)
	}
}

func TestSyncCreatesAllOnTheFirstRunAndCountsThem(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "Acme", Name: "Acme Ltd"})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "Binned", Name: "Binned Ltd", Deleted: true})
	w.AddCustomer("Ärztehaus Süd", "20001", "Active")
	w.AddCustomer("O'Brien & Daughters", "20002", "Blocked")
	w.AddCustomer("Newcomer", "20003", "New")
	w.AddCustomer("Oddity", "20004", "Archived")

	job := w.Sync(t)

	if job.Created != 4 || job.Updated != 0 || job.Unchanged != 0 || job.Skipped != 0 || job.Failed != 0 {
		t.Errorf("the first run counted %+v, want 4 created and nothing else", job)
	}
	if job.RequestedBy != "operator@example.com" || job.Kind != "SYNC_ORGANIZATIONS" {
		t.Errorf("the run is a %s of %s, want a SYNC_ORGANIZATIONS of operator@example.com", job.Kind, job.RequestedBy)
	}
	wantCodes := []string{"ORG_SYNC_COMPLETED", "ORGS_CREATED", "ORG_SYNC_STARTED"}
	if diff := cmp.Diff(wantCodes, job.Codes()); diff != "" {
		t.Errorf("log of the first run (-want +got):\n%s", diff)
	}
	golden(t, "sync-first-run", w.Must(t, viewer, `{
		organizations { totalCount range { from to } nodes { `+organizationFields+` } }
		psaCompanies(filter: {includeDeleted: true}) { totalCount nodes { identifier name status deleted freshness } }
		mappingSummary { organizations { total mapped unmapped excluded } }
	}`, nil, nil))
}

func TestSyncAgainTakesChangesOverAndKeepsWhatPeopleDecided(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	acme := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "Acme", Name: "Acme Ltd"})
	w.AddCustomer("Alpha", "1", "Active")
	w.AddCustomer("Beta", "2", "Active")
	w.Sync(t)
	alpha, beta := organizationNamed(t, w.Seller, "Alpha"), organizationNamed(t, w.Seller, "Beta")
	mapTo(t, w.Seller, alpha.ID, companies(t, w.Seller)["Acme"].ID, variables{"excludedFromSync": false})
	before := organizationNamed(t, w.Seller, "Alpha")

	w.AddCustomer("Alpha & Partners", "1", "Blocked")
	w.AddCustomer("Gamma", "3", "Active")
	if err := w.ConnectWise.RenameCompany(acme, "Acme Worldwide"); err != nil {
		t.Fatal(err)
	}
	job := w.Sync(t)

	if job.Created != 1 || job.Updated != 1 || job.Unchanged != 1 {
		t.Errorf("the second run counted %d created, %d updated, %d unchanged; want one of each", job.Created, job.Updated, job.Unchanged)
	}
	want := before
	want.Name, want.Status = "Alpha & Partners", "BLOCKED"
	renamed := *before.PsaCompany
	renamed.Name = "Acme Worldwide"
	want.PsaCompany = &renamed
	if diff := cmp.Diff(want, organizationNamed(t, w.Seller, "Alpha & Partners")); diff != "" {
		t.Errorf("a mapped organization after the second run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(beta, organizationNamed(t, w.Seller, "Beta")); diff != "" {
		t.Errorf("an untouched organization after the second run (-want +got):\n%s", diff)
	}
	if gamma := organizationNamed(t, w.Seller, "Gamma"); !gamma.ExcludedFromSync || gamma.MappingStatus != "UNMAPPED" {
		t.Errorf("a new organization is %+v, want it excluded and unmapped", gamma)
	}

	third := w.Sync(t)
	if third.Created != 0 || third.Updated != 0 || third.Unchanged != 3 {
		t.Errorf("a run without news counted %+v, want 3 unchanged and nothing else", third)
	}
}

func TestSyncFlagsCompaniesThatVanishedOrWereDeletedAndKeepsTheirRows(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	vanishing := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "Vanishing", Name: "Vanishing Ltd"})
	binned := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "Binned", Name: "Binned Ltd"})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "Staying", Name: "Staying Ltd"})
	w.AddCustomer("Alpha", "1", "Active")
	w.Sync(t)
	mapTo(t, w.Seller, organizationNamed(t, w.Seller, "Alpha").ID, companies(t, w.Seller)["Vanishing"].ID, nil)

	if err := w.ConnectWise.PurgeCompany(vanishing); err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.DeleteCompany(binned); err != nil {
		t.Fatal(err)
	}
	w.Sync(t)

	deleted := make(map[string]bool)
	for identifier, c := range companies(t, w.Seller) {
		deleted[identifier] = c.Deleted
	}
	if diff := cmp.Diff(map[string]bool{"Vanishing": true, "Binned": true, "Staying": false}, deleted); diff != "" {
		t.Errorf("which companies are flagged as deleted (-want +got):\n%s", diff)
	}
	alpha := organizationNamed(t, w.Seller, "Alpha")
	if alpha.MappingStatus != "MAPPED" || alpha.PsaCompany == nil || !alpha.PsaCompany.Deleted || alpha.PsaCompany.Name != "Vanishing Ltd" {
		t.Errorf("the organization mapped to a vanished company is %+v (%+v), want it MAPPED to Vanishing Ltd, deleted", alpha, alpha.PsaCompany)
	}
}

func TestSyncWarnsOfInvoicedOrganizationsThePlatformDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.AddCustomer("Alpha", "1", "Active")
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "5e3c0000-gone", ContractID: "C-1", Currency: "EUR"})

	job := w.Sync(t)

	if job.Created != 1 || job.Skipped != 1 {
		t.Errorf("the run counted %d created and %d skipped, want one of each", job.Created, job.Skipped)
	}
	if !slices.Contains(job.Codes(), "ORGANIZATION_NOT_IN_FEED") {
		t.Errorf("the run logged %q, want ORGANIZATION_NOT_IN_FEED among them", job.Codes())
	}
}

func TestSyncReadsEveryPageOfBothSides(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for i := range 2100 {
		w.ConnectWise.AddCompany(simconnectwise.Company{
			Identifier: "C" + number(i), Name: "Company " + number(i), WithoutContact: true,
		})
		w.AddCustomer("Customer "+number(i), number(i), "Active")
	}

	job := w.Sync(t)

	if job.Created != 2100 {
		t.Errorf("the run created %d organizations, want 2100", job.Created)
	}
	if job.Total == nil || job.Done != 6300 || *job.Total != 6300 {
		t.Errorf("the run shows %d of %v done, want 6300 of 6300: companies, organizations and contracts", job.Done, job.Total)
	}
	var data struct{ PsaCompanies struct{ TotalCount int } }
	w.Must(t, viewer, `{ psaCompanies { totalCount } }`, nil, &data)
	if data.PsaCompanies.TotalCount != 2100 {
		t.Errorf("the mirror has %d companies, want 2100", data.PsaCompanies.TotalCount)
	}
}
