package rule_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
)

func month(text string) civil.YearMonth { return day(text + "-01").YearMonth() }

func TestMonthsToLoad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		today   string
		periods []rule.LoadPeriod
		want    []civil.YearMonth
	}{
		"the current month":                      {"2026-05-18", []rule.LoadPeriod{rule.CurrentMonth}, []civil.YearMonth{month("2026-05")}},
		"the previous month":                     {"2026-05-18", []rule.LoadPeriod{rule.PreviousMonth}, []civil.YearMonth{month("2026-04")}},
		"the month before January":               {"2026-01-01", []rule.LoadPeriod{rule.PreviousMonth}, []civil.YearMonth{month("2025-12")}},
		"the last day of a longer month":         {"2026-03-31", []rule.LoadPeriod{rule.PreviousMonth}, []civil.YearMonth{month("2026-02")}},
		"both, the older first":                  {"2026-05-18", []rule.LoadPeriod{rule.CurrentMonth, rule.PreviousMonth}, []civil.YearMonth{month("2026-04"), month("2026-05")}},
		"one that is named twice is loaded once": {"2026-05-18", []rule.LoadPeriod{rule.CurrentMonth, rule.CurrentMonth}, []civil.YearMonth{month("2026-05")}},
		"none":                                   {"2026-05-18", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := rule.MonthsToLoad(day(c.today), c.periods)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("MonthsToLoad(%s, %v) (-want +got):\n%s", c.today, c.periods, diff)
			}
		})
	}
}

func TestCanShow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		month, today string
		want         bool
	}{
		"this month":                            {"2026-05", "2026-05-18", true},
		"fifteen months back":                   {"2025-02", "2026-05-18", true},
		"fifteen months back, on the last day":  {"2025-02", "2026-05-31", true},
		"fifteen months back, on the first day": {"2025-02", "2026-05-01", true},
		"sixteen months back":                   {"2025-01", "2026-05-18", false},
		"sixteen months back, on the last day":  {"2025-01", "2026-05-31", false},
		"a month to come":                       {"2026-06", "2026-05-18", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := rule.CanShow(month(c.month), day(c.today)); got != c.want {
				t.Errorf("CanShow(%s, %s) = %t, want %t; the earliest month is %s", c.month, c.today, got, c.want, rule.EarliestMonth(day(c.today)))
			}
		})
	}
}
