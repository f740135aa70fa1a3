package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
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
	// What an *account.UnauthenticatedError and an *account.UndecidedError give
	// as the reason is shown to the caller.
	Authenticate(ctx context.Context, token string) (account.Identity, error)
	// Known is Authenticate where that needs no waiting; false where it does.
	Known(token string) (account.Identity, bool)
}

// Config says what New serves.
type Config struct {
	// Schema executes the operations. Its schema must have passed through
	// Published.
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
	// Limits bound what callers and operations may cost.
	Limits Limits
	// Cost reckons what an operation will cost once its variables are known, in
	// whatever unit Limits.Cost is. Nil means that nobody asks.
	Cost func(operation *graphql.OperationContext) int
	// Observer is told which limits are reached; nil for nobody.
	Observer Observer
	// SlowOperation is how long a query or mutation takes that is logged as
	// slow; 0 means 2 s.
	SlowOperation time.Duration
	// PersistedOnly is a directory of GraphQL documents. If it is not empty,
	// only those are executed; see README.
	PersistedOnly string
	// HideSchema switches introspection, suggestions and the download of the
	// SDL off.
	HideSchema bool
	// AllowedOrigins are the web origins, such as https://app.example.com,
	// whose pages may call the gateway; "*" allows all. None by default. Pages
	// that the gateway itself serves always may.
	AllowedOrigins []string
	// Explorer is served at /; nil switches it off.
	Explorer *explorer.Config
	// Instrument, if set, wraps everything that is served, for metrics and
	// traces. route tells the pattern that a request's path matches, such as
	// /graphql; it is empty where there is none.
	Instrument func(next http.Handler, route func(*http.Request) string) http.Handler
	// Metrics is served at /metrics, to everybody; nil switches it off.
	Metrics http.Handler
	// Watchers are gqlgen's hooks for who wants to see every valid operation
	// and how it was answered in the end. They run outside of the limits.
	Watchers []graphql.HandlerExtension
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
		return errors.New("httpapi: the schema still offers @defer; build it from Published(schema)")
	}
	return nil
}

const deferDirective = "defer"

// draftLocation is where drafts of GraphQL after September 2025 let a directive be. Clients that know only published
// versions do not take a schema in which @deprecated may be there.
const draftLocation = "DIRECTIVE_DEFINITION"

// Published returns the schema as clients are to see it. It is without @defer, which gqlgen adds to every
// schema but delivers only over multipart responses: over every other
// transport deferred fields would silently be null. And it is without what is only drafted yet. Executable schemas are
// built from the result; schema itself is not changed.
func Published(schema *ast.Schema) *ast.Schema {
	served := *schema
	served.Directives = maps.Clone(schema.Directives)
	delete(served.Directives, deferDirective)
	for name, directive := range served.Directives {
		published := *directive
		published.Locations = slices.DeleteFunc(slices.Clone(directive.Locations), func(l ast.DirectiveLocation) bool { return l == draftLocation })
		served.Directives[name] = &published
	}
	const locations = "__DirectiveLocation"
	if all := schema.Types[locations]; all != nil {
		published := *all
		published.EnumValues = slices.DeleteFunc(slices.Clone(all.EnumValues), func(v *ast.EnumValueDefinition) bool { return v.Name == draftLocation })
		served.Types = maps.Clone(schema.Types)
		served.Types[locations] = &published
	}
	return &served
}
