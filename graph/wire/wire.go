// Package wire compiles what a client selected of an object into a function that writes the object as JSON.
//
// gqlgen resolves every field of every row by itself, which costs it several microseconds each. Where all that
// is selected can be read off a row, a compiled selection costs a hundredth of that. It writes exactly what gqlgen
// would: the same keys in the same order, with aliases, fragments, @skip and @include applied. A selection that has
// anything it does not know is not compiled, and left to gqlgen. The package knows no domain. Start reading at Object.
package wire

import (
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Write appends the JSON of a value that can be read off a T.
type Write[T any] func(to *Buffer, from *T)

// Field compiles a field of a type, as it was selected, into what writes its value. It returns nil for what it does not
// cover.
type Field[T any] func(selected Selection) Write[T]

// Fields are the fields of a type, by name.
type Fields[T any] map[string]Field[T]

// Selection is a field as a client selected it.
type Selection struct {
	operation *graphql.OperationContext
	field     graphql.CollectedField
}

// Of returns the selection of a field in an operation.
func Of(operation *graphql.OperationContext, field graphql.CollectedField) Selection {
	return Selection{operation, field}
}

// IsConstant reports whether the selection is the same for all variables: nothing in the operation, or in a fragment of its
// document, has directives. Beside those below a field, those beside it count, where the same field may be selected again.
func (s Selection) IsConstant() bool {
	return !hasDirectives(s.operation.Operation.SelectionSet) &&
		!slices.ContainsFunc(s.operation.Doc.Fragments, func(f *ast.FragmentDefinition) bool { return hasDirectives(f.SelectionSet) })
}

// hasDirectives looks at what is written there, not into fragments that are spread.
func hasDirectives(selections ast.SelectionSet) bool {
	return slices.ContainsFunc(selections, func(selection ast.Selection) bool {
		switch of := selection.(type) {
		case *ast.Field:
			return len(of.Directives) > 0 || hasDirectives(of.SelectionSet)
		case *ast.InlineFragment:
			return len(of.Directives) > 0 || hasDirectives(of.SelectionSet)
		case *ast.FragmentSpread:
			return len(of.Directives) > 0
		}
		return true // of a kind that is not known
	})
}

// Object compiles the selection of an object whose type, and the interfaces that has, are named; nil if something
// selected is not among fields, or is for some callers only.
func Object[T any](selected Selection, fields Fields[T], types ...string) Write[T] {
	type member struct {
		key   string
		write Write[T]
	}
	collected := graphql.CollectFields(selected.operation, selected.field.Selections, types)
	members := make([]member, len(collected))
	for i, f := range collected {
		key := `"` + f.Alias + `":`
		if i > 0 {
			key = "," + key
		}
		members[i] = member{key, compile(Selection{selected.operation, f}, fields, types[0])}
		if members[i].write == nil {
			return nil
		}
	}
	return func(to *Buffer, from *T) {
		to.Raw("{") // everything selected may have been skipped
		for _, m := range members {
			to.Raw(m.key)
			m.write(to, from)
		}
		to.Raw("}")
	}
}

func compile[T any](selected Selection, fields Fields[T], typeName string) Write[T] {
	if selected.field.Name == "__typename" {
		name := `"` + typeName + `"`
		return func(to *Buffer, _ *T) { to.Raw(name) }
	}
	field, known := fields[selected.field.Name]
	if !known || isGuarded(selected.field.Definition) {
		return nil
	}
	return field(selected)
}

// isGuarded reports whether a field has directives, which only gqlgen heeds.
func isGuarded(definition *ast.FieldDefinition) bool {
	return definition == nil || len(definition.Directives) > 0 || len(definition.Arguments) > 0
}

// List returns a field that is a list of objects.
func List[T, E any](fields Fields[E], elements func(*T) []E, types ...string) Field[T] {
	return func(selected Selection) Write[T] {
		object := Object(selected, fields, types...)
		if object == nil {
			return nil
		}
		return func(to *Buffer, from *T) {
			to.Raw("[")
			for i, all := 0, elements(from); i < len(all); i++ {
				if i > 0 {
					to.Raw(",")
				}
				object(to, &all[i])
			}
			to.Raw("]")
		}
	}
}

// Nested returns a field that is an object, or null.
func Nested[T, N any](fields Fields[N], get func(*T) *N, types ...string) Field[T] {
	return func(selected Selection) Write[T] {
		object := Object(selected, fields, types...)
		if object == nil {
			return nil
		}
		return func(to *Buffer, from *T) {
			if n := get(from); n != nil {
				object(to, n)
			} else {
				to.Null()
			}
		}
	}
}

// OneOf returns a field whose object is of one of several types, each of which has a field that writes it, or null where choose
// names none of them.
func OneOf[T any, K comparable](choose func(*T) K, variants map[K]Field[T]) Field[T] {
	return func(selected Selection) Write[T] {
		compiled := make(map[K]Write[T], len(variants))
		for k, variant := range variants {
			if compiled[k] = variant(selected); compiled[k] == nil {
				return nil
			}
		}
		return func(to *Buffer, from *T) {
			if write := compiled[choose(from)]; write != nil {
				write(to, from)
			} else {
				to.Null()
			}
		}
	}
}
