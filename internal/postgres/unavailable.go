package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// UnavailableError means that the database could not be asked, or that its answer did not come: it restarts, another
// server takes its place, or all connections are taken. It passes by itself. What is the matter is said by what it
// is wrapped in.
type UnavailableError struct {
	// Unsure means that what was to be stored may have been, all the same.
	Unsure bool
}

// Error is a sentence for users.
func (e *UnavailableError) Error() string {
	if e.Unsure {
		return "The database stopped answering. Look whether this has taken effect before you try again."
	}
	return "The database does not answer at the moment. Try again in a few seconds."
}

// Code is the error's code for clients.
func (e *UnavailableError) Code() string { return "SERVICE_UNAVAILABLE" }

// Extensions returns nothing more.
func (e *UnavailableError) Extensions() map[string]any { return nil }

// IsUnavailable reports whether err is an *UnavailableError.
func IsUnavailable(err error) bool {
	var unavailable *UnavailableError
	return errors.As(err, &unavailable)
}

// explain says of what a transaction failed with what its caller has to know: that the context ended, or that the
// database is away. Whoever waited for a connection until the time was over waited for the database.
func explain(ctx context.Context, m mode, err error) error {
	if foreign, ok := err.(foreignError); ok {
		return translate(ctx, foreign.error)
	}
	var begin *beginError
	neverBegan := errors.As(err, &begin)
	waitedInVain := neverBegan && errors.Is(ctx.Err(), context.DeadlineExceeded)
	if err == nil || !waitedInVain && (ctx.Err() != nil || !isAway(err)) {
		return translate(ctx, err)
	}
	return fmt.Errorf("%w (%w)", &UnavailableError{Unsure: !neverBegan && !m.options.ReadOnly}, err)
}

// isAway reports whether an error is one of reaching the database rather than of what it was asked. A database that
// takes no changes any more has handed over to another one.
func isAway(err error) bool {
	var network net.Error
	var told *pq.Error
	return isConnectionLost(err) || isStandby(err) || errors.Is(err, sql.ErrConnDone) || errors.As(err, &network) ||
		errors.As(err, &told) && told.Code.Class() == pqerror.ClassConnectionException ||
		pq.As(err, pqerror.TooManyConnections, pqerror.ReadOnlySQLTransaction, pqerror.IdleInTransactionSessionTimeout) != nil
}

// isStandby reports whether a transaction did not begin because it may change something, which a standby does not offer. It
// says so with a code that means as much elsewhere.
func isStandby(err error) bool {
	var begin *beginError
	return errors.As(err, &begin) && pq.As(err, pqerror.FeatureNotSupported) != nil
}

// waited marks the error of a statement that got no connection until the time was over, because others had them all.
func waited(pool *sqlx.DB, err error) error {
	if now := pool.Stats(); errors.Is(err, context.DeadlineExceeded) && now.InUse >= now.MaxOpenConnections {
		return &beginError{err}
	}
	return err
}

// GaveUp returns what it means to a caller whose context ended that it waited for a LookUp of others.
func (db *DB) GaveUp(ctx context.Context) error {
	return explain(ctx, readOnly, waited(db.lookUps, ctx.Err()))
}
