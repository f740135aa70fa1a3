// Package civil holds calendar values that carry no clock and no zone: dates and months.
//
// Invoices, charge periods and agreement dates are calendar values; turning them into instants is how a
// day gets lost at a zone border. Everything here is pure. Start reading at Date and Date.AddMonths.
package civil

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// Date is one day of the Gregorian calendar. The zero value is not a valid date; IsZero tells it apart.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads "YYYY-MM-DD" and refuses days that do not exist.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 { // there is no year 0
		return Date{}, fmt.Errorf("%q is not a calendar date of the form 2026-05-18", s)
	}
	return DateOf(t), nil
}

// MustParseDate is ParseDate for constants and tests; it panics on a malformed date.
func MustParseDate(s string) Date {
	d, err := ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// DateOf returns the date of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{Year: y, Month: m, Day: d}
}

// String returns "YYYY-MM-DD".
func (d Date) String() string {
	month := int(d.Month)
	if d.Year < 0 || d.Year > 9999 || month < 0 || month > 99 || d.Day < 0 || d.Day > 99 {
		return fmt.Sprintf("%04d-%02d-%02d", d.Year, month, d.Day)
	}
	digit := func(n int) byte { return byte('0' + n%10) }
	return string([]byte{
		digit(d.Year / 1000), digit(d.Year / 100), digit(d.Year / 10), digit(d.Year), '-',
		digit(month / 10), digit(month), '-', digit(d.Day / 10), digit(d.Day),
	})
}

// IsZero reports whether d is the zero value, which stands for no date.
func (d Date) IsZero() bool { return d == Date{} }

// Before reports whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.Compare(other) < 0 }

// After reports whether d is a later day than other.
func (d Date) After(other Date) bool { return d.Compare(other) > 0 }

// Compare returns -1, 0 or 1 as d is before, equal to or after other.
func (d Date) Compare(other Date) int {
	return d.utc().Compare(other.utc())
}

// AddDays returns the day n days after d; n may be negative.
func (d Date) AddDays(n int) Date { return DateOf(d.utc().AddDate(0, 0, n)) }

// AddMonths returns the same day n months later, clamped to the last day of the target month:
// 31 May less three months is 28 (or 29) February, never a day in March. n may be negative.
func (d Date) AddMonths(n int) Date {
	target := d.YearMonth().Add(n)
	day := min(d.Day, target.LastDay().Day)
	return Date{Year: target.Year, Month: target.Month, Day: day}
}

// YearMonth returns the month d lies in.
func (d Date) YearMonth() YearMonth { return YearMonth{Year: d.Year, Month: d.Month} }

// Midnight returns the first instant of d in UTC, the form ConnectWise stores calendar dates in.
func (d Date) Midnight() time.Time { return d.utc() }

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// MarshalJSON writes "YYYY-MM-DD", or null for the zero value.
func (d Date) MarshalJSON() ([]byte, error) {
	if d.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(d.String())
}

// UnmarshalJSON reads "YYYY-MM-DD"; null leaves d unchanged.
func (d *Date) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("a date must be a string of the form 2026-05-18: %w", err)
	}
	parsed, err := ParseDate(s)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Value stores d as a PostgreSQL date.
func (d Date) Value() (driver.Value, error) {
	if d.IsZero() {
		return nil, nil
	}
	return d.String(), nil
}

// Scan reads a PostgreSQL date; NULL becomes the zero value.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = Date{}
		return nil
	case time.Time:
		*d = DateOf(v)
		return nil
	case []byte:
		return d.scanText(string(v))
	case string:
		return d.scanText(v)
	}
	return fmt.Errorf("cannot read a date from %T", src)
}

func (d *Date) scanText(s string) error {
	parsed, err := ParseDate(s)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
