package invoicing

import (
	"context"
	"time"

	"github.com/lib/pq"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// Line is one row of the Invoices list. Only the columns asked for are filled.
type Line struct {
	grid.Row
	ID                int64               `db:"id"`
	PlatformID        string              `db:"platform_id"`
	Period            civil.Date          `db:"period"`
	InvoiceNumber     string              `db:"invoice_number"`
	InvoiceDate       civil.Date          `db:"invoice_date"`
	InvoiceStatus     string              `db:"invoice_status"`
	OrganizationID    int64               `db:"organization_id"`
	ContractID        int64               `db:"contract_id"`
	OfferID           int64               `db:"offer_id"`
	SubscriptionID    *string             `db:"subscription_id"`
	SubscriptionName  *string             `db:"subscription_name"`
	SubscriptionStart civil.Date          `db:"subscription_start"`
	SubscriptionEnd   civil.Date          `db:"subscription_end"`
	Description       string              `db:"description"`
	ChargeType        string              `db:"charge_type"`
	ChargeTypeText    string              `db:"charge_type_text"`
	Recurring         bool                `db:"recurring"`
	Custom            bool                `db:"custom"`
	Quantity          decimal.Decimal     `db:"quantity"`
	UnitPrice         decimal.Decimal     `db:"unit_price"`
	UnitCost          decimal.NullDecimal `db:"unit_cost"`
	Amount            decimal.Decimal     `db:"amount"`
	Currency          string              `db:"currency"`
	ChargeStart       civil.Date          `db:"charge_start"`
	ChargeStartOrigin string              `db:"charge_start_origin"`
	InvoicedStart     civil.Date          `db:"invoiced_start"`
	ChargeEnd         civil.Date          `db:"charge_end"`
	ChargeEndOrigin   string              `db:"charge_end_origin"`
	InvoicedEnd       civil.Date          `db:"invoiced_end"`
	PsaCompanyID      *psa.RecordID       `db:"psa_company_id"`
	PsaProductID      *psa.RecordID       `db:"psa_product_id"`
	PsaAgreementID    *psa.RecordID       `db:"psa_agreement_id"`
	AgreementOrigin   string              `db:"agreement_origin"`
	MappingStatus     string              `db:"mapping_status"`
	SyncStatus        string              `db:"sync_status"`
	Blockers          pq.StringArray      `db:"blockers"`
	SyncErrorCode     *string             `db:"sync_error_code"`
	SyncError         *string             `db:"sync_error"`
	SyncedAt          *time.Time          `db:"synced_at"`
	AdditionID        *int64              `db:"addition_id"`
	Revision          int                 `db:"revision"`
	LoadedAt          time.Time           `db:"loaded_at"`
}

// View is what a list of lines depends on beside the lines: whether the seller's set-up is complete, and what
// day it is.
type View struct {
	SetupComplete bool
	Today         civil.Date
}

var (
	joinInvoice      = []string{"invoice"}
	joinOrganization = []string{"organization"}
	joinContract     = []string{"contract"}
	joinOffer        = []string{"offer"}
	joinVendor       = []string{"offer", "vendor"}
	joinCreated      = []string{"organization", "contract", "created"}
)

// lines is the list of invoice lines with all that they resolve to.
var lines = &grid.Grid{
	Name:   "invoice_line",
	From:   "invoice_line l",
	Seller: "l.seller_id",
	ID:     "l.id",

	Windowed: true,
	Joins: []grid.Join{
		{Name: "invoice", SQL: "JOIN invoice i ON i.seller_id = l.seller_id AND i.id = l.invoice_id"},
		organizationJoin, contractJoin, offerJoin, vendorJoin, companyJoin, productJoin, createdJoin, agreementJoin,
	},
	Columns: map[string]grid.Column{
		"id":                 {SQL: "l.id", Type: grid.Integer},
		"platform_id":        {SQL: "l.platform_id"},
		"period":             {SQL: "l.period", Type: grid.Date},
		"invoice_number":     {SQL: "l.invoice_number"},
		"invoice_date":       {SQL: "l.invoice_date", Type: grid.Date},
		"invoice_status":     {SQL: "i.status", Joins: joinInvoice},
		"organization_id":    {SQL: "l.organization_id", Type: grid.Integer},
		"organization_name":  {SQL: "o.name", Joins: joinOrganization},
		"contract_id":        {SQL: "l.contract_id", Type: grid.Integer},
		"contract_number":    {SQL: "t.platform_id", Joins: joinContract},
		"offer_id":           {SQL: "l.offer_id", Type: grid.Integer},
		"offer_name":         {SQL: "f.name", Joins: joinOffer},
		"vendor_name":        {SQL: "v.name", Joins: joinVendor},
		"subscription_id":    {SQL: "l.subscription_id", Nullable: true},
		"subscription_name":  {SQL: "l.subscription_name", Nullable: true},
		"subscription_start": {SQL: "l.subscription_start", Type: grid.Date, Nullable: true},
		"subscription_end":   {SQL: "l.subscription_end", Type: grid.Date, Nullable: true},
		"description":        {SQL: "l.description"},
		"charge_type":        {SQL: "l.charge_type"},
		"charge_type_text":   {SQL: "l.charge_type_text"},
		"recurring":          {SQL: "l.recurring", Type: grid.Boolean},
		"custom":             {SQL: "l.custom", Type: grid.Boolean},
		"quantity":           {SQL: "l.quantity", Type: grid.Number},
		"unit_price":         {SQL: "l.unit_price", Type: grid.Number},
		"unit_cost":          {SQL: "l.unit_cost", Type: grid.Number, Nullable: true},
		"amount":             {SQL: "l.amount", Type: grid.Number},
		"currency":           {SQL: "l.currency"},
		"charge_start":       {SQL: "l.charge_start", Type: grid.Date},
		"charge_start_origin": {SQL: `CASE
			WHEN l.chosen_start IS NOT NULL THEN 'USER_UPDATED'
			WHEN l.ruled_start IS NOT NULL THEN 'SYSTEM_UPDATED'
			ELSE 'DEFAULT' END`},
		"invoiced_start": {SQL: "l.invoiced_start", Type: grid.Date, Nullable: true},
		"charge_end":     {SQL: "l.charge_end", Type: grid.Date, Nullable: true},
		"charge_end_origin": {SQL: `CASE
			WHEN l.chosen_end IS NOT NULL THEN 'USER_UPDATED'
			WHEN l.end_is_ruled THEN 'SYSTEM_UPDATED'
			ELSE 'DEFAULT' END`},
		"invoiced_end":     {SQL: "l.invoiced_end", Type: grid.Date, Nullable: true},
		"psa_company_id":   {SQL: unlessFrozen("l.posted_company_id", "o.psa_company_id"), Type: grid.Integer, Joins: joinOrganization, Nullable: true},
		"psa_product_id":   {SQL: unlessFrozen("l.posted_product_id", "f.psa_product_id"), Type: grid.Integer, Joins: joinOffer, Nullable: true},
		"psa_agreement_id": {SQL: unlessFrozen("l.posted_agreement_id", agreementID), Type: grid.Integer, Joins: joinCreated, Nullable: true},
		"agreement_origin": {SQL: unlessFrozen("coalesce(l.posted_agreement_origin, 'NONE')", `CASE
			WHEN l.psa_agreement_id IS NOT NULL THEN 'LINE'
			WHEN t.psa_agreement_id IS NOT NULL THEN 'CONTRACT'
			WHEN g.agreement_id IS NOT NULL THEN 'AUTO_CREATED'
			ELSE 'NONE' END`), Joins: joinCreated},
		"sync_error_code": {SQL: failure("l.sync_error_code"), Nullable: true},
		"sync_error":      {SQL: failure("l.sync_error"), Nullable: true},
		"synced_at":       {SQL: "l.synced_at", Type: grid.Instant, Nullable: true},
		"addition_id":     {SQL: posted("l.addition_id"), Type: grid.Integer, Nullable: true},
		"revision":        {SQL: "l.revision", Type: grid.Integer},
		"loaded_at":       {SQL: "l.loaded_at", Type: grid.Instant},
		"search":          {SQL: "l.search_text", Folded: true},
	},
}

// unlessFrozen is where a line was sent, or where it would go.
func unlessFrozen(sent, resolved string) string {
	return "CASE WHEN " + frozen + " THEN " + sent + " ELSE " + resolved + " END"
}

// failure is why the last attempt to post a line failed, as long as no later one is under way.
func failure(column string) string { return "CASE WHEN l.state = 'FAILED' THEN " + column + " END" }

// posted is something of the Addition that a line is part of.
func posted(column string) string { return "CASE WHEN l.state = 'SYNCED' THEN " + column + " END" }

// Lines answers a request for seller's invoice lines.
func Lines(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, view View, req grid.Request) (*grid.Result[Line], error) {
	if req.Total || len(req.Facets) > 0 || req.SumBy != nil {
		if err := makeRoom(ctx, tx); err != nil {
			return nil, err
		}
	}
	return grid.Fetch[Line](ctx, tx, view.list(), seller, req)
}

// OfPeriod holds for the lines of one month.
func OfPeriod(month civil.YearMonth) grid.Condition {
	return grid.Compare("period", grid.Equal, month.FirstDay())
}

// Search holds for lines with text in organization name, contract id, subscription, offer name or invoice number.
func Search(seller postgres.SellerID, text string) grid.Condition {
	pattern := grid.Pattern(text)
	const match = `LIKE lower(?::text COLLATE alphabetical) COLLATE "C"`
	return grid.Any(
		grid.Contains("search", text),
		grid.Expression(nil, `l.organization_id = ANY (ARRAY(
			SELECT s.id FROM organization s WHERE s.seller_id = ? AND s.search_text `+match+` AND lower(s.name) COLLATE "C" `+match+`))`,
			seller, pattern, pattern),
		grid.Expression(nil, `l.contract_id = ANY (ARRAY(
			SELECT s.id FROM contract s WHERE s.seller_id = ? AND s.search_text `+match+`))`, seller, pattern),
		grid.Expression(nil, `l.offer_id = ANY (ARRAY(
			SELECT s.id FROM offer s WHERE s.seller_id = ? AND s.search_text `+match+` AND lower(s.name) COLLATE "C" `+match+`))`,
			seller, pattern, pattern),
	)
}
