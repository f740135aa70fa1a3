package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
	"time"
)

// Locks are advisory locks of one seller, held on a connection of their own: whoever holds one, on any replica, is
// the only one. They are let go by Unlock, by Close, and by the server when the connection is lost. They are safe
// for concurrent use.
type Locks struct {
	seller SellerID
	mu     sync.Mutex
	conn   *sql.Conn
}

// lockRetry is how often a lock that another session holds is asked for.
const lockRetry = 200 * time.Millisecond

// Locks opens the connection. The caller closes it.
func (s *SellerDB) Locks(ctx context.Context) (*Locks, error) {
	conn, err := s.db.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open a connection for locks: %w", explain(ctx, readOnly, &beginError{err}))
	}
	return &Locks{seller: s.id, conn: conn}, nil
}

// Lock waits for the lock with a name that is unique for the seller. A name must not be locked again by the same
// holder before it is unlocked.
func (l *Locks) Lock(ctx context.Context, name string) error {
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for {
		var locked bool
		err := l.ask(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name, &locked)
		if err != nil || locked {
			return err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Unlock lets a lock go.
func (l *Locks) Unlock(name string) error {
	var unlocked bool
	return l.ask(context.Background(), `SELECT pg_advisory_unlock(hashtextextended($1, 0))`, name, &unlocked)
}

// ask is not broken off by its context: that would close the connection, and with it let every lock go.
func (l *Locks) ask(ctx context.Context, query, name string, answer *bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := l.conn.QueryRowContext(asking, query, fmt.Sprintf("%s/%s", l.seller, name)).Scan(answer); err != nil {
		return fmt.Errorf("lock %s: %w", name, explain(ctx, readOnly, err))
	}
	return nil
}

// Close lets every lock go. The connection is not used again, so that none can stay behind in the pool.
func (l *Locks) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var unlocked string
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.conn.QueryRowContext(ctx, `SELECT pg_advisory_unlock_all()::text`).Scan(&unlocked); err != nil {
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
		return fmt.Errorf("let locks go: %w", err)
	}
	return l.conn.Close()
}
