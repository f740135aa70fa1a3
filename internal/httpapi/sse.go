package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// pingInterval is how often a silent stream says that it is still there:
// proxies drop connections that are silent for a minute or less.
const pingInterval = 15 * time.Second

// dispatch starts an operation within the life of a stream. It returns what
// yields the responses, and the context to ask for them with.
type dispatch func(ctx context.Context) (graphql.ResponseHandler, context.Context)

// stream answers with server-sent events, one connection per operation: an
// event "next" for every response and "complete" at the end. It ends early
// when the caller leaves, when the token is no longer valid, which is then the
// last response, or when the server stops; a stopping server leaves "complete"
// out, so that clients come back.
func (g *graphQL) stream(w http.ResponseWriter, r *http.Request, start dispatch) {
	ctx, end := g.streams.begin(r.Context())
	defer end()
	ctx = g.gate.whileAdmitted(ctx, func() {})
	header := w.Header()
	header.Set("Content-Type", string(eventStream))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	header.Add("Vary", "Accept")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	defer context.AfterFunc(ctx, func() { _ = control.SetWriteDeadline(time.Now().Add(partingTime)) })()
	events := g.events(ctx, start)
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	event, more := []byte(":\n\n"), true
	for more && sendEvent(ctx, w, event) {
		select {
		case event, more = <-events:
		case <-ping.C:
			event = []byte(": ping\n\n")
		case <-ctx.Done():
			more = false
		}
	}
	if errors.Is(context.Cause(ctx), errTokenEnded) {
		sendEvent(ctx, w, append(g.nextEvent(ctx, g.present.response(ctx, refuse(codeUnauthenticated, badToken))), completeEvent...))
	}
}

// sendEvent reports whether the caller is still there to take it.
func sendEvent(ctx context.Context, w http.ResponseWriter, event []byte) bool {
	control := http.NewResponseController(w)
	// Not every connection has deadlines; where there are none, none is missed.
	_ = control.SetWriteDeadline(time.Now().Add(writeTime))
	if ctx.Err() != nil {
		_ = control.SetWriteDeadline(time.Now().Add(partingTime))
	}
	if _, err := w.Write(event); err != nil {
		return false
	}
	return control.Flush() == nil
}

// completeEvent tells that nothing more will come.
const completeEvent = "event: complete\ndata:\n\n"

// events starts an operation and returns its events, until there are no more
// or ctx ends.
func (g *graphQL) events(ctx context.Context, start dispatch) <-chan []byte {
	events := make(chan []byte)
	go func() {
		defer close(events)
		g.relay(ctx, start, events)
		if ctx.Err() == nil {
			offer(ctx, events, []byte(completeEvent))
		}
	}()
	return events
}

// relay turns the responses to an operation into events; a panic becomes the
// last of them.
func (g *graphQL) relay(ctx context.Context, start dispatch, events chan<- []byte) {
	defer func() {
		if value := recover(); value != nil {
			offer(ctx, events, g.nextEvent(ctx, g.present.response(ctx, g.present.recovered(ctx, value))))
		}
	}()
	responses, within := start(ctx)
	for response := responses(within); response != nil; response = responses(within) {
		if !offer(ctx, events, g.nextEvent(ctx, response)) {
			return
		}
	}
}

// offer hands an event over, unless ctx ends first.
func offer(ctx context.Context, events chan<- []byte, event []byte) bool {
	select {
	case events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

// nextEvent is an event that holds a copy of a response: the executor writes
// the next one to the same place.
func (g *graphQL) nextEvent(ctx context.Context, response *graphql.Response) []byte {
	answer := g.present.encode(ctx, response)
	return bytes.Join([][]byte{[]byte("event: next\ndata: "), answer.head, answer.data, answer.tail, []byte("\n\n")}, nil)
}
