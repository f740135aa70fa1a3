package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
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

// checkConditions refuses null for a variable that a directive asks whether to
// leave something out, or returns nil. Validation lets such variables be null
// if they have a default.
func checkConditions(operation *graphql.OperationContext) error {
	var asked conditions
	for _, variable := range operation.Operation.VariableDefinitions {
		value, given := operation.Variables[variable.Variable]
		if !given || value != nil || variable.Type.NamedType != "Boolean" {
			continue
		}
		if asked == nil {
			asked = conditionsOf(operation.Operation)
		}
		if directive := asked[variable.Variable]; directive != nil {
			return refuse(codeBadUserInput, "Variable %q: cannot be null, because @%s needs true or false.",
				"$"+variable.Variable, directive.Name)
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

// plainExecutor is gqlgen's executor, but says what was sent where that does
// not fit the type of a variable. gqlparser says how it keeps that.
type plainExecutor struct {
	*executor.Executor
	// suggests is the schema to say from what may have been meant; nil if that
	// is not to be told.
	suggests *ast.Schema
}

// CreateOperationContext prepares an operation, or tells what is wrong with it.
func (e plainExecutor) CreateOperationContext(ctx context.Context, request *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	operation, problems := e.Executor.CreateOperationContext(ctx, request)
	for _, problem := range problems {
		if expected := expectedType(problem); expected != "" {
			sent := valueAt(request.Variables, problem.Path[1:])
			problem.Message = fmt.Sprintf("expected %s, got %s.", expected, describe(sent))
		}
		if problem.Message == unknownField && e.suggests != nil && len(problem.Path) > 2 {
			problem.Message += e.suggestion(operation.Operation, problem.Path[1:])
		}
	}
	return operation, problems
}

// unknownField is what gqlparser says of a field that an input does not have.
const unknownField = "unknown field"

// suggestion says which fields of an input may have been meant by the last
// name of a path into variables.
func (e plainExecutor) suggestion(operation *ast.OperationDefinition, path ast.Path) string {
	var names []string
	for _, step := range path {
		if name, ok := step.(ast.PathName); ok {
			names = append(names, string(name))
		}
	}
	typed := names[len(names)-1]
	variable := operation.VariableDefinitions.ForName(names[0])
	if variable == nil || len(typed) > maxQuoted {
		return ""
	}
	input := e.suggests.Types[variable.Type.Name()]
	for _, name := range names[1 : len(names)-1] {
		input = e.suggests.Types[input.Fields.ForName(name).Type.Name()]
	}
	var known []string
	for _, field := range input.Fields {
		known = append(known, field.Name)
	}
	meant := core.SuggestionList(typed, known)
	if len(meant) == 0 {
		return ""
	}
	return ". Did you mean " + core.QuotedOrList(meant...) + "?"
}

// misfits are what gqlparser's errors say where a value is not of a type; it has
// no other mark for them.
var misfits = regexp.MustCompile(`^(?:cannot use .* as (\w+)|must be a (\w+), not a \w+)$`)

// expectedType is the type that a variable's value is not of; empty if problem
// is of another kind.
func expectedType(problem *gqlerror.Error) string {
	if len(problem.Path) < 2 || problem.Path[0] != ast.PathName("variable") {
		return ""
	}
	found := misfits.FindStringSubmatch(problem.Message)
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}

// valueAt is the value at a path into variables. A value that stands for a
// list of one is at its index, too.
func valueAt(value any, path ast.Path) any {
	for _, step := range path {
		switch step := step.(type) {
		case ast.PathName:
			members, _ := value.(map[string]any)
			value = members[string(step)]
		case ast.PathIndex:
			if items, ok := value.([]any); ok && int(step) < len(items) {
				value = items[step]
			}
		}
	}
	return value
}

// integers writes the integers among variables without a point and an
// exponent: some programs write every number with one, as in 20.0, and
// gqlparser does not take that for an Int. For other types, what was written
// is left as it is.
type integers struct{ schema *ast.Schema }

func (i integers) operation(operation *ast.OperationDefinition, values map[string]any) {
	if operation == nil {
		return
	}
	for _, variable := range operation.VariableDefinitions {
		if value, given := values[variable.Variable]; given {
			values[variable.Variable] = i.value(variable.Type, value)
		}
	}
}

// value returns what to take for a value; lists and objects are changed.
func (i integers) value(expected *ast.Type, value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, ok := pointedInteger(value); ok && expected.Name() == "Int" {
			return whole
		}
	case []any:
		element := expected
		if expected.Elem != nil {
			element = expected.Elem
		}
		for at := range value {
			value[at] = i.value(element, value[at])
		}
	case map[string]any:
		i.members(expected.Name(), value)
	}
	return value
}

func (i integers) members(typeName string, members map[string]any) {
	definition := i.schema.Types[typeName]
	if definition == nil || definition.Kind != ast.InputObject {
		return
	}
	for name, value := range members {
		if field := definition.Fields.ForName(name); field != nil {
			members[name] = i.value(field.Type, value)
		}
	}
}

// holdsPointedInteger tells whether there is such an integer in a value.
func holdsPointedInteger(value any) bool {
	switch value := value.(type) {
	case json.Number:
		_, ok := pointedInteger(value)
		return ok
	case []any:
		return slices.ContainsFunc(value, holdsPointedInteger)
	case map[string]any:
		for _, member := range value {
			if holdsPointedInteger(member) {
				return true
			}
		}
	}
	return false
}

// pointedInteger returns an integer that is written with a point or an exponent
// without them. Those that are too large to be exact are left alone.
func pointedInteger(number json.Number) (json.Number, bool) {
	if !strings.ContainsAny(number.String(), ".eE") {
		return "", false
	}
	value, err := number.Float64()
	if err != nil || value != math.Trunc(value) || math.Abs(value) >= 1<<53 {
		return "", false
	}
	return json.Number(strconv.FormatInt(int64(value), 10)), true
}
