package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crosswalk/internal/postgres"
)

// A token is a prefix, by which leaked ones can be searched for, and 32 random bytes in URL-safe base64.
// The hint is the beginning of a token: enough to tell it in a list, far too little to guess the rest.
const (
	tokenPrefix = "cw_"
	tokenBytes  = 32
	hintSize    = len(tokenPrefix) + 6
)

var (
	// ErrUnauthenticated means that a token is unknown, expired or revoked; which of them is not told.
	ErrUnauthenticated = errors.New("the token is unknown, expired or revoked")
	// ErrAmbiguous means that a hint fits more than one token.
	ErrAmbiguous = errors.New("more than one token begins like this; revoke it by its id")
)

// Tokens issues, checks and revokes the tokens that callers show. Only SHA-256 sums are stored: the tokens
// are random, so that a sum gives nothing away. It is safe for concurrent use.
type Tokens struct {
	db     *postgres.DB
	now    func() time.Time
	checks *checks
}

// NewTokens returns the tokens in db; now is the real time, which expiry is measured by.
func NewTokens(db *postgres.DB, now func() time.Time) *Tokens {
	return &Tokens{db: db, now: now, checks: newChecks(db)}
}

// NewToken says whom a token is for.
type NewToken struct {
	Seller postgres.SellerID
	// Subject names the holder in histories and logs; empty means the token's hint.
	Subject string
	Role    Role
	// ExpiresAt is zero for a token that lasts until it is revoked.
	ExpiresAt time.Time
}

// Token is what is known of an issued token; the token itself is not.
type Token struct {
	ID     int64             `db:"id"`
	Seller postgres.SellerID `db:"seller_id"`
	// Hint is the token's beginning.
	Hint      string     `db:"hint"`
	Subject   string     `db:"subject"`
	Role      Role       `db:"role"`
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt *time.Time `db:"expires_at"`
	RevokedAt *time.Time `db:"revoked_at"`
}

// IssueToken makes a token and returns it with its record. This is the only time the token can be seen.
// It returns FieldErrors for a bad input and ErrNotFound, wrapped, for an unknown seller.
func (t *Tokens) IssueToken(ctx context.Context, input NewToken) (string, Token, error) {
	text := newTokenText()
	issued := Token{Seller: input.Seller, Hint: text[:hintSize], Subject: input.Subject, Role: input.Role}
	if strings.TrimSpace(input.Subject) == "" {
		issued.Subject = "token " + issued.Hint
	}
	var problems FieldErrors
	issued.Subject = problems.name(issued.Subject, "subject")
	if !input.Role.Includes(Viewer) {
		problems.add("must be VIEWER, EDITOR, OPERATOR or ADMIN", "role")
	}
	if !input.ExpiresAt.IsZero() {
		issued.ExpiresAt = &input.ExpiresAt
		if !input.ExpiresAt.After(t.now()) {
			problems.add("must be in the future", "expires")
		}
	}
	if err := problems.err(); err != nil {
		return "", Token{}, err
	}
	err := t.db.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		if err := lockSeller(ctx, tx, input.Seller); err != nil {
			return err
		}
		return tx.GetContext(ctx, &issued, `
			INSERT INTO api_token (seller_id, hash, hint, subject, role, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			RETURNING seller_id, id, hint, subject, role, created_at, expires_at, revoked_at`,
			issued.Seller, tokenHash(text), issued.Hint, issued.Subject, issued.Role, t.now(), issued.ExpiresAt)
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("issue token: %w", err)
	}
	return text, issued, nil
}

// Authenticate returns who holds the token text, or ErrUnauthenticated. A malformed text costs nothing. It may say what was so
// a moment ago, but never what was so before RevokeToken returned on any replica, or Settle did after a set-up was undone.
func (t *Tokens) Authenticate(ctx context.Context, text string) (Identity, error) {
	if !isToken(text) {
		return Identity{}, ErrUnauthenticated
	}
	found, ok, err := t.checks.find(ctx, tokenHash(text))
	if err != nil {
		return Identity{}, fmt.Errorf("authenticate: %w", err)
	}
	if !ok || !found.isValid(t.now()) {
		return Identity{}, ErrUnauthenticated
	}
	return found.identity(), nil
}

// Known is Authenticate without waiting for anything; false where that takes a look.
func (t *Tokens) Known(text string) (Identity, bool) {
	if !isToken(text) {
		return Identity{}, false
	}
	found, ok := t.checks.recall(tokenHash(text))
	if !ok || !found.isValid(t.now()) {
		return Identity{}, false
	}
	return found.identity(), true
}

// Settle is for those who undid what Authenticate tells of a seller: it returns when no replica goes by what was before.
func (t *Tokens) Settle(ctx context.Context) error { return settle(ctx) }

// RevokeToken ends the token that which names: the token itself, its id or its hint. Revoking it again
// changes nothing. When it returns without an error, no replica takes the token any more. It returns ErrNotFound or
// ErrAmbiguous, wrapped.
func (t *Tokens) RevokeToken(ctx context.Context, which string) (Token, error) {
	which = strings.TrimSpace(which)
	column, value := "hint", any(which)
	if isToken(which) {
		column, value = "hash", tokenHash(which)
	} else if id, err := strconv.ParseInt(which, 10, 64); err == nil {
		column, value = "id", id
	}
	var found []Token
	err := t.db.System().Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		found = nil
		err := tx.SelectContext(ctx, &found, `
			UPDATE api_token
			SET revoked_at = coalesce(revoked_at, $2)
			WHERE `+column+` = $1
			RETURNING seller_id, id, hint, subject, role, created_at, expires_at, revoked_at`, value, t.now())
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return fmt.Errorf("token: %w", ErrNotFound)
		case len(found) > 1:
			return ErrAmbiguous
		}
		return nil
	})
	if err != nil {
		return Token{}, fmt.Errorf("revoke: %w", err)
	}
	if err := settle(ctx); err != nil {
		return Token{}, fmt.Errorf("revoke: %w", err)
	}
	return found[0], nil
}

// ListTokens returns a seller's tokens, the newest first.
func (t *Tokens) ListTokens(ctx context.Context, seller postgres.SellerID) ([]Token, error) {
	var tokens []Token
	err := t.db.Seller(seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		tokens = nil
		return tx.SelectContext(ctx, &tokens, `
			SELECT seller_id, id, hint, subject, role, created_at, expires_at, revoked_at
			FROM api_token
			WHERE seller_id = $1
			ORDER BY id DESC`, seller)
	})
	if err != nil {
		return nil, fmt.Errorf("list the tokens of seller %s: %w", seller, err)
	}
	return tokens, nil
}

func newTokenText() string {
	random := make([]byte, tokenBytes)
	rand.Read(random) // never fails: the program ends when the system has no randomness to give
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(random)
}

func isToken(text string) bool {
	encoded, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(encoded)
	return err == nil
}

func tokenHash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
