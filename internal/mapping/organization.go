// Package mapping says which Platform record is which ConnectWise record, and keeps it true: reading the
// Organizations list, mapping and unmapping, excluding, and the run that refreshes both sides.
//
// A mapping lives once, on the record itself; whoever needs a line's company resolves it from here. The
// package knows nothing of GraphQL or HTTP. Start reading at Organizations for the list, Service.Edit for
// changes, and Synchronizer for the run.
package mapping

import (
	"context"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// Organization is one row of the Organizations list. Only the columns asked for are filled.
type Organization struct {
	grid.Row
	ID               int64         `db:"id"`
	PlatformID       string        `db:"platform_id"`
	Name             string        `db:"name"`
	ReferenceNumber  string        `db:"reference_number"`
	Status           string        `db:"status"`
	PsaCompanyID     *psa.RecordID `db:"psa_company_id"`
	ExcludedFromSync bool          `db:"excluded_from_sync"`
	Revision         int           `db:"revision"`
	MappedAt         *time.Time    `db:"mapped_at"`
	MappedBy         *string       `db:"mapped_by"`
}

// OrganizationColumns are all columns of Organization.
var OrganizationColumns = []string{
	"id", "platform_id", "name", "reference_number", "status", "psa_company_id",
	"excluded_from_sync", "revision", "mapped_at", "mapped_by",
}

var company = []string{"company"}

// organizations is the list of organizations with the mirrored company of each.
var organizations = &grid.Grid{
	Name:   "organization",
	From:   "organization o",
	Seller: "o.seller_id",
	ID:     "o.id",
	Joins: []grid.Join{
		{Name: "company", SQL: "LEFT JOIN psa_company c ON c.seller_id = o.seller_id AND c.record_id = o.psa_company_id"},
	},
	Columns: map[string]grid.Column{
		"id":                 {SQL: "o.id", Type: grid.Integer},
		"platform_id":        {SQL: "o.platform_id"},
		"name":               {SQL: "o.name"},
		"reference_number":   {SQL: "o.reference_number"},
		"reference_order":    {SQL: "o.reference_order", Type: grid.Integer, Nullable: true},
		"status":             {SQL: "o.status"},
		"psa_company_id":     {SQL: "o.psa_company_id", Type: grid.Integer, Nullable: true},
		"psa_name":           {SQL: "c.name", Joins: company, Nullable: true},
		"psa_identifier":     {SQL: "c.identifier", Joins: company, Nullable: true},
		"psa_status":         {SQL: "c.status", Joins: company, Nullable: true},
		"excluded_from_sync": {SQL: "o.excluded_from_sync", Type: grid.Boolean},
		"mapping_status":     mappingStatus("o.psa_company_id"),
		"revision":           {SQL: "o.revision", Type: grid.Integer},
		"mapped_at":          {SQL: "o.mapped_at", Type: grid.Instant, Nullable: true},
		"mapped_by":          {SQL: "o.mapped_by", Nullable: true},
		"search":             {SQL: "o.search_text", Folded: true},
		"psa_search":         {SQL: "c.search_text", Joins: company, Folded: true},
	},
}

// Organizations answers a request for seller's organizations.
func Organizations(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, req grid.Request) (*grid.Result[Organization], error) {
	return grid.Fetch[Organization](ctx, tx, organizations, seller, withKnownTotal(req, KindOrganization))
}

var companySearch = mirrorSearch{list: "psa_company", table: "psa_company", text: "search_text", number: "psa_company_id", numberSQL: "o.psa_company_id"}

// SearchOrganizations holds for organizations with text in name, reference number, PSA name or PSA identifier.
func SearchOrganizations(seller postgres.SellerID, text string) grid.Condition {
	return grid.Matching(
		named("organization", text),
		companySearch.matching(seller, text),
	)
}
