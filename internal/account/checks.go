package account

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/lib/pq"

	"crosswalk/internal/postgres"
)

// checks looks tokens up, those of many callers in one query, and remembers for a moment what it found. It is safe for
// concurrent use.
//
// No replica takes a token for more than trust after it began to look it up for what it was then. So whoever takes a right
// away waits that long, in settle, and afterwards it holds on every replica, without any of them being told.
type checks struct {
	db *postgres.DB
	// known are tokens by their hashes.
	known *lru.Cache[string, checkedToken]

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
	// until is how long this may be taken to be so.
	until time.Time
}

func (t checkedToken) isValid(now time.Time) bool {
	return t.RevokedAt == nil && (t.ExpiresAt == nil || t.ExpiresAt.After(now))
}

func (t checkedToken) identity() Identity {
	return Identity{Seller: t.Seller, Subject: t.Subject, Role: t.Role, TokenID: t.ID, SetUp: t.setUp}
}

const (
	// trust is how long what was found holds: far shorter than anybody notices, and long enough for a busy token to be looked
	// up a few times a second rather than with every request.
	trust = 250 * time.Millisecond
	// maxKnown bounds the tokens that are remembered.
	maxKnown = 10_000
	// checkLanes bounds the queries under way. Mostly there is one, so that callers share the next; if it takes longer
	// than checkPatience, as on a connection that is broken, others overtake it.
	checkLanes    = 4
	checkPatience = 20 * time.Millisecond
	// checkTime bounds a query that all its callers may have given up on.
	checkTime = 10 * time.Second
)

func newChecks(db *postgres.DB) *checks {
	known, err := lru.New[string, checkedToken](maxKnown)
	if err != nil {
		panic(err) // only a size below one is an error
	}
	return &checks{db: db, known: known}
}

// settle returns when no replica takes tokens for what they were before it was called.
func settle(ctx context.Context) error {
	select {
	case <-time.After(trust):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("done, but replicas may not know of it for another %s: %w", trust, ctx.Err())
	}
}

// find returns the token with a hash; false if there is none.
func (c *checks) find(ctx context.Context, hash []byte) (checkedToken, bool, error) {
	if known, ok := c.recall(hash); ok {
		return known, true, nil
	}
	shared := c.join(hash)
	select {
	case <-shared.done:
	case <-ctx.Done():
		return checkedToken{}, false, c.db.GaveUp(ctx)
	}
	found, ok := shared.found[string(hash)]
	return found, ok, shared.err
}

// recall returns the token with a hash as it was found a moment ago; false if it was not.
func (c *checks) recall(hash []byte) (checkedToken, bool) {
	known, ok := c.known.Get(string(hash))
	return known, ok && time.Now().Before(known.until)
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
		c.look(mine)
	}
}

// look makes a check.
func (c *checks) look(mine *check) {
	defer close(mine.done)
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	until := time.Now().Add(trust)
	mine.found = make(map[string]checkedToken, len(mine.hashes))
	err := c.db.LookUp(ctx, `
		SELECT t.hash, t.seller_id, t.id, t.subject, t.role, t.expires_at, t.revoked_at,
			EXISTS (SELECT FROM psa_connection c WHERE c.seller_id = t.seller_id)
				AND EXISTS (SELECT FROM seller_settings s WHERE s.seller_id = t.seller_id AND s.agreement_type_id IS NOT NULL) AS set_up
		FROM api_token t
		WHERE t.hash = ANY($1)`,
		func(row *sql.Rows) error {
			var hash []byte
			t := checkedToken{until: until}
			err := row.Scan(&hash, &t.Seller, &t.ID, &t.Subject, &t.Role, &t.ExpiresAt, &t.RevokedAt, &t.setUp)
			mine.found[string(hash)] = t
			return err
		}, mine.hashes)
	if err != nil {
		mine.err = fmt.Errorf("look tokens up: %w", err)
		return
	}
	for hash, found := range mine.found {
		c.known.Add(hash, found)
	}
}
