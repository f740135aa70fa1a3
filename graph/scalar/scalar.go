// Package scalar reads and writes the scalar values of the schema.
//
// It is where everything a stranger can put into a single value is checked: texts are valid Unicode
// without NUL and of bounded length, numbers fit, dates exist. Every refusal is an *Error.
package scalar

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// MaxText bounds one text value, in bytes.
const MaxText = 10_000

// Error is a value that cannot be used.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// Code is the error's code for clients.
func (e *Error) Code() string { return "BAD_USER_INPUT" }

// Extensions returns nothing more.
func (e *Error) Extensions() map[string]any { return nil }

func errorf(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// MarshalString writes a text.
func MarshalString(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalString reads a text of at most MaxText bytes.
func UnmarshalString(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", errorf("must be a string")
	}
	switch {
	case len(s) > MaxText:
		return "", errorf("must not be longer than %d bytes; it has %d", MaxText, len(s))
	case !utf8.ValidString(s):
		return "", errorf("must be valid UTF-8")
	case strings.ContainsRune(s, 0):
		return "", errorf("must not contain the NUL character")
	}
	return s, nil
}

// MarshalID writes a node id.
func MarshalID(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalID reads a node id. Numbers are taken as their digits, as GraphQL has it; whether they name anything is for others to say.
func UnmarshalID(v any) (string, error) {
	switch n := v.(type) {
	case json.Number:
		return n.String(), nil
	case int64:
		return strconv.FormatInt(n, 10), nil
	}
	return UnmarshalString(v)
}

// MarshalInt writes a whole number.
func MarshalInt(n int) graphql.Marshaler { return graphql.MarshalInt(n) }

// UnmarshalInt reads a whole number of 32 bits.
func UnmarshalInt(v any) (int, error) {
	var n int64
	var err error
	switch value := v.(type) {
	case int64:
		n = value
	case json.Number:
		n, err = strconv.ParseInt(value.String(), 10, 64)
	default:
		err = strconv.ErrSyntax
	}
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, errorf("must be a whole number of 32 bits")
	}
	return int(n), nil
}

// MarshalBoolean writes true or false.
func MarshalBoolean(b bool) graphql.Marshaler { return graphql.MarshalBoolean(b) }

// UnmarshalBoolean reads true or false.
func UnmarshalBoolean(v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, errorf("must be true or false")
	}
	return b, nil
}

// MarshalDate writes YYYY-MM-DD.
func MarshalDate(d civil.Date) graphql.Marshaler { return raw(`"` + d.String() + `"`) }

// UnmarshalDate reads YYYY-MM-DD.
func UnmarshalDate(v any) (civil.Date, error) {
	s, _ := v.(string)
	d, err := civil.ParseDate(s)
	if err != nil {
		return d, errorf("must be a calendar date of the form 2026-05-18")
	}
	return d, nil
}

// MarshalYearMonth writes YYYY-MM.
func MarshalYearMonth(m civil.YearMonth) graphql.Marshaler { return raw(`"` + m.String() + `"`) }

// UnmarshalYearMonth reads YYYY-MM.
func UnmarshalYearMonth(v any) (civil.YearMonth, error) {
	s, _ := v.(string)
	m, err := civil.ParseYearMonth(s)
	if err != nil {
		return m, errorf("must be a month of the form 2026-05")
	}
	return m, nil
}

// MarshalDateTime writes an instant in UTC.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return raw(`"` + t.UTC().Format(time.RFC3339Nano) + `"`)
}

// UnmarshalDateTime reads an instant of any zone.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, errorf("must be an instant of the form 2026-05-18T09:30:00Z")
	}
	return t.UTC(), nil
}

// MarshalDecimal writes the digits in a string.
func MarshalDecimal(d decimal.Decimal) graphql.Marshaler { return raw(`"` + d.String() + `"`) }

// UnmarshalDecimal reads digits from a string, or from a number as it was written.
func UnmarshalDecimal(v any) (decimal.Decimal, error) {
	var digits string
	switch n := v.(type) {
	case string:
		digits = n
	case json.Number:
		digits = n.String()
	case int64:
		digits = strconv.FormatInt(n, 10)
	}
	d, err := decimal.NewFromString(digits)
	if err != nil || len(digits) > 60 || strings.ContainsAny(digits, "eE") {
		return decimal.Decimal{}, errorf(`must be a decimal number in a string, as in "12.34"`)
	}
	return d, nil
}

// MarshalCurrencyCode writes a currency's code.
func MarshalCurrencyCode(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalCurrencyCode reads three capital letters.
func UnmarshalCurrencyCode(v any) (string, error) {
	s, _ := v.(string)
	if len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", errorf("must be a currency code of three capital letters, as in EUR")
	}
	return s, nil
}

func raw(text string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, text) })
}
