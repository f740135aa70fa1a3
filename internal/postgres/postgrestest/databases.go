package postgrestest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"crosswalk/internal/postgres"
	"crosswalk/migrations"
)

const (
	// lockSpace separates our advisory locks from everybody else's; within it, templateLock guards the
	// making of templates and every other number belongs to a test process.
	lockSpace    = 4_711_147
	templateLock = 0

	// oldestServer is the first version whose SQL the migrations may use, as server_version_num has it.
	oldestServer = 140000
)

// databases creates databases on one server for one process.
type databases struct {
	address string
	admin   *sql.DB
	// alive holds the process's advisory lock, which tells others that its databases are in use.
	alive    *sql.Conn
	template string
	prefix   string
	created  atomic.Int64
	// keep is what must stay reachable as long as the databases are, so that it is not closed.
	keep io.Closer
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

func (d *databases) prepare(ctx context.Context) error {
	role, home, err := d.checkServer(ctx)
	if err != nil {
		return err
	}
	if d.alive, err = d.admin.Conn(ctx); err != nil {
		return err
	}
	process := 1 + rand.Int32N(1<<31-1)
	if _, err := d.alive.ExecContext(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, process); err != nil {
		return err
	}
	// Locks are kept per database, so a process can only tell for those with the same home.
	d.prefix = fmt.Sprintf("crosswalk_test_%d_%d_", home, process)
	if err := d.dropAbandoned(ctx, home); err != nil {
		return fmt.Errorf("drop the databases of ended tests: %w", err)
	}
	if d.template, err = templateName(migrations.FS, role); err != nil {
		return err
	}
	return d.ensureTemplate(ctx)
}

// checkServer returns the role and the id of the database we are connected to.
func (d *databases) checkServer(ctx context.Context) (role string, home int64, err error) {
	var version int
	var mayCreate bool
	err = d.admin.QueryRowContext(ctx, `
		SELECT
			current_setting('server_version_num')::int,
			current_user,
			(SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user),
			(SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&version, &role, &mayCreate, &home)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("the server does not answer: %w", err)
	case version < oldestServer:
		return "", 0, fmt.Errorf("the server is PostgreSQL %d; tests need %d or later", version/10000, oldestServer/10000)
	case !mayCreate:
		return "", 0, fmt.Errorf("the role %q may not create databases, which every test needs: ALTER ROLE %s CREATEDB", role, pq.QuoteIdentifier(role))
	}
	return role, home, nil
}

// create clones the template and returns the clone's name.
func (d *databases) create(ctx context.Context) (string, error) {
	name := fmt.Sprint(d.prefix, d.created.Add(1))
	statement := `CREATE DATABASE ` + pq.QuoteIdentifier(name) + ` TEMPLATE ` + pq.QuoteIdentifier(d.template)
	_, err := d.admin.ExecContext(ctx, statement)
	if pq.As(err, pqerror.InvalidCatalogName) != nil {
		// A process with other migrations has replaced the template.
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

// dropAbandoned drops the databases of processes that no longer hold their lock.
func (d *databases) dropAbandoned(ctx context.Context, home int64) error {
	names, err := d.list(ctx, fmt.Sprintf(`^crosswalk_test_%d_[0-9]+_[0-9]+$`, home))
	if err != nil {
		return err
	}
	for _, name := range names {
		var process int32
		if _, err := fmt.Sscanf(name, fmt.Sprintf("crosswalk_test_%d_%%d_", home), &process); err != nil {
			continue
		}
		if err := d.dropIfAbandoned(ctx, name, process); err != nil {
			return err
		}
	}
	return nil
}

func (d *databases) dropIfAbandoned(ctx context.Context, name string, process int32) error {
	conn, err := d.admin.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var abandoned bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockSpace, process).Scan(&abandoned); err != nil || !abandoned {
		return err
	}
	dropErr := d.drop(ctx, name)
	_, err = conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, process)
	return errors.Join(dropErr, err)
}

// list returns our role's databases whose names match the pattern.
func (d *databases) list(ctx context.Context, pattern string) ([]string, error) {
	var names []string
	err := d.admin.QueryRowContext(ctx, `
		SELECT coalesce(array_agg(datname::text), '{}')
		FROM pg_database
		WHERE datname ~ $1 AND pg_get_userbyid(datdba) = current_user`, pattern).Scan(pq.Array(&names))
	return names, err
}

// ensureTemplate makes the template unless it is there; processes that need it meanwhile wait. It is built under
// another name, so that one that bears its name is complete. Templates of other migrations go.
func (d *databases) ensureTemplate(ctx context.Context) (err error) {
	conn, err := d.admin.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, templateLock); err != nil {
		return fmt.Errorf("wait for the template: %w", err)
	}
	defer func() {
		_, unlockErr := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, templateLock)
		err = errors.Join(err, unlockErr)
	}()
	existing, err := d.list(ctx, `^crosswalk_template_[0-9a-f]+(_unfinished)?$`)
	if err != nil {
		return err
	}
	for _, name := range existing {
		if name == d.template {
			return nil
		}
	}
	for _, name := range existing {
		if err := d.drop(ctx, name); err != nil {
			return fmt.Errorf("drop the old template %s: %w", name, err)
		}
	}
	if err := d.buildTemplate(ctx); err != nil {
		return fmt.Errorf("make the template database: %w", err)
	}
	return nil
}

func (d *databases) buildTemplate(ctx context.Context) error {
	unfinished := d.template + "_unfinished"
	_, err := d.admin.ExecContext(ctx, `
		CREATE DATABASE `+pq.QuoteIdentifier(unfinished)+`
		TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`)
	if err != nil {
		return err
	}
	if err := migrateAddress(ctx, withDatabase(d.address, unfinished)); err != nil {
		return err
	}
	for _, statement := range []string{
		// A session in a template would keep it from being cloned.
		`ALTER DATABASE ` + pq.QuoteIdentifier(unfinished) + ` WITH ALLOW_CONNECTIONS false`,
		`ALTER DATABASE ` + pq.QuoteIdentifier(unfinished) + ` RENAME TO ` + pq.QuoteIdentifier(d.template),
	} {
		if _, err := d.admin.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func migrateAddress(ctx context.Context, address string) error {
	db, err := sql.Open("postgres", address)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = postgres.Migrate(ctx, db)
	return err
}

// templateName changes with every byte of the migrations, and with the role because only the owner may clone.
func templateName(files fs.FS, role string) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q\n", role)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return addFile(sum, files, path)
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return "crosswalk_template_" + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func addFile(sum hash.Hash, files fs.FS, path string) error {
	content, err := fs.ReadFile(files, path)
	if err != nil {
		return err
	}
	fmt.Fprintf(sum, "%q %d\n", path, len(content))
	sum.Write(content)
	return nil
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

// Close gives the process's lock and connections back; its databases are then anybody's to drop.
func (d *databases) Close() error {
	err := errors.Join(d.alive.Close(), d.admin.Close())
	if d.keep != nil {
		err = errors.Join(err, d.keep.Close())
	}
	return err
}
