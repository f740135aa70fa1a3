// Package postgres opens the database and hands out transactions that belong to one seller.
//
// It is the only door to the data: a query needs a Tx, a Tx comes from SellerDB or SystemDB, and a SellerDB
// needs a SellerID. Each transaction also tells PostgreSQL which seller it is for, which row-level
// security enforces a second time. The packages above own their SQL; the lists they offer are described
// with internal/postgres/grid. Start reading at DB.
package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// Options tune the pool. The zero value is ready for use.
type Options struct {
	// MaxConnections bounds the pool; 0 means 24.
	MaxConnections int
	// StatementTimeout ends statements that run longer on the server; 0 means 60 s. Background runs lift it for their transaction.
	StatementTimeout time.Duration
	// OpenDB, if set, takes the place of sql.OpenDB; for traces. What it opens must behave as the driver does.
	OpenDB func(driver.Connector) *sql.DB
}

// DB is a pool of connections to one database. It is safe for concurrent use.
type DB struct {
	pool *sqlx.DB
	// lookUps are a few more for LookUp, whose sessions always are in the scope of every seller.
	lookUps *sqlx.DB
	dsn     string
}

// maxLookUps bounds the connections that LookUp uses.
const maxLookUps = 4

// applicationRole is the role that migrations create for the gateway: it owns nothing, so that row-level
// security holds it.
const applicationRole = "crosswalk_app"

// Open connects to the database that dsn names (a postgres:// URL or key=value pairs) to work with what is
// in it. It works as the application role, whatever role the address names; where there is none, the policies must bind
// the login itself. Open refuses what they do not bind. A database without schema is opened as it is.
func Open(ctx context.Context, dsn string, options Options) (*DB, error) {
	db, err := OpenAsOwner(ctx, dsn, options)
	if err != nil {
		return nil, err
	}
	var member bool
	err = db.pool.GetContext(ctx, &member, `
		SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, 'MEMBER'))`, applicationRole)
	if err == nil && member {
		db.Close()
		if db, err = connect(ctx, dsn, applicationRole, options); err != nil {
			return nil, err
		}
	}
	if err == nil {
		err = db.checkBound(ctx, member)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// checkBound returns nil if row-level security holds the role that the database is worked in as.
func (db *DB) checkBound(ctx context.Context, switched bool) error {
	var role struct {
		Name  string `db:"name"`
		Bound bool   `db:"bound"`
	}
	err := db.pool.GetContext(ctx, &role, `
		SELECT current_user AS name, coalesce(bool_and(row_security_active(t.oid)), true) AS bound
		FROM pg_class s
		JOIN pg_class t ON t.relnamespace = s.relnamespace AND (t.relrowsecurity OR t.oid = s.oid)
		WHERE s.oid = to_regclass('seller')`)
	switch {
	case err != nil:
		return fmt.Errorf("look whether row-level security holds the login: %w", err)
	case role.Bound:
		return nil
	case switched:
		return fmt.Errorf("the database is worked in as %s, which could pass by row-level security, though the role %s was asked for: let what is in between pass role on, or ALTER ROLE the login SET role = '%[2]s'", role.Name, applicationRole)
	}
	return fmt.Errorf("the database login could pass by row-level security, and there is no role %s to work as: let the login that migrates create roles, and migrate an empty database", applicationRole)
}

// CheckRights returns nil if the role that the database is worked in as has the right that serving needs beside those that
// migrations give it.
func (db *DB) CheckRights(ctx context.Context) error {
	var role struct {
		Name      string `db:"name"`
		Database  string `db:"database"`
		Temporary bool   `db:"temporary"`
	}
	err := db.pool.GetContext(ctx, &role, `
		SELECT current_user AS name, current_database() AS database, has_database_privilege(current_database(), 'TEMPORARY') AS temporary`)
	if err != nil {
		return fmt.Errorf("read the rights of the database login: %w", err)
	}
	if !role.Temporary {
		return fmt.Errorf("%s may not make temporary tables, without which no invoice line is loaded, edited in bulk or posted: have the owner of the database run GRANT TEMPORARY ON DATABASE %s TO %s",
			role.Name, pq.QuoteIdentifier(role.Database), pq.QuoteIdentifier(role.Name))
	}
	return nil
}

// OpenAsOwner connects with all rights that the login has, to migrate and for tests that play the administrator.
func OpenAsOwner(ctx context.Context, dsn string, options Options) (*DB, error) {
	return connect(ctx, dsn, "", options)
}

// connect opens pools as a role; empty is the one that the address says, or the login itself.
func connect(ctx context.Context, dsn, role string, options Options) (*DB, error) {
	connector, err := newConnector(dsn, role, options)
	if err != nil {
		return nil, err
	}
	openDB := sql.OpenDB
	if options.OpenDB != nil {
		openDB = options.OpenDB
	}
	pool := func(limit int) *sqlx.DB {
		pool := sqlx.NewDb(openDB(sessions{connector}), "postgres")
		pool.SetMaxOpenConns(limit)
		pool.SetMaxIdleConns(limit)
		pool.SetConnMaxIdleTime(5 * time.Minute)
		return pool
	}
	db := &DB{pool: pool(cmp.Or(max(options.MaxConnections, 0), 24)), lookUps: pool(maxLookUps), dsn: dsn}
	if err := db.pool.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("the database does not answer: %w", err)
	}
	return db, nil
}

// Close returns every connection.
func (db *DB) Close() error { return errors.Join(db.pool.Close(), db.lookUps.Close()) }

// Pool returns the bare pool, for migrations and health checks only.
func (db *DB) Pool() *sql.DB { return db.pool.DB }

// DSN returns the address the pool was opened with, for connections that must live outside it (LISTEN).
func (db *DB) DSN() string { return db.dsn }

// ErrStandby is what Ready returns where the database takes no changes, because another server is the primary.
var ErrStandby = errors.New("the database is a standby, which takes no changes")

// Ready returns nil if the database answers, takes changes and has exactly the schema that this binary knows, else what
// LookUp, CheckSchema or ErrStandby say. It does not wait for work under way either.
func (db *DB) Ready(ctx context.Context) error {
	return one(ctx, db.lookUps, everySeller, func(ctx context.Context, tx *Tx) error {
		var standby bool
		switch err := tx.GetContext(ctx, &standby, `SELECT pg_is_in_recovery()`); {
		case err != nil:
			return err
		case standby:
			return ErrStandby
		}
		return CheckSchema(ctx, db.lookUps.DB)
	})
}

// RefreshStatistics tells the planner what is in the tables now. Without it, queries right after a table was
// filled for the first time are planned as if it were empty.
func (db *DB) RefreshStatistics(ctx context.Context, tables ...string) error {
	if _, err := db.pool.ExecContext(ctx, `SELECT refresh_statistics(VARIADIC $1)`, tables); err != nil {
		return fmt.Errorf("refresh statistics: %w", err)
	}
	return nil
}

// Seller returns the view of the database that belongs to one seller.
func (db *DB) Seller(id SellerID) *SellerDB { return &SellerDB{db: db, id: id} }

// System returns the view across sellers. Only authentication, job claiming, schedules and administration use it.
func (db *DB) System() *SystemDB { return &SystemDB{db: db} }

// SellerDB runs transactions for one seller.
type SellerDB struct {
	db *DB
	id SellerID
}

// ID returns the seller every transaction of s belongs to.
func (s *SellerDB) ID() SellerID { return s.id }

// Read runs fn in a read-only transaction that sees one snapshot throughout. It may run fn twice when the
// connection breaks.
func (s *SellerDB) Read(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.run(ctx, readOnly, s.id.String(), fn)
}

// Write runs fn in a transaction and commits it; an error of fn or of the commit undoes everything. fn is
// run again after a deadlock or serialization failure, so it must not have effects outside tx. It may ask other services:
// their errors are never taken for the database's.
func (s *SellerDB) Write(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.run(ctx, readWrite, s.id.String(), fn)
}

// SystemDB runs transactions across sellers.
type SystemDB struct{ db *DB }

// everySeller is the scope of system transactions, as the row-level policies know it.
const everySeller = "*"

// Read is SellerDB.Read across sellers.
func (s *SystemDB) Read(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.run(ctx, readOnly, everySeller, fn)
}

// Write is SellerDB.Write across sellers.
func (s *SystemDB) Write(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return s.db.run(ctx, readWrite, everySeller, fn)
}

// ReadOne runs fn, which runs a single statement: that sees one snapshot without a transaction, which saves two round
// trips. It may run fn twice when the connection breaks.
func (s *SellerDB) ReadOne(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return one(ctx, s.db.pool, s.id.String(), fn)
}

// LookUp queries across sellers, which a caller of no known seller has to, in one statement that is prepared, and calls scan with
// each row. It may do so again when the connection breaks. Nothing else uses its connections, so that it does not wait for
// anything long.
func (db *DB) LookUp(ctx context.Context, query string, scan func(*sql.Rows) error, args ...any) error {
	return one(ctx, db.lookUps, everySeller, func(ctx context.Context, tx *Tx) error {
		rows, err := tx.QueryContext(PlannedOnce(ctx), query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// Tx is one transaction. Its methods must not be used concurrently.
type Tx struct{ statements }

// statements are what can be run in a transaction.
type statements interface {
	sqlx.ExtContext
	GetContext(ctx context.Context, row any, query string, args ...any) error
	SelectContext(ctx context.Context, rows any, query string, args ...any) error
	NamedExecContext(ctx context.Context, query string, arg any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// mode is how a transaction runs, and which of its failures are worth another try.
type mode struct {
	options sql.TxOptions
	retry   func(error) bool
}

// attempts bounds the tries of one transaction. After a restart of the server each connection of the pool may
// be found broken once.
const attempts = 12

var (
	readOnly  = mode{sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, isConnectionLost}
	readWrite = mode{sql.TxOptions{Isolation: sql.LevelReadCommitted}, isContention}
)

func (db *DB) run(ctx context.Context, m mode, scope string, fn func(context.Context, *Tx) error) error {
	ctx = withScope(ctx, scope)
	for attempt := 1; ; attempt++ {
		err := db.once(ctx, m, fn)
		if err == nil || attempt == attempts || ctx.Err() != nil || !m.retry(err) && !neverBegan(err) && !isOutdated(err) {
			return explain(ctx, m, err)
		}
	}
}

// one runs a single statement.
func one(ctx context.Context, pool *sqlx.DB, scope string, fn func(context.Context, *Tx) error) error {
	ctx = withScope(ctx, scope)
	for attempt := 1; ; attempt++ {
		err := fn(ctx, &Tx{pool})
		if err == nil || attempt == attempts || ctx.Err() != nil || !isConnectionLost(err) && !isOutdated(err) {
			return explain(ctx, readOnly, waited(pool, err))
		}
	}
}

// beginError is a transaction that did not begin, so that nothing of it can have happened.
type beginError struct{ err error }

func (e *beginError) Error() string { return "begin: " + e.err.Error() }
func (e *beginError) Unwrap() error { return e.err }

// neverBegan reports whether a transaction failed because its connection turned out to be broken before it began.
func neverBegan(err error) bool {
	var begin *beginError
	return errors.As(err, &begin) && isConnectionLost(err)
}

// once runs one transaction. The result is named so that a failed commit is an error.
func (db *DB) once(ctx context.Context, m mode, fn func(context.Context, *Tx) error) (err error) {
	tx, err := db.pool.BeginTxx(ctx, &m.options)
	if err != nil {
		return &beginError{err}
	}
	defer func() {
		if p := recover(); p != nil {
			_ = tx.Rollback()
			panic(p)
		}
		if err != nil {
			err = undo(tx, err)
			return
		}
		if err = tx.Commit(); err != nil {
			err = fmt.Errorf("commit: %w", err)
		}
	}()
	return fn(ctx, &Tx{tx})
}

// foreignError is an error of something else than the database, such as of a service that was asked in the middle of a
// transaction: broken connections look alike, whoever is at their other end. What it holds is not looked at.
type foreignError struct{ error }

// undo rolls back what failed with err. What the server told is its own; of all else it is clear, once it has answered
// to the rollback, that this connection did not fail.
func undo(tx *sqlx.Tx, err error) error {
	undone := tx.Rollback()
	var told *pq.Error
	if undone == nil && !errors.As(err, &told) {
		return foreignError{err}
	}
	return err
}

// translate makes a cancelled or expired context the error it caused: the driver reports either as a
// cancelled statement.
func translate(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w (%v)", ctx.Err(), err)
	}
	return err
}

func isContention(err error) bool {
	return pq.As(err, pqerror.TRSerializationFailure, pqerror.TRDeadlockDetected) != nil
}

func isConnectionLost(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var broken *net.OpError
	if errors.As(err, &broken) && broken.Op != "dial" {
		return true
	}
	return pq.As(err, pqerror.AdminShutdown, pqerror.CrashShutdown, pqerror.CannotConnectNow) != nil
}
