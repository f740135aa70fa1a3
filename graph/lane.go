package graph

import (
	"context"
	"io"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/graph/model"
	"crosswalk/graph/wire"
	"crosswalk/internal/postgres/grid"
)

// The pages of lists are what gateways are slow at: gqlgen resolves and writes each field of each row by itself. The
// fast lane writes a page as a whole. It changes nothing else: arguments, checks, limits and the request to the
// database are those of the ordinary resolver, which hands its result over instead of building a connection of it.
// Whatever the lane does not cover, and every page on which something fails, goes the ordinary way.

// FastLane is the gqlgen extension that takes pages as they are written. NewFastLane makes one.
type FastLane struct {
	known *lru.Cache[selectedField, *knownField]
}

// selectedField is a field of an operation in a document that is remembered.
type selectedField struct {
	operation *ast.OperationDefinition
	field     *ast.Field
}

// knownField is what is known of a field whose selection is the same for all variables.
type knownField struct {
	selection selection
	// compiled is a wire.Write; nil for a selection that is not covered.
	compiled any
}

// maxKnown bounds the fields that are remembered, and maxText, in bytes, the documents that they are part of and keep in memory.
const (
	maxKnown = 500
	maxText  = 4 << 10
)

// NewFastLane returns a lane.
func NewFastLane() FastLane {
	known, err := lru.New[selectedField, *knownField](maxKnown)
	if err != nil {
		panic(err) // only a size below one is an error
	}
	return FastLane{known}
}

var _ interface {
	graphql.HandlerExtension
	graphql.RootFieldInterceptor
} = FastLane{}

// ExtensionName names the extension.
func (FastLane) ExtensionName() string { return "FastLane" }

// Validate accepts every schema.
func (FastLane) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptRootField resolves a field, and answers with the page that the resolver wrote, if it did.
func (l FastLane) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	field := graphql.GetRootFieldContext(ctx).Field
	if field.Definition == nil || field.Definition.Type.NonNull {
		return next(ctx)
	}
	page := &writtenPage{lane: l, field: field}
	page.known, _ = l.known.Get(page.key(graphql.GetOperationContext(ctx)))
	ordinary := next(context.WithValue(ctx, pageKey{}, page))
	if page.written != nil {
		return page
	}
	return ordinary
}

// writtenPage is the place for the page of a root field.
type writtenPage struct {
	lane  FastLane
	field graphql.CollectedField
	// known is what is known of the field, nil if nothing is.
	known *knownField
	// written is the page, nil as long as there is none.
	written *wire.Buffer
	// selection is what is selected of it, once that was asked for.
	selection *selection
}

func (p *writtenPage) key(operation *graphql.OperationContext) selectedField {
	return selectedField{operation.Operation, p.field.Field}
}

// selected returns what is selected of the page, for its resolver, which asks again and again.
func (p *writtenPage) selected(ctx context.Context) selection {
	if p.known != nil {
		return p.known.selection
	}
	if p.selection == nil {
		collected := collectSelection(ctx)
		p.selection = &collected
	}
	return *p.selection
}

type pageKey struct{}

// MarshalGQL writes the page, once.
func (p *writtenPage) MarshalGQL(w io.Writer) {
	_, _ = w.Write(p.written.Bytes())
	p.written.Release()
	p.written = nil
}

// pageToWrite returns the place for the page of the field being resolved; nil where it is not one of the root.
func pageToWrite(ctx context.Context) *writtenPage {
	page, _ := ctx.Value(pageKey{}).(*writtenPage)
	if page == nil || graphql.GetFieldContext(ctx).Field.Field != page.field.Field {
		return nil
	}
	return page
}

// page is what a resolver found of a list of rows R, with what is shown of each, an X.
type page[R grid.Positioned, X any] struct {
	*grid.Result[R]
	shown []X
	// facets are those of the list, in the schema's type; a nil pointer where none is selected.
	facets any
}

// edge is a place on a page.
type edge[R grid.Positioned, X any] struct {
	page *page[R, X]
	at   int
}

// lane writes the pages of a list of rows R, of each of which it shows an X.
type lane[R grid.Positioned, X any] struct {
	connection, edge, node string
	// show looks up what is selected of the rows and not stored with them.
	show   func(ctx context.Context, selected selection, rows []R) ([]X, error)
	fields wire.Fields[X]
	facets wire.Field[page[R, X]]
	// more are fields of the connection that other lists do not have.
	more wire.Fields[page[R, X]]
}

// write writes a page, if the selection and the weather allow; false leaves it to the ordinary resolver.
func (l lane[R, X]) write(ctx context.Context, result *grid.Result[R], facets any) bool {
	place := pageToWrite(ctx)
	if place == nil {
		return false
	}
	compiled := l.compile(ctx, place)
	if compiled == nil {
		return false
	}
	shown, err := l.show(ctx, place.selected(ctx).nodes(), result.Rows)
	if err != nil {
		return false // the ordinary resolver will meet it again, and say where
	}
	place.written = wire.NewBuffer()
	compiled(place.written, &page[R, X]{Result: result, shown: shown, facets: facets})
	return true
}

// compile returns what writes the page that is selected; nil for a selection that is not covered. Selections that are the same
// whatever the variables are compiled once.
func (l lane[R, X]) compile(ctx context.Context, place *writtenPage) wire.Write[page[R, X]] {
	if place.known != nil {
		return place.known.compiled.(wire.Write[page[R, X]])
	}
	operation := graphql.GetOperationContext(ctx)
	selected := wire.Of(operation, place.field)
	compiled := wire.Object(selected, l.connectionFields(), l.connection)
	if len(operation.RawQuery) <= maxText && selected.IsConstant() {
		place.lane.known.Add(place.key(operation), &knownField{place.selected(ctx).lasting(), compiled})
	}
	return compiled
}

// connectionFields are those of the list's connection.
func (l lane[R, X]) connectionFields() wire.Fields[page[R, X]] {
	type shown = page[R, X]
	edges := wire.Fields[edge[R, X]]{
		"cursor": wire.Text(func(e *edge[R, X]) string { return e.page.Cursor(e.at) }),
		"node":   wire.Nested(l.fields, func(e *edge[R, X]) *X { return &e.page.shown[e.at] }, l.node, "Node"),
	}
	return withFields(wire.Fields[shown]{
		"nodes":      wire.List(l.fields, func(p *shown) []X { return p.shown }, l.node, "Node"),
		"edges":      wire.List(edges, (*shown).edges, l.edge),
		"totalCount": wire.Int(func(p *shown) int { return p.Total }),
		"pageInfo":   wire.Nested(pageInfoFields[R, X](), (*shown).itself, "PageInfo"),
		"range":      wire.Nested(pageRangeFields[R, X](), (*shown).unlessEmpty, "PageRange"),
		"facets":     l.facets,
	}, l.more)
}

// withFields returns fields with more of them.
func withFields[T any](fields, more wire.Fields[T]) wire.Fields[T] {
	all := maps.Clone(fields)
	maps.Copy(all, more)
	return all
}

func (p *page[R, X]) itself() *page[R, X] { return p }

// unlessEmpty returns nil for a page without rows.
func (p *page[R, X]) unlessEmpty() *page[R, X] {
	if len(p.Rows) == 0 {
		return nil
	}
	return p
}

func (p *page[R, X]) edges() []edge[R, X] {
	edges := make([]edge[R, X], len(p.shown))
	for i := range edges {
		edges[i] = edge[R, X]{p, i}
	}
	return edges
}

// cursorOf returns the cursor of a row, nil for a page without rows.
func (p *page[R, X]) cursorOf(row int) *string {
	if len(p.Rows) == 0 {
		return nil
	}
	return optional(p.Cursor(row))
}

func pageInfoFields[R grid.Positioned, X any]() wire.Fields[page[R, X]] {
	return wire.Fields[page[R, X]]{
		"hasNextPage":     wire.Boolean(func(p *page[R, X]) bool { return p.HasNext }),
		"hasPreviousPage": wire.Boolean(func(p *page[R, X]) bool { return p.HasPrevious }),
		"startCursor":     wire.OptionalText(func(p *page[R, X]) *string { return p.cursorOf(0) }),
		"endCursor":       wire.OptionalText(func(p *page[R, X]) *string { return p.cursorOf(len(p.Rows) - 1) }),
	}
}

func pageRangeFields[R grid.Positioned, X any]() wire.Fields[page[R, X]] {
	return wire.Fields[page[R, X]]{
		"from": wire.Int(func(p *page[R, X]) int { return p.From }),
		"to":   wire.Int(func(p *page[R, X]) int { return p.From + len(p.Rows) - 1 }),
	}
}

// facetsOf is the field of the facets of type F, whose values are read by their names.
func facetsOf[F any, R grid.Positioned, X any](typeName string, values map[string]func(*F) []*model.FacetValue) wire.Field[page[R, X]] {
	value := wire.Fields[*model.FacetValue]{
		"value": wire.Text(func(v **model.FacetValue) string { return (*v).Value }),
		"count": wire.Int(func(v **model.FacetValue) int { return (*v).Count }),
	}
	fields := make(wire.Fields[F], len(values))
	for name, read := range values {
		fields[name] = wire.List(value, read, "FacetValue")
	}
	return wire.Nested(fields, func(p *page[R, X]) *F { return p.facets.(*F) }, typeName)
}
