package platform

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

// invoice is one invoice of the book: either computed by the market or kept in own.
type invoice struct {
	contract contract
	month    civil.YearMonth
	custom   bool
	date     civil.Date
	lines    int
	// own holds the invoice once somebody has added or changed it by hand.
	own *ownInvoice
}

type ownInvoice struct {
	header platform.InvoiceHeader
	rows   []platform.InvoiceRow
}

// count is how many rows the invoice has.
func (v *invoice) count() int {
	if v.own != nil {
		return len(v.own.rows)
	}
	return v.lines
}

// invoices returns all invoices of the market; one without lines is not made out.
func (m *market) invoices() []*invoice {
	var all []*invoice
	for back := m.months - 1; back >= 0; back-- {
		month := m.today.YearMonth().Add(-back)
		for _, c := range m.contracts {
			standard, custom := m.linesIn(c, month)
			if standard > 0 {
				date := month.FirstDay().AddDays(m.billingDay(c) - 1)
				all = append(all, &invoice{contract: c, month: month, date: date, lines: standard})
			}
			if custom > 0 {
				date := month.FirstDay().AddDays(m.dice.roll(28, aboutCustomRow, c.key(), serial(month)))
				all = append(all, &invoice{contract: c, month: month, date: date, lines: custom, custom: true})
			}
		}
	}
	return all
}

// linesIn returns how many lines a contract has in a month on its standard and on its custom invoice, which
// few have. The lines that do not divide by the months go to some of them; custom ones are never taken from
// the subscriptions.
func (m *market) linesIn(c contract, month civil.YearMonth) (standard, custom int) {
	lines := c.lines / m.months
	if (serial(month)+c.key())%m.months < c.lines%m.months {
		lines++
	}
	if m.dice.roll(100, aboutCustomInvoice, c.key(), serial(month)) < 3 {
		custom = min(1+m.dice.roll(3, aboutCustomInvoice, serial(month), c.key()), lines-min(lines, m.subscriptions(c)))
	}
	return lines - custom, custom
}

// subscriptions is how many of a contract's lines are the same running purchases month after month.
func (m *market) subscriptions(c contract) int { return (c.lines/m.months*7 + 9) / 10 }

// serial numbers the months through all years.
func serial(month civil.YearMonth) int { return month.Year*12 + int(month.Month) - 1 }

func (m *market) invoiceID(v *invoice) string {
	return m.dice.id("invoice", v.contract.key(), serial(v.month), v.part())
}

// part is 0 for the standard and 1 for the custom invoice of a contract and month.
func (v *invoice) part() int {
	if v.custom {
		return 1
	}
	return 0
}

func (m *market) invoiceNumber(v *invoice) string {
	return fmt.Sprintf("%02d%02d%06d", v.month.Year%100, int(v.month.Month), 2*v.contract.key()+v.part()+1)
}

// header computes the header of an invoice that nobody touched.
func (m *market) header(v *invoice) platform.InvoiceHeader {
	total := decimal.Zero
	for line := range v.lines {
		total = total.Add(m.charge(v, line).total)
	}
	header := platform.InvoiceHeader{
		InvoiceID:     m.invoiceID(v),
		InvoiceNumber: m.invoiceNumber(v),
		InvoiceDate:   v.date,
		Status:        m.status(v),
		Source:        "Standard",
		ContractID:    m.contractID(v.contract),
		CustomerID:    m.organizationID(v.contract.organization),
		Currency:      v.contract.currency,
		TotalAmount:   total,
		UpdatedAt:     v.date.Midnight().Add(time.Duration(m.dice.roll(86_400, aboutUpdate, v.contract.key(), serial(v.month))) * time.Second),
	}
	if v.custom {
		header.Source = "Custom"
	}
	return header
}

// status is one of those not yet valid for the invoices of a few organizations, for those dated after today
// and for some of the newest month.
func (m *market) status(v *invoice) string {
	luck := m.dice.roll(100, aboutStatus, v.contract.key(), serial(v.month), v.part())
	newest := v.month == m.today.YearMonth()
	switch {
	case m.neverValid(v.contract.organization), v.date.After(m.today), newest && luck < 8:
		if v.custom || luck%3 == 0 {
			return "New Corrected"
		}
		return "New"
	case newest && luck < 60, luck < 15:
		return "Verified"
	case newest, luck < 30:
		return "Issued"
	case luck < 33:
		return "Payment Card Error"
	}
	return "Paid"
}

// neverValid reports whether the organization has no invoice that may be billed.
func (m *market) neverValid(organization int) bool {
	return m.dice.roll(100, aboutNeverValid, organization) < 5
}
