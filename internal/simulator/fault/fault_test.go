package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// standIn serves one body everywhere and counts the work it did.
type standIn struct {
	*Injector
	url  string
	http *http.Client
	work chan struct{}
}

const goodBody = `{"items":["something-long-enough-to-be-cut-in-two"]}`

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{
		Injector: New(1, func(_ int, message string) []byte { return []byte(`{"message":"` + message + `"}`) }),
		work:     make(chan struct{}, 1000),
	}
	server := httptest.NewServer(s.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.work <- struct{}{}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, goodBody)
	})))
	t.Cleanup(server.Close)
	s.url, s.http = server.URL, server.Client()
	return s
}

// get returns "status body" or "error".
func (s *standIn) get(t *testing.T, path string) (string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A request that may be repeated is repeated by net/http itself on a connection that broke; a fresh
	// connection each time shows every fault as it is.
	request.Close = true
	response, err := s.http.Do(request)
	if err != nil {
		return "no answer", nil
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("%d broken after %d bytes", response.StatusCode, len(body)), response.Header
	}
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, strings.TrimSpace(string(body))), response.Header
}

func TestInjector_EachKindOfFault(t *testing.T) {
	t.Parallel()
	half := len(goodBody) / 2
	for _, tt := range []struct {
		kind   Kind
		want   string
		worked int
	}{
		{Unauthorized, `401 {"message":"The credentials are not accepted."}`, 0},
		{Forbidden, `403 {"message":"The credentials do not allow this."}`, 0},
		{RateLimited, `429 {"message":"Too many requests."}`, 0},
		{ServerError, `500 {"message":"Something went wrong."}`, 0},
		{BadGateway, "502 <!DOCTYPE html>", 0},
		{WebPage, "200 <!DOCTYPE html>", 0},
		{Slow, "200 " + goodBody, 1},
		{Truncated, "200 " + goodBody[:half], 1},
		{BrokenOff, fmt.Sprintf("200 broken after %d bytes", half), 1},
		{LostAnswer, "no answer", 1},
		{NoAnswer, "no answer", 0},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			if err := s.Set(Fault{Kind: tt.kind, RetryAfterSeconds: 7, DelayMilliseconds: 1}); err != nil {
				t.Fatal(err)
			}
			got, header := s.get(t, "/things")
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("GET with fault %s answered %q, want %q", tt.kind, got, tt.want)
			}
			if tt.kind == RateLimited && header.Get("Retry-After") != "7" {
				t.Errorf("Retry-After = %q, want 7", header.Get("Retry-After"))
			}
			if len(s.work) != tt.worked {
				t.Errorf("the handler worked %d times, want %d", len(s.work), tt.worked)
			}
		})
	}
}

func TestInjector_ChoosesByPathMethodAndPageAndEndsAfterItsCount(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	if err := s.Set(
		Fault{Kind: ServerError, Path: "/rows", Page: 2, Count: 2},
		Fault{Kind: Forbidden, Method: "POST"},
	); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ path, want string }{
		{"/rows?page=1", "200"},
		{"/rows", "200"},
		{"/other?page=2", "200"},
		{"/rows?page=2", "500"},
		{"/v2/rows?page=2", "500"},
		{"/rows?page=2", "200"},
	} {
		if got, _ := s.get(t, step.path); !strings.HasPrefix(got, step.want) {
			t.Errorf("GET %s answered %q, want %s", step.path, got, step.want)
		}
	}
	if diff := cmp.Diff([]Fault{{Kind: Forbidden, Method: "POST"}}, s.Faults()); diff != "" {
		t.Errorf("faults left (-want +got):\n%s", diff)
	}
	s.Clear()
	if got := s.Faults(); len(got) != 0 {
		t.Errorf("faults after Clear = %v, want none", got)
	}
}

func TestInjector_AProbabilityHitsTheSameRequestsInEveryRun(t *testing.T) {
	t.Parallel()
	hits := func() string {
		s := newStandIn(t)
		if err := s.Set(Fault{Kind: ServerError, Probability: 0.5}); err != nil {
			t.Fatal(err)
		}
		var pattern strings.Builder
		for range 40 {
			got, _ := s.get(t, "/things")
			pattern.WriteString(got[:1])
		}
		return pattern.String()
	}
	first, second := hits(), hits()
	if first != second {
		t.Errorf("two runs with one seed differ: %s and %s", first, second)
	}
	if spoiled := strings.Count(first, "5"); spoiled < 8 || spoiled > 32 {
		t.Errorf("%d of 40 requests were spoiled at probability 0.5: %s", spoiled, first)
	}
}

func TestInjector_SlowEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	if err := s.Set(Fault{Kind: Slow, DelayMilliseconds: int(time.Hour / time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	impatient := &http.Client{Transport: s.http.Transport, Timeout: 20 * time.Millisecond}
	if response, err := impatient.Get(s.url); err == nil {
		_ = response.Body.Close()
		t.Errorf("GET with a slow fault answered %s, want a timeout", response.Status)
	}
}

func TestInjector_CountsRequests(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	for range keptCalls + 5 {
		s.calls.add(httptest.NewRequest(http.MethodGet, "/old", nil))
	}
	s.get(t, "/new?page=3")
	if got := s.Count("GET /old"); got != keptCalls+5 {
		t.Errorf("Count(GET /old) = %d, want %d", got, keptCalls+5)
	}
	if got := s.Count(""); got != keptCalls+6 {
		t.Errorf("Count of everything = %d, want %d", got, keptCalls+6)
	}
	calls := s.Calls()
	if len(calls) != keptCalls || calls[keptCalls-1] != (Call{Method: "GET", Path: "/new", Query: "page=3"}) {
		t.Errorf("Calls() kept %d ending with %v, want %d ending with GET /new?page=3", len(calls), calls[len(calls)-1], keptCalls)
	}
	s.ForgetCalls()
	if got := s.Count(""); got != 0 {
		t.Errorf("Count after ForgetCalls = %d, want 0", got)
	}
}

func TestControl_OverHTTP(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	send := func(method, path, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		data, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, strings.TrimSpace(string(data))
	}
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "/_simulator/faults", `{"kind":"bad-gateway","count":1}`, 200, `[{"kind":"bad-gateway","count":1}]`},
		{"GET", "/things", "", 502, "<!DOCTYPE html>"},
		{"GET", "/_simulator/faults", "", 200, "[]"},
		{"PUT", "/_simulator/faults", `[{"kind":"forbidden"},{"kind":"slow","delayMilliseconds":5}]`, 200, `[{"kind":"forbidden"}`},
		{"PUT", "/_simulator/faults", `{"kind":"no-such"}`, 400, `{"message":"fault kind`},
		{"PUT", "/_simulator/faults", `{"kind":"forbidden","pages":3}`, 400, `{"message":"read faults`},
		{"PUT", "/_simulator/faults", `{"kind":"forbidden","probability":2}`, 400, `{"message":"probability`},
		{"PUT", "/_simulator/faults", `{"kind":"forbidden","count":-1}`, 400, `{"message":"fault`},
		{"PUT", "/_simulator/faults", `{"kind":"slow"}`, 400, `{"message":"fault`},
		{"GET", "/things", "", 403, "{"},
		{"DELETE", "/_simulator/faults", "", 204, ""},
		{"GET", "/things", "", 200, "{"},
		{"GET", "/_simulator/nothing", "", 404, ""},
	} {
		status, body := send(step.method, step.path, step.body)
		if status != step.status || !strings.HasPrefix(body, step.want) {
			t.Errorf("%s %s %s answered %d %q, want %d %q", step.method, step.path, step.body, status, body, step.status, step.want)
		}
	}
	_, body := send("GET", "/_simulator/requests", "")
	var report requestReport
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		t.Fatalf("GET /_simulator/requests answered %q: %v", body, err)
	}
	if report.Total != 3 || report.Counts["GET /things"] != 3 || len(report.Latest) != 3 {
		t.Errorf("request report = %+v, want 3 requests for GET /things", report)
	}
	if status, _ := send("DELETE", "/_simulator/requests", ""); status != 204 || s.Count("") != 0 {
		t.Errorf("DELETE /_simulator/requests answered %d and left %d, want 204 and none", status, s.Count(""))
	}
}
