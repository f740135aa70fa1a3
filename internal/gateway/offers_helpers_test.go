package gateway_test

import (
	"maps"
	"testing"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
)

// offer is what tests look at of a row of the Products tab.
type offer struct {
	ID, PlatformID, Name string
	ExternalID           *string
	Vendor               struct{ ID, Name string }
	IsCustomInvoiceOffer bool
	MappingStatus        string
	MappingStatusMessage *string
	Revision             int
	MappedAt, MappedBy   *string
	PsaProduct           *product
}

// product is what tests look at of an item of the ConnectWise catalog.
type product struct {
	ID                      string
	RecordID                int
	Identifier, Description string
	Category, Price, Cost   *string
	Inactive, Deleted       bool
	Freshness               string
}

const (
	productFields = `id recordId identifier description category price cost inactive deleted freshness`
	offerFields   = `id platformId name externalId vendor { id name } isCustomInvoiceOffer mappingStatus
		mappingStatusMessage revision mappedAt mappedBy psaProduct { ` + productFields + ` }`
)

// offers returns all offers, by name.
func offers(t testing.TB, s *gatewaytest.Seller) []offer {
	t.Helper()
	var data struct{ Offers struct{ Nodes []offer } }
	s.Must(t, viewer, `{ offers(first: 1000) { nodes { `+offerFields+` } } }`, nil, &data)
	return data.Offers.Nodes
}

// offerNames returns the names of all offers.
func offerNames(t *testing.T, s *gatewaytest.Seller) []string {
	t.Helper()
	list := []string{}
	for _, o := range offers(t, s) {
		list = append(list, o.Name)
	}
	return list
}

// offerOf returns the offer with a Platform id.
func offerOf(t *testing.T, s *gatewaytest.Seller, platformID string) offer {
	t.Helper()
	for _, o := range offers(t, s) {
		if o.PlatformID == platformID {
			return o
		}
	}
	t.Fatalf("there is no offer %q", platformID)
	return offer{}
}

// products returns the whole mirrored catalog, by identifier.
func products(t *testing.T, s *gatewaytest.Seller) map[string]product {
	t.Helper()
	var data struct{ PsaProducts struct{ Nodes []product } }
	s.Must(t, viewer, `{ psaProducts(first: 1000, filter: {includeInactive: true}) { nodes { `+productFields+` } } }`, nil, &data)
	byIdentifier := make(map[string]product)
	for _, p := range data.PsaProducts.Nodes {
		byIdentifier[p.Identifier] = p
	}
	return byIdentifier
}

// sold is a line of an invoice that sells an offer of the vendor Contoso.
func sold(offerID, name string) platform.InvoiceRow {
	return platform.InvoiceRow{
		OfferID: offerID, OfferName: name, VendorOfferID: "EXT-" + offerID, VendorID: "V-1", VendorName: "Contoso", ChargeType: "CycleFee",
	}
}

// bill adds a valid invoice of a day to what the Platform has.
func bill(w *gatewaytest.World, on civil.Date, rows ...platform.InvoiceRow) platform.InvoiceHeader {
	return w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "customer", ContractID: "C-1", Currency: "EUR", InvoiceDate: on}, rows...)
}

// today is the day that tests of the gateway take place on.
func today() civil.Date { return civil.DateOf(gatewaytest.Now()) }

// offerPayload is the answer to mapOffer and unmapOffer.
type offerPayload struct {
	Offer      *offer
	UserErrors []gatewaytest.UserError
}

// mapOffer saves a row; more are further fields of the input.
func mapOffer(t testing.TB, s *gatewaytest.Seller, offerID, productID string, more variables) offerPayload {
	t.Helper()
	input := variables{"offerId": offerID, "psaProductId": productID}
	maps.Copy(input, more)
	var data struct{ MapOffer offerPayload }
	s.Must(t, editor, `mutation ($input: MapOfferInput!) { mapOffer(input: $input) {
		offer { `+offerFields+` } userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.MapOffer
}

// sellAs is mapOffer where nothing may be refused; it returns the row as it is then.
func sellAs(t testing.TB, s *gatewaytest.Seller, offerID, productID string) offer {
	t.Helper()
	payload := mapOffer(t, s, offerID, productID, nil)
	if len(payload.UserErrors) > 0 || payload.Offer == nil {
		t.Fatalf("map %s to %s: %+v", offerID, productID, payload)
	}
	return *payload.Offer
}

// unmapOffer removes a row's product; more are further fields of the input.
func unmapOffer(t *testing.T, s *gatewaytest.Seller, offerID string, more variables) offerPayload {
	t.Helper()
	input := variables{"offerId": offerID}
	maps.Copy(input, more)
	var data struct{ UnmapOffer offerPayload }
	s.Must(t, editor, `mutation ($input: UnmapOfferInput!) { unmapOffer(input: $input) {
		offer { `+offerFields+` } userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.UnmapOffer
}

// offersPayload is the answer to mapOffers.
type offersPayload struct {
	Offers     []offer
	UserErrors []gatewaytest.UserError
}

// mapOffers saves many rows.
func mapOffers(t *testing.T, s *gatewaytest.Seller, mappings []variables) offersPayload {
	t.Helper()
	var data struct{ MapOffers offersPayload }
	s.Must(t, editor, `mutation ($input: MapOffersInput!) { mapOffers(input: $input) {
		offers { `+offerFields+` } userErrors { code message field } } }`,
		variables{"input": variables{"mappings": mappings}}, &data)
	return data.MapOffers
}
