// Package account knows who uses crosswalk and what it may use on their behalf: sellers, the tokens and
// roles of their people, their settings, and the credentials of their Platform and their ConnectWise.
//
// Credentials are sealed before they are stored and leave this package only as seal.Secret. The package
// calls neither the Platform nor ConnectWise and knows nothing of GraphQL or HTTP; who is asking travels in
// the context (WithIdentity). Methods that take a *postgres.Tx are parts of a caller's transaction, the
// others run their own. Start reading at Service, then Authenticate.
package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"crosswalk/internal/account/seal"
	"crosswalk/internal/postgres"
)

// ErrNotFound means that a seller or token does not exist.
var ErrNotFound = errors.New("not found")

// Service keeps sellers, their settings and their credentials. It is safe for concurrent use.
type Service struct {
	// Tokens is the part that needs no key ring.
	*Tokens
	db      *postgres.DB
	ring    *seal.KeyRing
	now     func() time.Time
	options Options
}

// Options loosen the rules of a Service. The zero value is for production.
type Options struct {
	// AllowInsecureUpstreams accepts addresses in plain HTTP or in a private network.
	AllowInsecureUpstreams bool
}

// NewService returns a Service on db that seals with ring. now is the real time, which token expiry and
// stored timestamps are measured by.
func NewService(db *postgres.DB, ring *seal.KeyRing, now func() time.Time, options Options) *Service {
	return &Service{Tokens: NewTokens(db, now), db: db, ring: ring, now: now, options: options}
}

// lockSeller makes changes of one seller's settings and connection wait for one another. It returns
// ErrNotFound, wrapped, for a seller that does not exist.
func lockSeller(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) error {
	var id postgres.SellerID
	err := tx.GetContext(ctx, &id, `
		SELECT id
		FROM seller
		WHERE id = $1
		FOR NO KEY UPDATE`, seller)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("seller %s: %w", seller, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("lock seller %s: %w", seller, err)
	}
	return nil
}
