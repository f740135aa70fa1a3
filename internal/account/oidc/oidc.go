// Package oidc lets in people who show a JSON web token of an OpenID Connect issuer, beside the tokens that
// crosswalk issues itself. A claim of the token names the seller, another one the role.
//
// Trust rests on the issuer's signature alone: the keys come from where the issuer's discovery document says,
// and nothing that a token says about its own key, except for the key's id, is followed. The package knows
// nothing of GraphQL or HTTP requests. Start reading at Authenticator.Authenticate, then keys.go.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"crosswalk/internal/account"
	"crosswalk/internal/outbound"
	"crosswalk/internal/postgres"
)

const (
	// DefaultSellerClaim and DefaultRoleClaim are what Config.SellerClaim and Config.RoleClaim are when empty.
	DefaultSellerClaim = "crosswalk_seller"
	DefaultRoleClaim   = "crosswalk_role"

	// maxToken bounds a token, in bytes; those of people in very many groups have some thousands.
	maxToken = 32 << 10
	// skew is how far the issuer's clock may be from ours.
	skew = time.Minute
)

// Config says whose tokens are accepted, and what is read from them.
type Config struct {
	// Issuer is the issuer's address as its tokens have it in iss; its discovery document is found below it.
	Issuer string
	// Audience must be among a token's aud.
	Audience string
	// SellerClaim holds the id of exactly one seller: a number, a text, or a list of one.
	SellerClaim string
	// RoleClaim holds a role or several, of which the one that may most counts. Dots lead into objects, as in
	// realm_access.roles, where no claim has the whole name.
	RoleClaim string
	// Roles says what the values of RoleClaim mean, such as names of groups. Nil means that they are roles.
	Roles map[string]account.Role
	// AllowInsecure accepts an issuer in plain HTTP or in a private network.
	AllowInsecure bool
	// Now is the time that tokens are judged by; nil means time.Now.
	Now func() time.Time
	// Log takes what concerns operators; nil means slog.Default.
	Log *slog.Logger
}

// Accounts is what the package needs of account.Service.
type Accounts interface {
	// Authenticate tells who holds an issued token, and Known does if that is known already.
	Authenticate(ctx context.Context, token string) (account.Identity, error)
	Known(token string) (account.Identity, bool)
	// Seller returns account.ErrNotFound, possibly wrapped, for a seller that does not exist.
	Seller(ctx context.Context, id postgres.SellerID) (account.Seller, error)
}

// Authenticator tells who holds a token, be it a JSON web token or one that was issued here. It is safe for
// concurrent use.
type Authenticator struct {
	config   Config
	accounts Accounts
	keys     *keySet
}

// NewAuthenticator checks the configuration. The issuer is not called before a JSON web token comes, so that
// its trouble is nobody else's.
func NewAuthenticator(config Config, accounts Accounts) (*Authenticator, error) {
	if strings.TrimSpace(config.Audience) == "" {
		return nil, errors.New("OpenID Connect: the audience is missing: without it, tokens for any other program would do")
	}
	if _, err := outbound.ParseURL(config.Issuer, config.AllowInsecure); err != nil {
		return nil, fmt.Errorf("OpenID Connect: the issuer %w", err)
	}
	for value, role := range config.Roles {
		if !role.Includes(account.Viewer) {
			return nil, fmt.Errorf("OpenID Connect: %q stands for %q, which is no role", value, role)
		}
	}
	if config.SellerClaim == "" {
		config.SellerClaim = DefaultSellerClaim
	}
	if config.RoleClaim == "" {
		config.RoleClaim = DefaultRoleClaim
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	return &Authenticator{config: config, accounts: accounts, keys: newKeySet(config)}, nil
}

// Authenticate returns who holds the token. It returns account.ErrUnauthenticated, for JSON web tokens as an
// *account.UnauthenticatedError, for one that is not valid, and an *account.UndecidedError when the issuer's
// keys are needed and cannot be had.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (account.Identity, error) {
	if strings.Count(token, ".") != 2 {
		return a.accounts.Authenticate(ctx, token)
	}
	claims, err := a.verify(ctx, token)
	if err != nil {
		return account.Identity{}, err
	}
	identity, err := a.identity(claims)
	if err != nil {
		return account.Identity{}, err
	}
	if _, err := a.accounts.Seller(ctx, identity.Seller); errors.Is(err, account.ErrNotFound) {
		return account.Identity{}, refuse("The token is for a seller that does not exist.")
	} else if err != nil {
		return account.Identity{}, fmt.Errorf("authenticate: %w", err)
	}
	return identity, nil
}

// Known tells who holds an issued token that was looked up a moment ago.
func (a *Authenticator) Known(token string) (account.Identity, bool) { return a.accounts.Known(token) }

// algorithms are those whose keys are public on one side, and nothing older.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}
}

// verify returns the claims of a token that is the issuer's, for us and valid now.
func (a *Authenticator) verify(ctx context.Context, text string) (claims, error) {
	if len(text) > maxToken {
		return nil, refuse("The token is longer than %d bytes.", maxToken)
	}
	token, err := jwt.ParseSigned(text, algorithms())
	if err != nil || len(token.Headers) != 1 {
		return nil, refuse("The token is not a JSON web token signed with RS256, ES256 or EdDSA.")
	}
	header := token.Headers[0]
	candidates, err := a.keys.find(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	for _, key := range candidates {
		var standard jwt.Claims
		var all claims
		switch err := token.Claims(key, &standard, &all); {
		case errors.Is(err, jose.ErrCryptoFailure):
		case err != nil:
			return nil, refuse("The token's claims cannot be read.")
		default:
			return all, a.validate(standard)
		}
	}
	return nil, refuse("The token's signature is not the issuer's.")
}

func (a *Authenticator) validate(standard jwt.Claims) error {
	err := standard.ValidateWithLeeway(jwt.Expected{
		Issuer: a.config.Issuer, AnyAudience: jwt.Audience{a.config.Audience}, Time: a.config.Now(),
	}, skew)
	switch {
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return refuse("The token is from another issuer.")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refuse("The token is for another audience.")
	case errors.Is(err, jwt.ErrExpired):
		return refuse("The token has expired.")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return refuse("The token is not valid yet.")
	case err != nil:
		return refuse("The token's claims are not valid.")
	case standard.Expiry == nil:
		return refuse("The token does not say when it expires.")
	}
	return nil
}

func refuse(format string, args ...any) error {
	return &account.UnauthenticatedError{Reason: fmt.Sprintf(format, args...)}
}
