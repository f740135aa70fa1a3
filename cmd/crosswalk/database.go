package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"crosswalk/internal/postgres/server"
)

// startDatabase starts a PostgreSQL server of our own and returns the address of a database on it, and what stops it.
func startDatabase(ctx context.Context, options server.Options) (dsn string, stop func(), err error) {
	const name = "crosswalk"
	fmt.Fprintln(os.Stderr, "Starting PostgreSQL …")
	own, err := server.Start(ctx, options)
	if err != nil {
		return "", nil, err
	}
	stop = func() {
		if err := own.Stop(context.WithoutCancel(ctx)); err != nil {
			slog.Error("PostgreSQL did not stop", "error", err)
		}
	}
	if err := own.CreateDatabase(ctx, name); err != nil {
		stop()
		return "", nil, err
	}
	return own.DSN(name), stop, nil
}
