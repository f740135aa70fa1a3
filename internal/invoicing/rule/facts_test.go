package rule_test

import (
	"testing"

	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/psa"
)

func TestAgreementOfALine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with   func(*rule.Facts)
		want   psa.RecordID
		origin rule.AgreementOrigin
	}{
		"the contract's": {func(*rule.Facts) {}, 30, rule.AgreementOfContract},
		"the line's own before the contract's and a created one": {
			func(f *rule.Facts) { f.Agreements.Line, f.Agreements.Created = agreement(31), agreement(32) }, 31, rule.AgreementOfLine,
		},
		"the contract's before a created one": {
			func(f *rule.Facts) { f.Agreements.Created = agreement(32) }, 30, rule.AgreementOfContract,
		},
		"a choice by hand, even where it does not fit": {
			func(f *rule.Facts) {
				f.Agreements = rule.Agreements{Contract: change(agreement(30), ofAnotherCompany), Created: agreement(32)}
			}, 30, rule.AgreementOfContract,
		},
		"a created one": {
			func(f *rule.Facts) { f.Agreements = rule.Agreements{Created: agreement(32)} }, 32, rule.AgreementAutoCreated,
		},
		"none, since the created one is another company's": {
			func(f *rule.Facts) {
				f.Agreements = rule.Agreements{Created: change(agreement(32), ofAnotherCompany)}
			}, 0, rule.NoAgreement,
		},
		"none, since the company is shared now": {
			func(f *rule.Facts) {
				f.Agreements, f.CompanyShared = rule.Agreements{Created: agreement(32)}, true
			}, 0, rule.NoAgreement,
		},
		"none, since the organization is not mapped any more": {
			func(f *rule.Facts) {
				f.Agreements, f.Company = rule.Agreements{Created: agreement(32)}, psa.Company{}
			}, 0, rule.NoAgreement,
		},
		"none at all": {func(f *rule.Facts) { f.Agreements = rule.Agreements{} }, 0, rule.NoAgreement},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := ready()
			c.with(&facts)
			if got, origin := facts.Agreement(); got.ID != c.want || origin != c.origin {
				t.Errorf("Agreement() of %+v = %d, %s; want %d, %s", facts, got.ID, origin, c.want, c.origin)
			}
		})
	}
}

func TestIsMapped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with func(*rule.Facts)
		want bool
	}{
		"organization, offer and contract are mapped": {func(*rule.Facts) {}, true},
		"the organization is not":                     {func(f *rule.Facts) { f.Company = psa.Company{} }, false},
		"the offer is not":                            {func(f *rule.Facts) { f.Product = psa.Product{} }, false},
		"the contract is not and need not be":         {func(f *rule.Facts) { f.Agreements = rule.Agreements{} }, true},
		"the contract is not where it must be": {
			func(f *rule.Facts) { f.Agreements, f.CompanyShared = rule.Agreements{}, true }, false,
		},
		"a created agreement is not one that was chosen": {
			func(f *rule.Facts) {
				f.Agreements, f.CompanyShared = rule.Agreements{Created: agreement(32)}, true
			}, false,
		},
		"the line's own agreement is": {
			func(f *rule.Facts) {
				f.Agreements, f.CompanyShared = rule.Agreements{Line: agreement(31)}, true
			}, true,
		},
		"records that are gone are mapped all the same": {
			func(f *rule.Facts) { f.Company.Deleted, f.Product.Deleted = true, true }, true,
		},
		"an excluded organization is mapped all the same": {func(f *rule.Facts) { f.Excluded = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := ready()
			c.with(&facts)
			if got := facts.IsMapped(); got != c.want {
				t.Errorf("IsMapped() of %+v = %t, want %t", facts, got, c.want)
			}
		})
	}
}
