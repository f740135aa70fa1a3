package rule

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

// Blockers returns every reason why a line cannot be posted, explained; none means that it can.
func Blockers(f Facts) []Blocker {
	var blockers []Blocker
	for _, reason := range Reasons(f) {
		blockers = append(blockers, reason.Explain())
	}
	return blockers
}

// Reasons returns every reason why a line cannot be posted, in the order of the codes; none means that it can.
// A code comes more than once where more than one record is to blame: PSA_RECORD_MISSING for the company, the
// product and the agreement, CURRENCY_MISMATCH for the agreement or company and for the invoice.
func Reasons(f Facts) []Reason {
	var r reasons
	agreement, origin := f.Agreement()
	fault := faults[origin]

	r.when(!f.SetupComplete, Reason(SetupIncomplete))
	r.when(!f.InvoiceValid, Reason(InvoiceNotValid))
	r.when(f.InvoiceValid && f.Unlisted, InvoiceNotValid.of("LINE"))
	r.when(f.Company.ID == 0, Reason(OrganizationUnmapped))
	r.when(f.Excluded, Reason(OrganizationExcluded))
	r.when(f.Product.ID == 0, Reason(ProductUnmapped))

	r.when(f.Company.ID != 0 && f.lacksAgreement(), Reason(AgreementRequired))
	r.when(f.Company.ID != 0 && agreement.ID != 0 && agreement.CompanyID != f.Company.ID, AgreementNotOfCompany.of(fault))
	r.when(agreement.IsClosed(f.Today), AgreementClosed.of(fault))

	r.when(f.Company.Deleted, PsaRecordMissing.of("COMPANY"))
	r.when(f.Product.Deleted, PsaRecordMissing.of("PRODUCT"))
	r.when(agreement.Deleted, PsaRecordMissing.of(fault))

	r.when(!InOrder(f.Start, f.End), Reason(DateRangeInvalid))

	// An amount is never converted. One that posts to an agreement yet to be created will be in the company's
	// currency. What ConnectWise does not tell is not compared.
	target := agreement.Currency
	if origin == NoAgreement {
		target = f.Company.Currency
	}
	r.when(target != "" && target != f.ContractCurrency, CurrencyMismatch.of(fault))
	r.when(f.InvoiceCurrency != f.ContractCurrency, CurrencyMismatch.of("INVOICE"))
	return r
}

// reasons collects what was found.
type reasons []Reason

func (r *reasons) when(found bool, reason Reason) {
	if found {
		*r = append(*r, reason)
	}
}
