package condition

import (
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Kind says what a field holds and so what it may be compared with.
type Kind int

const (
	// Text fields hold strings, compared without regard to case.
	Text Kind = iota
	// Enumeration fields hold one of a few strings.
	Enumeration
	// Number fields hold int64 or decimal.Decimal values.
	Number
	// Boolean fields hold bool values.
	Boolean
	// Time fields hold time.Time values.
	Time
	// Reference fields hold anything; they can only be compared with null.
	Reference
	// Scalar fields hold a string, a number or a bool as each row pleases, like the value of a custom field.
	Scalar
)

// Field is what a name in a condition stands for.
type Field[Row any] struct {
	Kind Kind
	// OneOf lists what an Enumeration may be compared with.
	OneOf []string
	// Get returns the value in a row: nil when there is none, or as the Kind says. Several values, of which
	// one must match, are a Many.
	Get func(Row) any
}

// Many is the value of a field that occurs several times in a row.
type Many []any

// Resolver finds the field of a name; the error says that there is none, as UnknownName does.
type Resolver[Row any] func(path string) (Field[Row], error)

// Compile turns an expression into a test for rows. Names and types are checked here, once; the test does
// not fail. Fields without a value match nothing but "= null", as in SQL. A nil expression matches all.
func Compile[Row any](e Expression, resolve Resolver[Row]) (func(Row) bool, error) {
	switch e := e.(type) {
	case *All:
		return compileTerms(e.Terms, resolve, false)
	case *Any:
		return compileTerms(e.Terms, resolve, true)
	case *Comparison:
		field, err := resolve(e.Path)
		if err != nil {
			return nil, err
		}
		matches, err := comparison(e, field.Kind, field.OneOf)
		if err != nil {
			return nil, err
		}
		return rowTest(field, matches), nil
	case *Membership:
		return compileMembership(e, resolve)
	case *Pattern:
		return compilePattern(e, resolve)
	default:
		return func(Row) bool { return true }, nil
	}
}

// rowTest applies a test of values to the field of a row.
func rowTest[Row any](field Field[Row], matches func(any) bool) func(Row) bool {
	return func(row Row) bool {
		value := field.Get(row)
		many, isMany := value.(Many)
		if !isMany {
			return matches(value)
		}
		for _, one := range many {
			if matches(one) {
				return true
			}
		}
		return len(many) == 0 && matches(nil)
	}
}

// compileTerms joins tests; until is the outcome of one term that decides the whole.
func compileTerms[Row any](terms []Expression, resolve Resolver[Row], until bool) (func(Row) bool, error) {
	tests := make([]func(Row) bool, len(terms))
	for i, term := range terms {
		test, err := Compile(term, resolve)
		if err != nil {
			return nil, err
		}
		tests[i] = test
	}
	return func(row Row) bool {
		for _, test := range tests {
			if test(row) == until {
				return until
			}
		}
		return !until
	}, nil
}

func compileMembership[Row any](m *Membership, resolve Resolver[Row]) (func(Row) bool, error) {
	field, err := resolve(m.Path)
	if err != nil {
		return nil, err
	}
	tests := make([]func(any) bool, len(m.Values))
	for i, value := range m.Values {
		if value.Value == nil {
			return nil, errorf("null is not allowed in the list for %s.", m.Path)
		}
		equal := &Comparison{Path: m.Path, Operator: Equal, Value: value}
		if tests[i], err = comparison(equal, field.Kind, field.OneOf); err != nil {
			return nil, err
		}
	}
	return rowTest(field, func(value any) bool {
		for _, test := range tests {
			if test(value) {
				return !m.Not
			}
		}
		return m.Not && value != nil
	}), nil
}

func compilePattern[Row any](p *Pattern, resolve Resolver[Row]) (func(Row) bool, error) {
	field, err := resolve(p.Path)
	if err != nil {
		return nil, err
	}
	switch field.Kind {
	case Text, Enumeration, Scalar:
	default:
		return nil, errorf("%s is not a text and cannot be matched with %q.", p.Path, p.Text)
	}
	matches := compileWildcards(p.Text).match
	if p.Contains {
		part := fold(p.Text)
		matches = func(text string) bool { return strings.Contains(fold(text), part) }
	}
	return rowTest(field, func(value any) bool {
		text, isText := value.(string)
		return isText && matches(text) != p.Not
	}), nil
}

// comparison returns the test of one value against the literal of c.
func comparison(c *Comparison, kind Kind, oneOf []string) (func(any) bool, error) {
	if c.Value.Value == nil {
		return nullComparison(c)
	}
	switch kind {
	case Text:
		if text, isText := c.Value.Value.(string); isText {
			return textTest(c.Operator, text), nil
		}
	case Enumeration:
		return enumerationTest(c, oneOf)
	case Number:
		return numberTest(c)
	case Boolean:
		return booleanTest(c)
	case Time:
		if moment, isTime := c.Value.Value.(time.Time); isTime {
			return timeTest(c.Operator, moment), nil
		}
	case Scalar:
		return scalarTest(c), nil
	}
	return nil, mismatch(c)
}

func mismatch(c *Comparison) error {
	return errorf("%s cannot be compared with %s.", c.Path, c.Value)
}

func nullComparison(c *Comparison) (func(any) bool, error) {
	switch c.Operator {
	case Equal:
		return func(value any) bool { return value == nil }, nil
	case NotEqual:
		return func(value any) bool { return value != nil }, nil
	}
	return nil, errorf("%s can only be = null or != null.", c.Path)
}

func textTest(operator Operator, literal string) func(any) bool {
	folded := fold(literal)
	return func(value any) bool {
		text, isText := value.(string)
		return isText && operator.accepts(strings.Compare(fold(text), folded))
	}
}

func enumerationTest(c *Comparison, oneOf []string) (func(any) bool, error) {
	text, isText := c.Value.Value.(string)
	for _, known := range oneOf {
		if isText && strings.EqualFold(known, text) {
			return textTest(c.Operator, text), nil
		}
	}
	return nil, errorf("Enum value supplied was invalid")
}

// numberTest also takes numbers in quotes, as callers who quote every value send them.
func numberTest(c *Comparison) (func(any) bool, error) {
	number, isNumber := c.Value.Value.(decimal.Decimal)
	if text, isText := c.Value.Value.(string); isText && len(text) <= maxNumberLength {
		parsed, err := decimal.NewFromString(text)
		number, isNumber = parsed, err == nil && parsed.Exponent() <= maxNumberLength
	}
	if !isNumber {
		return nil, mismatch(c)
	}
	whole, isWhole := wholeNumber(number)
	return func(value any) bool {
		switch v := value.(type) {
		case int64:
			if isWhole {
				return c.Operator.accepts(compareIntegers(v, whole))
			}
			return c.Operator.accepts(decimal.NewFromInt(v).Cmp(number))
		case decimal.Decimal:
			return c.Operator.accepts(v.Cmp(number))
		}
		return false
	}, nil
}

// wholeNumber returns the number as an int64 where it fits into one.
func wholeNumber(d decimal.Decimal) (int64, bool) {
	if !d.IsInteger() {
		return 0, false
	}
	whole := d.BigInt()
	return whole.Int64(), whole.IsInt64()
}

func compareIntegers(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func booleanTest(c *Comparison) (func(any) bool, error) {
	wanted, isBoolean := c.Value.Value.(bool)
	if text, isText := c.Value.Value.(string); isText {
		parsed, err := strconv.ParseBool(strings.ToLower(text))
		wanted, isBoolean = parsed, err == nil
	}
	if !isBoolean || (c.Operator != Equal && c.Operator != NotEqual) {
		return nil, mismatch(c)
	}
	return func(value any) bool {
		got, isBoolean := value.(bool)
		return isBoolean && (got == wanted) == (c.Operator == Equal)
	}, nil
}

func timeTest(operator Operator, moment time.Time) func(any) bool {
	return func(value any) bool {
		t, isTime := value.(time.Time)
		return isTime && operator.accepts(t.Compare(moment))
	}
}

// scalarTest compares by what the row holds; a literal of another type does not match it.
func scalarTest(c *Comparison) func(any) bool {
	var tests []func(any) bool
	switch literal := c.Value.Value.(type) {
	case string:
		tests = append(tests, textTest(c.Operator, literal))
	case time.Time:
		tests = append(tests, timeTest(c.Operator, literal))
	}
	if test, err := numberTest(c); err == nil {
		tests = append(tests, test)
	}
	if test, err := booleanTest(c); err == nil {
		tests = append(tests, test)
	}
	return func(value any) bool {
		for _, test := range tests {
			if test(value) {
				return true
			}
		}
		return false
	}
}
