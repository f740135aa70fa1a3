package gateway_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// cast are the organizations that the tests of the list are about, with the company each is mapped to.
var cast = []struct {
	name, reference, status string
	company                 string
	included                bool
}{
	{name: "Alpha GmbH", reference: "10", status: "Active", company: "NORTHWIND", included: true},
	{name: "alpine tours", reference: "9", status: "Active", company: "NORTHWIND"},
	{name: "Ärztehaus Süd", reference: "100", status: "Blocked", company: "AERZTE", included: true},
	{name: "ÄRZTEKAMMER", reference: "101", status: "New"},
	{name: "Beta 100% Organic", reference: "11", status: "Active"},
	{name: "Beta 100x Organic", reference: "12", status: "Active"},
	{name: "under_score", reference: "13", status: "Blocked", company: "GONE"},
	{name: "underXscore", reference: "14", status: "Active"},
	{name: `back\slash`, reference: "15", status: "Active", included: true},
	{name: "O'Brien & Daughters", reference: "16", status: "Active", company: "obrien", included: true},
	{name: "Straße der Müller", reference: "17", status: "Archived"},
	{name: "Same Name", reference: "19", status: "Active"},
	{name: "Same Name", reference: "18", status: "Active"},
	{name: "No Number", reference: "X-7", status: "Active"},
}

// startCast puts up a world with the cast, synced, mapped, and one company deleted since.
func startCast(t *testing.T, options gatewaytest.Options) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, options)
	for _, c := range []simconnectwise.Company{
		{Identifier: "NORTHWIND", Name: "Northwind Traders"},
		{Identifier: "AERZTE", Name: "Ärztehaus Süd GmbH", Status: "Credit Hold – call AR"},
		{Identifier: "GONE", Name: "Gone & Forgotten", Status: "Inactive"},
		{Identifier: "obrien", Name: "O'Brien Ltd", Status: "Prospect/Do not use"},
		{Identifier: "UNUSED", Name: "Unused Inc."},
	} {
		w.ConnectWise.AddCompany(c)
	}
	for _, c := range cast {
		w.AddCustomer(c.name, c.reference, c.status)
	}
	w.Sync(t)
	mapCast(t, w)
	if err := w.ConnectWise.DeleteCompany(companies(t, w.Seller)["GONE"].RecordID); err != nil {
		t.Fatal(err)
	}
	w.Sync(t)
	return w
}

func mapCast(t *testing.T, w *gatewaytest.World) {
	t.Helper()
	ids := make(map[string]string)
	for _, o := range organizations(t, w.Seller) {
		ids[o.ReferenceNumber] = o.ID
	}
	known := companies(t, w.Seller)
	var mappings []variables
	var included []string
	for _, c := range cast {
		if c.company != "" {
			mappings = append(mappings, variables{"organizationId": ids[c.reference], "psaCompanyId": known[c.company].ID})
		}
		if c.included {
			included = append(included, ids[c.reference])
		}
	}
	if got := mapOrganizations(t, w.Seller, mappings); len(got.UserErrors) > 0 {
		t.Fatalf("map the cast: %+v", got.UserErrors)
	}
	if got := setExcluded(t, w.Seller, included, false, nil); len(got.UserErrors) > 0 {
		t.Fatalf("include some of the cast: %+v", got.UserErrors)
	}
}

// references asks for organizations and returns their reference numbers.
func references(t *testing.T, s *gatewaytest.Seller, arguments variables) []string {
	t.Helper()
	var data struct {
		Organizations struct {
			TotalCount int
			Nodes      []struct{ ReferenceNumber string }
			Edges      []struct {
				Cursor string
				Node   struct{ ReferenceNumber string }
			}
		}
	}
	s.Must(t, viewer, `query ($first: Int, $offset: Int, $search: String, $filter: OrganizationFilter, $orderBy: [OrganizationOrder!]) {
		organizations(first: $first, offset: $offset, search: $search, filter: $filter, orderBy: $orderBy) {
			totalCount nodes { referenceNumber } edges { cursor node { referenceNumber } }
		}
	}`, arguments, &data)
	list := []string{}
	for i, node := range data.Organizations.Nodes {
		list = append(list, node.ReferenceNumber)
		if edge := data.Organizations.Edges[i]; edge.Node != node || edge.Cursor == "" {
			t.Errorf("edge %d is %+v, want the node %+v with a cursor", i, edge, node)
		}
	}
	if len(data.Organizations.Edges) != len(list) {
		t.Errorf("there are %d edges and %d nodes, want as many of each", len(data.Organizations.Edges), len(list))
	}
	if arguments["first"] == nil && data.Organizations.TotalCount != len(list) {
		t.Errorf("totalCount is %d, want %d, the rows on the only page", data.Organizations.TotalCount, len(list))
	}
	return list
}

func TestOrganizationsAreFiltered(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	id := make(map[string]string)
	for _, o := range organizations(t, w.Seller) {
		id[o.ReferenceNumber] = o.ID
	}
	known := companies(t, w.Seller)
	all := references(t, w.Seller, nil)
	if len(all) != len(cast) {
		t.Fatalf("without a filter there are %d organizations, want %d", len(all), len(cast))
	}
	tests := map[string]struct {
		filter variables
		want   []string
	}{
		"an empty filter holds everywhere":            {variables{}, all},
		"id picks rows":                               {variables{"id": []string{id["17"], id["9"]}}, []string{"9", "17"}},
		"id takes one value for a list":               {variables{"id": id["17"]}, []string{"17"}},
		"name eq minds case":                          {variables{"name": variables{"eq": "Alpha GmbH"}}, []string{"10"}},
		"name eq in other case finds nothing":         {variables{"name": variables{"eq": "alpha gmbh"}}, []string{}},
		"name in takes several":                       {variables{"name": variables{"in": []string{"Same Name", "alpine tours"}}}, []string{"9", "18", "19"}},
		"name in an empty list matches nothing":       {variables{"name": variables{"in": []string{}}}, []string{}},
		"name contains ignores case":                  {variables{"name": variables{"contains": "SCORE"}}, []string{"13", "14"}},
		"name contains takes percent literally":       {variables{"name": variables{"contains": "100%"}}, []string{"11"}},
		"name contains takes underscore literally":    {variables{"name": variables{"contains": "r_s"}}, []string{"13"}},
		"name contains takes backslash literally":     {variables{"name": variables{"contains": `k\s`}}, []string{"15"}},
		"name contains folds umlauts' case":           {variables{"name": variables{"contains": "ärzte"}}, []string{"100", "101"}},
		"name startsWith ignores case":                {variables{"name": variables{"startsWith": "ALP"}}, []string{"10", "9"}},
		"name startsWith is not contains":             {variables{"name": variables{"startsWith": "Organic"}}, []string{}},
		"name startsWith takes percent literally":     {variables{"name": variables{"startsWith": "%"}}, []string{}},
		"name isNull true finds none":                 {variables{"name": variables{"isNull": true}}, []string{}},
		"name isNull false finds all":                 {variables{"name": variables{"isNull": false}}, all},
		"several conditions on a name all hold":       {variables{"name": variables{"startsWith": "under", "contains": "X"}}, []string{"14"}},
		"an empty StringFilter holds everywhere":      {variables{"name": variables{}}, all},
		"referenceNumber eq":                          {variables{"referenceNumber": variables{"eq": "X-7"}}, []string{"X-7"}},
		"referenceNumber startsWith":                  {variables{"referenceNumber": variables{"startsWith": "10"}}, []string{"10", "100", "101"}},
		"status of one kind":                          {variables{"status": []string{"BLOCKED"}}, []string{"100", "13"}},
		"statuses are alternatives":                   {variables{"status": []string{"NEW", "OTHER"}}, []string{"101", "17"}},
		"no status matches nothing":                   {variables{"status": []string{}}, []string{}},
		"psaCompanyId":                                {variables{"psaCompanyId": []string{known["NORTHWIND"].ID}}, []string{"10", "9"}},
		"psaCompanyId of none":                        {variables{"psaCompanyId": []string{known["UNUSED"].ID}}, []string{}},
		"psaCompanyId empty":                          {variables{"psaCompanyId": []string{}}, []string{}},
		"psaStatus in the partner's words":            {variables{"psaStatus": []string{"Credit Hold – call AR", "Inactive"}}, []string{"100", "13"}},
		"psaStatus empty":                             {variables{"psaStatus": []string{}}, []string{}},
		"excludedFromSync false":                      {variables{"excludedFromSync": false}, []string{"10", "100", "15", "16"}},
		"mappingStatus MAPPED":                        {variables{"mappingStatus": []string{"MAPPED"}}, []string{"10", "9", "100", "16", "13"}},
		"mappingStatus both is either":                {variables{"mappingStatus": []string{"MAPPED", "UNMAPPED"}}, all},
		"mappingStatus empty":                         {variables{"mappingStatus": []string{}}, []string{}},
		"columns are combined with and":               {variables{"mappingStatus": "MAPPED", "excludedFromSync": true}, []string{"9", "13"}},
		"and holds when all hold":                     {variables{"and": []variables{{"status": "ACTIVE"}, {"excludedFromSync": false}}}, []string{"10", "15", "16"}},
		"and of nothing holds everywhere":             {variables{"and": []variables{}}, all},
		"or holds when one holds":                     {variables{"or": []variables{{"status": "NEW"}, {"name": variables{"startsWith": "back"}}}}, []string{"101", "15"}},
		"or of nothing matches nothing":               {variables{"or": []variables{}}, []string{}},
		"or with an empty filter holds everywhere":    {variables{"or": []variables{{}, {"status": "NEW"}}}, all},
		"not turns around":                            {variables{"not": variables{"mappingStatus": "MAPPED"}, "excludedFromSync": false}, []string{"15"}},
		"not includes rows without a value":           {variables{"not": variables{"psaStatus": []string{"Active", "Inactive"}}, "excludedFromSync": false}, []string{"100", "15", "16"}},
		"not of an empty filter matches nothing":      {variables{"not": variables{}}, []string{}},
		"nested filters":                              {variables{"or": []variables{{"and": []variables{{"status": "BLOCKED"}, {"not": variables{"psaStatus": "Inactive"}}}}, {"referenceNumber": variables{"eq": "9"}}}}, []string{"9", "100"}},
		"null members are as if they were left out":   {variables{"status": nil, "name": nil, "and": nil, "or": nil, "not": nil, "id": nil, "excludedFromSync": nil}, all},
		"null inside a StringFilter is left out, too": {variables{"name": variables{"eq": nil, "in": nil, "contains": "kammer"}}, []string{"101"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := references(t, w.Seller, variables{"filter": test.filter})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("organizations with the filter %v (-want +got):\n%s", test.filter, diff)
			}
		})
	}
}

func TestOrganizationsAreSearchedInFourColumnsOnly(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	all := references(t, w.Seller, nil)
	tests := map[string]struct {
		search string
		want   []string
	}{
		"name, whatever its case":         {"ALPHA", []string{"10"}},
		"part of a name":                  {"pine", []string{"9"}},
		"reference number":                {"10", []string{"10", "100", "101", "11", "12"}}, // 11 and 12 are called Beta 100
		"PSA name":                        {"traders", []string{"10", "9"}},
		"PSA identifier":                  {"northW", []string{"10", "9"}},
		"PSA name of a deleted company":   {"forgotten", []string{"13"}},
		"umlauts, whatever their case":    {"äRZTE", []string{"100", "101"}},
		"sharp s":                         {"straße", []string{"17"}},
		"an apostrophe":                   {"o'brien", []string{"16"}},
		"percent means itself":            {"100%", []string{"11"}},
		"underscore means itself":         {"r_s", []string{"13"}},
		"backslash means itself":          {`\`, []string{"15"}},
		"one character":                   {"%", []string{"11"}},
		"spaces are part of the text":     {"e n", []string{"18", "19"}},
		"the empty text finds everything": {"", all},
		"status is not searched":          {"blocked", []string{}},
		"PSA status is not searched":      {"credit hold", []string{}},
		"who mapped it is not searched":   {"editor@example.com", []string{}},
		"nothing of two columns at once":  {"GmbH10", []string{}},
		"what is in no row":               {"zzz", []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := references(t, w.Seller, variables{"search": test.search})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("organizations found with %q (-want +got):\n%s", test.search, diff)
			}
		})
	}
	t.Run("search and filter are combined with and", func(t *testing.T) {
		t.Parallel()
		got := references(t, w.Seller, variables{"search": "northwind", "filter": variables{"excludedFromSync": true}})
		if !slices.Equal(got, []string{"9"}) {
			t.Errorf("excluded organizations found with northwind are %q, want 9", got)
		}
	})
}

func TestFacetsIgnoreTheirOwnColumnsFilterAndRespectTheOthers(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	const query = `query ($search: String, $filter: OrganizationFilter) {
		organizations(search: $search, filter: $filter) {
			totalCount
			facets {
				status { value count } psaStatus { value count }
				excludedFromSync { value count } mappingStatus { value count }
			}
		}
	}`
	for name, arguments := range map[string]variables{
		"facets-without-filter": nil,
		"facets-status":         {"filter": variables{"status": "BLOCKED"}},
		"facets-all-columns":    {"filter": variables{"status": "ACTIVE", "psaStatus": "Active", "excludedFromSync": false, "mappingStatus": "MAPPED"}},
		"facets-search":         {"search": "under", "filter": variables{"mappingStatus": "UNMAPPED"}},
		"facets-nested":         {"filter": variables{"and": variables{"status": "BLOCKED"}, "psaStatus": "Inactive"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, w.Must(t, viewer, query, arguments, nil))
		})
	}
}

func TestEveryFacetValueIsWhatItsFilterTakes(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	type facet []struct {
		Value string
		Count int
	}
	var data struct {
		Organizations struct{ Facets map[string]facet }
	}
	w.Must(t, viewer, `{ organizations { facets {
		status { value count } psaStatus { value count } excludedFromSync { value count } mappingStatus { value count }
	} } }`, nil, &data)
	for column, values := range data.Organizations.Facets {
		if len(values) == 0 {
			t.Errorf("the facet %s is empty", column)
		}
		for _, v := range values {
			filter := variables{column: v.Value}
			if column == "excludedFromSync" {
				filter = variables{column: v.Value == "true"}
			}
			if got := references(t, w.Seller, variables{"filter": filter}); len(got) != v.Count {
				t.Errorf("the facet %s promises %d rows for %q; the filter leaves %d", column, v.Count, v.Value, len(got))
			}
		}
	}
}

func TestTotalsIgnoreSearchAndFilterAndAgreeWithTheLists(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	var data struct {
		Organizations  struct{ TotalCount int }
		MappingSummary struct {
			Organizations struct{ Total, Mapped, Unmapped, Excluded int }
		}
	}
	w.Must(t, viewer, `{
		organizations(search: "alpha") { totalCount }
		mappingSummary { asOf organizations { total mapped unmapped excluded } }
	}`, nil, &data)
	if data.Organizations.TotalCount != 1 {
		t.Errorf("totalCount of a search is %d, want 1", data.Organizations.TotalCount)
	}
	count := func(filter variables) int { return len(references(t, w.Seller, variables{"filter": filter})) }
	got := data.MappingSummary.Organizations
	for name, pair := range map[string][2]int{
		"total":    {got.Total, len(cast)},
		"mapped":   {got.Mapped, count(variables{"mappingStatus": "MAPPED"})},
		"unmapped": {got.Unmapped, count(variables{"mappingStatus": "UNMAPPED"})},
		"excluded": {got.Excluded, count(variables{"excludedFromSync": true})},
	} {
		if pair[0] != pair[1] {
			t.Errorf("mappingSummary says %s: %d; the list has %d", name, pair[0], pair[1])
		}
	}
}
