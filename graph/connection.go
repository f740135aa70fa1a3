package graph

import (
	"context"

	"crosswalk/graph/model"
	"crosswalk/internal/postgres/grid"
)

// pageArguments are the paging arguments of a connection.
type pageArguments struct {
	first  *int
	after  *string
	last   *int
	before *string
	offset *int
}

// request starts the request for what is selected of a connection: columns by the fields of its rows, the
// rest only where asked for.
func (p pageArguments) request(s selection, byField map[string]string, always ...string) (grid.Request, error) {
	page, err := grid.NewPage(p.first, p.after, p.last, p.before, p.offset)
	if err != nil {
		return grid.Request{}, err
	}
	req := grid.Request{
		Columns:  s.nodes().columns(byField, always...),
		Page:     page,
		Total:    s.has("totalCount"),
		Position: s.has("range"),
		Sides:    s.under("pageInfo").has(opposite(page)),
	}
	if !s.has("nodes", "edges", "pageInfo", "range") {
		req.Page = page.WithoutRows()
	}
	return req, nil
}

// opposite is the field that tells whether the list goes on at the side that a page is not read towards.
func opposite(page grid.Page) string {
	if page.IsBackward() {
		return "hasNextPage"
	}
	return "hasPreviousPage"
}

// connection is a page in the parts that every connection type has.
type connection[N, E any] struct {
	nodes    []N
	edges    []E
	pageInfo *model.PageInfo
	span     *model.PageRange
}

// connect turns a page of rows into the parts of a connection. Every edge costs a cursor, so there are none
// where none is selected.
func connect[T, N, E any](ctx context.Context, result *grid.Result[T], node func(T) N, edge func(cursor string, node N) E) connection[N, E] {
	c := connection[N, E]{
		nodes:    make([]N, len(result.Rows)),
		pageInfo: &model.PageInfo{HasNextPage: result.HasNext, HasPreviousPage: result.HasPrevious},
	}
	for i, row := range result.Rows {
		c.nodes[i] = node(row)
	}
	if selectionOf(ctx).has("edges") {
		c.edges = make([]E, len(result.Rows))
		for i, n := range c.nodes {
			c.edges[i] = edge(result.Cursor(i), n)
		}
	}
	if n := len(result.Rows); n > 0 {
		start, end := result.Cursor(0), result.Cursor(n-1)
		c.pageInfo.StartCursor, c.pageInfo.EndCursor = &start, &end
		c.span = &model.PageRange{From: result.From, To: result.From + n - 1}
	}
	return c
}

// facet is one list of values of a connection: the field that shows it, the column it counts, and how to
// leave its own column's filter out.
type facet[Filter, Facets any] struct {
	field  string
	column string
	clear  func(*Filter)
	target func(*Facets) *[]*model.FacetValue
}

// facetValues shows counted values.
func facetValues(counted []grid.FacetValue) []*model.FacetValue {
	values := make([]*model.FacetValue, len(counted))
	for i, v := range counted {
		values[i] = &model.FacetValue{Value: v.Value, Count: v.Count}
	}
	return values
}

// textCondition compiles a StringFilter.
func textCondition(column string, f *model.StringFilter) grid.Condition {
	if f == nil {
		return nil
	}
	var conditions []grid.Condition
	if v := f.Eq.Value(); v != nil {
		conditions = append(conditions, grid.Compare(column, grid.Equal, *v))
	}
	if v := f.In.Value(); v != nil {
		conditions = append(conditions, grid.OneOf(column, v))
	}
	if v := f.Contains.Value(); v != nil {
		conditions = append(conditions, grid.Contains(column, *v))
	}
	if v := f.StartsWith.Value(); v != nil {
		conditions = append(conditions, grid.StartsWith(column, *v))
	}
	if v := f.IsNull.Value(); v != nil {
		conditions = append(conditions, grid.IsNull(column, *v))
	}
	return grid.All(conditions...)
}

// anyOf compiles a list of alternatives; nil is no condition, an empty list matches nothing.
func anyOf[V ~string](column string, values []V) grid.Condition {
	if values == nil {
		return nil
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return grid.OneOf(column, texts)
}

// dateCondition compiles a DateFilter.
func dateCondition(column string, f *model.DateFilter) grid.Condition {
	if f == nil {
		return nil
	}
	conditions := []grid.Condition{
		compare(column, grid.Equal, f.Eq.Value()),
		compare(column, grid.Less, f.Lt.Value()),
		compare(column, grid.LessOrEqual, f.Lte.Value()),
		compare(column, grid.Greater, f.Gt.Value()),
		compare(column, grid.GreaterOrEqual, f.Gte.Value()),
	}
	if v := f.IsNull.Value(); v != nil {
		conditions = append(conditions, grid.IsNull(column, *v))
	}
	return grid.All(conditions...)
}

// numberCondition compiles a DecimalFilter.
func numberCondition(column string, f *model.DecimalFilter) grid.Condition {
	if f == nil {
		return nil
	}
	return grid.All(
		compare(column, grid.Equal, f.Eq.Value()),
		compare(column, grid.Less, f.Lt.Value()),
		compare(column, grid.LessOrEqual, f.Lte.Value()),
		compare(column, grid.Greater, f.Gt.Value()),
		compare(column, grid.GreaterOrEqual, f.Gte.Value()),
	)
}

// compare compiles one member of a filter; nil where it was left out.
func compare[V any](column string, operator grid.Operator, value *V) grid.Condition {
	if value == nil {
		return nil
	}
	return grid.Compare(column, operator, *value)
}
