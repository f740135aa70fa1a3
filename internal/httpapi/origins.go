package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// origins are the web origins whose pages may call the gateway.
type origins struct {
	allowed []string
	any     bool
}

func newOrigins(allowed []string) origins {
	var result origins
	for _, origin := range allowed {
		result.any = result.any || origin == "*"
		result.allowed = append(result.allowed, strings.ToLower(strings.TrimSuffix(origin, "/")))
	}
	return result
}

// allows tells whether pages of origin may call.
func (o origins) allows(origin string) bool {
	return o.any || slices.Contains(o.allowed, strings.ToLower(origin))
}

// isOwn tells whether a request comes from a page that this server served.
func isOwn(r *http.Request, origin string) bool {
	page, err := url.Parse(origin)
	return err == nil && strings.EqualFold(page.Host, r.Host)
}

const (
	// corsHeaders are what pages may send, clients' own names included.
	corsHeaders = "Authorization, Content-Type, X-Request-Id, Apollographql-Client-Name, Apollographql-Client-Version, " +
		"Apollo-Require-Preflight, X-Apollo-Operation-Name, Traceparent, Tracestate"
	corsExposed = "X-Request-Id, Retry-After"
	corsMaxAge  = "600"
)

// crossOrigin answers preflights for a path with some methods, and lets pages of allowed origins read the
// answers. It also answers OPTIONS from everybody else, and keeps pages of
// other origins from opening WebSockets, which browsers do not.
func (o origins) crossOrigin(methods string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		origin := r.Header.Get("Origin")
		header.Add("Vary", "Origin")
		allowed := origin != "" && o.allows(origin)
		if allowed {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Expose-Headers", corsExposed)
		}
		switch {
		case r.Method == http.MethodOptions:
			if allowed {
				header.Set("Access-Control-Allow-Methods", methods)
				header.Set("Access-Control-Allow-Headers", corsHeaders)
				header.Set("Access-Control-Max-Age", corsMaxAge)
			}
			header.Set("Allow", methods)
			w.WriteHeader(http.StatusNoContent)
		case origin != "" && !allowed && isWebSocket(r) && !isOwn(r, origin):
			http.Error(w, "Pages of "+shorten(origin, maxQuoted)+" may not call this server.", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
