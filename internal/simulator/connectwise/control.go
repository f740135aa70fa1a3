package connectwise

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
)

// controlRoot is where the simulator itself is reached over HTTP, without credentials.
const controlRoot = "/_simulator/"

// callCounter counts requests by endpoint.
type callCounter struct {
	mu     sync.Mutex
	total  int
	counts map[string]int
}

func newCallCounter() callCounter { return callCounter{counts: map[string]int{}} }

func (c *callCounter) add(endpoint string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.counts[endpoint]++
}

func (c *callCounter) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

func (c *callCounter) count(endpoint string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if endpoint == "" {
		return c.total
	}
	return c.counts[endpoint]
}

func (c *callCounter) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total, c.counts = 0, map[string]int{}
}

// controlHandler serves /_simulator/: settings and requests here, faults by the injector.
func (s *Simulator) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(controlRoot, s.api)
	mux.HandleFunc("GET /_simulator/settings", func(w http.ResponseWriter, r *http.Request) {
		s.writeValue(w, r, s.Settings())
	})
	mux.HandleFunc("PUT /_simulator/settings", s.putSettings)
	mux.HandleFunc("DELETE /_simulator/settings", func(w http.ResponseWriter, _ *http.Request) {
		_ = s.Configure(func(settings *Settings) { *settings = s.options.Settings }) // was valid at the start
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_simulator/requests", func(w http.ResponseWriter, r *http.Request) {
		s.writeValue(w, r, s.report())
	})
	mux.HandleFunc("DELETE /_simulator/requests", func(w http.ResponseWriter, _ *http.Request) {
		s.ForgetCalls()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_simulator/companies/{id}", s.purgeOverHTTP)
	return mux
}

// requestReport is the answer of GET /_simulator/requests.
type requestReport struct {
	Total  int            `json:"total"`
	Counts map[string]int `json:"counts"`
	Latest []call         `json:"latest"`
}

// call is one of the latest requests as it came.
type call struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query,omitempty"`
}

func (s *Simulator) report() requestReport {
	report := requestReport{Total: s.calls.count(""), Counts: s.calls.all(), Latest: []call{}}
	for _, one := range s.faults.Calls() {
		report.Latest = append(report.Latest, call(one))
	}
	return report
}

// putSettings replaces all settings; members that are left out take their zero value.
func (s *Simulator) putSettings(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	var wanted Settings
	err := decoder.Decode(&wanted)
	if err == nil {
		err = s.Configure(func(settings *Settings) { *settings = wanted })
	}
	if err != nil {
		s.writeError(w, r, badBody("settings", err.Error()))
		return
	}
	s.writeValue(w, r, s.Settings())
}

func (s *Simulator) purgeOverHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err == nil {
		err = s.PurgeCompany(id)
	}
	if err != nil {
		s.writeError(w, r, &refusal{status: http.StatusNotFound, Code: "NotFound", Message: fmt.Sprintf("Company %s not found", r.PathValue("id"))})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
