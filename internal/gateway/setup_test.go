package gateway_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
)

// gatedQueries may be asked only after the set-up.
var gatedQueries = map[string]string{
	"organizations":          `{ organizations { totalCount } }`,
	"mappingSummary":         `{ mappingSummary { organizations { total } } }`,
	"psaCompanies":           `{ psaCompanies { totalCount } }`,
	"an organization's node": `{ node(id: "` + nodeID("Organization", 1) + `") { id } }`,
	"a company's node":       `{ node(id: "` + nodeID("PsaCompany", 1) + `") { id } }`,
	"nodes":                  `{ nodes(ids: ["` + nodeID("PsaCompany", 1) + `"]) { id } }`,
}

// gatedMutations may be made only after the set-up.
var gatedMutations = map[string]string{
	"mapOrganization":          `mutation { mapOrganization(input: {organizationId: "x", psaCompanyId: "y"}) { userErrors { code message field } } }`,
	"mapOrganizations":         `mutation { mapOrganizations(input: {mappings: []}) { userErrors { code message field } } }`,
	"unmapOrganization":        `mutation { unmapOrganization(input: {organizationId: "x"}) { userErrors { code message field } } }`,
	"setOrganizationsExcluded": `mutation { setOrganizationsExcluded(input: {organizationIds: [], excluded: true}) { userErrors { code message field } } }`,
	"syncOrganizations":        `mutation { syncOrganizations { userErrors { code message field } } }`,
}

func TestBeforeTheSetUpMappingIsClosedAndSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options gatewaytest.Options
		missing []string
		says    string
	}{
		"nothing is set up":          {gatewaytest.Options{WithoutCredentials: true}, []string{"CREDENTIALS", "AGREEMENT_TYPE"}, "saveConnectWiseCredentials"},
		"the Agreement Type is open": {gatewaytest.Options{WithoutAgreementType: true}, []string{"AGREEMENT_TYPE"}, "updateSettings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, test.options)
			for field, query := range gatedQueries {
				response := w.Query(t, viewer, query, nil)
				if !slices.Equal(response.Codes(), []string{"SETUP_INCOMPLETE"}) {
					t.Errorf("%s answered %s, want SETUP_INCOMPLETE", field, response.Body)
					continue
				}
				e := response.Errors[0]
				missing, _ := json.Marshal(e.Extensions["missing"])
				if want, _ := json.Marshal(test.missing); string(missing) != string(want) || !strings.Contains(e.Message, test.says) || len(e.Path) == 0 {
					t.Errorf("%s answered %+v, want missing %s, %s in the message and a path", field, e, want, test.says)
				}
			}
			for field, mutation := range gatedMutations {
				var data map[string]struct{ UserErrors []gatewaytest.UserError }
				w.Must(t, admin, mutation, nil, &data)
				refused := data[field].UserErrors
				if len(refused) != 1 || refused[0].Code != "SETUP_INCOMPLETE" || refused[0].Field != nil || !strings.Contains(refused[0].Message, test.says) {
					t.Errorf("%s was refused with %+v, want SETUP_INCOMPLETE for the whole, saying %s", field, refused, test.says)
				}
			}
		})
	}
}

func TestAFieldThatIsClosedLeavesTheOthersStanding(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutCredentials: true})
	golden(t, "setup-incomplete", w.Query(t, viewer, `{ viewer { subject } organizations { totalCount } settings { setupMissing } }`, nil))
}

func TestBeforeTheSetUpEverythingElseWorks(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutCredentials: true})
	w.Must(t, viewer, `{
		viewer { subject role seller { id name timeZone } }
		settings { `+settingsFields+` }
		jobs { totalCount nodes { id } }
		logEntries { totalCount nodes { id } }
		logSummary { total errors warnings lastUpdate }
		bestPractices { title text }
		dictionary { platform connectWise note }
		job(id: "`+nodeID("Job", 1)+`") { id }
		node(id: "`+nodeID("Seller", int64(w.ID))+`") { ... on Seller { name } }
	}`, nil, nil)
	types := w.Query(t, viewer, `{ psaAgreementTypes { id name } }`, nil)
	if !slices.Equal(types.Codes(), []string{"SETUP_INCOMPLETE"}) {
		t.Errorf("psaAgreementTypes without credentials answered %s, want SETUP_INCOMPLETE", types.Body)
	} else if missing, _ := json.Marshal(types.Errors[0].Extensions["missing"]); string(missing) != `["CREDENTIALS"]` {
		t.Errorf("psaAgreementTypes without credentials misses %s, want CREDENTIALS alone", missing)
	}
	tested := testConnection(t, w.Seller)
	wantRefused(t, "testing the connection without credentials", tested.UserErrors, "SETUP_INCOMPLETE")
	chosen := updateSettings(t, w.Seller, variables{"agreementTypeId": nodeID("PsaAgreementType", 1)})
	wantRefused(t, "choosing an Agreement Type without credentials", chosen.UserErrors, "SETUP_INCOMPLETE", "agreementTypeId")
	if got := updateSettings(t, w.Seller, variables{"chargeEndDateRule": variables{"kind": "NO_DATE"}}); len(got.UserErrors) > 0 {
		t.Errorf("a rule before the set-up was refused: %+v", got.UserErrors)
	}
}

func TestWithCredentialsAloneAgreementTypesAndTheConnectionTestWork(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutAgreementType: true})
	if _, offered := agreementTypes(t, w.Seller); len(offered) != 4 {
		t.Errorf("with credentials alone the Agreement Types are %q, want four", offered)
	}
	if got := testConnection(t, w.Seller); !got.Ok {
		t.Errorf("with credentials alone the connection test answered %+v, want ok", got)
	}
}

func TestTheGuideHasItsEightPracticesAndTheDictionary(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutCredentials: true})
	var data struct {
		BestPractices []struct{ Title, Text string }
		Dictionary    []struct{ Platform, ConnectWise, Note string }
	}
	w.Must(t, viewer, `{ bestPractices { title text } dictionary { platform connectWise note } }`, nil, &data)
	want := []string{
		"Map organizations and products first", "Load Products incrementally", "Keep organizations current",
		"Check for Response Errors", "Post invoices after month-end", "Manage Automated Sync",
		"Handle multi-org mapping", "Charge End Date",
	}
	var titles []string
	for _, practice := range data.BestPractices {
		titles = append(titles, practice.Title)
		if practice.Text == "" {
			t.Errorf("%s says nothing", practice.Title)
		}
	}
	if !slices.Equal(titles, want) {
		t.Errorf("the best practices are %q, want %q", titles, want)
	}
	words := make(map[string]string)
	for _, entry := range data.Dictionary {
		words[entry.Platform] = entry.ConnectWise
	}
	for platform, connectWise := range map[string]string{
		"Organization": "Company", "Offer": "Product", "Contract": "Agreement", "Invoice line": "Addition",
	} {
		if words[platform] != connectWise {
			t.Errorf("the dictionary says that %s is %q, want %q", platform, words[platform], connectWise)
		}
	}
}
