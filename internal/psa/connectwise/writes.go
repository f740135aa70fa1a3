package connectwise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

// maxAgreementName is how long the name of an agreement may be, in the UTF-16 units ConnectWise counts in.
const maxAgreementName = 100

type referenceBody struct {
	ID psa.RecordID `json:"id"`
}

type additionBody struct {
	Product            referenceBody `json:"product"`
	Quantity           exact         `json:"quantity"`
	UnitPrice          *exact        `json:"unitPrice,omitempty"`
	UnitCost           *exact        `json:"unitCost,omitempty"`
	BillCustomer       string        `json:"billCustomer"`
	EffectiveDate      string        `json:"effectiveDate,omitempty"`
	CancelledDate      string        `json:"cancelledDate,omitempty"`
	InvoiceDescription string        `json:"invoiceDescription"`
	SerialNumber       string        `json:"serialNumber"`
}

type agreementBody struct {
	Name             string         `json:"name"`
	Type             referenceBody  `json:"type"`
	Company          referenceBody  `json:"company"`
	Contact          *referenceBody `json:"contact,omitempty"`
	StartDate        string         `json:"startDate,omitempty"`
	BillStartDate    string         `json:"billStartDate,omitempty"`
	NoEndingDateFlag bool           `json:"noEndingDateFlag"`
	Currency         *referenceBody `json:"currency,omitempty"`
}

// patchOperation changes one field. The path is the bare name of the field, not a JSON pointer.
type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitzero"`
}

// exact is a decimal sent as a JSON number with all its digits and no exponent.
type exact decimal.Decimal

// MarshalJSON writes the number.
func (e exact) MarshalJSON() ([]byte, error) { return []byte(decimal.Decimal(e).String()), nil }

func exactOrNone(amount decimal.NullDecimal) *exact {
	if !amount.Valid {
		return nil
	}
	e := exact(amount.Decimal)
	return &e
}

// timestamp is the form of calendar dates in bodies; empty for the zero date.
func timestamp(date civil.Date) string {
	if date.IsZero() {
		return ""
	}
	return date.Midnight().Format(time.RFC3339)
}

// CreateAddition adds a line to an agreement. It is sent once.
func (c *Client) CreateAddition(ctx context.Context, agreement psa.RecordID, addition psa.NewAddition) (psa.Addition, error) {
	body := additionBody{
		Product:            referenceBody{addition.ProductID},
		Quantity:           exact(addition.Quantity),
		UnitPrice:          exactOrNone(addition.UnitPrice),
		UnitCost:           exactOrNone(addition.UnitCost),
		BillCustomer:       addition.BillCustomer,
		EffectiveDate:      timestamp(addition.EffectiveDate),
		CancelledDate:      timestamp(addition.CancelledDate),
		InvoiceDescription: sendable(addition.InvoiceDescription),
		SerialNumber:       sendable(addition.SerialNumber),
	}
	created, err := send[additionRecord](ctx, c, call{
		operation: "create additions", scope: belowRecord, method: http.MethodPost, path: additionsPath(agreement),
	}, body)
	if err != nil {
		return psa.Addition{}, err
	}
	return created.addition(agreement), nil
}

// UpdateAddition changes the named fields of an addition. It is sent once. A change that names no field
// sends nothing and returns the addition as it is.
func (c *Client) UpdateAddition(ctx context.Context, agreement, addition psa.RecordID, change psa.AdditionChange) (psa.Addition, error) {
	one := call{
		operation: "change additions", scope: oneRecord, method: http.MethodPatch,
		path: fmt.Sprintf("%s/%d", additionsPath(agreement), addition),
	}
	operations := patchOperations(change)
	if len(operations) == 0 {
		var current additionRecord
		one.operation, one.method, one.decode = "read an addition", http.MethodGet, decodeRecord(&current)
		if err := c.read(ctx, one); err != nil {
			return psa.Addition{}, err
		}
		return current.addition(agreement), nil
	}
	changed, err := send[additionRecord](ctx, c, one, operations)
	if err != nil {
		return psa.Addition{}, err
	}
	return changed.addition(agreement), nil
}

func patchOperations(change psa.AdditionChange) []patchOperation {
	var operations []patchOperation
	replace := func(path string, value any) {
		operations = append(operations, patchOperation{Op: "replace", Path: path, Value: value})
	}
	amount := func(path string, value *decimal.Decimal) {
		if value != nil {
			replace(path, exact(*value))
		}
	}
	date := func(path string, value *civil.Date) {
		switch {
		case value == nil:
		case value.IsZero():
			operations = append(operations, patchOperation{Op: "remove", Path: path})
		default:
			replace(path, timestamp(*value))
		}
	}
	amount("quantity", change.Quantity)
	amount("unitPrice", change.UnitPrice)
	amount("unitCost", change.UnitCost)
	date("effectiveDate", change.EffectiveDate)
	date("cancelledDate", change.CancelledDate)
	if change.InvoiceDescription != nil {
		replace("invoiceDescription", sendable(*change.InvoiceDescription))
	}
	return operations
}

// CreateAgreement creates an agreement that never ends. It is sent once; a currency is looked up before. A
// name that is too long is cut. A currency the tenant does not have is a *psa.RefusedError.
func (c *Client) CreateAgreement(ctx context.Context, agreement psa.NewAgreement) (psa.Agreement, error) {
	body := agreementBody{
		Name:             cutName(sendable(agreement.Name), maxAgreementName),
		Type:             referenceBody{agreement.TypeID},
		Company:          referenceBody{agreement.CompanyID},
		StartDate:        timestamp(agreement.StartDate),
		BillStartDate:    timestamp(agreement.BillStartDate),
		NoEndingDateFlag: true,
	}
	if agreement.ContactID != 0 {
		body.Contact = &referenceBody{agreement.ContactID}
	}
	if agreement.Currency != "" {
		id, err := c.currencyID(ctx, agreement.Currency)
		if err != nil {
			return psa.Agreement{}, err
		}
		body.Currency = &referenceBody{id}
	}
	created, err := send[agreementRecord](ctx, c, call{
		operation: "create agreements", scope: topLevel, method: http.MethodPost, path: "/finance/agreements",
	}, body)
	if err != nil {
		return psa.Agreement{}, err
	}
	return created.agreement(), nil
}

// cutName shortens name to limit UTF-16 units without splitting a character.
func cutName(name string, limit int) string {
	units := 0
	for i, r := range name {
		if units += utf16.RuneLen(r); units > limit {
			return strings.TrimSpace(name[:i])
		}
	}
	return name
}

// send sends a write and returns the record it is answered with. An answer without a readable record leaves
// the outcome unknown.
func send[R record](ctx context.Context, c *Client, call call, body any) (R, error) {
	var stored R
	encoded, err := encodeBody(body)
	if err != nil {
		return stored, fmt.Errorf("%s: %w", call.operation, err)
	}
	call.body, call.decode = encoded, decodeRecord(&stored)
	err = c.write(ctx, call)
	return stored, err
}

func decodeRecord[R record](target *R) func(answer) error {
	return func(received answer) error {
		if err := decodeObject(received, target); err != nil {
			return err
		}
		if (*target).recordID() == 0 {
			return errors.New("the record has no readable id")
		}
		return nil
	}
}

// sendable drops the characters that can only be written with JSON escapes ConnectWise does not support.
// Line breaks stay: ConnectWise turns them into spaces.
func sendable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return r
		case r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func encodeBody(body any) ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return encoded.Bytes(), nil
}
