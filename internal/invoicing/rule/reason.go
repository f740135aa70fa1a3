package rule

import "strings"

// Reason is a blocker as queries name it: its code and, where a code alone leaves that open, what is at fault
// after a colon, as in PSA_RECORD_MISSING:PRODUCT.
type Reason string

// Explain returns the blocker: the record to change and what to tell users.
func (r Reason) Explain() Blocker {
	code, _, _ := strings.Cut(string(r), ":")
	explained := explanations[r]
	return Blocker{Code: BlockerCode(code), Subject: explained.subject, Message: explained.message}
}

// of returns the reason for which a code is given where a certain thing is at fault.
func (c BlockerCode) of(fault string) Reason { return Reason(string(c) + ":" + fault) }

// faults are what agreements of each origin are called in reasons.
var faults = map[AgreementOrigin]string{
	AgreementOfLine:      "LINE",
	AgreementOfContract:  "CONTRACT",
	AgreementAutoCreated: "CREATED",
	NoAgreement:          "COMPANY",
}

var explanations = map[Reason]struct {
	subject Subject
	message string
}{
	"SETUP_INCOMPLETE":       {NoSubject, "ConnectWise is not set up. Save its credentials and choose an Agreement Type in Settings."},
	"INVOICE_NOT_VALID":      {SubjectLine, "The invoice is not verified, or not any more. Verify it on the Platform and load its month again."},
	"INVOICE_NOT_VALID:LINE": {SubjectLine, "The Platform does not list the line any more. It is not posted unless a later load finds it again."},
	"ORGANIZATION_UNMAPPED":  {SubjectOrganization, "The organization is not mapped. Map it to a company."},
	"ORGANIZATION_EXCLUDED":  {SubjectOrganization, "The organization is excluded from sync. Set Excluded from Sync to No to post its lines."},
	"PRODUCT_UNMAPPED":       {SubjectOffer, "The offer is not mapped. Map it to a product."},
	"AGREEMENT_REQUIRED": {SubjectContract, "Several organizations share this company, so an agreement must be chosen by hand. " +
		"Choose one of the company's for the contract, or for this line."},

	"AGREEMENT_NOT_OF_COMPANY:LINE": {SubjectLine, "The agreement chosen for this line belongs to another company than the organization is mapped to. " +
		"Choose one of that company's, or return the line to its contract's."},
	"AGREEMENT_NOT_OF_COMPANY:CONTRACT": {SubjectContract, "The contract's agreement belongs to another company than the organization is mapped to. " +
		"Map the contract to one of that company's agreements."},

	"AGREEMENT_CLOSED:LINE":     {SubjectLine, "The agreement chosen for this line is cancelled or has ended. Choose an open one, or return the line to its contract's."},
	"AGREEMENT_CLOSED:CONTRACT": {SubjectContract, "The contract's agreement is cancelled or has ended. Map the contract to an open one."},
	"AGREEMENT_CLOSED:CREATED":  {SubjectContract, "The agreement created for the contract is cancelled or has ended. Map the contract to an open one."},

	"PSA_RECORD_MISSING:COMPANY":  {SubjectOrganization, "ConnectWise no longer has the company. Map the organization to another one."},
	"PSA_RECORD_MISSING:PRODUCT":  {SubjectOffer, "ConnectWise no longer has the product. Map the offer to another one."},
	"PSA_RECORD_MISSING:LINE":     {SubjectLine, "ConnectWise no longer has the agreement chosen for this line. Choose another one, or return the line to its contract's."},
	"PSA_RECORD_MISSING:CONTRACT": {SubjectContract, "ConnectWise no longer has the contract's agreement. Map the contract to another one."},
	"PSA_RECORD_MISSING:CREATED":  {SubjectContract, "ConnectWise no longer has the agreement created for the contract. Map the contract to another one."},

	"DATE_RANGE_INVALID": {SubjectLine, "The charge ends before it starts. Correct one of the two dates."},

	"CURRENCY_MISMATCH:LINE": {SubjectLine, "The agreement chosen for this line is in another currency than the contract. " +
		"Choose one in the contract's currency, or return the line to its contract's."},
	"CURRENCY_MISMATCH:CONTRACT": {SubjectContract, "The contract's agreement is in another currency than the contract. Map the contract to one in its own currency."},
	"CURRENCY_MISMATCH:CREATED":  {SubjectContract, "The agreement created for the contract is in another currency than the contract. Map the contract to one in its own currency."},
	"CURRENCY_MISMATCH:COMPANY":  {SubjectContract, "The company is in another currency than the contract. Map the contract to an agreement in its own currency."},
	"CURRENCY_MISMATCH:INVOICE":  {SubjectLine, "The invoice is in another currency than its contract. Have one of them corrected on the Platform and load the month again."},
}
