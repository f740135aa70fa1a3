package mapping

import (
	"fmt"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

// Kind is a kind of Platform record that is mapped to a kind of ConnectWise record.
type Kind string

// The kinds of records. The names are those that totals, history and log know them by.
const (
	KindOrganization Kind = "ORGANIZATION"
	KindOffer        Kind = "OFFER"
	KindContract     Kind = "CONTRACT"
)

// kindSpec is all that distinguishes the mapping of one kind from that of another.
type kindSpec struct {
	table string
	// name is the column a record is called by; noun is what a user calls the kind.
	name, noun string
	// target is the column with the ConnectWise record number; other is what a user calls that record, and
	// targets reads it.
	target, other string
	targets       targetReader
	// excluded is the column that keeps a record out of ConnectWise, or false for kinds that have none.
	excluded string
	// company and currency are what a target must agree with, for kinds that have them.
	company, currency string
	// fits says why a target that exists does not fit; nil fits all. Without a state it says what fits no record.
	fits func(s *state, t target, today civil.Date) []misfit
}

var kinds = map[Kind]kindSpec{
	KindOrganization: {
		table: "organization", name: "name", noun: "organization",
		target: "psa_company_id", other: "company", targets: companies,
		excluded: "excluded_from_sync", company: "NULL::int", currency: "NULL",
	},
	KindOffer: {
		table: "offer", name: "name", noun: "offer",
		target: "psa_product_id", other: "product", targets: products,
		excluded: "false", company: "NULL::int", currency: "NULL",
	},
	KindContract: {
		table: "contract", name: "platform_id", noun: "contract",
		target: "psa_agreement_id", other: "agreement", targets: agreements,
		excluded: "false", currency: "r.currency",
		company: "(SELECT o.psa_company_id FROM organization o WHERE o.seller_id = r.seller_id AND o.id = r.organization_id)",
		fits:    agreementFits,
	},
}

// excludable reports whether records of the kind can be kept out of ConnectWise.
func (k kindSpec) excludable() bool { return k.excluded != "false" }

// Edit is one change of one record's mapping.
type Edit struct {
	Record int64
	Target Target
	// Excluded, when given, sets whether the record is kept out of ConnectWise.
	Excluded *bool
	// ExpectedRevision, when given, is the revision the caller saw; the edit is refused if it has grown since.
	ExpectedRevision *int
}

// Target is what an edit does to the mapping. The zero value leaves it as it is.
type Target struct {
	change bool
	record psa.RecordID
}

// MapTo maps the record to a ConnectWise record.
func MapTo(record psa.RecordID) Target { return Target{change: true, record: record} }

// Unmap removes the mapping.
func Unmap() Target { return Target{change: true} }

// RefusalCode says why an edit was refused.
type RefusalCode string

// The codes of refusals.
const (
	NotFound         RefusalCode = "NOT_FOUND"
	Invalid          RefusalCode = "INVALID"
	Conflict         RefusalCode = "CONFLICT"
	PsaUnavailable   RefusalCode = "PSA_UNAVAILABLE"
	NotOfCompany     RefusalCode = "NOT_OF_COMPANY"
	Closed           RefusalCode = "CLOSED"
	CurrencyMismatch RefusalCode = "CURRENCY_MISMATCH"
)

// Refusal is a reason why an edit was not made.
type Refusal struct {
	// Edit is its index among the edits given.
	Edit int
	Code RefusalCode
	// AboutTarget is true when the ConnectWise record is at fault, false when the record itself or its revision is.
	AboutTarget bool
	Message     string
}

func refuse(edit int, code RefusalCode, format string, args ...any) Refusal {
	return Refusal{Edit: edit, Code: code, Message: fmt.Sprintf(format, args...)}
}

// misfit is a reason why a target does not fit.
type misfit struct {
	code    RefusalCode
	message string
}

// agreementFits says why a contract may not be mapped to an agreement: it must belong to the company of the
// contract's organization, be open, and be in the contract's currency where ConnectWise tells one.
func agreementFits(s *state, t target, today civil.Date) (misfits []misfit) {
	a := t.agreement
	switch {
	case s == nil:
	case s.Company == nil:
		misfits = append(misfits, misfit{NotOfCompany, "The contract's organization is not mapped to a company yet. Map the organization first, then choose one of that company's agreements."})
	case a.CompanyID != *s.Company:
		misfits = append(misfits, misfit{NotOfCompany, "This agreement belongs to another company than the contract's organization is mapped to. Choose one of that company's agreements."})
	}
	if a.IsClosed(today) {
		misfits = append(misfits, misfit{Closed, "This agreement is cancelled or has ended. Choose an open one."})
	}
	if s != nil && a.Currency != "" && s.Currency != nil && a.Currency != *s.Currency {
		message := fmt.Sprintf("This agreement is in %s and the contract in %s. Choose an agreement in %s.", a.Currency, *s.Currency, *s.Currency)
		misfits = append(misfits, misfit{CurrencyMismatch, message})
	}
	return misfits
}
