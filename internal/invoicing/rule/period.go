package rule

import (
	"slices"

	"crosswalk/internal/civil"
)

// Lines are loaded and shown by the calendar month of their invoice's date, which civil.Date.YearMonth tells.

// LoadPeriod names a month that can be loaded.
type LoadPeriod string

// The months that can be loaded.
const (
	CurrentMonth  LoadPeriod = "CURRENT_MONTH"
	PreviousMonth LoadPeriod = "PREVIOUS_MONTH"
)

// MonthsToLoad returns the months that periods name, each once and the oldest first. Today is the date it is
// where the seller is.
func MonthsToLoad(today civil.Date, periods []LoadPeriod) []civil.YearMonth {
	var months []civil.YearMonth
	if slices.Contains(periods, PreviousMonth) {
		months = append(months, today.YearMonth().Add(-1))
	}
	if slices.Contains(periods, CurrentMonth) {
		months = append(months, today.YearMonth())
	}
	return months
}

// monthsBack is how far back lines can be shown.
const monthsBack = 15

// EarliestMonth returns the earliest month whose lines can be shown: fifteen months before today's.
func EarliestMonth(today civil.Date) civil.YearMonth {
	return today.YearMonth().Add(-monthsBack)
}

// CanShow reports whether lines of a month can be shown. A month that was never loaded can: it is empty.
func CanShow(month civil.YearMonth, today civil.Date) bool {
	return month.Compare(EarliestMonth(today)) >= 0
}
