package gateway_test

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// turnstile counts what reaches ConnectWise. It is safe for concurrent use.
type turnstile struct {
	overlaps overlaps

	mu     sync.Mutex
	calls  int
	writes map[string]int
	alarms map[int]chan struct{}
	// answered are the calls by how they were answered.
	answered tally
}

// before returns a handler that counts what next gets, and the writes that next accepts.
func (t *turnstile) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.enter()
		if r.Method != http.MethodGet {
			defer t.overlaps.enter(r)()
		}
		noted := &notedStatus{ResponseWriter: w}
		next.ServeHTTP(noted, r)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.answered.add(r.Method, noted.status)
		if r.Method != http.MethodGet && noted.status < http.StatusBadRequest {
			if t.writes == nil {
				t.writes = make(map[string]int)
			}
			t.writes[r.Method]++
		}
	})
}

func (t *turnstile) enter() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	if alarm, set := t.alarms[t.calls]; set {
		close(alarm)
		delete(t.alarms, t.calls)
	}
}

// after returns a channel that is closed when so many calls more have come.
func (t *turnstile) after(calls int) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	alarm, set := t.alarms[t.calls+calls]
	if !set {
		alarm = make(chan struct{})
		if t.alarms == nil {
			t.alarms = make(map[int]chan struct{})
		}
		t.alarms[t.calls+calls] = alarm
	}
	return alarm
}

func (t *turnstile) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls
}

func (t *turnstile) tally() tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answered
}

// accepted returns how many writes of each method were accepted.
func (t *turnstile) accepted() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.writes)
}

// notedStatus remembers the status of an answer.
type notedStatus struct {
	http.ResponseWriter
	status int
}

func (n *notedStatus) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the fault injector flush.
func (n *notedStatus) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// overlaps watches whether writes to one agreement overlap. It is safe for concurrent use.
type overlaps struct {
	mu       sync.Mutex
	underway map[string]int
	found    []string
}

// enter notes that a write to an agreement has begun, and returns what notes its end.
func (o *overlaps) enter(r *http.Request) func() {
	agreement, _, isAddition := strings.Cut(r.URL.Path, "/additions")
	if !isAddition {
		return func() {}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.underway == nil {
		o.underway = make(map[string]int)
	}
	o.underway[agreement]++
	if o.underway[agreement] > 1 {
		o.found = append(o.found, r.Method+" "+r.URL.Path)
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.underway[agreement]--
	}
}

func (o *overlaps) wantNone(t *testing.T) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.found) > 0 {
		t.Errorf("%d writes came while another one to their agreement was under way: %.1000q", len(o.found), o.found)
	}
}
