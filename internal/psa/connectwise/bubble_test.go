package connectwise

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/outbound"
	"crosswalk/internal/outbound/outboundtest"
)

// bubble is a client and its server inside a synctest bubble, joined by pipes: hours of waiting take no time,
// and every pause, timeout and limit is the real one.
type bubble struct {
	server *testServer
	*Client
	// replica returns a further client of the same server.
	replica func(change ...func(*Config)) *Client
	// unreachable, while set, makes connecting fail.
	unreachable bool
}

func inBubble(t *testing.T, api http.HandlerFunc, test func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{server: &testServer{URL: "http://psa.example.com", api: api}}
		b.server.companyInfo = always(http.StatusOK, `{"Codebase":"`+testCodebase+`/"}`)
		memory := outboundtest.NewNetwork()
		server := &http.Server{Handler: b.server}
		go func() { _ = server.Serve(memory) }()
		transport := outbound.NewTransport(true)
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if b.unreachable {
				return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError("nobody listens")}
			}
			return memory.DialContext(ctx, network, address)
		}
		b.replica = func(change ...func(*Config)) *Client {
			config := testConfig(b.server.URL)
			for _, apply := range change {
				apply(&config)
			}
			client, err := newClient(config, transport.Clone())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			return client
		}
		b.Client = b.replica()
		test(t, b)
		b.Close()
		_ = server.Close()
		synctest.Wait()
	})
}

// atMost returns a change of Config that bounds the calls per minute.
func atMost(callsPerMinute int) func(*Config) {
	return func(c *Config) { c.CallsPerMinute = callsPerMinute }
}

// hang holds a request until its client goes away.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// took returns how long call lasts.
func took(call func()) time.Duration {
	started := time.Now()
	call()
	return time.Since(started)
}
