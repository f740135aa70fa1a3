package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"crosswalk/internal/httpapi"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// message is what goes over a WebSocket.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// connection is a client's end of a WebSocket.
type connection struct {
	*websocket.Conn
	t   *testing.T
	ctx context.Context
}

// dial opens a WebSocket with headers "Name: value".
func (g *gateway) dial(t *testing.T, headers ...string) (*connection, *http.Response, error) {
	t.Helper()
	return g.offer(t, []string{"graphql-transport-ws"}, headers...)
}

// offer opens a WebSocket for one of some subprotocols.
func (g *gateway) offer(t *testing.T, protocols []string, headers ...string) (*connection, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	header := http.Header{}
	for _, text := range headers {
		name, value, _ := strings.Cut(text, ": ")
		header.Set(name, value)
	}
	socket, response, err := websocket.Dial(ctx, g.URL+"/graphql", &websocket.DialOptions{
		HTTPHeader: header, Subprotocols: protocols,
	})
	if err != nil {
		return nil, response, err
	}
	t.Cleanup(func() { _ = socket.CloseNow() })
	return &connection{Conn: socket, t: t, ctx: ctx}, response, nil
}

// connect opens a WebSocket and says connection_init with payload.
func (g *gateway) connect(t *testing.T, payload string, headers ...string) *connection {
	t.Helper()
	socket, _, err := g.dial(t, headers...)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	socket.say(message{Type: "connection_init", Payload: json.RawMessage(payload)})
	return socket
}

func (c *connection) say(said message) {
	c.t.Helper()
	if err := wsjson.Write(c.ctx, c.Conn, said); err != nil {
		c.t.Fatalf("write %s: %v", said.Type, err)
	}
}

func (c *connection) subscribe(id, query string) {
	c.t.Helper()
	c.say(message{ID: id, Type: "subscribe", Payload: json.RawMessage(fmt.Sprintf(`{"query":%q}`, query))})
}

// hears reads the next message and checks what it begins with, such as
// `next {"data"`.
func (c *connection) hears(want string) {
	c.t.Helper()
	var heard message
	if err := wsjson.Read(c.ctx, c.Conn, &heard); err != nil {
		c.t.Fatalf("read: %v, want %s", err, want)
	}
	if got := strings.TrimSpace(heard.Type + " " + string(heard.Payload)); !strings.HasPrefix(got, want) {
		c.t.Fatalf("heard %s, want %s", got, want)
	}
}

// hearsInTheEnd reads past what an earlier subscription counted.
func (c *connection) hearsInTheEnd(want string) {
	c.t.Helper()
	for {
		var heard message
		if err := wsjson.Read(c.ctx, c.Conn, &heard); err != nil {
			c.t.Fatalf("read: %v, want %s", err, want)
		}
		got := heard.Type + " " + string(heard.Payload)
		if strings.HasPrefix(got, want) {
			return
		}
		if !strings.HasPrefix(got, `next {"data":{"count"`) {
			c.t.Fatalf("heard %s, want %s", got, want)
		}
	}
}

// isClosed reads until the connection is closed and checks how.
func (c *connection) isClosed(want websocket.StatusCode) {
	c.t.Helper()
	for {
		var heard message
		err := wsjson.Read(c.ctx, c.Conn, &heard)
		if err == nil {
			continue
		}
		if got := websocket.CloseStatus(err); got != want {
			c.t.Fatalf("closed with %d (%v), want %d", got, err, want)
		}
		return
	}
}

// awaitListeners waits for subscriptions to begin, 1, or end, -1.
func (g *gateway) awaitListeners(t *testing.T, changes ...int) {
	t.Helper()
	for _, want := range changes {
		select {
		case got := <-g.resolver.Listening:
			if got != want {
				t.Fatalf("subscriptions changed by %d, want %d", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("subscriptions did not change by %d", want)
		}
	}
}

func TestOperationsOverWebSocket(t *testing.T) {
	t.Parallel()
	t.Run("a subscription delivers and completes", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		socket := gateway.connect(t, `{"Authorization":"Bearer `+goodToken+`"}`)
		socket.hears("connection_ack")
		socket.subscribe("1", "subscription { count(to: 3) }")
		for i := range 3 {
			socket.hears(fmt.Sprintf(`next {"data":{"count":%d}`, i+1))
		}
		socket.hears("complete")
		gateway.awaitListeners(t, 1, -1)
	})
	t.Run("a query is answered for whom the header names", func(t *testing.T) {
		t.Parallel()
		socket := newGateway(t, nil).connect(t, `{}`, "Authorization: Bearer "+goodToken)
		socket.hears("connection_ack")
		socket.subscribe("1", "{ viewer { subject } }")
		socket.hears(`next {"data":{"viewer":{"subject":"ada@example.com"}}`)
		socket.hears("complete")
	})
	t.Run("a token may come by itself", func(t *testing.T) {
		t.Parallel()
		newGateway(t, nil).connect(t, `{"token":"`+goodToken+`"}`).hears("connection_ack")
	})
	t.Run("a subscription ends when it is no longer wanted", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		socket := gateway.connect(t, `{"authorization":"bearer `+goodToken+`"}`)
		socket.hears("connection_ack")
		socket.subscribe("1", "subscription { count }")
		socket.hears("next")
		gateway.awaitListeners(t, 1)
		socket.say(message{ID: "1", Type: "complete"})
		gateway.awaitListeners(t, -1)
	})
	t.Run("errors have codes", func(t *testing.T) {
		t.Parallel()
		socket := newGateway(t, nil).connect(t, `{"token":"`+goodToken+`"}`)
		socket.hears("connection_ack")
		socket.subscribe("1", "{ nonsense }")
		socket.hears(`error [{"message":"Cannot query field \"nonsense\" on type \"Query\".","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED","requestId":`)
		socket.subscribe("2", "{ organizations { "+strings.Repeat("parent { ", 20)+"id"+strings.Repeat(" }", 22))
		socket.hears(`error [{"message":"The operation is nested 22 levels deep; at most 15 are allowed.","extensions":{"code":"DEPTH_LIMIT_EXCEEDED","limit":"depth","requestId":`)
		socket.subscribe("3", "subscription { refuse }")
		socket.hears(`next {"errors":[{"message":"The organization has moved on; read it again."`)
	})
	t.Run("nobody gets in without a token", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		for _, payload := range []string{`null`, `{}`, `{"token":""}`, `{"token":"other"}`, `{"Authorization":"Bearer other"}`, `{"token":7}`} {
			gateway.connect(t, payload).isClosed(4401)
		}
		gateway.connect(t, `{"token":"`+brokenToken+`"}`).isClosed(1013)
		_, response, err := gateway.dial(t, "Authorization: Bearer other")
		if err == nil || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("dial with a bad token: %v, want status 401", err)
		}
	})
	t.Run("an empty query is refused as over HTTP", func(t *testing.T) {
		t.Parallel()
		socket := newGateway(t, nil).connect(t, `{"token":"`+goodToken+`"}`)
		socket.hears("connection_ack")
		for _, payload := range []string{`{}`, `{"query":""}`, `{"query":" "}`} {
			socket.say(message{ID: "1", Type: "subscribe", Payload: json.RawMessage(payload)})
			socket.hears(`error [{"message":"The request says nothing to execute: query is missing or empty.","extensions":{"code":"BAD_USER_INPUT"`)
		}
		socket.subscribe("1", `{ fail(how: CODED) }`)
		socket.hears(`next {"errors":[{`)
		socket.hears("complete")
	})
	t.Run("a ping is answered at any time", func(t *testing.T) {
		t.Parallel()
		socket, _, err := newGateway(t, nil).dial(t)
		if err != nil {
			t.Fatal(err)
		}
		socket.say(message{Type: "pong"})
		socket.say(message{Type: "ping"})
		socket.hears("pong")
		socket.say(message{Type: "ping", Payload: json.RawMessage(`{"at":1}`)})
		socket.hears(`pong {"at":1}`)
		socket.say(message{Type: "connection_init", Payload: json.RawMessage(`{"token":"` + goodToken + `"}`)})
		socket.hears("connection_ack")
		socket.say(message{Type: "ping", Payload: json.RawMessage(`{"at":2}`)})
		socket.hears(`pong {"at":2}`)
		socket.subscribe("1", "{ viewer { subject } }")
		socket.hears(`next {"data"`)
	})
	t.Run("graphql-transport-ws is the only protocol", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		for _, protocols := range [][]string{nil, {"graphql-ws"}, {"chat", "GraphQL-Transport-WS"}} {
			socket, _, err := gateway.offer(t, protocols, "Authorization: Bearer "+goodToken)
			if err != nil {
				t.Fatalf("dial with %q: %v", protocols, err)
			}
			socket.isClosed(4406)
		}
		for _, protocols := range [][]string{{"graphql-ws", "graphql-transport-ws"}, {"graphql-transport-ws", "graphql-ws"}} {
			socket, _, err := gateway.offer(t, protocols)
			if err != nil || socket.Subprotocol() != "graphql-transport-ws" {
				t.Fatalf("dial with %q: %v, want graphql-transport-ws", protocols, err)
			}
			socket.say(message{Type: "connection_init", Payload: json.RawMessage(`{"token":"` + goodToken + `"}`)})
			socket.hears("connection_ack")
		}
	})
	t.Run("an id may be used again once it is free", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
		socket.hears("connection_ack")
		for range 3 {
			socket.subscribe("a", "subscription { count }")
			socket.hears(`next {"data":{"count":1}`)
			gateway.awaitListeners(t, 1)
			socket.say(message{ID: "a", Type: "complete"})
			gateway.awaitListeners(t, -1)
			socket.subscribe("a", "{ viewer { subject } }")
			socket.hearsInTheEnd(`next {"data":{"viewer"`)
			socket.hears("complete")
		}
	})
	t.Run("a client that does not follow the protocol is told how", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		welcome := `{"type":"connection_init","payload":{"token":"` + goodToken + `"}}`
		running := `{"id":"a","type":"subscribe","payload":{"query":"subscription { count }"}}`
		for _, test := range []struct {
			says []string
			want websocket.StatusCode
		}{
			{[]string{`{"type":"connection_init","payload":"x"}`}, 4400},
			{[]string{`{"type":"connection_init","payload":5}`}, 4400},
			{[]string{`{"type":"connection_init","payload":[]}`}, 4400},
			{[]string{`{"type":"connection_init","payload":true}`}, 4400},
			{[]string{`{"type":`}, 4400},
			{[]string{`[]`}, 4400},
			{[]string{`{"type":"start"}`}, 4400},
			{[]string{running}, 4401},
			{[]string{welcome, welcome}, 4429},
			{[]string{welcome, `nonsense`}, 4400},
			{[]string{welcome, `{"type":"next","id":"a"}`}, 4400},
			{[]string{welcome, `{"id":5,"type":"subscribe","payload":{"query":"{ __typename }"}}`}, 4400},
			{[]string{welcome, `{"type":"subscribe","payload":{"query":"{ __typename }"}}`}, 4400},
			{[]string{welcome, `{"id":"","type":"subscribe","payload":{"query":"{ __typename }"}}`}, 4400},
			{[]string{welcome, `{"id":"a","type":"subscribe"}`}, 4400},
			{[]string{welcome, `{"id":"a","type":"subscribe","payload":"x"}`}, 4400},
			{[]string{welcome, `{"id":"a","type":"subscribe","payload":{"query":5}}`}, 4400},
			{[]string{welcome, `{"id":"a","type":"subscribe","payload":{"query":"{ __typename }","variables":"x"}}`}, 4400},
			{[]string{welcome, running, running}, 4409},
		} {
			socket, _, err := gateway.dial(t)
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range test.says {
				if err := socket.Write(socket.ctx, websocket.MessageText, []byte(text)); err != nil {
					t.Fatalf("say %s: %v", text, err)
				}
				if i == 0 && len(test.says) > 1 {
					socket.hears("connection_ack")
				}
			}
			socket.isClosed(test.want)
		}
		socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
		socket.hears("connection_ack")
		if err := socket.Write(socket.ctx, websocket.MessageBinary, []byte(welcome)); err != nil {
			t.Fatal(err)
		}
		socket.isClosed(4400)
	})
	t.Run("a message that is too large ends the connection", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, func(config *httpapi.Config) { config.Limits.BodyBytes = 1000 })
		socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
		socket.hears("connection_ack")
		socket.subscribe("1", "{ __typename "+strings.Repeat(" ", 2000)+"}")
		socket.isClosed(websocket.StatusMessageTooBig)
	})
	t.Run("a handshake that is none is refused", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		answer := gateway.send(t, http.MethodGet, "/graphql", "", "Upgrade: websocket", "Connection: Upgrade")
		requireRefusal(t, answer, http.StatusBadRequest, "BAD_USER_INPUT", "Sec-WebSocket-Version: 13")
	})
}

func TestPagesOfOtherOriginsMayNotOpenWebSockets(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, func(config *httpapi.Config) { config.AllowedOrigins = []string{"https://app.example.com"} })
	for origin, allowed := range map[string]bool{
		gateway.URL:                    true,
		"https://app.example.com":      true,
		"https://evil.example.com":     false,
		"https://app.example.com.evil": false,
		"null":                         false,
	} {
		_, response, err := gateway.dial(t, "Origin: "+origin)
		if allowed && err != nil {
			t.Errorf("dial from %s: %v", origin, err)
		}
		if !allowed && (err == nil || response.StatusCode != http.StatusForbidden) {
			t.Errorf("dial from %s: %v, want status 403", origin, err)
		}
	}
}

// listen sends an operation and returns the events of the answer, each
// without its trailing empty line.
func (g *gateway) listen(t *testing.T, query string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/graphql", strings.NewReader(fmt.Sprintf(`{"query":%q}`, query)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+goodToken)
	response, err := g.Client().Do(request)
	if err != nil {
		t.Fatalf("POST: %v", err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("%d with Content-Type %q, want text/event-stream", response.StatusCode, got)
	}
	events := bufio.NewScanner(response.Body)
	events.Split(splitEvents)
	return response, events
}

func splitEvents(data []byte, atEOF bool) (int, []byte, error) {
	if end := strings.Index(string(data), "\n\n"); end >= 0 {
		return end + 2, data[:end], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// requireEvents checks the next events; each must begin as wanted.
func requireEvents(t *testing.T, events *bufio.Scanner, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !events.Scan() {
			t.Fatalf("the stream ended (%v), want %q", events.Err(), want)
		}
		if got := events.Text(); !strings.HasPrefix(got, want) {
			t.Fatalf("event %q, want %q", got, want)
		}
	}
}

func TestOperationsOverServerSentEvents(t *testing.T) {
	t.Parallel()
	t.Run("a subscription delivers and completes", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		_, events := gateway.listen(t, "subscription { count(to: 3) }")
		requireEvents(t, events, ":",
			"event: next\ndata: {\"data\":{\"count\":1}}", "event: next\ndata: {\"data\":{\"count\":2}}",
			"event: next\ndata: {\"data\":{\"count\":3}}", "event: complete\ndata:")
		if events.Scan() {
			t.Errorf("event %q after complete", events.Text())
		}
		gateway.awaitListeners(t, 1, -1)
	})
	t.Run("a query is one event", func(t *testing.T) {
		t.Parallel()
		_, events := newGateway(t, nil).listen(t, "{ viewer { subject } }")
		requireEvents(t, events, ":", `event: next`+"\n"+`data: {"data":{"viewer":{"subject":"ada@example.com"}}}`, "event: complete")
	})
	t.Run("errors are events too", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		for query, code := range map[string]string{
			"{ nonsense }": "GRAPHQL_VALIDATION_FAILED", "{": "GRAPHQL_PARSE_FAILED", "subscription { refuse }": "SETUP_INCOMPLETE",
		} {
			_, events := gateway.listen(t, query)
			requireEvents(t, events, ":", `event: next`+"\n"+`data: {"errors":[{"message":`)
			if !strings.Contains(events.Text(), code) {
				t.Errorf("%s: %s, want %s", query, events.Text(), code)
			}
			requireEvents(t, events, "event: complete")
		}
	})
	t.Run("a subscription ends when its listener leaves", func(t *testing.T) {
		t.Parallel()
		gateway := newGateway(t, nil)
		response, events := gateway.listen(t, "subscription { count }")
		requireEvents(t, events, ":", "event: next")
		gateway.awaitListeners(t, 1)
		_ = response.Body.Close()
		gateway.awaitListeners(t, -1)
	})
}

func TestDrainingEndsSubscriptionsSoThatClientsComeBack(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	socket := gateway.connect(t, `{"token":"`+goodToken+`"}`)
	socket.hears("connection_ack")
	socket.subscribe("1", "subscription { count }")
	socket.hears("next")
	_, events := gateway.listen(t, "subscription { count }")
	requireEvents(t, events, ":", "event: next")
	gateway.awaitListeners(t, 1, 1)

	drained := make(chan error, 1)
	go func() { drained <- gateway.handler.Drain(t.Context()) }()
	for events.Scan() {
		if strings.HasPrefix(events.Text(), "event: complete") {
			t.Error("a stream that was cut short says that it is complete")
		}
	}
	socket.isClosed(1012)
	gateway.awaitListeners(t, -1, -1)
	if err := <-drained; err != nil {
		t.Errorf("Drain: %v", err)
	}
	if answer := gateway.send(t, http.MethodGet, "/readyz", ""); answer.status != 503 || !strings.Contains(string(answer.body), "stopping") {
		t.Errorf("GET /readyz: %d %s, want 503 and why", answer.status, answer.body)
	}
	if answer := gateway.query(t, "{ __typename }", ""); answer.status != 200 {
		t.Errorf("a query while draining: %d, want it answered", answer.status)
	}
}
