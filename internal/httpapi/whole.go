package httpapi

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// net/http sends what it has whenever four kilobytes have come together. Most pages are a little longer, and would cost two
// system calls, and the client as many, where one does.

// maxWhole is up to where it is cheaper to copy an answer than to send it in pieces, in bytes.
const maxWhole = 64 << 10

// wholeListener accepts connections that can send an answer as a whole.
type wholeListener struct{ net.Listener }

// Accept waits for a connection.
func (l wholeListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if tcp, ok := accepted.(*net.TCPConn); ok {
		return &wholeConn{TCPConn: tcp}, nil
	}
	return accepted, err
}

// wholeConn is a connection that keeps what is written to it while it is held. As every connection of net/http, it is written
// to by one goroutine at a time.
type wholeConn struct {
	*net.TCPConn
	// kept is what was written while the connection is held, nil while it is not.
	kept *[]byte
}

// keeps are the memory of connections that are held.
var keeps = sync.Pool{New: func() any {
	kept := make([]byte, 0, maxWhole/4)
	return &kept
}}

// Write sends bytes, now or when the connection is let go.
func (c *wholeConn) Write(bytes []byte) (int, error) {
	if c.kept == nil {
		return c.TCPConn.Write(bytes)
	}
	*c.kept = append(*c.kept, bytes...)
	return len(bytes), nil
}

func (c *wholeConn) hold() { c.kept = keeps.Get().(*[]byte) }

func (c *wholeConn) letGo() {
	kept := c.kept
	c.kept = nil
	if len(*kept) > 0 {
		// Whether it arrives shows when the connection is used next.
		_, _ = c.Write(*kept)
	}
	*kept = (*kept)[:0]
	keeps.Put(kept)
}

type connKey struct{}

// withConn is how http.Server tells requests which connection they came by.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// hold keeps an answer to a request, which is so many bytes long, until whole sends it; where the connection can, and unless
// that is too long.
func hold(r *http.Request, length int) {
	if conn, ok := r.Context().Value(connKey{}).(*wholeConn); ok && conn.kept == nil && length <= maxWhole {
		conn.hold()
	}
}

// whole sends what next had held when next has returned, so that all that is noted of a request has been when its answer comes.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, ok := r.Context().Value(connKey{}).(*wholeConn)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		defer func() {
			if conn.kept != nil {
				conn.letGo()
			}
		}()
		next.ServeHTTP(w, r)
		if conn.kept != nil && w.Header().Get("Content-Length") != "" { // or net/http has yet to add how it ends
			_ = http.NewResponseController(w).Flush()
		}
	})
}
