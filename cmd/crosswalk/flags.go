package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/postgres"
)

// databaseFlags say which database a command works on.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" required:"" help:"PostgreSQL to use: a postgres:// URL or key=value pairs."`
}

// dsn refuses an empty address, with which the driver would try what it finds on this machine.
func (f databaseFlags) dsn() (string, error) {
	if strings.TrimSpace(f.DatabaseURL) == "" {
		return "", errors.New("DATABASE_URL is empty; it must be a postgres:// URL or key=value pairs")
	}
	return f.DatabaseURL, nil
}

// open connects and refuses a database whose schema this binary does not fit.
func (f databaseFlags) open(ctx context.Context) (*postgres.DB, error) {
	return f.openWith(ctx, postgres.Options{})
}

func (f databaseFlags) openWith(ctx context.Context, options postgres.Options) (*postgres.DB, error) {
	dsn, err := f.dsn()
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, dsn, options)
	if err != nil {
		return nil, err
	}
	if err := postgres.CheckSchema(ctx, db.Pool()); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// keyFlags carry the keys that seal credentials at rest.
type keyFlags struct {
	EncryptionKey string `name:"encryption-key" env:"CROSSWALK_ENCRYPTION_KEY" required:"" help:"Base64 of 32 bytes; several, separated by commas, for rotation: the first seals, all open."`
}

func (f keyFlags) ring() (*seal.KeyRing, error) {
	ring, err := seal.ParseKeyRing(f.EncryptionKey)
	if err != nil {
		return nil, fmt.Errorf("CROSSWALK_ENCRYPTION_KEY: %w", err)
	}
	return ring, nil
}

// tell logs once that credentials are stored which the keys do not open. It is no reason not to start: the others work.
func (f keyFlags) tell(ctx context.Context, accounts *account.Service, log *slog.Logger) {
	sealed, opened, err := accounts.CountSecrets(ctx)
	switch {
	case err != nil:
		log.Warn("whether CROSSWALK_ENCRYPTION_KEY opens the stored credentials could not be checked", "error", err)
	case opened < sealed:
		log.Error("CROSSWALK_ENCRYPTION_KEY does not open all stored credentials, and what needs them will fail: "+
			"add the key that they were sealed with, after the first", "secrets", sealed, "unopened", sealed-opened)
	}
}

// insecureFlags loosen the rules for addresses that crosswalk calls.
type insecureFlags struct {
	AllowInsecureUpstreams bool `name:"allow-insecure-upstreams" env:"CROSSWALK_ALLOW_INSECURE_UPSTREAMS" help:"Let ConnectWise, Platform and issuer addresses be plain HTTP or in a private network."`
}
