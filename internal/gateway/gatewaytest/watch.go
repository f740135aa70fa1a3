package gatewaytest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/lib/pq"

	"crosswalk/internal/gateway"
	"crosswalk/internal/postgres"
)

// Statements are the SQL statements a replica sent. They are safe for concurrent use.
type Statements struct {
	mu    sync.Mutex
	texts []string
}

// Containing returns the statements with a text in them, in the order they were sent.
func (s *Statements) Containing(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for _, statement := range s.texts {
		if strings.Contains(statement, text) {
			found = append(found, statement)
		}
	}
	return found
}

// Forget starts from nothing.
func (s *Statements) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = nil
}

func (s *Statements) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

// Watched starts another gateway whose statements can be read. It skips the test where the connection to
// PostgreSQL is encrypted.
func (w *World) Watched(t testing.TB) (*Replica, *Statements) {
	t.Helper()
	server, err := pq.NewConfig(w.dsn)
	if err != nil {
		t.Fatalf("read the address of the test's database: %v", err)
	}
	if server.SSLMode != pq.SSLModeDisable {
		t.Skip("statements cannot be read on an encrypted connection")
	}
	network, address := "tcp", net.JoinHostPort(server.Host, fmt.Sprint(server.Port))
	if strings.HasPrefix(server.Host, "/") {
		network, address = "unix", fmt.Sprintf("%s/.s.PGSQL.%d", server.Host, server.Port)
	}
	statements := &Statements{}
	own := relay(t, statements, func() (net.Conn, error) { return net.Dial(network, address) })
	db, err := postgres.Open(t.Context(), atAddress(w.dsn, own), postgres.Options{})
	if err != nil {
		t.Fatalf("open the test's database through a relay: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	return w.replica(t, func(config *gateway.Config) { config.DB = db }), statements
}

// atAddress returns a database address with another host and port in it, of which the last ones count.
func atAddress(dsn string, at *net.TCPAddr) string {
	settings := fmt.Sprintf("host=%s port=%d", at.IP, at.Port)
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " " + settings
	}
	separator := "?"
	if strings.Contains(dsn, "?") {
		separator = "&"
	}
	return dsn + separator + strings.ReplaceAll(settings, " ", "&")
}

// relay passes connections on to a server until the test ends, and notes the statements on them.
func relay(t testing.TB, into *Statements, dial func() (net.Conn, error)) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for a relay: %v", err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			open.Go(func() {
				defer client.Close()
				server, err := dial()
				if err != nil {
					return // the client sees its connection closed
				}
				defer server.Close()
				open.Go(func() {
					_, _ = io.Copy(client, server)
					client.Close()
				})
				_ = pass(into, client, server) // ends with the connection
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		open.Wait()
	})
	return listener.Addr().(*net.TCPAddr)
}

// pass copies what a client of PostgreSQL sends: one message without a type, then messages that begin with one.
func pass(into *Statements, client io.Reader, server io.Writer) error {
	prepared := make(map[string]string) // by name
	for header := make([]byte, 4); ; header = make([]byte, 5) {
		if _, err := io.ReadFull(client, header); err != nil {
			return err
		}
		length := header[len(header)-4:]
		body := make([]byte, binary.BigEndian.Uint32(length)-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return err
		}
		texts := bytes.Split(body, []byte{0})
		switch {
		case len(header) == 5 && header[0] == 'Q':
			into.add(string(texts[0]))
		case len(header) == 5 && header[0] == 'P': // the statement's name goes first
			prepared[string(texts[0])] = string(texts[1])
		case len(header) == 5 && header[0] == 'B': // it is run, on a portal whose name goes first
			into.add(prepared[string(texts[1])])
		}
		if _, err := server.Write(append(header, body...)); err != nil {
			return err
		}
	}
}
