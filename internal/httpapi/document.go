package httpapi

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// documentLimits refuses documents that cost too much or ask for what is
// switched off. It is one of gqlgen's hooks and runs before anything is
// executed.
type documentLimits struct {
	limits     Limits
	hideSchema bool
	schema     *ast.Schema
	present    *presenter
	// cost reckons what an operation costs; nil if nobody asks.
	cost func(*graphql.OperationContext) int
}

var (
	_ graphql.OperationParameterMutator = documentLimits{}
	_ graphql.OperationContextMutator   = documentLimits{}
)

func (documentLimits) ExtensionName() string                   { return "DocumentLimits" }
func (documentLimits) Validate(graphql.ExecutableSchema) error { return nil }

// maxRepeats bounds how often a document may select fields of one name.
// Validation compares each with each of the others, which takes seconds for
// ten thousand of them.
const maxRepeats = 1000

// MutateOperationParameters is called with every document before it is
// validated.
func (d documentLimits) MutateOperationParameters(ctx context.Context, request *graphql.RawParams) *gqlerror.Error {
	mayRepeat, mayNeedIntegers := len(request.Query) >= 2*maxRepeats, holdsPointedInteger(request.Variables)
	if !mayRepeat && !mayNeedIntegers {
		return nil
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: request.Query}, d.limits.Tokens)
	if err != nil {
		// The executor parses it again and says what is wrong.
		return nil
	}
	if mayNeedIntegers {
		integers{d.schema}.operation(document.Operations.ForName(request.OperationName), request.Variables)
	}
	if !mayRepeat {
		return nil
	}
	if err := checkRepeats(document); err != nil {
		return d.present.present(ctx, err)
	}
	return nil
}

// checkRepeats returns which field a document selects too often, or nil.
func checkRepeats(document *ast.QueryDocument) error {
	repeats := map[string]int{}
	for _, operation := range document.Operations {
		countFields(operation.SelectionSet, repeats)
	}
	for _, fragment := range document.Fragments {
		countFields(fragment.SelectionSet, repeats)
	}
	for name, count := range repeats {
		if count > maxRepeats {
			return reached(LimitRepeats,
				"The document selects %q more often than the %d times that are allowed.", shorten(name, maxQuoted), maxRepeats)
		}
	}
	return nil
}

func countFields(set ast.SelectionSet, repeats map[string]int) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			repeats[selection.Alias]++
			countFields(selection.SelectionSet, repeats)
		case *ast.InlineFragment:
			countFields(selection.SelectionSet, repeats)
		}
	}
}

// MutateOperationContext is called with every operation that is to be executed.
func (d documentLimits) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	noteOf(ctx).runs(operation)
	operation.DisableIntrospection = d.hideSchema
	if err := d.check(operation); err != nil {
		return d.present.present(ctx, err)
	}
	return nil
}

// check returns why an operation is refused, or nil.
func (d documentLimits) check(operation *graphql.OperationContext) error {
	if err := d.checkSize(operation.Doc, operation.Operation); err != nil {
		return err
	}
	check := variableCheck{schema: d.schema, nameValues: !d.hideSchema}
	if err := check.operation(operation.Operation, operation.Variables); err != nil {
		return err
	}
	if err := checkConditions(operation); err != nil {
		return err
	}
	return d.checkCost(operation)
}

// checkSize returns what is too large about an operation of a document,
// whatever its variables are, or nil.
func (d documentLimits) checkSize(document *ast.QueryDocument, operation *ast.OperationDefinition) error {
	measure := measurer{fragments: document.Fragments, known: map[string]size{}}
	total := measure.selections(operation.SelectionSet)
	switch {
	case total.introspects && d.hideSchema:
		return refuse(codeValidationFailed, "Introspection is switched off on this server.")
	case total.depth > d.limits.Depth:
		refused := reached(LimitDepth, "The operation is nested %d levels deep; at most %d are allowed.", total.depth, d.limits.Depth)
		refused.code = codeDepthExceeded
		return refused
	case total.aliases > d.limits.Aliases:
		return reached(LimitAliases, "The operation renames more fields than the %d that are allowed.", d.limits.Aliases)
	}
	if count := countDirectives(document); count > d.limits.Directives {
		return reached(LimitDirectives, "The document holds %d directives; at most %d are allowed.", count, d.limits.Directives)
	}
	return nil
}

// countDirectives counts them where they are written, however often that is
// used.
func countDirectives(document *ast.QueryDocument) int {
	count := 0
	for _, operation := range document.Operations {
		count += len(operation.Directives) + directivesIn(operation.SelectionSet)
		for _, variable := range operation.VariableDefinitions {
			count += len(variable.Directives)
		}
	}
	for _, fragment := range document.Fragments {
		count += len(fragment.Directives) + directivesIn(fragment.SelectionSet)
	}
	return count
}

func directivesIn(set ast.SelectionSet) int {
	count := 0
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			count += len(selection.Directives) + directivesIn(selection.SelectionSet)
		case *ast.InlineFragment:
			count += len(selection.Directives) + directivesIn(selection.SelectionSet)
		case *ast.FragmentSpread:
			count += len(selection.Directives)
		}
	}
	return count
}

// size is what a selection amounts to, fragments included.
type size struct {
	depth       int
	aliases     int
	introspects bool
}

// manyAliases keeps counts from overflowing: fragments multiply them.
const manyAliases = 1 << 30

func (s *size) add(other size) {
	s.depth = max(s.depth, other.depth)
	s.aliases = min(s.aliases+other.aliases, manyAliases)
	s.introspects = s.introspects || other.introspects
}

// measurer measures selections, each fragment once.
type measurer struct {
	fragments ast.FragmentDefinitionList
	known     map[string]size
}

func (m measurer) selections(set ast.SelectionSet) size {
	var total size
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			total.add(m.field(selection))
		case *ast.InlineFragment:
			total.add(m.selections(selection.SelectionSet))
		case *ast.FragmentSpread:
			total.add(m.fragment(selection.Name))
		}
	}
	return total
}

func (m measurer) field(field *ast.Field) size {
	total := m.selections(field.SelectionSet)
	total.depth++
	if field.Alias != field.Name {
		total.aliases = min(total.aliases+1, manyAliases)
	}
	if field.Name == "__schema" || field.Name == "__type" {
		total.depth = 0
		total.introspects = true
	}
	return total
}

func (m measurer) fragment(name string) size {
	if total, ok := m.known[name]; ok {
		return total
	}
	var total size
	if fragment := m.fragments.ForName(name); fragment != nil {
		total = m.selections(fragment.SelectionSet)
	}
	m.known[name] = total
	return total
}

// chooseOperation says how to choose one where it was not said which of a
// document's operations to run; for every other error it returns message.
func chooseOperation(operation *graphql.OperationContext, message string) string {
	if operation.Doc == nil || operation.Operation != nil {
		return message
	}
	var names []string
	for _, candidate := range operation.Doc.Operations {
		names = append(names, candidate.Name)
	}
	choice := strings.Join(names, ", ")
	if operation.OperationName == "" {
		return fmt.Sprintf("The document holds %d operations: %s. Say in operationName which one to run.", len(names), choice)
	}
	return fmt.Sprintf("The document holds no operation named %q, only %s.",
		shorten(operation.OperationName, maxQuoted), choice)
}

// maxQuoted bounds what is quoted from a request, in characters.
const maxQuoted = 60

// shorten cuts text to at most limit characters.
func shorten(text string, limit int) string {
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text[:min(len(text), limit*utf8.UTFMax)])[:limit-1]) + "…"
}
