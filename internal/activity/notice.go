package activity

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"crosswalk/internal/postgres"
)

// LogChannel is the PostgreSQL channel that announces log entries once they are committed. Its payloads are
// read with ParseNotice.
const LogChannel = "crosswalk_log"

// noticeEntries bounds how many entries one payload names: PostgreSQL takes fewer than 8,000 bytes, and a
// number has at most 19 digits.
const noticeEntries = 350

// Notice announces entries of one seller and one level.
type Notice struct {
	Seller postgres.SellerID
	// IDs are the entries' numbers, in the order they were written.
	IDs   []int64
	Level Level
}

// String returns the payload: the seller, the entries' numbers with commas between them, and the level,
// with colons between the three.
func (n Notice) String() string {
	numbers := make([]string, len(n.IDs))
	for i, id := range n.IDs {
		numbers[i] = strconv.FormatInt(id, 10)
	}
	return fmt.Sprintf("%d:%s:%s", n.Seller, strings.Join(numbers, ","), n.Level)
}

// ParseNotice reads what String writes.
func ParseNotice(payload string) (Notice, error) {
	parts := strings.Split(payload, ":")
	if len(parts) != 3 {
		return Notice{}, fmt.Errorf("%q does not announce log entries", payload)
	}
	seller, err := postgres.ParseSellerID(parts[0])
	if err != nil {
		return Notice{}, fmt.Errorf("%q does not announce log entries: %w", payload, err)
	}
	notice := Notice{Seller: seller, Level: Level(parts[2])}
	for number := range strings.SplitSeq(parts[1], ",") {
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return Notice{}, fmt.Errorf("%q does not announce log entries: %w", payload, err)
		}
		notice.IDs = append(notice.IDs, id)
	}
	return notice, nil
}

type writtenEntry struct {
	ID    int64 `db:"id"`
	Level Level `db:"level"`
}

// announce sends as few notices as the entries fit in.
func announce(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, written []writtenEntry) error {
	byLevel := make(map[Level][]int64)
	for _, entry := range written {
		byLevel[entry.Level] = append(byLevel[entry.Level], entry.ID)
	}
	var payloads []string
	for level, ids := range byLevel {
		for part := range slices.Chunk(ids, noticeEntries) {
			payloads = append(payloads, Notice{Seller: seller, IDs: part, Level: level}.String())
		}
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload`, LogChannel, payloads); err != nil {
		return fmt.Errorf("announce %s: %w", Count(len(written), "log entry", "log entries"), err)
	}
	return nil
}
