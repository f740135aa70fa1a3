package gateway_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// shelf are the companies of the picker's tests.
var shelf = []simconnectwise.Company{
	{Identifier: "ACME", Name: "Zenith Holding"},
	{Identifier: "ZH2", Name: "Acme"},
	{Identifier: "ACMEBALTIC", Name: "Baltic Trade"},
	{Identifier: "B-1", Name: "acme Nordic"},
	{Identifier: "B-2", Name: "The Acme Group"},
	{Identifier: "B-3", Name: "Pacmen United"},
	{Identifier: "XACME", Name: "Other"},
	{Identifier: "HOLD", Name: "Acme On Hold", Status: "Credit Hold – call AR"},
	{Identifier: "BIN", Name: "Acme Deleted", Deleted: true},
	{Identifier: "P100", Name: "100% Pure"},
	{Identifier: "P_X", Name: "1000 Lakes"},
	{Identifier: "UML", Name: "Ägir Öl"},
	{Identifier: "DUP1", Name: "Twin"},
	{Identifier: "DUP2", Name: "Twin"},
	{Identifier: "NONE", Name: "Brackets [x] 'y' \"z\" *"},
}

func startShelf(t *testing.T) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for _, c := range shelf {
		w.ConnectWise.AddCompany(c)
	}
	w.Sync(t)
	return w
}

// pick asks the picker and returns the identifiers it offers.
func pick(t *testing.T, s *gatewaytest.Seller, arguments variables) []string {
	t.Helper()
	var data struct {
		PsaCompanies struct {
			TotalCount int
			Nodes      []struct{ Identifier string }
		}
	}
	s.Must(t, viewer, `query ($first: Int, $after: String, $search: String, $filter: PsaCompanyFilter) {
		psaCompanies(first: $first, after: $after, search: $search, filter: $filter) { totalCount nodes { identifier } }
	}`, arguments, &data)
	identifiers := []string{}
	for _, node := range data.PsaCompanies.Nodes {
		identifiers = append(identifiers, node.Identifier)
	}
	if data.PsaCompanies.TotalCount != len(identifiers) {
		t.Errorf("psaCompanies with %v counts %d and offers %d", arguments, data.PsaCompanies.TotalCount, len(identifiers))
	}
	return identifiers
}

func TestThePickerOffersTheBestMatchFirst(t *testing.T) {
	t.Parallel()
	w := startShelf(t)
	tests := map[string]struct {
		arguments variables
		want      []string
	}{
		"without a search all but the deleted, by name":             {nil, []string{"P100", "P_X", "ZH2", "B-1", "HOLD", "UML", "ACMEBALTIC", "NONE", "XACME", "B-3", "B-2", "DUP1", "DUP2", "ACME"}},
		"exact identifier, exact name, beginnings, words, the rest": {variables{"search": "acme"}, []string{"ACME", "ZH2", "ACMEBALTIC", "B-1", "HOLD", "B-2", "XACME", "B-3"}},
		"case does not matter":                                      {variables{"search": "TWIN"}, []string{"DUP1", "DUP2"}},
		"an identifier":                                             {variables{"search": "dup2"}, []string{"DUP2"}},
		"umlauts":                                                   {variables{"search": "ÖL"}, []string{"UML"}},
		"umlauts at the beginning":                                  {variables{"search": "ägi"}, []string{"UML"}},
		"percent means itself":                                      {variables{"search": "100%"}, []string{"P100"}},
		"underscore means itself":                                   {variables{"search": "p_"}, []string{"P_X"}},
		"ConnectWise's own wildcards":                               {variables{"search": "[x] 'y' \"z\" *"}, []string{"NONE"}},
		"the empty text offers all":                                 {variables{"search": "", "filter": variables{"status": "Credit Hold – call AR"}}, []string{"HOLD"}},
		"nothing matches":                                           {variables{"search": "zzz"}, []string{}},
		"deleted ones when asked":                                   {variables{"search": "deleted", "filter": variables{"includeDeleted": true}}, []string{"BIN"}},
		"deleted ones only when asked":                              {variables{"search": "deleted", "filter": variables{"includeDeleted": false}}, []string{}},
		"deleted ones not by their status":                          {variables{"search": "deleted", "filter": variables{"status": "Active"}}, []string{}},
		"several statuses":                                          {variables{"search": "acme", "filter": variables{"status": []string{"Credit Hold – call AR", "Nonesuch"}}}, []string{"HOLD"}},
		"no status":                                                 {variables{"filter": variables{"status": []string{}}}, []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, pick(t, w.Seller, test.arguments)); diff != "" {
				t.Errorf("psaCompanies with %v (-want +got):\n%s", test.arguments, diff)
			}
		})
	}
}

func TestThePickerPagesInTheOrderOfTheMatch(t *testing.T) {
	t.Parallel()
	w := startShelf(t)
	for _, search := range []string{"acme", ""} {
		whole := pick(t, w.Seller, variables{"search": search})
		paged := []string{}
		arguments := variables{"first": 3, "search": search}
		for more := true; more; {
			var data struct {
				PsaCompanies struct {
					Nodes    []struct{ Identifier string }
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
			w.Must(t, viewer, `query ($first: Int, $after: String, $search: String) {
				psaCompanies(first: $first, after: $after, search: $search) { nodes { identifier } pageInfo { hasNextPage endCursor } }
			}`, arguments, &data)
			for _, node := range data.PsaCompanies.Nodes {
				paged = append(paged, node.Identifier)
			}
			more, arguments["after"] = data.PsaCompanies.PageInfo.HasNextPage, data.PsaCompanies.PageInfo.EndCursor
		}
		if diff := cmp.Diff(whole, paged); diff != "" {
			t.Errorf("pages of the search %q (-whole +pages):\n%s", search, diff)
		}
	}
}

func TestThePickerOffersMappedCompaniesToo(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, _ := startPair(t, gatewaytest.Options{})
	mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
	if got := pick(t, w.Seller, variables{"search": "acme"}); !slices.Equal(got, []string{"ACME"}) {
		t.Errorf("the picker offers %q, want the mapped company", got)
	}
}
