package oidc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/outbound"
)

// A name may lead into a private network where its text does not show it, so the address is judged once more
// when it is dialled. The test's server stands for what such a name leads to.
func TestAnIssuerInAPrivateNetworkIsNotCalled(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer inside.Close()
	keys := newKeySet(Config{Issuer: inside.URL, Now: time.Now})
	if _, err := keys.ask(t.Context()); !errors.Is(err, outbound.ErrPrivate) {
		t.Errorf("asking an issuer in a private network: want ErrPrivate, got %v", err)
	}
	if got := calls.Load(); got != 0 {
		t.Errorf("a server in a private network was called %d times", got)
	}
}

func TestAddressesOfKeysAreJudgedLikeTheIssuers(t *testing.T) {
	t.Parallel()
	keys := newKeySet(Config{Now: time.Now})
	for address, want := range map[string]error{
		"https://login.example.com/keys":           nil,
		"https://login.example.com/keys?policy=1":  nil,
		"http://login.example.com/keys":            outbound.ErrPlainHTTP,
		"https://169.254.169.254/latest/meta-data": outbound.ErrPrivate,
		"https://[::1]/keys":                       outbound.ErrPrivate,
		"https://user:password@login.example.com/": outbound.ErrExtras,
		"file:///etc/passwd":                       outbound.ErrNotURL,
		"https://login.example.com:99999/keys":     outbound.ErrNotURL,
		"https://login.example.com\n.example.org/": outbound.ErrNotURL,
		"": outbound.ErrNotURL,
	} {
		if err := keys.checkAddress(address); !errors.Is(err, want) {
			t.Errorf("checkAddress(%q): want %v, got %v", address, want, err)
		}
	}
}
