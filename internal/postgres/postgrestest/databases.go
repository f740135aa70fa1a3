package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"crosswalk/migrations"
)

// lockSpace separates our advisory locks from everybody else's. Within it a positive number belongs to a test
// process, a negative one to a template, and templateMaking to whoever makes a template.
const (
	lockSpace      = 4_711_147
	templateMaking = 0
)

// oldestServer is the first version whose SQL the migrations may use, as server_version_num has it.
const oldestServer = 140000

// databases creates databases on one server for one process.
//
// Names tell who needs a database: crosswalk_test_<home>_<lock>_<n> for tests, crosswalk_template_<home>_<hash>
// for templates. Processes hold the locks of what they need, so what nobody has locked may be dropped. PostgreSQL
// keeps locks per database; home is the one they are in, and only those with the same home see each other's.
type databases struct {
	address  string
	admin    *sql.DB
	locks    *sql.Conn // holds this process's locks as long as it lives
	home     int64
	template string
	prefix   string
	created  atomic.Int64
	keep     io.Closer // what must not be closed as long as the databases are needed; may be nil
}

// openDatabases connects to the server, clears up what killed test processes left and makes sure of the template.
func openDatabases(ctx context.Context, address string, keep io.Closer) (*databases, error) {
	admin, err := sql.Open("postgres", address)
	if err != nil {
		return nil, fmt.Errorf("the server's address cannot be read: %w", err)
	}
	admin.SetMaxOpenConns(4)
	d := &databases{address: address, admin: admin, keep: keep}
	if err := d.prepare(ctx); err != nil {
		admin.Close()
		return nil, err
	}
	return d, nil
}

// Close gives the process's locks and connections back; its databases are then anybody's to drop.
func (d *databases) Close() error {
	err := errors.Join(d.locks.Close(), d.admin.Close())
	if d.keep != nil {
		err = errors.Join(err, d.keep.Close())
	}
	return err
}

func (d *databases) prepare(ctx context.Context) error {
	role, err := d.checkServer(ctx)
	if err != nil {
		return err
	}
	hash, err := migrationsHash(migrations.FS, role)
	if err != nil {
		return err
	}
	process := 1 + rand.Int32N(1<<31-1)
	d.prefix = fmt.Sprintf("crosswalk_test_%d_%d_", d.home, process)
	d.template = fmt.Sprintf("crosswalk_template_%d_%016x", d.home, hash)
	if d.locks, err = d.admin.Conn(ctx); err != nil {
		return err
	}
	_, err = d.locks.ExecContext(ctx, `SELECT pg_advisory_lock($1, $2), pg_advisory_lock_shared($1, $3)`, lockSpace, process, templateLock(hash))
	if err != nil {
		return fmt.Errorf("lock what this process needs: %w", err)
	}
	if err := d.dropAbandonedTests(ctx); err != nil {
		return fmt.Errorf("drop the databases of ended tests: %w", err)
	}
	return d.ensureTemplate(ctx)
}

// checkServer finds out where we are and returns the role we are there.
func (d *databases) checkServer(ctx context.Context) (role string, err error) {
	var version int
	var mayCreate bool
	err = d.admin.QueryRowContext(ctx, `
		SELECT
			current_setting('server_version_num')::int,
			current_user,
			(SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user),
			(SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&version, &role, &mayCreate, &d.home)
	switch {
	case err != nil:
		return "", fmt.Errorf("the server does not answer: %w", err)
	case version < oldestServer:
		return "", fmt.Errorf("the server is PostgreSQL %d; tests need %d or later", version/10000, oldestServer/10000)
	case !mayCreate:
		return "", fmt.Errorf("the role %q may not create databases, which every test needs: ALTER ROLE %s CREATEDB", role, pq.QuoteIdentifier(role))
	}
	return role, nil
}

// create clones the template and returns the clone's name.
func (d *databases) create(ctx context.Context) (string, error) {
	name := fmt.Sprint(d.prefix, d.created.Add(1))
	statement := `CREATE DATABASE ` + pq.QuoteIdentifier(name) + ` TEMPLATE ` + pq.QuoteIdentifier(d.template)
	_, err := d.admin.ExecContext(ctx, statement)
	if pq.As(err, pqerror.InvalidCatalogName) != nil {
		// Somebody has dropped the template by hand.
		if err := d.ensureTemplate(ctx); err != nil {
			return "", err
		}
		_, err = d.admin.ExecContext(ctx, statement)
	}
	if err != nil {
		return "", fmt.Errorf("clone %s: %w", d.template, err)
	}
	return name, nil
}

func (d *databases) drop(ctx context.Context, name string) error {
	_, err := d.admin.ExecContext(ctx, `DROP DATABASE IF EXISTS `+pq.QuoteIdentifier(name)+` WITH (FORCE)`)
	return err
}

// dropAbandonedTests drops the databases of processes that have ended without doing so.
func (d *databases) dropAbandonedTests(ctx context.Context) error {
	names, err := d.list(ctx, fmt.Sprintf(`^crosswalk_test_%d_[0-9]+_[0-9]+$`, d.home))
	if err != nil {
		return err
	}
	for _, name := range names {
		var process int32
		if _, err := fmt.Sscanf(name, fmt.Sprintf("crosswalk_test_%d_%%d_", d.home), &process); err != nil {
			continue // not one of ours after all
		}
		if err := d.dropUnlessLocked(ctx, name, process); err != nil {
			return err
		}
	}
	return nil
}

// dropUnlessLocked drops a database that no process needs.
func (d *databases) dropUnlessLocked(ctx context.Context, name string, lock int32) error {
	conn, err := d.admin.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var free bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockSpace, lock).Scan(&free); err != nil || !free {
		return err
	}
	dropErr := d.drop(ctx, name)
	_, err = conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, lock)
	return errors.Join(dropErr, err)
}

// list returns our role's databases whose names match the pattern.
func (d *databases) list(ctx context.Context, pattern string) ([]string, error) {
	var names []string
	err := d.admin.QueryRowContext(ctx, `
		SELECT coalesce(array_agg(datname::text ORDER BY datname), '{}')
		FROM pg_database
		WHERE datname ~ $1 AND pg_get_userbyid(datdba) = current_user`, pattern).Scan(pq.Array(&names))
	return names, err
}

// withDatabase returns the address, a URL or key=value pairs, with another database in it. The name needs no quotes.
func withDatabase(address, name string) string {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return address + " dbname=" + name // the last one counts
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return address // it was connected to before, so it can be read
	}
	parsed.Path, parsed.RawPath = "/"+name, ""
	query := parsed.Query()
	query.Del("dbname")
	parsed.RawQuery = query.Encode()
	return parsed.String()
}
