package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
	simplatform "crosswalk/internal/simulator/platform"
)

// selections draws what a client may select of lists: aliases, fragments, conditions, things said twice, and some that
// the fast lane does not cover.
type selections struct {
	*rapid.T
	fragments []string
	aliases   int
}

// fields draws some of the fields given; those that are objects have braces.
func (s *selections) fields(typeName string, fields ...string) string {
	var drawn []string
	for range rapid.IntRange(1, 6).Draw(s.T, "fields") {
		drawn = append(drawn, s.field(typeName, rapid.SampledFrom(append(fields, "__typename")).Draw(s.T, "field")))
	}
	return "{ " + strings.Join(drawn, " ") + " }"
}

func (s *selections) field(typeName, field string) string {
	name, below, _ := strings.Cut(field, "{")
	if below != "" {
		field = name + " " + s.fieldsOf(strings.TrimSuffix(below, "}"))
	}
	switch rapid.IntRange(0, 9).Draw(s.T, "form") {
	case 0:
		s.aliases++
		return fmt.Sprintf("alias%d: %s", s.aliases, field)
	case 1:
		return field + " " + field
	case 2:
		return "... on " + typeName + " { " + field + " }"
	case 3:
		name := fmt.Sprintf("Some%d", len(s.fragments))
		s.fragments = append(s.fragments, "fragment "+name+" on "+typeName+" { "+field+" }")
		return "..." + name
	case 4:
		condition := rapid.SampledFrom([]string{"@skip(if: $yes)", "@include(if: $yes)", "@skip(if: $no)", "@include(if: $no)"}).Draw(s.T, "condition")
		return "... " + condition + " { " + field + " }"
	}
	return field
}

// shownRows are the types of the rows that the lane covers, lists the fields that list them.
var (
	shownRows  = []string{"Organization", "Offer", "Contract", "InvoiceLine"}
	shownLists = []string{"organizations", "offers", "contracts", "invoiceLines"}
)

// fieldsOf draws fields of a type.
func (s *selections) fieldsOf(typeName string) string {
	common := []string{"id", "revision", "mappedAt", "mappedBy", "mappingStatus", "mappingStatusMessage", "platformId", "name"}
	if row, is := strings.CutSuffix(typeName, "Connection"); is && slices.Contains(shownRows, row) {
		fields := []string{"nodes{" + row + "}", "nodes{" + row + "}", "edges{" + row + "Edge}", "totalCount", "pageInfo{PageInfo}", "range{PageRange}", "facets{" + row + "Facets}"}
		if row == "InvoiceLine" {
			fields = append(fields, "amounts{Money}")
		}
		return s.fields(typeName, fields...)
	}
	if row, is := strings.CutSuffix(typeName, "Edge"); is {
		return s.fields(typeName, "cursor", "node{"+row+"}")
	}
	switch typeName {
	case "InvoiceLine":
		return s.fields(typeName, "id", "platformId", "invoiceNumber", "invoiceDate", "invoiceStatus", "period", "description", "chargeType", "chargeTypeText",
			"recurrence", "quantity", "unitPrice", "unitCost", "amount{Money}", "subscription{PlatformSubscription}", "chargeStartDate{ChargeDate}",
			"chargeEndDate{ChargeDate}", "isCustomInvoice", "psaAgreementOrigin", "syncStatus", "syncError{SyncError}", "syncedAt", "revision", "mappingStatus",
			"organization{Organization}", "contract{Contract}", "offer{Offer}", "psaCompany{PsaCompany}", "psaAgreement{PsaAgreement}", "psaProduct{PsaProduct}",
			"psaAddition{PsaAddition}", "syncBlockers{SyncBlocker}", "syncBlockers{SyncBlocker}")
	case "Contract":
		return s.fields(typeName, "id", "revision", "mappedAt", "mappedBy", "mappingStatus", "mappingStatusMessage", "platformId", "currency", "billingCycleDay",
			"contractType", "agreementRequired", "agreementProblem", "psaAgreement{PsaAgreement}", "psaAgreement{PsaAgreement}", "organization{Organization}")
	case "PsaAgreement":
		return s.fields(typeName, "id", "recordId", "name", "type", "startDate", "endDate", "cancelled", "currency", "deleted", "freshness", "lastUpdated", "company{PsaCompany}")
	case "PsaAddition":
		return s.fields(typeName, "recordId", "agreementRecordId", "recordId", "agreementRecordId", "description", "quantity")
	case "SyncBlocker":
		return s.fields(typeName, "code", "message", "subject{Node}")
	case "Node":
		return "{ __typename id ... on " + rapid.SampledFrom([]string{"Organization { name status }", "Offer { name vendor { name } }", "Contract { currency }",
			"InvoiceLine { invoiceNumber }", "Organization { psaCompany { name } }"}).Draw(s.T, "subject") + " }"
	case "Money":
		return s.fields(typeName, "amount", "currency")
	case "PlatformSubscription":
		return s.fields(typeName, "id", "name", "startDate", "endDate")
	case "ChargeDate":
		return s.fields(typeName, "value", "origin", "invoiced")
	case "SyncError":
		return s.fields(typeName, "code", "message")
	case "InvoiceLineFacets":
		return s.fields(typeName, "syncStatus{FacetValue}", "chargeType{FacetValue}", "vendor{FacetValue}", "currency{FacetValue}", "mappingStatus{FacetValue}")
	case "ContractFacets":
		return s.fields(typeName, "currency{FacetValue}", "mappingStatus{FacetValue}", "agreementProblem{FacetValue}")
	case "Organization":
		return s.fields(typeName, append(common, "referenceNumber", "status", "excludedFromSync", "psaCompany{PsaCompany}", "psaCompany{PsaCompany}",
			"contracts{total}")...)
	case "Offer":
		return s.fields(typeName, append(common, "externalId", "isCustomInvoiceOffer", "vendor{Vendor}", "psaProduct{PsaProduct}", "psaProduct{PsaProduct}")...)
	case "PsaCompany":
		return s.fields(typeName, "id", "recordId", "identifier", "name", "status", "currency", "deleted", "freshness", "lastUpdated", "organizations{total}")
	case "PsaProduct":
		return s.fields(typeName, "id", "recordId", "identifier", "description", "category", "price", "cost", "inactive", "deleted", "freshness", "lastUpdated")
	case "PageInfo":
		return s.fields(typeName, "hasNextPage", "hasPreviousPage", "startCursor", "endCursor")
	case "PageRange":
		return s.fields(typeName, "from", "to")
	case "OrganizationFacets":
		return s.fields(typeName, "status{FacetValue}", "psaStatus{FacetValue}", "excludedFromSync{FacetValue}", "mappingStatus{FacetValue}")
	case "OfferFacets":
		return s.fields(typeName, "vendor{FacetValue}", "mappingStatus{FacetValue}")
	case "FacetValue":
		return s.fields(typeName, "value", "count")
	case "Vendor":
		return s.fields(typeName, "id", "name")
	}
	return "{ totalCount }" // of lists below others, which the lane does not cover
}

// query draws a query for a list, or for two.
func (s *selections) query(cursors map[string]string) string {
	var lists []string
	for i := range rapid.IntRange(1, 2).Draw(s.T, "lists") {
		which := rapid.IntRange(0, len(shownLists)-1).Draw(s.T, "list")
		list, row := shownLists[which], shownRows[which]+"Connection"
		arguments := rapid.SampledFrom([]string{
			"", "", "(first: 3)", "(first: 0)", "(last: 2)", `(first: 5, after: "` + cursors[list] + `")`, `(last: 2, before: "` + cursors[list] + `")`,
			`(first: 2, offset: 2)`, `(search: "a")`, `(search: "no such thing")`, `(first: 2, after: "nonsense")`, `(filter: {mappingStatus: [MAPPED]})`,
		}).Draw(s.T, "arguments")
		lists = append(lists, fmt.Sprintf("list%d: %s%s %s", i, list, arguments, s.fieldsOf(row)))
		if rapid.IntRange(0, 3).Draw(s.T, "again") == 0 {
			lists = append(lists, fmt.Sprintf("... @include(if: $yes) { list%d: %s%s %s }", i, list, arguments, s.fieldsOf(row)))
		}
	}
	return "query($yes: Boolean!, $no: Boolean!) { seller: viewer { role } yes: __type(name: \"Query\") @include(if: $yes) { name } " +
		"no: __type(name: \"Query\") @include(if: $no) { name } " + strings.Join(lists, " ") + " } " + strings.Join(s.fragments, " ")
}

// withoutRequest is an answer's data and errors, without what names the request. Lists are resolved at the same time,
// so that their errors come in any order.
func withoutRequest(t *testing.T, response gatewaytest.Response) string {
	t.Helper()
	for i := range response.Errors {
		delete(response.Errors[i].Extensions, "requestId")
	}
	slices.SortFunc(response.Errors, func(a, b gatewaytest.Error) int { return strings.Compare(fmt.Sprint(a.Path), fmt.Sprint(b.Path)) })
	text, err := json.Marshal(map[string]any{"data": response.Data, "errors": response.Errors, "status": response.Status})
	if err != nil {
		t.Fatalf("encode %+v: %v", response, err)
	}
	return string(text)
}

func TestNullForAConditionIsRefusedInAndBesideTheFastLane(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	plain := w.On(w.ReplicaWith(t, func(c *gateway.Config) { c.PlainResolvers = true }))
	for _, list := range shownLists {
		for _, page := range []string{
			list + "(first: 1) @skip(if: $x) { totalCount }",
			list + "(first: 1) { nodes { id platformId @include(if: $x) } }",
			list + "(first: 1) { ...P } } fragment P on " + strings.ToUpper(list[:1]) + list[1:len(list)-1] + "Connection { nodes { id ... @skip(if: $x) { platformId } }",
		} {
			query := "query ($x: Boolean = true) { " + page + " }"
			for _, s := range []*gatewaytest.Seller{w.Seller, plain} {
				for _, x := range []any{true, nil, false, nil} {
					response := s.Query(t, viewer, query, variables{"x": x})
					refused := slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) && strings.HasPrefix(response.Errors[0].Message, `Variable "$x": cannot be null`)
					if x == nil && !refused || x != nil && len(response.Errors) > 0 {
						t.Errorf("%s with %v: %s", query, x, response.Body)
					}
				}
			}
		}
	}
}

func TestTheFastLaneAnswersAsPlainResolversDo(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Platform: simplatform.Options{Organizations: 12, Lines: 120}})
	w.AddCustomer("Quote \" backslash \\ tab <b> & Ünïcödé 日本 \u2028", "90001", "Active")
	var companies, products []int
	for i := range 4 {
		company := simconnectwise.Company{Identifier: fmt.Sprint("C", i), Name: "Company \"" + fmt.Sprint(i) + "\" & Söhne", Currency: []string{"EUR", ""}[i%2]}
		companies = append(companies, w.ConnectWise.AddCompany(company))
		product := simconnectwise.Product{Identifier: fmt.Sprint("P", i), Description: "Product <" + fmt.Sprint(i) + ">", Price: decimal.New(int64(i*1050), -2)}
		products = append(products, w.ConnectWise.AddProduct(product))
	}
	w.Sync(t)
	w.Load(t, 1)
	for i, o := range organizations(t, w.Seller) {
		if i%3 > 0 {
			mapTo(t, w.Seller, o.ID, companyID(companies[i%len(companies)]), nil)
		}
	}
	for i, o := range offers(t, w.Seller) {
		if i%3 > 0 {
			sellAs(t, w.Seller, o.ID, nodeID("PsaProduct", int64(products[i%len(products)])))
		}
	}
	loadLines(t, w.Seller)
	var agreements []int
	for i, c := range contracts(t, w.Seller) {
		var company struct {
			Node struct{ PsaCompany *struct{ RecordID int } }
		}
		w.Must(t, viewer, `query ($id: ID!) { node(id: $id) { ... on Organization { psaCompany { recordId } } } }`, variables{"id": c.Organization.ID}, &company)
		if at := company.Node.PsaCompany; at != nil && i%2 == 0 {
			agreement := addAgreement(t, w, simconnectwise.Agreement{Name: "Agreement <" + fmt.Sprint(i) + ">", StartDate: april(1), CompanyID: at.RecordID, Currency: c.Currency})
			agreements = append(agreements, agreement)
			mapContract(t, w.Seller, c.ID, agreementID(agreement), nil)
			setExcluded(t, w.Seller, []string{c.Organization.ID}, false, nil)
		}
	}
	if lines := statuses(postedLines(t, w.Seller, may)); lines["READY"] == 0 {
		t.Fatalf("no line can be posted: %v", lines)
	}
	post(t, w.Seller, nil)
	err := w.DB.Seller(w.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE invoice_line SET state = 'FAILED', sync_error_code = 'REFUSED', sync_error = 'No "such" <thing>'
			WHERE seller_id = $1 AND state = 'OPEN' AND id % 3 = 0`, w.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.CancelAgreement(agreements[0], yesterday()); err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.DeleteCompany(companies[1]); err != nil {
		t.Fatal(err)
	}
	// What is stored follows what is shown; answers can be compared once it has.
	gatewaytest.Eventually(t, "the mirror knows of the company and the agreement", func() bool {
		organizations(t, w.Seller)
		contracts(t, w.Seller)
		closed := askContracts(t, w.Seller, variables{"filter": variables{"agreementProblem": "AGREEMENT_CLOSED"}})
		return closed.TotalCount == 1 && len(pick(t, w.Seller, variables{"search": "C1"})) == 0
	})
	cursors := make(map[string]string)
	for _, list := range shownLists {
		var page map[string]struct{ PageInfo struct{ EndCursor string } }
		w.Must(t, viewer, `{ `+list+`(first: 4) { pageInfo { endCursor } } }`, nil, &page)
		cursors[list] = page[list].PageInfo.EndCursor
	}
	plain := w.On(w.ReplicaWith(t, func(c *gateway.Config) { c.PlainResolvers = true }))
	compare := func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			query := (&selections{T: r}).query(cursors)
			for _, values := range []variables{{"yes": true, "no": false}, {"yes": false, "no": true}} {
				want := withoutRequest(t, plain.Query(t, viewer, query, values))
				if got := withoutRequest(t, w.Query(t, viewer, query, values)); got != want {
					r.Fatalf("%s\nwith %v was answered with\n%s\nand without the fast lane with\n%s", query, values, got, want)
				}
			}
		})
	}
	t.Run("while ConnectWise answers", compare)
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.ServerError})
	t.Run("while ConnectWise is down", compare)
}
