package invoicing

import (
	"context"
	"time"

	"github.com/lib/pq"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
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
	joinEverything   = []string{"invoice", "organization", "contract", "offer", "company", "product", "agreement"}
)

// lines is the list of invoice lines with all that they resolve to.
var lines = &grid.Grid{
	Name:   "invoice_line",
	From:   "invoice_line l",
	Seller: "l.seller_id",
	ID:     "l.id",
	Joins: []grid.Join{
		{Name: "invoice", SQL: "JOIN invoice i ON i.seller_id = l.seller_id AND i.id = l.invoice_id"},
		{Name: "organization", SQL: "JOIN organization o ON o.seller_id = l.seller_id AND o.id = l.organization_id"},
		{Name: "contract", SQL: "JOIN contract t ON t.seller_id = l.seller_id AND t.id = l.contract_id"},
		{Name: "offer", SQL: "JOIN offer f ON f.seller_id = l.seller_id AND f.id = l.offer_id"},
		{Name: "vendor", SQL: "JOIN vendor v ON v.seller_id = f.seller_id AND v.id = f.vendor_id"},
		{Name: "company", SQL: "LEFT JOIN psa_company c ON c.seller_id = o.seller_id AND c.record_id = o.psa_company_id"},
		{Name: "product", SQL: "LEFT JOIN psa_product p ON p.seller_id = f.seller_id AND p.record_id = f.psa_product_id"},
		{Name: "agreement", SQL: "LEFT JOIN psa_agreement a ON a.seller_id = l.seller_id AND a.record_id = coalesce(l.psa_agreement_id, t.psa_agreement_id)"},
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
		"vendor_name":        {SQL: "v.name", Joins: []string{"offer", "vendor"}},
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
		"psa_company_id":   {SQL: "o.psa_company_id", Type: grid.Integer, Joins: joinOrganization, Nullable: true},
		"psa_product_id":   {SQL: "f.psa_product_id", Type: grid.Integer, Joins: joinOffer, Nullable: true},
		"psa_agreement_id": {SQL: "coalesce(l.psa_agreement_id, t.psa_agreement_id)", Type: grid.Integer, Joins: joinContract, Nullable: true},
		"agreement_origin": {SQL: `CASE
			WHEN l.psa_agreement_id IS NOT NULL THEN 'LINE'
			WHEN t.psa_agreement_id IS NOT NULL THEN 'CONTRACT'
			ELSE 'NONE' END`, Joins: joinContract},
		"mapping_status": {SQL: `CASE
			WHEN o.psa_company_id IS NULL OR f.psa_product_id IS NULL THEN 'UNMAPPED'
			WHEN coalesce(l.psa_agreement_id, t.psa_agreement_id) IS NULL AND ` + sharesCompany + ` THEN 'UNMAPPED'
			ELSE 'MAPPED' END`, Joins: []string{"organization", "contract", "offer"}},
		"revision":  {SQL: "l.revision", Type: grid.Integer},
		"loaded_at": {SQL: "l.loaded_at", Type: grid.Instant},
		"search":    {SQL: "l.search_text", Folded: true},
	},
}

// sharesCompany holds for lines of an organization whose company other organizations are mapped to as well.
const sharesCompany = `EXISTS (
	SELECT
	FROM organization other
	WHERE other.seller_id = o.seller_id
		AND other.psa_company_id = o.psa_company_id
		AND other.id <> o.id)`

// choice says whose agreement a line would post to, in the words of rule.Reason.
const choice = `CASE WHEN l.psa_agreement_id IS NOT NULL THEN 'LINE' ELSE 'CONTRACT' END`

// blockers is everything that keeps a line from being posted, as rule.Reasons tells it. Arguments: whether
// set-up is complete, and today.
const blockers = `array_remove(ARRAY[
	CASE WHEN NOT ?::boolean THEN 'SETUP_INCOMPLETE' END,
	CASE WHEN NOT (i.valid AND l.listed) THEN 'INVOICE_NOT_VALID' END,
	CASE WHEN o.psa_company_id IS NULL THEN 'ORGANIZATION_UNMAPPED' END,
	CASE WHEN o.excluded_from_sync THEN 'ORGANIZATION_EXCLUDED' END,
	CASE WHEN f.psa_product_id IS NULL THEN 'PRODUCT_UNMAPPED' END,
	CASE WHEN a.record_id IS NULL AND ` + sharesCompany + ` THEN 'AGREEMENT_REQUIRED' END,
	CASE WHEN a.company_id <> o.psa_company_id THEN 'AGREEMENT_NOT_OF_COMPANY:' || ` + choice + ` END,
	CASE WHEN a.cancelled OR a.end_date < ?::date THEN 'AGREEMENT_CLOSED:' || ` + choice + ` END,
	CASE WHEN c.deleted THEN 'PSA_RECORD_MISSING:COMPANY' END,
	CASE WHEN p.deleted THEN 'PSA_RECORD_MISSING:PRODUCT' END,
	CASE WHEN a.deleted THEN 'PSA_RECORD_MISSING:' || ` + choice + ` END,
	CASE WHEN l.charge_end < l.charge_start THEN 'DATE_RANGE_INVALID' END,
	CASE WHEN a.record_id IS NOT NULL AND a.currency <> t.currency THEN 'CURRENCY_MISMATCH:' || ` + choice + `
		WHEN a.record_id IS NULL AND c.currency <> t.currency THEN 'CURRENCY_MISMATCH:COMPANY' END,
	CASE WHEN l.currency <> t.currency THEN 'CURRENCY_MISMATCH:INVOICE' END
], NULL)`

// list returns the list with the columns that depend on more than the lines.
func (v View) list() *grid.Grid {
	args := []any{v.SetupComplete, v.Today}
	return lines.
		With("blockers", grid.Column{SQL: blockers, Args: args, Joins: joinEverything}).
		With("sync_status", grid.Column{
			SQL: `CASE
				WHEN l.state NOT IN ('OPEN', 'FAILED') THEN l.state
				WHEN o.excluded_from_sync THEN 'EXCLUDED'
				WHEN cardinality(` + blockers + `) > 0 THEN 'NOT_READY'
				WHEN l.state = 'FAILED' THEN 'FAILED'
				ELSE 'READY' END`,
			Args: args, Joins: joinEverything,
		})
}

// Lines answers a request for seller's invoice lines.
func Lines(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, view View, req grid.Request) (*grid.Result[Line], error) {
	return grid.Fetch[Line](ctx, tx, view.list(), seller, req)
}

// OfPeriod holds for the lines of one month.
func OfPeriod(month civil.YearMonth) grid.Condition {
	return grid.Compare("period", grid.Equal, month.FirstDay())
}

// OfStatus holds for lines in one of the statuses. What a status says of stored values is said beside it: the
// database knows how many rows those leave, and nothing of a status that it has to work out.
func OfStatus(statuses []string) grid.Condition {
	exact := grid.OneOf("sync_status", statuses)
	if len(statuses) != 1 {
		return exact
	}
	switch status := rule.SyncStatus(statuses[0]); status {
	case rule.Ready:
		return grid.All(grid.Expression(joinEverything, `l.state = 'OPEN' AND l.listed AND i.valid AND NOT o.excluded_from_sync
			AND o.psa_company_id IS NOT NULL AND f.psa_product_id IS NOT NULL`), grid.Likely(exact))
	case rule.Excluded:
		return grid.All(grid.Expression(joinOrganization, `o.excluded_from_sync`), grid.Likely(exact))
	case rule.Syncing, rule.Unconfirmed, rule.Synced, rule.Failed:
		return grid.All(grid.Expression(nil, `l.state = ?`, string(status)), grid.Likely(exact))
	}
	return exact
}

// Blocked holds for lines that one of the codes keeps from being posted.
func Blocked(codes []string) grid.Condition {
	conditions := make([]grid.Condition, len(codes))
	for i, code := range codes {
		conditions[i] = grid.AnyElement("blockers", code, code+":")
	}
	return grid.Any(conditions...)
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
