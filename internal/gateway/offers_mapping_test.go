package gateway_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// startSale puts up a world with the offers One and Two and the products SEAT and DISK.
func startSale(t *testing.T, options gatewaytest.Options) (w *gatewaytest.World, one, two offer, seat, disk product) {
	t.Helper()
	w = gatewaytest.Start(t, options)
	w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "SEAT", Description: "Seat licence"})
	w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "DISK", Description: "Disk space"})
	bill(w, today(), sold("one", "One"), sold("two", "Two"))
	for _, s := range w.Sellers {
		s.Load(t, 1)
	}
	known := products(t, w.Seller)
	return w, offerOf(t, w.Seller, "one"), offerOf(t, w.Seller, "two"), known["SEAT"], known["DISK"]
}

func TestAnOfferIsMappedRemappedAndUnmapped(t *testing.T) {
	t.Parallel()
	w, one, two, seat, disk := startSale(t, gatewaytest.Options{})
	begun := time.Now().Add(-time.Second)

	mapped := sellAs(t, w.Seller, one.ID, seat.ID)
	if mapped.Revision != one.Revision+1 || mapped.MappingStatus != "MAPPED" || mapped.PsaProduct.Identifier != "SEAT" || mapped.PsaProduct.Freshness != "LIVE" {
		t.Errorf("the mapped offer is %+v with %+v, want it MAPPED to SEAT one revision on", mapped, mapped.PsaProduct)
	}
	if at, err := time.Parse(time.RFC3339, deref(mapped.MappedAt)); err != nil || at.Before(begun) || deref(mapped.MappedBy) != "editor@example.com" {
		t.Errorf("it was mapped at %s by %s, want just now by the token's subject", deref(mapped.MappedAt), deref(mapped.MappedBy))
	}
	remapped := mapOffer(t, w.Seller, one.ID, disk.ID, variables{"expectedRevision": mapped.Revision})
	if got := remapped.Offer; len(remapped.UserErrors) > 0 || got.Revision != mapped.Revision+1 || got.PsaProduct.Identifier != "DISK" {
		t.Errorf("the remapped offer is %+v, want it mapped to DISK", remapped)
	}
	if shared := sellAs(t, w.Seller, two.ID, disk.ID); shared.PsaProduct.Identifier != "DISK" {
		t.Errorf("a second offer of the same product is %+v, want it mapped, too", shared)
	}
	unmapped := unmapOffer(t, w.Seller, one.ID, variables{"expectedRevision": mapped.Revision + 1})
	if got := unmapped.Offer; len(unmapped.UserErrors) > 0 || got.Revision != mapped.Revision+2 || got.MappingStatus != "UNMAPPED" ||
		got.PsaProduct != nil || got.MappedAt != nil || got.MappedBy != nil {
		t.Errorf("the unmapped offer is %+v, want nothing left of the mapping", unmapped)
	}
	wantLog := []string{
		"MAPPING_CHANGED: One is mapped to Seat licence", "MAPPING_CHANGED: One is mapped to Disk space",
		"MAPPING_CHANGED: Two is mapped to Disk space", "MAPPING_REMOVED: One is no longer mapped to Disk space",
	}
	if diff := cmp.Diff(wantLog, mappingLog(t, w.Seller)); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	states := func(c change) string { return c.Before + " → " + c.After }
	var got []string
	for _, c := range history(t, w) {
		got = append(got, strconv.Itoa(c.Revision)+" "+states(c)+" by "+c.By)
	}
	nothing, seatState, diskState := `{"target": null}`, `{"target": `+strconv.Itoa(seat.RecordID)+`, "targetName": "Seat licence"}`,
		`{"target": `+strconv.Itoa(disk.RecordID)+`, "targetName": "Disk space"}`
	const by = " by editor@example.com"
	want := []string{
		"2 " + nothing + " → " + seatState + by, "3 " + seatState + " → " + diskState + by,
		"2 " + nothing + " → " + diskState + by, "4 " + diskState + " → " + nothing + by,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the history (-want +got):\n%s", diff)
	}
	golden(t, "offer-log", w.Must(t, viewer, `{ logEntries(first: 1) { nodes {
		level code title details subject { id ... on Offer { name mappingStatus } }
	} } }`, nil, nil))
	checkMappingTotals(t, w.Seller)
}

func TestSavingAnOfferThatHoldsAlreadyChangesNothing(t *testing.T) {
	t.Parallel()
	w, one, two, seat, _ := startSale(t, gatewaytest.Options{})
	first := sellAs(t, w.Seller, one.ID, seat.ID)
	for name, again := range map[string]offerPayload{
		"the same mapping":                       mapOffer(t, w.Seller, one.ID, seat.ID, nil),
		"the same mapping with a stale revision": mapOffer(t, w.Seller, one.ID, seat.ID, variables{"expectedRevision": 77}),
	} {
		if diff := cmp.Diff(&first, again.Offer); diff != "" || len(again.UserErrors) > 0 {
			t.Errorf("%s was refused with %v or changed the row (-before +after):\n%s", name, again.UserErrors, diff)
		}
	}
	bulk := mapOffers(t, w.Seller, []variables{{"offerId": one.ID, "psaProductId": seat.ID, "expectedRevision": 1}})
	if diff := cmp.Diff([]offer{first}, bulk.Offers); diff != "" || len(bulk.UserErrors) > 0 {
		t.Errorf("the same mapping in bulk was refused with %v or changed the row (-before +after):\n%s", bulk.UserErrors, diff)
	}
	unmapped := unmapOffer(t, w.Seller, two.ID, variables{"expectedRevision": 99})
	if diff := cmp.Diff(&two, unmapped.Offer); diff != "" || len(unmapped.UserErrors) > 0 {
		t.Errorf("unmapping what is not mapped was refused with %v or changed the row (-before +after):\n%s", unmapped.UserErrors, diff)
	}
	if changes, entries := len(history(t, w)), len(mappingLog(t, w.Seller)); changes != 1 || entries != 1 {
		t.Errorf("there are %d changes in the history and %d in the log, want one of each", changes, entries)
	}
}

func TestOfferEditsThatCannotBeMadeAreRefusedAndShowTheRow(t *testing.T) {
	t.Parallel()
	w, one, two, seat, disk := startSale(t, gatewaytest.Options{})
	current := sellAs(t, w.Seller, one.ID, seat.ID)
	stale := variables{"expectedRevision": one.Revision}
	for name, test := range map[string]struct {
		payload offerPayload
		code    string
		field   string
		shown   *offer
	}{
		"a stale revision":                  {mapOffer(t, w.Seller, one.ID, disk.ID, stale), "CONFLICT", "expectedRevision", &current},
		"a revision of the future":          {mapOffer(t, w.Seller, one.ID, disk.ID, variables{"expectedRevision": 9}), "CONFLICT", "expectedRevision", &current},
		"unmapping with a stale revision":   {unmapOffer(t, w.Seller, one.ID, stale), "CONFLICT", "expectedRevision", &current},
		"an offer that never was":           {mapOffer(t, w.Seller, nodeID("Offer", 987654), seat.ID, nil), "NOT_FOUND", "offerId", nil},
		"unmapping one that never was":      {unmapOffer(t, w.Seller, nodeID("Offer", 987654), nil), "NOT_FOUND", "offerId", nil},
		"a product that never was":          {mapOffer(t, w.Seller, two.ID, nodeID("PsaProduct", 987654), nil), "NOT_FOUND", "psaProductId", &two},
		"a Platform id for an offer":        {mapOffer(t, w.Seller, one.PlatformID, seat.ID, nil), "INVALID", "offerId", nil},
		"an organization for an offer":      {mapOffer(t, w.Seller, nodeID("Organization", 1), seat.ID, nil), "INVALID", "offerId", nil},
		"a record number for a product":     {mapOffer(t, w.Seller, two.ID, strconv.Itoa(seat.RecordID), nil), "INVALID", "psaProductId", &two},
		"a company for a product":           {mapOffer(t, w.Seller, two.ID, nodeID("PsaCompany", int64(seat.RecordID)), nil), "INVALID", "psaProductId", &two},
		"a product for unmapping":           {unmapOffer(t, w.Seller, seat.ID, nil), "INVALID", "offerId", nil},
		"a record number that is too large": {mapOffer(t, w.Seller, two.ID, nodeID("PsaProduct", 1<<40), nil), "INVALID", "psaProductId", &two},
	} {
		wantRefused(t, name, test.payload.UserErrors, test.code, test.field)
		if diff := cmp.Diff(test.shown, test.payload.Offer); diff != "" {
			t.Errorf("%s, refused, shows another row (-want +got):\n%s", name, diff)
		}
	}
	both := mapOffer(t, w.Seller, seat.ID, one.ID, nil)
	if len(both.UserErrors) != 2 || both.UserErrors[0].Code != "INVALID" || both.UserErrors[1].Code != "INVALID" {
		t.Errorf("an offer and a product that are each other's were refused with %+v, want both named", both.UserErrors)
	}
	if diff := cmp.Diff([]offer{current, two}, offers(t, w.Seller)); diff != "" {
		t.Errorf("refused edits changed rows (-before +after):\n%s", diff)
	}
}

func TestAProductThatConnectWiseNoLongerHasIsRefused(t *testing.T) {
	t.Parallel()
	w, one, _, seat, disk := startSale(t, gatewaytest.Options{})
	if err := w.ConnectWise.PurgeProduct(seat.RecordID); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"a moment ago", "and known to be"} {
		payload := mapOffer(t, w.Seller, one.ID, seat.ID, nil)
		wantRefused(t, "mapping to a product deleted "+when, payload.UserErrors, "NOT_FOUND", "psaProductId")
	}
	if got := products(t, w.Seller)["SEAT"]; !got.Deleted {
		t.Errorf("the mirror has %+v, want it flagged as deleted by now", got)
	}
	// One made after the last load can be mapped at once.
	made := w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "NEW", Description: "Brand new"})
	if got := sellAs(t, w.Seller, one.ID, nodeID("PsaProduct", int64(made))); got.PsaProduct.Identifier != "NEW" {
		t.Errorf("the offer is mapped to %+v, want NEW", got.PsaProduct)
	}
	// A mapping to what was deleted since stays, and can be removed or changed.
	if err := w.ConnectWise.PurgeProduct(made); err != nil {
		t.Fatal(err)
	}
	if got := offerOf(t, w.Seller, "one"); got.MappingStatus != "MAPPED" || !got.PsaProduct.Deleted || !strings.Contains(deref(got.MappingStatusMessage), "no longer has the mapped product") {
		t.Errorf("the offer mapped to a deleted product is %+v with %+v, want it MAPPED, the product deleted and a message", got, got.PsaProduct)
	}
	if got := sellAs(t, w.Seller, one.ID, disk.ID); got.PsaProduct.Identifier != "DISK" {
		t.Errorf("the offer is mapped to %+v, want DISK", got.PsaProduct)
	}
}

func TestMappingManyOffersDoesWhatItCanAndNamesTheRest(t *testing.T) {
	t.Parallel()
	w, one, two, seat, disk := startSale(t, gatewaytest.Options{})
	bill(w, today(), sold("three", "Three"))
	w.Load(t, 1)
	three := offerOf(t, w.Seller, "three")
	if err := w.ConnectWise.PurgeProduct(disk.RecordID); err != nil {
		t.Fatal(err)
	}
	made := nodeID("PsaProduct", int64(w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "NEW", Description: "Brand new"})))
	payload := mapOffers(t, w.Seller, []variables{
		{"offerId": three.ID, "psaProductId": seat.ID, "expectedRevision": 1},
		{"offerId": two.ID, "psaProductId": disk.ID},
		{"offerId": nodeID("Offer", 987654), "psaProductId": seat.ID},
		{"offerId": "rubbish", "psaProductId": two.ID},
		{"offerId": one.ID, "psaProductId": seat.ID},
		{"offerId": two.ID, "psaProductId": seat.ID, "expectedRevision": 7},
	})
	var shown, refused []string
	for _, o := range payload.Offers {
		shown = append(shown, o.Name+" "+o.PsaProduct.Identifier)
	}
	if diff := cmp.Diff([]string{"Three SEAT", "One SEAT"}, shown); diff != "" {
		t.Errorf("offers that hold what was asked, in the order of the input (-want +got):\n%s", diff)
	}
	for _, e := range payload.UserErrors {
		refused = append(refused, strings.Join(e.Field, ".")+" "+e.Code)
	}
	want := []string{
		"mappings.1.psaProductId NOT_FOUND", "mappings.2.offerId NOT_FOUND", "mappings.3.offerId INVALID",
		"mappings.3.psaProductId INVALID", "mappings.5.expectedRevision CONFLICT",
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("what was refused, in the order of the input (-want +got):\n%s", diff)
	}
	if got := offerOf(t, w.Seller, "two"); got.MappingStatus != "UNMAPPED" || got.Revision != 1 {
		t.Errorf("the refused offer is %+v, want it untouched", got)
	}
	for _, length := range []int{1001, 5000} {
		tooMany := mapOffers(t, w.Seller, slices.Repeat([]variables{{"offerId": two.ID, "psaProductId": seat.ID}}, length))
		wantRefused(t, strconv.Itoa(length)+" mappings", tooMany.UserErrors, "TOO_MANY", "mappings")
	}
	if got := mapOffers(t, w.Seller, slices.Repeat([]variables{{"offerId": two.ID, "psaProductId": seat.ID}}, 1000)); len(got.UserErrors) > 0 {
		t.Errorf("1000 mappings were refused: %+v", got.UserErrors)
	}
	contradiction := mapOffers(t, w.Seller, []variables{{"offerId": two.ID, "psaProductId": seat.ID}, {"offerId": two.ID, "psaProductId": made}, {"offerId": two.ID, "psaProductId": seat.ID}})
	wantRefused(t, "a contradiction", contradiction.UserErrors, "INVALID", "mappings", "1", "offerId")
	if len(contradiction.Offers) != 2 || contradiction.Offers[0].PsaProduct.Identifier != "SEAT" {
		t.Errorf("beside a contradiction the list has %+v, want the offer twice with SEAT", contradiction.Offers)
	}
	if got := mapOffers(t, w.Seller, []variables{}); len(got.UserErrors) > 0 || len(got.Offers) > 0 {
		t.Errorf("an empty list answered %+v, want nothing done and nothing refused", got)
	}
	checkMappingTotals(t, w.Seller)
}

func TestOffersNeedTheirRolesAndBelongToTheirSeller(t *testing.T) {
	t.Parallel()
	w, one, _, seat, _ := startSale(t, gatewaytest.Options{Sellers: 2})
	for name, mutation := range map[string]string{
		"mapOffer":   `mutation ($offer: ID!, $product: ID!) { mapOffer(input: {offerId: $offer, psaProductId: $product}) { userErrors { code field } } }`,
		"mapOffers":  `mutation ($offer: ID!, $product: ID!) { mapOffers(input: {mappings: [{offerId: $offer, psaProductId: $product}]}) { userErrors { code field } } }`,
		"unmapOffer": `mutation ($offer: ID!) { unmapOffer(input: {offerId: $offer}) { userErrors { code field } } }`,
		"loadOffers": `mutation { loadOffers(input: {months: 0}) { userErrors { code field } } }`,
	} {
		arguments := variables{"offer": one.ID, "product": seat.ID}
		for _, role := range gatewaytest.Roles() {
			response := w.Query(t, role, mutation, arguments)
			needed := editor
			if name == "loadOffers" {
				needed = operator
			}
			if allowed := role.Includes(needed); allowed != (len(response.Errors) == 0) || !allowed && !slices.Equal(response.Codes(), []string{"FORBIDDEN"}) {
				t.Errorf("%s as %s answered %s, want it allowed: %t", name, role, response.Body, allowed)
			}
		}
		if name == "loadOffers" {
			continue
		}
		response := w.Sellers[1].Query(t, editor, mutation, arguments)
		if !strings.Contains(string(response.Body), `"code":"NOT_FOUND"`) {
			t.Errorf("%s of another seller's offer answered %s, want NOT_FOUND", name, response.Body)
		}
	}
	other := offerOf(t, w.Sellers[1], "one")
	if other.MappingStatus != "UNMAPPED" || other.Revision != 1 || other.ID == one.ID {
		t.Errorf("the other seller's offer is %+v, want it untouched and a record of its own", other)
	}
	if got := offerOf(t, w.Sellers[1], "one").PsaProduct; got != nil {
		t.Errorf("the other seller's offer is mapped to %+v", got)
	}
	var data struct{ Node *offer }
	w.Sellers[1].Must(t, viewer, `query ($id: ID!) { node(id: $id) { ... on Offer { name } } }`, variables{"id": one.ID}, &data)
	if data.Node != nil {
		t.Errorf("another seller sees the offer %+v", data.Node)
	}
}

func TestWhileConnectWiseDoesNotAnswerOffersAreMappedFromTheMirror(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]fault.Fault{
		"it is down": {Kind: fault.NoAnswer},
		"it is slow": stuck(catalogPath),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, one, two, seat, disk := startSale(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = 500 * time.Millisecond }})
			if err := w.ConnectWise.PurgeProduct(disk.RecordID); err != nil {
				t.Fatal(err)
			}
			w.Load(t, 1)
			setFaults(t, w.ConnectWise.Faults().Set, outage)
			mapped := sellAs(t, w.Seller, one.ID, seat.ID)
			if mapped.MappingStatus != "RESPONSE_ERROR" || mapped.PsaProduct.Freshness != "STALE" || mapped.PsaProduct.Identifier != "SEAT" {
				t.Errorf("the row mapped meanwhile is %+v with %+v, want RESPONSE_ERROR with the mirror's copy", mapped, mapped.PsaProduct)
			}
			unknown := mapOffer(t, w.Seller, two.ID, nodeID("PsaProduct", 987654), nil)
			wantRefused(t, "mapping to an unknown product meanwhile", unknown.UserErrors, "PSA_UNAVAILABLE", "psaProductId")
			deleted := mapOffer(t, w.Seller, two.ID, disk.ID, nil)
			wantRefused(t, "mapping to a product known to be deleted meanwhile", deleted.UserErrors, "NOT_FOUND", "psaProductId")
			if got := unmapOffer(t, w.Seller, one.ID, nil); len(got.UserErrors) > 0 || got.Offer.MappingStatus != "UNMAPPED" {
				t.Errorf("unmapping meanwhile answered %+v, want it done", got)
			}
		})
	}
}
