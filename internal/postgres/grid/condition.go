package grid

import (
	"database/sql/driver"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Condition is a predicate over the columns of a grid. A nil Condition holds for every row.
type Condition interface {
	build(*statement) string
}

type conditionFunc func(*statement) string

func (f conditionFunc) build(s *statement) string { return f(s) }

// All holds where every condition does; without conditions it holds everywhere. Nil conditions are left out.
func All(conditions ...Condition) Condition { return combine(" AND ", "TRUE", conditions) }

// Any holds where at least one condition does; without conditions it holds nowhere.
func Any(conditions ...Condition) Condition { return combine(" OR ", "FALSE", conditions) }

func combine(operator, empty string, conditions []Condition) Condition {
	var given []Condition
	for _, c := range conditions {
		if c != nil {
			given = append(given, c)
		}
	}
	switch {
	case len(given) == 1:
		return given[0]
	case len(given) == 0 && operator == " AND ":
		return nil
	}
	return combination{operator, empty, given}
}

type combination struct {
	operator, empty string
	conditions      []Condition
}

func (c combination) build(s *statement) string {
	if len(c.conditions) == 0 {
		return c.empty
	}
	parts := make([]string, len(c.conditions))
	for i, condition := range c.conditions {
		parts[i] = s.nest(condition)
	}
	return "(" + strings.Join(parts, c.operator) + ")"
}

// Not holds exactly where c does not, rows without a value included.
func Not(c Condition) Condition { return negation{c} }

type negation struct{ of Condition }

func (n negation) build(s *statement) string {
	if n.of == nil {
		return "FALSE"
	}
	return "(" + s.nest(n.of) + ") IS NOT TRUE"
}

// Operator compares a column with a value.
type Operator string

// The operators of Compare.
const (
	Equal          Operator = "="
	Less           Operator = "<"
	LessOrEqual    Operator = "<="
	Greater        Operator = ">"
	GreaterOrEqual Operator = ">="
)

// Compare holds where the column has a value that compares so with the one given.
func Compare(column string, operator Operator, value any) Condition {
	return comparison{column, operator, value}
}

type comparison struct {
	column   string
	operator Operator
	value    any
}

func (c comparison) build(s *statement) string {
	return s.use(c.column) + " " + string(c.operator) + " " + s.arg(c.value)
}

// Moving is a time that moves with the clock. A condition that compares with one is the same one a moment later, for the
// positions in cursors.
type Moving time.Time

// Value stores m as a time.
func (m Moving) Value() (driver.Value, error) { return time.Time(m), nil }

// MarshalJSON writes all such times alike.
func (m Moving) MarshalJSON() ([]byte, error) { return []byte(`"now"`), nil }

// isSteady reports whether a list is best read the same way whatever values the condition compares with.
func isSteady(c Condition) bool {
	switch of := c.(type) {
	case nil:
		return true
	case comparison:
		return of.operator == Equal
	case *search:
		return of.few // and read first
	case combination:
		return of.operator == " AND " && !slices.ContainsFunc(of.conditions, func(part Condition) bool { return !isSteady(part) })
	}
	return false
}

// byNumber is the condition of the rows with certain numbers.
type byNumber struct{ Condition }

// maxValues bounds the lists of values in a condition.
const maxValues = 1000

// OneOf holds where the column has one of the values, of which 1000 are taken; it holds nowhere when there are none.
func OneOf[T any](column string, values []T) Condition {
	return membership{column, values, len(values)}
}

type membership struct {
	column string
	values any
	count  int
}

func (m membership) build(s *statement) string {
	switch {
	case m.count == 0:
		return "FALSE"
	case m.count > maxValues:
		return s.refuse("at most %d values are taken in a list; this one has %d: split it", maxValues, m.count)
	}
	return s.use(m.column) + " = ANY(" + s.arg(m.values) + ")"
}

// maxConditions bounds how many conditions one is made of, ten values of a list counting as one: each of them is asked of
// every row.
const maxConditions = 1000

// CheckSize refuses, with an *InputError, a condition that is made of too many others.
func CheckSize(c Condition) error {
	if count := size(c); count > maxConditions {
		return inputErrorf("a filter has at most %d conditions, for which ten values of a list count as one; this one has %d: ask for less at a time",
			maxConditions, count)
	}
	return nil
}

// size is how many conditions one is made of. What holds everywhere or nowhere counts, too.
func size(c Condition) int {
	count := 0
	switch of := c.(type) {
	case negation:
		count = size(of.of)
	case membership:
		count = (of.count + 9) / 10
	case combination:
		for _, part := range of.conditions {
			count += size(part)
		}
	}
	return max(count, 1)
}

// Likely holds where c does, and has the database expect that this is every other row, where it would take a
// computed value for rare. A page is then read in the list's order rather than sorted out of all rows.
func Likely(c Condition) Condition {
	return conditionFunc(func(s *statement) string { return "CASE WHEN " + s.nest(c) + " THEN true ELSE false END" })
}

// Skewed holds where c does. It is for a column with values of which some are common and others rare, so that the list is
// not read the same way for all of them.
func Skewed(c Condition) Condition {
	return conditionFunc(func(s *statement) string { return s.nest(c) })
}

// Usual holds where c does, which is nearly everywhere, so that no window is needed to find rows where it does.
func Usual(c Condition) Condition { return usual{c} }

type usual struct{ Condition }

// Holds holds where the column, a Boolean, is true. The database sees what the column is made of.
func Holds(column string) Condition {
	return conditionFunc(func(s *statement) string { return "(" + s.use(column) + ")" })
}

// IsNull holds where the column has no value, or, with null false, where it has one.
func IsNull(column string, null bool) Condition {
	return conditionFunc(func(s *statement) string {
		if null {
			return s.use(column) + " IS NULL"
		}
		return s.use(column) + " IS NOT NULL"
	})
}

// Contains holds where the column contains text, ignoring case; % and _ mean themselves.
func Contains(column, text string) Condition {
	return like(column, text, Pattern(text))
}

// StartsWith holds where the column starts with text, ignoring case; % and _ mean themselves.
func StartsWith(column, text string) Condition {
	return like(column, text, Prefix(text))
}

// like refuses control characters, which no name has and one of which stands between the parts of a search column.
func like(column, text, pattern string) Condition {
	return conditionFunc(func(s *statement) string {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return s.refuse("a text to look for must not contain control characters, such as tabs and line breaks")
		}
		expression := s.use(column)
		if !s.grid.column(column).Folded {
			expression = "lower(" + expression + " COLLATE alphabetical)"
		}
		return expression + ` COLLATE "C" LIKE ` + folded(s.arg(pattern))
	})
}

// folded puts a pattern into lower case by the rules the stored text was, and back into the byte order of
// the search columns, which their index has.
func folded(placeholder string) string {
	return "lower(" + placeholder + `::text COLLATE alphabetical) COLLATE "C"`
}

var escaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Escape returns text as part of a LIKE pattern, in which % and _ mean themselves.
func Escape(text string) string { return escaper.Replace(text) }

// Expression is a predicate in SQL for what columns cannot say. The text is constant and has a ? for each
// argument; joins are named as in Column.
func Expression(joins []string, sql string, args ...any) Condition {
	return conditionFunc(func(s *statement) string {
		s.need(joins)
		s.bound = true
		return "(" + s.expand(sql, args) + ")"
	})
}

// Pattern returns the LIKE pattern for texts that contain text, in which % and _ mean themselves.
func Pattern(text string) string { return "%" + Escape(text) + "%" }

// Prefix returns the LIKE pattern for texts that start with text, in which % and _ mean themselves.
func Prefix(text string) string { return Escape(text) + "%" }
