package feed

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNewClient_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	sound := Config{BaseURL: "https://feed.example.com/market", Key: testKey, Token: testToken}
	if _, err := NewClient(sound); err != nil {
		t.Fatalf("NewClient(%v): %v", sound, err)
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no address", func(c *Config) { c.BaseURL = "" }, "must be a URL"},
		{"a host alone", func(c *Config) { c.BaseURL = "feed.example.com" }, "must be a URL"},
		{"another scheme", func(c *Config) { c.BaseURL = "ftp://feed.example.com" }, "must be a URL"},
		{"no host", func(c *Config) { c.BaseURL = "https:///reporting" }, "must be a URL"},
		{"an unreadable address", func(c *Config) { c.BaseURL = "https://" + testToken + ":x y@h" }, "must be a URL"},
		{"a user in the address", func(c *Config) { c.BaseURL = "https://u:" + testToken + "@h" }, "must not have a user"},
		{"a query in the address", func(c *Config) { c.BaseURL = "https://h/?key=" + testToken }, "must not have a user, a query"},
		{"plain HTTP", func(c *Config) { c.BaseURL = "http://feed.example.com" }, "must start with https://"},
		{"a loopback address", func(c *Config) { c.BaseURL = "https://127.0.0.1:8443" }, "private, loopback"},
		{"a private address", func(c *Config) { c.BaseURL = "https://[fd00::1]" }, "private, loopback"},
		{"no key", func(c *Config) { c.Key = "" }, "are both needed"},
		{"no token", func(c *Config) { c.Token = "" }, "are both needed"},
		{"a key of two lines", func(c *Config) { c.Key = testKey + "\r\nX: y" }, "characters that cannot be sent"},
		{"a page size out of range", func(c *Config) { c.PageSize = 1001 }, "not between 1 and 1000"},
		{"a negative time limit", func(c *Config) { c.AttemptTimeout = -1 }, "is negative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := sound
			tt.change(&config)
			_, err := NewClient(config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("NewClient = %v, want an error with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), testToken) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestConfig_NeverShowsItsSecrets(t *testing.T) {
	t.Parallel()
	config := Config{BaseURL: "https://u:" + testToken + "@feed.example.com/market?k=" + testKey, Key: testKey, Token: testToken}
	client := newTestClient(t, "https://feed.example.com")
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("starting", "config", config, "pointer", &config)
	}
	for _, text := range []string{
		fmt.Sprint(config), fmt.Sprintf("%v %+v %#v %s %q", config, config, config, config, config),
		fmt.Sprintf("%+v %#v", &config, &config), fmt.Sprintf("%+v", struct{ C Config }{config}),
		fmt.Sprintf("%v %+v %#v", client, client, client), log.String(),
	} {
		if strings.Contains(text, testKey) || strings.Contains(text, testToken) {
			t.Errorf("a secret shows in %s", text)
		}
	}
	if got, want := config.String(), "Platform feed at https://feed.example.com/market (key and token hidden)"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestClient_ErrorsHideSecretsTheFeedRepeats(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]spoiler{
		"in its message": answerJSON(400, `{"error":{"code":"`+testKey+`","message":"token `+testToken+` has expired"}}`),
		"at the end of a long message": answerJSON(400,
			`{"error":{"message":"`+strings.Repeat("x", maxMessage-5)+testToken+`"}}`),
		"in a row": answerJSON(200, `{"totalCount":1,"items":[`+rowJSON("row-1", map[string]any{"invoiceDate": testToken})+`]}`),
		"in a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example/?token="+testToken, http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.spoil = func(w http.ResponseWriter, r *http.Request, _, _ int) bool {
				spoil(w, r)
				return true
			}
			err := readRows(t, s.client(t)).err
			if err == nil || strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), testToken[:5]+"-9") {
				t.Errorf("error = %v, want one without secrets", err)
			}
		})
	}
}

func TestClient_FollowsRedirectsOnlyWithinTheFeed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked for %s with %v", r.URL, r.Header)
	}))
	t.Cleanup(elsewhere.Close)
	redirectTo := func(address string) func(w http.ResponseWriter, r *http.Request, page, visit int) bool {
		return func(w http.ResponseWriter, r *http.Request, _, _ int) bool {
			if r.URL.Path == "/moved" {
				return false
			}
			http.Redirect(w, r, address, http.StatusTemporaryRedirect)
			return true
		}
	}
	t.Run("to another path of the same host", func(t *testing.T) {
		t.Parallel()
		s := newStandIn(t, rows(2)...)
		s.spoil = redirectTo("/moved?page=1&pageSize=10")
		readRows(t, s.client(t)).wantRows(t, 2, 1)
	})
	t.Run("to another host", func(t *testing.T) {
		t.Parallel()
		s := newStandIn(t)
		s.spoil = redirectTo(elsewhere.URL + "/moved")
		wantError(t, readRows(t, s.client(t)).err, 1, 0, "redirects to another host are not followed")
		if asked := s.pagesAsked(); len(asked) != 1 {
			t.Errorf("%d requests were made, want 1", len(asked))
		}
	})
	t.Run("in a circle", func(t *testing.T) {
		t.Parallel()
		s := newStandIn(t)
		s.spoil = redirectTo("/again")
		wantError(t, readRows(t, s.client(t)).err, 1, 0, "more than 3 redirects")
	})
}

func TestClient_ANameThatLeadsIntoAPrivateNetworkIsNotAsked(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the private address was asked for %s", r.URL)
	}))
	t.Cleanup(server.Close)
	// The name is harmless when the configuration is checked and leads to this machine when it is dialled.
	client := newTestClient(t, "https://feed.example.com", func(c *Config) { c.AllowInsecure = false })
	transport := transportOf(t, client)
	guarded := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return guarded(ctx, network, strings.TrimPrefix(server.URL, "https://"))
	}
	failed := wantError(t, readRows(t, client).err, 1, 0, "the feed's address is not allowed")
	if strings.Contains(failed.Reason, "tries") {
		t.Errorf("reason = %q, want one try", failed.Reason)
	}
}

func TestClient_AnUntrustedCertificateIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	failed := wantError(t, readRows(t, newTestClient(t, server.URL)).err, 1, 0, "certificate is not trusted")
	if strings.Contains(failed.Reason, "tries") {
		t.Errorf("reason = %q, want one try", failed.Reason)
	}
}
