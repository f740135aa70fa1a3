package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// pingInterval is how often a silent stream says that it is still there:
// proxies drop connections that are silent for a minute or less.
const pingInterval = 15 * time.Second

// stream answers with server-sent events, one connection per operation: an
// event "next" for every response and "complete" at the end. It ends early
// when the caller leaves or the server stops; a stopping server leaves
// "complete" out, so that clients come back.
func (g *graphQL) stream(w http.ResponseWriter, r *http.Request, responses graphql.ResponseHandler) {
	ctx, end := g.streams.begin(r.Context())
	defer end()
	events := eventWriter{to: w, control: http.NewResponseController(w)}
	header := w.Header()
	header.Set("Content-Type", string(eventStream))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	header.Add("Vary", "Accept")
	w.WriteHeader(http.StatusOK)
	if events.send(":\n\n") != nil {
		return
	}
	answers := g.pump(ctx, responses)
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			err = events.send(": ping\n\n")
		case answer, more := <-answers:
			if !more {
				_ = events.send("event: complete\ndata:\n\n")
				return
			}
			err = events.next(g.present.encode(ctx, answer))
		}
		if err != nil {
			return
		}
	}
}

// pump asks for responses until there are no more or ctx ends.
func (g *graphQL) pump(ctx context.Context, responses graphql.ResponseHandler) <-chan *graphql.Response {
	answers := make(chan *graphql.Response)
	send := func(answer *graphql.Response) bool {
		select {
		case answers <- answer:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(answers)
		defer func() {
			if value := recover(); value != nil {
				send(g.present.response(ctx, g.present.recovered(ctx, value)))
			}
		}()
		for answer := responses(ctx); answer != nil && send(answer); answer = responses(ctx) {
		}
	}()
	return answers
}

// eventWriter writes events and sees to it that each leaves at once.
type eventWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

func (e eventWriter) next(answer encoded) error {
	return e.send("event: next\ndata: ", answer.head, answer.data, answer.tail, []byte("\n\n"))
}

func (e eventWriter) send(text string, parts ...[]byte) error {
	// Not every connection has deadlines; where there are none, none is missed.
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTime))
	event := append([]byte(text), bytes.Join(parts, nil)...)
	if _, err := e.to.Write(event); err != nil {
		return err
	}
	return e.control.Flush()
}
