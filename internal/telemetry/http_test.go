package telemetry_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"crosswalk/internal/telemetry"
)

// serve has a handler answer a request for /graphql behind the telemetry.
func serve(t *testing.T, watch *telemetry.Telemetry, handler http.HandlerFunc, method string) {
	t.Helper()
	server := httptest.NewServer(watch.Instrument(handler, func(*http.Request) string { return "/graphql" }))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return // the handler panicked
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
}

func TestRequestsAreCountedByHowTheyWereAnswered(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method string
		handler      http.HandlerFunc
		wantMethod   string
		wantStatus   int
	}{
		{"a body without a status", http.MethodPost, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }, "POST", 200},
		{"nothing at all", http.MethodGet, func(http.ResponseWriter, *http.Request) {}, "GET", 200},
		{"the first of two statuses", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "no")
		}, "GET", 404},
		{"a panic", http.MethodGet, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "GET", 500},
		{"a method that somebody made up", "BREW", func(http.ResponseWriter, *http.Request) {}, "_OTHER", 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			watch := telemetry.New(telemetry.Options{})
			serve(t, watch, test.handler, test.method)
			wantLine(t, watch, fmt.Sprintf(`http_server_request_duration_seconds_count{http_request_method=%q,http_response_status_code="%d",http_route="/graphql"} 1`,
				test.wantMethod, test.wantStatus))
			wantLine(t, watch, fmt.Sprintf(`http_server_active_requests{http_request_method=%q} 0`, test.wantMethod))
		})
	}
}

func TestStreamsAreCountedWhenTheyBegin(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		begin func(http.ResponseWriter) error
		want  int
	}{
		"server-sent events": {func(w http.ResponseWriter) error {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			return http.NewResponseController(w).Flush()
		}, 200},
		"a connection that is handed over": {func(w http.ResponseWriter) error {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return err
			}
			_, err = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\n")
			return err
		}, 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watch := telemetry.New(telemetry.Options{})
			release := make(chan struct{})
			server := httptest.NewServer(watch.Instrument(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if err := test.begin(w); err != nil {
					t.Errorf("begin: %v", err)
				}
				<-release
			}), func(*http.Request) string { return "/graphql" }))
			defer server.Close()
			defer close(release)
			answer, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			wantLine(t, watch, fmt.Sprintf(`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="%d",http_route="/graphql"} 1`, test.want))
			wantLine(t, watch, `http_server_active_requests{http_request_method="GET"} 1`)
		})
	}
}
