package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// Round trips are most of what a small query costs, so a session saves those it can: a transaction begins and is told
// its scope in one, statements that are run again and again are prepared once, and a single statement needs no
// transaction.
//
// A session outside of transactions has a scope, too. It is set before the first statement that asks for another one
// than the statement before, so that what one caller leaves behind never holds for the next.

// sessions opens sessions.
type sessions struct{ driver.Connector }

// Connect opens one.
func (s sessions) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	opened := &session{connection: conn.(connection)}
	opened.prepared, err = simplelru.NewLRU(maxPrepared, opened.forget)
	return opened, err
}

// connection is what the driver's connections can do.
type connection interface {
	driver.Conn
	driver.Tx
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.QueryerContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// session is one connection to the server.
type session struct {
	connection
	// now is what statements run with, outside what they run with outside of the transaction that is open, if one is.
	now, outside  settings
	inTransaction bool

	// prepared are the statements by their text.
	prepared *simplelru.LRU[string, driver.Stmt]
	// stale is true once the session cannot be used again: a prepared statement turned out not to fit the schema any
	// more, or it is not known how far something came.
	stale bool
}

// maxPrepared bounds the statements of a session. There are as many as there are shapes of lists that people use.
const maxPrepared = 64

// settings are what a session sets before a statement that needs them otherwise.
type settings struct {
	// scope is that of statements outside of transactions.
	scope string
	planning
}

// planning is how statements are planned. What is empty is as the server has it.
type planning struct {
	// joins is for how many tables at a time the best order to join them is looked for, seek what it costs to read a page of a
	// table out of turn, and plans which plans of a prepared statement are used.
	joins, seek, plans string
}

type (
	scopeKey    struct{}
	reuseKey    struct{}
	planningKey struct{}
)

// withScope returns a context for statements and transactions of a scope.
func withScope(ctx context.Context, scope string) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope)
}

// scopeOf returns the scope that ctx asks for; empty is none, in which no row is seen.
func scopeOf(ctx context.Context) string {
	scope, _ := ctx.Value(scopeKey{}).(string)
	return scope
}

// Reuse returns a context whose statements are prepared, and run again without being parsed and, mostly, planned. It is
// for statements that are always alike, and planned alike whatever their arguments.
func Reuse(ctx context.Context) context.Context { return context.WithValue(ctx, reuseKey{}, true) }

// PlannedOnce is Reuse for statements that read rows by their numbers, for which one plan does, even if another were better for
// few.
func PlannedOnce(ctx context.Context) context.Context {
	plan := planningOf(ctx)
	plan.plans, plan.seek = "force_generic_plan", cheapSeek
	return context.WithValue(Reuse(ctx), planningKey{}, plan)
}

// QuicklyPlanned returns a context for statements that choose the rows of a page and join many tables to them, in an order that is
// good as it is written. Looking for a better one takes longer than reading the page, so that is done for a few tables at a time.
func QuicklyPlanned(ctx context.Context) context.Context {
	plan := planningOf(ctx)
	plan.joins, plan.seek = "4", cheapSeek
	return context.WithValue(ctx, planningKey{}, plan)
}

// cheapSeek is what seeking costs where the server mostly has the pages in memory. At its default, of a spinning disk, it would
// rather read a table than look a thousand rows up.
const cheapSeek = "1.1"

func planningOf(ctx context.Context) planning {
	plan, _ := ctx.Value(planningKey{}).(planning)
	return plan
}

// BeginTx begins a transaction and tells it its scope, in one round trip.
func (s *session) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	scope := scopeOf(ctx)
	if scope == "" {
		tx, err := s.connection.BeginTx(ctx, options)
		return s.began(tx, err)
	}
	isolation, access := "READ COMMITTED", "READ WRITE"
	if sql.IsolationLevel(options.Isolation) == sql.LevelRepeatableRead {
		isolation = "REPEATABLE READ"
	}
	if options.ReadOnly {
		access = "READ ONLY"
	}
	// The scope is a number or a star of our own making, never text from outside.
	begin := "BEGIN ISOLATION LEVEL " + isolation + " " + access + "; SET LOCAL crosswalk.seller_id = '" + scope + "'"
	plan := planningOf(ctx)
	changes := s.now.planning.changes(plan, "SET LOCAL ")
	_, err := s.connection.ExecContext(ctx, strings.Join(append([]string{begin}, changes...), "; "), nil)
	s.stale = s.stale || err != nil // the first half may have been done
	tx, err := s.began(s.connection, err)
	s.now.planning = plan
	return tx, err
}

func (s *session) began(tx driver.Tx, err error) (driver.Tx, error) {
	if err != nil {
		return nil, err
	}
	s.inTransaction, s.outside = true, s.now
	return transaction{s, tx}, nil
}

// transaction is one of a session.
type transaction struct {
	session *session
	driver.Tx
}

// Commit ends it.
func (t transaction) Commit() error {
	t.session.left()
	return t.Tx.Commit()
}

// Rollback ends it.
func (t transaction) Rollback() error {
	t.session.left()
	return t.Tx.Rollback()
}

// left notes that a transaction ends, and with it what was set in it.
func (s *session) left() { s.inTransaction, s.now = false, s.outside }

// enter makes sure that a statement runs with the settings it asks for. A transaction has its scope already.
func (s *session) enter(ctx context.Context) error {
	wanted := settings{s.now.scope, planningOf(ctx)}
	set := "SET LOCAL "
	if !s.inTransaction {
		wanted.scope = scopeOf(ctx)
		set = "SET "
	}
	changes := s.now.planning.changes(wanted.planning, set)
	if wanted.scope != s.now.scope {
		changes = append(changes, set+"crosswalk.seller_id = "+orDefault(wanted.scope))
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := s.connection.ExecContext(ctx, strings.Join(changes, "; "), nil); err != nil {
		s.stale = true // it is not known what has been set
		return fmt.Errorf("set up a session: %w", err)
	}
	s.now = wanted
	return nil
}

// changes are the statements that make a planning the one wanted.
func (p planning) changes(wanted planning, set string) []string {
	if p == wanted {
		return nil
	}
	var changes []string
	for name, values := range map[string][2]string{
		"join_collapse_limit": {p.joins, wanted.joins}, "random_page_cost": {p.seek, wanted.seek}, "plan_cache_mode": {p.plans, wanted.plans},
	} {
		if values[0] != values[1] {
			changes = append(changes, set+name+" = "+orDefault(values[1]))
		}
	}
	return changes
}

// orDefault writes the value of a setting; empty is what the session began with.
func orDefault(value string) string {
	if value == "" {
		return "DEFAULT"
	}
	return "'" + value + "'"
}

// ExecContext runs a statement.
func (s *session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return s.connection.ExecContext(ctx, query, args)
}

// QueryContext runs a query.
func (s *session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	rows, err := s.query(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return handOver(ctx, rows)
}

func (s *session) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if reuse, _ := ctx.Value(reuseKey{}).(bool); !reuse || len(args) == 0 {
		return s.connection.QueryContext(ctx, query, args)
	}
	statement, err := s.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := statement.(driver.StmtQueryContext).QueryContext(ctx, args)
	if isOutdated(err) {
		s.stale = true
	}
	return rows, err
}

// isOutdated reports whether a statement was prepared for a schema that has changed since. Its code alone says less.
func isOutdated(err error) bool {
	told := pq.As(err, pqerror.FeatureNotSupported)
	return told != nil && told.Routine == "RevalidateCachedQuery"
}

// prepare returns the prepared statement for a query.
func (s *session) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if known, ok := s.prepared.Get(query); ok {
		return known, nil
	}
	statement, err := s.connection.PrepareContext(ctx, query)
	if err == nil {
		s.prepared.Add(query, statement)
	}
	return statement, err
}

// forget closes a statement that was not used for long.
func (s *session) forget(_ string, statement driver.Stmt) {
	if statement.Close() != nil {
		s.stale = true
	}
}

// IsValid reports whether the pool may hand the session out again.
func (s *session) IsValid() bool { return !s.stale && s.connection.IsValid() }
