package rule_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/psa"
)

var today = day("2026-05-18")

// ready are the facts of a line that posts to the agreement of its contract.
func ready() rule.Facts {
	return rule.Facts{
		SetupComplete:    true,
		InvoiceValid:     true,
		Company:          psa.Company{ID: 10, Currency: "EUR"},
		Product:          psa.Product{ID: 20},
		Agreements:       rule.Agreements{Contract: agreement(30)},
		ContractCurrency: "EUR",
		InvoiceCurrency:  "EUR",
		Start:            day("2026-05-01"),
		Today:            today,
	}
}

// agreement is an open one of the company of ready.
func agreement(id psa.RecordID) psa.Agreement {
	return psa.Agreement{ID: id, CompanyID: 10, Currency: "EUR"}
}

// change returns an agreement with one thing changed.
func change(a psa.Agreement, edit func(*psa.Agreement)) psa.Agreement {
	edit(&a)
	return a
}

func ofAnotherCompany(a *psa.Agreement) { a.CompanyID = 11 }
func cancelled(a *psa.Agreement)        { a.Cancelled = true }
func deleted(a *psa.Agreement)          { a.Deleted = true }
func inDollars(a *psa.Agreement)        { a.Currency = "USD" }
func withoutCurrency(a *psa.Agreement)  { a.Currency = "" }
func ended(on string) func(*psa.Agreement) {
	return func(a *psa.Agreement) { a.EndDate = day(on) }
}

// named lists blockers as "CODE of SUBJECT".
func named(blockers []rule.Blocker) []string {
	var names []string
	for _, b := range blockers {
		names = append(names, string(b.Code)+" of "+string(b.Subject))
	}
	return names
}

func TestBlockers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with func(*rule.Facts)
		want []string
	}{
		"nothing blocks a line whose facts are all right": {func(*rule.Facts) {}, nil},
		"the set-up is incomplete":                        {func(f *rule.Facts) { f.SetupComplete = false }, []string{"SETUP_INCOMPLETE of "}},
		"the invoice is not valid":                        {func(f *rule.Facts) { f.InvoiceValid = false }, []string{"INVOICE_NOT_VALID of INVOICE_LINE"}},
		"the line is not listed":                          {func(f *rule.Facts) { f.Unlisted = true }, []string{"INVOICE_NOT_VALID of INVOICE_LINE"}},
		"an invoice that is not valid lists no line": {
			func(f *rule.Facts) { f.InvoiceValid, f.Unlisted = false, true }, []string{"INVOICE_NOT_VALID of INVOICE_LINE"},
		},
		"the organization is excluded": {func(f *rule.Facts) { f.Excluded = true }, []string{"ORGANIZATION_EXCLUDED of ORGANIZATION"}},
		"the offer is not mapped":      {func(f *rule.Facts) { f.Product = psa.Product{} }, []string{"PRODUCT_UNMAPPED of OFFER"}},
		"the organization is not mapped, and its agreement is judged once it is": {
			func(f *rule.Facts) { f.Company = psa.Company{} }, []string{"ORGANIZATION_UNMAPPED of ORGANIZATION"},
		},

		"no agreement: one will be created": {func(f *rule.Facts) { f.Agreements.Contract = psa.Agreement{} }, nil},
		"no agreement, and the company is shared": {
			func(f *rule.Facts) { f.Agreements.Contract, f.CompanyShared = psa.Agreement{}, true }, []string{"AGREEMENT_REQUIRED of CONTRACT"},
		},
		"the contract's agreement is enough where the company is shared": {func(f *rule.Facts) { f.CompanyShared = true }, nil},
		"the line's own agreement is enough where the company is shared": {
			func(f *rule.Facts) {
				f.Agreements, f.CompanyShared = rule.Agreements{Line: agreement(31)}, true
			}, nil,
		},
		"a created agreement is not enough where the company is shared": {
			func(f *rule.Facts) {
				f.Agreements, f.CompanyShared = rule.Agreements{Created: agreement(32)}, true
			}, []string{"AGREEMENT_REQUIRED of CONTRACT"},
		},
		"a created agreement posts where the company is not shared": {
			func(f *rule.Facts) { f.Agreements = rule.Agreements{Created: agreement(32)} }, nil,
		},

		"the contract's agreement is another company's": {
			func(f *rule.Facts) { f.Agreements.Contract = change(agreement(30), ofAnotherCompany) },
			[]string{"AGREEMENT_NOT_OF_COMPANY of CONTRACT"},
		},
		"the line's own agreement is another company's": {
			func(f *rule.Facts) { f.Agreements.Line = change(agreement(31), ofAnotherCompany) },
			[]string{"AGREEMENT_NOT_OF_COMPANY of INVOICE_LINE"},
		},
		"the line's own agreement stands before the contract's, which is another company's": {
			func(f *rule.Facts) {
				f.Agreements = rule.Agreements{Line: agreement(31), Contract: change(agreement(30), ofAnotherCompany)}
			}, nil,
		},
		"a created agreement of another company is set aside": {
			func(f *rule.Facts) {
				f.Agreements = rule.Agreements{Created: change(agreement(32), ofAnotherCompany)}
			}, nil,
		},
		"a created agreement is set aside with all its faults": {
			func(f *rule.Facts) {
				f.Agreements = rule.Agreements{Created: psa.Agreement{ID: 32, CompanyID: 11, Currency: "USD", Cancelled: true, Deleted: true}}
			}, nil,
		},
		"the faults of a created agreement do not matter while the contract is mapped": {
			func(f *rule.Facts) { f.Agreements.Created = change(agreement(32), cancelled) }, nil,
		},

		"the contract's agreement is cancelled": {
			func(f *rule.Facts) { f.Agreements.Contract = change(agreement(30), cancelled) }, []string{"AGREEMENT_CLOSED of CONTRACT"},
		},
		"the contract's agreement ended yesterday": {
			func(f *rule.Facts) { f.Agreements.Contract = change(agreement(30), ended("2026-05-17")) }, []string{"AGREEMENT_CLOSED of CONTRACT"},
		},
		"the contract's agreement ends today": {
			func(f *rule.Facts) { f.Agreements.Contract = change(agreement(30), ended("2026-05-18")) }, nil,
		},
		"the line's own agreement is cancelled": {
			func(f *rule.Facts) { f.Agreements.Line = change(agreement(31), cancelled) }, []string{"AGREEMENT_CLOSED of INVOICE_LINE"},
		},
		"a created agreement was cancelled in ConnectWise": {
			func(f *rule.Facts) {
				f.Agreements = rule.Agreements{Created: change(agreement(32), cancelled)}
			}, []string{"AGREEMENT_CLOSED of CONTRACT"},
		},

		"the company is gone": {func(f *rule.Facts) { f.Company.Deleted = true }, []string{"PSA_RECORD_MISSING of ORGANIZATION"}},
		"the product is gone": {func(f *rule.Facts) { f.Product.Deleted = true }, []string{"PSA_RECORD_MISSING of OFFER"}},
		"an inactive product": {func(f *rule.Facts) { f.Product.Inactive = true }, nil},
		"the contract's agreement is gone": {
			func(f *rule.Facts) { f.Agreements.Contract = change(agreement(30), deleted) }, []string{"PSA_RECORD_MISSING of CONTRACT"},
		},
		"the line's own agreement is gone": {
			func(f *rule.Facts) { f.Agreements.Line = change(agreement(31), deleted) }, []string{"PSA_RECORD_MISSING of INVOICE_LINE"},
		},
		"a created agreement is gone": {
			func(f *rule.Facts) { f.Agreements = rule.Agreements{Created: change(agreement(32), deleted)} },
			[]string{"PSA_RECORD_MISSING of CONTRACT"},
		},

		"the charge ends before it starts":        {func(f *rule.Facts) { f.End = day("2026-04-30") }, []string{"DATE_RANGE_INVALID of INVOICE_LINE"}},
		"the charge ends on the day it starts":    {func(f *rule.Facts) { f.End = day("2026-05-01") }, nil},
		"the charge ends after the day it starts": {func(f *rule.Facts) { f.End = day("2026-05-31") }, nil},

		"the contract's agreement is in another currency": {
			func(f *rule.Facts) { f.Agreements.Contract = change(agreement(30), inDollars) }, []string{"CURRENCY_MISMATCH of CONTRACT"},
		},
		"the line's own agreement is in another currency": {
			func(f *rule.Facts) { f.Agreements.Line = change(agreement(31), inDollars) }, []string{"CURRENCY_MISMATCH of INVOICE_LINE"},
		},
		"a created agreement is in another currency": {
			func(f *rule.Facts) { f.Agreements = rule.Agreements{Created: change(agreement(32), inDollars)} },
			[]string{"CURRENCY_MISMATCH of CONTRACT"},
		},
		"an agreement's currency counts, not its company's": {func(f *rule.Facts) { f.Company.Currency = "USD" }, nil},
		"an agreement that tells no currency takes any": {
			func(f *rule.Facts) {
				f.Company.Currency, f.Agreements.Contract = "USD", change(agreement(30), withoutCurrency)
			}, nil,
		},
		"without an agreement, the company's currency counts": {
			func(f *rule.Facts) { f.Company.Currency, f.Agreements.Contract = "USD", psa.Agreement{} }, []string{"CURRENCY_MISMATCH of CONTRACT"},
		},
		"a currency ConnectWise does not tell is not compared": {
			func(f *rule.Facts) { f.Company.Currency, f.Agreements.Contract = "", psa.Agreement{} }, nil,
		},
		"the invoice is in another currency than its contract": {
			func(f *rule.Facts) { f.InvoiceCurrency = "USD" }, []string{"CURRENCY_MISMATCH of INVOICE_LINE"},
		},

		"all that is wrong is told, in order": {
			func(f *rule.Facts) {
				*f = rule.Facts{
					Excluded: true,
					Company:  psa.Company{ID: 10, Deleted: true},
					Agreements: rule.Agreements{
						Contract: psa.Agreement{ID: 30, CompanyID: 11, Currency: "USD", Cancelled: true, Deleted: true},
					},
					ContractCurrency: "EUR", InvoiceCurrency: "GBP",
					Start: day("2026-05-01"), End: day("2026-04-30"), Today: today,
				}
			},
			[]string{
				"SETUP_INCOMPLETE of ", "INVOICE_NOT_VALID of INVOICE_LINE", "ORGANIZATION_EXCLUDED of ORGANIZATION", "PRODUCT_UNMAPPED of OFFER",
				"AGREEMENT_NOT_OF_COMPANY of CONTRACT", "AGREEMENT_CLOSED of CONTRACT",
				"PSA_RECORD_MISSING of ORGANIZATION", "PSA_RECORD_MISSING of CONTRACT", "DATE_RANGE_INVALID of INVOICE_LINE",
				"CURRENCY_MISMATCH of CONTRACT", "CURRENCY_MISMATCH of INVOICE_LINE",
			},
		},
		"a line of which nothing is known yet": {
			func(f *rule.Facts) { *f = rule.Facts{Start: day("2026-05-01"), Today: today} },
			[]string{"SETUP_INCOMPLETE of ", "INVOICE_NOT_VALID of INVOICE_LINE", "ORGANIZATION_UNMAPPED of ORGANIZATION", "PRODUCT_UNMAPPED of OFFER"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := ready()
			c.with(&facts)
			if diff := cmp.Diff(c.want, named(rule.Blockers(facts))); diff != "" {
				t.Errorf("Blockers(%+v) (-want +got):\n%s", facts, diff)
			}
		})
	}
}

func TestBlockersTellAnInvoiceThatIsNotValidFromALineThatIsGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		valid, unlisted bool
		want            rule.Reason
		message         string
	}{
		{false, false, "INVOICE_NOT_VALID", "The invoice is not verified, or not any more. Verify it on the Platform and load its month again."},
		{false, true, "INVOICE_NOT_VALID", "The invoice is not verified, or not any more. Verify it on the Platform and load its month again."},
		{true, true, "INVOICE_NOT_VALID:LINE", "The Platform does not list the line any more. It is not posted unless a later load finds it again."},
	} {
		facts := ready()
		facts.InvoiceValid, facts.Unlisted = c.valid, c.unlisted
		if got := rule.Reasons(facts); len(got) != 1 || got[0] != c.want || got[0].Explain().Message != c.message {
			t.Errorf("with the invoice valid %t and the line unlisted %t the reasons are %v, want %s", c.valid, c.unlisted, got, c.want)
		}
	}
}

func TestBlockersSayWhatToDo(t *testing.T) {
	t.Parallel()
	facts := ready()
	facts.End = day("2026-04-30")
	facts.InvoiceCurrency = "GBP"
	facts.Agreements.Line = change(agreement(31), inDollars)
	var got []string
	for _, b := range rule.Blockers(facts) {
		got = append(got, b.Message)
	}
	want := []string{
		"The charge ends before it starts. Correct one of the two dates.",
		"The agreement chosen for this line is in another currency than the contract. Choose one in the contract's currency, or return the line to its contract's.",
		"The invoice is in another currency than its contract. Have one of them corrected on the Platform and load the month again.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages of Blockers(%+v) (-want +got):\n%s", facts, diff)
	}
}
