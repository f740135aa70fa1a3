package telemetry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"crosswalk/internal/account"
	"crosswalk/internal/httpapi"
)

// tracedOperations gives operations a span, and one to each of their fields that has a resolver. Subscriptions last,
// so each response to one is a trace of its own, if resolvers have work to do for it.
type tracedOperations struct{ tracer trace.Tracer }

var (
	_ graphql.OperationInterceptor = tracedOperations{}
	_ graphql.ResponseInterceptor  = tracedOperations{}
	_ graphql.FieldInterceptor     = tracedOperations{}
)

// ExtensionName names the hook.
func (tracedOperations) ExtensionName() string { return "Traces" }

// Validate accepts every schema.
func (tracedOperations) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation is called with every operation that is to be executed.
func (o tracedOperations) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	if operation.Operation.Operation == ast.Subscription {
		request := trace.SpanContextFromContext(ctx)
		ctx = context.WithValue(ctx, requestKey{}, request)
		return next(trace.ContextWithSpanContext(ctx, trace.SpanContext{}))
	}
	ctx, span := o.start(ctx, operation)
	if !span.IsRecording() {
		return next(ctx)
	}
	fields := &fieldSpans{tracer: o.tracer, operation: span}
	responses := next(context.WithValue(ctx, fieldsKey{}, fields))
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		fields.end(errorCode(response))
		return response
	}
}

// requestKey is what the context of a subscription has the span of its request under.
type requestKey struct{}

// InterceptResponse is called with every response that gqlgen makes.
func (o tracedOperations) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	operation := graphql.GetOperationContext(ctx)
	switch {
	case !isExecuted(ctx):
		response := next(ctx)
		_, span := o.start(ctx, operation)
		endOperation(span, errorCode(response))
		return response
	case operation.Operation.Operation == ast.Subscription:
		fields := &fieldSpans{tracer: o.tracer, begin: func(ctx context.Context) trace.Span { return o.startEvent(ctx, operation) }}
		response := next(context.WithValue(ctx, fieldsKey{}, fields))
		fields.end(errorCode(response))
		return response
	}
	return next(ctx)
}

// start begins the span of an operation that came with the request in ctx. The span of a request that is answered with
// a stream is over already: its operations are traces of their own.
func (o tracedOperations) start(ctx context.Context, operation *graphql.OperationContext) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{trace.WithTimestamp(operation.Stats.OperationStart), trace.WithAttributes(describeOperation(ctx, operation)...)}
	if request := trace.SpanFromContext(ctx); request.SpanContext().IsSampled() && !request.IsRecording() {
		options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: request.SpanContext()}))
	}
	return o.tracer.Start(ctx, nameOf(operation), options...)
}

// startEvent begins the span of a response to a subscription.
func (o tracedOperations) startEvent(ctx context.Context, operation *graphql.OperationContext) trace.Span {
	options := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithAttributes(describeOperation(ctx, operation)...)}
	if request, _ := ctx.Value(requestKey{}).(trace.SpanContext); request.IsSampled() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: request}))
	}
	_, span := o.tracer.Start(ctx, nameOf(operation), options...)
	return span
}

// nameOf returns what an operation's span is called.
func nameOf(operation *graphql.OperationContext) string {
	if operation.Operation == nil {
		return "operation"
	}
	return strings.TrimSpace(string(operation.Operation.Operation) + " " + operationName(operation))
}

// maxName bounds the name of an operation, in bytes: its author chose it.
const maxName = 60

func operationName(operation *graphql.OperationContext) string {
	name := operation.Operation.Name
	return name[:min(len(name), maxName)]
}

// describeOperation leaves the document out: it may hold values.
func describeOperation(ctx context.Context, operation *graphql.OperationContext) []attribute.KeyValue {
	var attributes []attribute.KeyValue
	if operation.Operation != nil {
		attributes = append(attributes, attribute.String("graphql.operation.type", string(operation.Operation.Operation)),
			attribute.String("graphql.operation.name", operationName(operation)))
	}
	if identity, ok := account.IdentityFrom(ctx); ok {
		attributes = append(attributes, attribute.String("crosswalk.seller.id", identity.Seller.String()))
	}
	return attributes
}

func endOperation(span trace.Span, code string) {
	if code != "" {
		fail(span, code)
	}
	span.End()
}

// InterceptField is called with every field. Those that are there already are not worth a span.
func (o tracedOperations) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	fields, _ := ctx.Value(fieldsKey{}).(*fieldSpans)
	if fields == nil || !field.IsResolver {
		return next(ctx)
	}
	span := fields.enter(ctx, field)
	if span == nil {
		return next(ctx)
	}
	result, err := next(trace.ContextWithSpan(ctx, span.span))
	fields.leave(span, err)
	return result, err
}

type fieldsKey struct{}

// fieldSpans are the spans of the fields of a response: one for each place in the document, whatever number of rows
// it is resolved for. It lasts from the first of them until the last.
type fieldSpans struct {
	tracer trace.Tracer
	// begin begins the span of the operation when the first field is entered, if there is none yet.
	begin func(context.Context) trace.Span

	mu        sync.Mutex
	operation trace.Span
	spans     map[string]*fieldSpan
	ended     bool
}

// fieldSpan is the span of one place in a document.
type fieldSpan struct {
	span trace.Span
	// rows is for how many it was entered, underWay how many of them have not left yet.
	rows, underWay int
	// last is when one left, errorType the code of an error that one left with.
	last      time.Time
	errorType string
}

// maxFieldSpans bounds the spans of one response: documents may be long.
const maxFieldSpans = 200

// enter returns the span of a field; nil where it has none.
func (f *fieldSpans) enter(ctx context.Context, field *graphql.FieldContext) *fieldSpan {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return nil // a resolver that nobody waited for
	}
	path, parent := placeOf(field), f.parentLocked(ctx, field)
	entered := f.spans[path]
	if entered == nil && len(f.spans) >= maxFieldSpans {
		return nil
	}
	if entered == nil {
		entered = &fieldSpan{}
		_, entered.span = f.tracer.Start(trace.ContextWithSpan(ctx, parent), "resolve "+path,
			trace.WithAttributes(attribute.String("graphql.field.path", path)))
		if f.spans == nil {
			f.spans = make(map[string]*fieldSpan)
		}
		f.spans[path] = entered
	}
	entered.rows++
	entered.underWay++
	return entered
}

// parentLocked returns the span of the next field above that has one, or else that of the operation.
func (f *fieldSpans) parentLocked(ctx context.Context, field *graphql.FieldContext) trace.Span {
	for above := field.Parent; above != nil; above = above.Parent {
		if parent := f.spans[placeOf(above)]; parent != nil {
			return parent.span
		}
	}
	if f.operation == nil {
		f.operation = f.begin(ctx)
	}
	return f.operation
}

func (f *fieldSpans) leave(left *fieldSpan, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left.underWay--
	left.last = time.Now()
	if err != nil {
		left.errorType = "INTERNAL"
		if coded := httpapi.Coded(nil); errors.As(err, &coded) {
			left.errorType = coded.Code()
		}
	}
}

// end ends all spans. The code is that of the response's error; empty for none.
func (f *fieldSpans) end(code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	f.ended = true
	for _, each := range f.spans {
		if each.underWay > 0 {
			each.last = time.Now()
		}
		each.span.SetAttributes(attribute.Int("crosswalk.rows", each.rows))
		if each.errorType != "" {
			fail(each.span, each.errorType)
		}
		each.span.End(trace.WithTimestamp(each.last))
	}
	if f.operation != nil {
		endOperation(f.operation, code)
	}
}

// placeOf names the place of a field in the document: the way to it, without numbers of rows.
func placeOf(field *graphql.FieldContext) string {
	var names []string
	for at := field; at != nil; at = at.Parent {
		if at.Field.Field != nil {
			names = append(names, at.Field.Alias)
		}
	}
	slices.Reverse(names)
	return strings.Join(names, ".")
}
