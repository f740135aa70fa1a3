package invoicing

// The subjects of blockers: the kinds of records that clear them.
const (
	SubjectOrganization = "ORGANIZATION"
	SubjectOffer        = "OFFER"
	SubjectContract     = "CONTRACT"
	SubjectLine         = "INVOICE_LINE"
)

// Explained is what users are told of a blocker, and the record that clears it.
type Explained struct{ Message, Subject string }

var explanations = map[string]Explained{
	"SETUP_INCOMPLETE":                {Message: "ConnectWise is not set up. Save its credentials and choose an Agreement Type in settings."},
	"INVOICE_NOT_VALID":               {"The invoice is not valid any more. Verify it on the Platform and load its month again.", SubjectLine},
	"ORGANIZATION_UNMAPPED":           {"The organization is not mapped. Map it to a company.", SubjectOrganization},
	"ORGANIZATION_EXCLUDED":           {"The organization is excluded from sync. Include it to post its lines.", SubjectOrganization},
	"PRODUCT_UNMAPPED":                {"The offer is not mapped. Map it to a product.", SubjectOffer},
	"AGREEMENT_REQUIRED":              {"Several organizations share this company. Choose the agreement that the contract posts to.", SubjectContract},
	"AGREEMENT_NOT_OF_COMPANY":        {"The agreement belongs to another company than the organization is mapped to. Choose one of that company's agreements.", SubjectContract},
	"AGREEMENT_CLOSED":                {"The agreement is cancelled or has ended. Choose an open one.", SubjectContract},
	"PSA_RECORD_MISSING:ORGANIZATION": {"ConnectWise no longer has the company. Map the organization to another one.", SubjectOrganization},
	"PSA_RECORD_MISSING:OFFER":        {"ConnectWise no longer has the product. Map the offer to another one.", SubjectOffer},
	"PSA_RECORD_MISSING:CONTRACT":     {"ConnectWise no longer has the agreement. Choose another one.", SubjectContract},
	"DATE_RANGE_INVALID":              {"The charge ends before it starts. Change one of its dates.", SubjectLine},
	"CURRENCY_MISMATCH":               {"The contract is in another currency than the agreement or company it would post to. Choose an agreement in the contract's currency.", SubjectContract},
}

// ExplainBlocker returns what to say about a blocker. The subject is given where a code has several.
func ExplainBlocker(code, subject string) Explained {
	if subject != "" {
		code += ":" + subject
	}
	return explanations[code]
}
