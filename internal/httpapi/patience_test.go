package httpapi_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/httpapi"
	"crosswalk/internal/httpapi/internal/testschema"
)

// pipes is a listener whose connections are in memory, so that time can be
// imagined.
type pipes struct {
	incoming chan net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	connection, open := <-p.incoming
	if !open {
		return nil, net.ErrClosed
	}
	return connection, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// inMemory serves the test schema in imagined time and returns a client's end
// of a connection to it.
func inMemory(t *testing.T) net.Conn {
	t.Helper()
	handler, err := httpapi.New(httpapi.Config{
		Schema: testschema.New(&testschema.Resolver{Caller: caller}, httpapi.Published), Authenticator: tokens{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := pipes{incoming: make(chan net.Conn, 1)}
	server := httpapi.NewServer("", handler, slog.New(slog.DiscardHandler))
	go server.ServeOn(listener)
	client, served := net.Pipe()
	listener.incoming <- served
	t.Cleanup(func() {
		_ = client.Close()
		close(listener.incoming)
		time.Sleep(time.Minute) // imagined, for both ends to notice
	})
	return client
}

// dribble writes the start of a request and then a byte every second for as
// long as somebody takes them, and returns for how long that was.
func dribble(connection net.Conn, start string) time.Duration {
	began := time.Now()
	for next := []byte(start); ; next = []byte("x") {
		if _, err := connection.Write(next); err != nil {
			return time.Since(began)
		}
		time.Sleep(time.Second)
	}
}

func TestHeadersThatDribbleInEndTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connection := inMemory(t)
		go func() { _, _ = io.Copy(io.Discard, connection) }()
		took := dribble(connection, "POST /graphql HTTP/1.1\r\nHost: crosswalk\r\nX-Slow: ")
		if took < 5*time.Second || took > 15*time.Second {
			t.Errorf("the connection ended after %s, want about 10s", took)
		}
	})
}

func TestABodyThatDribblesInIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connection := inMemory(t)
		go dribble(connection, "POST /graphql HTTP/1.1\r\nHost: crosswalk\r\nAuthorization: Bearer "+goodToken+
			"\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
		began := time.Now()
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatalf("read the answer: %v", err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusBadRequest || !bytes.Contains(body, []byte("did not arrive completely")) {
			t.Errorf("%d %s (%v), want 400 and why", response.StatusCode, body, err)
		}
		if took := time.Since(began); took < 20*time.Second || took > 40*time.Second {
			t.Errorf("answered after %s, want about 30s", took)
		}
	})
}

func TestASilentConnectionIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connection := inMemory(t)
		go func() { _, _ = io.WriteString(connection, "GET /healthz HTTP/1.1\r\nHost: crosswalk\r\n\r\n") }()
		began := time.Now()
		if _, err := io.Copy(io.Discard, connection); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < time.Minute || took > 3*time.Minute {
			t.Errorf("the connection was closed after %s, want about 2m", took)
		}
	})
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(space []byte) (int, error) {
	for i := range space {
		space[i] = ' '
	}
	return len(space), nil
}

func TestABodyWithoutAnEndIsRefused(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gateway.URL+"/graphql", endless{})
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+goodToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := gateway.Client().Do(request)
	if err != nil {
		var closed *net.OpError
		if errors.As(err, &closed) { // the server need not wait until the client reads
			return
		}
		t.Fatalf("POST: %v", err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), "LIMIT_EXCEEDED") {
		t.Errorf("%d %s, want 413 and LIMIT_EXCEEDED", response.StatusCode, body)
	}
}
