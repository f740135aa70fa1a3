package connectwise

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// bubble is a client and its server inside a synctest bubble, joined by pipes: hours of waiting take no time,
// and every pause, timeout and limit is the real one.
type bubble struct {
	server *testServer
	*Client
	// unreachable, while set, makes connecting fail.
	unreachable bool
}

func inBubble(t *testing.T, api http.HandlerFunc, test func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{server: &testServer{URL: "http://psa.example.com", api: api}}
		b.server.companyInfo = always(http.StatusOK, `{"Codebase":"`+testCodebase+`/"}`)
		listener := pipeListener{connections: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: b.server}
		go func() { _ = server.Serve(listener) }()
		client, err := newClient(testConfig(b.server.URL), func(ctx context.Context, network, address string) (net.Conn, error) {
			if b.unreachable {
				return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError("nobody listens")}
			}
			return listener.dial(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		b.Client = client
		test(t, b)
		client.Close()
		_ = server.Close()
		synctest.Wait()
	})
}

type pipeListener struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (l pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.connections <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case connection := <-l.connections:
		return connection, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error {
	close(l.closed)
	return nil
}

func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// hang holds a request until its client goes away.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// took returns how long call lasts.
func took(call func()) time.Duration {
	started := time.Now()
	call()
	return time.Since(started)
}
