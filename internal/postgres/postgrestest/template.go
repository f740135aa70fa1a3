package postgrestest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/lib/pq"

	"crosswalk/internal/postgres"
)

// unfinished ends the name of a template that is being made.
const unfinished = "_unfinished"

// ensureTemplate makes the template unless it is there; processes that need it meanwhile wait. It is made under
// another name, so that one that bears its name is complete.
func (d *databases) ensureTemplate(ctx context.Context) (err error) {
	conn, err := d.admin.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, templateMaking); err != nil {
		return fmt.Errorf("wait for the template: %w", err)
	}
	defer func() {
		_, unlockErr := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, templateMaking)
		err = errors.Join(err, unlockErr)
	}()
	templates, err := d.list(ctx, fmt.Sprintf(`^crosswalk_template_%d_[0-9a-f]{16}(%s)?$`, d.home, unfinished))
	if err != nil || slices.Contains(templates, d.template) {
		return err
	}
	for _, other := range templates {
		if err := d.dropOutdated(ctx, other); err != nil {
			return fmt.Errorf("drop the template %s: %w", other, err)
		}
	}
	if err := d.makeTemplate(ctx); err != nil {
		return fmt.Errorf("make the template database: %w", err)
	}
	return nil
}

// dropOutdated drops a template of other migrations, unless a process works with those, or one whose making
// was interrupted: while we may make templates nobody else does.
func (d *databases) dropOutdated(ctx context.Context, name string) error {
	complete, wasInterrupted := strings.CutSuffix(name, unfinished)
	if wasInterrupted {
		return d.drop(ctx, name)
	}
	_, digits, _ := strings.Cut(complete, fmt.Sprintf("crosswalk_template_%d_", d.home))
	hash, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return err
	}
	return d.dropUnlessLocked(ctx, name, templateLock(hash))
}

func (d *databases) makeTemplate(ctx context.Context) error {
	building := d.template + unfinished
	_, err := d.admin.ExecContext(ctx, `
		CREATE DATABASE `+pq.QuoteIdentifier(building)+`
		TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`)
	if err != nil {
		return err
	}
	if err := migrateAddress(ctx, withDatabase(d.address, building)); err != nil {
		return err
	}
	for _, statement := range []string{
		// A session in a template would keep it from being cloned.
		`ALTER DATABASE ` + pq.QuoteIdentifier(building) + ` WITH ALLOW_CONNECTIONS false`,
		`ALTER DATABASE ` + pq.QuoteIdentifier(building) + ` RENAME TO ` + pq.QuoteIdentifier(d.template),
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

// migrationsHash changes with every byte of the migrations, and with the role because only the owner may clone.
func migrationsHash(files fs.FS, role string) (uint64, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q\n", role)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err == nil {
			fmt.Fprintf(sum, "%q %q\n", path, content)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	return binary.BigEndian.Uint64(sum.Sum(nil)), nil
}

// templateLock returns the number of the lock that processes share while they need the template of these migrations.
func templateLock(hash uint64) int32 { return -1 - int32(hash>>33) }
