package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"crosswalk/graph/model"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// list is one request for a page of mapped records, as a client made it: T are the rows, Filter and Facets
// the types of the schema.
type list[T grid.Positioned, Filter, Facets any] struct {
	page   pageArguments
	filter *Filter
	order  []grid.Order
	// fields are the columns behind the fields of a row; always are needed whatever is selected.
	fields map[string]string
	always []string
	// condition compiles the filter, together with what else the request asks for.
	condition func(*Filter) (grid.Condition, error)
	facets    []facet[Filter, Facets]
	// fetch reads the page.
	fetch func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[T], error)
}

// run answers the request as far as it is selected; facets are nil if none is.
func (l list[T, Filter, Facets]) run(ctx context.Context, r *Resolver) (*grid.Result[T], *Facets, error) {
	selected := selectionOf(ctx)
	req, err := l.page.request(selected, l.fields, l.always...)
	if err != nil {
		return nil, nil, err
	}
	req.Order = l.order
	if req.Where, err = l.condition(l.filter); err != nil {
		return nil, nil, err
	}
	shown := l.selectedFacets(selected)
	if req.Facets, err = l.facetRequests(shown); err != nil {
		return nil, nil, err
	}
	brought := broughtBy(ctx, graphql.GetFieldContext(ctx).Field.Field)
	brought.ask(&req)
	var result *grid.Result[T]
	err = r.readStatements(ctx, req.IsOneStatement(), func(ctx context.Context, tx *postgres.Tx) error {
		result, err = l.fetch(ctx, tx, req)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	brought.take(result.Aside)
	if !selected.has("facets") {
		return result, nil, nil
	}
	facets := new(Facets)
	for i, f := range shown {
		*f.target(facets) = facetValues(result.Facets[i])
	}
	return result, facets, nil
}

func (l list[T, Filter, Facets]) selectedFacets(s selection) []facet[Filter, Facets] {
	wanted := s.under("facets")
	var shown []facet[Filter, Facets]
	for _, f := range l.facets {
		if wanted.has(f.field) {
			shown = append(shown, f)
		}
	}
	return shown
}

// facetRequests compiles the condition of each facet: all of the request's but the filter of its own column.
func (l list[T, Filter, Facets]) facetRequests(facets []facet[Filter, Facets]) ([]grid.Facet, error) {
	requests := make([]grid.Facet, len(facets))
	for i, f := range facets {
		filter := l.filter
		if filter != nil {
			others := *filter
			f.clear(&others)
			filter = &others
		}
		where, err := l.condition(filter)
		if err != nil {
			return nil, err
		}
		requests[i] = grid.Facet{Column: f.column, Where: where}
	}
	return requests, nil
}

// ordering returns the columns to sort by: those asked for, or else the default.
func ordering[O any](orders []O, read func(O) grid.Order, byDefault string) []grid.Order {
	if len(orders) == 0 {
		return []grid.Order{{Column: byDefault}}
	}
	columns := make([]grid.Order, len(orders))
	for i, o := range orders {
		columns[i] = read(o)
	}
	return columns
}

// searching adds the condition of a search, where there is one.
func searching(search *string, condition func(text string) grid.Condition, others ...grid.Condition) grid.Condition {
	if search == nil || *search == "" {
		return grid.All(others...)
	}
	return grid.All(append([]grid.Condition{condition(*search)}, others...)...)
}

func descending(direction model.SortDirection) bool { return direction == model.SortDirectionDesc }
