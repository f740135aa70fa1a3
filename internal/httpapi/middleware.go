package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"
)

const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// requestID is what a request is called in logs, errors and the answer's
// X-Request-Id; empty outside of a request.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// saneRequestID is what an incoming X-Request-Id must look like to be kept.
var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._~+/=:@-]{1,128}$`)

// identified gives every request an id: the one it brings, if it is sane.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !saneRequestID.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// logged writes a line about every request when it is over: what was asked, by
// whom, and how it went, but nothing of what it said.
func logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		note := &note{}
		answer := &answerRecorder{ResponseWriter: w}
		ctx := withNote(r.Context(), note)
		defer func() {
			attributes := []slog.Attr{
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.Int("status", answer.statusOrOK()),
				slog.Duration("duration", time.Since(start)),
				slog.Int64("bytes", answer.bytes),
			}
			log.LogAttrs(ctx, levelOf(r), "request", append(attributes, note.attributes()...)...)
		}()
		next.ServeHTTP(answer, r.WithContext(ctx))
	})
}

// levelOf keeps probes and scrapes, which come every few seconds, out of sight.
func levelOf(r *http.Request) slog.Level {
	switch r.URL.Path {
	case healthPath, readyPath, metricsPath:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// recovered answers 500 in GraphQL's form where next panics, and logs why.
func (g *graphQL) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(value)
			}
			answer, ok := w.(*answerRecorder)
			err := &panicked{value: value, stack: debug.Stack()}
			if ok && answer.status != 0 {
				g.present.logHidden(r.Context(), nil, err)
				panic(http.ErrAbortHandler)
			}
			g.refuse(w, r, plainJSON, err)
		}()
		next.ServeHTTP(w, r)
	})
}

// answerRecorder keeps how a request was answered.
type answerRecorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader keeps the status.
func (a *answerRecorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (a *answerRecorder) Write(body []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(body)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answerRecorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answerRecorder) statusOrOK() int {
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}
