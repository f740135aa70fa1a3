package gateway_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
)

// orderFields are the columns organizations can be sorted by.
var orderFields = []string{
	"NAME", "REFERENCE_NUMBER", "STATUS", "EXCLUDED_FROM_SYNC", "MAPPING_STATUS", "PSA_NAME", "PSA_IDENTIFIER", "PSA_STATUS",
}

// orderings are all columns in both directions, and some with more than one column.
func orderings() map[string][]variables {
	all := map[string][]variables{
		"status, then name backwards": {{"field": "STATUS"}, {"field": "NAME", "direction": "DESC"}},
		"PSA status backwards, then reference number": {
			{"field": "PSA_STATUS", "direction": "DESC"}, {"field": "REFERENCE_NUMBER", "direction": "ASC"},
		},
		"excluded, PSA name, name": {{"field": "EXCLUDED_FROM_SYNC"}, {"field": "PSA_NAME"}, {"field": "NAME"}},
		"no order given":           nil,
		"an empty order":           {},
	}
	for _, field := range orderFields {
		for _, direction := range []string{"ASC", "DESC"} {
			all[field+" "+direction] = []variables{{"field": field, "direction": direction}}
		}
	}
	return all
}

// page is a page of organizations.
type page struct {
	Edges []struct {
		Cursor string
		Node   struct{ ReferenceNumber string }
	}
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
	TotalCount int
	Range      *struct{ From, To int }
}

func (p page) references() []string {
	list := []string{}
	for _, edge := range p.Edges {
		list = append(list, edge.Node.ReferenceNumber)
	}
	return list
}

const pageQuery = `query ($first: Int, $after: String, $last: Int, $before: String, $offset: Int, $search: String,
	$filter: OrganizationFilter, $orderBy: [OrganizationOrder!]) {
	organizations(first: $first, after: $after, last: $last, before: $before, offset: $offset, search: $search,
		filter: $filter, orderBy: $orderBy) {
		totalCount range { from to } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
		edges { cursor node { referenceNumber } }
	}
}`

func readPage(t *testing.T, s *gatewaytest.Seller, arguments variables) page {
	t.Helper()
	var data struct{ Organizations page }
	s.Must(t, viewer, pageQuery, arguments, &data)
	return data.Organizations
}

func TestOrganizationsAreSortedByEveryColumnInBothDirections(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	query := "{"
	for _, field := range orderFields {
		for _, direction := range []string{"ASC", "DESC"} {
			query += fmt.Sprintf(` %s_%s: organizations(orderBy: {field: %s, direction: %s}) { nodes { ...row } }`, field, direction, field, direction)
		}
	}
	query += ` } fragment row on Organization { name referenceNumber status excludedFromSync mappingStatus psaCompany { name identifier status } }`
	var data map[string]struct {
		Nodes []struct {
			Name, ReferenceNumber, Status, MappingStatus string
			ExcludedFromSync                             bool
			PsaCompany                                   *struct{ Name, Identifier, Status string }
		}
	}
	w.Must(t, viewer, query, nil, &data)

	// What each column shows, in the order wanted; rows of the same value are in the order of their ids,
	// backwards where the column is. An empty text stands for no value, which comes last both ways.
	want := map[string][]string{
		"NAME_ASC":                {"Alpha GmbH", "alpine tours", "Ärztehaus Süd", "ÄRZTEKAMMER", `back\slash`, "Beta 100% Organic", "Beta 100x Organic", "No Number", "O'Brien & Daughters", "Same Name", "Same Name", "Straße der Müller", "under_score", "underXscore"},
		"REFERENCE_NUMBER_ASC":    {"9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "100", "101", "X-7"},
		"REFERENCE_NUMBER_DESC":   {"101", "100", "19", "18", "17", "16", "15", "14", "13", "12", "11", "10", "9", "X-7"},
		"STATUS_ASC":              {"ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "BLOCKED", "BLOCKED", "NEW", "OTHER"},
		"EXCLUDED_FROM_SYNC_ASC":  {"false", "false", "false", "false", "true", "true", "true", "true", "true", "true", "true", "true", "true", "true"},
		"MAPPING_STATUS_ASC":      {"MAPPED", "MAPPED", "MAPPED", "MAPPED", "MAPPED", "UNMAPPED", "UNMAPPED", "UNMAPPED", "UNMAPPED", "UNMAPPED", "UNMAPPED", "UNMAPPED", "UNMAPPED", "UNMAPPED"},
		"PSA_NAME_ASC":            {"Ärztehaus Süd GmbH", "Gone & Forgotten", "Northwind Traders", "Northwind Traders", "O'Brien Ltd", "", "", "", "", "", "", "", "", ""},
		"PSA_NAME_DESC":           {"O'Brien Ltd", "Northwind Traders", "Northwind Traders", "Gone & Forgotten", "Ärztehaus Süd GmbH", "", "", "", "", "", "", "", "", ""},
		"PSA_IDENTIFIER_ASC":      {"AERZTE", "GONE", "NORTHWIND", "NORTHWIND", "obrien", "", "", "", "", "", "", "", "", ""},
		"PSA_IDENTIFIER_DESC":     {"obrien", "NORTHWIND", "NORTHWIND", "GONE", "AERZTE", "", "", "", "", "", "", "", "", ""},
		"PSA_STATUS_ASC":          {"Active", "Active", "Credit Hold – call AR", "Inactive", "Prospect/Do not use", "", "", "", "", "", "", "", "", ""},
		"PSA_STATUS_DESC":         {"Prospect/Do not use", "Inactive", "Credit Hold – call AR", "Active", "Active", "", "", "", "", "", "", "", "", ""},
		"NAME_DESC":               nil,
		"STATUS_DESC":             nil,
		"EXCLUDED_FROM_SYNC_DESC": nil,
		"MAPPING_STATUS_DESC":     nil,
	}
	for _, column := range []string{"NAME", "STATUS", "EXCLUDED_FROM_SYNC", "MAPPING_STATUS"} { // columns that always have a value
		backwards := slices.Clone(want[column+"_ASC"])
		slices.Reverse(backwards)
		want[column+"_DESC"] = backwards
	}
	for order, values := range want {
		var got []string
		for _, node := range data[order].Nodes {
			shown := map[string]string{
				"NAME": node.Name, "REFERENCE_NUMBER": node.ReferenceNumber, "STATUS": node.Status,
				"EXCLUDED_FROM_SYNC": fmt.Sprint(node.ExcludedFromSync), "MAPPING_STATUS": node.MappingStatus,
			}
			if c := node.PsaCompany; c != nil {
				shown["PSA_NAME"], shown["PSA_IDENTIFIER"], shown["PSA_STATUS"] = c.Name, c.Identifier, c.Status
			}
			for _, column := range orderFields {
				if order == column+"_ASC" || order == column+"_DESC" {
					got = append(got, shown[column])
				}
			}
		}
		if diff := cmp.Diff(values, got); diff != "" {
			t.Errorf("organizations by %s (-want +got):\n%s", order, diff)
		}
	}
}

func TestPagesInEveryOrderJoinToTheWholeListForwardsAndBackwards(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	for name, orderBy := range orderings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := readPage(t, w.Seller, variables{"first": 1000, "orderBy": orderBy}).references()
			if len(whole) != len(cast) {
				t.Fatalf("the list has %d rows, want %d", len(whole), len(cast))
			}
			const size = 3
			forwards := []string{}
			arguments := variables{"first": size, "orderBy": orderBy}
			for {
				p := readPage(t, w.Seller, arguments)
				checkPage(t, p, len(forwards)+1, len(whole))
				forwards = append(forwards, p.references()...)
				if !p.PageInfo.HasNextPage {
					break
				}
				arguments["after"] = *p.PageInfo.EndCursor
			}
			if diff := cmp.Diff(whole, forwards); diff != "" {
				t.Errorf("pages read forwards (-whole +pages):\n%s", diff)
			}
			backwards := []string{}
			arguments = variables{"last": size, "orderBy": orderBy}
			for {
				p := readPage(t, w.Seller, arguments)
				checkPage(t, p, len(whole)-len(backwards)-len(p.Edges)+1, len(whole))
				backwards = append(p.references(), backwards...)
				if !p.PageInfo.HasPreviousPage {
					break
				}
				arguments["before"] = *p.PageInfo.StartCursor
			}
			if diff := cmp.Diff(whole, backwards); diff != "" {
				t.Errorf("pages read backwards (-whole +pages):\n%s", diff)
			}
		})
	}
}

// checkPage checks what a page says of itself when it starts at position from of a list of total rows.
func checkPage(t *testing.T, p page, from, total int) {
	t.Helper()
	to := from + len(p.Edges) - 1
	if p.TotalCount != total || p.Range == nil || p.Range.From != from || p.Range.To != to {
		t.Errorf("the page says range %+v of %d, want %d–%d of %d", p.Range, p.TotalCount, from, to, total)
	}
	if p.PageInfo.HasPreviousPage != (from > 1) || p.PageInfo.HasNextPage != (to < total) {
		t.Errorf("the page of %d–%d of %d says hasPreviousPage %t and hasNextPage %t", from, to, total, p.PageInfo.HasPreviousPage, p.PageInfo.HasNextPage)
	}
	if deref(p.PageInfo.StartCursor) != p.Edges[0].Cursor || deref(p.PageInfo.EndCursor) != p.Edges[len(p.Edges)-1].Cursor {
		t.Errorf("startCursor and endCursor are %v and %v, want those of the first and the last edge", deref(p.PageInfo.StartCursor), deref(p.PageInfo.EndCursor))
	}
}

func TestPagesByNumberOverlapNeitherEachOtherNorTheEnd(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	whole := readPage(t, w.Seller, variables{"first": 1000}).references()
	for offset := 0; offset < len(whole); offset += 4 {
		p := readPage(t, w.Seller, variables{"first": 4, "offset": offset})
		checkPage(t, p, offset+1, len(whole))
		if diff := cmp.Diff(whole[offset:min(offset+4, len(whole))], p.references()); diff != "" {
			t.Errorf("the page at offset %d (-want +got):\n%s", offset, diff)
		}
	}
	beyond := readPage(t, w.Seller, variables{"first": 4, "offset": 1000})
	if len(beyond.Edges) != 0 || beyond.Range != nil || beyond.PageInfo.HasNextPage || !beyond.PageInfo.HasPreviousPage ||
		beyond.PageInfo.StartCursor != nil || beyond.PageInfo.EndCursor != nil || beyond.TotalCount != len(whole) {
		t.Errorf("the page beyond the end is %+v, want no rows, no range, no cursors, a previous page and the total", beyond)
	}
	// A cursor of a page found by number leads on from there.
	numbered := readPage(t, w.Seller, variables{"first": 2, "offset": 5})
	next := readPage(t, w.Seller, variables{"first": 2, "after": *numbered.PageInfo.EndCursor})
	checkPage(t, next, 8, len(whole))
}

func TestPagesOfASearchAndAnEmptyList(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	first := readPage(t, w.Seller, variables{"first": 1, "search": "same name"})
	checkPage(t, first, 1, 2)
	second := readPage(t, w.Seller, variables{"first": 1, "search": "same name", "after": *first.PageInfo.EndCursor})
	checkPage(t, second, 2, 2)
	if first.references()[0] == second.references()[0] {
		t.Error("two rows of the same name appear as one on two pages")
	}
	after := readPage(t, w.Seller, variables{"first": 1, "search": "same name", "after": *second.PageInfo.EndCursor})
	if len(after.Edges) != 0 || after.PageInfo.HasNextPage || !after.PageInfo.HasPreviousPage || after.Range != nil {
		t.Errorf("the page after the last row is %+v, want it empty with a previous page", after)
	}
	none := readPage(t, w.Seller, variables{"search": "zzz"})
	if len(none.Edges) != 0 || none.TotalCount != 0 || none.Range != nil || none.PageInfo.HasNextPage || none.PageInfo.HasPreviousPage {
		t.Errorf("the page of an empty list is %+v, want nothing in it and around it", none)
	}
	between := readPage(t, w.Seller, variables{
		"first": 10, "after": *readPage(t, w.Seller, variables{"first": 2}).PageInfo.EndCursor,
		"before": *readPage(t, w.Seller, variables{"last": 2}).PageInfo.StartCursor,
	})
	whole := readPage(t, w.Seller, variables{"first": 1000}).references()
	if diff := cmp.Diff(whole[2:len(whole)-2], between.references()); diff != "" {
		t.Errorf("the rows between two cursors (-want +got):\n%s", diff)
	}
}

func TestPagesHoldTwentyRowsUnlessAskedOtherwise(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for i := range 45 {
		w.AddCustomer("Customer "+number(i), number(i), "Active")
	}
	w.Sync(t)
	if p := readPage(t, w.Seller, nil); len(p.Edges) != 20 || !p.PageInfo.HasNextPage {
		t.Errorf("without arguments a page has %d rows, want 20 and more to come", len(p.Edges))
	}
	last := readPage(t, w.Seller, variables{"last": 20})
	before := readPage(t, w.Seller, variables{"before": *last.PageInfo.StartCursor})
	checkPage(t, before, 6, 45)
}

func TestRowsThatComeAndGoBetweenPagesNeitherRepeatNorHideOthers(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for _, name := range []string{"B", "D", "F", "H"} {
		w.AddCustomer(name, name, "Active")
	}
	w.Sync(t)
	first := readPage(t, w.Seller, variables{"first": 2})
	w.AddCustomer("A", "A", "Active")
	w.AddCustomer("G", "G", "Active")
	w.Sync(t)
	second := readPage(t, w.Seller, variables{"first": 10, "after": *first.PageInfo.EndCursor})
	if diff := cmp.Diff([]string{"F", "G", "H"}, second.references()); diff != "" {
		t.Errorf("the page after B and D, when A and G were added meanwhile (-want +got):\n%s", diff)
	}
}

func TestTheRangeIsThatOfTheListAsItIsByNow(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.ConnectWise.AddCompany(companyOf("ACME"))
	for i := range 12 {
		w.AddCustomer("Customer "+number(i), number(i), "Active")
	}
	w.Sync(t)
	acme := companies(t, w.Seller)["ACME"].ID
	unmapped := variables{"first": 4, "filter": variables{"mappingStatus": "UNMAPPED"}}
	first := readPage(t, w.Seller, unmapped)
	checkPage(t, first, 1, 12)
	var mappings []variables
	for _, o := range organizations(t, w.Seller)[:4] {
		mappings = append(mappings, variables{"organizationId": o.ID, "psaCompanyId": acme})
	}
	if got := mapOrganizations(t, w.Seller, mappings); len(got.UserErrors) > 0 {
		t.Fatalf("the rows of the first page were refused: %+v", got.UserErrors)
	}
	unmapped["after"] = *first.PageInfo.EndCursor
	second := readPage(t, w.Seller, unmapped)
	checkPage(t, second, 1, 8)
	unmapped["after"] = *second.PageInfo.EndCursor
	checkPage(t, readPage(t, w.Seller, unmapped), 5, 8)

	// A cursor leads on under another filter, where its row stands elsewhere.
	whole := readPage(t, w.Seller, variables{"first": 10})
	checkPage(t, readPage(t, w.Seller, variables{"first": 1, "filter": unmapped["filter"], "after": *whole.PageInfo.EndCursor}), 7, 8)
}

func TestPageArgumentsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	byName := readPage(t, w.Seller, variables{"first": 1, "orderBy": variables{"field": "NAME"}}).PageInfo.EndCursor
	var data struct {
		LogEntries struct{ PageInfo struct{ EndCursor string } }
	}
	w.Must(t, viewer, `{ logEntries(first: 1) { pageInfo { endCursor } } }`, nil, &data)
	tests := map[string]variables{
		"first of 0":                    {"first": 0},
		"first below 0":                 {"first": -1},
		"first above 1000":              {"first": 1001},
		"last of 0":                     {"last": 0},
		"last below 0":                  {"last": -5},
		"last above 1000":               {"last": 1001},
		"first with last":               {"first": 5, "last": 5},
		"offset below 0":                {"first": 5, "offset": -1},
		"offset without first":          {"offset": 5},
		"offset with last":              {"last": 5, "offset": 5},
		"offset with a cursor":          {"first": 5, "offset": 5, "after": byName},
		"an empty cursor":               {"first": 5, "after": ""},
		"a cursor of rubbish":           {"first": 5, "after": "rubbish"},
		"a cursor of good base64":       {"first": 5, "after": "eyJvIjoxfQ"},
		"a cursor cut short":            {"first": 5, "after": (*byName)[:len(*byName)-3]},
		"a node id for a cursor":        {"first": 5, "after": organizations(t, w.Seller)[0].ID},
		"a cursor of another order":     {"first": 5, "after": byName, "orderBy": variables{"field": "STATUS"}},
		"a cursor of another direction": {"first": 5, "after": byName, "orderBy": variables{"field": "NAME", "direction": "DESC"}},
		"a cursor of another list":      {"first": 5, "after": data.LogEntries.PageInfo.EndCursor},
		"a before cursor of rubbish":    {"last": 5, "before": "rubbish"},
	}
	for name, arguments := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := w.Query(t, viewer, pageQuery, arguments)
			if !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
				t.Errorf("organizations with %v answered %s, want BAD_USER_INPUT", arguments, response.Body)
			}
		})
	}
}
