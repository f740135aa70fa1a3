package gateway_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// startCatalog puts up a world with the products of the picker's tests, one of them deleted since.
func startCatalog(t *testing.T) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for _, p := range []simconnectwise.Product{
		{Identifier: "AZURE", Description: "Pay as you go", Category: "Cloud", Price: decimal.RequireFromString("10.10"), Cost: decimal.RequireFromString("8.0001")},
		{Identifier: "MS-1", Description: "Azure", Category: "Cloud"},
		{Identifier: "AZUREPLAN", Description: "Plan B", Category: "Plans"},
		{Identifier: "MS-2", Description: "azure reservation", Category: "Plans"},
		{Identifier: "MS-3", Description: "The Azure thing", Category: "Ägäis"},
		{Identifier: "MS-4", Description: "Lazurelike", Category: "Plans"},
		{Identifier: "XAZURE", Description: "Other", Category: "Plans"},
		{Identifier: "OLD", Description: "Azure of old", Category: "Cloud", Inactive: true},
		{Identifier: "BIN", Description: "Azure deleted", Category: "Cloud"},
		{Identifier: "P_1", Description: "100% Uptime", Category: "Plans"},
		{Identifier: "TWIN-1", Description: "Twin", Category: "Plans"},
		{Identifier: "TWIN-2", Description: "Twin", Category: "Plans"},
	} {
		w.ConnectWise.AddProduct(p)
	}
	bill(w, today(), sold("one", "One"), sold("two", "Two"))
	w.Load(t, 1)
	if err := w.ConnectWise.PurgeProduct(products(t, w.Seller)["BIN"].RecordID); err != nil {
		t.Fatal(err)
	}
	w.Load(t, 1)
	return w
}

// pickProducts asks the picker and returns the identifiers it offers.
func pickProducts(t *testing.T, s *gatewaytest.Seller, arguments variables) []string {
	t.Helper()
	var data struct {
		PsaProducts struct {
			TotalCount int
			Nodes      []struct{ Identifier string }
			PageInfo   struct {
				HasNextPage bool
				EndCursor   *string
			}
		}
	}
	identifiers := []string{}
	query := variables{"first": 5, "search": arguments["search"], "filter": arguments["filter"]}
	for more := true; more; {
		s.Must(t, viewer, `query ($first: Int, $after: String, $search: String, $filter: PsaProductFilter) {
			psaProducts(first: $first, after: $after, search: $search, filter: $filter) {
				totalCount nodes { identifier } pageInfo { hasNextPage endCursor }
			}
		}`, query, &data)
		for _, node := range data.PsaProducts.Nodes {
			identifiers = append(identifiers, node.Identifier)
		}
		more, query["after"] = data.PsaProducts.PageInfo.HasNextPage, deref(data.PsaProducts.PageInfo.EndCursor)
	}
	if data.PsaProducts.TotalCount != len(identifiers) {
		t.Errorf("psaProducts with %v counts %d and offers %d", arguments, data.PsaProducts.TotalCount, len(identifiers))
	}
	return identifiers
}

func TestTheProductPickerOffersActiveProductsTheBestMatchFirst(t *testing.T) {
	t.Parallel()
	w := startCatalog(t)
	inactive := variables{"includeInactive": true}
	for name, test := range map[string]struct {
		arguments variables
		want      []string
	}{
		"without a search all that are active, by name":             {nil, []string{"P_1", "MS-1", "MS-2", "MS-4", "XAZURE", "AZURE", "AZUREPLAN", "MS-3", "TWIN-1", "TWIN-2"}},
		"exact identifier, exact name, beginnings, words, the rest": {variables{"search": "azure"}, []string{"AZURE", "MS-1", "AZUREPLAN", "MS-2", "MS-3", "MS-4", "XAZURE"}},
		"case does not matter":                                      {variables{"search": "TWIN"}, []string{"TWIN-1", "TWIN-2"}},
		"an identifier":                                             {variables{"search": "twin-2"}, []string{"TWIN-2"}},
		"underscore means itself":                                   {variables{"search": "p_"}, []string{"P_1"}},
		"percent means itself":                                      {variables{"search": "100%"}, []string{"P_1"}},
		"a category is not searched":                                {variables{"search": "plans"}, []string{}},
		"inactive and deleted ones when asked":                      {variables{"search": "azure", "filter": inactive}, []string{"AZURE", "MS-1", "AZUREPLAN", "BIN", "OLD", "MS-2", "MS-3", "MS-4", "XAZURE"}},
		"inactive ones only when asked":                             {variables{"search": "old", "filter": variables{"includeInactive": false}}, []string{}},
		"a category":                                                {variables{"filter": variables{"category": "Cloud"}}, []string{"MS-1", "AZURE"}},
		"several categories, inactive ones too":                     {variables{"filter": variables{"category": []string{"Cloud", "Ägäis"}, "includeInactive": true}}, []string{"MS-1", "BIN", "OLD", "AZURE", "MS-3"}},
		"no category":                                               {variables{"filter": variables{"category": []string{}}}, []string{}},
		"nothing matches":                                           {variables{"search": "zzz"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, pickProducts(t, w.Seller, test.arguments)); diff != "" {
				t.Errorf("psaProducts with %v (-want +got):\n%s", test.arguments, diff)
			}
		})
	}
	want := product{
		Identifier: "AZURE", Description: "Pay as you go", Category: changedText("Cloud"),
		Price: changedText("10.1"), Cost: changedText("8.0001"), Freshness: "STALE",
	}
	got := products(t, w.Seller)["AZURE"]
	want.ID, want.RecordID = got.ID, got.RecordID
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a product as the picker shows it (-want +got):\n%s", diff)
	}
}

func TestAProductInUseStaysVisibleWhenItGoesOutOfUse(t *testing.T) {
	t.Parallel()
	w := startCatalog(t)
	known := products(t, w.Seller)
	one := offerOf(t, w.Seller, "one")
	sellAs(t, w.Seller, one.ID, known["TWIN-1"].ID)
	if got := pickProducts(t, w.Seller, variables{"search": "twin"}); !slices.Equal(got, []string{"TWIN-1", "TWIN-2"}) {
		t.Errorf("the picker offers %q, want the mapped product too", got)
	}
	if err := w.ConnectWise.DeactivateProduct(known["TWIN-1"].RecordID); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		got := offerOf(t, w.Seller, "one")
		if got.MappingStatus != "MAPPED" || got.PsaProduct == nil || !got.PsaProduct.Inactive || got.PsaProduct.Deleted ||
			got.PsaProduct.Identifier != "TWIN-1" || got.PsaProduct.Freshness != "LIVE" {
			t.Errorf("%s the row is %+v with %+v, want it MAPPED to TWIN-1, inactive", when, got, got.PsaProduct)
		}
	}
	check("before the next load")
	w.Load(t, 1)
	check("after the next load")
	if got := pickProducts(t, w.Seller, variables{"search": "twin"}); !slices.Equal(got, []string{"TWIN-2"}) {
		t.Errorf("the picker offers %q, want the active product alone", got)
	}
	// Who has its id, from a row that shows it, may still map to it: ConnectWise has it.
	sellAs(t, w.Seller, offerOf(t, w.Seller, "two").ID, known["TWIN-1"].ID)
}
