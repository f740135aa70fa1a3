package platform

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

// collection is the form every answer has.
type collection[W any] struct {
	Items      []W `json:"items"`
	Page       int `json:"page"`
	PageSize   int `json:"pageSize"`
	TotalCount int `json:"totalCount"`
}

type invoiceHeader struct {
	InvoiceID     string      `json:"invoiceId"`
	InvoiceNumber string      `json:"invoiceNumber"`
	InvoiceDate   civil.Date  `json:"invoiceDate"`
	Status        string      `json:"status"`
	Source        string      `json:"source"`
	ContractID    string      `json:"contractId"`
	CustomerID    string      `json:"customerId"`
	Currency      string      `json:"currency"`
	TotalAmount   json.Number `json:"totalAmount"`
	UpdatedAt     time.Time   `json:"updatedAt"`
}

func wireHeader(h platform.InvoiceHeader) invoiceHeader {
	return invoiceHeader{
		InvoiceID:     h.InvoiceID,
		InvoiceNumber: h.InvoiceNumber,
		InvoiceDate:   h.InvoiceDate,
		Status:        h.Status,
		Source:        h.Source,
		ContractID:    h.ContractID,
		CustomerID:    h.CustomerID,
		Currency:      h.Currency,
		TotalAmount:   number(h.TotalAmount),
		UpdatedAt:     h.UpdatedAt,
	}
}

type invoiceRow struct {
	RowID                 string       `json:"rowId"`
	InvoiceID             string       `json:"invoiceId"`
	InvoiceNumber         string       `json:"invoiceNumber"`
	InvoiceDate           civil.Date   `json:"invoiceDate"`
	ContractID            string       `json:"contractId"`
	CustomerID            string       `json:"customerId"`
	SubscriptionID        *string      `json:"subscriptionId"`
	SubscriptionName      *string      `json:"subscriptionName"`
	SubscriptionStartDate civil.Date   `json:"subscriptionStartDate"`
	SubscriptionEndDate   civil.Date   `json:"subscriptionEndDate"`
	OfferID               string       `json:"offerId"`
	OfferName             string       `json:"offerName"`
	VendorOfferID         *string      `json:"vendorOfferId"`
	VendorID              string       `json:"vendorId"`
	VendorName            string       `json:"vendorName"`
	ChargeType            string       `json:"chargeType"`
	ChargeStartDate       civil.Date   `json:"chargeStartDate"`
	ChargeEndDate         civil.Date   `json:"chargeEndDate"`
	Description           string       `json:"description"`
	Quantity              json.Number  `json:"quantity"`
	UnitPrice             json.Number  `json:"unitPrice"`
	TotalPrice            json.Number  `json:"totalPrice"`
	ResellerPrice         *json.Number `json:"resellerPrice"`
}

func wireRow(r platform.InvoiceRow) invoiceRow {
	row := invoiceRow{
		RowID:                 r.RowID,
		InvoiceID:             r.InvoiceID,
		InvoiceNumber:         r.InvoiceNumber,
		InvoiceDate:           r.InvoiceDate,
		ContractID:            r.ContractID,
		CustomerID:            r.CustomerID,
		SubscriptionID:        orNull(r.SubscriptionID),
		SubscriptionName:      orNull(r.SubscriptionName),
		SubscriptionStartDate: r.SubscriptionStartDate,
		SubscriptionEndDate:   r.SubscriptionEndDate,
		OfferID:               r.OfferID,
		OfferName:             r.OfferName,
		VendorOfferID:         orNull(r.VendorOfferID),
		VendorID:              r.VendorID,
		VendorName:            r.VendorName,
		ChargeType:            r.ChargeType,
		ChargeStartDate:       r.ChargeStartDate,
		ChargeEndDate:         r.ChargeEndDate,
		Description:           r.Description,
		Quantity:              number(r.Quantity),
		UnitPrice:             number(r.UnitPrice),
		TotalPrice:            number(r.TotalPrice),
	}
	if r.ResellerPrice.Valid {
		cost := number(r.ResellerPrice.Decimal)
		row.ResellerPrice = &cost
	}
	return row
}

type organization struct {
	ID              string  `json:"id"`
	Name            string  `json:"name"`
	ReferenceNumber string  `json:"referenceNumber"`
	Status          string  `json:"status"`
	ExternalID      *string `json:"externalId"`
	ERPID           *string `json:"erpId"`
}

func wireOrganization(o platform.Organization) organization {
	return organization{
		ID:              o.ID,
		Name:            o.Name,
		ReferenceNumber: o.ReferenceNumber,
		Status:          o.Status,
		ExternalID:      orNull(o.ExternalID),
		ERPID:           orNull(o.ERPID),
	}
}

type invoiceContract struct {
	ID              string  `json:"id"`
	CustomerID      string  `json:"customerId"`
	Currency        string  `json:"currency"`
	BillingCycleDay int     `json:"billingCycleDay"`
	ContractType    *string `json:"contractType"`
}

func wireContract(c platform.Contract) invoiceContract {
	return invoiceContract{
		ID:              c.ID,
		CustomerID:      c.CustomerID,
		Currency:        c.Currency,
		BillingCycleDay: c.BillingCycleDay,
		ContractType:    orNull(c.ContractType),
	}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// number writes an amount as a plain JSON number, without an exponent.
func number(amount decimal.Decimal) json.Number { return json.Number(amount.String()) }

// errorBody writes the feed's error body.
func errorBody(status int, message string) []byte {
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	code := strings.ReplaceAll(http.StatusText(status), " ", "")
	body, _ := json.Marshal(map[string]detail{"error": {Code: code, Message: message}})
	return body
}
