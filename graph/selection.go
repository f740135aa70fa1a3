package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
)

// selection is what the client asked for below one field. Resolvers read it before they read data.
type selection struct {
	operation *graphql.OperationContext
	fields    []graphql.CollectedField
	// rows is what is selected of each row of a connection, where that is known.
	rows *selection
}

// selectionOf returns what is selected below the field being resolved.
func selectionOf(ctx context.Context) selection {
	if page := pageToWrite(ctx); page != nil {
		return page.selected(ctx)
	}
	return collectSelection(ctx)
}

func collectSelection(ctx context.Context) selection {
	operation := graphql.GetOperationContext(ctx)
	field := graphql.GetFieldContext(ctx).Field
	return selection{operation: operation, fields: graphql.CollectFields(operation, field.Selections, nil)}
}

// lasting returns a selection that is the same for all variables, for other requests with the same document.
func (s selection) lasting() selection {
	s.operation = &graphql.OperationContext{Doc: s.operation.Doc, Operation: s.operation.Operation}
	rows := s.nodes()
	s.rows = &rows
	return s
}

// under returns what is selected below the named fields, taken together.
func (s selection) under(names ...string) selection {
	below := selection{operation: s.operation}
	for _, f := range s.fields {
		if slices.Contains(names, f.Name) {
			below.fields = append(below.fields, graphql.CollectFields(s.operation, f.Selections, nil)...)
		}
	}
	return below
}

// has reports whether one of the named fields is selected.
func (s selection) has(names ...string) bool {
	return slices.ContainsFunc(s.fields, func(f graphql.CollectedField) bool { return slices.Contains(names, f.Name) })
}

// hasOther reports whether a field is selected that is none of those named.
func (s selection) hasOther(names ...string) bool {
	return slices.ContainsFunc(s.fields, func(f graphql.CollectedField) bool { return !slices.Contains(names, f.Name) })
}

// nodes returns what is selected of each row of a connection.
func (s selection) nodes() selection {
	if s.rows != nil {
		return *s.rows
	}
	direct := s.under("nodes")
	inEdges := s.under("edges").under("node")
	return selection{operation: s.operation, fields: append(direct.fields, inEdges.fields...)}
}

// columns returns the columns behind the selected fields, each once, the always needed ones first.
func (s selection) columns(byField map[string]string, always ...string) []string {
	columns := slices.Clone(always)
	for _, f := range s.fields {
		if column, ok := byField[f.Name]; ok && !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	return columns
}
