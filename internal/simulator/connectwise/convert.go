package connectwise

import (
	"github.com/shopspring/decimal"

	"crosswalk/internal/simulator/sample"
)

// add stores a record made by Go code: completed as on creation, but not checked.
func (t *tenant) add(c *collection, id, parent int64, values map[string]any, who string) *record {
	r := t.blank(c)
	r.id, r.parent = id, parent
	change := newChange(c, nil, r)
	for name, value := range values {
		if position, found := c.position(name); found && value != nil {
			r.values[position] = value
			change.sent[position] = true
		}
	}
	change.initialize()
	if c.complete != nil {
		c.complete(t, change)
	}
	return t.insert(c, r, who)
}

// named returns a reference to the set-up record of a name and makes it first where there is none.
func (t *tenant) named(collectionName, name, who string) any {
	if name == "" {
		return nil
	}
	if found := t.referTo(collectionName, "name", name); found != nil {
		return found
	}
	r := t.add(t.collections[collectionName], 0, 0, map[string]any{"name": name}, who)
	return reference{id: r.id, name: name}
}

func (t *tenant) addCompany(c Company, who string) *record {
	companies := t.companies()
	values := map[string]any{
		"identifier": c.Identifier, "name": c.Name, "status": t.named("companyStatus", c.Status, who),
		"currency":     t.referTo("currency", "currencyIdentifier", c.Currency),
		"addressLine1": textOrNil(c.AddressLine1), "city": textOrNil(c.City), "zip": textOrNil(c.Zip),
		"country":     t.named("country", c.Country, who),
		"phoneNumber": textOrNil(c.PhoneNumber), "website": textOrNil(c.Website),
	}
	if c.YearEstablished != 0 {
		values["yearEstablished"] = int64(c.YearEstablished)
	}
	if customer := t.referTo("companyType", "name", "Customer"); customer != nil {
		values["types"] = []reference{customer.(reference)}
	}
	r := t.add(companies, int64(c.ID), 0, values, who)
	if !c.WithoutContact {
		r = t.giveContact(r, who)
	}
	if c.Deleted {
		t.recycle(companies, r, who)
	}
	return r
}

func (t *tenant) giveContact(company *record, who string) *record {
	first, last := sample.PersonAt(int(company.id) - 1)
	contact := t.add(t.collections["contact"], 0, 0, map[string]any{
		"firstName": first, "lastName": last, "defaultFlag": true,
		"company": reference{id: company.id, name: t.nameOf(t.companies(), company)},
	}, who)
	after := company.clone()
	t.companies().set(after, "defaultContact", reference{id: contact.id, name: first + " " + last})
	return t.store(t.companies(), after, who)
}

func (t *tenant) addProduct(p Product, who string) *record {
	category := t.named("productCategory", orElse(p.Category, "Cloud services"), who)
	name := category.(reference).name
	subcategory := t.referTo("subcategory", "name", name)
	if subcategory == nil {
		made := t.add(t.collections["subcategory"], 0, 0, map[string]any{"name": name, "category": category}, who)
		subcategory = reference{id: made.id, name: name}
	}
	return t.add(t.products(), int64(p.ID), 0, map[string]any{
		"identifier": p.Identifier, "description": p.Description,
		"customerDescription": orElse(p.CustomerDescription, p.Description),
		"category":            category, "subcategory": subcategory, "type": t.defaultOf("productType"),
		"productClass": textOrNil(p.Class), "price": p.Price, "cost": p.Cost, "vendorSku": textOrNil(p.VendorSKU),
		"taxableFlag": p.Taxable, "inactiveFlag": p.Inactive,
	}, who)
}

func (t *tenant) addAgreementType(name string, inactive bool, who string) *record {
	return t.add(t.collections["agreementType"], 0, 0, map[string]any{
		"name": name, "inactiveFlag": inactive, "prorateFlag": true, "invoicingCycle": "CalendarYear",
		"employeeCompRate": "Hourly", "employeeCompNotExceed": "Billing", "billTime": "Billable",
		"billExpenses": "Billable", "billProducts": "Billable", "billingCycle": t.defaultOf("billingCycle"),
		"billingTerms": t.defaultOf("billingTerms"), "location": reference{id: 2, name: "Head Office"},
		"department": reference{id: 10, name: "Cloud Services"}, "applicationUnits": "Amount",
	}, who)
}

func (t *tenant) addAgreement(a Agreement, who string) *record {
	kind := t.referTo("agreementType", "name", orElse(a.Type, "Managed Services"))
	if kind == nil {
		made := t.addAgreementType(orElse(a.Type, "Managed Services"), false, who)
		kind = reference{id: made.id, name: a.Type}
	}
	company := t.companies().find(int64(a.CompanyID))
	values := map[string]any{
		"name": a.Name, "type": kind,
		"company":   reference{id: company.id, name: t.nameOf(t.companies(), company)},
		"contact":   t.companies().value(t, company, "defaultContact"),
		"currency":  t.referTo("currency", "currencyIdentifier", a.Currency),
		"startDate": dateValueOf(a.StartDate), "billStartDate": dateValueOf(a.BillStartDate), "endDate": dateValueOf(a.EndDate),
	}
	if a.BillStartDate.IsZero() {
		values["billStartDate"] = dateValueOf(a.StartDate)
	}
	if !a.CancelledDate.IsZero() {
		values["cancelledFlag"], values["dateCancelled"] = true, dateValueOf(a.CancelledDate)
	}
	if a.NoProration {
		values["prorateFlag"] = false
	}
	r := t.add(t.agreements(), int64(a.ID), 0, values, who)
	if !a.NextInvoiceDate.IsZero() {
		t.moveNextInvoice(r, a.NextInvoiceDate, who)
	}
	return r
}

func (t *tenant) addAddition(a Addition, who string) *record {
	product := t.products().find(int64(a.ProductID))
	values := map[string]any{
		"product":  reference{id: product.id, name: textOf(t.products().value(t, product, "identifier"))},
		"quantity": a.Quantity, "billCustomer": orElse(a.BillCustomer, "Billable"),
		"effectiveDate": dateValueOf(a.EffectiveDate), "cancelledDate": dateValueOf(a.CancelledDate),
		"invoiceDescription": textOrNil(a.InvoiceDescription), "serialNumber": textOrNil(a.SerialNumber),
	}
	if a.UnitPrice.Valid {
		values["unitPrice"] = a.UnitPrice.Decimal
	}
	if a.UnitCost.Valid {
		values["unitCost"] = a.UnitCost.Decimal
	}
	return t.add(t.additions(), int64(a.ID), int64(a.AgreementID), values, who)
}

// reader reads the fields of one record by name.
type reader struct {
	tenant     *tenant
	collection *collection
	record     *record
}

func (r reader) value(name string) any   { return r.collection.value(r.tenant, r.record, name) }
func (r reader) text(name string) string { return textOf(r.value(name)) }

func (r reader) id(name string) int {
	ref, _ := r.value(name).(reference)
	return int(ref.id)
}

// shown is what a reference shows in one of the fields of its target.
func (r reader) shown(name, member string) string {
	target := r.tenant.resolve(r.collection, r.record, name)
	position, found := r.collection.position(name)
	if target == nil || !found {
		return ""
	}
	return textOf(r.tenant.collections[r.collection.fields[position].target].value(r.tenant, target, member))
}

func (r reader) nullDecimal(name string) decimal.NullDecimal {
	number, isNumber := r.value(name).(decimal.Decimal)
	return decimal.NullDecimal{Decimal: number, Valid: isNumber}
}

func (t *tenant) readCompany(r *record) Company {
	in := reader{t, t.companies(), r}
	year, _ := in.value("yearEstablished").(int64)
	return Company{
		ID: int(r.id), Identifier: in.text("identifier"), Name: in.text("name"), Status: in.shown("status", "name"),
		Currency: in.shown("currency", "currencyCode"), AddressLine1: in.text("addressLine1"), City: in.text("city"),
		Zip: in.text("zip"), Country: in.shown("country", "name"), PhoneNumber: in.text("phoneNumber"),
		Website: in.text("website"), YearEstablished: int(year), DefaultContact: in.id("defaultContact"),
		WithoutContact: in.id("defaultContact") == 0, Deleted: isTrue(in.value("deletedFlag")),
	}
}

func (t *tenant) readProduct(r *record) Product {
	in := reader{t, t.products(), r}
	return Product{
		ID: int(r.id), Identifier: in.text("identifier"), Description: in.text("description"),
		CustomerDescription: in.text("customerDescription"), Category: in.shown("category", "name"),
		Class: in.text("productClass"), Price: numberOf(in.value("price")), Cost: numberOf(in.value("cost")),
		VendorSKU: in.text("vendorSku"), Taxable: isTrue(in.value("taxableFlag")), Inactive: isTrue(in.value("inactiveFlag")),
	}
}

func (t *tenant) readAgreement(r *record) Agreement {
	in := reader{t, t.agreements(), r}
	a := Agreement{
		ID: int(r.id), Name: in.text("name"), CompanyID: in.id("company"), Type: in.shown("type", "name"),
		Currency: in.shown("currency", "currencyCode"), StartDate: dateOf(in.value("startDate")),
		BillStartDate: dateOf(in.value("billStartDate")), EndDate: dateOf(in.value("endDate")),
		NextInvoiceDate: dateOf(in.value("nextInvoiceDate")), NoProration: !isTrue(in.value("prorateFlag")),
		Status: in.text("agreementStatus"),
	}
	if isTrue(in.value("cancelledFlag")) {
		a.CancelledDate = dateOf(in.value("dateCancelled"))
	}
	return a
}

func (t *tenant) readAddition(r *record) Addition {
	in := reader{t, t.additions(), r}
	return Addition{
		ID: int(r.id), AgreementID: int(r.parent), ProductID: in.id("product"), Quantity: numberOf(in.value("quantity")),
		UnitPrice: in.nullDecimal("unitPrice"), UnitCost: in.nullDecimal("unitCost"),
		EffectiveDate: dateOf(in.value("effectiveDate")), CancelledDate: dateOf(in.value("cancelledDate")),
		BillCustomer: in.text("billCustomer"), Description: in.text("description"),
		InvoiceDescription: in.text("invoiceDescription"), SerialNumber: in.text("serialNumber"),
	}
}
