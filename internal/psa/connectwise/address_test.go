package connectwise

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"crosswalk/internal/psa"
)

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8":              true,
		"2606:4700::1111":      true,
		"127.0.0.1":            false,
		"127.8.8.8":            false,
		"0.0.0.0":              false,
		"10.0.0.1":             false,
		"172.16.0.1":           false,
		"172.32.0.1":           true,
		"192.168.0.1":          false,
		"169.254.169.254":      false,
		"100.64.0.1":           false,
		"198.18.0.1":           false,
		"224.0.0.1":            false,
		"255.255.255.255":      false,
		"::":                   false,
		"::1":                  false,
		"::127.0.0.1":          false,
		"::ffff:127.0.0.1":     false,
		"::ffff:8.8.8.8":       true,
		"fe80::1":              false,
		"fe80::1%eth0":         false,
		"fd12:3456::1":         false,
		"fec0::1":              false,
		"ff02::1":              false,
		"64:ff9b::7f00:1":      false,
		"64:ff9b:1::a00:1":     false,
		"2002:7f00:1::":        false,
		"2001:0:4136:e378::1":  false,
		"2001:4860:4860::8888": true,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("isPublic(%s) = %t, want %t", address, got, want)
		}
	}
}

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
	guarded := &net.Dialer{Control: refusePrivate}
	client, err := newClient(config, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return guarded.DialContext(ctx, network, "localhost:"+port)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.SystemInfo(t.Context())
	var unavailable *psa.UnavailableError
	if !errors.As(err, &unavailable) || !errors.Is(err, errPrivateAddress) || !strings.Contains(unavailable.Reason, "private network") {
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

func TestPublicDialer_ChecksTheAddress(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := publicDialer(false)(t.Context(), "tcp", listener.Addr().String()); !errors.Is(err, errPrivateAddress) {
		t.Errorf("dialling %s = %v, want %v", listener.Addr(), err, errPrivateAddress)
	}
	connection, err := publicDialer(true)(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatalf("dialling %s where it is allowed: %v", listener.Addr(), err)
	}
	connection.Close()
}
