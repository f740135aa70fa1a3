package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

func TestAnAgreementIsRequiredWhenOrganizationsShareTheirCompany(t *testing.T) {
	t.Parallel()
	w, acme, other := startContracts(t, gatewaytest.Options{})
	beta, gamma := organizationNamed(t, w.Seller, "Beta").ID, organizationNamed(t, w.Seller, "Gamma").ID
	check := func(when string, want ...bool) {
		t.Helper()
		got := make([]bool, 3)
		for i, c := range contracts(t, w.Seller) {
			got[i] = c.AgreementRequired
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s agreementRequired of C-1, C-2 and C-3 is wrong (-want +got):\n%s", when, diff)
		}
	}
	check("with Alpha alone on ACME", false, false, false)
	mapTo(t, w.Seller, gamma, companyID(other), nil)
	check("with companies of their own", false, false, false)
	mapTo(t, w.Seller, beta, companyID(acme), variables{"excludedFromSync": true})
	check("with Alpha and Beta on ACME, one of them excluded", true, true, false)
	mapTo(t, w.Seller, gamma, companyID(acme), nil)
	check("with all three on ACME", true, true, true)
	payload := sign(t, w.Seller, contractOf(t, w.Seller, "C-2").ID, agreementID(addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud", CompanyID: acme})))
	if !payload.AgreementRequired {
		t.Error("the mapped contract says that no agreement is required, want required as before")
	}
	unmapOrganization(t, w.Seller, beta, nil)
	check("with Beta unmapped again", true, false, true)
	unmapOrganization(t, w.Seller, gamma, nil)
	check("with Alpha alone again", false, false, false)
}

func TestAnAgreementThatNoLongerFitsStaysVisibleWithItsProblem(t *testing.T) {
	t.Parallel()
	w, acme, other := startContracts(t, gatewaytest.Options{})
	cloud := addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud", CompanyID: acme, Currency: "EUR"})
	before := sign(t, w.Seller, contractOf(t, w.Seller, "C-1").ID, agreementID(cloud))
	alpha := organizationNamed(t, w.Seller, "Alpha").ID
	changes := len(history(t, w))
	check := func(when, problem, says string) {
		t.Helper()
		got := contractOf(t, w.Seller, "C-1")
		if deref(got.AgreementProblem) != problem || !strings.Contains(deref(got.MappingStatusMessage), says) {
			t.Errorf("%s the contract has the problem %s and the message %q, want %s, saying %q", when, deref(got.AgreementProblem), deref(got.MappingStatusMessage), problem, says)
		}
		if got.PsaAgreement == nil || got.PsaAgreement.RecordID != cloud || got.MappingStatus != "MAPPED" || got.Revision != before.Revision ||
			deref(got.MappedAt) != deref(before.MappedAt) {
			t.Errorf("%s the contract is %+v with %+v, want its mapping as it was", when, got, got.PsaAgreement)
		}
		for filter, wants := range map[string]bool{problem: problem != nothing, "AGREEMENT_CLOSED": problem == "AGREEMENT_CLOSED"} {
			if filter == nothing {
				continue
			}
			page := askContracts(t, w.Seller, variables{"filter": variables{"agreementProblem": filter}})
			if found := page.TotalCount == 1; found != wants {
				t.Errorf("%s the filter %s finds %q", when, filter, page.ids())
			}
		}
		facets := askContracts(t, w.Seller, nil).Facets.AgreementProblem
		if want := []facetValue{{problem, 1}}; problem != nothing && cmp.Diff(want, facets) != "" || problem == nothing && len(facets) > 0 {
			t.Errorf("%s the facet agreementProblem is %v, want %s alone", when, facets, problem)
		}
	}
	check("at first", nothing, nothing)

	mapTo(t, w.Seller, alpha, companyID(other), nil)
	check("with Alpha mapped to another company", "AGREEMENT_NOT_OF_COMPANY", "belongs to another company")
	unmapOrganization(t, w.Seller, alpha, nil)
	check("with Alpha unmapped, when whose agreement it should be is not known", nothing, nothing)
	mapTo(t, w.Seller, alpha, companyID(acme), nil)
	check("with Alpha mapped back", nothing, nothing)

	w.Platform.AddContract(platform.Contract{ID: "C-1", CustomerID: "1", Currency: "GBP", BillingCycleDay: 1})
	w.Sync(t)
	check("with the contract in another currency", "CURRENCY_MISMATCH", "another currency")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		w.Sync(t)
	}
	do(w.ConnectWise.SetAgreementCurrency(cloud, "GBP"))
	check("with the agreement in the same currency", nothing, nothing)
	do(w.ConnectWise.SetAgreementCurrency(cloud, "USD"))
	check("with the agreement in another currency", "CURRENCY_MISMATCH", "another currency")
	do(w.ConnectWise.SetAgreementCurrency(cloud, ""))
	check("with the agreement's currency untold", nothing, nothing)

	do(w.ConnectWise.EndAgreement(cloud, today()))
	check("with the agreement's last day today", nothing, nothing)
	do(w.ConnectWise.EndAgreement(cloud, yesterday()))
	check("with the agreement ended yesterday", "AGREEMENT_CLOSED", "cancelled or has ended")
	do(w.ConnectWise.EndAgreement(cloud, today().AddMonths(1)))
	check("with the agreement prolonged", nothing, nothing)
	do(w.ConnectWise.CancelAgreement(cloud, today()))
	check("with the agreement cancelled", "AGREEMENT_CLOSED", "cancelled or has ended")

	mapTo(t, w.Seller, alpha, companyID(other), nil)
	check("cancelled and of another company", "AGREEMENT_NOT_OF_COMPANY", "belongs to another company")
	if err := w.ConnectWise.PurgeAgreement(cloud); err != nil {
		t.Fatal(err)
	}
	if got := contractOf(t, w.Seller, "C-1"); !got.PsaAgreement.Deleted || got.PsaAgreement.Freshness != "LIVE" || !strings.Contains(deref(got.MappingStatusMessage), "no longer has the mapped agreement") {
		t.Errorf("right after it was deleted the agreement is %+v with %q, want it deleted", got.PsaAgreement, deref(got.MappingStatusMessage))
	}
	w.Sync(t)
	check("with the agreement deleted", "PSA_RECORD_MISSING", "no longer has the mapped agreement")

	unmapped := unmapContract(t, w.Seller, before.ID, nil)
	if got := unmapped.Contract; len(unmapped.UserErrors) > 0 || got.AgreementProblem != nil || got.MappingStatusMessage != nil || got.MappingStatus != "UNMAPPED" {
		t.Errorf("the unmapped contract is %+v, want no problem left", unmapped)
	}
	if got := len(history(t, w)) - changes; got != 5 { // four of the organization, one of the contract
		t.Errorf("the history has %d changes more, want the 5 that people made", got)
	}
}

// nothing is how deref shows an absent text.
var nothing = deref(nil)

func TestAPageOfContractsReadsItsOrganizationsTogether(t *testing.T) {
	t.Parallel()
	const rows = 300
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for i := range rows {
		w.AddCustomer("Customer "+number(i), number(i), "Active")
	}
	w.Sync(t)
	replica, statements := w.Watched(t)
	s := w.On(replica)
	for _, page := range []int{20, rows} {
		for selection, reads := range map[string]int{
			"platformId": 0, "organization { name }": 1, "agreementProblem mappingStatus organization { id excludedFromSync }": 2,
		} {
			var data struct{ Contracts struct{ Nodes []contract } }
			statements.Forget()
			s.Must(t, viewer, fmt.Sprintf(`{ contracts(first: %d) { nodes { platformId %s } } }`, page, selection), nil, &data)
			if len(data.Contracts.Nodes) != page {
				t.Fatalf("the page has %d contracts, want %d", len(data.Contracts.Nodes), page)
			}
			if got := statements.Containing(" organization o"); len(got) != reads {
				t.Errorf("%d contracts with { %s } cost %d reads of organizations, want %d:\n%s", page, selection, len(got), reads, strings.Join(got, "\n"))
			}
			for i, c := range data.Contracts.Nodes {
				if strings.Contains(selection, "{ name }") && c.Organization.Name != "Customer "+number(i) {
					t.Errorf("contract %s is of %q, want Customer %s", c.PlatformID, c.Organization.Name, number(i))
				}
			}
		}
	}
}
