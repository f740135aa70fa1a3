package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// ambushAction is what happens to a write that is caught.
type ambushAction int

const (
	// swallow never passes it on.
	swallow ambushAction = iota
	// holdRequest passes it on when it is released, and holdAnswer does so with its answer.
	holdRequest
	holdAnswer
)

// ambush stands before ConnectWise, catches one write, and watches whether writes to one agreement overlap.
type ambush struct {
	overlaps overlaps

	mu     sync.Mutex
	caught *caughtWrite
}

// caughtWrite is the write that an ambush was laid for.
type caughtWrite struct {
	crashWrite
	action  ambushAction
	arrived chan struct{}
	freed   chan struct{}
	once    sync.Once
}

// lay catches the next write of a kind.
func (a *ambush) lay(w crashWrite, action ambushAction) *caughtWrite {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.caught = &caughtWrite{crashWrite: w, action: action, arrived: make(chan struct{}), freed: make(chan struct{})}
	return a.caught
}

// await returns when the write has come as far as it is let.
func (c *caughtWrite) await(t *testing.T) {
	t.Helper()
	select {
	case <-c.arrived:
	case <-time.After(time.Minute):
		t.Fatalf("waited a minute for %s …%s", c.method, c.path)
	}
}

func (c *caughtWrite) release() { c.once.Do(func() { close(c.freed) }) }

// end releases what is caught.
func (a *ambush) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.caught != nil {
		a.caught.release()
	}
}

// take returns the write laid for if r is it, once.
func (a *ambush) take(r *http.Request) *caughtWrite {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.caught
	if c == nil || r.Method != c.method || !strings.HasSuffix(strings.TrimRight(r.URL.Path, "0123456789"), c.path) {
		return nil
	}
	select {
	case <-c.arrived:
		return nil
	default:
		return c
	}
}

func (a *ambush) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		defer a.overlaps.enter(r)()
		c := a.take(r)
		if c == nil {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body) // only then does the server notice that the caller is gone
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		answer := httptest.NewRecorder()
		if c.action == holdAnswer {
			next.ServeHTTP(answer, r)
		}
		close(c.arrived)
		select {
		case <-c.freed:
		case <-r.Context().Done():
			if c.action != holdRequest {
				return
			}
			<-c.freed // it is on its way, whoever waits for it
		}
		switch c.action {
		case swallow:
			return
		case holdRequest:
			next.ServeHTTP(answer, r)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}
