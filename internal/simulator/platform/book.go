package platform

import (
	"cmp"
	"slices"
	"sort"

	"crosswalk/internal/platform"
)

// book is all invoices in the order they are served in: by date, then by number. It knows where the rows of
// each invoice begin, so that any page of rows is found without going through the rows before it.
type book struct {
	market   *market
	invoices []*invoice
	// starts holds how many rows stand before each invoice and, at the end, how many there are.
	starts []int
	// disordered is true after a change until the next read.
	disordered bool
	// byID is made when an invoice is first looked up.
	byID map[string]*invoice
}

func newBook(m *market) *book {
	return &book{market: m, invoices: m.invoices(), disordered: true}
}

// settle brings the invoices into order after changes.
func (b *book) settle() {
	if !b.disordered {
		return
	}
	slices.SortStableFunc(b.invoices, func(x, y *invoice) int {
		return cmp.Or(x.date.Compare(y.date), cmp.Compare(b.number(x), b.number(y)))
	})
	b.starts = make([]int, 1, len(b.invoices)+1)
	for i, v := range b.invoices {
		b.starts = append(b.starts, b.starts[i]+v.count())
	}
	b.disordered = false
}

func (b *book) number(v *invoice) string {
	if v.own != nil {
		return v.own.header.InvoiceNumber
	}
	return b.market.invoiceNumber(v)
}

func (b *book) id(v *invoice) string {
	if v.own != nil {
		return v.own.header.InvoiceID
	}
	return b.market.invoiceID(v)
}

// within returns the positions of the first invoice in a range of dates and of the first one after it.
func (b *book) within(dates platform.Range) (from, to int) {
	b.settle()
	from = sort.Search(len(b.invoices), func(i int) bool { return !b.invoices[i].date.Before(dates.From) })
	to = sort.Search(len(b.invoices), func(i int) bool { return b.invoices[i].date.After(dates.To) })
	return from, max(from, to)
}

// headers returns the headers skip to skip+limit of a range of dates, and how many the range has.
func (b *book) headers(dates platform.Range, skip, limit int) ([]platform.InvoiceHeader, int) {
	from, to := b.within(dates)
	var headers []platform.InvoiceHeader
	for _, v := range b.invoices[min(from+skip, to):min(from+skip+limit, to)] {
		headers = append(headers, b.header(v))
	}
	return headers, to - from
}

// rows returns the rows skip to skip+limit of a range of dates, and how many the range has.
func (b *book) rows(dates platform.Range, skip, limit int) ([]platform.InvoiceRow, int) {
	from, to := b.within(dates)
	total := b.starts[to] - b.starts[from]
	next, end := b.starts[from]+min(skip, total), b.starts[from]+min(skip+limit, total)
	rows := make([]platform.InvoiceRow, 0, end-next)
	for at := sort.SearchInts(b.starts, next+1) - 1; next < end; at++ {
		upTo := min(end, b.starts[at+1])
		rows = append(rows, b.rowsOf(b.invoices[at], next-b.starts[at], upTo-b.starts[at])...)
		next = upTo
	}
	return rows, total
}

func (b *book) header(v *invoice) platform.InvoiceHeader {
	if v.own != nil {
		return v.own.header
	}
	return b.market.header(v)
}

func (b *book) rowsOf(v *invoice, from, to int) []platform.InvoiceRow {
	if v.own != nil {
		return v.own.rows[from:to]
	}
	return b.market.rows(v, from, to)
}

// find returns the invoice with an id, or nil.
func (b *book) find(id string) *invoice {
	if b.byID == nil {
		b.byID = make(map[string]*invoice, len(b.invoices))
		for _, v := range b.invoices {
			b.byID[b.id(v)] = v
		}
	}
	return b.byID[id]
}

// add puts an invoice into the book, in the place of one with the same id.
func (b *book) add(header platform.InvoiceHeader, rows []platform.InvoiceRow) {
	if earlier := b.find(header.InvoiceID); earlier != nil {
		b.remove(earlier)
	}
	v := &invoice{date: header.InvoiceDate, own: &ownInvoice{header: header, rows: rows}}
	b.byID[header.InvoiceID] = v
	b.invoices = append(b.invoices, v)
	b.disordered = true
}

// remove takes an invoice out of the book.
func (b *book) remove(v *invoice) {
	b.invoices = slices.DeleteFunc(b.invoices, func(other *invoice) bool { return other == v })
	delete(b.byID, b.id(v))
	b.disordered = true
}

// edit makes an invoice the book's own, so that it can be changed.
func (b *book) edit(v *invoice) *ownInvoice {
	if v.own == nil {
		v.own = &ownInvoice{header: b.market.header(v), rows: b.market.rows(v, 0, v.lines)}
	}
	b.disordered = true
	return v.own
}
