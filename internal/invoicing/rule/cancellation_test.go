package rule_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
)

func TestCancellations(t *testing.T) {
	t.Parallel()
	may := rule.LoadedMonth{
		Month:         month("2026-05"),
		Subscriptions: map[string]bool{"live": true, "unmapped": true},
		Organizations: map[int64]bool{7: true},
	}
	january := rule.LoadedMonth{Month: month("2026-01"), Organizations: map[int64]bool{7: true}}
	march := rule.LoadedMonth{Month: month("2028-03"), Organizations: map[int64]bool{7: true}}
	addition := func(subscription string, organization int64, effective string) rule.LastingAddition {
		return rule.LastingAddition{ID: 1, SubscriptionID: subscription, OrganizationID: organization, EffectiveDate: day(effective)}
	}
	for name, c := range map[string]struct {
		month    rule.LoadedMonth
		addition rule.LastingAddition
		want     string
	}{
		"a subscription that is gone ends with the month before":       {may, addition("gone", 7, "2026-01-10"), "2026-04-30"},
		"the month before January is December":                         {january, addition("gone", 7, "2025-01-10"), "2025-12-31"},
		"the month before March ends on the leap day":                  {march, addition("gone", 7, "2027-01-10"), "2028-02-29"},
		"one that is invoiced stays":                                   {may, addition("live", 7, "2026-01-10"), ""},
		"one whose line may not post stays":                            {may, addition("unmapped", 7, "2026-01-10"), ""},
		"one of an organization without an invoice in the month stays": {may, addition("gone", 8, "2026-01-10"), ""},
		"one that starts on the last day ends on it":                   {may, addition("gone", 7, "2026-04-30"), "2026-04-30"},
		"one that starts later does not end before it starts":          {may, addition("gone", 7, "2026-05-15"), "2026-05-15"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []rule.Cancellation
			if c.want != "" {
				want = []rule.Cancellation{{Addition: c.addition, Date: day(c.want)}}
			}
			got := c.month.Cancellations([]rule.LastingAddition{c.addition})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Cancellations(%+v) of %+v (-want +got):\n%s", c.addition, c.month, diff)
			}
		})
	}
}

// TestCancellationsOverManyMonths bills subscriptions at random, month after month: whatever is cancelled was
// not billed that month, to an organization that was, and is never cancelled twice.
func TestCancellationsOverManyMonths(t *testing.T) {
	t.Parallel()
	subscriptions := []string{"a", "b", "c", "d"}
	organizationOf := map[string]int64{"a": 1, "b": 1, "c": 2, "d": 3}
	rapid.Check(t, func(t *rapid.T) {
		open := map[string]rule.LastingAddition{}
		billed := civil.YearMonth{Year: 2026, Month: 1}
		for range rapid.IntRange(1, 12).Draw(t, "months") {
			month := rule.LoadedMonth{Month: billed, Subscriptions: map[string]bool{}, Organizations: map[int64]bool{}}
			for _, s := range rapid.SliceOfDistinct(rapid.SampledFrom(subscriptions), rapid.ID).Draw(t, "billed") {
				month.Subscriptions[s] = true
				month.Organizations[organizationOf[s]] = rapid.Bool().Draw(t, "eligible")
				if _, posted := open[s]; !posted && month.Organizations[organizationOf[s]] {
					open[s] = rule.LastingAddition{SubscriptionID: s, OrganizationID: organizationOf[s], EffectiveDate: billed.FirstDay()}
				}
			}
			checkCancellations(t, month, open)
			billed = billed.Add(1)
		}
	})
}

// checkCancellations cancels what a month says is gone, and removes it from the open Additions.
func checkCancellations(t *rapid.T, month rule.LoadedMonth, open map[string]rule.LastingAddition) {
	var additions []rule.LastingAddition
	for _, addition := range open {
		additions = append(additions, addition)
	}
	cancelled := map[string]bool{}
	for _, c := range month.Cancellations(additions) {
		subscription := c.Addition.SubscriptionID
		if month.Subscriptions[subscription] || !month.Organizations[c.Addition.OrganizationID] || cancelled[subscription] {
			t.Fatalf("in %+v, %s was cancelled", month, subscription)
		}
		if c.Date != month.Month.FirstDay().AddDays(-1) {
			t.Fatalf("in %s, %s ends on %s, want the last day of the month before", month.Month, subscription, c.Date)
		}
		cancelled[subscription] = true
		delete(open, subscription)
	}
	for _, left := range open {
		if month.Organizations[left.OrganizationID] && !month.Subscriptions[left.SubscriptionID] {
			t.Fatalf("in %+v, %s was not cancelled", month, left.SubscriptionID)
		}
	}
}
