package gateway_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// linePage is a page of invoice lines.
type linePage struct {
	TotalCount int
	PageInfo   struct {
		HasNextPage bool
		EndCursor   *string
	}
	Nodes   []struct{ PlatformID string }
	Facets  map[string][]facetValue
	Amounts []money
}

func (p linePage) ids() []string {
	list := []string{}
	for _, node := range p.Nodes {
		list = append(list, node.PlatformID)
	}
	return list
}

const linePageFields = `totalCount pageInfo { hasNextPage endCursor } nodes { platformId } amounts { amount currency }
	facets { syncStatus { value count } chargeType { value count } vendor { value count } currency { value count } mappingStatus { value count } }`

// askLines asks for a page of lines.
func askLines(t *testing.T, s *gatewaytest.Seller, arguments variables) linePage {
	t.Helper()
	var data struct{ InvoiceLines linePage }
	s.Must(t, viewer, `query ($period: YearMonth, $first: Int, $after: String, $search: String, $filter: InvoiceLineFilter, $orderBy: [InvoiceLineOrder!]) {
		invoiceLines(period: $period, first: $first, after: $after, search: $search, filter: $filter, orderBy: $orderBy) { `+linePageFields+` } }`,
		arguments, &data)
	return data.InvoiceLines
}

// startLedger puts up a world with lines of May. Alpha's can be posted, but for those in USD; Beta is unmapped and excluded.
func startLedger(t *testing.T) desk {
	t.Helper()
	d := startDesk(t, gatewaytest.Options{Sellers: 2})
	d.Platform.AddContract(platform.Contract{ID: "C-USD", CustomerID: "1", Currency: "USD", BillingCycleDay: 1})
	backup, mystery := cycle("b1"), once("b2")
	backup.OfferID, backup.OfferName, backup.VendorID, backup.VendorName, backup.SubscriptionName = "O-3", "Backup_100%", "V-2", "Fabrikam", "backup"
	backup.Quantity, backup.TotalPrice = decimal.New(2, 0), decimal.New(20, 0)
	mystery.ChargeType = "MysteryFee"
	for _, v := range []struct {
		header platform.InvoiceHeader
		rows   []platform.InvoiceRow
	}{
		{platform.InvoiceHeader{InvoiceNumber: "INV-1", CustomerID: "1", ContractID: "C-1", Currency: "EUR", InvoiceDate: date(1)}, []platform.InvoiceRow{cycle("a1")}},
		{platform.InvoiceHeader{InvoiceNumber: "INV-2", CustomerID: "1", ContractID: "C-1", Currency: "EUR", InvoiceDate: date(3)}, []platform.InvoiceRow{once("a2")}},
		{platform.InvoiceHeader{InvoiceNumber: "INV-4", CustomerID: "1", ContractID: "C-USD", Currency: "USD", InvoiceDate: date(3)}, []platform.InvoiceRow{cycle("a3")}},
		{platform.InvoiceHeader{InvoiceNumber: "INV-5", CustomerID: "1", ContractID: "C-1", Currency: "EUR", InvoiceDate: date(4), Source: "Custom"}, []platform.InvoiceRow{cycle("a4")}},
		{platform.InvoiceHeader{InvoiceNumber: "inv-3", CustomerID: "2", ContractID: "C-2", Currency: "EUR", InvoiceDate: date(2)}, []platform.InvoiceRow{backup}},
		{platform.InvoiceHeader{InvoiceNumber: "inv-3b", CustomerID: "2", ContractID: "C-2", Currency: "EUR", InvoiceDate: date(2)}, []platform.InvoiceRow{mystery}},
	} {
		d.Platform.AddInvoice(v.header, v.rows...)
	}
	loadLines(t, d.Seller)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, companyID(d.acme), variables{"excludedFromSync": false})
	for id, product := range map[string]int{"O-1": d.seat, "O-2": d.disk} {
		sellAs(t, d.Seller, offerOf(t, d.Seller, id).ID, nodeID("PsaProduct", int64(product)))
	}
	return d
}

func TestTheListOfLinesFilters(t *testing.T) {
	t.Parallel()
	d := startLedger(t)
	lines := linesOf(t, d.Seller, may)
	all := []string{"a1", "b1", "b2", "a2", "a3", "a4"}
	for name, c := range map[string]struct {
		filter variables
		want   []string
	}{
		"nothing":                         {nil, all},
		"id":                              {variables{"id": []string{lines["a2"].ID, lines["b1"].ID}}, []string{"b1", "a2"}},
		"invoiceNumber eq minds the case": {variables{"invoiceNumber": variables{"eq": "INV-3"}}, []string{}},
		"invoiceNumber contains does not": {variables{"invoiceNumber": variables{"contains": "INV-3"}}, []string{"b1", "b2"}},
		"invoiceDate":                     {variables{"invoiceDate": variables{"gt": "2026-05-01", "lte": "2026-05-03"}}, []string{"b1", "b2", "a2", "a3"}},
		"organizationId":                  {variables{"organizationId": lines["b1"].Organization.ID}, []string{"b1", "b2"}},
		"contractId":                      {variables{"contractId": lines["a3"].Contract.ID}, []string{"a3"}},
		"offerId":                         {variables{"offerId": lines["a2"].Offer.ID}, []string{"b2", "a2"}},
		"vendor":                          {variables{"vendor": "Fabrikam"}, []string{"b1"}},
		"subscriptionName":                {variables{"subscriptionName": variables{"startsWith": "OFFICE"}}, []string{"a1", "a3", "a4"}},
		"subscriptionName is null":        {variables{"subscriptionName": variables{"isNull": true}}, []string{"b2", "a2"}},
		"chargeType":                      {variables{"chargeType": []string{"ONE_TIME_FEE", "OTHER"}}, []string{"b2", "a2"}},
		"recurrence":                      {variables{"recurrence": "RECURRING"}, []string{"a1", "b1", "a3"}},
		"both recurrences":                {variables{"recurrence": []string{"RECURRING", "ONE_TIME"}}, all},
		"currency":                        {variables{"currency": "USD"}, []string{"a3"}},
		"unitPrice":                       {variables{"unitPrice": variables{"lt": "10"}}, []string{"b2", "a2"}},
		"chargeStartDate":                 {variables{"chargeStartDate": variables{"eq": "2026-05-10"}}, []string{"b2", "a2"}},
		"chargeEndDate":                   {variables{"chargeEndDate": variables{"isNull": true}}, []string{"a1", "b1", "a3"}},
		"mappingStatus":                   {variables{"mappingStatus": "MAPPED"}, []string{"a1", "a2", "a3", "a4"}},
		"syncStatus":                      {variables{"syncStatus": "READY"}, []string{"a1", "a2", "a4"}},
		"syncStatuses are alternatives":   {variables{"syncStatus": []string{"NOT_READY", "EXCLUDED"}}, []string{"b1", "b2", "a3"}},
		"blocker":                         {variables{"blocker": "CURRENCY_MISMATCH"}, []string{"a3"}},
		"blocker among others":            {variables{"blocker": "PRODUCT_UNMAPPED"}, []string{"b1"}},
		"blockers are alternatives":       {variables{"blocker": []string{"CURRENCY_MISMATCH", "ORGANIZATION_UNMAPPED"}}, []string{"b1", "b2", "a3"}},
		"isCustomInvoice":                 {variables{"isCustomInvoice": true}, []string{"a4"}},
		"an empty list":                   {variables{"syncStatus": []string{}}, []string{}},
		"and, or, not": {variables{
			"and": variables{"currency": "EUR"}, "or": []variables{{"recurrence": "RECURRING"}, {"isCustomInvoice": true}}, "not": variables{"vendor": "Fabrikam"},
		}, []string{"a1", "a4"}},
	} {
		page := askLines(t, d.Seller, variables{"period": may, "filter": c.filter})
		if diff := cmp.Diff(c.want, page.ids()); diff != "" || page.TotalCount != len(c.want) {
			t.Errorf("lines filtered by %s, of which there are %d (-want +got):\n%s", name, page.TotalCount, diff)
		}
	}
}

func TestTheListOfLinesSearchesFiveFields(t *testing.T) {
	t.Parallel()
	d := startLedger(t)
	for search, want := range map[string][]string{
		"":           {"a1", "b1", "b2", "a2", "a3", "a4"},
		"ALPH":       {"a1", "a2", "a3", "a4"}, // organization
		"c-us":       {"a3"},                   // contract
		"for a1":     {"a1"},                   // subscription
		"backup_1":   {"b1"},                   // offer
		"100%":       {"b1"},
		"nv-3":       {"b1", "b2"}, // invoice number
		"nv_3":       {},
		"fabrikam":   {}, // a vendor
		"disk for":   {}, // a description
		"O-1":        {}, // an offer's id
		"S-a1":       {}, // a subscription's id
		"mysteryfee": {},
	} {
		if diff := cmp.Diff(want, askLines(t, d.Seller, variables{"search": search}).ids()); diff != "" {
			t.Errorf("lines that a search for %q finds (-want +got):\n%s", search, diff)
		}
	}
}

func TestTheListOfLinesSortsAndPages(t *testing.T) {
	t.Parallel()
	d := startLedger(t)
	for field, want := range map[string][]string{
		"INVOICE_DATE":      {"a1", "b1", "b2", "a2", "a3", "a4"},
		"INVOICE_NUMBER":    {"a1", "a2", "b1", "b2", "a3", "a4"},
		"ORGANIZATION_NAME": {"a1", "a2", "a3", "a4", "b1", "b2"},
		"CONTRACT_ID":       {"a1", "a2", "a4", "b1", "b2", "a3"},
		"OFFER_NAME":        {"b1", "a2", "b2", "a1", "a3", "a4"},
		"VENDOR_NAME":       {"a1", "a2", "a3", "a4", "b2", "b1"},
		"SUBSCRIPTION_NAME": {"b1", "a1", "a3", "a4", "a2", "b2"},
		"CHARGE_TYPE":       {"a1", "a3", "a4", "b1", "a2", "b2"},
		"CHARGE_START_DATE": {"a1", "a3", "a4", "b1", "a2", "b2"},
		"CHARGE_END_DATE":   {"a2", "a4", "b2", "a1", "a3", "b1"},
		"QUANTITY":          {"a2", "b2", "b1", "a1", "a3", "a4"},
		"UNIT_PRICE":        {"a2", "b2", "a1", "a3", "a4", "b1"},
		"AMOUNT":            {"a2", "b2", "b1", "a1", "a3", "a4"},
		"SYNC_STATUS":       {"b1", "b2", "a3", "a1", "a2", "a4"},
	} {
		for _, direction := range []string{"ASC", "DESC"} {
			order := variables{"field": field, "direction": direction}
			whole := askLines(t, d.Seller, variables{"orderBy": order}).ids()
			if got := slices.Sorted(slices.Values(whole)); direction == "ASC" && !sameUpToTies(t, d.Seller, field, want, whole) || len(got) != 6 {
				t.Errorf("lines by %s %s are %q, want %q with ties in any order", field, direction, whole, want)
			}
			var walked []string
			for after := (*string)(nil); ; {
				page := askLines(t, d.Seller, variables{"first": 2, "after": after, "orderBy": order})
				walked = append(walked, page.ids()...)
				if !page.PageInfo.HasNextPage {
					break
				}
				after = page.PageInfo.EndCursor
			}
			if diff := cmp.Diff(whole, walked); diff != "" {
				t.Errorf("lines by %s %s, page by page (-whole +pages):\n%s", field, direction, diff)
			}
		}
	}
}

// sameUpToTies reports whether two orders by a field differ only among lines with the same value of it.
func sameUpToTies(t *testing.T, s *gatewaytest.Seller, field string, want, got []string) bool {
	t.Helper()
	lines := linesOf(t, s, may)
	value := map[string]func(line) string{
		"INVOICE_DATE":      func(l line) string { return l.InvoiceDate },
		"INVOICE_NUMBER":    func(l line) string { return l.InvoiceNumber },
		"ORGANIZATION_NAME": func(l line) string { return l.Organization.Name },
		"CONTRACT_ID":       func(l line) string { return l.Contract.PlatformID },
		"OFFER_NAME":        func(l line) string { return l.Offer.Name },
		"VENDOR_NAME":       func(l line) string { return map[bool]string{true: "Fabrikam"}[l.PlatformID == "b1"] },
		"SUBSCRIPTION_NAME": func(l line) string {
			if l.Subscription == nil {
				return ""
			}
			return l.Subscription.Name
		},
		"CHARGE_TYPE":       func(l line) string { return l.ChargeType },
		"CHARGE_START_DATE": func(l line) string { return deref(l.ChargeStartDate.Value) },
		"CHARGE_END_DATE":   func(l line) string { return deref(l.ChargeEndDate.Value) },
		"QUANTITY":          func(l line) string { return l.Quantity },
		"UNIT_PRICE":        func(l line) string { return l.UnitPrice },
		"AMOUNT":            func(l line) string { return l.Amount.Amount },
		"SYNC_STATUS":       func(l line) string { return l.SyncStatus },
	}[field]
	return slices.EqualFunc(want, got, func(a, b string) bool { return value(lines[a]) == value(lines[b]) })
}

func TestFacetsAmountsAndTheSummaryAgreeWithTheLines(t *testing.T) {
	t.Parallel()
	d := startLedger(t)
	page := askLines(t, d.Seller, variables{"first": 1})
	want := map[string][]facetValue{
		"syncStatus": {{"EXCLUDED", 2}, {"NOT_READY", 1}, {"READY", 3}}, "chargeType": {{"CYCLE_FEE", 4}, {"ONE_TIME_FEE", 1}, {"OTHER", 1}},
		"vendor": {{"Contoso", 5}, {"Fabrikam", 1}}, "currency": {{"EUR", 5}, {"USD", 1}}, "mappingStatus": {{"MAPPED", 4}, {"UNMAPPED", 2}},
	}
	if diff := cmp.Diff(want, page.Facets); diff != "" {
		t.Errorf("facets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]money{{"135", "EUR"}, {"50", "USD"}}, page.Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
	narrowed := askLines(t, d.Seller, variables{"first": 1, "filter": variables{"syncStatus": "READY", "currency": "EUR"}, "search": "alpha"})
	want = map[string][]facetValue{
		"syncStatus": {{"READY", 3}}, "chargeType": {{"CYCLE_FEE", 2}, {"ONE_TIME_FEE", 1}}, "vendor": {{"Contoso", 3}},
		"currency": {{"EUR", 3}}, "mappingStatus": {{"MAPPED", 3}},
	}
	if diff := cmp.Diff(want, narrowed.Facets); diff != "" {
		t.Errorf("facets under a filter (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]money{{"107.5", "EUR"}}, narrowed.Amounts); diff != "" {
		t.Errorf("amounts under a filter (-want +got):\n%s", diff)
	}
	if got := askLines(t, d.Seller, variables{"search": "nothing"}); len(got.Amounts) != 0 || got.TotalCount != 0 {
		t.Errorf("amounts of no line are %v", got.Amounts)
	}
	checkLineSummary(t, d.Seller)
}

// lineSummary is mappingSummary of invoice lines.
type lineSummary struct {
	Total    int
	ByStatus []struct {
		Status  string
		Count   int
		Amounts []money
	}
	Amounts []money
}

// checkLineSummary checks that mappingSummary says of the lines of May what the list has.
func checkLineSummary(t *testing.T, s *gatewaytest.Seller) {
	t.Helper()
	var data struct {
		MappingSummary struct{ InvoiceLines lineSummary }
	}
	s.Must(t, viewer, `{ mappingSummary(period: "2026-05") { invoiceLines { total byStatus { status count amounts { amount currency } } amounts { amount currency } } } }`, nil, &data)
	got := data.MappingSummary.InvoiceLines
	all := askLines(t, s, variables{"period": may, "first": 1})
	if got.Total != all.TotalCount || !slices.Equal(got.Amounts, all.Amounts) || len(got.ByStatus) != len(all.Facets["syncStatus"]) {
		t.Errorf("the summary is %+v, the list has %d lines of %v by %v", got, all.TotalCount, all.Amounts, all.Facets["syncStatus"])
	}
	for _, status := range got.ByStatus {
		listed := askLines(t, s, variables{"period": may, "first": 1, "filter": variables{"syncStatus": status.Status}})
		if status.Count != listed.TotalCount || !slices.Equal(status.Amounts, listed.Amounts) {
			t.Errorf("the summary of %s is %+v, the list has %d of %v", status.Status, status, listed.TotalCount, listed.Amounts)
		}
	}
}

func TestTheMonthShownIsTheGreatestLoaded(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{Sellers: 2})
	billTo(d.World, "1", date(1).AddDays(-20), cycle("april"))
	billTo(d.World, "1", date(2), cycle("may"))
	if got := askLines(t, d.Seller, nil); got.TotalCount != 0 || len(got.Nodes) != 0 {
		t.Errorf("before any load there are %+v", got)
	}
	loadLines(t, d.Seller, "PREVIOUS_MONTH")
	d.Platform.ForgetCalls()
	for _, c := range []struct {
		period any
		want   []string
	}{{nil, []string{"april"}}, {"2026-04", []string{"april"}}, {may, []string{}}, {"2025-02", []string{}}, {"2026-12", []string{}}} {
		if diff := cmp.Diff(c.want, askLines(t, d.Seller, variables{"period": c.period}).ids()); diff != "" {
			t.Errorf("lines of %v (-want +got):\n%s", c.period, diff)
		}
	}
	if calls := d.Platform.CallCount(""); calls != 0 {
		t.Errorf("showing lines asked the Platform %d times", calls)
	}
	response := d.Query(t, viewer, `{ invoiceLines(period: "2025-01") { totalCount } }`, nil)
	if diff := cmp.Diff([]string{"BAD_USER_INPUT"}, response.Codes()); diff != "" {
		t.Errorf("sixteen months back (-want +got):\n%s", diff)
	}
	loadLines(t, d.Seller)
	if diff := cmp.Diff([]string{"may"}, askLines(t, d.Seller, nil).ids()); diff != "" {
		t.Errorf("lines of the greatest month (-want +got):\n%s", diff)
	}
	if got := askLines(t, d.Sellers[1], nil); got.TotalCount != 0 {
		t.Errorf("another seller sees %q", got.ids())
	}
	var data struct{ Node *struct{ ID string } }
	for i, s := range d.Sellers {
		s.Must(t, viewer, `query ($id: ID!) { node(id: $id) { id } }`, variables{"id": lineOf(t, d.Seller, "may").ID}, &data)
		if (data.Node != nil) != (i == 0) {
			t.Errorf("node of a line for seller %d is %+v", i+1, data.Node)
		}
	}
}

func TestAnOrganizationShowsItsLines(t *testing.T) {
	t.Parallel()
	d := startLedger(t)
	var data struct {
		Organizations struct {
			Nodes []struct {
				Name         string
				InvoiceLines linePage
			}
		}
	}
	d.Must(t, viewer, `{ organizations(orderBy: {field: NAME}) { nodes { name
		invoiceLines(first: 3, filter: {chargeType: [CYCLE_FEE, OTHER]}) { `+linePageFields+` } } } }`, nil, &data)
	got := make(map[string][]string)
	for _, o := range data.Organizations.Nodes {
		got[o.Name] = o.InvoiceLines.ids()
	}
	if diff := cmp.Diff(map[string][]string{"Alpha": {"a1", "a3", "a4"}, "Beta": {"b1", "b2"}}, got); diff != "" {
		t.Errorf("lines of organizations (-want +got):\n%s", diff)
	}
}

func TestAPageOfManyLinesCostsAFewCalls(t *testing.T) {
	t.Parallel()
	const customers, linesEach = 60, 5
	w := gatewaytest.Start(t, gatewaytest.Options{})
	seat := w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "SEAT", Description: "Seat"})
	agreementNames := make(map[string]int)
	for i := range customers {
		id := number(i)
		company := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "C" + id, Name: "Company " + id, Currency: "EUR"})
		agreementNames[id] = addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud " + id, CompanyID: company, Currency: "EUR"})
		w.AddCustomer("Customer "+id, id, "Active")
		var rows []platform.InvoiceRow
		for n := range linesEach {
			rows = append(rows, cycle(id+"-"+number(n)))
		}
		billTo(w, id, today(), rows...)
	}
	w.Sync(t)
	loadLines(t, w.Seller)
	known, mappings := companies(t, w.Seller), []variables{}
	for _, o := range organizations(t, w.Seller) {
		mappings = append(mappings, variables{"organizationId": o.ID, "psaCompanyId": known["C"+strings.TrimPrefix(o.Name, "Customer ")].ID, "excludedFromSync": false})
	}
	if got := mapOrganizations(t, w.Seller, mappings); len(got.UserErrors) > 0 {
		t.Fatalf("map %d organizations: %+v", customers, got.UserErrors)
	}
	sellAs(t, w.Seller, offers(t, w.Seller)[0].ID, nodeID("PsaProduct", int64(seat)))
	for _, c := range contracts(t, w.Seller) {
		sign(t, w.Seller, c.ID, agreementID(agreementNames[strings.TrimPrefix(c.PlatformID, "C-")]))
	}
	w.ConnectWise.ForgetCalls()
	lines := slices.Collect(maps.Values(linesOf(t, w.Seller, may)))
	if len(lines) != customers*linesEach {
		t.Fatalf("%d lines are listed, want %d", len(lines), customers*linesEach)
	}
	for _, l := range lines {
		if l.SyncStatus != "READY" || l.MappingStatus != "MAPPED" || l.PsaAgreement == nil || l.PsaCompany == nil {
			t.Fatalf("a line is %+v, want it ready", l)
		}
	}
	if calls := w.ConnectWise.CallCount(""); calls > 6 {
		t.Errorf("a page of %d lines cost %d calls of ConnectWise, want a few", len(lines), calls)
	}
}

func TestLines_ABlockersSubjectThatIsTheLineHasAllThatIsSelectedOfIt(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	invoice := billTo(d.World, "1", date(2), cycle("R-1"))
	loadLines(t, d.Seller)
	d.ready(t)
	l := lineOf(t, d.Seller, "R-1")
	plain := d.On(d.ReplicaWith(t, func(c *gateway.Config) { c.PlainResolvers = true }))
	if err := d.Platform.SetInvoiceStatus(invoice.InvoiceID, "New Corrected"); err != nil {
		t.Fatal(err)
	}
	loadLines(t, d.Seller)
	for what, on := range map[string]*gatewaytest.Seller{"the fast lane": d.Seller, "plain resolvers": plain} {
		var data struct {
			InvoiceLines struct {
				Nodes []struct {
					SyncBlockers []struct {
						Code    string
						Subject struct{ InvoiceNumber, Description, Quantity string }
					}
				}
			}
		}
		on.Must(t, viewer, `{ invoiceLines { nodes { syncBlockers { code subject { ... on InvoiceLine { invoiceNumber description quantity } } } } } }`, nil, &data)
		blockers := data.InvoiceLines.Nodes[0].SyncBlockers
		if len(blockers) != 1 || blockers[0].Code != "INVOICE_NOT_VALID" {
			t.Fatalf("with %s the line has the blockers %+v", what, blockers)
		}
		if s := blockers[0].Subject; s.InvoiceNumber != l.InvoiceNumber || s.Description != l.Description || s.Quantity != l.Quantity {
			t.Errorf("with %s the subject is %+v, the line has %q, %q and %s", what, s, l.InvoiceNumber, l.Description, l.Quantity)
		}
	}
}
