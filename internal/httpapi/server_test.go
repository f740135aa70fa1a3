package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/httpapi"
	"crosswalk/internal/startstop"
)

// newServer listens on a free port of this machine.
func newServer(t *testing.T, gateway *gateway, address string) *httpapi.Server {
	t.Helper()
	server := httpapi.NewServer(address, gateway.handler, slog.New(slog.NewTextHandler(gateway.log, nil)))
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return server
}

func TestServerServesBetweenStartAndStop(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	server := newServer(t, gateway, "127.0.0.1:0")
	if server.Address() != "" {
		t.Errorf("Address before Start: %q, want none", server.Address())
	}
	for range 2 {
		if err := server.Start(t.Context()); err != nil {
			t.Fatalf("Start: %v", err)
		}
	}
	gateway.URL = "http://" + server.Address()
	if answer := gateway.send(t, http.MethodGet, "/healthz", ""); answer.status != 200 {
		t.Errorf("GET /healthz: %d, want 200", answer.status)
	}
	taken := httpapi.NewServer(server.Address(), gateway.handler, slog.New(slog.DiscardHandler))
	if err := taken.Start(t.Context()); err == nil || !strings.Contains(err.Error(), server.Address()) {
		t.Errorf("Start on an address that is taken: %v, want an error that names it", err)
	}
	for range 2 {
		if err := server.Stop(t.Context()); err != nil {
			t.Fatalf("Stop: %v", err)
		}
	}
	select {
	case <-server.Done():
	default:
		t.Error("Done is not closed after Stop")
	}
	if err := server.Err(); err != nil {
		t.Errorf("Err after Stop: %v", err)
	}
	if err := server.Start(t.Context()); !errors.Is(err, startstop.ErrStopped) {
		t.Errorf("Start after Stop: %v, want ErrStopped", err)
	}
	if connection, err := net.DialTimeout("tcp", server.Address(), time.Second); err == nil {
		_ = connection.Close()
		t.Error("the address is still listened on after Stop")
	}
}

func TestStopLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	server := newServer(t, gateway, "127.0.0.1:0")
	if err := server.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	gateway.URL = "http://" + server.Address()
	_, events := gateway.listen(t, "subscription { count }")
	requireEvents(t, events, ":", "event: next")
	answers := make(chan answer, 1)
	go func() { answers <- gateway.query(t, "{ stubborn }", "") }()
	<-gateway.resolver.Waiting

	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(context.Background()) }()
	for events.Scan() {
		// The subscription ends because the server stops.
	}
	select {
	case err := <-stopped:
		t.Fatalf("Stop returned (%v) before a request was answered", err)
	default:
	}
	close(gateway.resolver.Release)
	if answer := <-answers; string(answer.body) != `{"data":{"stubborn":"at last"}}` {
		t.Errorf("%d %s, want the answer", answer.status, answer.body)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestStopDropsWhatDoesNotFinishInTime(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, nil)
	t.Cleanup(func() { close(gateway.resolver.Release) })
	server := httpapi.NewServer("127.0.0.1:0", gateway.handler, slog.New(slog.DiscardHandler))
	if err := server.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	failed := make(chan error, 1)
	go func() {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.Address()+"/graphql?query={stubborn}", nil)
		request.Header.Set("Authorization", "Bearer "+goodToken)
		response, err := gateway.Client().Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		failed <- err
	}()
	<-gateway.resolver.Waiting
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: %v, want that of its context", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered, want its connection dropped")
	}
}
