package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"crosswalk/internal/bench"
	"crosswalk/internal/postgres/server"
)

// benchCommand measures the gateway beside a hand-written handler.
type benchCommand struct {
	DatabaseURL   string        `name:"database-url" env:"DATABASE_URL" help:"Use this PostgreSQL instead of starting one. Its login should be allowed to create roles, as in production."`
	Organizations int           `default:"100000" help:"Organizations of the generated seller."`
	Companies     int           `default:"60000" help:"ConnectWise companies."`
	Offers        int           `default:"5000" help:"Offers."`
	Lines         int           `default:"5000000" help:"Invoice lines, over 12 months."`
	PeakLines     int           `default:"1000000" help:"Invoice lines of the month that has the most."`
	Clients       int           `default:"8" help:"Clients that ask at a time."`
	Turns         int           `default:"20" help:"Turns that each side has."`
	Turn          time.Duration `default:"500ms" help:"How long a turn lasts."`
	Only          string        `placeholder:"TEXT" help:"Measure only what has this in its name."`
	Picture       string        `placeholder:"FILE" help:"Draw the table of pages as an SVG."`
	Profile       string        `placeholder:"FILE" help:"Write a CPU profile."`
}

// Run measures and prints.
func (c *benchCommand) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) error {
	dsn := c.DatabaseURL
	if dsn == "" {
		data, err := server.DefaultDataDir("bench")
		if err != nil {
			return err
		}
		own, stop, err := startDatabase(ctx, server.Options{DataDir: filepath.Join(data, "postgres"), Disposable: true, CreatesRoles: true, Log: log})
		if err != nil {
			return err
		}
		defer stop()
		dsn = own
	}
	if err := migrate(ctx, dsn); err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	return bench.Run(ctx, bench.Options{
		DSN: dsn,
		Market: bench.Market{
			Organizations: c.Organizations, Companies: c.Companies, Offers: c.Offers, Lines: c.Lines, PeakLines: c.PeakLines, Months: 12,
		},
		Clients: c.Clients, Turns: c.Turns, Turn: c.Turn, Only: c.Only, Profile: c.Profile, Picture: c.Picture,
		Binary: binary, Out: stdout, Log: log,
	})
}
