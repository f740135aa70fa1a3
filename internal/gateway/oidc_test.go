package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"crosswalk/internal/account/oidc"
	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
)

// issuer is an OpenID Connect issuer with one key.
type issuer struct {
	url  string
	key  *ecdsa.PrivateKey
	down atomic.Bool
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys"}
		if r.URL.Path == "/keys" {
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "first", Use: "sig"}}}
		}
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(answer) // a caller that has gone misses nothing
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

// token lets a person of the seller in until it expires.
func (i *issuer) token(t *testing.T, seller *gatewaytest.Seller, role, key string, expires time.Time) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: key}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": i.url, "aud": "crosswalk", "sub": "anna@example.com", "exp": expires.Unix(),
		oidc.DefaultSellerClaim: seller.ID, oidc.DefaultRoleClaim: []string{role},
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestPeopleComeInWithTokensOfTheIssuer(t *testing.T) {
	t.Parallel()
	from := startIssuer(t)
	var ahead atomic.Int64
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) {
		c.OIDC = &oidc.Config{Issuer: from.url, Audience: "crosswalk", Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	}})
	hour := time.Now().Add(time.Hour)
	const ask = `{ viewer { subject role } }`
	from.down.Store(true)
	response := gatewaytest.Post(t, w.URL(), from.token(t, w.Seller, "EDITOR", "first", hour), ask, nil)
	if response.Status != http.StatusServiceUnavailable || !strings.Contains(string(response.Body), "its issuer's keys cannot be had") {
		t.Errorf("while the issuer is down a token was answered with status %d: %s, want 503 and why", response.Status, response.Body)
	}
	w.Must(t, viewer, ask, nil, nil)
	from.down.Store(false)
	editing := from.token(t, w.Seller, "EDITOR", "first", hour)
	ahead.Store(int64(time.Minute)) // the issuer is not asked again at once
	response = gatewaytest.Post(t, w.URL(), editing, ask, nil)
	if got, want := string(response.Data), `{"viewer":{"subject":"anna@example.com","role":"EDITOR"}}`; got != want {
		t.Errorf("%s is answered with %s, want %s", ask, got, want)
	}
	response = gatewaytest.Post(t, w.URL(), editing, `mutation { syncOrganizations { started } }`, nil)
	if !slices.Equal(response.Codes(), []string{"FORBIDDEN"}) {
		t.Errorf("a run was started by an EDITOR: %s, want FORBIDDEN", response.Body)
	}
	for want, token := range map[string]string{
		"The token has expired.": from.token(t, w.Seller, "EDITOR", "first", time.Now().Add(-time.Hour)),
		"The token is signed with a key that its issuer does not have.":    from.token(t, w.Seller, "EDITOR", "other", hour),
		"The token's claim crosswalk_role names no role.":                  from.token(t, w.Seller, "BOSS", "first", hour),
		"The token is for a seller that does not exist.":                   from.token(t, &gatewaytest.Seller{ID: 4711}, "ADMIN", "first", hour),
		"The token's signature is not the issuer's.":                       editing[:len(editing)-8] + "AAAAAAAA",
		"The token is longer than 32768 bytes.":                            strings.Repeat("A", 33<<10) + ".A.A",
		"The token is not a JSON web token signed with RS256, ES256 or Ed": "a.b.c",
	} {
		response := gatewaytest.Post(t, w.URL(), token, ask, nil)
		if response.Status != http.StatusUnauthorized || !slices.Equal(response.Codes(), []string{"UNAUTHENTICATED"}) || !strings.HasPrefix(response.Errors[0].Message, want) {
			t.Errorf("a token was answered with status %d: %s, want 401, UNAUTHENTICATED and %q", response.Status, response.Body, want)
		}
	}
	if log := w.Log.String(); strings.Contains(log, editing) || strings.Contains(log, editing[len(editing)-40:]) {
		t.Error("the log holds a token")
	}
}

func TestStreamsEndWhenTheTokenOfTheIssuerExpires(t *testing.T) {
	t.Parallel()
	from := startIssuer(t)
	var ahead atomic.Int64
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) {
		c.Limits.StreamTrust = 20 * time.Millisecond
		c.OIDC = &oidc.Config{Issuer: from.url, Audience: "crosswalk", Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	}})
	job := holdJob(t, w, w.Seller)
	token := from.token(t, w.Seller, "VIEWER", "first", time.Now().Add(time.Hour))
	streams := make(map[gatewaytest.Transport]*gatewaytest.Stream)
	for _, over := range gatewaytest.Transports() {
		streams[over] = gatewaytest.Subscribe(t, over, w.URL(), token, jobProgress, variables{"id": job.nodeID()})
		var event progressEvent
		streams[over].Must(&event)
	}
	from.down.Store(true)
	ahead.Store(int64(30 * time.Minute)) // the issuer cannot be asked any more, which ends nothing
	job.progress(1, "still there")
	for _, over := range gatewaytest.Transports() {
		var event progressEvent
		streams[over].Must(&event)
	}
	ahead.Store(int64(2 * time.Hour))
	if response := streams[gatewaytest.ServerSentEvents].Next(); !slices.Equal(response.Codes(), []string{"UNAUTHENTICATED"}) {
		t.Errorf("at the end of its token a stream was told %s, want UNAUTHENTICATED", response.Body)
	}
	for over, want := range map[gatewaytest.Transport]string{gatewaytest.ServerSentEvents: gatewaytest.Completed, gatewaytest.WebSocket: "4401"} {
		if got := streams[over].End(); got != want {
			t.Errorf("at the end of its token a stream over %s ended as %s, want %s", over, got, want)
		}
	}
}
