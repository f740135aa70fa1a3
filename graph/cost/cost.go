// Package cost reckons what an operation asks for before it is executed, so
// that one which asks for millions of values can be refused. It knows how lists
// of the schema get their length and which fields may call ConnectWise; it
// knows nothing of how anything is resolved. Start reading at Of.
package cost

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// usualPage is how many rows a page has that nothing is said about.
	usualPage = 20
	// largestPage is how many rows a page may have, and how many items may be
	// sent; what goes beyond is refused when the field is resolved.
	largestPage = 1000
	// usualList is how long a list is taken to be that is not a page, such as
	// what keeps a line from being posted.
	usualList = 5
	// ceiling keeps costs from overflowing: lists and fragments multiply them.
	ceiling = math.MaxInt32
)

// weights are what fields cost that do not cost 1: they may make a call to
// ConnectWise.
var weights = map[string]int64{
	"psaCompany":           5,
	"psaAgreement":         5,
	"psaProduct":           5,
	"psaAddition":          5,
	"additions":            5,
	"mappingStatus":        5,
	"mappingStatusMessage": 5,
}

// Of returns what an operation costs whose variables are known: one for every
// value in the answer, and more for those that may need ConnectWise, and one
// for every condition of a filter. A page counts as many rows as it was asked
// for, even if there are fewer. Fields left out by @skip and @include cost
// nothing.
func Of(operation *graphql.OperationContext) int {
	reckoning := reckoning{
		fragments: operation.Doc.Fragments,
		variables: operation.Variables,
		known:     map[spread]int64{},
		used:      map[use]sent{},
	}
	return int(reckoning.selections(operation.Operation.SelectionSet, lists{}))
}

// lists tells how long the lists are that a selection holds.
type lists struct {
	// rows is the length; 0 if nothing is known about it.
	rows int64
	// page is true where it is that of nodes and edges only.
	page bool
}

// spread is a fragment in a place.
type spread struct {
	fragment string
	within   lists
}

// reckoning is that of one operation.
type reckoning struct {
	fragments ast.FragmentDefinitionList
	variables map[string]any
	// known are the costs of the fragments that have been reckoned.
	known map[spread]int64
	// used is what there is in the variables that have been looked through.
	used map[use]sent
}

func (r reckoning) selections(set ast.SelectionSet, within lists) int64 {
	var total int64
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if r.included(selection.Directives) {
				total += r.field(selection, within)
			}
		case *ast.InlineFragment:
			if r.included(selection.Directives) {
				total += r.selections(selection.SelectionSet, within)
			}
		case *ast.FragmentSpread:
			if r.included(selection.Directives) {
				total += r.fragment(spread{fragment: selection.Name, within: within})
			}
		}
		total = min(total, ceiling)
	}
	return total
}

func (r reckoning) fragment(at spread) int64 {
	if total, ok := r.known[at]; ok {
		return total
	}
	var total int64
	if fragment := r.fragments.ForName(at.fragment); fragment != nil {
		total = r.selections(fragment.SelectionSet, at.within)
	}
	r.known[at] = total
	return total
}

func (r reckoning) field(field *ast.Field, within lists) int64 {
	if field.Name == "__typename" || field.Definition == nil {
		return 0
	}
	weight, heavy := weights[field.Name]
	if !heavy {
		weight = 1
	}
	given := r.arguments(field)
	weight += (given.conditions + oneCondition - 1) / oneCondition
	inner := r.lists(field, given.longest)
	times := int64(1)
	if field.Definition.Type.Elem != nil {
		times = usualList
		isPage := field.Name == "nodes" || field.Name == "edges"
		switch {
		case inner.rows > 0:
			times = inner.rows
		case within.rows > 0 && (isPage || !within.page):
			times = within.rows
		}
		inner = lists{}
	}
	return min(weight+times*r.selections(field.SelectionSet, inner), ceiling)
}

// lists tells how long the lists are that a field holds or, being one, has: as
// many rows as it is asked for or, where it cannot be asked, as many as the
// longest list that it is given.
func (r reckoning) lists(field *ast.Field, longest int64) lists {
	arguments := field.Definition.Arguments
	if arguments.ForName("first") == nil {
		return lists{rows: min(longest, largestPage)}
	}
	for _, name := range []string{"first", "last"} {
		argument := field.Arguments.ForName(name)
		if argument == nil {
			continue
		}
		if rows, ok := r.integer(argument.Value); ok {
			return lists{rows: min(max(rows, 1), largestPage), page: true}
		}
	}
	return lists{rows: usualPage, page: true}
}

// included tells whether directives leave a selection in.
func (r reckoning) included(directives ast.DirectiveList) bool {
	for _, directive := range directives {
		argument := directive.Arguments.ForName("if")
		if argument == nil {
			continue
		}
		condition := argument.Value.Raw == "true"
		if argument.Value.Kind == ast.Variable {
			condition, _ = r.variables[argument.Value.Raw].(bool)
		}
		if directive.Name == "skip" && condition || directive.Name == "include" && !condition {
			return false
		}
	}
	return true
}

// integer is the number that a value stands for, if it stands for one.
func (r reckoning) integer(value *ast.Value) (int64, bool) {
	var text string
	switch value.Kind {
	case ast.IntValue:
		text = value.Raw
	case ast.Variable:
		switch given := r.variables[value.Raw].(type) {
		case json.Number:
			text = given.String()
		case int64:
			return given, true
		}
	}
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil
}

// sent is what there is in the arguments of a field.
type sent struct {
	// longest is the length of the longest list.
	longest int64
	// conditions is the weight of the values in filters.
	conditions int64
}

// The weights of a value in a filter: of one by itself, and of one in a list, where ten count as one condition.
const (
	oneCondition = 10
	oneOfMany    = 1
)

func (s *sent) add(other sent) {
	s.longest = max(s.longest, other.longest)
	s.conditions += other.conditions
}

// arguments tells what a field is given.
func (r reckoning) arguments(field *ast.Field) sent {
	var total sent
	for _, argument := range field.Arguments {
		total.add(r.value(argument.Value, memberWeight(0, argument.Name)))
	}
	return total
}

// memberWeight is the weight of a member by its name, in an object that has weight itself if it is in a filter.
func memberWeight(object int64, name string) int64 {
	if object > 0 || name == "filter" {
		return oneCondition
	}
	return 0
}

// value tells what there is in a value of the document, where one that is no list and no object has a weight.
func (r reckoning) value(value *ast.Value, weight int64) sent {
	var total sent
	switch value.Kind {
	case ast.NullValue:
	case ast.Variable:
		return r.variable(value.Raw, weight)
	case ast.ListValue:
		total.longest = int64(len(value.Children))
		for _, child := range value.Children {
			total.add(r.value(child.Value, min(weight, oneOfMany)))
		}
	case ast.ObjectValue:
		for _, child := range value.Children {
			total.add(r.value(child.Value, memberWeight(weight, child.Name)))
		}
	default:
		total.conditions = weight
	}
	return total
}

// use is a variable in a place where its value has a weight.
type use struct {
	variable string
	weight   int64
}

// variable tells the same of a variable, which is looked through once, however often it is used.
func (r reckoning) variable(name string, weight int64) sent {
	at := use{name, weight}
	total, ok := r.used[at]
	if !ok {
		total = sentIn(r.variables[name], weight)
		r.used[at] = total
	}
	return total
}

// sentIn tells the same of the value of a variable. Lists are not always
// lists of any, because gqlparser makes some itself.
func sentIn(value any, weight int64) sent {
	var total sent
	if members, ok := value.(map[string]any); ok {
		for name, member := range members {
			total.add(sentIn(member, memberWeight(weight, name)))
		}
		return total
	}
	items := reflect.ValueOf(value)
	switch items.Kind() {
	case reflect.Invalid: // null
	case reflect.Slice:
		total.longest = int64(items.Len())
		for i := range items.Len() {
			total.add(sentIn(items.Index(i).Interface(), min(weight, oneOfMany)))
		}
	default:
		total.conditions = weight
	}
	return total
}
