// Package platform reads the marketplace's billing feed: invoice headers and rows, organizations and
// contracts. It is read-only and knows nothing of ConnectWise, of mappings or of the database.
//
// Money and quantities are exact decimals and dates are calendar dates from the first byte read. Another
// marketplace needs one more small client with the methods of Feed. Start reading at Feed.
package platform

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// InvoiceHeader is one invoice as the Platform lists it.
type InvoiceHeader struct {
	InvoiceID     string
	InvoiceNumber string
	InvoiceDate   civil.Date
	// Status is the Platform's word for it; see IsValid.
	Status string
	// Source is Standard or Custom.
	Source      string
	ContractID  string
	CustomerID  string
	Currency    string
	TotalAmount decimal.Decimal
	UpdatedAt   time.Time
}

// IsValid reports whether the invoice's data is frozen upstream, so that its lines may be billed:
// Verified, Issued, Paid or Payment Card Error.
func (h InvoiceHeader) IsValid() bool {
	switch h.Status {
	case "Verified", "Issued", "Paid", "Payment Card Error":
		return true
	}
	return false
}

// InvoiceRow is one line of an invoice. Empty strings and zero dates stand for null.
type InvoiceRow struct {
	RowID                 string
	InvoiceID             string
	InvoiceNumber         string
	InvoiceDate           civil.Date
	ContractID            string
	CustomerID            string
	SubscriptionID        string
	SubscriptionName      string
	SubscriptionStartDate civil.Date
	SubscriptionEndDate   civil.Date
	OfferID               string
	OfferName             string
	VendorOfferID         string
	VendorID              string
	VendorName            string
	ChargeType            string
	ChargeStartDate       civil.Date
	ChargeEndDate         civil.Date
	Description           string
	Quantity              decimal.Decimal
	UnitPrice             decimal.Decimal
	TotalPrice            decimal.Decimal
	ResellerPrice         decimal.NullDecimal
}

// Organization is a customer of the seller on the Platform.
type Organization struct {
	ID              string
	Name            string
	ReferenceNumber string
	// Status is New, Active or Blocked; other values are kept as they come.
	Status     string
	ExternalID string
	ERPID      string
}

// Contract is an Invoice Contract: one customer, one currency, one billing day.
type Contract struct {
	ID              string
	CustomerID      string
	Currency        string
	BillingCycleDay int
	ContractType    string
}

// Range is a span of invoice dates, both ends included.
type Range struct{ From, To civil.Date }

// Page says where in a collection the items handed to a yield function stand.
type Page struct {
	Number int
	// TotalCount is the size of the whole collection as the feed tells it.
	TotalCount int
}

// Feed is what crosswalk reads from a marketplace. Every method retries passing trouble within ctx and
// returns *Error when it gives up. The streaming methods call yield once a page, in order, and return its
// first error unwrapped. Where pages changed in the meantime they begin anew with page 1: what was yielded before it
// counts no more. An id that is missing from a by-id answer does not exist for this seller.
type Feed interface {
	InvoiceHeaders(ctx context.Context, dates Range, yield func(Page, []InvoiceHeader) error) error
	InvoiceRows(ctx context.Context, dates Range, yield func(Page, []InvoiceRow) error) error
	Organizations(ctx context.Context, ids []string) ([]Organization, error)
	Contracts(ctx context.Context, ids []string) ([]Contract, error)
}

// Error is a read of the feed that failed for good.
type Error struct {
	// Op names the collection, Page the page that failed (0 when none applies), Row the row within it (0 when none applies).
	Op   string
	Page int
	Row  int
	// Reason is a sentence a user understands, without secrets.
	Reason string
	// Unauthorized is true when the feed refused the credentials.
	Unauthorized bool
	Err          error
}

func (e *Error) Error() string {
	where := e.Op
	if e.Page > 0 {
		where += fmt.Sprintf(", page %d", e.Page)
	}
	if e.Row > 0 {
		where += fmt.Sprintf(", row %d", e.Row)
	}
	text := fmt.Sprintf("Platform %s: %s", where, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the underlying error, if any.
func (e *Error) Unwrap() error { return e.Err }

// Summary returns what went wrong as a sentence for users: what was read, where it failed and why.
func (e *Error) Summary() string {
	text := "Reading " + e.Op + " from the Platform failed"
	if e.Page > 0 {
		text += fmt.Sprintf(" at page %d", e.Page)
	}
	if e.Row > 0 {
		text += fmt.Sprintf(", row %d", e.Row)
	}
	return text + ": " + strings.TrimSuffix(e.Reason, ".") + "."
}
