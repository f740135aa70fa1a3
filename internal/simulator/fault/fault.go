// Package fault spoils the answers of an HTTP stand-in on purpose and counts the requests it gets.
//
// A stand-in wraps its handler in an Injector. Tests switch faults on and off from Go; people and other
// processes do it over HTTP under /_simulator/. The package knows nothing of what the stand-in serves.
// Start reading at Fault and Injector.
package fault

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind names what goes wrong.
type Kind string

const (
	// Unauthorized answers 401 and Forbidden 403.
	Unauthorized Kind = "unauthorized"
	Forbidden    Kind = "forbidden"
	// RateLimited answers 429 with the Retry-After of the fault.
	RateLimited Kind = "rate-limited"
	// ServerError answers 500 with the stand-in's own error body.
	ServerError Kind = "server-error"
	// BadGateway answers 502 and WebPage 200, both with a web page.
	BadGateway Kind = "bad-gateway"
	WebPage    Kind = "web-page"
	// Slow answers rightly after the Delay of the fault.
	Slow Kind = "slow"
	// Truncated does the work and answers, in a well-formed exchange, with the first half of the body only.
	Truncated Kind = "truncated"
	// BrokenOff does the work and breaks the connection in the middle of the body.
	BrokenOff Kind = "broken-off"
	// LostAnswer does the work and closes the connection without an answer.
	LostAnswer Kind = "lost-answer"
	// NoAnswer closes the connection without doing the work.
	NoAnswer Kind = "no-answer"
)

// kinds lists every Kind, in the order the constants are declared in.
func kinds() []Kind {
	return []Kind{
		Unauthorized, Forbidden, RateLimited, ServerError, BadGateway, WebPage,
		Slow, Truncated, BrokenOff, LostAnswer, NoAnswer,
	}
}

// Fault says what goes wrong, with which requests and how often.
type Fault struct {
	Kind Kind `json:"kind"`
	// Method and Path choose requests: the method by name, the path by any part of it. Empty chooses all.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Page chooses requests by their "page" parameter, which is 1 when absent. 0 chooses all.
	Page int `json:"page,omitempty"`
	// Count is how many requests are spoiled before the fault is over; 0 means until it is cleared.
	Count int `json:"count,omitempty"`
	// Probability is the share of the chosen requests that is spoiled, above 0 and up to 1; 0 means all.
	Probability float64 `json:"probability,omitempty"`
	// RetryAfterSeconds is sent with RateLimited; 0 sends no Retry-After.
	RetryAfterSeconds int `json:"retryAfterSeconds,omitempty"`
	// DelayMilliseconds is how long Slow waits.
	DelayMilliseconds int `json:"delayMilliseconds,omitempty"`
}

// Validate reports what makes f meaningless.
func (f Fault) Validate() error {
	known := false
	for _, kind := range kinds() {
		known = known || kind == f.Kind
	}
	switch {
	case !known:
		return fmt.Errorf("fault kind %q is unknown; known are %v", f.Kind, kinds())
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", f.Probability)
	case f.Page < 0 || f.Count < 0 || f.RetryAfterSeconds < 0 || f.DelayMilliseconds < 0:
		return fmt.Errorf("fault %q has a negative number", f.Kind)
	case f.Kind == Slow && f.DelayMilliseconds == 0:
		return fmt.Errorf("fault %q needs delayMilliseconds", f.Kind)
	}
	return nil
}

func (f Fault) chooses(r *http.Request) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, r.Method) {
		return false
	}
	if !strings.Contains(r.URL.Path, f.Path) {
		return false
	}
	return f.Page == 0 || f.Page == pageOf(r)
}

func pageOf(r *http.Request) int {
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		return 1
	}
	return page
}

// Injector counts the requests to a stand-in and spoils some answers. It is safe for concurrent use.
type Injector struct {
	errorBody func(status int, message string) []byte

	mu     sync.Mutex
	random *rand.Rand
	faults []Fault
	calls  calls
}

// New returns an injector without faults. The seed decides which requests a fault with a probability hits;
// errorBody writes the stand-in's own JSON error body.
func New(seed uint64, errorBody func(status int, message string) []byte) *Injector {
	return &Injector{
		errorBody: errorBody,
		random:    rand.New(rand.NewPCG(seed, 0)),
		calls:     newCalls(),
	}
}

// Set replaces all faults. Where several choose the same request, the first one spoils it. When one of them
// is meaningless nothing changes.
func (i *Injector) Set(faults ...Fault) error {
	for _, f := range faults {
		if err := f.Validate(); err != nil {
			return err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = append([]Fault(nil), faults...)
	return nil
}

// Clear removes all faults.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = nil
}

// Faults returns what is still to go wrong, with the counts that are left.
func (i *Injector) Faults() []Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]Fault{}, i.faults...)
}

// Wrap returns a handler that counts each request, spoils those a fault chooses and passes the rest on.
// Requests under /_simulator/ reach the injector itself: GET, PUT (one fault or a list) and DELETE
// /_simulator/faults, GET and DELETE /_simulator/requests.
func (i *Injector) Wrap(next http.Handler) http.Handler {
	control := i.control()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_simulator/") {
			control.ServeHTTP(w, r)
			return
		}
		f, spoiled := i.admit(r)
		if !spoiled {
			next.ServeHTTP(w, r)
			return
		}
		i.spoil(w, r, next, f)
	})
}

// admit counts the request and takes the fault that spoils it, if any.
func (i *Injector) admit(r *http.Request) (Fault, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls.add(r)
	for at, f := range i.faults {
		if !f.chooses(r) || (f.Probability > 0 && i.random.Float64() >= f.Probability) {
			continue
		}
		switch f.Count {
		case 0:
		case 1:
			i.faults = append(i.faults[:at:at], i.faults[at+1:]...)
		default:
			i.faults[at].Count--
		}
		return f, true
	}
	return Fault{}, false
}

func (i *Injector) spoil(w http.ResponseWriter, r *http.Request, next http.Handler, f Fault) {
	switch f.Kind {
	case Unauthorized:
		i.writeError(w, http.StatusUnauthorized, "The credentials are not accepted.")
	case Forbidden:
		i.writeError(w, http.StatusForbidden, "The credentials do not allow this.")
	case RateLimited:
		if f.RetryAfterSeconds > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfterSeconds))
		}
		i.writeError(w, http.StatusTooManyRequests, "Too many requests.")
	case ServerError:
		i.writeError(w, http.StatusInternalServerError, "Something went wrong.")
	case BadGateway:
		writeWebPage(w, http.StatusBadGateway, "502 Bad Gateway")
	case WebPage:
		writeWebPage(w, http.StatusOK, "Scheduled maintenance")
	case Slow:
		timer := time.NewTimer(time.Duration(f.DelayMilliseconds) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	case Truncated, BrokenOff, LostAnswer:
		answer := record(next, r)
		answer.mutilate(w, f.Kind)
	case NoAnswer:
		panic(http.ErrAbortHandler)
	}
}

func (i *Injector) writeError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(i.errorBody(status, message))
}

func writeWebPage(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n", title, title)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
