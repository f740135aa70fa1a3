package account

import (
	"errors"
	"strings"
	"testing"
)

func TestUpstreamAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw      string
		insecure bool
		want     string
		err      error
	}{
		"plain":                       {raw: "https://feed.example.com", want: "https://feed.example.com"},
		"with a path":                 {raw: "https://feed.example.com/v2/", want: "https://feed.example.com/v2"},
		"with an escaped path":        {raw: "https://feed.example.com/a%2Fb", want: "https://feed.example.com/a%2Fb"},
		"capitals and spaces around":  {raw: " HTTPS://Feed.Example.COM/Path ", want: "https://feed.example.com/Path"},
		"default port":                {raw: "https://feed.example.com:443", want: "https://feed.example.com"},
		"other port":                  {raw: "https://feed.example.com:8443", want: "https://feed.example.com:8443"},
		"trailing dot":                {raw: "https://feed.example.com./", want: "https://feed.example.com"},
		"public address":              {raw: "https://203.0.114.9", want: "https://203.0.114.9"},
		"public IPv6 address":         {raw: "https://[2a00:1450::1]:8443", want: "https://[2a00:1450::1]:8443"},
		"plain HTTP":                  {raw: "http://feed.example.com", err: errPlainHTTP},
		"plain HTTP allowed":          {raw: "http://feed.example.com:80", insecure: true, want: "http://feed.example.com"},
		"local allowed":               {raw: "http://127.0.0.1:9000/", insecure: true, want: "http://127.0.0.1:9000"},
		"local IPv6 allowed":          {raw: "http://[::1]:9000", insecure: true, want: "http://[::1]:9000"},
		"loopback":                    {raw: "https://127.0.0.1", err: errPrivate},
		"loopback by name":            {raw: "https://LOCALHOST:8443", err: errPrivate},
		"loopback by name with a dot": {raw: "https://localhost.", err: errPrivate},
		"loopback below a name":       {raw: "https://api.localhost", err: errPrivate},
		"private":                     {raw: "https://10.1.2.3", err: errPrivate},
		"link-local metadata":         {raw: "https://169.254.169.254", err: errPrivate},
		"carrier address space":       {raw: "https://100.64.0.1", err: errPrivate},
		"unspecified":                 {raw: "https://0.0.0.0", err: errPrivate},
		"IPv6 loopback":               {raw: "https://[::1]", err: errPrivate},
		"IPv6 private":                {raw: "https://[fd00::1]", err: errPrivate},
		"IPv4 within IPv6":            {raw: "https://[::ffff:127.0.0.1]", err: errPrivate},
		"IPv4 behind NAT64":           {raw: "https://[64:ff9b::7f00:1]", err: errPrivate},
		"IPv6 with a zone":            {raw: "https://[fe80::1%25eth0]", insecure: true, err: errNoAddress},
		"a short old form":            {raw: "https://127.1", insecure: true, err: errNoAddress},
		"an address as one number":    {raw: "https://2130706433", insecure: true, err: errNoAddress},
		"an address in hexadecimal":   {raw: "https://0x7f.0x1", insecure: true, err: errNoAddress},
		"nothing":                     {raw: "", err: errNoAddress},
		"only a host":                 {raw: "feed.example.com", err: errNoAddress},
		"only a scheme":               {raw: "https://", err: errNoAddress},
		"only a port":                 {raw: "https://:443", err: errNoAddress},
		"a port too high":             {raw: "https://feed.example.com:70000", err: errNoAddress},
		"another scheme":              {raw: "ftp://feed.example.com", insecure: true, err: errNotHTTPS},
		"a file":                      {raw: "file:///etc/passwd", insecure: true, err: errNoAddress},
		"a user":                      {raw: "https://u:p@feed.example.com", err: errExtras},
		"a query":                     {raw: "https://feed.example.com/?key=1", err: errExtras},
		"an empty query":              {raw: "https://feed.example.com?", err: errExtras},
		"a fragment":                  {raw: "https://feed.example.com/#top", err: errExtras},
		"an empty fragment":           {raw: "https://feed.example.com#", err: errExtras},
		"a line break":                {raw: "https://feed.example.com\r\nX: y", err: errNoAddress},
		"a space within":              {raw: "https://feed example.com", err: errNoAddress},
		"a name in another script":    {raw: "https://fеed.example.com", err: errNoAddress},
		"an empty label":              {raw: "https://feed..example.com", err: errNoAddress},
		"a very long one":             {raw: "https://feed.example.com/" + strings.Repeat("a", maxURL), err: errNoAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseUpstream(c.raw, c.insecure)
			if !errors.Is(err, c.err) {
				t.Fatalf("parseUpstream(%.100q, insecure %t): want error %v, got %v", c.raw, c.insecure, c.err, err)
			}
			if err == nil && got.String() != c.want {
				t.Errorf("parseUpstream(%.100q, insecure %t): want %s, got %s", c.raw, c.insecure, c.want, got)
			}
		})
	}
}

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
		"plain HTTP":          {raw: "http://psa.example.com", err: errPlainHTTP},
		"a private host":      {raw: "192.168.1.20", err: errPrivate},
		"nothing":             {raw: " ", err: errNoAddress},
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
