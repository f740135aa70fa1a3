package posting

import (
	"errors"
	"fmt"
	"strings"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

// ErrorCode says why a line was refused.
type ErrorCode string

// The codes of refusals.
const (
	BeforeBillingStart    ErrorCode = "BEFORE_BILLING_START"
	PeriodAlreadyInvoiced ErrorCode = "PERIOD_ALREADY_INVOICED"
	AgreementClosed       ErrorCode = "AGREEMENT_CLOSED"
	NoCompanyContact      ErrorCode = "NO_COMPANY_CONTACT"
	RecordMissing         ErrorCode = "RECORD_MISSING"
	CurrencyMismatch      ErrorCode = "CURRENCY_MISMATCH"
	Refused               ErrorCode = "REFUSED"
)

// refusal is why a line was refused, with a sentence that says what to do.
type refusal struct {
	Code    ErrorCode
	Message string
}

// refusalOf says what a refusal of ConnectWise means. agreement is as ConnectWise told it after the refusal, with no
// ID if it does not have it; effective is the first day of the Addition that was refused.
//
// What ConnectWise writes is for people and changes, so the record is believed first, then the field that is
// named, and words only where neither tells.
func refusalOf(err error, agreement psa.Agreement, effective, today civil.Date) refusal {
	var said *psa.RefusedError
	if !errors.As(err, &said) {
		return refusal{Refused, "ConnectWise refused the line. Try again, or ask your administrator to look at it."}
	}
	about := func(names ...string) bool {
		for _, d := range said.Details {
			for _, name := range names {
				if strings.Contains(strings.ToLower(d.Field), name) {
					return true
				}
			}
		}
		return false
	}
	words := strings.ToLower(said.Error())
	switch {
	case agreement.ID == 0 && psa.IsNotFound(err):
		return missing("agreement")
	case agreement.ID != 0 && agreement.IsClosed(today), about("agreement") && strings.Contains(words, "cancel"):
		return closed()
	case agreement.ID != 0 && effective.Before(agreement.BillStartDate):
		return refusal{BeforeBillingStart, fmt.Sprintf("The charge starts on %s, but the agreement bills from %s on. "+
			"Choose a later Charge Start Date, or set an earlier billing start for the agreement in ConnectWise; then post again.", effective, agreement.BillStartDate)}
	case about("effectivedate") && strings.Contains(words, "billing start"):
		return refusal{BeforeBillingStart, fmt.Sprintf("The charge starts on %s, before the agreement's billing starts. "+
			"Choose a later Charge Start Date, or set an earlier billing start for the agreement in ConnectWise; then post again.", effective)}
	case about("effectivedate"), strings.Contains(words, "already been invoiced"), strings.Contains(words, "already invoiced"):
		return refusal{PeriodAlreadyInvoiced, "ConnectWise has invoiced this period already, and the agreement does not prorate, so the charge would never be billed. " +
			"Choose a Charge Start Date on or after the agreement's next invoice date, or switch proration on in ConnectWise; then post again."}
	case about("product") && (psa.IsNotFound(err) || strings.Contains(words, "not found") || strings.Contains(words, "does not exist")):
		return missing("product")
	case psa.IsNotFound(err):
		return missing("record")
	}
	return refusal{Refused, "ConnectWise refused the line: " + quote(said) + " Correct that and post again."}
}

func missing(what string) refusal {
	refresh := "Sync Organizations"
	if what == "product" {
		refresh = "Load Products"
	}
	return refusal{RecordMissing, "ConnectWise no longer has the " + what + ". " + refresh + ", map to a record that exists, then post again."}
}

func closed() refusal {
	return refusal{AgreementClosed, "The agreement is cancelled or has ended in ConnectWise. Map the contract to an open one, or reopen it; then post again."}
}

func mismatch(agreement psa.Agreement, currency string) refusal {
	return refusal{CurrencyMismatch, fmt.Sprintf("The agreement is in %s and the contract in %s. Map the contract to an agreement in its own currency; then post again.",
		agreement.Currency, currency)}
}

func mismatchOfCompany(company psa.Company, currency string) refusal {
	return refusal{CurrencyMismatch, fmt.Sprintf("An agreement must be created for the contract, but the company is in %s and the contract in %s. "+
		"Map the contract to an agreement in its own currency; then post again.", company.Currency, currency)}
}

func withoutContact() refusal {
	return refusal{NoCompanyContact, "An agreement must be created for the contract, and ConnectWise needs a contact for it, but the company has no default contact. " +
		"Set one in ConnectWise, or map the contract to an agreement; then post again."}
}

// cannotRead says that ConnectWise does not let be read what something is to be posted to.
func cannotRead(what string, err error) refusal {
	said := "it did not answer"
	var refused *psa.RefusedError
	var unavailable *psa.UnavailableError
	switch {
	case errors.As(err, &refused):
		said = quote(refused)
	case errors.As(err, &unavailable):
		said = unavailable.Reason
	}
	return refusal{Refused, "ConnectWise does not let " + what + " be read, so that nothing could be posted there: " + strings.TrimRight(said, ". ") +
		". Correct that in ConnectWise, then post again."}
}

// quote repeats what ConnectWise said as a sentence.
func quote(said *psa.RefusedError) string {
	texts := make([]string, 0, len(said.Details))
	for _, d := range said.Details {
		texts = append(texts, strings.TrimRight(d.Message, ". ")+".")
	}
	if len(texts) == 0 {
		texts = append(texts, strings.TrimRight(said.Message, ". ")+".")
	}
	return strings.Join(texts, " ")
}
