package gateway_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strconv"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// mapPayload is the answer to mapOrganization and unmapOrganization.
type mapPayload struct {
	Organization *organization
	UserErrors   []gatewaytest.UserError
}

// mapOrganization saves a row; more are further fields of the input.
func mapOrganization(t testing.TB, s *gatewaytest.Seller, organizationID, companyID string, more variables) mapPayload {
	t.Helper()
	input := variables{"organizationId": organizationID, "psaCompanyId": companyID}
	maps.Copy(input, more)
	var data struct{ MapOrganization mapPayload }
	s.Must(t, editor, `mutation ($input: MapOrganizationInput!) { mapOrganization(input: $input) {
		organization { `+organizationFields+` } userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.MapOrganization
}

// mapTo is mapOrganization where nothing may be refused; it returns the row as it is then.
func mapTo(t testing.TB, s *gatewaytest.Seller, organizationID, companyID string, more variables) organization {
	t.Helper()
	payload := mapOrganization(t, s, organizationID, companyID, more)
	if len(payload.UserErrors) > 0 || payload.Organization == nil {
		t.Fatalf("map %s to %s: %+v", organizationID, companyID, payload)
	}
	return *payload.Organization
}

// unmapOrganization removes a row's company; more are further fields of the input.
func unmapOrganization(t *testing.T, s *gatewaytest.Seller, organizationID string, more variables) mapPayload {
	t.Helper()
	input := variables{"organizationId": organizationID}
	maps.Copy(input, more)
	var data struct{ UnmapOrganization mapPayload }
	s.Must(t, editor, `mutation ($input: UnmapOrganizationInput!) { unmapOrganization(input: $input) {
		organization { `+organizationFields+` } userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.UnmapOrganization
}

// bulkPayload is the answer to mapOrganizations and setOrganizationsExcluded.
type bulkPayload struct {
	Organizations []organization
	UserErrors    []gatewaytest.UserError
}

// mapOrganizations saves many rows.
func mapOrganizations(t testing.TB, s *gatewaytest.Seller, mappings []variables) bulkPayload {
	t.Helper()
	var data struct{ MapOrganizations bulkPayload }
	s.Must(t, editor, `mutation ($input: MapOrganizationsInput!) { mapOrganizations(input: $input) {
		organizations { `+organizationFields+` } userErrors { code message field } } }`,
		variables{"input": variables{"mappings": mappings}}, &data)
	return data.MapOrganizations
}

// setExcluded sets the exclusion of many rows; more are further fields of the input.
func setExcluded(t *testing.T, s *gatewaytest.Seller, ids []string, excluded bool, more variables) bulkPayload {
	t.Helper()
	input := variables{"organizationIds": ids, "excluded": excluded}
	maps.Copy(input, more)
	var data struct{ SetOrganizationsExcluded bulkPayload }
	s.Must(t, editor, `mutation ($input: SetOrganizationsExcludedInput!) { setOrganizationsExcluded(input: $input) {
		organizations { `+organizationFields+` } userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.SetOrganizationsExcluded
}

// number writes a number with five digits, so that texts sort as numbers do.
func number(n int) string { return fmt.Sprintf("%05d", n) }

// nodeID makes the node id of a record that may not exist.
func nodeID(typeName string, number int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(typeName + ":" + strconv.FormatInt(number, 10)))
}

// companyOf is a company with an identifier, and a name made from it.
func companyOf(identifier string) simconnectwise.Company {
	return simconnectwise.Company{Identifier: identifier, Name: identifier + " Ltd"}
}
