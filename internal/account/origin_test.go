package account

import (
	"errors"
	"testing"

	"crosswalk/internal/outbound"
)

func TestConnectWiseOrigins(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw, want string
		err       error
	}{
		"a host":              {raw: "api-eu.myconnectwise.net", want: "https://api-eu.myconnectwise.net"},
		"a host in capitals":  {raw: " API-EU.MyConnectWise.net/ ", want: "https://api-eu.myconnectwise.net"},
		"a host with a port":  {raw: "psa.example.com:8443", want: "https://psa.example.com:8443"},
		"an origin":           {raw: "https://staging.connectwisedev.com", want: "https://staging.connectwisedev.com"},
		"an origin and slash": {raw: "https://staging.connectwisedev.com/", want: "https://staging.connectwisedev.com"},
		"the whole API path":  {raw: "https://api-na.myconnectwise.net/v4_6_release/apis/3.0", err: errPath},
		"a host and a path":   {raw: "na.myconnectwise.net/v4_6_release", err: errPath},
		"plain HTTP":          {raw: "http://psa.example.com", err: outbound.ErrPlainHTTP},
		"a private host":      {raw: "192.168.1.20", err: outbound.ErrPrivate},
		"nothing":             {raw: " ", err: outbound.ErrNotURL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseConnectWiseOrigin(c.raw, false)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("parseConnectWiseOrigin(%q): want %q and %v, got %q and %v", c.raw, c.want, c.err, got, err)
			}
		})
	}
}

func TestSameServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://psa.example.com", "https://psa.example.com", true},
		{"https://psa.example.com", "http://psa.example.com", true},
		{"https://na.myconnectwise.net", "https://api-na.myconnectwise.net", true},
		{"https://staging.connectwisedev.com", "https://api-staging.connectwisedev.com", true},
		{"https://api-na.myconnectwise.net", "https://api-eu.myconnectwise.net", false},
		{"https://psa.example.com", "https://api-psa.example.com", false},
		{"https://psa.example.com", "https://psa.example.com:8443", false},
		{"https://psa.example.com", "https://psa.example.org", false},
	} {
		if got := sameServer(c.a, c.b); got != c.want {
			t.Errorf("sameServer(%s, %s): want %t, got %t", c.a, c.b, c.want, got)
		}
		if got := sameServer(c.b, c.a); got != c.want {
			t.Errorf("sameServer(%s, %s): want %t, got %t", c.b, c.a, c.want, got)
		}
	}
}
