package outbound

import (
	"errors"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text     string
		insecure bool
		want     string
		err      error
	}{
		"plain":                      {text: "https://feed.example.com", want: "https://feed.example.com"},
		"with a path":                {text: "https://feed.example.com/v2/", want: "https://feed.example.com/v2"},
		"with an escaped path":       {text: "https://feed.example.com/a%2Fb", want: "https://feed.example.com/a%2Fb"},
		"capitals and spaces around": {text: " HTTPS://Feed.Example.COM/Path ", want: "https://feed.example.com/Path"},
		"a trailing dot":             {text: "https://feed.example.com./", want: "https://feed.example.com"},
		"a trailing dot and a port":  {text: "https://feed.example.com.:8443", want: "https://feed.example.com:8443"},
		"an underscore":              {text: "https://feed_1.example.com", want: "https://feed_1.example.com"},
		"a number within a name":     {text: "https://365.example.com", want: "https://365.example.com"},
		"an address and a port":      {text: "https://[2A00:1450::1]:8443", want: "https://[2a00:1450::1]:8443"},

		"the default port":              {text: "https://feed.example.com:443", want: "https://feed.example.com"},
		"another port":                  {text: "https://feed.example.com:8443", want: "https://feed.example.com:8443"},
		"a port left out":               {text: "https://feed.example.com:/", want: "https://feed.example.com"},
		"a port too high":               {text: "https://feed.example.com:70000", err: ErrNotURL},
		"port zero":                     {text: "https://feed.example.com:0", err: ErrNotURL},
		"a port in words":               {text: "https://feed.example.com:port", err: ErrNotURL},
		"a private address and a port":  {text: "https://127.0.0.1:8443", err: ErrPrivate},
		"plain HTTP":                    {text: "http://feed.example.com", err: ErrPlainHTTP},
		"plain HTTP allowed":            {text: "http://feed.example.com:80", insecure: true, want: "http://feed.example.com"},
		"this machine allowed":          {text: "http://127.0.0.1:9000/", insecure: true, want: "http://127.0.0.1:9000"},
		"this machine allowed, by IPv6": {text: "http://[::1]:9000", insecure: true, want: "http://[::1]:9000"},
		"this machine allowed, by name": {text: "http://localhost:9000", insecure: true, want: "http://localhost:9000"},

		"this machine by name":            {text: "https://LOCALHOST:8443", err: ErrPrivate},
		"this machine by name with a dot": {text: "https://localhost.", err: ErrPrivate},
		"a name below this machine":       {text: "https://api.localhost", err: ErrPrivate},
		"a private address with a dot":    {text: "https://10.1.2.3.", err: ErrPrivate},
		"an IPv6 address with a zone":     {text: "https://[fe80::1%25eth0]", insecure: true, err: ErrNotURL},

		"an address in a short old form":            {text: "https://127.1", insecure: true, err: ErrNotURL},
		"an address as one number":                  {text: "https://2130706433", insecure: true, err: ErrNotURL},
		"an address in octal":                       {text: "https://0177.0.0.01", insecure: true, err: ErrNotURL},
		"an address in hexadecimal":                 {text: "https://0x7f000001", insecure: true, err: ErrNotURL},
		"an address in hexadecimal parts":           {text: "https://0x7F.0x1", insecure: true, err: ErrNotURL},
		"an address with an empty hexadecimal part": {text: "https://127.0.0.0x", insecure: true, err: ErrNotURL},
		"an address of five parts":                  {text: "https://1.2.3.4.5", insecure: true, err: ErrNotURL},

		"nothing":                 {text: "", err: ErrNotURL},
		"only a host":             {text: "feed.example.com", err: ErrNotURL},
		"only a scheme":           {text: "https://", err: ErrNotURL},
		"only a port":             {text: "https://:443", err: ErrNotURL},
		"only a dot":              {text: "https://.", err: ErrNotURL},
		"no slashes":              {text: "https:feed.example.com", err: ErrNotURL},
		"another scheme":          {text: "ftp://feed.example.com", insecure: true, err: ErrScheme},
		"a file":                  {text: "file:///etc/passwd", insecure: true, err: ErrNotURL},
		"a user and a password":   {text: "https://u:p@feed.example.com", err: ErrExtras},
		"a user":                  {text: "https://u@feed.example.com", err: ErrExtras},
		"an empty user":           {text: "https://@feed.example.com", err: ErrExtras},
		"a host posing as a user": {text: "https://feed.example.com@10.0.0.1", err: ErrExtras},
		"a query":                 {text: "https://feed.example.com/?key=1", err: ErrExtras},
		"an empty query":          {text: "https://feed.example.com?", err: ErrExtras},
		"a fragment":              {text: "https://feed.example.com/#top", err: ErrExtras},
		"an empty fragment":       {text: "https://feed.example.com# ", err: ErrExtras},
		"a line break":            {text: "https://feed.example.com\r\nX: y", err: ErrNotURL},
		"a space within":          {text: "https://feed example.com", err: ErrNotURL},
		"a quote within":          {text: `https://feed".example.com`, err: ErrNotURL},
		"a backslash":             {text: `https://feed.example.com\@10.0.0.1`, err: ErrNotURL},
		"a name in other letters": {text: "https://fеed.example.com", err: ErrNotURL},
		"an escaped name":         {text: "https://%6cocalhost%00", err: ErrNotURL},
		"an empty label":          {text: "https://feed..example.com", err: ErrNotURL},
		"a very long name":        {text: "https://" + strings.Repeat("a.", 127) + "example", err: ErrNotURL},
		"a very long path":        {text: "https://feed.example.com/" + strings.Repeat("a", maxURL), err: ErrNotURL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseURL(tt.text, tt.insecure)
			if !errors.Is(err, tt.err) {
				t.Fatalf("ParseURL(%.100q, insecure %t) = %v, %v, want the error %v", tt.text, tt.insecure, got, err, tt.err)
			}
			if err == nil && got.String() != tt.want {
				t.Errorf("ParseURL(%.100q, insecure %t) = %s, want %s", tt.text, tt.insecure, got, tt.want)
			}
		})
	}
}
