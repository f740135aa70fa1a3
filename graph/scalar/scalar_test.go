package scalar

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"pgregory.net/rapid"
)

func written(m graphql.Marshaler) string {
	var b strings.Builder
	m.MarshalGQL(&b)
	return b.String()
}

func TestValuesAreTakenOnlyAsTheirTypeWritesThem(t *testing.T) {
	t.Parallel()
	read := map[string]func(any) (any, error){
		"String":       func(v any) (any, error) { return UnmarshalString(v) },
		"ID":           func(v any) (any, error) { return UnmarshalID(v) },
		"Int":          func(v any) (any, error) { return UnmarshalInt(v) },
		"Boolean":      func(v any) (any, error) { return UnmarshalBoolean(v) },
		"Date":         func(v any) (any, error) { return UnmarshalDate(v) },
		"YearMonth":    func(v any) (any, error) { return UnmarshalYearMonth(v) },
		"DateTime":     func(v any) (any, error) { return UnmarshalDateTime(v) },
		"Decimal":      func(v any) (any, error) { return UnmarshalDecimal(v) },
		"CurrencyCode": func(v any) (any, error) { return UnmarshalCurrencyCode(v) },
	}
	for _, tt := range []struct {
		name, scalar string
		value        any
		accepted     bool
	}{
		{"a text", "String", "Ärzte & Söhne", true},
		{"a number is no text", "String", json.Number("5"), false},
		{"a text with NUL", "String", "a\x00b", false},
		{"a text that is not UTF-8", "String", "a\xff", false},
		{"a text that is too long", "String", strings.Repeat("x", MaxText+1), false},
		{"an id", "ID", "T3JnYW5pemF0aW9uOjE", true},
		{"a number as an id", "ID", json.Number("17"), true},
		{"a whole number", "Int", json.Number("20"), true},
		{"a whole number in the document", "Int", int64(20), true},
		{"a text is no number", "Int", "20", false},
		{"a broken number", "Int", json.Number("1.5"), false},
		{"a number of more than 32 bits", "Int", json.Number("2147483648"), false},
		{"true", "Boolean", true, true},
		{"a text is no boolean", "Boolean", "true", false},
		{"a date", "Date", "2026-02-28", true},
		{"a day that does not exist", "Date", "2026-02-30", false},
		{"an instant is no date", "Date", "2026-02-28T00:00:00Z", false},
		{"a month", "YearMonth", "2026-02", true},
		{"a thirteenth month", "YearMonth", "2026-13", false},
		{"an instant", "DateTime", "2026-02-28T10:00:00+02:00", true},
		{"an instant without a zone", "DateTime", "2026-02-28T10:00:00", false},
		{"a decimal", "Decimal", "-12.3400", true},
		{"a decimal in the document", "Decimal", json.Number("12.5"), true},
		{"a decimal with an exponent", "Decimal", "1e9", false},
		{"no decimal at all", "Decimal", "twelve", false},
		{"a currency", "CurrencyCode", "EUR", true},
		{"a currency in small letters", "CurrencyCode", "eur", false},
		{"a currency of four letters", "CurrencyCode", "EURO", false},
	} {
		_, err := read[tt.scalar](tt.value)
		if (err == nil) != tt.accepted {
			t.Errorf("%s: %s of %v gave %v, accepted should be %t", tt.name, tt.scalar, tt.value, err, tt.accepted)
		}
		var refusal *Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Code() != "BAD_USER_INPUT") {
			t.Errorf("%s: the refusal %v is not a BAD_USER_INPUT", tt.name, err)
		}
	}
}

func TestInstantsAreWrittenInUTC(t *testing.T) {
	t.Parallel()
	instant, err := UnmarshalDateTime("2026-02-28T10:00:00+02:00")
	if err != nil {
		t.Fatal(err)
	}
	if got := written(MarshalDateTime(instant)); got != `"2026-02-28T08:00:00Z"` {
		t.Errorf("written as %s, want 08:00 in UTC", got)
	}
}

func TestDecimalsComeBackToTheLastDigit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`-?[1-9][0-9]{0,20}(\.[0-9]{0,5}[1-9])?`).Draw(t, "digits")
		d, err := UnmarshalDecimal(digits)
		if err != nil {
			t.Fatal(err)
		}
		if got := written(MarshalDecimal(d)); got != `"`+digits+`"` {
			t.Fatalf("%s came back as %s", digits, got)
		}
	})
}
