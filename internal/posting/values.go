package posting

import (
	"strings"
	"unicode"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

// values are what ConnectWise is to have for an Addition.
type values struct {
	ProductID psa.RecordID        `db:"product_id"`
	Quantity  decimal.NullDecimal `db:"quantity"`
	UnitPrice decimal.NullDecimal `db:"unit_price"`
	// UnitCost is invalid where the Platform tells none; ConnectWise then takes the catalog's.
	UnitCost      decimal.NullDecimal `db:"unit_cost"`
	EffectiveDate civil.Date          `db:"effective_date"`
	// CancelledDate is zero for an Addition that does not end.
	CancelledDate      civil.Date `db:"cancelled_date"`
	InvoiceDescription *string    `db:"invoice_description"`
}

// billable is how every Addition of ours is billed.
const billable = "Billable"

func (v values) addition(marker string) psa.NewAddition {
	return psa.NewAddition{
		ProductID: v.ProductID, Quantity: v.Quantity.Decimal, UnitPrice: v.UnitPrice, UnitCost: v.UnitCost,
		EffectiveDate: v.EffectiveDate, CancelledDate: v.CancelledDate,
		InvoiceDescription: *v.InvoiceDescription, SerialNumber: marker, BillCustomer: billable,
	}
}

// change returns what of v an operation has to change about an Addition as it is; false when it has nothing to.
// The effective date of an Addition stays what it was when the Addition began.
func (v values) change(operation operation, live psa.Addition) (psa.AdditionChange, bool) {
	var change psa.AdditionChange
	if v.CancelledDate != live.CancelledDate {
		change.CancelledDate = &v.CancelledDate
	}
	if operation == end {
		return change, change != psa.AdditionChange{}
	}
	change.Quantity = changed(v.Quantity, decimal.NewNullDecimal(live.Quantity))
	change.UnitPrice = changed(v.UnitPrice, live.UnitPrice)
	change.UnitCost = changed(v.UnitCost, live.UnitCost)
	if v.InvoiceDescription != nil && !sameText(*v.InvoiceDescription, live.InvoiceDescription) {
		change.InvoiceDescription = v.InvoiceDescription
	}
	return change, change != psa.AdditionChange{}
}

// changed returns what a number is to be, or nil if it is that already or may stay as it is.
func changed(wanted, live decimal.NullDecimal) *decimal.Decimal {
	if !wanted.Valid || live.Valid && sameNumber(wanted.Decimal, live.Decimal) {
		return nil
	}
	return &wanted.Decimal
}

// sameNumber compares what was sent with what came back. ConnectWise keeps doubles, so two numbers that are one
// double are the same to it.
func sameNumber(a, b decimal.Decimal) bool {
	return a.Equal(b) || a.InexactFloat64() == b.InexactFloat64()
}

// sameText compares what was sent with what came back, however ConnectWise treats line breaks and blanks.
func sameText(a, b string) bool {
	return strings.Join(strings.FieldsFunc(a, isBlank), " ") == strings.Join(strings.FieldsFunc(b, isBlank), " ")
}

func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
