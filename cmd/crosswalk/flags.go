package main

import (
	"context"
	"fmt"

	"crosswalk/internal/account/seal"
	"crosswalk/internal/postgres"
)

// databaseFlags say which database a command works on.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" required:"" help:"PostgreSQL to use: a postgres:// URL or key=value pairs."`
}

// open connects and refuses a database whose schema this binary does not fit.
func (f databaseFlags) open(ctx context.Context) (*postgres.DB, error) {
	return f.openWith(ctx, postgres.Options{})
}

func (f databaseFlags) openWith(ctx context.Context, options postgres.Options) (*postgres.DB, error) {
	db, err := postgres.Open(ctx, f.DatabaseURL, options)
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

// insecureFlags loosen the rules for addresses that crosswalk calls.
type insecureFlags struct {
	AllowInsecureUpstreams bool `name:"allow-insecure-upstreams" env:"CROSSWALK_ALLOW_INSECURE_UPSTREAMS" help:"Let ConnectWise, Platform and issuer addresses be plain HTTP or in a private network."`
}
