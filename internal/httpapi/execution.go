package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// executionLimit bounds how long a query or mutation may run. It is the
// outermost of gqlgen's operation hooks.
type executionLimit struct {
	limit   time.Duration
	present *presenter
	workers workers
}

// workers are goroutines that execute one operation after the other: executing takes a deep stack, which each new
// goroutine would have to grow again.
type workers chan func()

// workerIdle is how long a worker waits for the next operation before it ends.
const workerIdle = 10 * time.Second

// run has an idle worker call work, or a new one.
func (w workers) run(work func()) {
	select {
	case w <- work:
	default:
		go func() {
			work()
			idle := time.NewTimer(workerIdle)
			defer idle.Stop()
			for {
				select {
				case next := <-w:
					next()
					idle.Reset(workerIdle)
				case <-idle.C:
					return
				}
			}
		}()
	}
}

var _ graphql.OperationInterceptor = executionLimit{}

func (executionLimit) ExtensionName() string                   { return "ExecutionLimit" }
func (executionLimit) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation is called with every operation.
func (e executionLimit) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription {
		return next(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.limit, errTooSlow)
	execute := next(ctx)
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		defer cancel()
		response := e.answer(ctx, execute)
		if errors.Is(context.Cause(ctx), errTooSlow) {
			e.present.observer.LimitReached(LimitExecutionTime)
		}
		return response
	}
}

// grace is how long resolvers that noticed the end of their time have to hand
// in what they got.
const grace = 250 * time.Millisecond

// answer executes and waits no longer than ctx and the grace allow. Resolvers
// that do not heed ctx are left to themselves: they end when they end, and
// nobody reads what they return.
func (e executionLimit) answer(ctx context.Context, execute graphql.ResponseHandler) *graphql.Response {
	answers := make(chan *graphql.Response, 1)
	e.workers.run(func() {
		defer func() {
			if value := recover(); value != nil {
				answers <- e.present.response(ctx, e.present.recovered(ctx, value))
			}
		}()
		answers <- execute(ctx)
	})
	select {
	case answer := <-answers:
		return e.orTooSlow(ctx, answer)
	case <-ctx.Done():
	}
	select {
	case answer := <-answers:
		return e.orTooSlow(ctx, answer)
	case <-time.After(grace):
		return e.orTooSlow(ctx, nil)
	}
}

// orTooSlow stands in for an answer that gqlgen left out because ctx had
// ended.
func (e executionLimit) orTooSlow(ctx context.Context, answer *graphql.Response) *graphql.Response {
	if answer != nil {
		return answer
	}
	return e.present.response(ctx, context.Cause(ctx))
}

// response is an answer that holds nothing but err.
func (p *presenter) response(ctx context.Context, err error) *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{p.present(ctx, err)}}
}

// errorLimit bounds how many errors an answer without data holds: a document
// can be wrong in thousands of places. It is one of gqlgen's hooks.
type errorLimit struct{}

var _ graphql.ResponseInterceptor = errorLimit{}

const maxErrors = 20

func (errorLimit) ExtensionName() string                   { return "ErrorLimit" }
func (errorLimit) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse is called with every answer.
func (errorLimit) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response != nil && response.Data == nil && len(response.Errors) > maxErrors {
		response.Errors = response.Errors[:maxErrors]
	}
	return response
}

// documentCache remembers parsed documents by their text. Long texts are not
// remembered: a thousand documents at the token limit would fill gigabytes.
type documentCache struct {
	*lru.LRU[*ast.QueryDocument]
}

// maxCachedText is longer, in bytes, than what people and clients write.
const maxCachedText = 16 << 10

// Add remembers a document.
func (c documentCache) Add(ctx context.Context, text string, document *ast.QueryDocument) {
	if len(text) <= maxCachedText {
		c.LRU.Add(ctx, text, document)
	}
}
