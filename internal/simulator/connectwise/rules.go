package connectwise

import (
	"strings"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// The rules of companies, contacts, catalog items and agreements. Those of additions are next door.

func completeCompany(t *tenant, c *change) {
	c.standard(t, "status", t.defaultOf("companyStatus"))
	c.standard(t, "currency", t.defaultCurrency())
	c.standard(t, "site", reference{id: 1, name: "Main"})
}

func contactName(t *tenant, r *record) any {
	contacts := t.collections["contact"]
	first, last := textOf(contacts.value(t, r, "firstName")), textOf(contacts.value(t, r, "lastName"))
	return strings.TrimSpace(first + " " + last)
}

// defaultOf returns a reference to the set-up record that is marked as the default, or to the first one.
func (t *tenant) defaultOf(collectionName string) any {
	c := t.collections[collectionName]
	for _, r := range c.records {
		if isTrue(c.value(t, r, "defaultFlag")) {
			return reference{id: r.id, name: t.nameOf(c, r)}
		}
	}
	if len(c.records) == 0 {
		return nil
	}
	return reference{id: c.records[0].id, name: t.nameOf(c, c.records[0])}
}

// defaultCurrency is the first one of the tenant.
func (t *tenant) defaultCurrency() any { return t.defaultOf("currency") }

func completeCatalogItem(t *tenant, c *change) {
	if t.resolve(c.collection, c.after, "category") == nil {
		if subcategory := t.resolve(c.collection, c.after, "subcategory"); subcategory != nil {
			c.set("category", t.collections["subcategory"].value(t, subcategory, "category"))
		}
	}
	c.standard(t, "unitOfMeasure", t.defaultOf("unitOfMeasure"))
	c.standard(t, "price", decimal.Zero)
	c.standard(t, "cost", decimal.Zero)
}

func verifyCatalogItem(t *tenant, c *change) {
	hasCycle := c.value(t, "recurringBillCycle") != nil || isTrue(c.value(t, "recurringOneTimeFlag"))
	if isTrue(c.value(t, "recurringFlag")) && !hasCycle {
		for _, name := range [...]string{"recurringOneTimeFlag", "recurringBillCycle/id"} {
			c.refuse(missingRequired, name, "recurringBillCycle or recurringOneTimeFlag is required.")
		}
	}
}

// completeAgreement takes from the type and the company what the caller left out.
func completeAgreement(t *tenant, c *change) {
	if kind := t.resolve(c.collection, c.after, "type"); kind != nil {
		types := t.collections["agreementType"]
		for _, rule := range billingRules() {
			c.standard(t, rule.name, types.value(t, kind, rule.name))
		}
	}
	if company := t.resolve(c.collection, c.after, "company"); company != nil {
		c.standard(t, "currency", t.companies().value(t, company, "currency"))
	}
	today := t.today().Midnight()
	c.standard(t, "startDate", today)
	c.standard(t, "billStartDate", today)
	c.standard(t, "noEndingDateFlag", c.value(t, "endDate") == nil)
	if isTrue(c.value(t, "cancelledFlag")) {
		c.standard(t, "dateCancelled", today)
	}
	c.keepNextInvoiceDate(t)
}

// keepNextInvoiceDate lets the date follow the start of billing until the first period is invoiced.
func (c *change) keepNextInvoiceDate(t *tenant) {
	if c.before == nil || !t.hasInvoicedPeriod(c.before) {
		c.set("nextInvoiceDate", c.value(t, "billStartDate"))
	}
}

// hasInvoicedPeriod reports whether an agreement has been invoiced.
func (t *tenant) hasInvoicedPeriod(agreement *record) bool {
	next := dateOf(t.agreements().value(t, agreement, "nextInvoiceDate"))
	return next.After(dateOf(t.agreements().value(t, agreement, "billStartDate")))
}

func verifyAgreement(t *tenant, c *change) { c.verifyCompany(t, c.after) }

// verifyCompany refuses to save what belongs to a company whose status does not allow it.
func (c *change) verifyCompany(t *tenant, agreement *record) {
	company := t.resolve(t.agreements(), agreement, "company")
	if company == nil {
		return
	}
	if status := t.resolve(t.companies(), company, "status"); status != nil {
		statuses := t.collections["companyStatus"]
		if isTrue(statuses.value(t, status, "disallowSavingFlag")) {
			c.refuse(invalidMember, "company/id", "The status %s of the company does not allow saving.", t.nameOf(statuses, status))
		}
	}
}

// agreementStatus follows from the dates and the cancellation; nobody sets it.
func agreementStatus(t *tenant, r *record) any {
	c, today := t.agreements(), t.today()
	cancelled, end := dateOf(c.value(t, r, "dateCancelled")), dateOf(c.value(t, r, "endDate"))
	switch {
	case isTrue(c.value(t, r, "cancelledFlag")) && !cancelled.After(today):
		return "Cancelled"
	case hasPassed(end, today) && !isTrue(c.value(t, r, "noEndingDateFlag")):
		return "Expired"
	case dateOf(c.value(t, r, "startDate")).After(today):
		return "Inactive"
	}
	return "Active"
}

func hasPassed(date, today civil.Date) bool { return !date.IsZero() && date.Before(today) }

// invoice generates the invoice of the next period: what remains of it are its number and the later date.
func (t *tenant) invoice(agreement *record, who string) int64 {
	next := dateOf(t.agreements().value(t, agreement, "nextInvoiceDate"))
	if next.IsZero() {
		next = t.today()
	}
	t.moveNextInvoice(agreement, next.YearMonth().Add(1).FirstDay(), who)
	t.lastInvoice++
	return t.lastInvoice
}

func (t *tenant) moveNextInvoice(agreement *record, to civil.Date, who string) {
	after := agreement.clone()
	t.agreements().set(after, "nextInvoiceDate", dateValueOf(to))
	t.store(t.agreements(), after, who)
}
