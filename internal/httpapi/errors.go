package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The codes this package gives errors in extensions.code; resolvers add their
// own through Coded.
const (
	codeParseFailed      = "GRAPHQL_PARSE_FAILED"
	codeValidationFailed = "GRAPHQL_VALIDATION_FAILED"
	codeBadUserInput     = "BAD_USER_INPUT"
	codeUnauthenticated  = "UNAUTHENTICATED"
	codeForbidden        = "FORBIDDEN"
	codeLimitExceeded    = "LIMIT_EXCEEDED"
	codeDepthExceeded    = "DEPTH_LIMIT_EXCEEDED"
	codeCostExceeded     = "COST_LIMIT_EXCEEDED"
	codeRateLimited      = "RATE_LIMITED"
	codeTimeout          = "TIMEOUT"
	codeInternal         = "INTERNAL"
	codeUnavailable      = "SERVICE_UNAVAILABLE"
	codePersistedUnknown = "PERSISTED_QUERY_NOT_FOUND"
	codePersistedOnly    = "PERSISTED_QUERY_ONLY"
)

// Coded is an error that may be shown to the caller. It is looked for with
// errors.As, and the text of what wraps it is not shown. Every other error
// becomes INTERNAL with a text that says nothing, and is logged. What wraps an
// error with the code SERVICE_UNAVAILABLE says what is the matter; it is logged,
// too.
type Coded interface {
	error
	// Code is what extensions.code says, such as NOT_FOUND.
	Code() string
	// Extensions are further entries of extensions; nil for none.
	Extensions() map[string]any
}

// refusal is a Coded error of this package.
type refusal struct {
	code    string
	message string
	// status is the HTTP status where it is not the one of the code.
	status int
	// limit is what the request went beyond, if that is why.
	limit Limit
	// extensions go beside the code.
	extensions map[string]any
}

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// reached refuses what goes beyond a limit.
func reached(limit Limit, format string, args ...any) *refusal {
	return &refusal{
		code: codeLimitExceeded, message: fmt.Sprintf(format, args...),
		limit: limit, extensions: map[string]any{"limit": limit},
	}
}

func (r *refusal) withStatus(status int) *refusal {
	r.status = status
	return r
}

func (r *refusal) Error() string              { return r.message }
func (r *refusal) Code() string               { return r.code }
func (r *refusal) Extensions() map[string]any { return r.extensions }

// panicked is a panic on its way to the log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// errTooSlow is the cause of a context that ended because an operation took
// longer than Limits.ExecutionTime.
var errTooSlow = errors.New("the operation took too long")

// presenter turns errors into what callers see. It is the only place that
// decides what they may know.
type presenter struct {
	log      *slog.Logger
	observer Observer
}

// recovered is what gqlgen calls with a resolver's panic.
func (p *presenter) recovered(_ context.Context, value any) error {
	return &panicked{value: value, stack: debug.Stack()}
}

// present is what gqlgen calls with every error of an operation.
func (p *presenter) present(ctx context.Context, err error) *gqlerror.Error {
	shown := p.translate(ctx, err)
	code, _ := shown.Extensions["code"].(string)
	noteOf(ctx).failed(code)
	shown.Message = shorten(shown.Message, maxMessage)
	if id := requestID(ctx); id != "" {
		shown.Extensions["requestId"] = id
	}
	return shown
}

// maxMessage bounds a message, in characters: some quote what was sent.
const maxMessage = 500

func (p *presenter) translate(ctx context.Context, err error) *gqlerror.Error {
	var coded Coded
	var positioned *gqlerror.Error
	if !errors.As(err, &positioned) {
		positioned = &gqlerror.Error{}
	}
	argument := argumentPath(ctx, positioned)
	switch {
	case argument != nil:
		return inArgument(graphql.GetFieldContext(ctx), argument, positioned.Message)
	case errors.As(err, &coded):
		if refused, ok := coded.(*refusal); ok && refused.limit != "" {
			p.observer.LimitReached(refused.limit)
		}
		if coded.Code() == codeUnavailable {
			p.logHidden(ctx, positioned.Path, err)
		}
		return at(positioned, coded.Code(), coded.Error(), coded.Extensions())
	case positioned.Extensions["code"] != nil:
		return p.translateDocumentError(ctx, positioned)
	case errors.Is(context.Cause(ctx), errTooSlow):
		return at(positioned, codeTimeout, tooSlowMessage(ctx), nil)
	default:
		p.logHidden(ctx, positioned.Path, err)
		return at(positioned, codeInternal, "Something went wrong on our side. It has been logged under this request id.", nil)
	}
}

// at is an error in the place of another.
func at(place *gqlerror.Error, code, message string, extensions map[string]any) *gqlerror.Error {
	all := map[string]any{}
	maps.Copy(all, extensions)
	all["code"] = code
	return &gqlerror.Error{Message: message, Path: place.Path, Locations: place.Locations, Extensions: all}
}

// translateDocumentError improves the errors that gqlgen gives a code: those
// of a document that does not parse or validate, or whose variables do not
// fit.
func (p *presenter) translateDocumentError(ctx context.Context, err *gqlerror.Error) *gqlerror.Error {
	code, _ := err.Extensions["code"].(string)
	message := err.Message
	switch {
	case code == codeParseFailed && strings.HasPrefix(message, parserTokenLimit):
		return p.translate(ctx, reached(LimitTokens, "The document is too long: %s.", message))
	case code == codeParseFailed && strings.HasPrefix(message, parserDepthLimit):
		refused := reached(LimitDepth, "%s", message)
		refused.code = codeDepthExceeded
		return p.translate(ctx, refused)
	case code == codeValidationFailed && len(err.Path) > 1 && err.Path[0] == ast.PathName("variable"):
		code = codeBadUserInput
		message = fmt.Sprintf("Variable %q: %s", "$"+err.Path[1:].String(), message)
		err = &gqlerror.Error{Locations: err.Locations}
	case code == codeValidationFailed && graphql.HasOperationContext(ctx):
		message = chooseOperation(graphql.GetOperationContext(ctx), message)
	}
	return at(err, code, message, err.Extensions)
}

// How gqlparser's two errors begin that are about size rather than syntax; it
// has no other mark for them.
const (
	parserTokenLimit = "exceeded token limit"
	parserDepthLimit = "exceeded maximum nesting depth"
)

func tooSlowMessage(ctx context.Context) string {
	if graphql.HasOperationContext(ctx) && graphql.GetOperationContext(ctx).Operation.Operation == ast.Mutation {
		return "This took too long and was stopped. Look whether it has taken effect before you try again."
	}
	return "This took too long and was stopped. Ask for fewer rows or fields at a time."
}

// argumentPath is the argument, or the place in it, that err says could not be
// read; nil if err is of another kind. The path of such an error goes on past
// the field in ctx.
func argumentPath(ctx context.Context, err *gqlerror.Error) ast.Path {
	field := graphql.GetFieldContext(ctx)
	if field == nil || field.Args != nil || field.Field.Field == nil || field.Field.Definition == nil {
		return nil
	}
	depth := len(field.Path())
	if len(err.Path) <= depth {
		return nil
	}
	argument, ok := err.Path[depth].(ast.PathName)
	if !ok || field.Field.Definition.Arguments.ForName(string(argument)) == nil {
		return nil
	}
	return err.Path[depth:]
}

// notAnEnum is what gqlgen says of an enum that is null, which other values of
// another kind have not come as far as.
const notAnEnum = "enums must be strings"

// inArgument is an error about a place in an argument of a field.
func inArgument(field *graphql.FieldContext, argument ast.Path, message string) *gqlerror.Error {
	if message == notAnEnum {
		message = "cannot be null"
	}
	place := &gqlerror.Error{Path: field.Path()}
	if position := field.Field.Position; position != nil {
		place.Locations = []gqlerror.Location{{Line: position.Line, Column: position.Column}}
	}
	message = fmt.Sprintf("Argument %q: %s", argument.String(), message)
	return at(place, codeBadUserInput, message, map[string]any{"argument": argument.String()})
}

// logHidden logs what the caller is not told. Only the first few of a request
// are logged: a page of a thousand rows can fail a thousand times for one
// reason.
func (p *presenter) logHidden(ctx context.Context, path ast.Path, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) || !noteOf(ctx).mayLogHidden() {
		return
	}
	attributes := append(noteOf(ctx).caller(),
		slog.String("operation", operationName(ctx)),
		slog.String("path", path.String()),
		slog.String("error", err.Error()),
	)
	var panicked *panicked
	if errors.As(err, &panicked) {
		attributes = append(attributes, slog.String("stack", string(panicked.stack)))
	}
	p.log.LogAttrs(ctx, slog.LevelError, "internal error", attributes...)
}

// operationName is what the author of the operation in ctx calls it; empty where
// there is none.
func operationName(ctx context.Context) string {
	if !graphql.HasOperationContext(ctx) || graphql.GetOperationContext(ctx).Operation == nil {
		return ""
	}
	return shorten(graphql.GetOperationContext(ctx).Operation.Name, maxQuoted)
}

// statusOf is the HTTP status of an answer without data in the given format,
// by the code of its first error. A document that cannot be executed is the
// caller's mistake; clients that only know application/json expect 200 for it
// all the same.
func statusOf(format mediaType, code string) int {
	switch code {
	case codeUnauthenticated:
		return http.StatusUnauthorized
	case codeForbidden:
		return http.StatusForbidden
	case codeRateLimited:
		return http.StatusTooManyRequests
	case codeTimeout:
		return http.StatusGatewayTimeout
	case codeUnavailable:
		return http.StatusServiceUnavailable
	case codeInternal:
		return http.StatusInternalServerError
	}
	if format == plainJSON {
		return http.StatusOK
	}
	return http.StatusBadRequest
}
