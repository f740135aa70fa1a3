package psa

import (
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres/grid"
)

// Companies is the mirror of companies.
var Companies = &Mirror[Company, MirroredCompany]{
	table: "psa_company",
	noun:  "companies",
	columns: []mirrorColumn{
		{"record_id", "int"},
		{"identifier", "text"},
		{"name", "text"},
		{"status", "text"},
		{"currency", "text"},
		{"default_contact_id", "int"},
		{"deleted", "boolean"},
		{"last_updated", "timestamptz"},
	},
	row: func(c Company) any {
		return MirroredCompany{
			ID: c.ID, Identifier: c.Identifier, Name: c.Name, Status: value(c.Status), Currency: value(c.Currency),
			DefaultContact: value(c.DefaultContact), Deleted: c.Deleted, LastUpdated: instant(c.LastUpdated),
		}
	},
	list: &grid.Grid{
		Name:   "psa_company",
		From:   "psa_company m",
		Seller: "m.seller_id",
		ID:     "m.record_id",
		Columns: map[string]grid.Column{
			"record_id":    {SQL: "m.record_id", Type: grid.Integer},
			"identifier":   {SQL: "m.identifier"},
			"name":         {SQL: "m.name"},
			"status":       {SQL: "m.status", Nullable: true},
			"currency":     {SQL: "m.currency", Nullable: true},
			"deleted":      {SQL: "m.deleted", Type: grid.Boolean},
			"last_updated": {SQL: "m.last_updated", Type: grid.Instant, Nullable: true},
			"search":       {SQL: "m.search_text", Folded: true},
		},
	},
}

// MirroredCompany is the last copy of a company that we have.
type MirroredCompany struct {
	grid.Row       `json:"-"`
	ID             RecordID   `db:"record_id" json:"record_id"`
	Identifier     string     `db:"identifier" json:"identifier"`
	Name           string     `db:"name" json:"name"`
	Status         *string    `db:"status" json:"status"`
	Currency       *string    `db:"currency" json:"currency"`
	DefaultContact *RecordID  `db:"default_contact_id" json:"default_contact_id"`
	Deleted        bool       `db:"deleted" json:"deleted"`
	LastUpdated    *time.Time `db:"last_updated" json:"last_updated"`
}

// Number returns the record number.
func (m MirroredCompany) Number() RecordID { return m.ID }

// Record returns the copy in the form a live answer has.
func (m MirroredCompany) Record() Company {
	return Company{
		ID: m.ID, Identifier: m.Identifier, Name: m.Name, Status: orZero(m.Status), Currency: orZero(m.Currency),
		DefaultContact: orZero(m.DefaultContact), Deleted: m.Deleted, LastUpdated: orZero(m.LastUpdated),
	}
}

// Products is the mirror of catalog products.
var Products = &Mirror[Product, MirroredProduct]{
	table: "psa_product",
	noun:  "products",
	columns: []mirrorColumn{
		{"record_id", "int"},
		{"identifier", "text"},
		{"description", "text"},
		{"category", "text"},
		{"price", "numeric"},
		{"cost", "numeric"},
		{"inactive", "boolean"},
		{"deleted", "boolean"},
		{"last_updated", "timestamptz"},
	},
	row: func(p Product) any {
		return MirroredProduct{
			ID: p.ID, Identifier: p.Identifier, Description: p.Description, Category: value(p.Category),
			Price: p.Price, Cost: p.Cost, Inactive: p.Inactive, LastUpdated: instant(p.LastUpdated),
		}
	},
	list: &grid.Grid{
		Name:   "psa_product",
		From:   "psa_product m",
		Seller: "m.seller_id",
		ID:     "m.record_id",
		Columns: map[string]grid.Column{
			"record_id":    {SQL: "m.record_id", Type: grid.Integer},
			"identifier":   {SQL: "m.identifier"},
			"description":  {SQL: "m.description"},
			"category":     {SQL: "m.category", Nullable: true},
			"price":        {SQL: "m.price", Type: grid.Number, Nullable: true},
			"cost":         {SQL: "m.cost", Type: grid.Number, Nullable: true},
			"inactive":     {SQL: "m.inactive", Type: grid.Boolean},
			"deleted":      {SQL: "m.deleted", Type: grid.Boolean},
			"last_updated": {SQL: "m.last_updated", Type: grid.Instant, Nullable: true},
			"search":       {SQL: "m.search_text", Folded: true},
		},
	},
}

// MirroredProduct is the last copy of a product that we have.
type MirroredProduct struct {
	grid.Row    `json:"-"`
	ID          RecordID            `db:"record_id" json:"record_id"`
	Identifier  string              `db:"identifier" json:"identifier"`
	Description string              `db:"description" json:"description"`
	Category    *string             `db:"category" json:"category"`
	Price       decimal.NullDecimal `db:"price" json:"price"`
	Cost        decimal.NullDecimal `db:"cost" json:"cost"`
	Inactive    bool                `db:"inactive" json:"inactive"`
	Deleted     bool                `db:"deleted" json:"deleted"`
	LastUpdated *time.Time          `db:"last_updated" json:"last_updated"`
}

// Number returns the record number.
func (m MirroredProduct) Number() RecordID { return m.ID }

// Record returns the copy in the form a live answer has.
func (m MirroredProduct) Record() Product {
	return Product{
		ID: m.ID, Identifier: m.Identifier, Description: m.Description, Category: orZero(m.Category),
		Price: m.Price, Cost: m.Cost, Inactive: m.Inactive, Deleted: m.Deleted, LastUpdated: orZero(m.LastUpdated),
	}
}

// Agreements is the mirror of agreements.
var Agreements = &Mirror[Agreement, MirroredAgreement]{
	table: "psa_agreement",
	noun:  "agreements",
	columns: []mirrorColumn{
		{"record_id", "int"},
		{"name", "text"},
		{"type", "text"},
		{"type_id", "int"},
		{"company_id", "int"},
		{"start_date", "date"},
		{"end_date", "date"},
		{"bill_start_date", "date"},
		{"cancelled", "boolean"},
		{"currency", "text"},
		{"deleted", "boolean"},
		{"last_updated", "timestamptz"},
	},
	row: func(a Agreement) any {
		return MirroredAgreement{
			ID: a.ID, Name: a.Name, Type: value(a.Type), TypeID: value(a.TypeID), CompanyID: a.CompanyID,
			StartDate: a.StartDate, EndDate: a.EndDate, BillStartDate: a.BillStartDate,
			Cancelled: a.Cancelled, Currency: value(a.Currency), LastUpdated: instant(a.LastUpdated),
		}
	},
	list: &grid.Grid{
		Name:   "psa_agreement",
		From:   "psa_agreement m",
		Seller: "m.seller_id",
		ID:     "m.record_id",
		Columns: map[string]grid.Column{
			"record_id":       {SQL: "m.record_id", Type: grid.Integer},
			"name":            {SQL: "m.name"},
			"type":            {SQL: "m.type", Nullable: true},
			"type_id":         {SQL: "m.type_id", Type: grid.Integer, Nullable: true},
			"company_id":      {SQL: "m.company_id", Type: grid.Integer},
			"start_date":      {SQL: "m.start_date", Type: grid.Date, Nullable: true},
			"end_date":        {SQL: "m.end_date", Type: grid.Date, Nullable: true},
			"bill_start_date": {SQL: "m.bill_start_date", Type: grid.Date, Nullable: true},
			"cancelled":       {SQL: "m.cancelled", Type: grid.Boolean},
			"currency":        {SQL: "m.currency", Nullable: true},
			"deleted":         {SQL: "m.deleted", Type: grid.Boolean},
			"last_updated":    {SQL: "m.last_updated", Type: grid.Instant, Nullable: true},
			"search":          {SQL: "m.search_text", Folded: true},
		},
	},
}

// MirroredAgreement is the last copy of an agreement that we have.
type MirroredAgreement struct {
	grid.Row      `json:"-"`
	ID            RecordID   `db:"record_id" json:"record_id"`
	Name          string     `db:"name" json:"name"`
	Type          *string    `db:"type" json:"type"`
	TypeID        *RecordID  `db:"type_id" json:"type_id"`
	CompanyID     RecordID   `db:"company_id" json:"company_id"`
	StartDate     civil.Date `db:"start_date" json:"start_date"`
	EndDate       civil.Date `db:"end_date" json:"end_date"`
	BillStartDate civil.Date `db:"bill_start_date" json:"bill_start_date"`
	Cancelled     bool       `db:"cancelled" json:"cancelled"`
	Currency      *string    `db:"currency" json:"currency"`
	Deleted       bool       `db:"deleted" json:"deleted"`
	LastUpdated   *time.Time `db:"last_updated" json:"last_updated"`
}

// Number returns the record number.
func (m MirroredAgreement) Number() RecordID { return m.ID }

// Record returns the copy in the form a live answer has.
func (m MirroredAgreement) Record() Agreement {
	return Agreement{
		ID: m.ID, Name: m.Name, Type: orZero(m.Type), TypeID: orZero(m.TypeID), CompanyID: m.CompanyID,
		StartDate: m.StartDate, EndDate: m.EndDate, BillStartDate: m.BillStartDate,
		Cancelled: m.Cancelled, Currency: orZero(m.Currency), Deleted: m.Deleted, LastUpdated: orZero(m.LastUpdated),
	}
}

// value returns nil for the zero value, which stands for nothing.
func value[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orZero[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}
