package rule_test

import (
	"testing"

	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/platform"
)

func TestInvoiceStatus(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]struct {
		status rule.InvoiceStatus
		valid  bool
	}{
		"New":                {rule.InvoiceNew, false},
		"New Corrected":      {rule.InvoiceNewCorrected, false},
		"Verified":           {rule.InvoiceVerified, true},
		"Issued":             {rule.InvoiceIssued, true},
		"Paid":               {rule.InvoicePaid, true},
		"Payment Card Error": {rule.InvoicePaymentCardError, true},
		"Draft":              {rule.InvoiceOther, false},
		"Processed":          {rule.InvoiceOther, false},
		"verified":           {rule.InvoiceOther, false},
		"":                   {rule.InvoiceOther, false},
	} {
		status := rule.ParseInvoiceStatus(word)
		if status != want.status || status.IsValid() != want.valid {
			t.Errorf("ParseInvoiceStatus(%q) = %s, valid %t; want %s, valid %t", word, status, status.IsValid(), want.status, want.valid)
		}
		if header := (platform.InvoiceHeader{Status: word}); header.IsValid() != want.valid {
			t.Errorf("the Platform's %q is valid: %t, want %t as for %s", word, header.IsValid(), want.valid, status)
		}
	}
}
