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
	"strings"
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
// in it. It works as the application role; where there is none, the policies must bind the login itself, or
// Open refuses. A database without schema is opened as it is.
func Open(ctx context.Context, dsn string, options Options) (*DB, error) {
	db, err := OpenAsOwner(ctx, dsn, options)
	if err != nil {
		return nil, err
	}
	var login struct {
		Switch    bool `db:"switch"`
		Protected bool `db:"protected"`
	}
	err = db.pool.GetContext(ctx, &login, `
		SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(oid, 'MEMBER')) AS switch,
			to_regclass('seller') IS NULL OR row_security_active(to_regclass('seller')) AS protected`, applicationRole)
	switch {
	case err != nil:
	case login.Switch:
		db.Close()
		db, err = OpenAsOwner(ctx, withSettings(dsn, "role", applicationRole), options)
	case !login.Protected:
		err = fmt.Errorf("the database login could pass by row-level security, and there is no role %s to work as: let the login that migrates create roles, and migrate an empty database", applicationRole)
	}
	if err != nil {
		if db != nil {
			db.Close()
		}
		return nil, err
	}
	db.dsn = dsn
	return db, nil
}

// OpenAsOwner connects with all rights that the login has, to migrate and for tests that play the administrator.
func OpenAsOwner(ctx context.Context, dsn string, options Options) (*DB, error) {
	connector, err := newConnector(dsn, options)
	if err != nil {
		return nil, err
	}
	openDB := sql.OpenDB
	if options.OpenDB != nil {
		openDB = options.OpenDB
	}
	open := func(limit int) *sqlx.DB {
		pool := sqlx.NewDb(openDB(sessions{connector}), "postgres")
		pool.SetMaxOpenConns(limit)
		pool.SetMaxIdleConns(limit)
		pool.SetConnMaxIdleTime(5 * time.Minute)
		return pool
	}
	db := &DB{pool: open(cmp.Or(max(options.MaxConnections, 0), 24)), lookUps: open(maxLookUps), dsn: dsn}
	if err := db.Ping(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("the database does not answer: %w", err)
	}
	return db, nil
}

// sessionDSN adds the session settings every connection runs with: UTC, bounds on what one statement or an idle
// transaction may cost, and no compiling of queries, which takes longer than even the largest counts do. A session
// whose machine or process stands still or is gone without a word ends within half a minute, and the locks it held with it.
func sessionDSN(dsn string, options Options) string {
	timeout := options.StatementTimeout
	if timeout <= 0 {
		timeout = time.Minute
	}
	return withSettings(dsn,
		"timezone", "UTC",
		"application_name", "crosswalk",
		"jit", "off",
		"statement_timeout", fmt.Sprint(timeout.Milliseconds()),
		"idle_in_transaction_session_timeout", "30000",
		"tcp_keepalives_idle", "15",
		"tcp_keepalives_interval", "5",
		"tcp_keepalives_count", "3",
	)
}

// withSettings adds settings, given as keys and values, that the address does not have yet.
func withSettings(dsn string, settings ...string) string {
	url := isURL(dsn)
	for i := 0; i < len(settings); i += 2 {
		key, value := settings[i], settings[i+1]
		switch {
		case strings.Contains(dsn, key+"="):
		case url && strings.Contains(dsn, "?"):
			dsn += "&" + key + "=" + value
		case url:
			dsn += "?" + key + "=" + value
		default:
			dsn += " " + key + "=" + value
		}
	}
	return dsn
}

// Close returns every connection.
func (db *DB) Close() error { return errors.Join(db.pool.Close(), db.lookUps.Close()) }

// Pool returns the bare pool, for migrations and health checks only.
func (db *DB) Pool() *sql.DB { return db.pool.DB }

// DSN returns the address the pool was opened with, for connections that must live outside it (LISTEN).
func (db *DB) DSN() string { return db.dsn }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.pool.PingContext(ctx) }

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
