package activity

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/postgres"
)

// Mark is a moment in the life of the log: it tells which transactions had committed by then. Numbers and
// timestamps do not tell that, because entries become visible in another order than they are written in.
type Mark struct {
	Snapshot string    `db:"snapshot"`
	At       time.Time `db:"at"`
}

// longestTransaction bounds how long an entry may wait for its transaction to commit.
const longestTransaction = time.Hour

// Now returns the mark of what tx sees.
func Now(ctx context.Context, tx *postgres.Tx) (Mark, error) {
	var mark Mark
	if err := tx.GetContext(ctx, &mark, `SELECT pg_current_snapshot()::text AS snapshot, now() AS at`); err != nil {
		return Mark{}, fmt.Errorf("mark the log: %w", err)
	}
	return mark, nil
}

// Since returns the numbers of seller's entries that were committed after the mark, in the order they were
// written, and the mark of what tx sees, which must be one snapshot throughout. Going from mark to mark,
// a reader gets every entry exactly once.
func Since(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, mark Mark) (ids []int64, now Mark, err error) {
	if now, err = Now(ctx, tx); err != nil {
		return nil, Mark{}, err
	}
	// xmin holds the lower half of the number of the transaction that wrote the row. The rest of it is that of
	// the nearest number below those to come.
	err = tx.SelectContext(ctx, &ids, `
		SELECT id
		FROM log_entry, (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) AS transactions
		WHERE seller_id = $1
			AND logged_at > $3
			AND NOT pg_visible_in_snapshot((next - ((next - xmin::text::bigint) & 4294967295))::text::xid8, $2::pg_snapshot)
		ORDER BY id`,
		seller, mark.Snapshot, mark.At.Add(-longestTransaction))
	if err != nil {
		return nil, Mark{}, fmt.Errorf("find log entries since %s: %w", mark.At.Format(time.RFC3339), err)
	}
	return ids, now, nil
}
