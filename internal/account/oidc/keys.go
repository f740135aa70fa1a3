package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"crosswalk/internal/account"
	"crosswalk/internal/outbound"
)

const (
	// refreshAfter is how old keys may get before they are asked for again, so that one that the issuer has
	// withdrawn is not trusted for ever.
	refreshAfter = 10 * time.Minute
	// fetchPause is the least time between two attempts: whoever makes up key ids does not make us call.
	fetchPause = 10 * time.Second
	// fetchTime bounds an attempt.
	fetchTime = 10 * time.Second
	// maxAnswer bounds an answer of the issuer, in bytes, and maxKeys how many of its keys are used.
	maxAnswer = 1 << 20
	maxKeys   = 100
	// minRSA and maxRSA bound RSA keys, in bits: smaller ones can be broken, larger ones keep us busy.
	minRSA = 2048
	maxRSA = 8192
)

// errFewKeys means that the issuer has shown no key that could be used.
var errFewKeys = errors.New("the issuer shows no RS256, ES256 or EdDSA key")

// keySet is the issuer's public keys. They are asked for when a token needs one that is not known, and every
// now and then; those that are known go on being used while the issuer does not answer.
type keySet struct {
	issuer        string
	allowInsecure bool
	client        *http.Client
	now           func() time.Time
	log           *slog.Logger
	fetching      singleflight.Group

	mu        sync.Mutex
	keys      []jose.JSONWebKey
	fetched   time.Time // when keys were last had
	attempted time.Time // when they were last asked for
	problem   error     // why the last attempt failed
}

func newKeySet(config Config) *keySet {
	return &keySet{
		issuer: config.Issuer, allowInsecure: config.AllowInsecure, now: config.Now, log: config.Log,
		client: &http.Client{
			Transport: outbound.NewTransport(config.AllowInsecure), CheckRedirect: outbound.StayOnOrigin, Timeout: fetchTime,
		},
	}
}

// find returns the keys that may have signed a token with the given header: one that has the id or, without
// id, all for the algorithm. When there is none, it returns an *account.UndecidedError while the issuer does
// not answer, and else an *account.UnauthenticatedError.
func (s *keySet) find(ctx context.Context, id, algorithm string) ([]jose.JSONWebKey, error) {
	found, old, mayFetch, problem := s.known(id, algorithm)
	if len(found) > 0 {
		if old && mayFetch {
			s.fetching.DoChan("", s.fetch)
		}
		return found, nil
	}
	if mayFetch {
		select {
		case <-s.fetching.DoChan("", s.fetch):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		found, _, _, problem = s.known(id, algorithm)
	}
	switch {
	case len(found) > 0:
		return found, nil
	case problem != nil:
		return nil, &account.UndecidedError{
			Reason: "The token cannot be checked, because its issuer's keys cannot be had. Try again in a moment.", Err: problem,
		}
	}
	return nil, refuse("The token is signed with a key that its issuer does not have.")
}

// known returns what there is without asking, whether it is old, whether the issuer may be asked, and what
// was the matter when it last was.
func (s *keySet) known(id, algorithm string) (found []jose.JSONWebKey, old, mayFetch bool, problem error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.keys {
		if (id == "" || key.KeyID == id) && algorithmOf(key) == algorithm {
			found = append(found, key)
		}
	}
	now := s.now()
	return found, now.Sub(s.fetched) > refreshAfter, now.Sub(s.attempted) >= fetchPause, s.problem
}

// algorithmOf is what a key signs with, empty for none of ours. It follows from the key alone: were it the
// token's to say, a public key could be passed off as a secret.
func algorithmOf(key jose.JSONWebKey) string {
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits >= minRSA && bits <= maxRSA {
			return string(jose.RS256)
		}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			return string(jose.ES256)
		}
	case ed25519.PublicKey:
		return string(jose.EdDSA)
	}
	return ""
}

// fetch asks for the keys and keeps them. It has the form singleflight asks for; who waits for it learns the
// outcome from known, since an attempt serves many.
func (s *keySet) fetch() (any, error) {
	if _, _, mayFetch, _ := s.known("", ""); !mayFetch {
		return nil, nil // another attempt ended just before this one
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	keys, err := s.ask(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempted, s.problem = s.now(), err
	if err != nil {
		s.log.Warn("the keys of the OpenID Connect issuer cannot be had", "issuer", s.issuer, "known_keys", len(s.keys), "error", err)
		return nil, nil
	}
	s.keys, s.fetched = keys, s.attempted
	return nil, nil
}

// ask reads the issuer's discovery document and the keys where that says they are.
func (s *keySet) ask(ctx context.Context) ([]jose.JSONWebKey, error) {
	var discovered struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration", &discovered)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	if discovered.Issuer != s.issuer {
		return nil, fmt.Errorf("discovery: the issuer calls itself %.200q", discovered.Issuer)
	}
	if err := s.checkAddress(discovered.Keys); err != nil {
		return nil, fmt.Errorf("discovery: jwks_uri %w", err)
	}
	var shown struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := s.get(ctx, discovered.Keys, &shown); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys := usable(shown.Keys)
	if len(keys) == 0 {
		return nil, errFewKeys
	}
	return keys, nil
}

// checkAddress allows what outbound.ParseURL does, and a query.
func (s *keySet) checkAddress(text string) error {
	address, err := url.Parse(text)
	if err != nil {
		return outbound.ErrNotURL
	}
	address.RawQuery = ""
	_, err = outbound.ParseURL(address.String(), s.allowInsecure)
	return err
}

func (s *keySet) get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return outbound.ErrNotURL
	}
	request.Header.Set("Accept", "application/json")
	response, err := outbound.Do(s.client, request, maxAnswer)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered with status %d", response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer is not the JSON expected: %w", err)
	}
	return nil
}

// usable reads the keys that sign with one of the algorithms. One that cannot be read does not spoil the others.
func usable(shown []json.RawMessage) []jose.JSONWebKey {
	var keys []jose.JSONWebKey
	for _, text := range shown[:min(len(shown), maxKeys)] {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) != nil || !key.Valid() || key.Use != "" && key.Use != "sig" {
			continue
		}
		own := algorithmOf(key) // of a private or symmetric key: none
		if own == "" || key.Algorithm != "" && key.Algorithm != own {
			continue
		}
		keys = append(keys, key)
	}
	return slices.Clip(keys)
}
