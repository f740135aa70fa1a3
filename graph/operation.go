package graph

import (
	"context"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/graph-gophers/dataloader/v7"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/civil"
)

// responseScope is what the resolvers of one response share: of the only one of a query or mutation, and of each
// of a subscription.
type responseScope struct {
	loaders      *loaders.Set
	entryRecords func() *dataloader.Loader[entryRecord, model.Node]
	// today is the date in the seller's time zone.
	today func() (civil.Date, error)
}

type scopeKey struct{}

// scopeOf returns the scope of the response that is being made. Its time begins when it is first asked for: a
// subscription may wait for days before there is something to respond with.
func scopeOf(ctx context.Context) *responseScope {
	return ctx.Value(scopeKey{}).(func() *responseScope)()
}

// todayOf returns the date in the seller's time zone.
func todayOf(ctx context.Context) (civil.Date, error) { return scopeOf(ctx).today() }

func loadersFrom(ctx context.Context) *loaders.Set { return scopeOf(ctx).loaders }

// Operation is the gqlgen extension that gives every response its loaders, and the response extensions.psa where
// ConnectWise was needed.
type Operation struct{ *Resolver }

var _ interface {
	graphql.HandlerExtension
	graphql.ResponseInterceptor
	graphql.RootFieldInterceptor
} = Operation{}

// ExtensionName names the extension.
func (Operation) ExtensionName() string { return "Operation" }

// Validate accepts every schema.
func (Operation) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse makes a response with fresh loaders, and tells clients how ConnectWise behaved.
func (o Operation) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	ctx, scope := o.withScope(besidePage(underSubscription(ctx)))
	response := next(ctx)
	if response == nil {
		return nil
	}
	if outcome := scope().loaders.Outcome(); outcome.Asked {
		if response.Extensions == nil {
			response.Extensions = make(map[string]any)
		}
		report := psaReport{Available: outcome.Available}
		if !outcome.Available && !outcome.RetryAt.IsZero() {
			report.RetryAt = optional(outcome.RetryAt.UTC().Format(time.RFC3339))
		}
		response.Extensions["psa"] = report
	}
	return response
}

// psaReport is what a response says of how ConnectWise behaved.
type psaReport struct {
	Available bool    `json:"available"`
	RetryAt   *string `json:"retryAt"`
}

func (o Operation) withScope(ctx context.Context) (context.Context, func() *responseScope) {
	var scope func() *responseScope
	ctx = context.WithValue(ctx, scopeKey{}, func() *responseScope { return scope() })
	scope = sync.OnceValue(func() *responseScope {
		deadline := time.Now().Add(o.Budget)
		today := sync.OnceValues(func() (civil.Date, error) { return o.Today(ctx, seller(ctx)) })
		return &responseScope{
			loaders:      loaders.NewSet(ctx, o.DB, o.Directory, seller(ctx), today, deadline),
			entryRecords: sync.OnceValue(func() *dataloader.Loader[entryRecord, model.Node] { return o.newEntryRecords(ctx) }),
			today:        today,
		}
	})
	return ctx, scope
}

// underSubscription puts the field that is subscribed to above those of its values, where gqlgen leaves it out: it
// belongs into the paths of their errors.
func underSubscription(ctx context.Context) context.Context {
	if !graphql.HasOperationContext(ctx) {
		return ctx
	}
	operation := graphql.GetOperationContext(ctx)
	if operation.Operation == nil || operation.Operation.Operation != ast.Subscription {
		return ctx
	}
	fields := graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 {
		return ctx
	}
	return graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: fields[0]})
}
