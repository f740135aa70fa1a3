package httpapi

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// validationRules are what documents are held against: gqlparser's rules, and
// what those leave out of the specification.
func validationRules() *rules.Rules {
	all := rules.NewDefaultRules()
	all.AddRule(oneStream.Name, oneStream.RuleFunc)
	return all
}

// oneStream makes sure that a subscription is of one field, whatever its
// variables are. gqlparser only refuses fields of different names.
var oneStream = core.Rule{
	Name: "OneStream",
	RuleFunc: func(observers *core.Events, addError core.AddErrFunc) {
		observers.OnOperation(func(_ *core.Walker, operation *ast.OperationDefinition) {
			if operation.Operation == ast.Subscription {
				root := subscriptionRoot{addError: addError, entered: map[string]bool{}}
				root.check(operation.SelectionSet)
			}
		})
	},
}

// subscriptionRoot is what a subscription selects beside its field, or around
// it.
type subscriptionRoot struct {
	addError core.AddErrFunc
	// field is the first; nil as long as there is none.
	field *ast.Field
	// entered are the fragments that have been looked into.
	entered map[string]bool
}

func (r *subscriptionRoot) check(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			r.checkConditions(selection.Directives)
			r.checkField(selection)
		case *ast.InlineFragment:
			r.checkConditions(selection.Directives)
			r.check(selection.SelectionSet)
		case *ast.FragmentSpread:
			r.checkConditions(selection.Directives)
			if selection.Definition != nil && !r.entered[selection.Name] {
				r.entered[selection.Name] = true
				r.check(selection.Definition.SelectionSet)
			}
		}
	}
}

func (r *subscriptionRoot) checkConditions(directives ast.DirectiveList) {
	for _, directive := range directives {
		if isCondition(directive) {
			r.addError(
				core.Message("A subscription cannot leave its field out: remove @%s here, and do not subscribe where nothing is wanted.", directive.Name),
				core.At(directive.Position),
			)
		}
	}
}

func (r *subscriptionRoot) checkField(field *ast.Field) {
	if r.field == nil {
		r.field = field
		return
	}
	if field.Name == r.field.Name && field.Alias != r.field.Alias {
		r.addError(
			core.Message("A subscription selects one field: remove %q or %q.", r.field.Alias, field.Alias),
			core.At(field.Position),
		)
	}
}

// isCondition tells whether a directive may leave out what it stands at.
func isCondition(directive *ast.Directive) bool {
	return directive.Name == "skip" || directive.Name == "include"
}

// conditions are the directives that leave something out if a variable says
// so, by the variable; of several, the first.
type conditions map[string]*ast.Directive

// conditionsOf are those of an operation, with the fragments that it uses.
func conditionsOf(operation *ast.OperationDefinition) conditions {
	found := conditions{}
	found.add(operation.SelectionSet, map[string]bool{})
	return found
}

func (c conditions) add(set ast.SelectionSet, entered map[string]bool) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			c.addAll(selection.Directives)
			c.add(selection.SelectionSet, entered)
		case *ast.InlineFragment:
			c.addAll(selection.Directives)
			c.add(selection.SelectionSet, entered)
		case *ast.FragmentSpread:
			c.addAll(selection.Directives)
			if selection.Definition != nil && !entered[selection.Name] {
				entered[selection.Name] = true
				c.add(selection.Definition.SelectionSet, entered)
			}
		}
	}
}

func (c conditions) addAll(directives ast.DirectiveList) {
	for _, directive := range directives {
		argument := directive.Arguments.ForName("if")
		if !isCondition(directive) || argument == nil || argument.Value.Kind != ast.Variable {
			continue
		}
		if _, known := c[argument.Value.Raw]; !known {
			c[argument.Value.Raw] = directive
		}
	}
}
