// Package condition reads and evaluates the filter language of ConnectWise's REST API: what callers write
// into the conditions, childConditions and customFieldConditions parameters.
//
//	company/identifier = "acme" and (endDate = null or endDate > [2026-04-01])
//
// The language binds AND closer than OR, matches keywords and names without regard to case, writes date-times
// in brackets and texts in either kind of quote. The package knows nothing of records: a Resolver tells it
// what a name means. Start reading at Parse, then Compile.
package condition

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Error says why a condition cannot be understood, in a sentence for the caller of the API.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) *Error { return &Error{Message: fmt.Sprintf(format, args...)} }

// UnknownName is the error of a name that no field has.
func UnknownName(name string) *Error { return errorf("%s is not a recognized name.", name) }

// Expression is a parsed condition: one of *All, *Any, *Comparison, *Membership and *Pattern.
type Expression interface{ expression() }

// All holds when every term holds, Any when one does.
type (
	All struct{ Terms []Expression }
	Any struct{ Terms []Expression }
)

// Comparison compares a field with a literal.
type Comparison struct {
	Path     string
	Operator Operator
	Value    Literal
}

// Membership holds when a field equals one of the values, or with Not none of them.
type Membership struct {
	Path   string
	Not    bool
	Values []Literal
}

// Pattern matches a text field: as a part of it with Contains, by wildcards without.
type Pattern struct {
	Path     string
	Not      bool
	Contains bool
	Text     string
}

func (*All) expression()        {}
func (*Any) expression()        {}
func (*Comparison) expression() {}
func (*Membership) expression() {}
func (*Pattern) expression()    {}

// Operator is one of = != < <= > >=.
type Operator string

// The six operators.
const (
	Equal          Operator = "="
	NotEqual       Operator = "!="
	Less           Operator = "<"
	LessOrEqual    Operator = "<="
	Greater        Operator = ">"
	GreaterOrEqual Operator = ">="
)

// accepts reports whether the operator holds for the sign of a three-way comparison.
func (o Operator) accepts(sign int) bool {
	switch o {
	case Equal:
		return sign == 0
	case NotEqual:
		return sign != 0
	case Less:
		return sign < 0
	case LessOrEqual:
		return sign <= 0
	case Greater:
		return sign > 0
	default:
		return sign >= 0
	}
}

// Literal is a value written in a condition: nil for null, or a string, bool, decimal.Decimal or time.Time.
type Literal struct{ Value any }

func (l Literal) String() string {
	switch v := l.Value.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", v)
	case time.Time:
		return v.Format("[2006-01-02T15:04:05Z]")
	default:
		return fmt.Sprint(v)
	}
}

// Keys returns the integers one of which a field must equal for the expression to hold, in the order
// written, and whether the expression narrows the field to integers at all. It lets a reader look up
// "id in (1,2,3)" instead of reading everything.
func Keys(e Expression, path string) ([]int64, bool) {
	switch e := e.(type) {
	case *All:
		for _, term := range e.Terms {
			if keys, narrowed := Keys(term, path); narrowed {
				return keys, true
			}
		}
	case *Comparison:
		if e.Operator == Equal && strings.EqualFold(e.Path, path) {
			return keysOf([]Literal{e.Value})
		}
	case *Membership:
		if !e.Not && strings.EqualFold(e.Path, path) {
			return keysOf(e.Values)
		}
	}
	return nil, false
}

func keysOf(values []Literal) ([]int64, bool) {
	keys := make([]int64, 0, len(values))
	for _, value := range values {
		number, isNumber := value.Value.(decimal.Decimal)
		if !isNumber || !number.IsInteger() {
			return nil, false
		}
		keys = append(keys, number.IntPart())
	}
	return keys, true
}

// UsesIn reports whether the expression holds an IN list, which not every parameter allows.
func UsesIn(e Expression) bool {
	switch e := e.(type) {
	case *All:
		return slices.ContainsFunc(e.Terms, UsesIn)
	case *Any:
		return slices.ContainsFunc(e.Terms, UsesIn)
	case *Membership:
		return true
	}
	return false
}
