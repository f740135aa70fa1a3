package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"crosswalk/internal/account"
	"crosswalk/internal/account/oidc"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/civil/civiltest"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

const audience = "crosswalk"

// start is when every test begins.
func start() time.Time { return time.Date(2026, time.May, 18, 9, 30, 0, 0, time.UTC) }

// issuer is an OpenID Connect issuer that serves real HTTP.
type issuer struct {
	*httptest.Server
	mu sync.Mutex
	// shown are its keys, discovery the document, both as they are served.
	shown     []any
	discovery map[string]any
	// instead, if set, answers everything.
	instead http.HandlerFunc
	asked   map[string]int
}

func startIssuer(t *testing.T, shown ...any) *issuer {
	t.Helper()
	i := &issuer{shown: shown, asked: make(map[string]int)}
	i.Server = httptest.NewServer(i)
	t.Cleanup(func() {
		i.CloseClientConnections()
		i.Close()
	})
	i.discovery = map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys?policy=1"}
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked[r.URL.Path]++
	shown, discovery, instead := i.shown, maps.Clone(i.discovery), i.instead
	i.mu.Unlock()
	switch {
	case instead != nil:
		instead(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(discovery) // a caller that has gone misses nothing
	case r.URL.Path == "/keys":
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": shown})
	default:
		http.NotFound(w, r)
	}
}

// show replaces the keys.
func (i *issuer) show(keys ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.shown = keys
}

// discover changes the discovery document.
func (i *issuer) discover(name string, value any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.discovery[name] = value
}

// answer lets the handler answer everything; nil brings the issuer back.
func (i *issuer) answer(instead http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.instead = instead
}

// calls is how often the keys were asked for.
func (i *issuer) calls() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked["/keys"]
}

// key is a private key with an id.
type key struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

func rsaKey(t *testing.T, id string, bits int) key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, jose.RS256, private}
}

func ecKey(t *testing.T, id string) key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, jose.ES256, private}
}

func edKey(t *testing.T, id string) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, jose.EdDSA, private}
}

// public is what the issuer shows of a key.
func (k key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}
}

// said are the claims of a token.
type said map[string]any

// with returns the claims with some changed; those that are nil are left out.
func (s said) with(changes said) said {
	all := maps.Clone(s)
	for name, value := range changes {
		if value == nil {
			delete(all, name)
		} else {
			all[name] = value
		}
	}
	return all
}

// sign makes a token.
func (k key) sign(t *testing.T, claims said) string {
	t.Helper()
	return signed(t, k.algorithm, jose.JSONWebKey{Key: k.private, KeyID: k.id}, claims, nil)
}

// signed makes a token with any algorithm, key and header.
func signed(t *testing.T, algorithm jose.SignatureAlgorithm, with any, claims said, header map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{ExtraHeaders: header}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: with}, options)
	if err != nil {
		t.Fatalf("make a signer: %v", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatalf("encode the claims: %v", err)
	}
	signature, err := signer.Sign(payload)
	if err != nil {
		t.Fatalf("sign: %v", err)
	}
	text, err := signature.CompactSerialize()
	if err != nil {
		t.Fatalf("serialize: %v", err)
	}
	return text
}

// door is an Authenticator in front of a seller, and an issuer with a key that it accepts.
type door struct {
	*oidc.Authenticator
	issuer   *issuer
	key      key
	accounts *account.Service
	seller   account.Seller
	clock    *civiltest.Clock
	// good are claims that let in as an editor.
	good said
}

func newDoor(t *testing.T, change func(*oidc.Config)) *door {
	t.Helper()
	k := ecKey(t, "first")
	d := &door{issuer: startIssuer(t, k.public()), key: k, clock: civiltest.NewClock(start())}
	d.accounts, d.seller = newAccounts(t)
	d.good = said{
		"iss": d.issuer.URL, "aud": audience, "sub": "248289761001", "email": "anna@example.com",
		"exp": start().Add(time.Hour).Unix(), "iat": start().Unix(), "nbf": start().Unix(),
		"crosswalk_seller": d.seller.ID, "crosswalk_role": "EDITOR",
	}
	config := oidc.Config{Issuer: d.issuer.URL, Audience: audience, AllowInsecure: true, Now: d.clock.Now, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&config)
	}
	var err error
	if d.Authenticator, err = oidc.NewAuthenticator(config, d.accounts); err != nil {
		t.Fatalf("NewAuthenticator: %v", err)
	}
	return d
}

func newAccounts(t *testing.T) (*account.Service, account.Seller) {
	t.Helper()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 4})
	ring, err := seal.ParseKeyRing("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	if err != nil {
		t.Fatalf("parse the key ring: %v", err)
	}
	accounts := account.NewService(db, ring, time.Now, account.Options{})
	seller, err := accounts.CreateSeller(t.Context(), account.NewSeller{
		Name: "Northwind", TimeZone: "Europe/Riga", PlatformURL: "https://billing.example.com",
		PlatformKey: seal.NewSecret("key"), PlatformToken: seal.NewSecret("token"),
	})
	if err != nil {
		t.Fatalf("create a seller: %v", err)
	}
	return accounts, seller
}

// wantIn fails the test unless the token lets in.
func (d *door) wantIn(t *testing.T, when, token string) account.Identity {
	t.Helper()
	who, err := d.Authenticate(t.Context(), token)
	if err != nil {
		t.Errorf("Authenticate %s: %v", when, err)
	}
	return who
}

// wantOut fails the test unless the token is refused with the reason.
func (d *door) wantOut(t *testing.T, when, token, reason string) {
	t.Helper()
	who, err := d.Authenticate(t.Context(), token)
	var refused *account.UnauthenticatedError
	if !errors.As(err, &refused) || !errors.Is(err, account.ErrUnauthenticated) || who != (account.Identity{}) {
		t.Errorf("Authenticate %s: want ErrUnauthenticated, got %+v and %v", when, who, err)
	} else if refused.Reason != reason {
		t.Errorf("Authenticate %s: want the reason %q, got %q", when, reason, refused.Reason)
	}
}

// wantUndecided fails the test unless it cannot be told whether the token is valid.
func (d *door) wantUndecided(t *testing.T, when, token string) error {
	t.Helper()
	_, err := d.Authenticate(t.Context(), token)
	var undecided *account.UndecidedError
	if !errors.As(err, &undecided) || errors.Is(err, account.ErrUnauthenticated) {
		t.Errorf("Authenticate %s: want an UndecidedError, got %v", when, err)
		return nil
	}
	return undecided.Err
}
