package rule

import "crosswalk/internal/platform"

// InvoiceStatus is how far an invoice has come.
type InvoiceStatus string

// The statuses. InvoiceOther stands for every word the Platform may use that is not known here.
const (
	InvoiceNew              InvoiceStatus = "NEW"
	InvoiceNewCorrected     InvoiceStatus = "NEW_CORRECTED"
	InvoiceVerified         InvoiceStatus = "VERIFIED"
	InvoiceIssued           InvoiceStatus = "ISSUED"
	InvoicePaid             InvoiceStatus = "PAID"
	InvoicePaymentCardError InvoiceStatus = "PAYMENT_CARD_ERROR"
	InvoiceOther            InvoiceStatus = "OTHER"
)

var invoiceStatuses = map[string]InvoiceStatus{
	"New":                InvoiceNew,
	"New Corrected":      InvoiceNewCorrected,
	"Verified":           InvoiceVerified,
	"Issued":             InvoiceIssued,
	"Paid":               InvoicePaid,
	"Payment Card Error": InvoicePaymentCardError,
}

// ParseInvoiceStatus reads the Platform's word; one that is not known is InvoiceOther.
func ParseInvoiceStatus(word string) InvoiceStatus {
	if status, known := invoiceStatuses[word]; known {
		return status
	}
	return InvoiceOther
}

// IsValid reports whether lines of invoices in this status may be billed. Which statuses those are is for
// platform.InvoiceHeader to say.
func (s InvoiceStatus) IsValid() bool {
	for word, status := range invoiceStatuses {
		if status == s {
			return platform.InvoiceHeader{Status: word}.IsValid()
		}
	}
	return false
}
