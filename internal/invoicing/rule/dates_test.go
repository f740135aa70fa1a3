package rule_test

import (
	"testing"

	"pgregory.net/rapid"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
)

// day reads a date; the empty text is no date.
func day(text string) civil.Date {
	if text == "" {
		return civil.Date{}
	}
	return civil.MustParseDate(text)
}

func invoiced(invoice, start, end string) rule.Invoiced {
	return rule.Invoiced{InvoiceDate: day(invoice), ChargeStart: day(start), ChargeEnd: day(end)}
}

// decided is the decision for a date; no text is a decision that a charge never ends.
func decided(text string) rule.RuleDate { return rule.RuleDate{Decided: true, Date: day(text)} }

var undecided rule.RuleDate

func TestRulesDecideChargeDates(t *testing.T) {
	t.Parallel()
	plain := invoiced("2026-06-02", "2026-05-10", "2026-06-09")
	bare := invoiced("2026-06-02", "", "")
	for name, c := range map[string]struct {
		kind       account.ChargeDateRuleKind
		day        int
		invoiced   rule.Invoiced
		start, end rule.RuleDate
	}{
		"no rule decides nothing":                               {account.NoRule, 0, plain, undecided, undecided},
		"as invoiced takes the invoiced dates":                  {account.AsInvoiced, 0, plain, decided("2026-05-10"), decided("2026-06-09")},
		"as invoiced decides nothing where nothing is invoiced": {account.AsInvoiced, 0, bare, undecided, undecided},
		"the first day is that of the start's month":            {account.FirstDayOfMonth, 0, plain, decided("2026-05-01"), decided("2026-05-01")},
		"the last day is that of the start's month":             {account.LastDayOfMonth, 0, plain, decided("2026-05-31"), decided("2026-05-31")},
		"the last day of February in a leap year":               {account.LastDayOfMonth, 0, invoiced("2028-02-01", "2028-02-10", ""), decided("2028-02-29"), decided("2028-02-29")},
		"the next month is the one after the start's":           {account.FirstDayOfNextMonth, 0, plain, decided("2026-06-01"), decided("2026-06-01")},
		"the month after December is January":                   {account.FirstDayOfNextMonth, 0, invoiced("2026-12-31", "2026-12-31", ""), decided("2027-01-01"), decided("2027-01-01")},
		"the invoice date is the invoice's":                     {account.InvoiceDate, 0, plain, decided("2026-06-02"), decided("2026-06-02")},
		"a fixed day lies in the start's month":                 {account.FixedDay, 15, plain, decided("2026-05-15"), decided("2026-05-15")},
		"a fixed day after the end of a month is its last":      {account.FixedDay, 31, invoiced("2026-02-01", "2026-02-10", ""), decided("2026-02-28"), decided("2026-02-28")},
		"a fixed day on the leap day":                           {account.FixedDay, 30, invoiced("2028-02-01", "2028-02-10", ""), decided("2028-02-29"), decided("2028-02-29")},
		"no date is for ends only":                              {account.NoDate, 0, plain, undecided, decided("")},
		"without an invoiced start, months are the invoice's":   {account.FirstDayOfMonth, 0, bare, decided("2026-06-01"), decided("2026-06-01")},
		"without an invoiced start, a fixed day too":            {account.FixedDay, 31, bare, decided("2026-06-30"), decided("2026-06-30")},
		"an invoiced end does not move the month":               {account.LastDayOfMonth, 0, invoiced("2026-06-02", "", "2026-08-31"), decided("2026-06-30"), decided("2026-06-30")},
		"a rule of a kind unknown here decides nothing":         {"EVERY_OTHER_FRIDAY", 0, plain, undecided, undecided},
		"the empty rule decides nothing":                        {"", 0, plain, undecided, undecided},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := account.ChargeDateRule{Kind: c.kind, Day: c.day}
			if got := rule.StartByRule(by, c.invoiced); got != c.start {
				t.Errorf("StartByRule(%v, %v) = %v, want %v", by, c.invoiced, got, c.start)
			}
			if got := rule.EndByRule(by, c.invoiced); got != c.end {
				t.Errorf("EndByRule(%v, %v) = %v, want %v", by, c.invoiced, got, c.end)
			}
		})
	}
}

func TestEffectiveChargeDates(t *testing.T) {
	t.Parallel()
	byDefault := func(text string) rule.ChargeDate { return rule.ChargeDate{Date: day(text), Origin: rule.DefaultDate} }
	byRule := func(text string) rule.ChargeDate { return rule.ChargeDate{Date: day(text), Origin: rule.SystemUpdated} }
	byUser := func(text string) rule.ChargeDate { return rule.ChargeDate{Date: day(text), Origin: rule.UserUpdated} }
	feb := invoiced("2026-02-20", "2026-02-10", "2026-03-09")

	for name, c := range map[string]struct {
		rule.DateSources
		start, end rule.ChargeDate
	}{
		"recurring, nothing decided: invoiced start, no end": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.Recurring}, byDefault("2026-02-10"), byDefault(""),
		},
		"one-time, nothing decided: invoiced start, last day of its month": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.OneTime}, byDefault("2026-02-10"), byDefault("2026-02-28"),
		},
		"one-time in a leap year": {
			rule.DateSources{Invoiced: invoiced("2028-02-20", "2028-02-10", ""), Recurrence: rule.OneTime}, byDefault("2028-02-10"), byDefault("2028-02-29"),
		},
		"recurring, by rule": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.Recurring, RuleStart: decided("2026-02-01"), RuleEnd: decided("2026-02-28")},
			byRule("2026-02-01"), byRule("2026-02-28"),
		},
		"one-time, by rule": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.OneTime, RuleStart: decided("2026-02-01"), RuleEnd: decided("2026-03-09")},
			byRule("2026-02-01"), byRule("2026-03-09"),
		},
		"recurring, by the user without a rule": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.Recurring, UserStart: day("2026-02-12"), UserEnd: day("2026-12-31")},
			byUser("2026-02-12"), byUser("2026-12-31"),
		},
		"one-time, by the user without a rule": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.OneTime, UserStart: day("2026-02-12"), UserEnd: day("2026-12-31")},
			byUser("2026-02-12"), byUser("2026-12-31"),
		},
		"recurring, by the user against a rule": {
			rule.DateSources{
				Invoiced: feb, Recurrence: rule.Recurring, RuleStart: decided("2026-02-01"), RuleEnd: decided("2026-02-28"),
				UserStart: day("2026-02-12"), UserEnd: day("2026-12-31"),
			},
			byUser("2026-02-12"), byUser("2026-12-31"),
		},
		"one-time, by the user against a rule": {
			rule.DateSources{
				Invoiced: feb, Recurrence: rule.OneTime, RuleStart: decided("2026-02-01"), RuleEnd: decided("2026-02-28"),
				UserStart: day("2026-02-12"), UserEnd: day("2026-12-31"),
			},
			byUser("2026-02-12"), byUser("2026-12-31"),
		},
		"one-time, the rule decides that it never ends": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.OneTime, RuleEnd: decided("")}, byDefault("2026-02-10"), byRule(""),
		},
		"a user's end wins over a rule that there is none": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.Recurring, RuleEnd: decided(""), UserEnd: day("2026-12-31")},
			byDefault("2026-02-10"), byUser("2026-12-31"),
		},
		"the default end follows a start by rule": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.OneTime, RuleStart: decided("2026-03-01")}, byRule("2026-03-01"), byDefault("2026-03-31"),
		},
		"the default end follows a start by the user": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.OneTime, RuleStart: decided("2026-03-01"), UserStart: day("2026-04-15")},
			byUser("2026-04-15"), byDefault("2026-04-30"),
		},
		"without an invoiced start, the date of the invoice": {
			rule.DateSources{Invoiced: invoiced("2026-02-20", "", ""), Recurrence: rule.OneTime}, byDefault("2026-02-20"), byDefault("2026-02-28"),
		},
		"a rule that decides on the very default still counts as the rule": {
			rule.DateSources{Invoiced: feb, Recurrence: rule.OneTime, RuleStart: decided("2026-02-10"), RuleEnd: decided("2026-02-28")},
			byRule("2026-02-10"), byRule("2026-02-28"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.Start(); got != c.start {
				t.Errorf("Start() of %+v = %v, want %v", c.DateSources, got, c.start)
			}
			if got := c.End(); got != c.end {
				t.Errorf("End() of %+v = %v, want %v", c.DateSources, got, c.end)
			}
		})
	}
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		start, end string
		want       bool
	}{
		{"2026-05-10", "2026-05-11", true},
		{"2026-05-10", "2026-05-10", true},
		{"2026-05-10", "2026-05-09", false},
		{"2026-05-10", "", true},
	} {
		if got := rule.InOrder(day(c.start), day(c.end)); got != c.want {
			t.Errorf("InOrder(%q, %q) = %t, want %t", c.start, c.end, got, c.want)
		}
	}
}

// maybe draws what draw does, or the zero value.
func maybe[V any](draw *rapid.Generator[V]) *rapid.Generator[V] {
	var none V
	return rapid.OneOf(rapid.Just(none), draw)
}

var days = rapid.Custom(func(t *rapid.T) civil.Date {
	return civil.MustParseDate("2026-01-01").AddDays(rapid.IntRange(0, 1200).Draw(t, "days"))
})

var invoices = rapid.Custom(func(t *rapid.T) rule.Invoiced {
	return rule.Invoiced{
		InvoiceDate: days.Draw(t, "invoice date"),
		ChargeStart: maybe(days).Draw(t, "charge start"),
		ChargeEnd:   maybe(days).Draw(t, "charge end"),
	}
})

var dateRules = rapid.Custom(func(t *rapid.T) account.ChargeDateRule {
	kind := rapid.SampledFrom([]account.ChargeDateRuleKind{
		account.NoRule, account.AsInvoiced, account.FirstDayOfMonth, account.LastDayOfMonth,
		account.FirstDayOfNextMonth, account.InvoiceDate, account.FixedDay, account.NoDate,
	}).Draw(t, "kind")
	if kind != account.FixedDay {
		return account.ChargeDateRule{Kind: kind}
	}
	return account.ChargeDateRule{Kind: kind, Day: rapid.IntRange(1, 31).Draw(t, "day")}
})

// TestChargeDatesThroughEdits edits and clears the dates of a loaded line in any order: a user's date wins
// while it stands, and clearing it brings back exactly what was there before.
func TestChargeDatesThroughEdits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		line := rule.DateSources{
			Invoiced:   invoices.Draw(t, "invoiced"),
			Recurrence: rapid.SampledFrom([]rule.Recurrence{rule.Recurring, rule.OneTime}).Draw(t, "recurrence"),
		}
		line.RuleStart = rule.StartByRule(dateRules.Draw(t, "start rule"), line.Invoiced)
		line.RuleEnd = rule.EndByRule(dateRules.Draw(t, "end rule"), line.Invoiced)
		loaded := line

		t.Repeat(map[string]func(*rapid.T){
			"edit the start":  func(t *rapid.T) { line.UserStart = days.Draw(t, "start") },
			"edit the end":    func(t *rapid.T) { line.UserEnd = days.Draw(t, "end") },
			"clear the start": func(*rapid.T) { line.UserStart = civil.Date{} },
			"clear the end":   func(*rapid.T) { line.UserEnd = civil.Date{} },
			"": func(t *rapid.T) {
				start, end := line.Start(), line.End()
				if start.Date.IsZero() {
					t.Fatalf("Start() of %+v has no date", line)
				}
				checkSource(t, "Start()", line, start, line.UserStart, line.RuleStart)
				checkSource(t, "End()", line, end, line.UserEnd, line.RuleEnd)
				if line.UserStart.IsZero() && start != loaded.Start() {
					t.Fatalf("Start() of a line without a user's start = %v, want %v as loaded", start, loaded.Start())
				}
				if end.Origin == rule.DefaultDate {
					wantDefaultEnd(t, line, start.Date, end.Date)
				}
			},
		})
	})
}

func checkSource(t *rapid.T, what string, line rule.DateSources, got rule.ChargeDate, user civil.Date, byRule rule.RuleDate) {
	t.Helper()
	want := rule.ChargeDate{Date: got.Date, Origin: rule.DefaultDate}
	switch {
	case !user.IsZero():
		want = rule.ChargeDate{Date: user, Origin: rule.UserUpdated}
	case byRule.Decided:
		want = rule.ChargeDate{Date: byRule.Date, Origin: rule.SystemUpdated}
	}
	if got != want {
		t.Fatalf("%s of %+v = %v, want %v", what, line, got, want)
	}
}

func wantDefaultEnd(t *rapid.T, line rule.DateSources, start, end civil.Date) {
	t.Helper()
	if line.Recurrence == rule.Recurring {
		if !end.IsZero() {
			t.Fatalf("default end of the recurring line %+v = %s, want none", line, end)
		}
		return
	}
	if end.YearMonth() != start.YearMonth() || end.AddDays(1).Day != 1 {
		t.Fatalf("default end of the one-time line %+v = %s, want the last day of the month of %s", line, end, start)
	}
}
