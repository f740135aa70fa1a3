package gateway_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// kindTotals are the totals of one kind.
type kindTotals struct{ Total, Mapped, Unmapped, Excluded int }

// summary is mappingSummary, by kind.
type summary map[string]kindTotals

// readSummary asks for mappingSummary.
func readSummary(t *testing.T, s *gatewaytest.Seller) summary {
	t.Helper()
	var data struct{ MappingSummary summary }
	s.Must(t, viewer, `{ mappingSummary {
		organizations { total mapped unmapped excluded } offers { total mapped unmapped } contracts { total mapped unmapped }
	} }`, nil, &data)
	return data.MappingSummary
}

// countLists counts what mappingSummary tells of by filtering the lists.
func countLists(t *testing.T, s *gatewaytest.Seller) summary {
	t.Helper()
	var counted map[string]struct{ TotalCount int }
	s.Must(t, viewer, `{
		organizations { totalCount } om: organizations(filter: {mappingStatus: MAPPED}) { totalCount }
		ou: organizations(filter: {mappingStatus: UNMAPPED}) { totalCount } oe: organizations(filter: {excludedFromSync: true}) { totalCount }
		offers { totalCount } fm: offers(filter: {mappingStatus: MAPPED}) { totalCount } fu: offers(filter: {mappingStatus: UNMAPPED}) { totalCount }
		contracts { totalCount } cm: contracts(filter: {mappingStatus: MAPPED}) { totalCount } cu: contracts(filter: {mappingStatus: UNMAPPED}) { totalCount }
	}`, nil, &counted)
	n := func(alias string) int { return counted[alias].TotalCount }
	return summary{
		"organizations": {n("organizations"), n("om"), n("ou"), n("oe")},
		"offers":        {n("offers"), n("fm"), n("fu"), 0},
		"contracts":     {n("contracts"), n("cm"), n("cu"), 0},
	}
}

// checkMappingTotals checks that mappingSummary says what the lists have.
func checkMappingTotals(t *testing.T, s *gatewaytest.Seller) {
	t.Helper()
	if diff := cmp.Diff(countLists(t, s), readSummary(t, s)); diff != "" {
		t.Errorf("mappingSummary is not what the lists have (-lists +summary):\n%s", diff)
	}
}

func TestTotalsAgreeWithTheListsWhilePeopleEdit(t *testing.T) {
	t.Parallel()
	const each, editors, rounds = 8, 9, 6
	w := gatewaytest.Start(t, gatewaytest.Options{})
	company := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme", Currency: "EUR"})
	product := w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "SEAT", Description: "Seat"})
	agreement, err := w.ConnectWise.AddAgreement(simconnectwise.Agreement{Name: "Cloud", CompanyID: company})
	if err != nil {
		t.Fatal(err)
	}
	var lines []platform.InvoiceRow
	for i := range each {
		w.AddCustomer("Customer "+number(i), number(i), "Active")
		lines = append(lines, sold(number(i), "Offer "+number(i)))
	}
	bill(w, today(), lines...)
	w.Sync(t)
	w.Load(t, 1)
	second := w.On(w.Replica(t))
	rows, sold, signed := organizations(t, w.Seller), offers(t, w.Seller), contracts(t, w.Seller)
	acme, seat, cloud := companyID(company), nodeID("PsaProduct", int64(product)), agreementID(agreement)

	edit := func(s *gatewaytest.Seller, e, round int) {
		i := (e*5 + round*3) % each
		switch (e + round) % 9 {
		case 0:
			mapOrganization(t, s, rows[i].ID, acme, variables{"excludedFromSync": round%2 == 0})
		case 1:
			unmapOrganization(t, s, rows[i].ID, nil)
		case 2:
			setExcluded(t, s, []string{rows[i].ID, rows[(i+1)%each].ID}, round%2 == 0, nil)
		case 3:
			mapOffer(t, s, sold[i].ID, seat, nil)
		case 4:
			mapOffers(t, s, []variables{{"offerId": sold[(i+3)%each].ID, "psaProductId": seat}, {"offerId": sold[i].ID, "psaProductId": seat}})
		case 5:
			unmapOffer(t, s, sold[i].ID, nil)
		case 6, 7: // refused while the organization is unmapped, which may change any moment
			mapContract(t, s, signed[i].ID, cloud, nil)
		case 8:
			unmapContract(t, s, signed[i].ID, nil)
		}
	}
	for range 2 {
		checkMappingTotals(t, w.Seller) // nobody edits now
		var people, reader sync.WaitGroup
		done := make(chan struct{})
		reader.Go(func() {
			for {
				for kind, got := range readSummary(t, second) {
					if got.Mapped+got.Unmapped != got.Total || got.Total != each {
						t.Errorf("while people edit %s are %+v, want %d in all, each of them mapped or unmapped", kind, got, each)
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
		for e := range editors {
			people.Go(func() {
				for round := range rounds {
					edit([]*gatewaytest.Seller{w.Seller, second}[e%2], e, round)
				}
			})
		}
		people.Wait()
		close(done)
		reader.Wait()
	}
	checkMappingTotals(t, w.Seller)
	checkMappingTotals(t, second)
	var edited int
	for _, c := range history(t, w) {
		if c.Revision > 1 {
			edited++
		}
	}
	if edited == 0 {
		t.Error("no edit was made, so nothing was tested")
	}
}
