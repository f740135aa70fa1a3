package platform

import (
	"fmt"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

// rows computes the lines from and up to, but not including, to of an invoice that nobody touched.
func (m *market) rows(v *invoice, from, to int) []platform.InvoiceRow {
	template := platform.InvoiceRow{
		InvoiceID:     m.invoiceID(v),
		InvoiceNumber: m.invoiceNumber(v),
		InvoiceDate:   v.date,
		ContractID:    m.contractID(v.contract),
		CustomerID:    m.organizationID(v.contract.organization),
	}
	rows := make([]platform.InvoiceRow, 0, to-from)
	for line := from; line < to; line++ {
		row := template
		row.RowID = m.dice.id("row", v.contract.key(), serial(v.month), v.part(), line)
		m.fill(&row, m.charge(v, line))
		rows = append(rows, row)
	}
	return rows
}

// fill writes a charge into a row.
func (m *market) fill(row *platform.InvoiceRow, c charge) {
	row.OfferID, row.OfferName, row.VendorOfferID = c.offer.ID, c.offer.Name, c.offer.VendorOfferID
	row.VendorID, row.VendorName = c.offer.Vendor.ID, c.offer.Vendor.Name
	row.ChargeType = c.kind
	row.ChargeStartDate, row.ChargeEndDate = c.start, c.end
	row.Quantity, row.UnitPrice, row.TotalPrice, row.ResellerPrice = c.quantity, c.unitPrice, c.total, c.cost
	row.Description = describe(c)
	s := c.subscription
	if s == nil {
		return
	}
	row.SubscriptionID = m.dice.id("subscription", s.contract.key(), s.slot, serial(s.since))
	row.SubscriptionName = c.offer.Name
	row.SubscriptionStartDate = s.since.FirstDay().AddDays(m.billingDay(s.contract) - 1)
	if m.dice.roll(10, aboutTerm, s.contract.key(), s.slot, serial(s.since)) < 6 {
		row.SubscriptionEndDate = yearsEnd(row.SubscriptionStartDate, row.InvoiceDate)
	}
}

// yearsEnd returns the last day of the yearly term, counted from start, that date lies in.
func yearsEnd(start, date civil.Date) civil.Date {
	end := start.AddMonths(12)
	for !end.After(date) {
		end = end.AddMonths(12)
	}
	return end.AddDays(-1)
}

func describe(c charge) string {
	switch c.kind {
	case "UserCorrection":
		if c.unitPrice.IsNegative() {
			return "Goodwill credit"
		}
		return "Services by agreement"
	case "Correction":
		return fmt.Sprintf("%s: unused part returned", c.offer.Name)
	case "UsageFee":
		return fmt.Sprintf("%s: consumption from %s to %s", c.offer.Name, c.start, c.end)
	}
	return c.offer.Name
}
