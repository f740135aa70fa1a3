package connectwise

import (
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// completeAddition takes over what the product says: on creation, and again when the product is changed,
// unless the caller says otherwise in the same request.
func completeAddition(t *tenant, c *change) {
	c.standard(t, "quantity", decimal.NewFromInt(1))
	c.standard(t, "lessIncluded", decimal.Zero)
	if agreement := t.agreements().find(c.after.parent); agreement != nil {
		begin := dateOf(t.agreements().value(t, agreement, "billStartDate"))
		c.standard(t, "effectiveDate", dateValueOf(laterOf(begin, t.today())))
	}
	if c.before == nil {
		siblings := t.additions().under(c.after.parent)
		c.standard(t, "sequenceNumber", decimal.NewFromInt(int64(len(siblings)+1)))
	}
	if product := t.resolve(c.collection, c.after, "product"); product != nil {
		c.takeOver(t, product)
	}
	c.standard(t, "taxableFlag", false)
}

// takeOver copies from the product what the addition lacks, and all of it when the product is another one.
func (c *change) takeOver(t *tenant, product *record) {
	products := t.products()
	isNewProduct := c.before == nil || t.resolve(c.collection, c.before, "product") != product
	if isNewProduct {
		c.set("description", products.value(t, product, "description"))
		if unit := t.resolve(products, product, "unitOfMeasure"); unit != nil {
			c.set("uom", t.nameOf(t.collections["unitOfMeasure"], unit))
		}
	}
	if t.settings.NoCatalogDefaults {
		return
	}
	for _, pair := range [...]struct{ own, products string }{
		{"unitPrice", "price"}, {"unitCost", "cost"}, {"invoiceDescription", "customerDescription"}, {"taxableFlag", "taxableFlag"},
	} {
		value := products.value(t, product, pair.products)
		switch {
		case c.wasSent(pair.own):
		case isNewProduct && value != nil:
			c.set(pair.own, value)
		default:
			c.standard(t, pair.own, value)
		}
	}
}

func laterOf(a, b civil.Date) civil.Date {
	if a.After(b) {
		return a
	}
	return b
}

func verifyAddition(t *tenant, c *change) {
	agreements := t.agreements()
	agreement := agreements.find(c.after.parent)
	if agreement == nil {
		return
	}
	c.verifyCompany(t, agreement)
	if c.before == nil && isTrue(agreements.value(t, agreement, "cancelledFlag")) {
		c.refuse(invalidMember, "agreementId", "The agreement is cancelled. Additions cannot be added to it.")
	}
	product := t.resolve(c.collection, c.after, "product")
	if product != nil && t.products().value(t, product, "productClass") == "Bundle" {
		c.refuse(invalidMember, "product/id", "Products of the class Bundle cannot be used as additions.")
	}
	if !t.settings.NoAdditionDateRules {
		c.verifyEffectiveDate(t, agreement)
	}
}

// verifyEffectiveDate keeps additions behind the start of billing, and out of invoiced periods where the
// agreement does not prorate: nobody would ever be billed for them.
func (c *change) verifyEffectiveDate(t *tenant, agreement *record) {
	agreements := t.agreements()
	effective := dateOf(c.value(t, "effectiveDate"))
	if effective.IsZero() {
		return
	}
	if effective.Before(dateOf(agreements.value(t, agreement, "billStartDate"))) {
		c.refuse(invalidMember, "effectiveDate", "effectiveDate cannot be less than the agreement billing start date")
		return
	}
	isMoved := c.before == nil || dateOf(c.collection.value(t, c.before, "effectiveDate")) != effective
	next := dateOf(agreements.value(t, agreement, "nextInvoiceDate"))
	prorates := isTrue(agreements.value(t, agreement, "prorateFlag"))
	if isMoved && !prorates && t.hasInvoicedPeriod(agreement) && effective.Before(next) {
		c.refuse(invalidMember, "effectiveDate",
			"This period has already been invoiced. No invoice will be generated for additional products because proration is turned off.")
	}
}

func (t *tenant) additionNumber(r *record, name string) decimal.Decimal {
	return numberOf(t.additions().value(t, r, name))
}

func billedQuantity(t *tenant, r *record) any {
	return t.additionNumber(r, "quantity").Sub(t.additionNumber(r, "lessIncluded"))
}

func extendedPrice(t *tenant, r *record) any {
	return t.additionNumber(r, "quantity").Mul(t.additionNumber(r, "unitPrice"))
}

func extendedCost(t *tenant, r *record) any {
	return t.additionNumber(r, "quantity").Mul(t.additionNumber(r, "unitCost"))
}

func margin(t *tenant, r *record) any {
	return numberOf(extendedPrice(t, r)).Sub(numberOf(extendedCost(t, r)))
}

func additionAgreementStatus(t *tenant, r *record) any {
	agreement := t.agreements().find(r.parent)
	if agreement == nil {
		return nil
	}
	return agreementStatus(t, agreement)
}
