package connectwise

import (
	"reflect"
	"strings"

	"crosswalk/internal/psa"
)

// record is one element of a list answer.
type record interface {
	// recordID is 0 where the record has no readable id.
	recordID() psa.RecordID
}

type companyRecord struct {
	ID             identity  `json:"id"`
	Identifier     text      `json:"identifier"`
	Name           text      `json:"name"`
	Status         reference `json:"status"`
	Currency       currency  `json:"currency"`
	DefaultContact reference `json:"defaultContact"`
	DeletedFlag    flag      `json:"deletedFlag"`
	Info           info      `json:"_info"`
}

func (r companyRecord) recordID() psa.RecordID { return psa.RecordID(r.ID) }

func (r companyRecord) company() psa.Company {
	return psa.Company{
		ID:             r.recordID(),
		Identifier:     r.Identifier.name(),
		Name:           r.Name.name(),
		Status:         r.Status.Name.name(),
		Currency:       r.Currency.code(),
		DefaultContact: psa.RecordID(r.DefaultContact.ID),
		Deleted:        bool(r.DeletedFlag),
		LastUpdated:    r.Info.LastUpdated.Time,
	}
}

type productRecord struct {
	ID           identity  `json:"id"`
	Identifier   text      `json:"identifier"`
	Description  text      `json:"description"`
	Category     reference `json:"category"`
	Subcategory  reference `json:"subcategory"`
	Price        number    `json:"price"`
	Cost         number    `json:"cost"`
	InactiveFlag flag      `json:"inactiveFlag"`
	Info         info      `json:"_info"`
}

func (r productRecord) recordID() psa.RecordID { return psa.RecordID(r.ID) }

func (r productRecord) product() psa.Product {
	category := r.Category.Name
	if category == "" { // only the subcategory is mandatory
		category = r.Subcategory.Name
	}
	return psa.Product{
		ID:          r.recordID(),
		Identifier:  r.Identifier.name(),
		Description: r.Description.name(),
		Category:    category.name(),
		Price:       r.Price.NullDecimal,
		Cost:        r.Cost.NullDecimal,
		Inactive:    bool(r.InactiveFlag),
		LastUpdated: r.Info.LastUpdated.Time,
	}
}

type agreementRecord struct {
	ID              identity  `json:"id"`
	Name            text      `json:"name"`
	Type            reference `json:"type"`
	Company         reference `json:"company"`
	StartDate       day       `json:"startDate"`
	EndDate         day       `json:"endDate"`
	BillStartDate   day       `json:"billStartDate"`
	CancelledFlag   flag      `json:"cancelledFlag"`
	AgreementStatus text      `json:"agreementStatus"`
	Currency        currency  `json:"currency"`
	Info            info      `json:"_info"`
}

func (r agreementRecord) recordID() psa.RecordID { return psa.RecordID(r.ID) }

func (r agreementRecord) agreement() psa.Agreement {
	return psa.Agreement{
		ID:            r.recordID(),
		Name:          r.Name.name(),
		Type:          r.Type.Name.name(),
		TypeID:        psa.RecordID(r.Type.ID),
		CompanyID:     psa.RecordID(r.Company.ID),
		StartDate:     r.StartDate.Date,
		EndDate:       r.EndDate.Date,
		BillStartDate: r.BillStartDate.Date,
		Cancelled:     bool(r.CancelledFlag) || strings.EqualFold(string(r.AgreementStatus), "Cancelled"),
		Currency:      r.Currency.code(),
		LastUpdated:   r.Info.LastUpdated.Time,
	}
}

type agreementTypeRecord struct {
	ID           identity `json:"id"`
	Name         text     `json:"name"`
	InactiveFlag flag     `json:"inactiveFlag"`
}

func (r agreementTypeRecord) recordID() psa.RecordID { return psa.RecordID(r.ID) }

func (r agreementTypeRecord) agreementType() psa.AgreementType {
	return psa.AgreementType{ID: r.recordID(), Name: r.Name.name(), Inactive: bool(r.InactiveFlag)}
}

type additionRecord struct {
	ID                 identity  `json:"id"`
	Product            reference `json:"product"`
	Description        text      `json:"description"`
	InvoiceDescription text      `json:"invoiceDescription"`
	SerialNumber       text      `json:"serialNumber"`
	Quantity           number    `json:"quantity"`
	UnitPrice          number    `json:"unitPrice"`
	UnitCost           number    `json:"unitCost"`
	EffectiveDate      day       `json:"effectiveDate"`
	CancelledDate      day       `json:"cancelledDate"`
	BillCustomer       text      `json:"billCustomer"`
	Info               info      `json:"_info"`
}

func (r additionRecord) recordID() psa.RecordID { return psa.RecordID(r.ID) }

// addition takes the agreement from the URL it was read under: the echo in the record may be left out.
func (r additionRecord) addition(agreement psa.RecordID) psa.Addition {
	return psa.Addition{
		ID:                 r.recordID(),
		AgreementID:        agreement,
		ProductID:          psa.RecordID(r.Product.ID),
		ProductIdentifier:  string(r.Product.Identifier),
		Description:        string(r.Description),
		InvoiceDescription: string(r.InvoiceDescription),
		SerialNumber:       string(r.SerialNumber),
		Quantity:           r.Quantity.Decimal,
		UnitPrice:          r.UnitPrice.NullDecimal,
		UnitCost:           r.UnitCost.NullDecimal,
		EffectiveDate:      r.EffectiveDate.Date,
		CancelledDate:      r.CancelledDate.Date,
		BillCustomer:       string(r.BillCustomer),
		LastUpdated:        r.Info.LastUpdated.Time,
	}
}

type currencyRecord struct{ currency }

func (r currencyRecord) recordID() psa.RecordID { return psa.RecordID(r.ID) }

// fieldsOf lists the names R decodes, for the fields parameter: exactly these, and _info, which is left out
// of answers unless it is asked for.
func fieldsOf[R record]() string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[R]()) {
		if name := field.Tag.Get("json"); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
