package graph

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres/grid"
)

// The summary line is mostly asked for beside a page of the list that it sums up. A short page then brings the totals along with its
// rows: a statement of their own would cost a third of what the page does, and tell of another moment.

// broughtTotals are the totals that a page brings to the summaries of the same response.
type broughtTotals struct {
	// page is the field of the root with the page.
	page *ast.Field
	// settled is closed once the totals are here, or it is clear that they will not come.
	settled chan struct{}
	settle  func()
	totals  *mapping.AllTotals
}

type broughtKey struct{}

// besidePage returns a context for the response to a query that selects a summary of mappings and a page that may bring its
// totals; for others the one it got.
func besidePage(ctx context.Context) context.Context {
	if !graphql.HasOperationContext(ctx) {
		return ctx
	}
	operation := graphql.GetOperationContext(ctx)
	if operation.Operation == nil || operation.Operation.Operation != ast.Query || len(operation.Operation.SelectionSet) < 2 {
		return ctx
	}
	root := selection{operation: operation, fields: graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Query"})}
	if !root.has("mappingSummary") || root.under("mappingSummary").has("invoiceLines") {
		return ctx
	}
	for _, f := range root.fields {
		switch f.Name {
		case "organizations", "offers", "contracts":
			settled := make(chan struct{})
			return context.WithValue(ctx, broughtKey{}, &broughtTotals{
				page: f.Field, settled: settled, settle: sync.OnceFunc(func() { close(settled) }),
			})
		}
	}
	return ctx
}

// broughtTo returns the totals that a page brings to the response; nil where none does.
func broughtTo(ctx context.Context) *broughtTotals {
	brought, _ := ctx.Value(broughtKey{}).(*broughtTotals)
	return brought
}

// broughtBy returns the totals that a field is to bring; nil for fields that bring none.
func broughtBy(ctx context.Context, field *ast.Field) *broughtTotals {
	if brought := broughtTo(ctx); brought != nil && brought.page == field {
		return brought
	}
	return nil
}

// InterceptRootField lets nobody wait for a field that is over.
func (Operation) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	if brought := broughtBy(ctx, graphql.GetRootFieldContext(ctx).Field.Field); brought != nil {
		defer brought.settle()
	}
	return next(ctx)
}

// longPage is how many rows a page has at least to be no place for totals, which come with each of them.
const longPage = 101

// ask has the page bring the totals, if it is one that can.
func (b *broughtTotals) ask(req *grid.Request) {
	switch {
	case b == nil:
	case req.IsOneStatement() && req.Page.IsShorterThan(longPage):
		req.Aside = mapping.TotalsQuery
	default:
		b.settle()
	}
}

// take hands the totals over that came beside a page.
func (b *broughtTotals) take(text *string) {
	if b == nil || text == nil {
		return
	}
	if totals, err := mapping.ParseTotals(*text); err == nil {
		b.totals = &totals
		b.settle()
	}
}

// totalsBeside returns the totals that a page brings, once it is there; nil where none does.
func totalsBeside(ctx context.Context) *mapping.AllTotals {
	brought := broughtTo(ctx)
	if brought == nil {
		return nil
	}
	select {
	case <-brought.settled:
		return brought.totals
	case <-ctx.Done():
		return nil
	}
}
