package rule_test

import (
	"testing"

	"crosswalk/internal/invoicing/rule"
)

func TestParseChargeType(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]rule.ChargeType{
		"CycleFee":       rule.CycleFee,
		"PurchaseFee":    rule.PurchaseFee,
		"Correction":     rule.Correction,
		"UsageFee":       rule.UsageFee,
		"ItemFee":        rule.ItemFee,
		"OneTimeFee":     rule.OneTimeFee,
		"UserCorrection": rule.UserCorrection,
	} {
		if got, known := rule.ParseChargeType(word); got != want || !known {
			t.Errorf("ParseChargeType(%q) = %s, %t; want %s, true", word, got, known, want)
		}
	}
	for _, word := range []string{"", "SetupFee", "cyclefee", "CYCLE_FEE", "CycleFee ", "OTHER"} {
		if got, known := rule.ParseChargeType(word); got != rule.OtherCharge || known {
			t.Errorf("ParseChargeType(%q) = %s, %t; want %s, false", word, got, known, rule.OtherCharge)
		}
	}
}

func TestRecurrenceOf(t *testing.T) {
	t.Parallel()
	const subscription = "0f8fad5b"
	for name, c := range map[string]struct {
		charge        rule.ChargeType
		customInvoice bool
		subscription  string
		want          rule.Recurrence
	}{
		"a cycle fee recurs":                                  {rule.CycleFee, false, subscription, rule.Recurring},
		"a purchase fee recurs":                               {rule.PurchaseFee, false, subscription, rule.Recurring},
		"a correction is charged once":                        {rule.Correction, false, subscription, rule.OneTime},
		"usage is charged once":                               {rule.UsageFee, false, subscription, rule.OneTime},
		"an item fee is charged once, like a cycle as it is":  {rule.ItemFee, false, subscription, rule.OneTime},
		"a one-time fee is charged once":                      {rule.OneTimeFee, false, subscription, rule.OneTime},
		"a user's correction is charged once":                 {rule.UserCorrection, false, subscription, rule.OneTime},
		"a charge of an unknown type is charged once":         {rule.OtherCharge, false, subscription, rule.OneTime},
		"a cycle fee on a custom invoice is charged once":     {rule.CycleFee, true, subscription, rule.OneTime},
		"a cycle fee without a subscription is charged once":  {rule.CycleFee, false, "", rule.OneTime},
		"a purchase fee on a custom invoice is charged once":  {rule.PurchaseFee, true, "", rule.OneTime},
		"a correction without a subscription is charged once": {rule.Correction, false, "", rule.OneTime},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := rule.RecurrenceOf(c.charge, c.customInvoice, c.subscription); got != c.want {
				t.Errorf("RecurrenceOf(%s, %t, %q) = %s, want %s", c.charge, c.customInvoice, c.subscription, got, c.want)
			}
		})
	}
}

func TestIsCustomInvoice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source, offer string
		want          bool
	}{
		"an offer on a standard invoice":                       {"Standard", "Microsoft 365 E3", false},
		"an offer on a custom invoice":                         {"Custom", "Microsoft 365 E3", true},
		"the stand-in offer on a standard invoice":             {"Standard", "Offer for Default Subscription", true},
		"the stand-in offer on a custom invoice":               {"Custom", "Offer for Default Subscription", true},
		"an offer that merely begins like the stand-in":        {"Standard", "Offer for Default Subscription Plus", false},
		"an invoice whose source the Platform does not tell":   {"", "Microsoft 365 E3", false},
		"an invoice from a source that did not exist till now": {"Imported", "Microsoft 365 E3", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := rule.IsCustomInvoice(c.source, c.offer); got != c.want {
				t.Errorf("IsCustomInvoice(%q, %q) = %t, want %t", c.source, c.offer, got, c.want)
			}
		})
	}
}
