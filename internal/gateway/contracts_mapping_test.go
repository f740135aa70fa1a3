package gateway_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

const agreementsPath = "/finance/agreements"

func TestAContractIsMappedRemappedAndUnmapped(t *testing.T) {
	t.Parallel()
	w, acme, _ := startContracts(t, gatewaytest.Options{})
	cloud := addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud", CompanyID: acme})
	block := addAgreement(t, w, simconnectwise.Agreement{Name: "Block", CompanyID: acme})
	before := contractOf(t, w.Seller, "C-1")
	begun := time.Now().Add(-time.Second)

	mapped := sign(t, w.Seller, before.ID, agreementID(cloud))
	if mapped.Revision != before.Revision+1 || mapped.MappingStatus != "MAPPED" || mapped.PsaAgreement.Name != "Cloud" || mapped.AgreementProblem != nil {
		t.Errorf("the mapped contract is %+v with %+v, want it MAPPED to Cloud one revision on", mapped, mapped.PsaAgreement)
	}
	if at, err := time.Parse(time.RFC3339, deref(mapped.MappedAt)); err != nil || at.Before(begun) || deref(mapped.MappedBy) != "editor@example.com" {
		t.Errorf("it was mapped at %s by %s, want just now by the token's subject", deref(mapped.MappedAt), deref(mapped.MappedBy))
	}
	remapped := mapContract(t, w.Seller, before.ID, agreementID(block), variables{"expectedRevision": mapped.Revision})
	if got := remapped.Contract; len(remapped.UserErrors) > 0 || got.Revision != mapped.Revision+1 || got.PsaAgreement.Name != "Block" {
		t.Errorf("the remapped contract is %+v, want it mapped to Block", remapped)
	}
	again := mapContract(t, w.Seller, before.ID, agreementID(block), variables{"expectedRevision": 1})
	if diff := cmp.Diff(remapped.Contract, again.Contract); diff != "" || len(again.UserErrors) > 0 {
		t.Errorf("the same mapping again was refused with %v or changed the row (-before +after):\n%s", again.UserErrors, diff)
	}
	for name, stale := range map[string]contractPayload{
		"mapping with a stale revision":   mapContract(t, w.Seller, before.ID, agreementID(cloud), variables{"expectedRevision": 1}),
		"unmapping with a stale revision": unmapContract(t, w.Seller, before.ID, variables{"expectedRevision": 1}),
	} {
		wantRefused(t, name, stale.UserErrors, "CONFLICT", "expectedRevision")
		if diff := cmp.Diff(remapped.Contract, stale.Contract); diff != "" {
			t.Errorf("%s shows another row (-current +shown):\n%s", name, diff)
		}
	}
	unmapped := unmapContract(t, w.Seller, before.ID, variables{"expectedRevision": 3})
	if got := unmapped.Contract; len(unmapped.UserErrors) > 0 || got.Revision != 4 || got.MappingStatus != "UNMAPPED" ||
		got.PsaAgreement != nil || got.MappedAt != nil || got.MappedBy != nil {
		t.Errorf("the unmapped contract is %+v, want nothing left of the mapping", unmapped)
	}
	if twice := unmapContract(t, w.Seller, before.ID, variables{"expectedRevision": 1}); len(twice.UserErrors) > 0 || twice.Contract.Revision != 4 {
		t.Errorf("unmapping again answered %+v, want nothing changed and nothing refused", twice)
	}
	wantLog := []string{
		"MAPPING_CHANGED: Alpha is mapped to Acme Ltd", "MAPPING_CHANGED: C-1 is mapped to Cloud",
		"MAPPING_CHANGED: C-1 is mapped to Block", "MAPPING_REMOVED: C-1 is no longer mapped to Block",
	}
	if diff := cmp.Diff(wantLog, mappingLog(t, w.Seller)); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	if changes := history(t, w); len(changes) != 4 || changes[3].Revision != 4 || changes[3].After != `{"target": null}` ||
		changes[3].Before != `{"target": `+strconv.Itoa(block)+`, "targetName": "Block"}` {
		t.Errorf("the history is %+v, want one change for each revision with what was before and after", changes)
	}
	var data struct {
		LogEntries struct{ Nodes []struct{ Subject *contract } }
	}
	w.Must(t, viewer, `{ logEntries(first: 1) { nodes { subject { ... on Contract { platformId organization { name } } } } } }`, nil, &data)
	if got := data.LogEntries.Nodes[0].Subject; got == nil || got.PlatformID != "C-1" || got.Organization.Name != "Alpha" {
		t.Errorf("the log is about %+v, want the contract", got)
	}
	checkMappingTotals(t, w.Seller)
}

func TestAgreementsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	w, acme, other := startContracts(t, gatewaytest.Options{})
	for _, c := range []platform.Contract{{ID: "C-usd", CustomerID: "1", Currency: "USD", BillingCycleDay: 1}} {
		w.Platform.AddContract(c)
		w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: c.CustomerID, ContractID: c.ID, Currency: c.Currency})
	}
	add := func(a simconnectwise.Agreement) string { return agreementID(addAgreement(t, w, a)) }
	start := today().AddMonths(-6)
	open := add(simconnectwise.Agreement{Name: "Open", CompanyID: acme, StartDate: start})
	elsewhere := add(simconnectwise.Agreement{Name: "Elsewhere", CompanyID: other})
	cancelled := add(simconnectwise.Agreement{Name: "Cancelled", CompanyID: acme, StartDate: start, CancelledDate: today().AddMonths(1)})
	endedYesterday := add(simconnectwise.Agreement{Name: "Ended yesterday", CompanyID: acme, StartDate: start, EndDate: yesterday()})
	endsToday := add(simconnectwise.Agreement{Name: "Ends today", CompanyID: acme, StartDate: start, EndDate: today()})
	later := add(simconnectwise.Agreement{Name: "Starts later", CompanyID: acme, StartDate: today().AddMonths(1)})
	dollars := add(simconnectwise.Agreement{Name: "In dollars", CompanyID: acme, Currency: "USD"})
	untoldNumber := addAgreement(t, w, simconnectwise.Agreement{Name: "Of no currency", CompanyID: acme})
	goneNumber := addAgreement(t, w, simconnectwise.Agreement{Name: "Gone", CompanyID: acme})
	if err := w.ConnectWise.SetAgreementCurrency(untoldNumber, ""); err != nil {
		t.Fatal(err)
	}
	w.Sync(t)
	if err := w.ConnectWise.PurgeAgreement(goneNumber); err != nil {
		t.Fatal(err)
	}
	untold, gone := agreementID(untoldNumber), agreementID(goneNumber)
	inEuro, inDollars, ofUnmapped := contractOf(t, w.Seller, "C-1"), contractOf(t, w.Seller, "C-usd"), contractOf(t, w.Seller, "C-2")

	for name, test := range map[string]struct {
		contract, agreement string
		code, field         string
		says                string
	}{
		"of another company":                 {inEuro.ID, elsewhere, "NOT_OF_COMPANY", "psaAgreementId", "another company"},
		"while the organization is unmapped": {ofUnmapped.ID, open, "NOT_OF_COMPANY", "psaAgreementId", "not mapped"},
		"cancelled, if only in future":       {inEuro.ID, cancelled, "CLOSED", "psaAgreementId", "cancelled or has ended"},
		"ended yesterday":                    {inEuro.ID, endedYesterday, "CLOSED", "psaAgreementId", "cancelled or has ended"},
		"in another currency":                {inEuro.ID, dollars, "CURRENCY_MISMATCH", "psaAgreementId", "USD"},
		"in another currency, the other way": {inDollars.ID, open, "CURRENCY_MISMATCH", "psaAgreementId", "EUR"},
		"deleted a moment ago":               {inEuro.ID, gone, "NOT_FOUND", "psaAgreementId", "no longer has this agreement"},
		"that never was":                     {inEuro.ID, agreementID(987654), "NOT_FOUND", "psaAgreementId", "no longer has this agreement"},
		"a contract that never was":          {nodeID("Contract", 987654), open, "NOT_FOUND", "contractId", "no such contract"},
		"a Contract ID for a node id":        {"C-1", open, "INVALID", "contractId", "not a node id"},
		"a record number for a node id":      {inEuro.ID, strconv.Itoa(goneNumber), "INVALID", "psaAgreementId", "not a node id"},
		"a product for an agreement":         {inEuro.ID, nodeID("PsaProduct", 1), "INVALID", "psaAgreementId", "another type"},
		"an organization for a contract":     {nodeID("Organization", 1), open, "INVALID", "contractId", "another type"},
	} {
		payload := mapContract(t, w.Seller, test.contract, test.agreement, nil)
		wantRefused(t, "an agreement "+name, payload.UserErrors, test.code, test.field)
		if len(payload.UserErrors) > 0 && !strings.Contains(payload.UserErrors[0].Message, test.says) {
			t.Errorf("an agreement %s was refused with %q, want it to say %q", name, payload.UserErrors[0].Message, test.says)
		}
		if payload.AffectedLineCount != 0 {
			t.Errorf("an agreement %s, refused, reaches %d lines", name, payload.AffectedLineCount)
		}
	}
	never := nodeID("Contract", 987654)
	worst := add(simconnectwise.Agreement{Name: "Worst", CompanyID: other, StartDate: start, CancelledDate: yesterday(), Currency: "USD"})
	for name, test := range map[string]struct {
		contract, agreement string
		want                []string
	}{
		"of another company, closed and in dollars":  {inEuro.ID, worst, []string{"psaAgreementId NOT_OF_COMPANY", "psaAgreementId CLOSED", "psaAgreementId CURRENCY_MISMATCH"}},
		"closed, while the organization is unmapped": {ofUnmapped.ID, cancelled, []string{"psaAgreementId NOT_OF_COMPANY", "psaAgreementId CLOSED"}},
		"closed, of no contract":                     {never, cancelled, []string{"contractId NOT_FOUND", "psaAgreementId CLOSED"}},
		"that never was, of no contract":             {never, agreementID(987654), []string{"contractId NOT_FOUND", "psaAgreementId NOT_FOUND"}},
	} {
		payload := mapContract(t, w.Seller, test.contract, test.agreement, nil)
		if diff := cmp.Diff(test.want, refusals(payload.UserErrors)); diff != "" {
			t.Errorf("what speaks against an agreement %s (-want +got):\n%s", name, diff)
		}
	}
	for _, c := range []contract{inEuro, inDollars, ofUnmapped} {
		if diff := cmp.Diff(c, contractOf(t, w.Seller, c.PlatformID)); diff != "" {
			t.Errorf("refused mappings changed the contract %s (-before +after):\n%s", c.PlatformID, diff)
		}
	}
	for name, fits := range map[string][2]string{
		"that ends today":                    {inEuro.ID, endsToday},
		"that starts later":                  {inEuro.ID, later},
		"that is open":                       {inEuro.ID, open},
		"whose currency is not told":         {inEuro.ID, untold},
		"whose currency is not told, either": {inDollars.ID, untold},
		"in the contract's own currency":     {inDollars.ID, dollars},
	} {
		if payload := mapContract(t, w.Seller, fits[0], fits[1], nil); len(payload.UserErrors) > 0 || payload.Contract.AgreementProblem != nil {
			t.Errorf("an agreement %s answered %+v, want it mapped without a problem", name, payload)
		}
	}
}

func TestWhatHasEndedIsJudgedInTheSellersZone(t *testing.T) {
	t.Parallel()
	w, clock := startMovable(t)
	acme := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme Ltd", Currency: "EUR"})
	w.AddCustomer("Alpha", "1", "Active")
	w.Sync(t)
	mapTo(t, w.Seller, organizationNamed(t, w.Seller, "Alpha").ID, companyID(acme), nil)
	ending := agreementID(addAgreement(t, w, simconnectwise.Agreement{Name: "Ending", CompanyID: acme, StartDate: today().AddMonths(-6), EndDate: today()}))
	id := contractOf(t, w.Seller, "C-1").ID
	// In Riga, where the seller is, the 19th begins at nine in the evening of the 18th, by UTC.
	clock.set(time.Date(2026, time.May, 18, 20, 59, 59, 0, time.UTC))
	sign(t, w.Seller, id, ending)
	clock.set(time.Date(2026, time.May, 18, 21, 0, 0, 0, time.UTC))
	if got := contractOf(t, w.Seller, "C-1"); deref(got.AgreementProblem) != "AGREEMENT_CLOSED" {
		t.Errorf("after the agreement's last day its contract is %+v, want AGREEMENT_CLOSED", got)
	}
	if got := agreements(t, w.Seller, variables{"companyId": companyID(acme)}); len(got.Nodes) != 0 {
		t.Errorf("after its last day the agreement is offered: %q", got.names())
	}
	unmapContract(t, w.Seller, id, nil)
	wantRefused(t, "mapping after its last day", mapContract(t, w.Seller, id, ending, nil).UserErrors, "CLOSED", "psaAgreementId")
}

func TestWhileConnectWiseDoesNotAnswerContractsAreMappedFromTheMirror(t *testing.T) {
	t.Parallel()
	w, acme, other := startContracts(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = 500 * time.Millisecond }})
	known := addAgreement(t, w, simconnectwise.Agreement{Name: "Known", CompanyID: acme})
	elsewhere := addAgreement(t, w, simconnectwise.Agreement{Name: "Elsewhere", CompanyID: other})
	gone := addAgreement(t, w, simconnectwise.Agreement{Name: "Gone", CompanyID: acme})
	w.Sync(t)
	if err := w.ConnectWise.PurgeAgreement(gone); err != nil {
		t.Fatal(err)
	}
	w.Sync(t)
	unseen := addAgreement(t, w, simconnectwise.Agreement{Name: "Made since", CompanyID: acme})
	id := contractOf(t, w.Seller, "C-1").ID
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.NoAnswer, Path: agreementsPath})

	for name, test := range map[string]struct {
		agreement int
		code      string
	}{
		"made since":             {unseen, "PSA_UNAVAILABLE"},
		"known to be deleted":    {gone, "NOT_FOUND"},
		"known to be of another": {elsewhere, "NOT_OF_COMPANY"},
	} {
		payload := mapContract(t, w.Seller, id, agreementID(test.agreement), nil)
		wantRefused(t, "an agreement "+name+" meanwhile", payload.UserErrors, test.code, "psaAgreementId")
	}
	mapped := sign(t, w.Seller, id, agreementID(known))
	if mapped.MappingStatus != "RESPONSE_ERROR" || mapped.PsaAgreement.Freshness != "STALE" || mapped.PsaAgreement.Name != "Known" ||
		deref(mapped.MappingStatusMessage) != "Please refresh the page in a few minutes and try again." {
		t.Errorf("the contract mapped meanwhile is %+v with %+v, want RESPONSE_ERROR with the mirror's copy", mapped, mapped.PsaAgreement)
	}
	response := w.Must(t, viewer, `{ contracts(filter: {mappingStatus: MAPPED}) { totalCount nodes { mappingStatus } } mappingSummary { contracts { mapped } } }`, nil, nil)
	if report := reportOf(t, response); report.Available || report.RetryAt == nil || !strings.Contains(string(response.Body), `"mapped":1`) {
		t.Errorf("meanwhile the list is %s, want one mapped and extensions.psa with available false", response.Body)
	}
}

func TestContractsNeedTheirRolesAndBelongToTheirSeller(t *testing.T) {
	t.Parallel()
	w, acme, _ := startContracts(t, gatewaytest.Options{Sellers: 2})
	cloud := addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud", CompanyID: acme})
	theirs := contractOf(t, w.Sellers[1], "C-1")
	arguments := variables{"contract": theirs.ID, "agreement": agreementID(cloud)}
	for name, mutation := range map[string]string{
		"mapContract":   `mutation ($contract: ID!, $agreement: ID!) { mapContract(input: {contractId: $contract, psaAgreementId: $agreement}) { contract { id } userErrors { code } } }`,
		"unmapContract": `mutation ($contract: ID!) { unmapContract(input: {contractId: $contract}) { contract { id } userErrors { code } } }`,
	} {
		if response := w.Query(t, viewer, mutation, arguments); !slices.Equal(response.Codes(), []string{"FORBIDDEN"}) {
			t.Errorf("%s as a viewer answered %s, want FORBIDDEN", name, response.Body)
		}
		for _, role := range gatewaytest.Roles()[1:] {
			response := w.Query(t, role, mutation, arguments)
			if len(response.Errors) > 0 || !strings.Contains(string(response.Body), `"contract":null`) || !strings.Contains(string(response.Body), `"code":"NOT_FOUND"`) {
				t.Errorf("%s of another seller's contract as %s answered %s, want NOT_FOUND", name, role, response.Body)
			}
		}
	}
	if diff := cmp.Diff(theirs, contractOf(t, w.Sellers[1], "C-1")); diff != "" {
		t.Errorf("another seller's contract was changed (-before +after):\n%s", diff)
	}
	var data struct{ Node *contract }
	w.Must(t, viewer, `query ($id: ID!) { node(id: $id) { ... on Contract { platformId } } }`, variables{"id": theirs.ID}, &data)
	if data.Node != nil {
		t.Errorf("another seller's contract is shown: %+v", data.Node)
	}
}
