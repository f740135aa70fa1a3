package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/internal/account"
	"crosswalk/internal/httpapi/explorer"
)

// Authenticator tells who holds a bearer token.
type Authenticator interface {
	// Authenticate returns account.ErrUnauthenticated, possibly wrapped, for a
	// token that is not valid; any other error means that it could not tell.
	Authenticate(ctx context.Context, token string) (account.Identity, error)
}

// Config says what New serves.
type Config struct {
	// Schema executes the operations. Its schema must have passed through
	// WithoutDefer.
	Schema graphql.ExecutableSchema
	// SDL is the text of the schema for those who download it.
	SDL string
	// Authenticator is asked before anything is executed.
	Authenticator Authenticator
	// Ready tells whether the process can do its work; its error's text is
	// shown to whoever asks /readyz. Nil means always.
	Ready func(ctx context.Context) error
	// Logger gets a line for every request and for every error that is kept
	// from the caller. Nil means slog.Default.
	Logger *slog.Logger
	// Limits bound what one operation may cost.
	Limits Limits
	// HideSchema switches introspection, suggestions and the download of the
	// SDL off.
	HideSchema bool
	// AllowedOrigins are the web origins, such as https://app.example.com,
	// whose pages may call the gateway; "*" allows all. None by default. Pages
	// that the gateway itself serves always may.
	AllowedOrigins []string
	// Explorer is served at /; nil switches it off.
	Explorer *explorer.Config
	// Extensions are gqlgen's hooks for what resolvers need around an
	// operation, such as dataloaders. They run inside of the limits.
	Extensions []graphql.HandlerExtension
}

func (c Config) check() error {
	switch {
	case c.Schema == nil:
		return errors.New("httpapi: Config.Schema is missing")
	case c.Authenticator == nil:
		return errors.New("httpapi: Config.Authenticator is missing")
	case c.Schema.Schema().Directives[deferDirective] != nil:
		return errors.New("httpapi: the schema still offers @defer; build it from WithoutDefer(schema)")
	}
	return nil
}

// Limits bound what one request may cost. A zero value means the default; to
// lift a limit, set a very large number.
type Limits struct {
	// BodyBytes bounds the body of a request and a WebSocket message: 4 MiB.
	BodyBytes int64
	// Tokens bounds the length of a document in lexical tokens: 15,000.
	Tokens int
	// Depth bounds how deep fields may be nested, introspection aside: 15.
	Depth int
	// Aliases bounds how many fields may be renamed: 100.
	Aliases int
	// ExecutionTime bounds a query or mutation, not a subscription: 30 s.
	ExecutionTime time.Duration
	// CachedDocuments is how many parsed documents are remembered: 1,000.
	CachedDocuments int
	// StreamTrust is how long a stream goes on before its token is checked again: 5 s.
	StreamTrust time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		BodyBytes:       cmp.Or(l.BodyBytes, 4<<20),
		Tokens:          cmp.Or(l.Tokens, 15_000),
		Depth:           cmp.Or(l.Depth, 15),
		Aliases:         cmp.Or(l.Aliases, 100),
		ExecutionTime:   cmp.Or(l.ExecutionTime, 30*time.Second),
		CachedDocuments: cmp.Or(l.CachedDocuments, 1000),
		StreamTrust:     cmp.Or(l.StreamTrust, 5*time.Second),
	}
}

const deferDirective = "defer"

// WithoutDefer returns the schema without @defer, which gqlgen adds to every
// schema but delivers only over multipart responses: over every other
// transport deferred fields would silently be null. Executable schemas are
// built from the result; schema itself is not changed.
func WithoutDefer(schema *ast.Schema) *ast.Schema {
	served := *schema
	served.Directives = maps.Clone(schema.Directives)
	delete(served.Directives, deferDirective)
	return &served
}
