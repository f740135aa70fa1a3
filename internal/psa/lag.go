package psa

import (
	"context"
	"time"

	"crosswalk/internal/postgres"
)

// Lag is how long after a write lists and searches of ConnectWise may not show it. What is asked for by its number is there at once.
const Lag = 2 * time.Minute

// HasAgreement reports whether ConnectWise has an agreement that a list or a search does not show. There is no telling while it
// does not answer; the agreement is then taken to be there.
func HasAgreement(ctx context.Context, client Client, agreement RecordID) bool {
	_, err := client.Additions(ctx, agreement)
	return !IsNotFound(err)
}

// isOurs reports whether an agreement was created here: only of those is it known that they may be too new to be found.
func isOurs(ctx context.Context, db *postgres.SellerDB, agreement RecordID) bool {
	var ours bool
	err := db.ReadOne(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &ours, `SELECT EXISTS (SELECT FROM created_agreement WHERE seller_id = $1 AND agreement_id = $2)`, db.ID(), agreement)
	})
	return err != nil || ours
}

// AdditionKey names an Addition: ConnectWise finds one only below its agreement.
type AdditionKey struct{ Agreement, Record RecordID }
