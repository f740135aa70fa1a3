package rule

import (
	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

// Facts is everything that decides whether a line may be posted, and where to. Mappings are those of the line's
// organization, offer and contract at the moment of asking. ConnectWise records are as the mirror has them;
// one with ID zero stands for none.
type Facts struct {
	// SetupComplete says that ConnectWise credentials are saved and an Agreement Type is chosen.
	SetupComplete bool
	InvoiceValid  bool
	// Unlisted says that the Platform lists the line no longer.
	Unlisted bool
	// Excluded says that the organization is kept out of ConnectWise.
	Excluded bool
	// Company is the one the organization is mapped to. CompanyShared says that other organizations are too, so
	// that an agreement must be chosen by hand.
	Company       psa.Company
	CompanyShared bool
	// Product is the one the offer is mapped to. An inactive product does not block: ConnectWise has the say.
	Product    psa.Product
	Agreements Agreements
	// ContractCurrency and InvoiceCurrency are ISO 4217 codes.
	ContractCurrency, InvoiceCurrency string
	// Start and End are the effective charge dates; End is zero for a charge that does not end.
	Start, End civil.Date
	// Today decides which agreements have ended.
	Today civil.Date
}

// Agreements are those that a line might post to.
type Agreements struct {
	// Line was chosen for this line alone, Contract is the one its contract is mapped to, and Created was
	// created by an earlier run because there was neither.
	Line, Contract, Created psa.Agreement
}

// AgreementOrigin says how a line came to its agreement.
type AgreementOrigin string

// The origins. A line without an agreement gets one created when it posts, unless one must be chosen by hand.
const (
	NoAgreement          AgreementOrigin = "NONE"
	AgreementOfContract  AgreementOrigin = "CONTRACT"
	AgreementOfLine      AgreementOrigin = "LINE"
	AgreementAutoCreated AgreementOrigin = "AUTO_CREATED"
)

// Agreement returns the agreement the line will post to, and where it comes from. A choice made by hand stands
// even where it does not fit, and blocks. A created agreement is set aside once it is another company's, or an
// agreement must be chosen by hand.
func (f Facts) Agreement() (psa.Agreement, AgreementOrigin) {
	switch {
	case f.Agreements.Line.ID != 0:
		return f.Agreements.Line, AgreementOfLine
	case f.Agreements.Contract.ID != 0:
		return f.Agreements.Contract, AgreementOfContract
	case f.Agreements.Created.ID != 0 && f.Agreements.Created.CompanyID == f.Company.ID && !f.CompanyShared:
		return f.Agreements.Created, AgreementAutoCreated
	}
	return psa.Agreement{}, NoAgreement
}

// IsMapped reports whether the line's organization and offer are mapped and, where an agreement must be chosen
// by hand, the agreement is chosen. Whether the records mapped to are any good is for Blockers to say.
func (f Facts) IsMapped() bool {
	return f.Company.ID != 0 && f.Product.ID != 0 && !f.lacksAgreement()
}

func (f Facts) lacksAgreement() bool {
	_, origin := f.Agreement()
	return f.CompanyShared && origin == NoAgreement
}
