package httpapi

import (
	"context"
	"log/slog"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// slowLog tells operators of queries and mutations that take long. It is one
// of gqlgen's hooks, and outside of all limits.
type slowLog struct {
	threshold time.Duration
	log       *slog.Logger
}

var _ graphql.OperationInterceptor = slowLog{}

func (slowLog) ExtensionName() string                   { return "SlowLog" }
func (slowLog) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation is called with every operation that is to be executed.
func (s slowLog) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	if operation.Operation.Operation == ast.Subscription {
		return next(ctx)
	}
	start := time.Now()
	responses := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if duration := time.Since(start); response != nil && duration >= s.threshold {
			s.tell(ctx, operation, duration)
		}
		return response
	}
}

// tell names the operation by what its author wrote, and never by what
// arguments and variables hold.
func (s slowLog) tell(ctx context.Context, operation *graphql.OperationContext, duration time.Duration) {
	var fields []string
	for _, selection := range operation.Operation.SelectionSet {
		if field, ok := selection.(*ast.Field); ok && len(fields) < maxNamedFields {
			fields = append(fields, shorten(field.Name, maxQuoted))
		}
	}
	attributes := append(noteOf(ctx).caller(),
		slog.String("operation", shorten(operation.Operation.Name, maxQuoted)),
		slog.String("operation_type", string(operation.Operation.Operation)),
		slog.Any("fields", fields),
		slog.Duration("duration", duration),
	)
	if cost := costOf(operation); cost != nil {
		attributes = append(attributes, slog.Int("cost", cost.Requested))
	}
	s.log.LogAttrs(ctx, slog.LevelWarn, "slow operation", attributes...)
}

// maxNamedFields is how many of an operation's fields are named in the log.
const maxNamedFields = 10
