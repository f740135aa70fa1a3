package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// additionList is a page of Additions.
type additionList struct {
	TotalCount int
	PageInfo   struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
	Edges []struct {
		Cursor string
		Node   struct{ RecordID int }
	}
	Nodes []struct {
		RecordID           int
		InvoiceDescription string
		Freshness          string
	}
}

func (l additionList) records() []int {
	records := make([]int, len(l.Nodes))
	for i, node := range l.Nodes {
		records[i] = node.RecordID
	}
	return records
}

// listAdditions is the call that lists the Additions of one agreement.
const listAdditions = "GET /finance/agreements/{id}/additions"

// startAdditions puts up a world with one agreement of three Additions, one without any, and one that is gone.
func startAdditions(t *testing.T, options gatewaytest.Options) *gatewaytest.World {
	t.Helper()
	w, acme, _ := startContracts(t, options)
	product := w.ConnectWise.AddProduct(simconnectwise.Product{
		ID: 77, Identifier: "SEAT", Description: "A seat", Price: decimal.RequireFromString("9.90"), Cost: decimal.RequireFromString("7.1234"),
	})
	for id, name := range map[int]string{501: "Full", 502: "Empty", 503: "Gone"} {
		addAgreement(t, w, simconnectwise.Agreement{ID: id, Name: name, CompanyID: acme, StartDate: today().AddMonths(-6)})
	}
	for _, a := range []simconnectwise.Addition{
		{ID: 30, Quantity: decimal.RequireFromString("0.5"), EffectiveDate: today(), InvoiceDescription: "Half a seat", BillCustomer: "DoNotBill"},
		{ID: 10, Quantity: decimal.NewFromInt(3), EffectiveDate: today().AddMonths(-1), CancelledDate: yesterday(), InvoiceDescription: "Three seats"},
		{ID: 20, Quantity: decimal.NewFromInt(2), EffectiveDate: today(), InvoiceDescription: "Two seats"},
	} {
		a.AgreementID, a.ProductID = 501, product
		if _, err := w.ConnectWise.AddAddition(a); err != nil {
			t.Fatalf("add an Addition: %v", err)
		}
	}
	w.Sync(t)
	if err := w.ConnectWise.PurgeAgreement(503); err != nil {
		t.Fatal(err)
	}
	return w
}

const additionsOf = `query ($id: ID!, $first: Int, $after: String) { node(id: $id) { ... on PsaAgreement { additions(first: $first, after: $after) {
	totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { recordId } } nodes { recordId invoiceDescription freshness }
} } } }`

func readAdditions(t *testing.T, s *gatewaytest.Seller, agreement int, page variables) additionList {
	t.Helper()
	arguments := variables{"id": agreementID(agreement)}
	for name, value := range page {
		arguments[name] = value
	}
	var data struct {
		Node struct{ Additions additionList }
	}
	s.Must(t, viewer, additionsOf, arguments, &data)
	return data.Node.Additions
}

func TestAnAgreementShowsItsAdditionsAsConnectWiseHasThem(t *testing.T) {
	t.Parallel()
	w := startAdditions(t, gatewaytest.Options{})
	golden(t, "additions", w.Must(t, viewer, `query ($id: ID!) { node(id: $id) { ... on PsaAgreement { name additions { totalCount nodes {
		recordId agreementRecordId productIdentifier description invoiceDescription quantity unitPrice unitCost
		effectiveDate cancelledDate billCustomer deleted freshness
	} } } } }`, variables{"id": agreementID(501)}, nil))
	for agreement, what := range map[int]string{502: "without Additions", 503: "that is gone"} {
		if got := readAdditions(t, w.Seller, agreement, nil); got.TotalCount != 0 || len(got.Nodes) != 0 || got.PageInfo.EndCursor != nil {
			t.Errorf("an agreement %s shows %+v, want nothing", what, got)
		}
	}
}

func TestAdditionsArePagedByRecordNumber(t *testing.T) {
	t.Parallel()
	w := startAdditions(t, gatewaytest.Options{})
	first := readAdditions(t, w.Seller, 501, variables{"first": 2})
	if info := first.PageInfo; !slices.Equal(first.records(), []int{10, 20}) || first.TotalCount != 3 || !info.HasNextPage || info.HasPreviousPage {
		t.Errorf("the first two Additions are %+v, want 10 and 20 of 3, and more to come", first)
	}
	if edge := first.Edges[0]; edge.Node.RecordID != 10 || edge.Cursor != *first.PageInfo.StartCursor {
		t.Errorf("the first edge is %+v, want that of 10, where the page starts", edge)
	}
	// The row that the cursor stands for may go meanwhile.
	if err := w.ConnectWise.DeleteAddition(20); err != nil {
		t.Fatal(err)
	}
	second := readAdditions(t, w.Seller, 501, variables{"first": 2, "after": first.PageInfo.EndCursor})
	if info := second.PageInfo; !slices.Equal(second.records(), []int{30}) || info.HasNextPage || !info.HasPreviousPage {
		t.Errorf("the page after it is %+v, want 30 alone, with rows before it", second)
	}
	last := readAdditions(t, w.Seller, 501, variables{"after": second.PageInfo.EndCursor})
	if len(last.Nodes) != 0 || last.PageInfo.HasNextPage || last.TotalCount != 2 {
		t.Errorf("after the last one there is %+v, want nothing", last)
	}
	w.ConnectWise.ForgetCalls()
	for name, page := range map[string]variables{
		"no rows": {"first": 0}, "too many": {"first": 1001}, "an empty cursor": {"after": ""}, "nonsense": {"after": "nonsense"},
		"a cursor of another list": {"after": agreementID(501)},
	} {
		page["id"] = agreementID(501)
		if response := w.Query(t, viewer, additionsOf, page); !slices.Equal(response.Codes(), []string{"BAD_USER_INPUT"}) {
			t.Errorf("a page of %s answered %s, want BAD_USER_INPUT", name, response.Body)
		}
	}
	if calls := w.ConnectWise.CallCount(listAdditions); calls != 0 {
		t.Errorf("pages that cannot be cost %d calls, want none", calls)
	}
}

func TestRequestsShareTheListingOfAnAgreement(t *testing.T) {
	t.Parallel()
	w := startAdditions(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Hour }})
	w.ConnectWise.ForgetCalls()
	w.Must(t, viewer, `query ($id: ID!) {
		node(id: $id) { ... on PsaAgreement { a: additions { totalCount } b: additions(first: 1) { nodes { recordId } } } }
		psaAgreements(filter: {includeClosed: true}) { nodes { additions { totalCount } } }
	}`, variables{"id": agreementID(501)}, nil)
	if calls := w.ConnectWise.CallCount(listAdditions); calls != 3 {
		t.Errorf("the Additions of three agreements, of one thrice, cost %d calls, want 3", calls)
	}
	for range 3 {
		readAdditions(t, w.Seller, 501, nil)
	}
	if calls := w.ConnectWise.CallCount(listAdditions); calls != 3 {
		t.Errorf("with further requests there were %d calls, want no more than 3", calls)
	}
	w.Must(t, viewer, `{ psaAgreements { nodes { name } } }`, nil, nil)
	if calls := w.ConnectWise.CallCount(listAdditions); calls != 3 {
		t.Errorf("agreements without their Additions cost %d calls more", calls-3)
	}
}

func TestWhileConnectWiseDoesNotAnswerThereAreNoAdditions(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]fault.Fault{
		"it is down":  {Kind: fault.NoAnswer},
		"it is slow":  stuck("/additions"),
		"it says 500": {Kind: fault.ServerError},
		"it says 401": {Kind: fault.Unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startAdditions(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = 500 * time.Millisecond }})
			setFaults(t, w.ConnectWise.Faults().Set, outage)
			asked := time.Now()
			response := w.Query(t, viewer, `{ psaAgreements { nodes { name additions { totalCount } } } }`, nil)
			if got := string(response.Data); got != `{"psaAgreements":{"nodes":[{"name":"Empty","additions":null},{"name":"Full","additions":null},{"name":"Gone","additions":null}]}}` {
				t.Errorf("the data is %s, want the agreements without their Additions", got)
			}
			if !slices.Equal(response.Codes(), slices.Repeat([]string{"PSA_UNAVAILABLE"}, 3)) || !strings.HasPrefix(fmt.Sprint(response.Errors[0].Path), "[psaAgreements nodes ") {
				t.Errorf("the errors of %s are not PSA_UNAVAILABLE, one for each agreement", response.Body)
			}
			if report := reportOf(t, response); report.Available || report.RetryAt == nil {
				t.Errorf("extensions.psa is %s, want available false and a retryAt", response.Extensions["psa"])
			}
			if took := time.Since(asked); took > 5*time.Second {
				t.Errorf("the agreements took %s, want them within the budget of half a second", took)
			}
			w.ConnectWise.Faults().Clear()
			gatewaytest.Eventually(t, "the Additions are there again", func() bool {
				return len(w.Query(t, viewer, additionsOf, variables{"id": agreementID(501)}).Errors) == 0
			})
		})
	}
}

func TestOneAgreementThatFailsLeavesTheOthersTheirAdditions(t *testing.T) {
	t.Parallel()
	w := startAdditions(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = time.Second }})
	setFaults(t, w.ConnectWise.Faults().Set, stuck("/agreements/502/additions"))
	response := w.Query(t, viewer, `{ psaAgreements { nodes { name additions { totalCount } } } }`, nil)
	want := `{"psaAgreements":{"nodes":[{"name":"Empty","additions":null},{"name":"Full","additions":{"totalCount":3}},{"name":"Gone","additions":{"totalCount":0}}]}}`
	if got := string(response.Data); got != want || !slices.Equal(response.Codes(), []string{"PSA_UNAVAILABLE"}) {
		t.Errorf("with one agreement that fails the answer is %s, want the Additions of the others", response.Body)
	}
}

func TestAnOperationListsFewAgreementsAtATimeAndNoneAfterItsTime(t *testing.T) {
	t.Parallel()
	w, acme, _ := startContracts(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = 500 * time.Millisecond }})
	const agreements = 40
	for n := range agreements {
		addAgreement(t, w, simconnectwise.Agreement{Name: fmt.Sprint("Agreement ", n), CompanyID: acme})
	}
	w.Sync(t)
	setFaults(t, w.ConnectWise.Faults().Set, stuck("/additions"))
	w.ConnectWise.ForgetCalls()
	response := w.Query(t, viewer, `{ psaAgreements(first: 100) { nodes { additions { totalCount } } } }`, nil)
	if got := len(response.Errors); got != agreements {
		t.Errorf("%d agreements failed, want all %d", got, agreements)
	}
	if calls := w.ConnectWise.CallCount(listAdditions); calls == 0 || calls > 8 {
		t.Errorf("while none is answered, %d calls were made, want some and at most 8", calls)
	}
}
