package platform

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

// AddOrganization adds an organization or replaces the one with its id.
func (s *Simulator) AddOrganization(organization platform.Organization) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organizations[organization.ID] = organization
}

// AddContract adds a contract or replaces the one with its id.
func (s *Simulator) AddContract(contract platform.Contract) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contracts[contract.ID] = contract
}

// AddInvoice adds an invoice with its rows, or replaces the one with its id. What is empty is filled in: the ids at random, today's date, the
// status Verified, the source Standard, the total from the rows, and on the rows what their invoice says. It
// returns the header as it is served.
func (s *Simulator) AddInvoice(header platform.InvoiceHeader, rows ...platform.InvoiceRow) platform.InvoiceHeader {
	s.mu.Lock()
	defer s.mu.Unlock()
	if header.InvoiceID == "" {
		header.InvoiceID = uuid.NewString()
	}
	if header.InvoiceNumber == "" {
		header.InvoiceNumber = fmt.Sprintf("90%08d", len(s.book.invoices)+1)
	}
	if header.InvoiceDate.IsZero() {
		header.InvoiceDate = civil.DateOf(s.options.Now())
	}
	if header.Status == "" {
		header.Status = "Verified"
	}
	if header.Source == "" {
		header.Source = "Standard"
	}
	if header.UpdatedAt.IsZero() {
		header.UpdatedAt = s.options.Now()
	}
	kept := make([]platform.InvoiceRow, len(rows))
	total := decimal.Zero
	for i, row := range rows {
		kept[i] = completed(row, header)
		total = total.Add(row.TotalPrice)
	}
	if header.TotalAmount.IsZero() {
		header.TotalAmount = total
	}
	s.book.add(header, kept)
	return header
}

// completed fills in what a row shares with its invoice, and its id.
func completed(row platform.InvoiceRow, header platform.InvoiceHeader) platform.InvoiceRow {
	if row.RowID == "" {
		row.RowID = uuid.NewString()
	}
	if row.ContractID == "" {
		row.ContractID = header.ContractID
	}
	if row.CustomerID == "" {
		row.CustomerID = header.CustomerID
	}
	row.InvoiceID, row.InvoiceNumber, row.InvoiceDate = header.InvoiceID, header.InvoiceNumber, header.InvoiceDate
	return row
}

// AddRow adds a row to the end of an invoice, fills in what is empty as AddInvoice does, and returns the row
// as it is served.
func (s *Simulator) AddRow(invoiceID string, row platform.InvoiceRow) (platform.InvoiceRow, error) {
	err := s.change(invoiceID, func(own *ownInvoice) error {
		row = completed(row, own.header)
		own.rows = append(own.rows, row)
		own.header.TotalAmount = own.header.TotalAmount.Add(row.TotalPrice)
		return nil
	})
	return row, err
}

// ReplaceRow changes the row with the same id on the same invoice.
func (s *Simulator) ReplaceRow(row platform.InvoiceRow) error {
	return s.change(row.InvoiceID, func(own *ownInvoice) error {
		at, err := own.position(row.RowID)
		if err != nil {
			return err
		}
		own.header.TotalAmount = own.header.TotalAmount.Sub(own.rows[at].TotalPrice).Add(row.TotalPrice)
		own.rows[at] = completed(row, own.header)
		return nil
	})
}

// RemoveRow removes a row from an invoice.
func (s *Simulator) RemoveRow(invoiceID, rowID string) error {
	return s.change(invoiceID, func(own *ownInvoice) error {
		at, err := own.position(rowID)
		if err != nil {
			return err
		}
		own.header.TotalAmount = own.header.TotalAmount.Sub(own.rows[at].TotalPrice)
		own.rows = slices.Delete(own.rows, at, at+1)
		return nil
	})
}

// SetInvoiceStatus changes the status of an invoice.
func (s *Simulator) SetInvoiceStatus(invoiceID, status string) error {
	return s.change(invoiceID, func(own *ownInvoice) error {
		own.header.Status = status
		return nil
	})
}

// RemoveInvoice removes an invoice and its rows.
func (s *Simulator) RemoveInvoice(invoiceID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.book.find(invoiceID)
	if v == nil {
		return noInvoice(invoiceID)
	}
	s.book.remove(v)
	return nil
}

// Invoice returns an invoice and its rows as they are served.
func (s *Simulator) Invoice(invoiceID string) (platform.InvoiceHeader, []platform.InvoiceRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.book.find(invoiceID)
	if v == nil {
		return platform.InvoiceHeader{}, nil, noInvoice(invoiceID)
	}
	return s.book.header(v), slices.Clone(s.book.rowsOf(v, 0, v.count())), nil
}

// Invoices returns the headers of a range of dates as they are served.
func (s *Simulator) Invoices(dates platform.Range) []platform.InvoiceHeader {
	s.mu.Lock()
	defer s.mu.Unlock()
	headers, _ := s.book.headers(dates, 0, len(s.book.invoices))
	return headers
}

// change edits one invoice and marks it as updated now.
func (s *Simulator) change(invoiceID string, edit func(*ownInvoice) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.book.find(invoiceID)
	if v == nil {
		return noInvoice(invoiceID)
	}
	own := s.book.edit(v)
	if err := edit(own); err != nil {
		return err
	}
	own.header.UpdatedAt = s.options.Now()
	return nil
}

func (o *ownInvoice) position(rowID string) (int, error) {
	at := slices.IndexFunc(o.rows, func(row platform.InvoiceRow) bool { return row.RowID == rowID })
	if at < 0 {
		return 0, fmt.Errorf("invoice %s has no row %s", o.header.InvoiceID, rowID)
	}
	return at, nil
}

func noInvoice(id string) error { return fmt.Errorf("there is no invoice %s", id) }
