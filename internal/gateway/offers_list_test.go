package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// stock are the offers that the tests of the list are about, with the product each is mapped to.
var stock = []struct{ name, id, external, vendor, product string }{
	{"Azure Plan", "a-10", "AZ%1", "Microsoft", "HOSTING"},
	{"azure reservation", "a-9", "AZ_2", "Microsoft", "HOSTING"},
	{"Ägir Backup", "b-1", "", "acronis", "VAULT"},
	{"Backup 100% Safe", "b-2", "BKP100", "Bitdefender", ""},
	{"Backup 100x Safe", "b-3", "bkp2", "Bitdefender", "GONE"},
	{"Same Name", "s-1", "Ü-1", "Zoom", ""},
	{"Same Name", "s-2", "Ü-2", "zebra", ""},
	{"Offer for Default Subscription", "d-0", "HIDDEN", "Cloud Traders", "FEE"},
	{`under_score \ "quote'`, "u-1", "U1", "Zoom", ""},
}

// startStock puts up a world with the stock, loaded, mapped, with one product deleted and one inactive since.
func startStock(t *testing.T) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for _, p := range []simconnectwise.Product{
		{Identifier: "HOSTING", Description: "Cloud hosting", Category: "Cloud", Price: decimal.NewFromInt(20), Cost: decimal.New(155, -1)},
		{Identifier: "VAULT", Description: "archive Box", Category: "Backup"},
		{Identifier: "GONE", Description: "Vanished item"},
		{Identifier: "FEE", Description: "Zero fee"},
		{Identifier: "UNUSED", Description: "Unused thing"},
	} {
		w.ConnectWise.AddProduct(p)
	}
	for _, s := range stock {
		row := sold(s.id, s.name)
		row.VendorOfferID, row.VendorID, row.VendorName = s.external, "V-"+s.vendor, s.vendor
		bill(w, today(), row)
	}
	w.Load(t, 1)
	known := products(t, w.Seller)
	var mappings []variables
	for _, s := range stock {
		if s.product != "" {
			mappings = append(mappings, variables{"offerId": offerOf(t, w.Seller, s.id).ID, "psaProductId": known[s.product].ID})
		}
	}
	if got := mapOffers(t, w.Seller, mappings); len(got.UserErrors) > 0 {
		t.Fatalf("map the stock: %+v", got.UserErrors)
	}
	if err := w.ConnectWise.PurgeProduct(known["GONE"].RecordID); err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.DeactivateProduct(known["FEE"].RecordID); err != nil {
		t.Fatal(err)
	}
	w.Load(t, 1)
	return w
}

// offerPage is a page of offers.
type offerPage struct {
	TotalCount int
	Range      *struct{ From, To int }
	PageInfo   struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
	Edges []struct {
		Cursor string
		Node   struct{ PlatformID string }
	}
	Facets struct{ Vendor, MappingStatus []facetValue }
}

type facetValue struct {
	Value string
	Count int
}

// askOffers asks for a page of offers.
func askOffers(t *testing.T, s *gatewaytest.Seller, arguments variables) offerPage {
	t.Helper()
	var data struct{ Offers offerPage }
	s.Must(t, viewer, `query ($first: Int, $after: String, $last: Int, $before: String, $offset: Int, $search: String,
		$filter: OfferFilter, $orderBy: [OfferOrder!]) {
		offers(first: $first, after: $after, last: $last, before: $before, offset: $offset, search: $search, filter: $filter, orderBy: $orderBy) {
			totalCount range { from to } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
			edges { cursor node { platformId } }
			facets { vendor { value count } mappingStatus { value count } }
		}
	}`, arguments, &data)
	return data.Offers
}

func (p offerPage) ids() []string {
	list := []string{}
	for _, edge := range p.Edges {
		list = append(list, edge.Node.PlatformID)
	}
	return list
}

func TestOffersShowEveryColumn(t *testing.T) {
	t.Parallel()
	w := startStock(t)
	golden(t, "offers", w.Must(t, viewer, `{
		offers { totalCount range { from to } nodes { `+offerFields+` } }
		mappingSummary { offers { total mapped unmapped } }
	}`, nil, nil))
}

func TestOffersAreFiltered(t *testing.T) {
	t.Parallel()
	w := startStock(t)
	id := make(map[string]string)
	for _, o := range offers(t, w.Seller) {
		id[o.PlatformID] = o.ID
	}
	known := products(t, w.Seller)
	all := askOffers(t, w.Seller, nil).ids()
	if len(all) != len(stock) {
		t.Fatalf("without a filter there are %d offers, want %d", len(all), len(stock))
	}
	for name, test := range map[string]struct {
		filter variables
		want   []string
	}{
		"an empty filter holds everywhere":             {variables{}, all},
		"id":                                           {variables{"id": []string{id["u-1"], id["b-1"]}}, []string{"b-1", "u-1"}},
		"id of none":                                   {variables{"id": []string{}}, []string{}},
		"name eq minds case":                           {variables{"name": variables{"eq": "azure plan"}}, []string{}},
		"name in":                                      {variables{"name": variables{"in": []string{"Azure Plan", "Same Name"}}}, []string{"a-10", "s-1", "s-2"}},
		"name contains ignores case":                   {variables{"name": variables{"contains": "AZURE"}}, []string{"a-10", "a-9"}},
		"name contains takes percent literally":        {variables{"name": variables{"contains": "100%"}}, []string{"b-2"}},
		"name startsWith folds umlauts' case":          {variables{"name": variables{"startsWith": "äGIR"}}, []string{"b-1"}},
		"platformId eq":                                {variables{"platformId": variables{"eq": "a-9"}}, []string{"a-9"}},
		"platformId startsWith":                        {variables{"platformId": variables{"startsWith": "B-"}}, []string{"b-1", "b-2", "b-3"}},
		"externalId eq":                                {variables{"externalId": variables{"eq": "BKP100"}}, []string{"b-2"}},
		"externalId contains ignores case":             {variables{"externalId": variables{"contains": "BKP"}}, []string{"b-2", "b-3"}},
		"externalId contains takes underscore as such": {variables{"externalId": variables{"contains": "z_"}}, []string{"a-9"}},
		"externalId contains folds umlauts' case":      {variables{"externalId": variables{"contains": "ü-"}}, []string{"s-1", "s-2"}},
		"externalId isNull":                            {variables{"externalId": variables{"isNull": true}}, []string{"b-1", "d-0"}},
		"externalId is not null":                       {variables{"externalId": variables{"isNull": false}, "vendor": "Microsoft"}, []string{"a-10", "a-9"}},
		"vendors are alternatives":                     {variables{"vendor": []string{"Zoom", "zebra"}}, []string{"s-1", "s-2", "u-1"}},
		"vendor minds case":                            {variables{"vendor": "zoom"}, []string{}},
		"no vendor matches nothing":                    {variables{"vendor": []string{}}, []string{}},
		"psaProductId":                                 {variables{"psaProductId": []string{known["HOSTING"].ID, known["VAULT"].ID}}, []string{"b-1", "a-10", "a-9"}},
		"psaProductId of a deleted product":            {variables{"psaProductId": known["GONE"].ID}, []string{"b-3"}},
		"psaProductId of an unused product":            {variables{"psaProductId": known["UNUSED"].ID}, []string{}},
		"mappingStatus MAPPED":                         {variables{"mappingStatus": "MAPPED"}, []string{"b-1", "a-10", "a-9", "b-3", "d-0"}},
		"mappingStatus UNMAPPED":                       {variables{"mappingStatus": "UNMAPPED"}, []string{"b-2", "s-1", "s-2", "u-1"}},
		"mappingStatus of none":                        {variables{"mappingStatus": []string{}}, []string{}},
		"columns are combined with and":                {variables{"mappingStatus": "UNMAPPED", "vendor": "Zoom"}, []string{"s-1", "u-1"}},
		"and holds when all hold":                      {variables{"and": []variables{{"vendor": "Zoom"}, {"name": variables{"contains": "_"}}}}, []string{"u-1"}},
		"or holds when one holds":                      {variables{"or": []variables{{"vendor": "zebra"}, {"externalId": variables{"isNull": true}}}}, []string{"b-1", "d-0", "s-2"}},
		"or of nothing matches nothing":                {variables{"or": []variables{}}, []string{}},
		"not includes rows without a value":            {variables{"not": variables{"externalId": variables{"startsWith": "a"}}, "mappingStatus": "MAPPED"}, []string{"b-1", "b-3", "d-0"}},
		"nested filters":                               {variables{"or": []variables{{"and": []variables{{"vendor": "Microsoft"}, {"not": variables{"id": id["a-9"]}}}}, {"platformId": variables{"eq": "s-1"}}}}, []string{"a-10", "s-1"}},
		"null members are as if they were left out":    {variables{"vendor": nil, "name": nil, "or": nil, "not": nil, "externalId": nil, "psaProductId": nil}, all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := askOffers(t, w.Seller, variables{"filter": test.filter})
			if diff := cmp.Diff(test.want, page.ids()); diff != "" || page.TotalCount != len(test.want) {
				t.Errorf("offers with the filter %v, %d in total (-want +got):\n%s", test.filter, page.TotalCount, diff)
			}
		})
	}
}

func TestOffersAreSearchedInFourColumnsOnly(t *testing.T) {
	t.Parallel()
	w := startStock(t)
	all := askOffers(t, w.Seller, nil).ids()
	for name, test := range map[string]struct {
		search string
		want   []string
	}{
		"name, whatever its case":                  {"AZURE", []string{"a-10", "a-9"}},
		"offer ID":                                 {"A-1", []string{"a-10"}},
		"external ID":                              {"kp10", []string{"b-2"}},
		"PSA product identifier":                   {"hostin", []string{"a-10", "a-9"}},
		"identifier of a deleted product":          {"gone", []string{"b-3"}},
		"identifier of an inactive product":        {"fee", []string{"d-0"}},
		"umlauts":                                  {"ä", []string{"b-1"}},
		"umlauts in the external ID":               {"ü-2", []string{"s-2"}},
		"percent means itself":                     {"%", []string{"a-10", "b-2"}},
		"underscore means itself":                  {"_", []string{"a-9", "u-1"}},
		"backslash means itself":                   {`\`, []string{"u-1"}},
		"quotes mean themselves":                   {`"quote'`, []string{"u-1"}},
		"the empty text finds everything":          {"", all},
		"PSA product name is not searched":         {"cloud hosting", []string{}},
		"PSA product name is not searched in part": {"archive", []string{}},
		"PSA product category is not searched":     {"cloud", []string{}},
		"vendor name is not searched":              {"bitdefender", []string{}},
		"vendor ID is not searched":                {"v-", []string{}},
		"mapping status is not searched":           {"unmapped", []string{}},
		"who mapped it is not searched":            {"editor@", []string{}},
		"hidden external ID is not searched":       {"hidden", []string{}},
		"nothing of two columns at once":           {"plana-10", []string{}},
		"what is in no row":                        {"zzz", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, askOffers(t, w.Seller, variables{"search": test.search}).ids()); diff != "" {
				t.Errorf("offers found with %q (-want +got):\n%s", test.search, diff)
			}
		})
	}
	got := askOffers(t, w.Seller, variables{"search": "backup", "filter": variables{"mappingStatus": "MAPPED"}}).ids()
	if !slices.Equal(got, []string{"b-1", "b-3"}) {
		t.Errorf("mapped offers found with backup are %q, want b-1 and b-3", got)
	}
}

func TestOffersAreSortedByEveryColumnInBothDirections(t *testing.T) {
	t.Parallel()
	w := startStock(t)
	for field, want := range map[string]struct{ ascending, descending []string }{
		// Rows of the same value are in the order of their ids, backwards where the column is; those without a
		// value come last both ways.
		"NAME":             {ascending: []string{"b-1", "a-10", "a-9", "b-2", "b-3", "d-0", "s-1", "s-2", "u-1"}},
		"OFFER_ID":         {ascending: []string{"a-10", "a-9", "b-1", "b-2", "b-3", "d-0", "s-1", "s-2", "u-1"}},
		"VENDOR_NAME":      {ascending: []string{"b-1", "b-2", "b-3", "d-0", "a-10", "a-9", "s-2", "s-1", "u-1"}},
		"MAPPING_STATUS":   {ascending: []string{"a-10", "a-9", "b-1", "b-3", "d-0", "b-2", "s-1", "s-2", "u-1"}},
		"PSA_PRODUCT_NAME": {[]string{"b-1", "a-10", "a-9", "b-3", "d-0", "b-2", "s-1", "s-2", "u-1"}, []string{"d-0", "b-3", "a-9", "a-10", "b-1", "u-1", "s-2", "s-1", "b-2"}},
		"PSA_PRODUCT_ID":   {[]string{"d-0", "b-3", "a-10", "a-9", "b-1", "b-2", "s-1", "s-2", "u-1"}, []string{"b-1", "a-9", "a-10", "b-3", "d-0", "u-1", "s-2", "s-1", "b-2"}},
		"EXTERNAL_ID":      {[]string{"a-9", "a-10", "b-2", "b-3", "s-1", "s-2", "u-1", "b-1", "d-0"}, []string{"u-1", "s-2", "s-1", "b-3", "b-2", "a-10", "a-9", "d-0", "b-1"}},
	} {
		if want.descending == nil {
			want.descending = slices.Clone(want.ascending)
			slices.Reverse(want.descending)
		}
		for direction, ids := range map[string][]string{"ASC": want.ascending, "DESC": want.descending} {
			orderBy := variables{"field": field, "direction": direction}
			if diff := cmp.Diff(ids, askOffers(t, w.Seller, variables{"orderBy": orderBy}).ids()); diff != "" {
				t.Errorf("offers by %s %s (-want +got):\n%s", field, direction, diff)
			}
			checkOfferPages(t, w.Seller, ids, variables{"orderBy": orderBy})
		}
	}
	several := []variables{{"field": "MAPPING_STATUS", "direction": "DESC"}, {"field": "VENDOR_NAME"}, {"field": "EXTERNAL_ID", "direction": "DESC"}}
	want := []string{"b-2", "s-2", "u-1", "s-1", "b-1", "b-3", "d-0", "a-10", "a-9"}
	if diff := cmp.Diff(want, askOffers(t, w.Seller, variables{"orderBy": several}).ids()); diff != "" {
		t.Errorf("offers by %v (-want +got):\n%s", several, diff)
	}
	checkOfferPages(t, w.Seller, want, variables{"orderBy": several})
	if diff := cmp.Diff(askOffers(t, w.Seller, variables{"orderBy": variables{"field": "NAME"}}).ids(), askOffers(t, w.Seller, nil).ids()); diff != "" {
		t.Errorf("offers without an order (-by name +got):\n%s", diff)
	}
}

// checkOfferPages checks that pages of two join to the whole list, forwards and backwards.
func checkOfferPages(t *testing.T, s *gatewaytest.Seller, whole []string, arguments variables) {
	t.Helper()
	check := func(p offerPage, from int) {
		to := from + len(p.Edges) - 1
		if p.TotalCount != len(whole) || p.Range == nil || p.Range.From != from || p.Range.To != to ||
			p.PageInfo.HasPreviousPage != (from > 1) || p.PageInfo.HasNextPage != (to < len(whole)) {
			t.Errorf("with %v the page of %d–%d of %d says range %+v of %d and %+v", arguments, from, to, len(whole), p.Range, p.TotalCount, p.PageInfo)
		}
	}
	const size = 2
	var forwards, backwards []string
	ahead := variables{"first": size, "orderBy": arguments["orderBy"]}
	for more := true; more; {
		p := askOffers(t, s, ahead)
		check(p, len(forwards)+1)
		forwards = append(forwards, p.ids()...)
		more, ahead["after"] = p.PageInfo.HasNextPage, deref(p.PageInfo.EndCursor)
	}
	back := variables{"last": size, "orderBy": arguments["orderBy"]}
	for more := true; more; {
		p := askOffers(t, s, back)
		check(p, len(whole)-len(backwards)-len(p.Edges)+1)
		backwards = append(p.ids(), backwards...)
		more, back["before"] = p.PageInfo.HasPreviousPage, deref(p.PageInfo.StartCursor)
	}
	for direction, got := range map[string][]string{"forwards": forwards, "backwards": backwards} {
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Errorf("pages with %v, read %s (-whole +pages):\n%s", arguments, direction, diff)
		}
	}
}

func TestFacetsOfOffersIgnoreTheirOwnColumnsFilter(t *testing.T) {
	t.Parallel()
	w := startStock(t)
	vendors := []facetValue{{"acronis", 1}, {"Bitdefender", 2}, {"Cloud Traders", 1}, {"Microsoft", 2}, {"zebra", 1}, {"Zoom", 2}}
	for name, test := range map[string]struct {
		arguments       variables
		vendor, mapping []facetValue
	}{
		"without a filter":        {nil, vendors, []facetValue{{"MAPPED", 5}, {"UNMAPPED", 4}}},
		"by vendor":               {variables{"filter": variables{"vendor": "Bitdefender"}}, vendors, []facetValue{{"MAPPED", 1}, {"UNMAPPED", 1}}},
		"by mapping status":       {variables{"filter": variables{"mappingStatus": "UNMAPPED"}}, []facetValue{{"Bitdefender", 1}, {"zebra", 1}, {"Zoom", 2}}, []facetValue{{"MAPPED", 5}, {"UNMAPPED", 4}}},
		"by both":                 {variables{"filter": variables{"vendor": []string{"Zoom", "Microsoft"}, "mappingStatus": "MAPPED"}}, []facetValue{{"acronis", 1}, {"Bitdefender", 1}, {"Cloud Traders", 1}, {"Microsoft", 2}}, []facetValue{{"MAPPED", 2}, {"UNMAPPED", 2}}},
		"by search":               {variables{"search": "same"}, []facetValue{{"zebra", 1}, {"Zoom", 1}}, []facetValue{{"UNMAPPED", 2}}},
		"by search and vendor":    {variables{"search": "same", "filter": variables{"vendor": "Zoom"}}, []facetValue{{"zebra", 1}, {"Zoom", 1}}, []facetValue{{"UNMAPPED", 1}}},
		"by a nested filter":      {variables{"filter": variables{"and": variables{"vendor": "Zoom"}}}, []facetValue{{"Zoom", 2}}, []facetValue{{"UNMAPPED", 2}}},
		"where no row is matched": {variables{"filter": variables{"name": variables{"eq": "?"}}}, []facetValue{}, []facetValue{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := askOffers(t, w.Seller, test.arguments).Facets
			if diff := cmp.Diff(fmt.Sprint(test.vendor, test.mapping), fmt.Sprint(got.Vendor, got.MappingStatus)); diff != "" {
				t.Errorf("facets with %v (-want +got):\n%s", test.arguments, diff)
			}
		})
	}
	for column, values := range map[string][]facetValue{"vendor": vendors, "mappingStatus": {{"MAPPED", 5}, {"UNMAPPED", 4}}} {
		for _, v := range values {
			if got := askOffers(t, w.Seller, variables{"filter": variables{column: v.Value}}).TotalCount; got != v.Count {
				t.Errorf("the facet %s promises %d rows for %q; the filter leaves %d", column, v.Count, v.Value, got)
			}
		}
	}
}

func TestTheIDsOfOtherThingsAreRefusedInFiltersOfOffers(t *testing.T) {
	t.Parallel()
	w := startStock(t)
	o := offers(t, w.Seller)[0]
	for name, filter := range map[string]variables{
		"a Platform id":                {"id": o.PlatformID},
		"a product for an offer":       {"id": o.PsaProduct.ID},
		"an offer for a product":       {"psaProductId": o.ID},
		"a record number":              {"psaProductId": fmt.Sprint(o.PsaProduct.RecordID)},
		"a company for a product":      {"psaProductId": nodeID("PsaCompany", 1)},
		"one wrong id among the right": {"id": []string{o.ID, "rubbish"}},
	} {
		response := w.Query(t, viewer, `query ($filter: OfferFilter) { offers(filter: $filter) { totalCount } }`, variables{"filter": filter})
		if !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
			t.Errorf("%s was answered with %s, want BAD_USER_INPUT", name, response.Body)
		}
	}
}
