package psa

import (
	"context"
	"fmt"
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

// AdditionsWritten tells when Additions of ours were written last, by this machine's clock: at that time or before.
func AdditionsWritten(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, keys []AdditionKey) (map[AdditionKey]time.Time, error) {
	agreements, records := make([]RecordID, len(keys)), make([]RecordID, len(keys))
	for i, key := range keys {
		agreements[i], records[i] = key.Agreement, key.Record
	}
	var rows []struct {
		Agreement RecordID `db:"agreement_id"`
		Record    RecordID `db:"record_id"`
		Age       float64  `db:"age"`
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT agreement_id, record_id, greatest(extract(epoch FROM clock_timestamp() - written_at), 0) AS age
		FROM addition
		WHERE seller_id = $1
			AND (agreement_id, record_id) IN (SELECT * FROM unnest($2::int[], $3::int[]))
			AND written_at IS NOT NULL`, seller, agreements, records)
	if err != nil {
		return nil, fmt.Errorf("read when Additions were written: %w", err)
	}
	now := time.Now()
	written := make(map[AdditionKey]time.Time, len(rows))
	for _, row := range rows {
		written[AdditionKey{row.Agreement, row.Record}] = now.Add(-time.Duration(row.Age * float64(time.Second)))
	}
	return written, nil
}
