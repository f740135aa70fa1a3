package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"crosswalk/internal/httpapi/internal/compress"
)

// graphQL is what answers at /graphql, for callers that have been let in.
type graphQL struct {
	executor  plainExecutor
	present   *presenter
	gate      gate
	limits    Limits
	websocket transport.Websocket
	streams   *streams
	compress  *compress.Writer
}

func newExecutor(config Config, limits Limits, present *presenter, gate gate, persisted persistedDocuments) plainExecutor {
	executor := executor.New(config.Schema)
	executor.SetErrorPresenter(present.present)
	executor.SetRecoverFunc(present.recovered)
	executor.SetParserTokenLimit(limits.Tokens)
	executor.SetDisableSuggestion(config.HideSchema)
	executor.SetDefaultRulesFn(validationRules)
	executor.SetQueryCache(documentCache{lru.New[*ast.QueryDocument](limits.CachedDocuments)})
	for _, watcher := range config.Watchers {
		executor.Use(watcher)
	}
	executor.Use(slowLog{threshold: cmp.Or(config.SlowOperation, 2*time.Second), log: config.Logger})
	executor.Use(readmission{gate: gate, present: present})
	executor.Use(fairUse{limits: limits, present: present, usage: newUsage()})
	executor.Use(persisted)
	executor.Use(executionLimit{limit: limits.ExecutionTime, present: present, workers: make(workers)})
	executor.Use(errorLimit{})
	executor.Use(reportsCost{})
	executor.Use(documentLimits{
		limits: limits, hideSchema: config.HideSchema, schema: config.Schema.Schema(), present: present, cost: config.Cost,
	})
	for _, extension := range config.Extensions {
		executor.Use(extension)
	}
	plain := plainExecutor{Executor: executor}
	if !config.HideSchema {
		plain.suggests = config.Schema.Schema()
	}
	return plain
}

const allowedMethods = "GET, POST, OPTIONS"

// ServeHTTP executes what a request asks for: an upgrade to WebSocket, or one
// operation over GET or POST.
func (g *graphQL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isWebSocket(r) {
		g.serveWebSocket(w, r)
		return
	}
	accept := accepted(r.Header)
	format := accept.orJSON()
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.Header().Set("Allow", allowedMethods)
		g.refuse(w, r, format, badRequest("Send operations with POST, or queries with GET.").
			withStatus(http.StatusMethodNotAllowed))
	case accept.single == "" && !accept.stream:
		g.refuse(w, r, format, badRequest("Accept application/graphql-response+json, application/json or text/event-stream.").
			withStatus(http.StatusNotAcceptable))
	default:
		g.serveOperation(w, r, accept, format)
	}
}

func (g *graphQL) serveOperation(w http.ResponseWriter, r *http.Request, accept acceptance, format mediaType) {
	params, err := readRequest(w, r, g.limits.BodyBytes)
	if err != nil {
		g.refuse(w, r, format, err)
		return
	}
	ctx := graphql.StartOperationTrace(r.Context())
	operation, problems := g.executor.CreateOperationContext(ctx, params)
	if len(problems) > 0 {
		response := g.executor.DispatchError(graphql.WithOperationContext(ctx, operation), problems)
		if accept.single == "" {
			g.stream(w, r, func(ctx context.Context) (graphql.ResponseHandler, context.Context) {
				return graphql.OneShot(response), ctx
			})
			return
		}
		g.write(w, r, format, 0, response)
		return
	}
	kind := operation.Operation.Operation
	if kind == ast.Mutation && r.Method == http.MethodGet {
		w.Header().Set("Allow", "POST")
		g.refuse(w, r, format, badRequest("GET is for queries; send mutations with POST.").
			withStatus(http.StatusMethodNotAllowed))
		return
	}
	if kind == ast.Subscription && !accept.stream {
		g.refuse(w, r, format, badRequest("Subscriptions are answered over WebSocket (graphql-transport-ws) or to requests that accept text/event-stream.").
			withStatus(http.StatusNotAcceptable))
		return
	}
	if kind == ast.Subscription || accept.single == "" {
		g.stream(w, r, func(ctx context.Context) (graphql.ResponseHandler, context.Context) {
			return g.executor.DispatchOperation(graphql.StartOperationTrace(ctx), operation)
		})
		return
	}
	responses, ctx := g.executor.DispatchOperation(ctx, operation)
	g.write(w, r, format, 0, responses(ctx))
}

// isWebSocket tells whether a request asks for an upgrade to WebSocket;
// upgrades to other protocols may be ignored.
func isWebSocket(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}
