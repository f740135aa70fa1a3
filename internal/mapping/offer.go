package mapping

import (
	"context"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// Offer is one row of the Products list. Only the columns asked for are filled.
type Offer struct {
	grid.Row
	ID           int64         `db:"id"`
	PlatformID   string        `db:"platform_id"`
	Name         string        `db:"name"`
	ExternalID   *string       `db:"external_id"`
	IsCustom     bool          `db:"is_custom"`
	VendorID     int64         `db:"vendor_id"`
	VendorName   string        `db:"vendor_name"`
	PsaProductID *psa.RecordID `db:"psa_product_id"`
	Revision     int           `db:"revision"`
	MappedAt     *time.Time    `db:"mapped_at"`
	MappedBy     *string       `db:"mapped_by"`
}

// OfferColumns are all columns of Offer.
var OfferColumns = []string{
	"id", "platform_id", "name", "external_id", "is_custom", "vendor_id", "vendor_name", "psa_product_id",
	"revision", "mapped_at", "mapped_by",
}

// offers is the list of offers with the vendor and the mirrored product of each.
var offers = &grid.Grid{
	Name:   "offer",
	From:   "offer f",
	Seller: "f.seller_id",
	ID:     "f.id",
	Joins: []grid.Join{
		{Name: "vendor", SQL: "JOIN vendor v ON v.seller_id = f.seller_id AND v.id = f.vendor_id"},
		{Name: "product", SQL: "LEFT JOIN psa_product p ON p.seller_id = f.seller_id AND p.record_id = f.psa_product_id"},
	},
	Columns: map[string]grid.Column{
		"id":             {SQL: "f.id", Type: grid.Integer},
		"platform_id":    {SQL: "f.platform_id"},
		"name":           {SQL: "f.name"},
		"external_id":    {SQL: "f.external_id", Order: "f.external_id COLLATE alphabetical", Nullable: true},
		"is_custom":      {SQL: "f.is_custom", Type: grid.Boolean},
		"vendor_id":      {SQL: "f.vendor_id", Type: grid.Integer},
		"vendor_name":    {SQL: "v.name", Joins: []string{"vendor"}},
		"psa_product_id": {SQL: "f.psa_product_id", Type: grid.Integer, Nullable: true},
		"psa_name":       {SQL: "p.description", Joins: []string{"product"}, Nullable: true},
		"psa_identifier": {SQL: "p.identifier", Joins: []string{"product"}, Nullable: true},
		"mapping_status": mappingStatus("f.psa_product_id"),
		"revision":       {SQL: "f.revision", Type: grid.Integer},
		"mapped_at":      {SQL: "f.mapped_at", Type: grid.Instant, Nullable: true},
		"mapped_by":      {SQL: "f.mapped_by", Nullable: true},
		"search":         {SQL: "f.search_text", Folded: true},
		"psa_search":     {SQL: "p.identifier_search", Joins: []string{"product"}, Folded: true},
	},
}

// Offers answers a request for seller's offers.
func Offers(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, req grid.Request) (*grid.Result[Offer], error) {
	return grid.Fetch[Offer](ctx, tx, offers, seller, withKnownTotal(req, KindOffer))
}

var productSearch = mirrorSearch{
	list: "psa_product_identifier", table: "psa_product", text: "identifier_search", number: "psa_product_id", numberSQL: "f.psa_product_id",
}

// SearchOffers holds for offers with text in name, offer ID, external ID or PSA product identifier.
func SearchOffers(seller postgres.SellerID, text string) grid.Condition {
	return grid.Matching(
		named("offer", text),
		productSearch.matching(seller, text),
	)
}
