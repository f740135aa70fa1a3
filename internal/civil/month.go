package civil

import (
	"fmt"
	"time"
)

// YearMonth is one calendar month, the unit invoices are loaded and shown by.
type YearMonth struct {
	Year  int
	Month time.Month
}

// ParseYearMonth reads "YYYY-MM".
func ParseYearMonth(s string) (YearMonth, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil || t.Year() < 1 {
		return YearMonth{}, fmt.Errorf("%q is not a month of the form 2026-05", s)
	}
	return YearMonth{Year: t.Year(), Month: t.Month()}, nil
}

// String returns "YYYY-MM".
func (m YearMonth) String() string { return fmt.Sprintf("%04d-%02d", m.Year, int(m.Month)) }

// Add returns the month n months later; n may be negative.
func (m YearMonth) Add(n int) YearMonth {
	t := time.Date(m.Year, m.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return YearMonth{Year: t.Year(), Month: t.Month()}
}

// FirstDay returns the first day of the month.
func (m YearMonth) FirstDay() Date { return Date{Year: m.Year, Month: m.Month, Day: 1} }

// LastDay returns the last day of the month, leap years included.
func (m YearMonth) LastDay() Date { return m.Add(1).FirstDay().AddDays(-1) }

// Compare returns -1, 0 or 1 as m is before, equal to or after other.
func (m YearMonth) Compare(other YearMonth) int { return m.FirstDay().Compare(other.FirstDay()) }
