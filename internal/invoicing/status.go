package invoicing

import (
	"maps"
	"strings"

	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/postgres/grid"
)

// The tables that lines and totals of lines, both called l, resolve to.
var (
	organizationJoin = grid.Join{Name: "organization", SQL: "JOIN organization o ON o.seller_id = l.seller_id AND o.id = l.organization_id"}
	contractJoin     = grid.Join{Name: "contract", SQL: "JOIN contract t ON t.seller_id = l.seller_id AND t.id = l.contract_id"}
	offerJoin        = grid.Join{Name: "offer", SQL: "JOIN offer f ON f.seller_id = l.seller_id AND f.id = l.offer_id"}
	vendorJoin       = grid.Join{Name: "vendor", SQL: "JOIN vendor v ON v.seller_id = f.seller_id AND v.id = f.vendor_id"}
	companyJoin      = grid.Join{Name: "company", SQL: "LEFT JOIN psa_company c ON c.seller_id = o.seller_id AND c.record_id = o.psa_company_id"}
	productJoin      = grid.Join{Name: "product", SQL: "LEFT JOIN psa_product p ON p.seller_id = f.seller_id AND p.record_id = f.psa_product_id"}
	// An agreement that was created for the contract counts as long as no other organization shares its company.
	createdJoin = grid.Join{Name: "created", SQL: `LEFT JOIN created_agreement g ON g.seller_id = l.seller_id AND g.contract_id = l.contract_id
		AND g.company_id = o.psa_company_id AND EXISTS (
			SELECT
			FROM psa_agreement own
			WHERE own.seller_id = g.seller_id
				AND own.record_id = g.agreement_id
				AND own.company_id = g.company_id)
		AND NOT ` + sharesCompany}
	agreementJoin = grid.Join{Name: "agreement", SQL: "LEFT JOIN psa_agreement a ON a.seller_id = l.seller_id AND a.record_id = " + agreementID}
)

// agreementID is the agreement that a line which was not sent yet would post to.
const agreementID = `CASE
	WHEN l.psa_agreement_id IS NOT NULL THEN l.psa_agreement_id
	WHEN t.psa_agreement_id IS NOT NULL THEN t.psa_agreement_id
	ELSE g.agreement_id
END`

// frozen holds for lines that are in ConnectWise, or may be.
const frozen = "l.state IN ('SYNCING', 'UNCONFIRMED', 'SYNCED')"

// terms are what the status rules need to know of lines and that lines and totals have under different names, as
// expressions.
type terms struct {
	// billable holds when the line is listed on a valid invoice, and valid when the invoice is, which totals do not tell.
	billable, valid string
	// reversed holds when the charge would end before it starts.
	reversed string
	// productMapped holds when the offer is mapped, productDeleted when ConnectWise has the product no longer.
	productMapped, productDeleted string
}

var lineTerms = terms{
	billable: "(i.valid AND l.listed)", valid: "i.valid", reversed: "l.charge_end < l.charge_start",
	productMapped: "f.psa_product_id IS NOT NULL", productDeleted: "p.deleted",
}

// sharesCompany holds for lines of an organization whose company other organizations are mapped to as well.
const sharesCompany = `EXISTS (
	SELECT
	FROM organization other
	WHERE other.seller_id = o.seller_id
		AND other.psa_company_id = o.psa_company_id
		AND other.id <> o.id)`

// choice says whose agreement a line would post to, in the words of rule.Reason.
const choice = `CASE WHEN l.psa_agreement_id IS NOT NULL THEN 'LINE' WHEN t.psa_agreement_id IS NOT NULL THEN 'CONTRACT' ELSE 'CREATED' END`

// obstacle is a reason not to post a line, in SQL: its code, what is at fault where the code leaves that open (null where it
// does not), and the condition under which it is one, with its arguments and what it joins.
type obstacle struct {
	code        rule.BlockerCode
	fault, when string
	args        []any
	joins       []string
}

// reason writes the reason as rule.Reason knows it.
func (o obstacle) reason() string {
	if o.fault == "" {
		return "'" + string(o.code) + "'"
	}
	return "concat('" + string(o.code) + "', ':' || " + o.fault + ")"
}

// What obstacles join.
var (
	joinCompany        = []string{"organization", "company"}
	joinProduct        = []string{"offer", "product"}
	joinAgreement      = []string{"organization", "contract", "created", "agreement"}
	joinEveryAgreement = []string{"organization", "contract", "company", "created", "agreement"}
)

// obstacles are everything that keeps a line from being posted, as rule.Reasons tells it.
func (v View) obstacles(t terms) []obstacle {
	return []obstacle{
		{code: rule.SetupIncomplete, when: "NOT ?::boolean", args: []any{v.SetupComplete}},
		{code: rule.InvoiceNotValid, fault: "CASE WHEN " + t.valid + " THEN 'LINE' END", when: "NOT " + t.billable, joins: joinInvoice},
		{code: rule.OrganizationUnmapped, when: "o.psa_company_id IS NULL", joins: joinOrganization},
		{code: rule.OrganizationExcluded, when: "o.excluded_from_sync", joins: joinOrganization},
		{code: rule.ProductUnmapped, when: "NOT (" + t.productMapped + ")", joins: joinOffer},
		{code: rule.AgreementRequired, when: "a.record_id IS NULL AND " + sharesCompany, joins: joinAgreement},
		{code: rule.AgreementNotOfCompany, fault: choice, when: "a.company_id <> o.psa_company_id", joins: joinAgreement},
		{code: rule.AgreementClosed, fault: choice, when: "a.cancelled OR a.end_date < ?::date", args: []any{v.Today}, joins: joinAgreement},
		{code: rule.PsaRecordMissing, fault: "'COMPANY'", when: "c.deleted", joins: joinCompany},
		{code: rule.PsaRecordMissing, fault: "'PRODUCT'", when: t.productDeleted, joins: joinProduct},
		{code: rule.PsaRecordMissing, fault: choice, when: "a.deleted", joins: joinAgreement},
		{code: rule.DateRangeInvalid, when: t.reversed},
		{code: rule.CurrencyMismatch, fault: choice, when: "a.record_id IS NOT NULL AND a.currency <> t.currency", joins: joinAgreement},
		{code: rule.CurrencyMismatch, fault: "'COMPANY'", when: "a.record_id IS NULL AND c.currency <> t.currency", joins: joinEveryAgreement},
		{code: rule.CurrencyMismatch, fault: "'INVOICE'", when: "l.currency <> t.currency", joins: joinContract},
	}
}

// blockedBy is the column that tells whether a code keeps a line from being posted.
func blockedBy(code rule.BlockerCode) string { return "blocked by " + string(code) }

// resolved returns a grid of lines or totals with the columns that say what becomes of them.
func (v View) resolved(g *grid.Grid, t terms) *grid.Grid {
	var reasons, conditions, joins []string
	var args []any
	byCode := make(map[rule.BlockerCode][]obstacle)
	for _, o := range v.obstacles(t) {
		reasons = append(reasons, "CASE WHEN "+o.when+" THEN "+o.reason()+" END")
		conditions = append(conditions, "("+o.when+")")
		joins, args = append(joins, o.joins...), append(args, o.args...)
		byCode[o.code] = append(byCode[o.code], o)
	}
	columns := make(map[string]grid.Column)
	for code, obstacles := range byCode {
		column := grid.Column{Type: grid.Boolean}
		var any []string
		for _, o := range obstacles {
			any = append(any, "("+o.when+")")
			column.Args, column.Joins = append(column.Args, o.args...), append(column.Joins, o.joins...)
		}
		column.SQL = "NOT " + frozen + " AND (" + strings.Join(any, " OR ") + ")"
		columns[blockedBy(code)] = column
	}
	maps.Copy(columns, map[string]grid.Column{
		"blockers": {
			SQL:  "CASE WHEN " + frozen + " THEN '{}' ELSE array_remove(ARRAY[" + strings.Join(reasons, ",\n\t") + "], NULL) END",
			Args: args, Joins: joins,
		},
		"sync_status": {
			SQL: `CASE
				WHEN l.state NOT IN ('OPEN', 'FAILED') THEN l.state
				WHEN o.excluded_from_sync THEN 'EXCLUDED'
				WHEN l.state = 'FAILED' THEN 'FAILED'
				WHEN ` + strings.Join(conditions, "\n\tOR ") + ` THEN 'NOT_READY'
				ELSE 'READY' END`,
			Args: args, Joins: joins,
		},
		"mapping_status": {SQL: `CASE
			WHEN ` + frozen + ` THEN 'MAPPED'
			WHEN o.psa_company_id IS NULL OR NOT (` + t.productMapped + `) THEN 'UNMAPPED'
			WHEN coalesce(l.psa_agreement_id, t.psa_agreement_id) IS NULL AND ` + sharesCompany + ` THEN 'UNMAPPED'
			ELSE 'MAPPED' END`, Joins: []string{"organization", "contract", "offer"}},
		"state":    {SQL: "l.state"},
		"excluded": {SQL: "o.excluded_from_sync", Type: grid.Boolean, Joins: joinOrganization},
		// What stored values alone say of a line that is ready.
		"promising": {SQL: `l.state = 'OPEN' AND ` + t.billable + ` AND NOT o.excluded_from_sync
			AND o.psa_company_id IS NOT NULL AND ` + t.productMapped, Type: grid.Boolean, Joins: []string{"invoice", "organization", "offer"}},
	})
	return g.WithAll(columns)
}

// list returns the list of lines with the columns that depend on more than the lines.
func (v View) list() *grid.Grid {
	list := v.resolved(lines, lineTerms)
	list.Summaries = v.summaries()
	return list
}

// OfStatus holds for lines in one of the statuses. What a single status says of stored values is said in these: the
// database knows how many rows those leave, and nothing of a status that it has to work out.
func OfStatus(statuses []string) grid.Condition {
	exact := grid.OneOf("sync_status", statuses)
	if len(statuses) != 1 {
		return exact
	}
	excluded := grid.Holds("excluded")
	switch status := rule.SyncStatus(statuses[0]); status {
	case rule.Ready:
		return grid.All(grid.Holds("promising"), grid.Likely(exact))
	case rule.NotReady:
		return grid.All(inState("OPEN"), grid.Not(excluded), grid.Likely(exact))
	case rule.Excluded:
		return grid.All(excluded, grid.Any(inState("OPEN"), inState("FAILED")))
	case rule.Failed:
		return grid.All(inState("FAILED"), grid.Usual(grid.Not(excluded)))
	}
	return inState(statuses[0])
}

// inState holds for lines in a state. A month has very many lines in some states, and few in others.
func inState(state string) grid.Condition {
	return grid.Skewed(grid.Compare("state", grid.Equal, state))
}

// Blocked holds for lines that one of the codes keeps from being posted.
func Blocked(codes []string) grid.Condition {
	conditions := make([]grid.Condition, len(codes))
	for i, code := range codes {
		conditions[i] = grid.Holds(blockedBy(rule.BlockerCode(code)))
	}
	return grid.Any(conditions...)
}
