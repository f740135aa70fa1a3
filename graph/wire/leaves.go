package wire

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"
)

// leaf is a field that is not selected from any further.
func leaf[T any](write Write[T]) Field[T] {
	return func(Selection) Write[T] { return write }
}

// Text returns a field that is a text.
func Text[T any, S ~string](get func(*T) S) Field[T] {
	return leaf(func(to *Buffer, from *T) { to.Text(string(get(from))) })
}

// OptionalText returns a field that is a text, or null.
func OptionalText[T any](get func(*T) *string) Field[T] {
	return leaf(func(to *Buffer, from *T) {
		if text := get(from); text != nil {
			to.Text(*text)
		} else {
			to.Null()
		}
	})
}

// TextOrNull returns a field that is a text, or null for an empty one.
func TextOrNull[T any](get func(*T) string) Field[T] {
	return leaf(func(to *Buffer, from *T) {
		if text := get(from); text != "" {
			to.Text(text)
		} else {
			to.Null()
		}
	})
}

// Printed returns a field that is a text of what a value prints as, which has nothing in it that JSON writes otherwise.
func Printed[T any, S fmt.Stringer](get func(*T) S) Field[T] {
	return leaf(func(to *Buffer, from *T) { to.quoted(get(from).String()) })
}

// OptionalPrinted is Printed, or null.
func OptionalPrinted[T any, S fmt.Stringer](get func(*T) *S) Field[T] {
	return leaf(func(to *Buffer, from *T) {
		if value := get(from); value != nil {
			to.quoted((*value).String())
		} else {
			to.Null()
		}
	})
}

// Int returns a field that is a whole number.
func Int[T any, N ~int | ~int32 | ~int64](get func(*T) N) Field[T] {
	return leaf(func(to *Buffer, from *T) { to.Int(int64(get(from))) })
}

// Boolean returns a field that is true or false.
func Boolean[T any](get func(*T) bool) Field[T] {
	return leaf(func(to *Buffer, from *T) { to.Boolean(get(from)) })
}

// OptionalInstant returns a field that is an instant, or null.
func OptionalInstant[T any](get func(*T) *time.Time) Field[T] {
	return leaf(func(to *Buffer, from *T) {
		if at := get(from); at != nil {
			to.Instant(*at)
		} else {
			to.Null()
		}
	})
}

// ID returns a field that is the node id of a record of a type, by its number.
func ID[T any](typeName string, number func(*T) int64) Field[T] {
	return leaf(func(to *Buffer, from *T) { to.ID(typeName, number(from)) })
}

// OptionalDecimal returns a field that is the digits of a number in a string, or null.
func OptionalDecimal[T any](get func(*T) decimal.NullDecimal) Field[T] {
	return leaf(func(to *Buffer, from *T) {
		if n := get(from); n.Valid {
			to.quoted(n.Decimal.String())
		} else {
			to.Null()
		}
	})
}
