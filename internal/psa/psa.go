// Package psa says what crosswalk needs of a professional-services-automation tool: its records, the
// calls a client must offer, and the ways those calls fail. It also keeps the mirror, the local copy that
// searches and pickers run over, and the live directory that verifies the rows on screen.
//
// It knows nothing of GraphQL, of the marketplace or of mappings. The only client is in connectwise/.
// Start reading here; then Mirror and Directory.
package psa

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// RecordID is a ConnectWise record number. Each kind of record counts on its own.
type RecordID int32

// Company is a customer record. Names, statuses and currencies come as the partner wrote them.
type Company struct {
	ID         RecordID
	Identifier string
	Name       string
	// Status is free text: every partner names its own. Empty when the record has none.
	Status string
	// Currency is an ISO 4217 code, or empty where ConnectWise tells none.
	Currency string
	// DefaultContact is the contact an agreement needs; 0 when the company has none.
	DefaultContact RecordID
	Deleted        bool
	// LastUpdated is zero when the record does not tell.
	LastUpdated time.Time
}

// Product is an item of the product catalog.
type Product struct {
	ID          RecordID
	Identifier  string
	Description string
	Category    string
	Price       decimal.NullDecimal
	Cost        decimal.NullDecimal
	Inactive    bool
	// Deleted is known of copies only: ConnectWise does not answer with products it does not have.
	Deleted     bool
	LastUpdated time.Time
}

// Agreement is a standing contract with a company; Additions are its lines.
type Agreement struct {
	ID        RecordID
	Name      string
	Type      string
	TypeID    RecordID
	CompanyID RecordID
	// StartDate, EndDate and BillStartDate are zero when unset; an agreement without EndDate is open-ended.
	StartDate     civil.Date
	EndDate       civil.Date
	BillStartDate civil.Date
	Cancelled     bool
	// Currency is empty where ConnectWise tells none.
	Currency string
	// Deleted is known of copies only: ConnectWise does not answer with agreements it does not have.
	Deleted     bool
	LastUpdated time.Time
}

// IsClosed reports whether the agreement is cancelled, or ended before today.
func (a Agreement) IsClosed(today civil.Date) bool {
	return a.Cancelled || !a.EndDate.IsZero() && a.EndDate.Before(today)
}

// AgreementType is a set-up value of the tenant; agreements created by crosswalk carry the chosen one.
type AgreementType struct {
	ID       RecordID
	Name     string
	Inactive bool
}

// Addition is one billed line of an agreement.
type Addition struct {
	ID                RecordID
	AgreementID       RecordID
	ProductID         RecordID
	ProductIdentifier string
	// Description is derived by ConnectWise from the product; InvoiceDescription is what the customer reads.
	Description        string
	InvoiceDescription string
	SerialNumber       string
	Quantity           decimal.Decimal
	UnitPrice          decimal.NullDecimal
	UnitCost           decimal.NullDecimal
	// EffectiveDate and CancelledDate are the first and last billed day; zero when unset.
	EffectiveDate civil.Date
	CancelledDate civil.Date
	// BillCustomer is Billable, DoNotBill or NoCharge.
	BillCustomer string
	LastUpdated  time.Time
}

// NewAddition is what an Addition is created with. Every field is sent; zero dates and invalid prices are left out.
type NewAddition struct {
	ProductID          RecordID
	Quantity           decimal.Decimal
	UnitPrice          decimal.NullDecimal
	UnitCost           decimal.NullDecimal
	EffectiveDate      civil.Date
	CancelledDate      civil.Date
	InvoiceDescription string
	SerialNumber       string
	BillCustomer       string
}

// AdditionChange names the fields of an Addition to replace; nil leaves a field as it is.
// A CancelledDate that points at the zero date clears it.
type AdditionChange struct {
	Quantity           *decimal.Decimal
	UnitPrice          *decimal.Decimal
	UnitCost           *decimal.Decimal
	EffectiveDate      *civil.Date
	CancelledDate      *civil.Date
	InvoiceDescription *string
}

// NewAgreement is what an Agreement is created with; it never ends.
type NewAgreement struct {
	Name      string
	TypeID    RecordID
	CompanyID RecordID
	ContactID RecordID
	StartDate civil.Date
	// BillStartDate bounds the effective date of every Addition from below; the server's own choice may be later than wanted, so it is always sent.
	BillStartDate civil.Date
	// Currency is the ISO 4217 code to look up among the tenant's currencies; empty leaves the company's.
	Currency string
}

// SystemInfo is the tenant's answer to a connection test.
type SystemInfo struct {
	Version string
	IsCloud bool
}

// Client is one seller's connection to its PSA. Reads are retried within the caller's deadline; writes
// are sent once. Every method returns *UnavailableError when the PSA did not give a usable answer,
// *RefusedError when it understood and said no, and for a write whose outcome is unknown *UnconfirmedError.
//
// The methods that take a yield function stream: they call it once a page, in ascending id, and stop at
// its first error, which they return unwrapped.
type Client interface {
	SystemInfo(ctx context.Context) (SystemInfo, error)

	Companies(ctx context.Context, yield func([]Company) error) error
	Products(ctx context.Context, yield func([]Product) error) error
	Agreements(ctx context.Context, yield func([]Agreement) error) error
	AgreementsOfCompany(ctx context.Context, company RecordID) ([]Agreement, error)
	AgreementTypes(ctx context.Context) ([]AgreementType, error)
	// Additions lists every Addition of one agreement, unfiltered: search lags behind writes, lists are matched locally.
	Additions(ctx context.Context, agreement RecordID) ([]Addition, error)

	// CompaniesByID and its siblings ask for up to any number of ids in as few calls as the URL limit
	// allows. An id that is missing from the answer does not exist: the answer is complete or an error.
	CompaniesByID(ctx context.Context, ids []RecordID) ([]Company, error)
	ProductsByID(ctx context.Context, ids []RecordID) ([]Product, error)
	AgreementsByID(ctx context.Context, ids []RecordID) ([]Agreement, error)

	CreateAddition(ctx context.Context, agreement RecordID, addition NewAddition) (Addition, error)
	UpdateAddition(ctx context.Context, agreement, addition RecordID, change AdditionChange) (Addition, error)
	CreateAgreement(ctx context.Context, agreement NewAgreement) (Agreement, error)
}
