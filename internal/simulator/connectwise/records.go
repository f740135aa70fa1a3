package connectwise

import (
	"fmt"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// The records that Go code adds and reads. Adding one does not validate it, so that what a tenant has from
// worse times can be made; what is left empty is filled in as on creation over the API.

// Company is a customer. Empty fields take the tenant's defaults.
type Company struct {
	// ID is the number to take; 0 takes the next free one.
	ID               int
	Identifier, Name string
	// Status is the name of a status; one that does not exist is made.
	Status string
	// Currency is an ISO 4217 code.
	Currency                         string
	AddressLine1, City, Zip, Country string
	PhoneNumber, Website             string
	YearEstablished                  int
	// WithoutContact leaves the company without contacts, and so without agreements made over the API.
	WithoutContact bool
	// DefaultContact is the number of the contact; it is ignored when a company is added.
	DefaultContact int
	Deleted        bool
}

// Product is an item of the catalog.
type Product struct {
	// ID is the number to take; 0 takes the next free one.
	ID                                           int
	Identifier, Description, CustomerDescription string
	// Category is the name of a category; one that does not exist is made, with a subcategory alike.
	Category string
	// Class is NonInventory when empty; a Bundle cannot be used on agreements.
	Class       string
	Price, Cost decimal.Decimal
	VendorSKU   string
	Taxable     bool
	Inactive    bool
}

// Agreement is a standing contract of a company.
type Agreement struct {
	// ID is the number to take; 0 takes the next free one.
	ID        int
	Name      string
	CompanyID int
	// Type is the name of an agreement type; one that does not exist is made.
	Type string
	// Currency is an ISO 4217 code; when empty it is the company's.
	Currency string
	// StartDate and BillStartDate are today when zero; BillStartDate follows StartDate where that is given.
	StartDate, BillStartDate civil.Date
	// EndDate is zero for an agreement that never ends.
	EndDate civil.Date
	// CancelledDate, when not zero, says that the agreement is cancelled.
	CancelledDate civil.Date
	// NextInvoiceDate, when later than BillStartDate, says that the time before it is invoiced.
	NextInvoiceDate civil.Date
	// NoProration refuses additions that begin in invoiced time, whatever the type says.
	NoProration bool
	// Status is what ConnectWise computes; it is ignored when an agreement is added.
	Status string
}

// Addition is a billed line of an agreement.
type Addition struct {
	// ID is the number to take; 0 takes the next free one.
	ID, AgreementID, ProductID int
	Quantity                   decimal.Decimal
	// UnitPrice and UnitCost, when not valid, are taken from the product.
	UnitPrice, UnitCost decimal.NullDecimal
	// EffectiveDate and CancelledDate are the first and the last billed day.
	EffectiveDate, CancelledDate civil.Date
	// BillCustomer is Billable when empty.
	BillCustomer string
	// Description is ConnectWise's own; it is ignored when an addition is added.
	Description, InvoiceDescription, SerialNumber string
}

// CustomField is a field that partners define for a kind of record.
type CustomField struct {
	ID      int
	Caption string
	// Type is Text, Number, Date or Checkbox; Text when empty.
	Type string
}

// AddCompany adds a company, with a contact unless it shall have none, and returns its id.
func (s *Simulator) AddCompany(c Company) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.tenant.addCompany(c, operator).id)
}

// AddProduct adds an item of the catalog and returns its id.
func (s *Simulator) AddProduct(p Product) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.tenant.addProduct(p, operator).id)
}

// AddAgreement adds an agreement and returns its id. The company must exist.
func (s *Simulator) AddAgreement(a Agreement) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenant.companies().find(int64(a.CompanyID)) == nil {
		return 0, fmt.Errorf("company %d does not exist", a.CompanyID)
	}
	return int(s.tenant.addAgreement(a, operator).id), nil
}

// AddAddition adds a line to an agreement and returns its id. The agreement and the product must exist.
func (s *Simulator) AddAddition(a Addition) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenant.agreements().find(int64(a.AgreementID)) == nil {
		return 0, fmt.Errorf("agreement %d does not exist", a.AgreementID)
	}
	if s.tenant.products().find(int64(a.ProductID)) == nil {
		return 0, fmt.Errorf("product %d does not exist", a.ProductID)
	}
	return int(s.tenant.addAddition(a, operator).id), nil
}

// AddAgreementType adds an agreement type and returns its id.
func (s *Simulator) AddAgreementType(name string, inactive bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.tenant.addAgreementType(name, inactive, operator).id)
}

// AddStatus adds a company status and returns its id. Companies whose status does not allow saving refuse
// new and changed agreements and additions.
func (s *Simulator) AddStatus(name string, disallowSaving bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := map[string]any{"name": name, "disallowSavingFlag": disallowSaving}
	return int(s.tenant.add(s.tenant.collections["companyStatus"], 0, 0, values, operator).id)
}

// AddCustomField defines a field for a kind of record: "company", "contact", "catalogItem", "agreement" or
// "addition".
func (s *Simulator) AddCustomField(kind string, f CustomField) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, known := s.tenant.collections[kind]
	if known {
		_, known = c.position("customFields")
	}
	if !known {
		return fmt.Errorf("records of the kind %q have no custom fields", kind)
	}
	c.define(f)
	return nil
}

// CompanyByID returns a company as it is now and whether it exists.
func (s *Simulator) CompanyByID(id int) (Company, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.tenant.companies().find(int64(id))
	if r == nil {
		return Company{}, false
	}
	return s.tenant.readCompany(r), true
}

// AgreementByID returns an agreement as it is now and whether it exists.
func (s *Simulator) AgreementByID(id int) (Agreement, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.tenant.agreements().find(int64(id))
	if r == nil {
		return Agreement{}, false
	}
	return s.tenant.readAgreement(r), true
}

// Companies returns all companies by id.
func (s *Simulator) Companies() []Company { return readAll(s, "company", s.tenant.readCompany) }

// Products returns all items of the catalog by id.
func (s *Simulator) Products() []Product { return readAll(s, "catalogItem", s.tenant.readProduct) }

// Agreements returns all agreements by id.
func (s *Simulator) Agreements() []Agreement { return readAll(s, "agreement", s.tenant.readAgreement) }

// AllAdditions returns the additions of all agreements by id.
func (s *Simulator) AllAdditions() []Addition { return readAll(s, "addition", s.tenant.readAddition) }

// Additions returns the additions of one agreement by id.
func (s *Simulator) Additions(agreement int) []Addition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	additions := []Addition{}
	for _, r := range s.tenant.additions().under(int64(agreement)) {
		additions = append(additions, s.tenant.readAddition(r))
	}
	return additions
}

func readAll[T any](s *Simulator, name string, read func(*record) T) []T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	records := s.tenant.collections[name].records
	all := make([]T, len(records))
	for i, r := range records {
		all[i] = read(r)
	}
	return all
}
