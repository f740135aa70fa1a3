package rule

import (
	"fmt"

	"crosswalk/internal/psa"
)

// BlockerCode is a reason why a line cannot be posted.
type BlockerCode string

// The reasons, in the order in which Blockers returns them.
const (
	SetupIncomplete       BlockerCode = "SETUP_INCOMPLETE"
	InvoiceNotValid       BlockerCode = "INVOICE_NOT_VALID"
	OrganizationUnmapped  BlockerCode = "ORGANIZATION_UNMAPPED"
	OrganizationExcluded  BlockerCode = "ORGANIZATION_EXCLUDED"
	ProductUnmapped       BlockerCode = "PRODUCT_UNMAPPED"
	AgreementRequired     BlockerCode = "AGREEMENT_REQUIRED"
	AgreementNotOfCompany BlockerCode = "AGREEMENT_NOT_OF_COMPANY"
	AgreementClosed       BlockerCode = "AGREEMENT_CLOSED"
	PsaRecordMissing      BlockerCode = "PSA_RECORD_MISSING"
	DateRangeInvalid      BlockerCode = "DATE_RANGE_INVALID"
	CurrencyMismatch      BlockerCode = "CURRENCY_MISMATCH"
)

// Subject says which record has to change for a blocker to go away.
type Subject string

// The subjects. What is missing in the settings has none.
const (
	NoSubject           Subject = ""
	SubjectOrganization Subject = "ORGANIZATION"
	SubjectOffer        Subject = "OFFER"
	SubjectContract     Subject = "CONTRACT"
	SubjectLine         Subject = "INVOICE_LINE"
)

// Blocker is one reason why a line cannot be posted.
type Blocker struct {
	Code    BlockerCode
	Subject Subject
	// Message is a sentence or two that say what is wrong and what to do.
	Message string
}

// Blockers returns every reason why a line cannot be posted, in the order of the codes; none means that it can.
// A code comes more than once where more than one record is to blame: PSA_RECORD_MISSING for the company, the
// product and the agreement, CURRENCY_MISMATCH for the agreement or company and for the invoice.
func Blockers(f Facts) []Blocker {
	var b blockers
	agreement, origin := f.Agreement()
	chosen := choices[origin]

	b.when(!f.SetupComplete, SetupIncomplete, NoSubject,
		"ConnectWise is not set up. Save its credentials and choose an Agreement Type in Settings.")
	b.when(!f.InvoiceValid, InvoiceNotValid, SubjectLine,
		"The invoice is not verified, or not any more. Verify it on the Platform and load its month again.")
	b.when(f.Company.ID == 0, OrganizationUnmapped, SubjectOrganization,
		"The organization is not mapped. Map it to a company.")
	b.when(f.Excluded, OrganizationExcluded, SubjectOrganization,
		"The organization is excluded from sync. Set Excluded from Sync to No to post its lines.")
	b.when(f.Product.ID == 0, ProductUnmapped, SubjectOffer,
		"The offer is not mapped. Map it to a product.")

	b.when(f.Company.ID != 0 && f.lacksAgreement(), AgreementRequired, SubjectContract,
		"Several organizations share this company, so an agreement must be chosen by hand. Choose one of the company's for the contract, or for this line.")
	b.when(f.Company.ID != 0 && agreement.ID != 0 && agreement.CompanyID != f.Company.ID, AgreementNotOfCompany, chosen.by,
		chosen.name+" belongs to another company than the organization is mapped to. "+chosen.remedy("one of that company's agreements"))
	b.when(agreement.IsClosed(f.Today), AgreementClosed, chosen.by,
		chosen.name+" is cancelled or has ended. "+chosen.remedy("an open one"))

	b.when(f.Company.Deleted, PsaRecordMissing, SubjectOrganization,
		"ConnectWise no longer has the company. Map the organization to another one.")
	b.when(f.Product.Deleted, PsaRecordMissing, SubjectOffer,
		"ConnectWise no longer has the product. Map the offer to another one.")
	b.when(agreement.Deleted, PsaRecordMissing, chosen.by,
		chosen.name+" is no longer in ConnectWise. "+chosen.remedy("another one"))

	b.when(!InOrder(f.Start, f.End), DateRangeInvalid, SubjectLine,
		fmt.Sprintf("The charge ends on %s, before it starts on %s. Correct one of the two dates.", f.End, f.Start))
	b.whenCurrenciesDiffer(f, agreement, chosen)
	return b
}

// blockers collects what was found.
type blockers []Blocker

func (b *blockers) when(found bool, code BlockerCode, subject Subject, message string) {
	if found {
		*b = append(*b, Blocker{Code: code, Subject: subject, Message: message})
	}
}

// whenCurrenciesDiffer compares the contract with what it posts to, and the invoice with the contract: an
// amount is never converted. An agreement without a currency of its own, and one yet to be created, has the
// company's. What ConnectWise does not tell is not compared.
func (b *blockers) whenCurrenciesDiffer(f Facts, agreement psa.Agreement, chosen choice) {
	if agreement.Currency != "" {
		b.when(agreement.Currency != f.ContractCurrency, CurrencyMismatch, chosen.by,
			fmt.Sprintf("%s is in %s and the contract in %s. %s", chosen.name, agreement.Currency, f.ContractCurrency, chosen.remedy("one in "+f.ContractCurrency)))
	} else if f.Company.Currency != "" {
		b.when(f.Company.Currency != f.ContractCurrency, CurrencyMismatch, chosen.by,
			fmt.Sprintf("The company is in %s and the contract in %s. %s", f.Company.Currency, f.ContractCurrency, chosen.remedy("an agreement in "+f.ContractCurrency)))
	}
	b.when(f.InvoiceCurrency != f.ContractCurrency, CurrencyMismatch, SubjectLine,
		fmt.Sprintf("The invoice is in %s and its contract in %s. Have one of them corrected on the Platform and load the month again.", f.InvoiceCurrency, f.ContractCurrency))
}

// choice says how messages speak of an agreement, and where another one is chosen.
type choice struct {
	name string
	by   Subject
	// how to choose another one; %s says which.
	how string
}

func (c choice) remedy(which string) string { return fmt.Sprintf(c.how, which) }

var choices = map[AgreementOrigin]choice{
	AgreementOfLine:      {"The agreement chosen for this line", SubjectLine, "Choose %s, or return the line to its contract's."},
	AgreementOfContract:  {"The contract's agreement", SubjectContract, "Map the contract to %s."},
	AgreementAutoCreated: {"The agreement created for the contract", SubjectContract, "Map the contract to %s."},
	NoAgreement:          {"The agreement", SubjectContract, "Map the contract to %s."},
}
