package posting

import (
	"errors"
	"strings"
	"testing"

	"crosswalk/internal/psa"
)

func TestRefusalOf(t *testing.T) {
	t.Parallel()
	refused := func(status int, field, message string) error {
		err := &psa.RefusedError{Status: status, Code: "InvalidObject", Message: "addition object is invalid"}
		if message != "" {
			err.Details = []psa.RefusedDetail{{Code: "Invalid", Field: field, Message: message}}
		}
		return err
	}
	open := psa.Agreement{ID: 70, BillStartDate: day("2026-01-01")}
	for _, tt := range []struct {
		name      string
		err       error
		agreement psa.Agreement
		want      ErrorCode
		says      string
	}{
		{
			"the charge starts before billing does, by the record", refused(400, "effectiveDate", "no"),
			psa.Agreement{ID: 70, BillStartDate: day("2026-06-01")}, BeforeBillingStart, "2026-06-01",
		},
		{
			"the charge starts before billing does, by the words", refused(400, "effectiveDate", "effectiveDate cannot be less than the agreement billing start date"),
			psa.Agreement{}, BeforeBillingStart, "2026-05-10",
		},
		{"the period is invoiced", refused(400, "effectiveDate", "This period has already been invoiced."), open, PeriodAlreadyInvoiced, "proration"},
		{"the period is invoiced, without a field", refused(400, "", "Since the period has already been invoiced no invoice will be generated."), open, PeriodAlreadyInvoiced, "proration"},
		{"the agreement is cancelled", refused(400, "agreementId", "The agreement is cancelled."), open, AgreementClosed, "open one"},
		{"the agreement has ended", refused(400, "x", "no"), psa.Agreement{ID: 70, EndDate: day("2026-04-30")}, AgreementClosed, "open one"},
		{"the agreement is gone", refused(404, "", ""), psa.Agreement{}, RecordMissing, "agreement"},
		{"the product is gone", refused(400, "product/id", "Product 7 not found."), open, RecordMissing, "product"},
		{"anything else is quoted", refused(400, "quantity", "Too many. "), open, Refused, "Too many."},
		{"a refusal without details is quoted as a whole", refused(400, "", ""), open, Refused, "addition object is invalid."},
		{"what is no refusal", errors.New("?"), open, Refused, "Try again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := refusalOf(tt.err, tt.agreement, day("2026-05-10"), day("2026-05-18"))
			if got.Code != tt.want || !strings.Contains(got.Message, tt.says) {
				t.Errorf("refusalOf = %s %q, want %s with %q", got.Code, got.Message, tt.want, tt.says)
			}
		})
	}
}
