package notify

import (
	"fmt"
	"net"
	"testing"
)

func TestStopDoesNotWaitForAServerThatIsSilent(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		if conn, err := server.Accept(); err == nil {
			accepted <- conn
		}
	}()
	host, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatalf("address of the server: %v", err)
	}
	listener := newListener(fmt.Sprintf("host=%s port=%s user=nobody sslmode=disable", host, port), nil)
	payloads, _ := listener.Subscribe("news")
	if err := listener.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	conn := <-accepted
	if err := listener.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if payload, open := <-payloads; open {
		t.Errorf("got the payload %q, want a closed channel", payload)
	}
	conn.Close()
	server.Close()
}
