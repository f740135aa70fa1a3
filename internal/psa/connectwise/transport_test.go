package connectwise

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"crosswalk/internal/outbound"
	"crosswalk/internal/psa"
)

func TestClient_TalksTLSWithAPrivateAuthority(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/login/") {
			answerJSON(w, 200, `{"Codebase":"v2026_1/"}`)
			return
		}
		answerJSON(w, 200, okInfo)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	config := testConfig(server.URL)
	config.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
	if _, err := mustClient(t, config).SystemInfo(t.Context()); err != nil {
		t.Errorf("SystemInfo over TLS = %v, want success", err)
	}
	config.TLS = nil
	var unavailable *psa.UnavailableError
	if _, err := mustClient(t, config).SystemInfo(t.Context()); !errors.As(err, &unavailable) {
		t.Errorf("SystemInfo with an unknown authority = %v, want *psa.UnavailableError", err)
	}
	if _, err := mustClient(t, config).CreateAddition(t.Context(), 9, psa.NewAddition{}); !errors.As(err, &unavailable) {
		t.Errorf("CreateAddition with an unknown authority = %v, want *psa.UnavailableError: nothing was sent", err)
	}
}

func TestRedirect_IsFollowedOnTheSameHostOnly(t *testing.T) {
	t.Parallel()
	elsewhere := newServer(t, always(200, okInfo))
	for _, tt := range []struct {
		name     string
		target   string
		succeeds bool
		requests int
	}{
		{"on the same host", "/v2026_1/apis/3.0/system/moved", true, 2},
		{"to another host", elsewhere.URL + "/v2026_1/apis/3.0/system/info", false, 2},
		{"in a circle", "/v2026_1/apis/3.0/system/info", false, 2 * (1 + 3)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/system/moved") {
					answerJSON(w, 200, okInfo)
					return
				}
				http.Redirect(w, r, tt.target, http.StatusFound)
			})
			_, err := server.client(t).SystemInfo(t.Context())
			if (err == nil) != tt.succeeds || len(server.all()) != tt.requests {
				t.Errorf("SystemInfo = %v after %d requests, want success %t after %d", err, len(server.all()), tt.succeeds, tt.requests)
			}
		})
	}
	t.Cleanup(func() {
		if got := elsewhere.all(); len(got) != 0 {
			t.Errorf("the other host got %v, want nothing", got)
		}
	})
}

func TestAnswer_Compressed(t *testing.T) {
	t.Parallel()
	compressed := func(write func(io.Writer)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				http.Error(w, "gzip is not accepted", http.StatusNotAcceptable)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Link", "")
			zip := gzip.NewWriter(w)
			write(zip)
			_ = zip.Close()
		}
	}
	t.Run("a list", func(t *testing.T) {
		t.Parallel()
		server := newServer(t, compressed(func(w io.Writer) { _, _ = io.WriteString(w, `[{"id":1}]`) }))
		if ids, _, err := streamed(t, server.client(t)); err != nil || len(ids) != 1 {
			t.Errorf("Companies = %v, %v, want one company", ids, err)
		}
	})
	t.Run("an answer that grows without bounds", func(t *testing.T) {
		t.Parallel()
		var member bytes.Buffer // one mebibyte; compressed data may be a sequence of these
		zip := gzip.NewWriter(&member)
		_, _ = zip.Write(bytes.Repeat([]byte(" "), 1<<20))
		_ = zip.Close()
		server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bytes.Repeat(member.Bytes(), maxAnswerBytes>>20+8))
		})
		_, _, err := streamed(t, server.client(t))
		if !errors.Is(err, outbound.ErrTooLarge) || len(server.all()) != 1 {
			t.Errorf("Companies = %v after %d requests, want it given up once", err, len(server.all()))
		}
	})
	t.Run("cut short", func(t *testing.T) {
		t.Parallel()
		server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0})
		})
		if _, _, err := streamed(t, server.client(t)); outcome(err) != "unavailable" {
			t.Errorf("Companies = %v, want *psa.UnavailableError", err)
		}
	})
}

func TestAnswer_Bounds(t *testing.T) {
	t.Parallel()
	for name, api := range map[string]http.HandlerFunc{
		"too many records": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, "["+strings.Repeat("0,", maxRecordsPerPage)+"0]")
		},
		"headers without end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", 128<<10))
			answerJSON(w, 200, `[]`)
		},
		"lists in lists without end": always(200, strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, api)
			if _, _, err := streamed(t, server.client(t)); outcome(err) != "unavailable" {
				t.Errorf("Companies = %v, want *psa.UnavailableError", err)
			}
		})
	}
}

func TestSecrets_AreInNoErrorAndNoLog(t *testing.T) {
	t.Parallel()
	echo := func(status int, contentType string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, key, _ := r.BasicAuth()
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("x-cw-request-id", key)
			w.WriteHeader(status)
			said := key + " and " + r.Header.Get("Authorization") + " and " + r.Header.Get("clientId")
			_, _ = fmt.Fprintf(w, `{"code":%q,"message":%q,"errors":[{"code":%q,"message":%q,"field":%q}]}`, said, said, said, said, said)
		}
	}
	for _, status := range []int{200, 301, 400, 401, 403, 404, 429, 500} {
		for _, contentType := range []string{"application/json", "text/html", testPrivateKey} {
			t.Run(fmt.Sprintf("%d %s", status, contentType), func(t *testing.T) {
				t.Parallel()
				server := newServer(t, echo(status, contentType))
				var logged lockedBuffer
				client := server.client(t, logTo(&logged))
				token := strings.TrimPrefix(authorizationOf(t, client), "Basic ")
				_, _, readErr := streamed(t, client)
				_, writeErr := client.CreateAddition(t.Context(), 9, psa.NewAddition{})
				health := client.Health()
				for place, text := range map[string]string{
					"the error of a read": fmt.Sprintf("%v %+v", readErr, readErr), "the error of a write": fmt.Sprintf("%v %+v", writeErr, writeErr),
					"the log": logged.String(), "the health": fmt.Sprintf("%+v", health),
				} {
					if strings.Contains(text, testPrivateKey) || strings.Contains(text, token) || strings.Contains(text, testConfig("").ClientID) {
						t.Errorf("%s shows the credentials: %s", place, text)
					}
				}
			})
		}
	}
}

func authorizationOf(t *testing.T, client *Client) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	client.authorize(request)
	return request.Header.Get("Authorization")
}

func TestSecrets_AreNotInTheErrorForAMalformedAnswer(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, key, _ := r.BasicAuth()
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(connection, key+"\r\n\r\n")
		_ = connection.Close()
	})
	_, _, err := streamed(t, server.client(t))
	if err == nil || strings.Contains(err.Error(), testPrivateKey) {
		t.Errorf("Companies = %v, want an error without the private key", err)
	}
}

func TestLog_NamesTheRequestOfAFailure(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(400, `{"code":"InvalidObject","message":"no","errors":[]}`))
	var logged lockedBuffer
	client := server.client(t, logTo(&logged))
	_, _ = client.CreateAddition(t.Context(), 9, psa.NewAddition{})
	for _, want := range []string{"psa_request_id=req-1", `operation="create additions"`, "status=400"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log says %q, want it to contain %s", logged.String(), want)
		}
	}
}

func TestObserve_IsToldOfEveryRequest(t *testing.T) {
	t.Parallel()
	server := newServer(t, inTurn(failing, always(200, okInfo), failing))
	var mu sync.Mutex
	var calls []string
	client := server.client(t, func(c *Config) {
		c.Observe = func(_ context.Context, call Call) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, fmt.Sprintf("%s %s %d %t", call.Method, call.Operation, call.Status, call.Err == nil))
		}
	})
	_, _ = client.SystemInfo(t.Context())
	_, _ = client.CreateAddition(t.Context(), 9, psa.NewAddition{})
	want := "GET read the company info 200 true; GET read the system information 502 false; GET read the system information 200 true; POST create additions 502 false"
	if got := strings.Join(calls, "; "); got != want {
		t.Errorf("observed %s, want %s", got, want)
	}
}
