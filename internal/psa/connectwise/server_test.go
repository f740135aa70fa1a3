package connectwise

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"crosswalk/internal/psa"
)

const (
	testCodebase   = "v2026_1"
	testPrivateKey = "s3cret-private-key"
	apiPrefix      = "/" + testCodebase + "/apis/3.0"
)

// received is a request as the server saw it.
type received struct {
	Method string
	// Path is below apis/3.0, or the whole path of anything else.
	Path   string
	Query  url.Values
	Raw    string
	Header http.Header
	Body   string
}

// testServer is a ConnectWise that answers the company info and hands all other requests to api.
type testServer struct {
	// URL is the origin.
	URL         string
	Close       func()
	companyInfo http.HandlerFunc
	api         http.HandlerFunc

	mu       sync.Mutex
	requests []received
}

func newServer(t *testing.T, api http.HandlerFunc) *testServer {
	t.Helper()
	s := &testServer{api: api, companyInfo: func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, `{"CompanyName":"Acme","Codebase":"`+testCodebase+`/","IsCloud":"True"}`)
	}}
	server := httptest.NewServer(s)
	s.URL, s.Close = server.URL, server.Close
	t.Cleanup(s.Close)
	return s
}

func (s *testServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/login/companyinfo/") {
		s.companyInfo(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	s.requests = append(s.requests, received{
		Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, apiPrefix), Query: r.URL.Query(),
		Raw: s.URL + r.RequestURI, Header: r.Header, Body: string(body),
	})
	s.mu.Unlock()
	s.api(w, r)
}

// all returns the API requests so far, the company info not included.
func (s *testServer) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func testConfig(apiURL string) Config {
	return Config{
		APIURL: apiURL, CompanyID: "acme", PublicKey: "public", PrivateKey: testPrivateKey,
		ClientID: "4a7e0b1c-0000-4000-8000-000000000001", AllowInsecure: true,
	}
}

func (s *testServer) client(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	config := testConfig(s.URL)
	for _, apply := range change {
		apply(&config)
	}
	return mustClient(t, config)
}

func mustClient(t *testing.T, config Config) *Client {
	t.Helper()
	client, err := NewClient(config)
	if err != nil {
		t.Fatalf("NewClient(%s): %v", config, err)
	}
	t.Cleanup(client.Close)
	return client
}

// logTo returns a change of Config that logs into buffer.
func logTo(buffer *lockedBuffer) func(*Config) {
	return func(c *Config) { c.Log = slog.New(slog.NewTextHandler(buffer, nil)) }
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/vnd.connectwise.com+json; version=2025.1")
	w.Header().Set("x-cw-request-id", "req-1")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func answerHTML(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<html><body>Bad gateway</body></html>")
}

// always answers every request alike.
func always(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, status, body) }
}

// inTurn answers the first request with the first handler and so on; the last one answers all that follow.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		handler := handlers[min(next, len(handlers)-1)]
		next++
		mu.Unlock()
		handler(w, r)
	}
}

// collection serves records 1..count as the API does: conditions on ids, both ways of paging, Link headers.
type collection struct {
	count int
	// noForwardOnly makes the endpoint ignore forward-only requests and send no Link for them.
	noForwardOnly bool
	// noLink leaves out all Link headers.
	noLink bool
	// pageCap cuts pages without a word; 0 means 1,000.
	pageCap int
	// linkHost is what the addresses in Link headers start with.
	linkHost string
	record   func(id int) string
}

func (c collection) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	ids := c.matching(query.Get("conditions"))
	size, _ := strconv.Atoi(cmp.Or(query.Get("pageSize"), "25"))
	size = min(size, cmp.Or(c.pageCap, 1000))
	forwardOnly := r.Header.Get("pagination-type") == "forward-only"
	link := ""
	if forwardOnly && !c.noForwardOnly {
		after, _ := strconv.Atoi(query.Get("pageId"))
		start, _ := slices.BinarySearch(ids, after+1)
		more := len(ids)-start > size
		ids = ids[start:min(start+size, len(ids))]
		if more {
			link = c.link(r, "pageId", ids[len(ids)-1])
		}
	} else {
		number, _ := strconv.Atoi(cmp.Or(query.Get("page"), "1"))
		start := min((number-1)*size, len(ids))
		if more := len(ids)-start > size; more && !forwardOnly {
			link = c.link(r, "page", number+1)
		} else if number > 1 {
			link = strings.ReplaceAll(c.link(r, "page", number-1), "next", "prev")
		}
		ids = ids[start:min(start+size, len(ids))]
	}
	if !c.noLink && (link != "" || forwardOnly && !c.noForwardOnly) {
		w.Header().Set("Link", link)
	}
	answerJSON(w, http.StatusOK, c.list(ids))
}

func (c collection) matching(conditions string) []int {
	var ids []int
	list, isList := strings.CutPrefix(conditions, "id in (")
	if isList {
		for _, text := range strings.Split(strings.TrimSuffix(list, ")"), ",") {
			if id, _ := strconv.Atoi(text); id >= 1 && id <= c.count {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	for id := 1; id <= c.count; id++ {
		ids = append(ids, id)
	}
	return ids
}

func (c collection) link(r *http.Request, name string, value int) string {
	query := r.URL.Query()
	query.Set(name, strconv.Itoa(value))
	address := cmp.Or(c.linkHost, "http://"+r.Host) + r.URL.Path + "?" + query.Encode()
	return fmt.Sprintf(`<%s>; rel="next", <%s>; rel="last"`, address, address)
}

func (c collection) list(ids []int) string {
	records := make([]json.RawMessage, len(ids))
	for i, id := range ids {
		records[i] = json.RawMessage(fmt.Sprintf(`{"id":%d,"name":"Company %d"}`, id, id))
		if c.record != nil {
			records[i] = json.RawMessage(c.record(id))
		}
	}
	encoded, _ := json.Marshal(records)
	return string(encoded)
}

// recordIDs returns 1..n.
func recordIDs(n int) []psa.RecordID {
	ids := make([]psa.RecordID, n)
	for i := range ids {
		ids[i] = psa.RecordID(i + 1)
	}
	return ids
}
