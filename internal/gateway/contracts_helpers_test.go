package gateway_test

import (
	"maps"
	"testing"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// contract is what tests look at of a row of the contracts list.
type contract struct {
	ID, PlatformID       string
	Organization         struct{ ID, Name string }
	Currency             string
	BillingCycleDay      int
	ContractType         *string
	PsaAgreement         *agreement
	AgreementRequired    bool
	AgreementProblem     *string
	MappingStatus        string
	MappingStatusMessage *string
	Revision             int
	MappedAt, MappedBy   *string
}

// agreement is what tests look at of a ConnectWise agreement.
type agreement struct {
	ID                 string
	RecordID           int
	Name               string
	Type, Currency     *string
	StartDate, EndDate *string
	Cancelled, Deleted bool
	Freshness          string
	Company            *struct{ Identifier string }
}

const (
	agreementFields = `id recordId name type currency startDate endDate cancelled deleted freshness company { identifier }`
	contractFields  = `id platformId organization { id name } currency billingCycleDay contractType psaAgreement { ` + agreementFields + ` }
		agreementRequired agreementProblem mappingStatus mappingStatusMessage revision mappedAt mappedBy`
)

// contracts returns all contracts, by Contract ID.
func contracts(t testing.TB, s *gatewaytest.Seller) []contract {
	t.Helper()
	var data struct{ Contracts struct{ Nodes []contract } }
	s.Must(t, viewer, `{ contracts(first: 1000) { nodes { `+contractFields+` } } }`, nil, &data)
	return data.Contracts.Nodes
}

// contractOf returns the contract with a Contract ID.
func contractOf(t *testing.T, s *gatewaytest.Seller, platformID string) contract {
	t.Helper()
	for _, c := range contracts(t, s) {
		if c.PlatformID == platformID {
			return c
		}
	}
	t.Fatalf("there is no contract %q", platformID)
	return contract{}
}

// agreementList is a page of the agreement picker.
type agreementList struct {
	TotalCount int
	Nodes      []agreement
}

// names returns the names on the page.
func (l agreementList) names() []string {
	list := []string{}
	for _, a := range l.Nodes {
		list = append(list, a.Name)
	}
	return list
}

// agreements asks the picker of agreements.
func agreements(t *testing.T, s *gatewaytest.Seller, arguments variables) agreementList {
	t.Helper()
	var data struct{ PsaAgreements agreementList }
	s.Must(t, viewer, `query ($companyId: ID, $first: Int = 1000, $search: String, $filter: PsaAgreementFilter) {
		psaAgreements(companyId: $companyId, first: $first, search: $search, filter: $filter) { totalCount nodes { `+agreementFields+` } } }`,
		arguments, &data)
	if arguments["first"] == nil && data.PsaAgreements.TotalCount != len(data.PsaAgreements.Nodes) {
		t.Errorf("psaAgreements with %v counts %d and offers %q", arguments, data.PsaAgreements.TotalCount, data.PsaAgreements.names())
	}
	return data.PsaAgreements
}

// addAgreement adds an agreement to ConnectWise and returns its number.
func addAgreement(t testing.TB, w *gatewaytest.World, a simconnectwise.Agreement) int {
	t.Helper()
	id, err := w.ConnectWise.AddAgreement(a)
	if err != nil {
		t.Fatalf("add the agreement %q: %v", a.Name, err)
	}
	return id
}

// agreementID is the node id of an agreement.
func agreementID(number int) string { return nodeID("PsaAgreement", int64(number)) }

// companyID is the node id of a company.
func companyID(number int) string { return nodeID("PsaCompany", int64(number)) }

// contractPayload is the answer to mapContract and unmapContract.
type contractPayload struct {
	Contract          *contract
	AffectedLineCount int
	UserErrors        []gatewaytest.UserError
}

// mapContract maps a contract; more are further fields of the input.
func mapContract(t testing.TB, s *gatewaytest.Seller, contractID, agreementID string, more variables) contractPayload {
	t.Helper()
	input := variables{"contractId": contractID, "psaAgreementId": agreementID}
	maps.Copy(input, more)
	var data struct{ MapContract contractPayload }
	s.Must(t, editor, `mutation ($input: MapContractInput!) { mapContract(input: $input) {
		contract { `+contractFields+` } affectedLineCount userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.MapContract
}

// sign is mapContract where nothing may be refused; it returns the row as it is then.
func sign(t testing.TB, s *gatewaytest.Seller, contractID, agreementID string) contract {
	t.Helper()
	payload := mapContract(t, s, contractID, agreementID, nil)
	if len(payload.UserErrors) > 0 || payload.Contract == nil {
		t.Fatalf("map %s to %s: %+v", contractID, agreementID, payload)
	}
	return *payload.Contract
}

// unmapContract removes a contract's agreement; more are further fields of the input.
func unmapContract(t *testing.T, s *gatewaytest.Seller, contractID string, more variables) contractPayload {
	t.Helper()
	input := variables{"contractId": contractID}
	maps.Copy(input, more)
	var data struct{ UnmapContract contractPayload }
	s.Must(t, editor, `mutation ($input: UnmapContractInput!) { unmapContract(input: $input) {
		contract { `+contractFields+` } affectedLineCount userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.UnmapContract
}

// yesterday is the day before today.
func yesterday() civil.Date { return today().AddDays(-1) }
