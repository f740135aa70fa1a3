package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"crosswalk/internal/httpapi/explorer"
	"crosswalk/internal/httpapi/internal/compress"
)

const (
	graphQLPath = "/graphql"
	schemaPath  = "/schema.graphqls"
	healthPath  = "/healthz"
	readyPath   = "/readyz"
	metricsPath = "/metrics"
)

// Handler answers all requests of the gateway.
type Handler struct {
	http.Handler
	streams *streams
	ready   func(ctx context.Context) error
}

// New returns what answers the gateway's requests:
//
//	/graphql           operations, over POST, GET, server-sent events and WebSocket; asks for a token
//	/schema.graphqls   the schema's text, unless hidden
//	/healthz           200 as long as the process lives
//	/readyz            200 as long as it can do its work, else 503 and why
//	/metrics           what Config.Metrics answers, if it is set
//	/                  the explorer, or one line of text where it is switched off
//
// It fails where the configuration contradicts itself.
func New(config Config) (*Handler, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	config.Logger = Logger(config.Logger)
	if config.Observer == nil {
		config.Observer = unobserved{}
	}
	handler := &Handler{streams: &streams{}, ready: config.Ready}
	graphQL, err := newGraphQL(config, handler.streams)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	cross := newOrigins(config.AllowedOrigins).crossOrigin
	mux.Handle(graphQLPath, cross(allowedMethods, graphQL.authenticated(graphQL)))
	if !config.HideSchema {
		mux.Handle(schemaPath, cross(schemaMethods, schemaText(config.SDL, graphQL.compress)))
	}
	mux.HandleFunc("GET "+healthPath, answerAlive)
	mux.HandleFunc("GET "+readyPath, handler.answerReady)
	if config.Metrics != nil {
		mux.Handle("GET "+metricsPath, config.Metrics)
	}
	if err := handleFront(mux, config); err != nil {
		return nil, err
	}
	handler.Handler = identified(logged(config.Logger, graphQL.recovered(protected(mux))))
	if config.Instrument != nil {
		handler.Handler = config.Instrument(handler.Handler, routeIn(mux))
	}
	handler.Handler = inTime(whole(handler.Handler))
	return handler, nil
}

// NewMetrics returns what answers at /metrics alone, for a Server that is not
// for callers.
func NewMetrics(metrics http.Handler) *Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, metrics)
	return &Handler{Handler: mux, streams: &streams{}}
}

// routeIn returns a function that tells which pattern a request's path
// matches, without the method.
func routeIn(mux *http.ServeMux) func(*http.Request) string {
	return func(r *http.Request) string {
		_, pattern := mux.Handler(r)
		if _, path, found := strings.Cut(pattern, " "); found {
			return path
		}
		return pattern
	}
}

func newGraphQL(config Config, streams *streams) (*graphQL, error) {
	limits := config.Limits.withDefaults()
	present := &presenter{log: config.Logger, observer: config.Observer}
	persisted, err := newPersistedDocuments(config, limits, present)
	if err != nil {
		return nil, err
	}
	gate := gate{authenticator: config.Authenticator, patience: limits.ExecutionTime, trust: limits.StreamTrust}
	result := &graphQL{
		executor: newExecutor(config, limits, present, gate, persisted),
		present:  present,
		gate:     gate,
		limits:   limits,
		streams:  streams,
		compress: &compress.Writer{},
	}
	result.websocket = result.newWebSocket()
	return result, nil
}

// handleFront serves the explorer, or tells that there is none: reporting
// tools try the address without a path when credentials are saved.
func handleFront(mux *http.ServeMux, config Config) error {
	if config.Explorer == nil {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
			answerText(w, http.StatusOK, "crosswalk answers GraphQL at "+graphQLPath)
		})
		return nil
	}
	shown := *config.Explorer
	shown.Endpoint = graphQLPath
	if !config.HideSchema {
		shown.SchemaURL = schemaPath
	}
	pages, err := explorer.New(shown)
	if err != nil {
		return err
	}
	mux.Handle("GET /{$}", pages)
	mux.Handle("GET "+explorer.AssetsPath, pages)
	return nil
}

// protected sets what every answer should say to browsers.
func protected(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

const schemaMethods = "GET, HEAD, OPTIONS"

func schemaText(text string, compress *compress.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", schemaMethods)
			answerText(w, http.StatusMethodNotAllowed, "The schema can be read with GET.")
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		// A caller that has gone misses nothing.
		_ = compress.Write(w, r, http.StatusOK, []byte(text))
	})
}

func answerAlive(w http.ResponseWriter, _ *http.Request) {
	answerText(w, http.StatusOK, "ok")
}

// readyTime is how long finding out whether all is well may take.
const readyTime = 5 * time.Second

var errStopping = errors.New("the server is stopping")

func (h *Handler) answerReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := h.checkReady(ctx); err != nil {
		answerText(w, http.StatusServiceUnavailable, "Not ready: "+err.Error())
		return
	}
	answerText(w, http.StatusOK, "ready")
}

func (h *Handler) checkReady(ctx context.Context) error {
	if h.streams.ending() {
		return errStopping
	}
	if h.ready == nil {
		return nil
	}
	return h.ready(ctx)
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A caller that has gone misses nothing.
	_, _ = io.WriteString(w, text+"\n")
}

// Drain ends subscriptions, tells /readyz to say so, and waits until they are
// over or ctx ends, which is then the error. Other requests are still
// answered.
func (h *Handler) Drain(ctx context.Context) error {
	h.streams.end()
	return h.streams.wait(ctx)
}
