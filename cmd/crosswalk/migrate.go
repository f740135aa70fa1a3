package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"crosswalk/internal/postgres"
)

// migrateCommand keeps the database's schema.
type migrateCommand struct {
	Up     migrateUpCommand     `cmd:"" help:"Apply the migrations that are missing. Several may run at once."`
	Status migrateStatusCommand `cmd:"" help:"List the migrations and which of them are applied."`
}

type migrateUpCommand struct{ databaseFlags }

// Run applies what is missing.
func (c *migrateUpCommand) Run(ctx context.Context) error {
	dsn, err := c.dsn()
	if err != nil {
		return err
	}
	return migrate(ctx, dsn)
}

func migrate(ctx context.Context, dsn string) error {
	db, err := postgres.OpenAsOwner(ctx, dsn, postgres.Options{MaxConnections: 4})
	if err != nil {
		return err
	}
	defer db.Close()
	applied, err := postgres.Migrate(ctx, db.Pool())
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "The schema is up to date; %d migrations were applied.\n", applied)
	return nil
}

type migrateStatusCommand struct{ databaseFlags }

// Run prints one line for each migration.
func (c *migrateStatusCommand) Run(ctx context.Context, stdout io.Writer) error {
	dsn, err := c.dsn()
	if err != nil {
		return err
	}
	db, err := postgres.OpenAsOwner(ctx, dsn, postgres.Options{MaxConnections: 4})
	if err != nil {
		return err
	}
	defer db.Close()
	migrations, err := postgres.MigrationStatus(ctx, db.Pool())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, m := range migrations {
		applied := "missing"
		if m.Applied() {
			applied = m.AppliedAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%05d\t%s\t%s\n", m.Version, m.Name, applied)
	}
	return table.Flush()
}
