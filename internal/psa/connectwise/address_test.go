package connectwise

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"crosswalk/internal/outbound"
	"crosswalk/internal/psa"
)

func TestClient_RefusesANameThatLeadsIntoAPrivateNetwork(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(http.StatusOK, `{"version":"v2025.1"}`))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	// The name is harmless when the configuration is checked and resolves to this machine when it is dialled.
	config := testConfig("https://psa.example.com:" + port)
	config.AllowInsecure = false
	client := mustClient(t, config)
	for _, kind := range []*http.Client{client.reads, client.writes} {
		transport := kind.Transport.(*http.Transport)
		guarded := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return guarded(ctx, network, "localhost:"+port)
		}
	}
	_, err = client.SystemInfo(t.Context())
	var unavailable *psa.UnavailableError
	if !errors.As(err, &unavailable) || !errors.Is(err, outbound.ErrPrivate) || !strings.Contains(unavailable.Reason, "private network") {
		t.Errorf("SystemInfo = %v, want it refused for the private address", err)
	}
	_, err = client.CreateAddition(t.Context(), 1, psa.NewAddition{ProductID: 1})
	if !errors.As(err, &unavailable) {
		t.Errorf("CreateAddition = %v, want *psa.UnavailableError: nothing was sent", err)
	}
	if got := server.all(); len(got) != 0 {
		t.Errorf("the server in the private network got %v, want no request", got)
	}
}
