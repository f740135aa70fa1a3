package graph

import (
	"context"
	"io"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/graph/loaders"
	"crosswalk/graph/wire"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// The pages of lists are what gateways are slow at: gqlgen resolves and writes each field of each row by itself. The
// fast lane writes a page as a whole. It changes nothing else: arguments, checks, limits and the request to the
// database are those of the ordinary resolver, which hands its result over instead of building a connection of it.
// Whatever the lane does not cover, and every page on which something fails, goes the ordinary way.

// FastLane is the gqlgen extension that takes pages as they are written. NewFastLane makes one.
type FastLane struct {
	// compiled are selections that were compiled, by the fields they belong to.
	compiled *lru.Cache[selectedField, any]
}

// selectedField is a field of an operation in a document that is remembered.
type selectedField struct {
	operation *ast.OperationDefinition
	field     *ast.Field
}

// maxCompiled bounds the selections that are remembered, and maxText, in bytes, the documents that they are part of and keep in memory.
const (
	maxCompiled = 500
	maxText     = 4 << 10
)

// NewFastLane returns a lane.
func NewFastLane() FastLane {
	compiled, err := lru.New[selectedField, any](maxCompiled)
	if err != nil {
		panic(err) // only a size below one is an error
	}
	return FastLane{compiled}
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
	// written is the page, nil as long as there is none.
	written *wire.Buffer
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

// page is what a resolver found of a list whose rows R are mapped to records P.
type page[R grid.Positioned, P any] struct {
	*grid.Result[R]
	rows []shownRow[R, P]
	// facets are those of the list, in the schema's type; a nil pointer where none is selected.
	facets any
}

// shownRow is a row of a page.
type shownRow[R grid.Positioned, P any] struct {
	page *page[R, P]
	at   int
	// target is the record that the row is mapped to, if that is asked for; nil for an unmapped row.
	target *loaders.Found[P]
}

func (s *shownRow[R, P]) row() *R { return &s.page.Rows[s.at] }

func (s *shownRow[R, P]) mappedTo() *loaders.Found[P] { return s.target }

// lane writes the pages of a list.
type lane[R grid.Positioned, P any] struct {
	connection, edge, node string
	// mapped is the number of the record that a row is mapped to, target the field that shows it, and noun what it is called.
	mapped  func(R) *psa.RecordID
	records func(*loaders.Set) *loaders.Records[P]
	fields  wire.Fields[shownRow[R, P]]
	target  string
	noun    string
	shown   wire.Field[shownRow[R, P]]
	facets  wire.Field[page[R, P]]
}

// write writes a page, if the selection and the weather allow; false leaves it to the ordinary resolver.
func (l lane[R, P]) write(ctx context.Context, result *grid.Result[R], facets any) bool {
	place := pageToWrite(ctx)
	if place == nil {
		return false
	}
	compiled := l.compile(graphql.GetOperationContext(ctx), place)
	if compiled == nil {
		return false
	}
	shown := &page[R, P]{Result: result, rows: make([]shownRow[R, P], len(result.Rows)), facets: facets}
	for i := range shown.rows {
		shown.rows[i] = shownRow[R, P]{page: shown, at: i}
	}
	if selectionOf(ctx).nodes().has(l.target, "mappingStatus", "mappingStatusMessage") && !l.verify(ctx, shown) {
		return false
	}
	place.written = wire.NewBuffer()
	compiled(place.written, shown)
	return true
}

// compile returns what writes the page that is selected; nil for a selection that is not covered. Selections that are the same
// whatever the variables are compiled once.
func (l lane[R, P]) compile(operation *graphql.OperationContext, place *writtenPage) wire.Write[page[R, P]] {
	key := selectedField{operation.Operation, place.field.Field}
	if known, ok := place.lane.compiled.Get(key); ok {
		return known.(wire.Write[page[R, P]])
	}
	selected := wire.Of(operation, place.field)
	compiled := wire.Object(selected, l.connectionFields(), l.connection)
	if len(operation.RawQuery) <= maxText && selected.IsConstant() {
		place.lane.compiled.Add(key, compiled)
	}
	return compiled
}

// verify looks up what the rows are mapped to.
func (l lane[R, P]) verify(ctx context.Context, shown *page[R, P]) bool {
	var ids []psa.RecordID
	for _, row := range shown.Rows {
		if id := l.mapped(row); id != nil {
			ids = append(ids, *id)
		}
	}
	if len(ids) == 0 {
		return true
	}
	found, err := l.records(loadersFrom(ctx)).LoadAll(ctx, ids)
	if err != nil {
		return false
	}
	next := 0
	for i, row := range shown.Rows {
		if l.mapped(row) != nil {
			shown.rows[i].target = &found[next]
			next++
		}
	}
	return true
}
