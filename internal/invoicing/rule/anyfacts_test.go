package rule_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/psa"
)

// codes are all the codes, in the order that Blockers keeps.
var codes = []rule.BlockerCode{
	rule.SetupIncomplete, rule.InvoiceNotValid, rule.OrganizationUnmapped, rule.OrganizationExcluded, rule.ProductUnmapped,
	rule.AgreementRequired, rule.AgreementNotOfCompany, rule.AgreementClosed, rule.PsaRecordMissing,
	rule.DateRangeInvalid, rule.CurrencyMismatch,
}

// Facts are mostly right, so that lines which may post are drawn as well.
var (
	rarely     = rapid.SampledFrom([]bool{false, false, false, false, false, false, false, true})
	often      = rapid.Map(rarely, func(rare bool) bool { return !rare })
	currencies = rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "", "USD"})
)

var agreements = maybe(rapid.Custom(func(t *rapid.T) psa.Agreement {
	return psa.Agreement{
		ID: 30, CompanyID: rapid.SampledFrom([]psa.RecordID{10, 10, 10, 11}).Draw(t, "company"), Currency: currencies.Draw(t, "currency"),
		Cancelled: rarely.Draw(t, "cancelled"), Deleted: rarely.Draw(t, "deleted"), EndDate: maybe(days).Draw(t, "end date"),
	}
}))

var facts = rapid.Custom(func(t *rapid.T) rule.Facts {
	f := rule.Facts{
		SetupComplete: often.Draw(t, "set-up complete"), InvoiceValid: often.Draw(t, "invoice valid"), Unlisted: rarely.Draw(t, "unlisted"), Excluded: rarely.Draw(t, "excluded"),
		Agreements: rule.Agreements{
			Line: agreements.Draw(t, "line's agreement"), Contract: agreements.Draw(t, "contract's agreement"), Created: agreements.Draw(t, "created agreement"),
		},
		ContractCurrency: "EUR", InvoiceCurrency: rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "USD"}).Draw(t, "invoice currency"),
		Start: days.Draw(t, "start"), End: maybe(days).Draw(t, "end"), Today: today,
	}
	if often.Draw(t, "organization mapped") {
		f.Company = psa.Company{ID: 10, Currency: currencies.Draw(t, "company currency"), Deleted: rarely.Draw(t, "company deleted")}
		f.CompanyShared = rapid.Bool().Draw(t, "company shared")
	}
	if often.Draw(t, "offer mapped") {
		f.Product = psa.Product{ID: 20, Deleted: rarely.Draw(t, "product deleted")}
	}
	return f
})

// has reports whether one of codes is among blockers.
func has(blockers []rule.Blocker, codes ...rule.BlockerCode) bool {
	return slices.ContainsFunc(blockers, func(b rule.Blocker) bool { return slices.Contains(codes, b.Code) })
}

func TestBlockersHoldForAllFacts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := facts.Draw(t, "facts")
		blockers := rule.Blockers(f)
		positions := make([]int, len(blockers))
		for i, b := range blockers {
			positions[i] = slices.Index(codes, b.Code)
			if (b.Subject == rule.NoSubject) != (b.Code == rule.SetupIncomplete) {
				t.Errorf("subject of %s = %q", b.Code, b.Subject)
			}
			if !strings.HasSuffix(b.Message, ".") || strings.Contains(b.Message, "%!") || strings.Contains(b.Message, "  ") {
				t.Errorf("message of %s = %q, want whole sentences", b.Code, b.Message)
			}
		}
		if !slices.IsSorted(positions) || slices.Contains(positions, -1) {
			t.Errorf("Blockers = %v, want the order of %v", named(blockers), codes)
		}
		if mapped := !has(blockers, rule.OrganizationUnmapped, rule.ProductUnmapped, rule.AgreementRequired); f.IsMapped() != mapped {
			t.Errorf("IsMapped() = %t beside %v, want %t", f.IsMapped(), named(blockers), mapped)
		}
		status := rule.StatusOf(blockers)
		if (status == rule.Excluded) != f.Excluded || (status == rule.Ready) != (len(blockers) == 0) {
			t.Errorf("StatusOf(%v) = %s with excluded %t", named(blockers), status, f.Excluded)
		}
	})
}

// TestReadyIsWhatMayPost compares the status with the conditions of posting, each said once more in the
// positive: nothing goes to the wrong company, to a record that is gone, in another currency, or past what
// users decided, and nothing else is held back.
func TestReadyIsWhatMayPost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := facts.Draw(t, "facts")
		agreement, origin := f.Agreement()
		chosen := origin == rule.AgreementOfLine || origin == rule.AgreementOfContract
		currency := cmp.Or(agreement.Currency, f.ContractCurrency)
		if origin == rule.NoAgreement {
			currency = cmp.Or(f.Company.Currency, f.ContractCurrency)
		}
		mayPost := f.SetupComplete && f.InvoiceValid && !f.Unlisted && !f.Excluded &&
			f.Company.ID != 0 && !f.Company.Deleted &&
			f.Product.ID != 0 && !f.Product.Deleted &&
			(chosen || !f.CompanyShared) &&
			(origin == rule.NoAgreement || agreement.CompanyID == f.Company.ID && !agreement.Deleted && !agreement.IsClosed(today)) &&
			(f.End.IsZero() || f.Start.Compare(f.End) <= 0) &&
			currency == f.ContractCurrency && f.InvoiceCurrency == f.ContractCurrency
		if blockers := rule.Blockers(f); (rule.StatusOf(blockers) == rule.Ready) != mayPost {
			t.Errorf("StatusOf(%v) = %s for %+v, which may post: %t", named(blockers), rule.StatusOf(blockers), f, mayPost)
		}
	})
}

func TestACreatedAgreementOfAnotherCompanyChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := facts.Draw(t, "facts")
		f.Agreements.Created = psa.Agreement{}
		without := rule.Blockers(f)
		f.Agreements.Created = psa.Agreement{ID: 32, CompanyID: 11, Cancelled: true, Deleted: true, Currency: "USD"}
		if diff := gocmp.Diff(without, rule.Blockers(f)); diff != "" {
			t.Errorf("Blockers(%+v) (-without the created agreement +with it):\n%s", f, diff)
		}
	})
}
