package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Watchers returns gqlgen's hooks that time operations and, where there are traces, trace them. They must be outside
// of all others. The documents are those whose names metrics may tell: names that callers make up have no end.
func (t *Telemetry) Watchers(documents ...string) []graphql.HandlerExtension {
	watchers := []graphql.HandlerExtension{operations{t.metrics, namesIn(documents)}}
	if t.tracer != nil {
		watchers = append(watchers, tracedOperations{t.tracer})
	}
	return watchers
}

// namesIn returns the names of the operations in documents.
func namesIn(documents []string) map[string]bool {
	names := make(map[string]bool)
	for _, text := range documents {
		document, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			continue // nobody can execute it
		}
		for _, operation := range document.Operations {
			names[operation.Name] = true
		}
	}
	return names
}

// operations times queries and mutations, and counts subscriptions.
type operations struct {
	*metrics
	names map[string]bool
}

var (
	_ graphql.OperationInterceptor = operations{}
	_ graphql.ResponseInterceptor  = operations{}
)

// ExtensionName names the hook.
func (operations) ExtensionName() string { return "Metrics" }

// Validate accepts every schema.
func (operations) Validate(graphql.ExecutableSchema) error { return nil }

type executedKey struct{}

// isExecuted tells operations that are executed from those that were refused before.
func isExecuted(ctx context.Context) bool { return ctx.Value(executedKey{}) != nil }

// InterceptOperation is called with every operation that is to be executed.
func (o operations) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	ctx = context.WithValue(ctx, executedKey{}, true)
	operation := graphql.GetOperationContext(ctx)
	if operation.Operation.Operation == ast.Subscription {
		return o.subscribe(ctx, next)
	}
	responses := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response != nil {
			o.answered(operation, rootField(operation), response)
		}
		return response
	}
}

func (o operations) subscribe(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	o.subscriptions.Inc()
	end := sync.OnceFunc(o.subscriptions.Dec)
	forget := context.AfterFunc(ctx, end)
	responses := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response == nil {
			forget()
			end()
		}
		return response
	}
}

// InterceptResponse is called with every response that gqlgen makes, those to operations that are refused included.
func (o operations) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response != nil && !isExecuted(ctx) {
		// The document may be anything, so that looking at its fields may take long.
		o.answered(graphql.GetOperationContext(ctx), "", response)
	}
	return response
}

func (o operations) answered(operation *graphql.OperationContext, field string, response *graphql.Response) {
	kind, name := "", ""
	if definition := operation.Operation; definition != nil {
		kind = string(definition.Operation)
		if o.names[definition.Name] {
			name = definition.Name
		}
	}
	o.metrics.operations.WithLabelValues(kind, name, field, errorCode(response)).
		Observe(time.Since(operation.Stats.OperationStart).Seconds())
}

// errorCode returns the code of the first error; empty where there is none, or no response.
func errorCode(response *graphql.Response) string {
	if response == nil || len(response.Errors) == 0 {
		return ""
	}
	code, _ := response.Errors[0].Extensions["code"].(string)
	return code
}

// rootField returns the field that a valid operation asks for: one of those that the schema has. It is empty for none
// and for several.
func rootField(operation *graphql.OperationContext) string {
	root := map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation"}[operation.Operation.Operation]
	name := ""
	for _, field := range graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{root}) {
		if name != "" && field.Name != name {
			return ""
		}
		name = field.Name
	}
	return name
}
