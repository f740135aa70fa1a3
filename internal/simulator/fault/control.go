package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// maxControlBody bounds what is read of a control request.
const maxControlBody = 1 << 20

// keptCalls is how many of the latest requests are remembered in full.
const keptCalls = 1000

// Call is one request a stand-in got.
type Call struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query,omitempty"`
}

// calls counts requests by method and path and remembers the latest ones.
type calls struct {
	total   int
	perPath map[string]int
	latest  []Call
}

func newCalls() calls { return calls{perPath: map[string]int{}} }

func (c *calls) add(r *http.Request) {
	c.total++
	c.perPath[r.Method+" "+r.URL.Path]++
	if len(c.latest) == keptCalls {
		c.latest = append(c.latest[:0], c.latest[1:]...)
	}
	c.latest = append(c.latest, Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery})
}

// Calls returns the latest 1000 requests, oldest first, spoiled ones included.
func (i *Injector) Calls() []Call {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]Call{}, i.calls.latest...)
}

// Count returns how many requests came for a method and path such as "GET /contracts"; "" counts them all.
func (i *Injector) Count(methodAndPath string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if methodAndPath == "" {
		return i.calls.total
	}
	return i.calls.perPath[methodAndPath]
}

// ForgetCalls starts counting from nothing.
func (i *Injector) ForgetCalls() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls = newCalls()
}

// requestReport is the answer of GET /_simulator/requests.
type requestReport struct {
	Total  int            `json:"total"`
	Counts map[string]int `json:"counts"`
	Latest []Call         `json:"latest"`
}

func (i *Injector) report() requestReport {
	i.mu.Lock()
	defer i.mu.Unlock()
	counts := make(map[string]int, len(i.calls.perPath))
	for path, n := range i.calls.perPath {
		counts[path] = n
	}
	return requestReport{Total: i.calls.total, Counts: counts, Latest: append([]Call{}, i.calls.latest...)}
}

func (i *Injector) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_simulator/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, i.Faults())
	})
	mux.HandleFunc("PUT /_simulator/faults", i.putFaults)
	mux.HandleFunc("DELETE /_simulator/faults", func(w http.ResponseWriter, _ *http.Request) {
		i.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_simulator/requests", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, i.report())
	})
	mux.HandleFunc("DELETE /_simulator/requests", func(w http.ResponseWriter, _ *http.Request) {
		i.ForgetCalls()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (i *Injector) putFaults(w http.ResponseWriter, r *http.Request) {
	faults, err := readFaults(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err == nil {
		err = i.Set(faults...)
	}
	if err != nil {
		i.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, i.Faults())
}

// readFaults reads one fault or a list of them and refuses members it does not know, so that a misspelt
// filter does not silently spoil everything.
func readFaults(body io.Reader) ([]Fault, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var many []Fault
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		many = make([]Fault, 1)
		err = decoder.Decode(&many[0])
	} else {
		err = decoder.Decode(&many)
	}
	if err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	return many, nil
}
