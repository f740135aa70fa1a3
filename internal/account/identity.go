package account

import (
	"context"

	"crosswalk/internal/postgres"
)

// Identity is who is asking: always a member of exactly one seller.
type Identity struct {
	Seller postgres.SellerID
	// Subject names the person or program in histories and logs.
	Subject string
	Role    Role
	// TokenID is the issued token that was shown. Where it was not issued here, it is a number below zero that
	// stands for the holder.
	TokenID int64
	// SetUp is true when the seller's set-up was complete at the time the token was looked up. False may mean that
	// nobody looked.
	SetUp bool
}

// IsSameCaller reports whether both are the same caller with the same rights.
func (i Identity) IsSameCaller(other Identity) bool {
	i.SetUp = other.SetUp
	return i == other
}

type identityKey struct{}

// WithIdentity returns a context that carries who is asking.
func WithIdentity(ctx context.Context, identity Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, identity)
}

// IdentityFrom returns who is asking; false when nobody was authenticated.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	identity, ok := ctx.Value(identityKey{}).(Identity)
	return identity, ok
}
