// Package outboundtest is a network in memory for tests of clients of other servers: within a bubble of
// testing/synctest the clock runs ahead while everybody waits, so hours of timeouts and pauses take no time.
package outboundtest

import (
	"context"
	"net"
	"sync"
)

// Network joins one server, for which it is the listener, with whoever dials, whatever the address.
type Network struct {
	connections chan net.Conn
	closed      chan struct{}
	closeOnce   sync.Once
}

var _ net.Listener = (*Network)(nil)

// NewNetwork returns a network. In a bubble it has to be called there.
func NewNetwork() *Network {
	return &Network{connections: make(chan net.Conn), closed: make(chan struct{})}
}

// DialContext connects to the server; it has the form http.Transport asks for.
func (n *Network) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case n.connections <- far:
		return near, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept waits for somebody who dials.
func (n *Network) Accept() (net.Conn, error) {
	select {
	case connection := <-n.connections:
		return connection, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and DialContext. Connections live on.
func (n *Network) Close() error {
	n.closeOnce.Do(func() { close(n.closed) })
	return nil
}

// Addr returns a placeholder: there is no address.
func (n *Network) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }
