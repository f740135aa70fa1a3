package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// variableCheck holds variables against their declared types as strictly as
// the GraphQL specification does. gqlparser has already refused most that do
// not fit, but lets through text for numbers, numbers for text, enum values in
// the wrong case and integers beyond 32 bits.
type variableCheck struct {
	schema *ast.Schema
	// nameValues allows to tell which values an enum has.
	nameValues bool
}

// operation returns what is wrong with the first variable that does not fit,
// or nil.
func (c variableCheck) operation(operation *ast.OperationDefinition, values map[string]any) *refusal {
	for _, variable := range operation.VariableDefinitions {
		value, given := values[variable.Variable]
		if !given {
			continue
		}
		if err := c.value(variable.Type, value, "$"+variable.Variable); err != nil {
			return err
		}
	}
	return nil
}

func (c variableCheck) value(expected *ast.Type, value any, path string) *refusal {
	if value == nil {
		return nil
	}
	if expected.Elem != nil {
		return c.list(expected.Elem, value, path)
	}
	definition := c.schema.Types[expected.NamedType]
	if definition == nil {
		return nil
	}
	switch definition.Kind {
	case ast.Enum:
		return c.enum(definition, value, path)
	case ast.InputObject:
		return c.object(definition, value, path)
	case ast.Scalar:
		if !fitsScalar(definition.Name, value) {
			return wrongType(path, definition.Name, value)
		}
	}
	return nil
}

func (c variableCheck) list(element *ast.Type, value any, path string) *refusal {
	items := reflect.ValueOf(value)
	if items.Kind() != reflect.Slice {
		return c.value(element, value, path)
	}
	for i := range items.Len() {
		if err := c.value(element, items.Index(i).Interface(), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

func (c variableCheck) enum(definition *ast.Definition, value any, path string) *refusal {
	text, ok := value.(string)
	if ok && definition.EnumValues.ForName(text) != nil {
		return nil
	}
	if !ok || !c.nameValues {
		return wrongType(path, definition.Name, value)
	}
	var names []string
	for _, candidate := range definition.EnumValues {
		names = append(names, candidate.Name)
	}
	return refuse(codeBadUserInput, "Variable %q: %q is not one of %s.",
		path, shorten(text, maxQuoted), strings.Join(names, ", "))
}

func (c variableCheck) object(definition *ast.Definition, value any, path string) *refusal {
	members, ok := value.(map[string]any)
	if !ok {
		return wrongType(path, definition.Name, value)
	}
	for _, field := range definition.Fields {
		if err := c.value(field.Type, members[field.Name], path+"."+field.Name); err != nil {
			return err
		}
	}
	if definition.Directives.ForName("oneOf") != nil && !holdsOne(members) {
		return refuse(codeBadUserInput, "Variable %q: exactly one field of %s must be given, and not null.", path, definition.Name)
	}
	return nil
}

func holdsOne(members map[string]any) bool {
	for _, value := range members {
		return len(members) == 1 && value != nil
	}
	return false
}

// fitsScalar tells whether a value may stand for a built-in scalar. Values
// come from JSON, with numbers as json.Number, or from a default in the
// document, with numbers as int64 and float64. Other scalars judge for
// themselves.
func fitsScalar(name string, value any) bool {
	switch name {
	case "Int":
		n, ok := integer(value)
		return ok && n >= math.MinInt32 && n <= math.MaxInt32
	case "Float":
		return isNumber(value)
	case "String":
		return isString(value)
	case "Boolean":
		_, ok := value.(bool)
		return ok
	case "ID":
		_, ok := integer(value)
		return ok || isString(value)
	}
	return true
}

func isString(value any) bool {
	_, ok := value.(string)
	return ok
}

func integer(value any) (int64, bool) {
	switch value := value.(type) {
	case json.Number:
		n, err := value.Int64()
		return n, err == nil
	case int64:
		return value, true
	}
	return 0, false
}

func isNumber(value any) bool {
	switch value := value.(type) {
	case json.Number:
		_, err := value.Float64()
		return err == nil
	case int64, float64:
		return true
	}
	return false
}

func wrongType(path, expected string, value any) *refusal {
	return refuse(codeBadUserInput, "Variable %q: expected %s, got %s.", path, expected, describe(value))
}

// describe says what kind of JSON value this is; numbers are short and said
// in full.
func describe(value any) string {
	switch value := value.(type) {
	case string:
		return "a string"
	case bool:
		return strconv.FormatBool(value)
	case json.Number:
		return "the number " + shorten(value.String(), maxQuoted)
	case int64, float64:
		return fmt.Sprintf("the number %v", value)
	}
	if reflect.ValueOf(value).Kind() == reflect.Slice {
		return "a list"
	}
	return "an object"
}
