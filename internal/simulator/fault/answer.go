package fault

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
)

// answer is what a handler wrote, held back so that it can be mutilated.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// record lets the handler do its work and keeps its answer.
func record(handler http.Handler, r *http.Request) *answer {
	a := &answer{header: http.Header{}}
	handler.ServeHTTP(a, r)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a
}

// Header returns the header the handler fills in.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the first status, as net/http does.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write keeps the body.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// mutilate sends what is left of the answer. Broken connections are made the way net/http provides for:
// the handler ends with ErrAbortHandler.
func (a *answer) mutilate(w http.ResponseWriter, kind Kind) {
	if kind == LostAnswer {
		panic(http.ErrAbortHandler)
	}
	body := a.body.Bytes()
	promised, sent := len(body)/2, body[:len(body)/2]
	if kind == BrokenOff {
		promised = len(body)
	}
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(promised))
	w.WriteHeader(a.status)
	_, _ = w.Write(sent)
	if kind == BrokenOff {
		// Without the flush the half body would never leave the buffer.
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
