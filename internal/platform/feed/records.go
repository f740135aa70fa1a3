package feed

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

// collection says where one of the feed's collections is, how its rows are read and what tells them apart.
type collection[T any] struct {
	// op names the collection in errors.
	op   string
	path string
	read func(*json.Decoder) (T, error)
	id   func(T) string
}

func invoiceHeaders() collection[platform.InvoiceHeader] {
	return collection[platform.InvoiceHeader]{
		op:   "invoice headers",
		path: "reporting/v2/invoice-headers",
		read: readInvoiceHeader,
		id:   func(h platform.InvoiceHeader) string { return h.InvoiceID },
	}
}

func invoiceRows() collection[platform.InvoiceRow] {
	return collection[platform.InvoiceRow]{
		op:   "invoice rows",
		path: "reporting/v2/invoice-rows",
		read: readInvoiceRow,
		id:   func(r platform.InvoiceRow) string { return r.RowID },
	}
}

func organizations() collection[platform.Organization] {
	return collection[platform.Organization]{
		op:   "organizations",
		path: "organizations/details",
		read: readOrganization,
		id:   func(o platform.Organization) string { return o.ID },
	}
}

func contracts() collection[platform.Contract] {
	return collection[platform.Contract]{
		op:   "contracts",
		path: "contracts",
		read: readContract,
		id:   func(c platform.Contract) string { return c.ID },
	}
}

func readInvoiceHeader(decoder *json.Decoder) (platform.InvoiceHeader, error) {
	var wire struct {
		InvoiceID     string `json:"invoiceId"`
		InvoiceNumber string `json:"invoiceNumber"`
		InvoiceDate   string `json:"invoiceDate"`
		Status        string `json:"status"`
		Source        string `json:"source"`
		ContractID    string `json:"contractId"`
		CustomerID    string `json:"customerId"`
		Currency      string `json:"currency"`
		TotalAmount   number `json:"totalAmount"`
		UpdatedAt     string `json:"updatedAt"`
	}
	if err := decoder.Decode(&wire); err != nil {
		return platform.InvoiceHeader{}, misread(wire.InvoiceID, err)
	}
	var m members
	header := platform.InvoiceHeader{
		InvoiceID:     m.id("invoiceId", wire.InvoiceID),
		InvoiceNumber: text(wire.InvoiceNumber),
		InvoiceDate:   m.requiredDate("invoiceDate", wire.InvoiceDate),
		Status:        text(wire.Status),
		Source:        text(wire.Source),
		ContractID:    m.id("contractId", wire.ContractID),
		CustomerID:    m.id("customerId", wire.CustomerID),
		Currency:      text(wire.Currency),
		TotalAmount:   m.optionalAmount("totalAmount", wire.TotalAmount).Decimal,
		UpdatedAt:     m.instant("updatedAt", wire.UpdatedAt),
	}
	return header, misread(wire.InvoiceID, m.err)
}

func readInvoiceRow(decoder *json.Decoder) (platform.InvoiceRow, error) {
	var wire struct {
		RowID                 string `json:"rowId"`
		InvoiceID             string `json:"invoiceId"`
		InvoiceNumber         string `json:"invoiceNumber"`
		InvoiceDate           string `json:"invoiceDate"`
		ContractID            string `json:"contractId"`
		CustomerID            string `json:"customerId"`
		SubscriptionID        string `json:"subscriptionId"`
		SubscriptionName      string `json:"subscriptionName"`
		SubscriptionStartDate string `json:"subscriptionStartDate"`
		SubscriptionEndDate   string `json:"subscriptionEndDate"`
		OfferID               string `json:"offerId"`
		OfferName             string `json:"offerName"`
		VendorOfferID         string `json:"vendorOfferId"`
		VendorID              string `json:"vendorId"`
		VendorName            string `json:"vendorName"`
		ChargeType            string `json:"chargeType"`
		ChargeStartDate       string `json:"chargeStartDate"`
		ChargeEndDate         string `json:"chargeEndDate"`
		Description           string `json:"description"`
		Quantity              number `json:"quantity"`
		UnitPrice             number `json:"unitPrice"`
		TotalPrice            number `json:"totalPrice"`
		ResellerPrice         number `json:"resellerPrice"`
	}
	if err := decoder.Decode(&wire); err != nil {
		return platform.InvoiceRow{}, misread(wire.RowID, err)
	}
	var m members
	row := platform.InvoiceRow{
		RowID:                 m.id("rowId", wire.RowID),
		InvoiceID:             m.id("invoiceId", wire.InvoiceID),
		InvoiceNumber:         text(wire.InvoiceNumber),
		InvoiceDate:           m.requiredDate("invoiceDate", wire.InvoiceDate),
		ContractID:            m.id("contractId", wire.ContractID),
		CustomerID:            m.id("customerId", wire.CustomerID),
		SubscriptionID:        m.optionalID("subscriptionId", wire.SubscriptionID),
		SubscriptionName:      text(wire.SubscriptionName),
		SubscriptionStartDate: m.date("subscriptionStartDate", wire.SubscriptionStartDate),
		SubscriptionEndDate:   m.date("subscriptionEndDate", wire.SubscriptionEndDate),
		OfferID:               m.optionalID("offerId", wire.OfferID),
		OfferName:             text(wire.OfferName),
		VendorOfferID:         text(wire.VendorOfferID),
		VendorID:              m.optionalID("vendorId", wire.VendorID),
		VendorName:            text(wire.VendorName),
		ChargeType:            text(wire.ChargeType),
		ChargeStartDate:       m.date("chargeStartDate", wire.ChargeStartDate),
		ChargeEndDate:         m.date("chargeEndDate", wire.ChargeEndDate),
		Description:           plain(wire.Description),
		Quantity:              m.amount("quantity", wire.Quantity),
		UnitPrice:             m.amount("unitPrice", wire.UnitPrice),
		TotalPrice:            m.amount("totalPrice", wire.TotalPrice),
		ResellerPrice:         m.optionalAmount("resellerPrice", wire.ResellerPrice),
	}
	return row, misread(wire.RowID, m.err)
}

func readOrganization(decoder *json.Decoder) (platform.Organization, error) {
	var wire struct {
		ID              string `json:"id"`
		Name            string `json:"name"`
		ReferenceNumber string `json:"referenceNumber"`
		Status          string `json:"status"`
		ExternalID      string `json:"externalId"`
		ERPID           string `json:"erpId"`
	}
	if err := decoder.Decode(&wire); err != nil {
		return platform.Organization{}, misread(wire.ID, err)
	}
	var m members
	organization := platform.Organization{
		ID:              m.id("id", wire.ID),
		Name:            text(wire.Name),
		ReferenceNumber: text(wire.ReferenceNumber),
		Status:          text(wire.Status),
		ExternalID:      text(wire.ExternalID),
		ERPID:           text(wire.ERPID),
	}
	return organization, misread(wire.ID, m.err)
}

func readContract(decoder *json.Decoder) (platform.Contract, error) {
	var wire struct {
		ID              string `json:"id"`
		CustomerID      string `json:"customerId"`
		Currency        string `json:"currency"`
		BillingCycleDay number `json:"billingCycleDay"`
		ContractType    string `json:"contractType"`
	}
	if err := decoder.Decode(&wire); err != nil {
		return platform.Contract{}, misread(wire.ID, err)
	}
	var m members
	contract := platform.Contract{
		ID:              m.id("id", wire.ID),
		CustomerID:      m.id("customerId", wire.CustomerID),
		Currency:        text(wire.Currency),
		BillingCycleDay: m.dayOfMonth("billingCycleDay", wire.BillingCycleDay),
		ContractType:    text(wire.ContractType),
	}
	return contract, misread(wire.ID, m.err)
}

// misread says which row an error is of, unless the row did not come through.
func misread(id string, err error) error {
	if err == nil || isIncomplete(err) {
		return err
	}
	return &rowError{id: id, err: err}
}

// number is what stands where a number should, to be read by members, which know the name of what it is for.
type number string

// UnmarshalJSON takes it as it stands, also from a text.
func (n *number) UnmarshalJSON(data []byte) error {
	value := string(data)
	if len(value) > 2 && value[0] == '"' {
		value = value[1 : len(value)-1]
	}
	if value != "null" {
		*n = number(value)
	}
	return nil
}

// members converts the members of one row and keeps the first thing that went wrong. null and absence are
// the empty text throughout.
type members struct{ err error }

func (m *members) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, args...)
	}
}

func (m *members) id(name, value string) string {
	if value = m.optionalID(name, value); strings.TrimSpace(value) == "" {
		m.fail("%s is missing", name)
	}
	return value
}

func (m *members) optionalID(name, value string) string {
	if len(value) > maxID {
		m.fail("%s is longer than %d bytes", name, maxID)
	}
	return plain(value)
}

func (m *members) date(name, value string) civil.Date {
	if value == "" {
		return civil.Date{}
	}
	date, err := civil.ParseDate(value)
	if err != nil {
		m.fail("%s: %w", name, err)
	}
	return date
}

func (m *members) requiredDate(name, value string) civil.Date {
	if value == "" {
		m.fail("%s is missing", name)
	}
	return m.date(name, value)
}

func (m *members) instant(name, value string) time.Time {
	if value == "" {
		return time.Time{}
	}
	instant, err := time.Parse(time.RFC3339, value)
	if err != nil {
		m.fail("%s: %q is not a time of the form 2026-05-18T09:30:00Z", name, value)
	}
	return instant
}

// amount reads money or a quantity. A missing one is never taken for zero: it may be billed.
func (m *members) amount(name string, value number) decimal.Decimal {
	amount := m.optionalAmount(name, value)
	if !amount.Valid {
		m.fail("%s is missing", name)
	}
	return amount.Decimal
}

// maxAmountDigits bounds the length and the exponent of a number, so that a short text such as 1e999999999
// cannot become a gigabyte when it is written out.
const maxAmountDigits = 40

func (m *members) optionalAmount(name string, value number) decimal.NullDecimal {
	if value == "" {
		return decimal.NullDecimal{}
	}
	amount, err := decimal.NewFromString(string(value))
	if err != nil || len(value) > maxAmountDigits || amount.Exponent() > maxAmountDigits || amount.Exponent() < -maxAmountDigits {
		m.fail("%s: %.50q is not an amount", name, string(value))
		return decimal.NullDecimal{Valid: true}
	}
	return decimal.NewNullDecimal(amount)
}

func (m *members) dayOfMonth(name string, value number) int {
	day := m.optionalAmount(name, value).Decimal
	if !day.IsInteger() || day.IsNegative() || day.GreaterThan(decimal.NewFromInt(31)) {
		m.fail("%s: %.50q is not a day of the month", name, string(value))
		return 0
	}
	return int(day.IntPart())
}

// maxID and maxText bound, in bytes, what the database sorts and finds by. Nobody writes names as long as that.
const (
	maxID   = 500
	maxText = 2000
)

// text is plain, and cut to maxText.
func text(value string) string {
	value = plain(value)
	if len(value) <= maxText {
		return value
	}
	end := maxText
	for !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end]
}

// plain drops the one character that PostgreSQL cannot keep.
func plain(value string) string { return strings.ReplaceAll(value, "\x00", "") }
