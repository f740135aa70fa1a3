package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// deeds are the contracts that the tests of the list are about: whose they are and which agreement each has.
var deeds = []struct{ id, organization, currency, kind, agreement string }{
	{"C-10", "Alpha", "EUR", "CSP", "Euro"},
	{"C-9", "Alpha", "USD", "", "Dollar"},
	{"c_11", "Beta", "EUR", "CSP", "Ending"},
	{"D-1", "Beta", "EUR", "", ""},
	{"D-2", "gamma 100%", "GBP", "Distribution Services", "Leaving"},
	{"Ü-1", "Ärzte", "EUR", "", "Vanishing"},
	{"E-1", "Omega", "SEK", "", ""},
	{"E-2", "Alpha", "EUR", "", "Turning"},
}

// startDeeds puts up a world with the deeds, mapped, of whose agreements most do not fit any more: Ending is
// cancelled, Leaving is of another company, Vanishing is gone, and Turning has another currency.
func startDeeds(t *testing.T) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	home := make(map[string]int)
	for _, c := range []simconnectwise.Company{
		{Identifier: "ONE", Name: "One Ltd"}, {Identifier: "TWO", Name: "Two Ltd"}, {Identifier: "DOC", Name: "Doctors"},
	} {
		home[c.Identifier] = w.ConnectWise.AddCompany(c)
	}
	company := map[string]string{"Alpha": "ONE", "Beta": "ONE", "gamma 100%": "TWO", "Ärzte": "DOC"}
	for _, name := range []string{"Alpha", "Beta", "gamma 100%", "Ärzte", "Omega"} {
		w.Platform.AddOrganization(platform.Organization{ID: name, Name: name, ReferenceNumber: "1" + fmt.Sprint(len(name)), Status: "Active"})
	}
	for i, d := range deeds {
		w.Platform.AddContract(platform.Contract{ID: d.id, CustomerID: d.organization, Currency: d.currency, BillingCycleDay: i + 1, ContractType: d.kind})
		w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: d.organization, ContractID: d.id, Currency: d.currency})
	}
	w.Sync(t)
	for name, identifier := range company {
		mapTo(t, w.Seller, organizationNamed(t, w.Seller, name).ID, companyID(home[identifier]), nil)
	}
	number := make(map[string]int)
	for name, a := range map[string]simconnectwise.Agreement{
		"Euro": {CompanyID: home["ONE"], Currency: "EUR"}, "Dollar": {CompanyID: home["ONE"], Currency: "USD"},
		"Ending": {CompanyID: home["ONE"]}, "Turning": {CompanyID: home["ONE"]},
		"Leaving": {CompanyID: home["TWO"], Currency: "GBP"}, "Vanishing": {CompanyID: home["DOC"]},
	} {
		a.Name, a.ID = name, 100+len(name)*10+int(name[0])
		number[name] = addAgreement(t, w, a)
	}
	for _, d := range deeds {
		if d.agreement != "" {
			sign(t, w.Seller, contractOf(t, w.Seller, d.id).ID, agreementID(number[d.agreement]))
		}
	}
	for _, err := range []error{
		w.ConnectWise.CancelAgreement(number["Ending"], yesterday()), w.ConnectWise.PurgeAgreement(number["Vanishing"]),
		w.ConnectWise.SetAgreementCurrency(number["Turning"], "USD"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	mapTo(t, w.Seller, organizationNamed(t, w.Seller, "gamma 100%").ID, companyID(home["DOC"]), nil)
	w.Sync(t)
	return w
}

// contractPage is a page of contracts.
type contractPage struct {
	TotalCount int
	PageInfo   struct {
		HasNextPage bool
		EndCursor   *string
	}
	Edges []struct {
		Cursor string
		Node   struct{ PlatformID string }
	}
	Facets struct{ Currency, MappingStatus, AgreementProblem []facetValue }
}

func (p contractPage) ids() []string {
	list := []string{}
	for _, edge := range p.Edges {
		list = append(list, edge.Node.PlatformID)
	}
	return list
}

// askContracts asks for a page of contracts.
func askContracts(t *testing.T, s *gatewaytest.Seller, arguments variables) contractPage {
	t.Helper()
	var data struct{ Contracts contractPage }
	s.Must(t, viewer, `query ($first: Int, $after: String, $search: String, $filter: ContractFilter, $orderBy: [ContractOrder!]) {
		contracts(first: $first, after: $after, search: $search, filter: $filter, orderBy: $orderBy) {
			totalCount pageInfo { hasNextPage endCursor } edges { cursor node { platformId } }
			facets { currency { value count } mappingStatus { value count } agreementProblem { value count } }
		}
	}`, arguments, &data)
	return data.Contracts
}

func TestContractsShowEveryColumn(t *testing.T) {
	t.Parallel()
	w := startDeeds(t)
	golden(t, "contracts", w.Must(t, viewer, `{
		contracts { totalCount range { from to } nodes { `+contractFields+` } }
		mappingSummary { contracts { total mapped unmapped } }
	}`, nil, nil))
}

func TestContractsAreFiltered(t *testing.T) {
	t.Parallel()
	w := startDeeds(t)
	id, organization := make(map[string]string), make(map[string]string)
	for _, c := range contracts(t, w.Seller) {
		id[c.PlatformID], organization[c.Organization.Name] = c.ID, c.Organization.ID
	}
	all := askContracts(t, w.Seller, nil).ids()
	if len(all) != len(deeds) {
		t.Fatalf("without a filter there are %d contracts, want %d", len(all), len(deeds))
	}
	for name, test := range map[string]struct {
		filter variables
		want   []string
	}{
		"an empty filter holds everywhere":          {variables{}, all},
		"id":                                        {variables{"id": []string{id["E-1"], id["C-9"]}}, []string{"C-9", "E-1"}},
		"platformId eq minds case":                  {variables{"platformId": variables{"eq": "c-9"}}, []string{}},
		"platformId startsWith ignores case":        {variables{"platformId": variables{"startsWith": "c"}}, []string{"C-10", "C-9", "c_11"}},
		"platformId contains takes underscore such": {variables{"platformId": variables{"contains": "_"}}, []string{"c_11"}},
		"platformId contains folds umlauts' case":   {variables{"platformId": variables{"contains": "ü"}}, []string{"Ü-1"}},
		"platformId in":                             {variables{"platformId": variables{"in": []string{"D-1", "D-2", "D-3"}}}, []string{"D-1", "D-2"}},
		"organizationId":                            {variables{"organizationId": organization["Alpha"]}, []string{"C-10", "C-9", "E-2"}},
		"organizations are alternatives":            {variables{"organizationId": []string{organization["Ärzte"], organization["Omega"]}}, []string{"E-1", "Ü-1"}},
		"no organization matches nothing":           {variables{"organizationId": []string{}}, []string{}},
		"currency":                                  {variables{"currency": []string{"USD", "SEK"}}, []string{"C-9", "E-1"}},
		"mappingStatus MAPPED":                      {variables{"mappingStatus": "MAPPED"}, []string{"C-10", "C-9", "D-2", "E-2", "c_11", "Ü-1"}},
		"mappingStatus UNMAPPED":                    {variables{"mappingStatus": "UNMAPPED"}, []string{"D-1", "E-1"}},
		"agreementProblem closed":                   {variables{"agreementProblem": "AGREEMENT_CLOSED"}, []string{"c_11"}},
		"agreementProblem of another company":       {variables{"agreementProblem": "AGREEMENT_NOT_OF_COMPANY"}, []string{"D-2"}},
		"agreementProblem gone":                     {variables{"agreementProblem": "PSA_RECORD_MISSING"}, []string{"Ü-1"}},
		"agreementProblem of another currency":      {variables{"agreementProblem": "CURRENCY_MISMATCH"}, []string{"E-2"}},
		"agreementProblems are alternatives":        {variables{"agreementProblem": []string{"CURRENCY_MISMATCH", "AGREEMENT_CLOSED"}}, []string{"E-2", "c_11"}},
		"a problem that agreements do not have":     {variables{"agreementProblem": "PRODUCT_UNMAPPED"}, []string{}},
		"not a problem includes those without one":  {variables{"not": variables{"agreementProblem": []string{"CURRENCY_MISMATCH", "AGREEMENT_CLOSED", "PSA_RECORD_MISSING"}}}, []string{"C-10", "C-9", "D-1", "D-2", "E-1"}},
		"columns are combined with and":             {variables{"currency": "EUR", "mappingStatus": "UNMAPPED"}, []string{"D-1"}},
		"and, or and not":                           {variables{"or": []variables{{"currency": "SEK"}, {"and": []variables{{"currency": "EUR"}, {"not": variables{"organizationId": organization["Alpha"]}}}}}}, []string{"D-1", "E-1", "c_11", "Ü-1"}},
		"null members are as if they were left out": {variables{"id": nil, "currency": nil, "agreementProblem": nil, "organizationId": nil, "not": nil}, all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := askContracts(t, w.Seller, variables{"filter": test.filter})
			if diff := cmp.Diff(test.want, page.ids()); diff != "" || page.TotalCount != len(test.want) {
				t.Errorf("contracts with the filter %v, %d in total (-want +got):\n%s", test.filter, page.TotalCount, diff)
			}
		})
	}
}

func TestContractsAreSearchedByTheirIDAndTheOrganizationsName(t *testing.T) {
	t.Parallel()
	w := startDeeds(t)
	for search, want := range map[string][]string{
		"c-1":        {"C-10"},
		"ALPHA":      {"C-10", "C-9", "E-2"},
		"ärz":        {"Ü-1"},
		"ü":          {"Ü-1"},
		"100%":       {"D-2"},
		"_":          {"c_11"},
		"":           askContracts(t, w.Seller, nil).ids(),
		"euro":       {}, // an agreement
		"csp":        {}, // a contract type
		"sek":        {}, // a currency
		"one ltd":    {}, // a company
		"alphac":     {},
		"no such":    {},
		"11":         {"c_11"}, // and not the reference number of an organization
		"Omega":      {"E-1"},
		"gamma 100%": {"D-2"},
	} {
		if diff := cmp.Diff(want, askContracts(t, w.Seller, variables{"search": search}).ids()); diff != "" {
			t.Errorf("contracts found with %q (-want +got):\n%s", search, diff)
		}
	}
}

func TestContractsAreSortedByEveryColumnInBothDirections(t *testing.T) {
	t.Parallel()
	w := startDeeds(t)
	for field, ascending := range map[string][]string{
		"CONTRACT_ID":       {"C-10", "C-9", "D-1", "D-2", "E-1", "E-2", "c_11", "Ü-1"},
		"ORGANIZATION_NAME": {"C-10", "C-9", "E-2", "Ü-1", "D-1", "c_11", "D-2", "E-1"},
		"CURRENCY":          {"C-10", "D-1", "E-2", "c_11", "Ü-1", "D-2", "E-1", "C-9"},
		"MAPPING_STATUS":    {"C-10", "C-9", "D-2", "E-2", "c_11", "Ü-1", "D-1", "E-1"},
	} {
		descending := slices.Clone(ascending)
		slices.Reverse(descending)
		for direction, want := range map[string][]string{"ASC": ascending, "DESC": descending} {
			orderBy := variables{"field": field, "direction": direction}
			if diff := cmp.Diff(want, askContracts(t, w.Seller, variables{"orderBy": orderBy}).ids()); diff != "" {
				t.Errorf("contracts by %s %s (-want +got):\n%s", field, direction, diff)
			}
			paged := []string{}
			arguments := variables{"first": 3, "orderBy": orderBy}
			for more := true; more; {
				p := askContracts(t, w.Seller, arguments)
				paged = append(paged, p.ids()...)
				more, arguments["after"] = p.PageInfo.HasNextPage, deref(p.PageInfo.EndCursor)
			}
			if diff := cmp.Diff(want, paged); diff != "" {
				t.Errorf("pages of contracts by %s %s (-whole +pages):\n%s", field, direction, diff)
			}
		}
	}
}

func TestFacetsOfContractsIgnoreTheirOwnColumnsFilter(t *testing.T) {
	t.Parallel()
	w := startDeeds(t)
	currencies := []facetValue{{"EUR", 5}, {"GBP", 1}, {"SEK", 1}, {"USD", 1}}
	statuses := []facetValue{{"MAPPED", 6}, {"UNMAPPED", 2}}
	problems := []facetValue{{"AGREEMENT_CLOSED", 1}, {"AGREEMENT_NOT_OF_COMPANY", 1}, {"CURRENCY_MISMATCH", 1}, {"PSA_RECORD_MISSING", 1}}
	for name, test := range map[string]struct {
		arguments                 variables
		currency, status, problem []facetValue
	}{
		"without a filter":     {nil, currencies, statuses, problems},
		"by currency":          {variables{"filter": variables{"currency": "GBP"}}, currencies, []facetValue{{"MAPPED", 1}}, problems[1:2]},
		"by mapping status":    {variables{"filter": variables{"mappingStatus": "UNMAPPED"}}, []facetValue{{"EUR", 1}, {"SEK", 1}}, statuses, []facetValue{}},
		"by agreement problem": {variables{"filter": variables{"agreementProblem": []string{"AGREEMENT_CLOSED", "PSA_RECORD_MISSING"}}}, []facetValue{{"EUR", 2}}, []facetValue{{"MAPPED", 2}}, problems},
		"by search":            {variables{"search": "alpha"}, []facetValue{{"EUR", 2}, {"USD", 1}}, []facetValue{{"MAPPED", 3}}, problems[2:3]},
	} {
		got := askContracts(t, w.Seller, test.arguments).Facets
		if diff := cmp.Diff(fmt.Sprint(test.currency, test.status, test.problem), fmt.Sprint(got.Currency, got.MappingStatus, got.AgreementProblem)); diff != "" {
			t.Errorf("%s: facets with %v (-want +got):\n%s", name, test.arguments, diff)
		}
	}
	for column, values := range map[string][]facetValue{"currency": currencies, "mappingStatus": statuses, "agreementProblem": problems} {
		for _, v := range values {
			if got := askContracts(t, w.Seller, variables{"filter": variables{column: v.Value}}).TotalCount; got != v.Count {
				t.Errorf("the facet %s promises %d rows for %q; the filter leaves %d", column, v.Count, v.Value, got)
			}
		}
	}
}

func TestAnOrganizationListsItsContracts(t *testing.T) {
	t.Parallel()
	w := startDeeds(t)
	var data struct {
		Organizations struct {
			Nodes []struct {
				Name      string
				Contracts contractPage
			}
		}
	}
	const query = `query ($first: Int, $after: String) { organizations { nodes { name contracts(first: $first, after: $after) {
		totalCount pageInfo { hasNextPage endCursor } edges { cursor node { platformId organization { name } } } facets { currency { value count } }
	} } } }`
	w.Must(t, viewer, query, nil, &data)
	got := make(map[string][]string)
	for _, o := range data.Organizations.Nodes {
		if o.Contracts.TotalCount != len(o.Contracts.Edges) {
			t.Errorf("%s counts %d contracts and lists %q", o.Name, o.Contracts.TotalCount, o.Contracts.ids())
		}
		got[o.Name] = o.Contracts.ids()
	}
	want := map[string][]string{
		"Alpha": {"C-10", "C-9", "E-2"}, "Beta": {"D-1", "c_11"}, "gamma 100%": {"D-2"}, "Ärzte": {"Ü-1"}, "Omega": {"E-1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contracts of organizations (-want +got):\n%s", diff)
	}
	w.Must(t, viewer, query, variables{"first": 2}, &data)
	alpha := data.Organizations.Nodes[0].Contracts
	if !slices.Equal(alpha.ids(), []string{"C-10", "C-9"}) || alpha.TotalCount != 3 || !alpha.PageInfo.HasNextPage {
		t.Errorf("the first two contracts of Alpha are %+v, want C-10 and C-9 of 3", alpha)
	}
	var next struct {
		Node struct{ Contracts contractPage }
	}
	w.Must(t, viewer, `query ($id: ID!, $after: String) { node(id: $id) { ... on Organization { contracts(first: 2, after: $after) { edges { node { platformId } } } } } }`,
		variables{"id": organizationNamed(t, w.Seller, "Alpha").ID, "after": *alpha.PageInfo.EndCursor}, &next)
	if !slices.Equal(next.Node.Contracts.ids(), []string{"E-2"}) {
		t.Errorf("the contracts of Alpha after the first two are %q, want E-2", next.Node.Contracts.ids())
	}
}
