package mapping

import (
	"context"
	"time"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// Contract is one row of the contracts list. Only the columns asked for are filled.
type Contract struct {
	grid.Row
	ID              int64         `db:"id"`
	PlatformID      string        `db:"platform_id"`
	OrganizationID  int64         `db:"organization_id"`
	Currency        string        `db:"currency"`
	BillingCycleDay int           `db:"billing_cycle_day"`
	ContractType    *string       `db:"contract_type"`
	PsaAgreementID  *psa.RecordID `db:"psa_agreement_id"`
	// UsedAgreementID is the agreement its lines post to: the one mapped or else the one created for it.
	UsedAgreementID   *psa.RecordID `db:"used_agreement_id"`
	AgreementRequired bool          `db:"agreement_required"`
	// AgreementProblem is why the mapped agreement no longer fits; nil while it does.
	AgreementProblem *AgreementProblem `db:"agreement_problem"`
	Revision         int               `db:"revision"`
	MappedAt         *time.Time        `db:"mapped_at"`
	MappedBy         *string           `db:"mapped_by"`
}

// AgreementProblem is why a contract's agreement does not fit.
type AgreementProblem string

// The problems, the gravest first; a contract shows the first that it has.
const (
	AgreementMissing          AgreementProblem = "PSA_RECORD_MISSING"
	AgreementNotOfCompany     AgreementProblem = "AGREEMENT_NOT_OF_COMPANY"
	AgreementClosed           AgreementProblem = "AGREEMENT_CLOSED"
	AgreementCurrencyMismatch AgreementProblem = "CURRENCY_MISMATCH"
)

// ContractColumns are all columns of Contract.
var ContractColumns = []string{
	"id", "platform_id", "organization_id", "currency", "billing_cycle_day", "contract_type", "psa_agreement_id", "used_agreement_id",
	"agreement_required", "agreement_problem", "revision", "mapped_at", "mapped_by",
}

// companyIsShared holds for contracts of an organization whose company other organizations are mapped to as well.
const companyIsShared = `EXISTS (
	SELECT
	FROM organization other
	WHERE other.seller_id = o.seller_id
		AND other.psa_company_id = o.psa_company_id
		AND other.id <> o.id)`

// contracts is the list of contracts with the organization and the mirrored agreement of each.
var contracts = &grid.Grid{
	Name:   "contract",
	From:   "contract t",
	Seller: "t.seller_id",
	ID:     "t.id",
	Joins: []grid.Join{
		{Name: "organization", SQL: "JOIN organization o ON o.seller_id = t.seller_id AND o.id = t.organization_id"},
		{Name: "created", SQL: `LEFT JOIN created_agreement g ON g.seller_id = t.seller_id AND g.contract_id = t.id
			AND g.company_id = o.psa_company_id AND EXISTS (
			SELECT
			FROM psa_agreement own
			WHERE own.seller_id = g.seller_id
				AND own.record_id = g.agreement_id
				AND own.company_id = g.company_id)
		AND NOT ` + companyIsShared},
		{Name: "agreement", SQL: "LEFT JOIN psa_agreement a ON a.seller_id = t.seller_id AND a.record_id = t.psa_agreement_id"},
	},
	Columns: map[string]grid.Column{
		"id":                {SQL: "t.id", Type: grid.Integer},
		"platform_id":       {SQL: "t.platform_id"},
		"organization_id":   {SQL: "t.organization_id", Type: grid.Integer},
		"organization_name": {SQL: "o.name", Joins: []string{"organization"}},
		"currency":          {SQL: "t.currency"},
		"billing_cycle_day": {SQL: "t.billing_cycle_day", Type: grid.Integer},
		"contract_type":     {SQL: "t.contract_type", Nullable: true},
		"psa_agreement_id":  {SQL: "t.psa_agreement_id", Type: grid.Integer, Nullable: true},
		"mapping_status":    mappingStatus("t.psa_agreement_id"),
		"agreement_required": {
			SQL: companyIsShared, Joins: []string{"organization"}, Type: grid.Boolean,
		},
		"used_agreement_id": {
			SQL: "CASE WHEN t.psa_agreement_id IS NOT NULL THEN t.psa_agreement_id ELSE g.agreement_id END", Joins: []string{"organization", "created"}, Type: grid.Integer, Nullable: true,
		},
		"revision":            {SQL: "t.revision", Type: grid.Integer},
		"mapped_at":           {SQL: "t.mapped_at", Type: grid.Instant, Nullable: true},
		"mapped_by":           {SQL: "t.mapped_by", Nullable: true},
		"search":              {SQL: "t.search_text", Folded: true},
		"organization_search": {SQL: "lower(o.name)", Joins: []string{"organization"}, Folded: true},
	},
}

// agreementProblem is the column that says why an agreement does not fit; what has ended depends on today.
// Whose company's it should be is known only while the organization is mapped.
func agreementProblem(today civil.Date) grid.Column {
	return grid.Column{
		SQL: `CASE
			WHEN t.psa_agreement_id IS NULL THEN NULL
			WHEN a.deleted THEN 'PSA_RECORD_MISSING'
			WHEN a.company_id <> o.psa_company_id THEN 'AGREEMENT_NOT_OF_COMPANY'
			WHEN a.cancelled OR a.end_date < ?::date THEN 'AGREEMENT_CLOSED'
			WHEN a.currency <> t.currency THEN 'CURRENCY_MISMATCH'
		END`,
		Args:     []any{today},
		Joins:    []string{"organization", "agreement"},
		Nullable: true,
	}
}

// Contracts answers a request for seller's contracts. Whether an agreement has ended is judged by today.
func Contracts(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, today civil.Date, req grid.Request) (*grid.Result[Contract], error) {
	list := contracts.With("agreement_problem", agreementProblem(today))
	return grid.Fetch[Contract](ctx, tx, list, seller, withKnownTotal(req, KindContract))
}

// SearchContracts holds for contracts with text in contract id or organization name.
func SearchContracts(text string) grid.Condition {
	return grid.Any(grid.Contains("search", text), grid.Contains("organization_search", text))
}
