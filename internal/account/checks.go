package account

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/lib/pq"

	"crosswalk/internal/postgres"
)

// checks looks tokens up, those of many callers in one query. What a caller gets was read after it asked, so that
// sharing never makes a token valid that was revoked before. It is safe for concurrent use.
type checks struct {
	db *postgres.DB

	mu sync.Mutex
	// next collects those who ask while the queries under way have begun already; nil if nobody does.
	next  *check
	lanes int
}

// check is one query and, once done is closed, what it found.
type check struct {
	hashes pq.ByteaArray
	done   chan struct{}
	found  map[string]checkedToken
	err    error
}

// checkedToken is a token as a check found it.
type checkedToken struct {
	// setUp is true when nothing is missing in the seller's set-up.
	setUp bool
	Token
}

const (
	// checkLanes bounds the queries under way. Mostly there is one, so that callers share the next; if it takes longer
	// than checkPatience, as on a connection that is broken, others overtake it.
	checkLanes    = 4
	checkPatience = 20 * time.Millisecond
	// checkTime bounds a query that all its callers may have given up on.
	checkTime = 10 * time.Second
)

// find returns the token with a hash; false if there is none.
func (c *checks) find(ctx context.Context, hash []byte) (checkedToken, bool, error) {
	shared := c.join(hash)
	select {
	case <-shared.done:
	case <-ctx.Done():
		return checkedToken{}, false, c.db.GaveUp(ctx)
	}
	found, ok := shared.found[string(hash)]
	return found, ok, shared.err
}

// join returns the next check, which has not begun yet, with hash among what it asks for.
func (c *checks) join(hash []byte) *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = &check{done: make(chan struct{})}
		if c.lanes == 0 {
			c.lanes++
			go c.run()
		} else {
			overtaken := c.next
			time.AfterFunc(checkPatience, func() { c.overtake(overtaken) })
		}
	}
	c.next.hashes = append(c.next.hashes, hash)
	return c.next
}

// take returns the next check, which begins; nil, and the lane is closed, if nobody waits for one.
func (c *checks) take() *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := c.next
	c.next = nil
	if mine == nil {
		c.lanes--
	}
	return mine
}

// overtake opens another lane for a check that still waits.
func (c *checks) overtake(waiting *check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == waiting && c.lanes < checkLanes {
		c.lanes++
		go c.run()
	}
}

// run makes one check after the other until nobody waits for one.
func (c *checks) run() {
	for mine := c.take(); mine != nil; mine = c.take() {
		mine.run(c.db)
	}
}

func (c *check) run(db *postgres.DB) {
	defer close(c.done)
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	c.found = make(map[string]checkedToken, len(c.hashes))
	err := db.LookUp(ctx, `
		SELECT t.hash, t.seller_id, t.id, t.subject, t.role, t.expires_at, t.revoked_at,
			EXISTS (SELECT FROM psa_connection c WHERE c.seller_id = t.seller_id)
				AND EXISTS (SELECT FROM seller_settings s WHERE s.seller_id = t.seller_id AND s.agreement_type_id IS NOT NULL) AS set_up
		FROM api_token t
		WHERE t.hash = ANY($1)`,
		func(row *sql.Rows) error {
			var hash []byte
			var t checkedToken
			err := row.Scan(&hash, &t.Seller, &t.ID, &t.Subject, &t.Role, &t.ExpiresAt, &t.RevokedAt, &t.setUp)
			c.found[string(hash)] = t
			return err
		}, c.hashes)
	if err != nil {
		c.err = fmt.Errorf("look tokens up: %w", err)
	}
}
