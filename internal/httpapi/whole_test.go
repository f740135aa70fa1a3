package httpapi

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// overheard serves one request, whose answer is length bytes long, and returns all that the client is sent, with a mark where
// it was when the handler was about to return.
func overheard(t *testing.T, length int, header http.Header) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		hold(r, length)
		_, _ = io.WriteString(w, strings.Repeat("#", length))
		// This passes by what is held.
		_, _ = io.WriteString(r.Context().Value(connKey{}).(*wholeConn).TCPConn, "|")
	})
	server := &httptest.Server{Listener: wholeListener{listener}, Config: &http.Server{Handler: whole(handler), ConnContext: withConn}}
	server.Start()
	defer server.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	sent, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	return string(sent)
}

func TestAnAnswerLeavesAsAWhole(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		length  int
		isWhole bool
	}{
		"a short one":                        {10, true},
		"one of several buffers of net/http": {20_000, true},
		"one too long to be copied":          {maxWhole + 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := overheard(t, test.length, http.Header{"Content-Length": {strconv.Itoa(test.length)}})
			if got := strings.HasPrefix(sent, "|HTTP/1.1 200 OK"); got != test.isWhole {
				t.Errorf("that all was sent after the handler had returned is %t, want %t; what came begins with %.20q", got, test.isWhole, sent)
			}
			if got := strings.Count(sent, "#"); got != test.length || strings.Count(sent, "|") != 1 {
				t.Errorf("the client was sent %d of %d bytes", got, test.length)
			}
		})
	}
	sent := overheard(t, 5000, nil)
	if _, body, _ := strings.Cut(sent, "\r\n\r\n"); strings.Count(body, "#") != 5000 {
		t.Errorf("an answer of unknown length arrived as %.200q", sent)
	}
}
