package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/pressly/goose/v3"

	"crosswalk/migrations"
)

var (
	// ErrSchemaBehind is wrapped by CheckSchema when the database lacks a migration this binary needs.
	ErrSchemaBehind = errors.New("the database is older than this crosswalk: run crosswalk migrate up")
	// ErrSchemaAhead is wrapped by Migrate and CheckSchema when the database has a migration this binary does not know.
	ErrSchemaAhead = errors.New("the database was migrated by a newer crosswalk: run that version or a later one")
)

// Migration is one step of the schema and what the database says of it.
type Migration struct {
	Version int64
	// Name is the file the step comes from; empty if only the database knows the version.
	Name string
	// AppliedAt is when the database took the step, in UTC; zero if it has not.
	AppliedAt time.Time
}

// Applied reports whether the database took the step.
func (m Migration) Applied() bool { return !m.AppliedAt.IsZero() }

// Migrate applies every step the database lacks, each in a transaction of its own, and returns how many
// those were. Any number of replicas may call it at once: one works, the others wait and find nothing to
// do. Steps that were applied before an error stay.
func Migrate(ctx context.Context, db *sql.DB) (applied int, err error) {
	return migrate(ctx, db, migrations.FS)
}

// MigrationStatus lists the steps this binary knows and those only the database knows, by version. It
// changes nothing.
func MigrationStatus(ctx context.Context, db *sql.DB) ([]Migration, error) {
	return migrationStatus(ctx, db, migrations.FS)
}

// CheckSchema returns nil if the database has exactly the steps this binary knows. Otherwise the error
// wraps ErrSchemaBehind or ErrSchemaAhead and names the first step in question.
func CheckSchema(ctx context.Context, db *sql.DB) error {
	return checkSchema(ctx, db, migrations.FS)
}

func migrate(ctx context.Context, db *sql.DB, files fs.FS) (applied int, err error) {
	provider, err := newProvider(db, files)
	if err != nil {
		return 0, err
	}
	// Asking for the version takes the lock, so that the table of versions is not made by two at once;
	// Up by itself looks at it before locking.
	if _, err := provider.GetDBVersion(ctx); err != nil {
		return 0, fmt.Errorf("read the database's version: %w", translate(ctx, err))
	}
	if err := checkSchema(ctx, db, files); errors.Is(err, ErrSchemaAhead) {
		return 0, err
	}
	results, err := provider.Up(ctx)
	if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
		step := path.Base(partial.Failed.Source.Path)
		return len(partial.Applied), fmt.Errorf("migration %s: %w", step, translate(ctx, partial.Err))
	}
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", translate(ctx, err))
	}
	return len(results), nil
}

func migrationStatus(ctx context.Context, db *sql.DB, files fs.FS) ([]Migration, error) {
	provider, err := newProvider(db, files)
	if err != nil {
		return nil, err
	}
	steps, err := appliedMigrations(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read the applied migrations: %w", translate(ctx, err))
	}
	for _, source := range provider.ListSources() {
		step := steps[source.Version]
		step.Version, step.Name = source.Version, path.Base(source.Path)
		steps[source.Version] = step
	}
	return slices.SortedFunc(maps.Values(steps), func(a, b Migration) int { return int(a.Version - b.Version) }), nil
}

func checkSchema(ctx context.Context, db *sql.DB, files fs.FS) error {
	steps, err := migrationStatus(ctx, db, files)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if step.Name == "" {
			return fmt.Errorf("%w (version %d is unknown here)", ErrSchemaAhead, step.Version)
		}
	}
	for _, step := range steps {
		if !step.Applied() {
			return fmt.Errorf("%w (%s is missing)", ErrSchemaBehind, step.Name)
		}
	}
	return nil
}

// appliedMigrations reads the table the migration library keeps; a database without it has none.
func appliedMigrations(ctx context.Context, db *sql.DB) (map[int64]Migration, error) {
	applied := make(map[int64]Migration)
	var exists bool
	if err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, goose.DefaultTablename).Scan(&exists); err != nil {
		return nil, err
	}
	if !exists {
		return applied, nil
	}
	rows, err := db.QueryContext(ctx, `
		SELECT version_id, tstamp
		FROM `+goose.DefaultTablename+`
		WHERE is_applied AND version_id > 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var step Migration
		if err := rows.Scan(&step.Version, &step.AppliedAt); err != nil {
			return nil, err
		}
		step.AppliedAt = step.AppliedAt.UTC()
		applied[step.Version] = step
	}
	return applied, rows.Err()
}

func newProvider(db *sql.DB, files fs.FS) (*goose.Provider, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(migrationLock{}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// migrationLock is a PostgreSQL session lock: waiters wake the moment it is free, and it goes away with the
// connection of a replica that dies. While it is held, statements of its connection may take any time,
// because waiting for another replica's migration, or building an index, may.
type migrationLock struct{}

// migrationLockKey is any number that nothing else in the database locks.
const migrationLockKey = 5_477_862_133

// SessionLock waits for the lock.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `SET statement_timeout = 0`); err != nil {
		return fmt.Errorf("lift the statement timeout: %w", err)
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, migrationLockKey); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	return nil
}

// SessionUnlock returns the lock. A connection that cannot is closed, which returns it too.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, unlockErr := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, migrationLockKey)
	_, resetErr := conn.ExecContext(ctx, `RESET statement_timeout`)
	if unlockErr != nil || resetErr != nil {
		// The migrations are done or their own error is reported; there is nothing to add.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return nil
}
