package gatewaytest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"crosswalk/internal/account"
)

// Transport says how a subscription is asked for.
type Transport string

// The transports.
const (
	ServerSentEvents Transport = "server-sent events"
	WebSocket        Transport = "WebSocket"
)

// Transports are all of them.
func Transports() []Transport { return []Transport{ServerSentEvents, WebSocket} }

// How a stream ended.
const (
	// Completed means that the server said that nothing more will come.
	Completed = "completed"
	// Cut means that a stream of server-sent events ended without saying so.
	Cut = "cut"
)

// Stream is a subscription. What nobody asks for with Next is not read, as by a client that is slow. Its methods
// must not be called concurrently.
type Stream struct {
	t testing.TB
	// read returns the next response or, when there is none, how the stream ended.
	read  func() (response []byte, end string)
	close func()
}

// Subscribe begins a subscription with the token of a role.
func (s *Seller) Subscribe(t testing.TB, over Transport, role account.Role, query string, variables map[string]any) *Stream {
	t.Helper()
	return Subscribe(t, over, s.url, s.tokens[role], query, variables)
}

// Subscribe begins a subscription at the gateway at url. It lasts as long as the test, and no longer than what a
// test waits for.
func Subscribe(t testing.TB, over Transport, url, token, query string, variables map[string]any) *Stream {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatalf("encode the operation: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	if over == WebSocket {
		return overWebSocket(ctx, t, url, token, payload)
	}
	return overEvents(ctx, t, url, token, payload)
}

// Next returns the next response.
func (s *Stream) Next() Response {
	s.t.Helper()
	body, end := s.read()
	if end != "" {
		s.t.Fatalf("the subscription ended (%s), want a response", end)
	}
	response := Response{Body: body}
	if err := json.Unmarshal(body, &response); err != nil {
		s.t.Fatalf("a response is not JSON: %v\n%s", err, body)
	}
	return response
}

// Must is Next for responses without errors; into takes the data.
func (s *Stream) Must(into any) {
	s.t.Helper()
	response := s.Next()
	if len(response.Errors) > 0 {
		s.t.Fatalf("the subscription must succeed; it was answered with %s", response.Body)
	}
	response.Decode(s.t, into)
}

// End reads to the end and returns how that was: Completed, Cut, or the code that a WebSocket was closed with.
func (s *Stream) End() string {
	s.t.Helper()
	for {
		if _, end := s.read(); end != "" {
			return end
		}
	}
}

// Close leaves.
func (s *Stream) Close() { s.close() }

func overEvents(ctx context.Context, t testing.TB, url, token string, payload []byte) *Stream {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", bytes.NewReader(payload))
	if err != nil {
		t.Fatalf("make the request: %v", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	closeBody := func() { _ = answer.Body.Close() } // what is left of it is not wanted
	t.Cleanup(closeBody)
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("the subscription was answered with status %d and %s, want text/event-stream", answer.StatusCode, got)
	}
	lines := bufio.NewReader(answer.Body)
	return &Stream{t: t, close: closeBody, read: func() ([]byte, string) {
		for event := ""; ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return nil, Cut
			}
			line = strings.TrimSuffix(line, "\n")
			name, value, _ := strings.Cut(line, ": ")
			switch {
			case name == "event":
				event = value
			case event == "complete":
				return nil, Completed
			case event == "next" && name == "data":
				return []byte(value), ""
			}
		}
	}}
}

// message is what goes over a WebSocket.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

func overWebSocket(ctx context.Context, t testing.TB, url, token string, payload []byte) *Stream {
	t.Helper()
	socket, _, err := websocket.Dial(ctx, url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatalf("open a WebSocket: %v", err)
	}
	closeSocket := func() { _ = socket.CloseNow() } // it may be closed already
	t.Cleanup(closeSocket)
	socket.SetReadLimit(-1)
	say := func(said message) {
		if err := wsjson.Write(ctx, socket, said); err != nil {
			t.Fatalf("say %s over a WebSocket: %v", said.Type, err)
		}
	}
	say(message{Type: "connection_init", Payload: json.RawMessage(fmt.Sprintf(`{"token": %q}`, token))})
	say(message{ID: "1", Type: "subscribe", Payload: payload})
	return &Stream{t: t, close: closeSocket, read: func() ([]byte, string) {
		for {
			var heard message
			if err := wsjson.Read(ctx, socket, &heard); err != nil {
				return nil, fmt.Sprint(int(websocket.CloseStatus(err)))
			}
			switch heard.Type {
			case "next":
				return heard.Payload, ""
			case "error":
				return fmt.Appendf(nil, `{"errors": %s}`, heard.Payload), ""
			case "complete":
				return nil, Completed
			case "ping":
				say(message{Type: "pong"})
			}
		}
	}}
}

// Within returns how long something took, and fails the test where that is longer than the time it may take.
func Within(t testing.TB, most time.Duration, what string, do func()) {
	t.Helper()
	begun := time.Now()
	do()
	if took := time.Since(begun); took > most {
		t.Errorf("%s took %s, want at most %s", what, took, most)
	}
}
