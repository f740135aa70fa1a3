package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"
)

// Codes that close a connection. Clients of graphql-transport-ws do not come
// back after the first and do after the others.
const (
	closeUnauthorized = 4401
	closeRestart      = 1012
	closeTryAgain     = 1013
)

// initTime is how long a client may take to say connection_init.
const initTime = 10 * time.Second

// newWebSocket returns gqlgen's transport for graphql-transport-ws.
func (g *graphQL) newWebSocket() transport.Websocket {
	return transport.Websocket{
		Implementation:   webSocketUpgrade{streams: g.streams},
		InitFunc:         g.welcome,
		InitTimeout:      initTime,
		PingPongInterval: pingInterval,
		PayloadReadLimit: &g.limits.BodyBytes,
		ErrorFunc: func(ctx context.Context, err error) {
			g.present.log.LogAttrs(ctx, slog.LevelDebug, "websocket", slog.String("error", err.Error()))
		},
	}
}

// welcome lets a connection in by its Authorization header or, because
// browsers cannot set that, by what its first message says under Authorization
// or token.
func (g *graphQL) welcome(ctx context.Context, payload transport.InitPayload) (context.Context, *transport.InitPayload, error) {
	if isAuthenticated(ctx) {
		return g.whileWelcome(ctx), nil, nil
	}
	token := payload.GetString("token")
	if authorization := payload.Authorization(); authorization != "" {
		token = tokenIn(authorization)
	}
	admitted, err := g.gate.admit(ctx, token)
	if err == nil {
		return g.whileWelcome(admitted), nil, nil
	}
	shown := g.present.present(ctx, err)
	reason, code := "Try again later", closeTryAgain
	if shown.Extensions["code"] == codeUnauthenticated {
		reason, code = "Unauthorized", closeUnauthorized
	}
	ctx = transport.AppendCloseReason(ctx, reason)
	return transport.WithWebsocketCloseCode(ctx, code), nil, shown
}

// socketKey is what the context of a WebSocket has its socket under.
type socketKey struct{}

// socket is what is known of one WebSocket, besides what gqlgen knows.
type socket struct {
	// tokenEnded is true once the token is no longer valid.
	tokenEnded atomic.Bool
	// connection is nil until it is made.
	connection *knownConnection
}

// leave closes the connection if gqlgen has not.
func (s *socket) leave() {
	if s.connection != nil {
		_ = s.connection.WriteClose(transport.WebsocketCloseProtocolError, "")
	}
}

// whileWelcome returns a context that ends the connection when its token is no longer valid.
func (g *graphQL) whileWelcome(ctx context.Context) context.Context {
	return g.gate.whileAdmitted(ctx, func() { ctx.Value(socketKey{}).(*socket).tokenEnded.Store(true) })
}

func (g *graphQL) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	if problem := handshakeProblem(r); problem != nil {
		g.refuse(w, r, plainJSON, problem)
		return
	}
	if !offersProtocol(r) {
		refuseProtocol(w, r)
		return
	}
	ctx, end := g.streams.begin(r.Context())
	defer end()
	made := &socket{}
	defer made.leave()
	ctx = context.WithValue(ctx, socketKey{}, made)
	g.websocket.Do(w, r.WithContext(graphql.StartOperationTrace(ctx)), g.executor)
}

// handshakeProblem is what keeps a request from becoming a WebSocket, or nil.
func handshakeProblem(r *http.Request) error {
	switch {
	case r.Method != http.MethodGet || !strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade"):
		return badRequest("A WebSocket begins with GET and Connection: Upgrade.")
	case r.Header.Get("Sec-WebSocket-Version") != "13" || r.Header.Get("Sec-WebSocket-Key") == "":
		return badRequest("A WebSocket begins with Sec-WebSocket-Version: 13 and a Sec-WebSocket-Key.")
	}
	return nil
}

// offersProtocol tells whether a client can follow graphql-transport-ws.
func offersProtocol(r *http.Request) bool {
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		for offered := range strings.SplitSeq(header, ",") {
			if strings.TrimSpace(offered) == transportProtocol {
				return true
			}
		}
	}
	return false
}

// refuseProtocol closes a WebSocket of another protocol. Only one that is open can tell why.
func refuseProtocol(w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, anyOrigin)
	if err != nil {
		return // the client has been told
	}
	_ = connection.Close(closeNoProtocol, "Subprotocol not acceptable")
}

// anyOrigin is for requests whose origin has been checked already.
var anyOrigin = &websocket.AcceptOptions{InsecureSkipVerify: true}

// webSocketUpgrade makes WebSockets out of requests whose origin has been
// checked already.
type webSocketUpgrade struct {
	streams *streams
}

// Accept is called by gqlgen.
func (u webSocketUpgrade) Accept(w http.ResponseWriter, r *http.Request, options transport.WebsocketAcceptOptions) (transport.WebsocketConn, error) {
	options.Subprotocols = []string{transportProtocol}
	accept := transport.CoderWebsocketImplementation{AcceptOptions: *anyOrigin}
	connection, err := accept.Accept(w, r, options)
	if err != nil {
		return nil, err
	}
	known := &knownConnection{
		WebsocketConn: connection, stream: r.Context(),
		socket: r.Context().Value(socketKey{}).(*socket), streams: u.streams, conversation: newConversation(),
	}
	known.socket.connection = known
	return known, nil
}

// knownConnection is a connection whose end tells the client whether to come
// back, where gqlgen would only tell that all is done, and that does not wait
// for clients that do not read.
type knownConnection struct {
	transport.WebsocketConn
	// stream ends when the connection is to end. It is kept here because gqlgen
	// writes without a context.
	stream       context.Context
	socket       *socket
	streams      *streams
	conversation *conversation
}

// NextReader returns the next message for gqlgen.
func (c *knownConnection) NextReader() (int, io.Reader, error) {
	for {
		kind, reader, err := c.WebsocketConn.NextReader()
		if err != nil {
			return kind, nil, err
		}
		data, err := io.ReadAll(reader)
		if err != nil {
			return kind, nil, err
		}
		heard, wrong := c.conversation.hear(kind, data)
		if wrong != nil {
			_ = c.WebsocketConn.WriteClose(wrong.code, wrong.reason)
			return kind, nil, transport.ErrWebsocketClosed
		}
		switch {
		case heard == nil:
		case heard.Type == "ping":
			err = c.WriteJSON(said{Type: "pong", Payload: heard.Payload})
			if err != nil {
				return kind, nil, err
			}
		default:
			data, err = json.Marshal(heard)
			return kind, bytes.NewReader(data), err
		}
	}
}

// WriteJSON sends a message of gqlgen's.
func (c *knownConnection) WriteJSON(message any) error {
	told, err := c.conversation.tell(message)
	if told == nil || err != nil {
		return err
	}
	tooSlow := time.AfterFunc(writeTime, func() { _ = c.Close() })
	defer tooSlow.Stop()
	defer context.AfterFunc(c.stream, func() { tooSlow.Reset(partingTime) })()
	return c.WebsocketConn.WriteJSON(told)
}

// WriteClose ends the connection.
func (c *knownConnection) WriteClose(code int, reason string) error {
	switch {
	case code != transport.WebsocketCloseNormalClosure:
	case c.socket.tokenEnded.Load():
		code, reason = closeUnauthorized, "Unauthorized"
	case c.streams.ending():
		code, reason = closeRestart, "The server is restarting"
	}
	code, reason = c.conversation.closing(code, reason)
	return c.WebsocketConn.WriteClose(code, reason)
}

// SetReadLimit bounds the size of a message.
func (c *knownConnection) SetReadLimit(limit int64) {
	if limited, ok := c.WebsocketConn.(transport.WebsocketReadLimiter); ok {
		limited.SetReadLimit(limit)
	}
}

// SetReadDeadline bounds the time until a message.
func (c *knownConnection) SetReadDeadline(deadline time.Time) error {
	if bounded, ok := c.WebsocketConn.(transport.WebsocketReadDeadliner); ok {
		return bounded.SetReadDeadline(deadline)
	}
	return nil
}
