package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, client *http.Client, address string, limit int64) (*http.Response, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := Do(client, request, limit)
	if err == nil {
		t.Cleanup(func() { _ = response.Body.Close() })
	}
	return response, err
}

func newServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func newClient(t *testing.T, allowInsecure bool) *http.Client {
	t.Helper()
	client := &http.Client{Transport: NewTransport(allowInsecure), CheckRedirect: StayOnOrigin}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestTransport_ConnectsToNoPrivateAddressByAnyName(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(http.ResponseWriter, *http.Request) {
		t.Error("the private address was asked")
	})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{server.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://0.0.0.0:" + port} {
		if _, err := get(t, newClient(t, false), address, 1); !errors.Is(err, ErrPrivate) {
			t.Errorf("GET %s = %v, want ErrPrivate", address, err)
		}
	}
}

func TestTransport_ConnectsAnywhereWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.UserAgent()) })
	response, err := get(t, newClient(t, true), server.URL, 100)
	if err != nil {
		t.Fatalf("GET %s = %v, want an answer", server.URL, err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != "crosswalk" || err != nil {
		t.Errorf("the server was asked by %q, %v, want crosswalk", body, err)
	}
}

func TestTransport_UsesNoProxy(t *testing.T) {
	t.Parallel()
	if NewTransport(false).Proxy != nil {
		t.Error("NewTransport uses a proxy, which would dial in its place")
	}
}

func TestStayOnOrigin(t *testing.T) {
	t.Parallel()
	elsewhere := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another server was asked with %v", r.Header)
	})
	for _, tt := range []struct {
		name, target string
		want         string // in the error; empty for success
	}{
		{"to another path", "/moved", ""},
		{"to the whole address of another path", "http://HOST/moved", ""},
		{"to another port", elsewhere.URL + "/moved", "another host"},
		{"to another scheme", "https://HOST/moved", "another host"},
		{"to another name of the same machine", "http://localhost:PORT/moved", "another host"},
		{"in a circle", "/", "more than 3 redirects"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/moved" {
					return
				}
				_, port, _ := net.SplitHostPort(r.Host)
				target := strings.NewReplacer("HOST", r.Host, "PORT", port).Replace(tt.target)
				http.Redirect(w, r, target, http.StatusTemporaryRedirect)
			})
			_, err := get(t, newClient(t, true), server.URL+"/", 1)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("GET redirected %s = %v, want %q", tt.name, err, tt.want)
			}
			if tt.want == "another host" && !errors.Is(err, ErrForeignRedirect) {
				t.Errorf("GET redirected %s = %v, want ErrForeignRedirect", tt.name, err)
			}
		})
	}
}

func TestDo_BoundsTheBody(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 10_000)
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	_, _ = io.WriteString(packer, text)
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		compressed bool
		limit      int64
		want       error
	}{
		{"exactly as long as allowed", false, 10_000, nil},
		{"a byte too long", false, 9_999, ErrTooLarge},
		{"compressed, and exactly as long as allowed when unpacked", true, 10_000, nil},
		{"compressed, and a byte too long when unpacked", true, 9_999, ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.compressed {
					w.Header().Set("Content-Encoding", "gzip")
					_, _ = w.Write(packed.Bytes())
					return
				}
				_, _ = io.WriteString(w, text)
			})
			response, err := get(t, newClient(t, true), server.URL, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if !errors.Is(err, tt.want) || int64(len(body)) != tt.limit {
				t.Errorf("reading the body = %d bytes, %v, want %d bytes and %v", len(body), err, tt.limit, tt.want)
			}
		})
	}
}

func TestDo_ErrorsDoNotRepeatTheAddress(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/?token=s3cret", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Do(newClient(t, true), request, 1)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("Do = %v, want context.Canceled without the address", err)
	}
}
