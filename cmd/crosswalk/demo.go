package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/gateway"
	"crosswalk/internal/httpapi/explorer"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/server"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
	"crosswalk/internal/telemetry"
)

// demoCommand runs everything in one process, with believable data.
type demoCommand struct {
	gatewayFlags
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" help:"Use this PostgreSQL instead of starting one."`
	Data        string `env:"CROSSWALK_DEMO_DATA" placeholder:"DIR" help:"Where to keep the demo between runs; a folder of the user's by default."`
	Reset       bool   `help:"Start over: forget everything that earlier demos kept."`
}

// demo is a demonstration being set up, and what has to be undone when it ends, in reverse.
type demo struct {
	*demoCommand
	log   *slog.Logger
	state *demoState
	watch *telemetry.Telemetry
	db    *postgres.DB
	ends  []func()
}

// Run starts the demo, prints how to use it, and serves until ctx ends.
func (c *demoCommand) Run(ctx context.Context, stdout io.Writer, log *slog.Logger) error {
	if err := c.check(); err != nil {
		return err
	}
	d := &demo{demoCommand: c, log: log}
	defer d.end()
	for _, step := range []func(context.Context) error{d.startTelemetry, d.openDatabase, d.openState, d.startSimulators} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	ring, err := seal.ParseKeyRing(d.state.EncryptionKey)
	if err != nil {
		return err
	}
	if err := d.furnish(ctx, ring); err != nil {
		return err
	}
	config, err := c.config(log, d.state.Tokens...)
	if err != nil {
		return err
	}
	config.DB, config.KeyRing, config.AllowInsecureUpstreams, config.Telemetry = d.db, ring, true, d.watch
	return serve(ctx, config, func(g *gateway.Gateway) { d.explain(stdout, g.Address(), config.Explorer != nil) })
}

func (d *demo) end() {
	for i := len(d.ends) - 1; i >= 0; i-- {
		d.ends[i]()
	}
}

func (d *demo) startTelemetry(ctx context.Context) error {
	watch, stop, err := startTelemetry(ctx, d.log)
	if err == nil {
		d.watch, d.ends = watch, append(d.ends, stop)
	}
	return err
}

// openState reads what earlier demos on this database kept. It runs after openDatabase, which makes sure that no
// other demo keeps its state here.
func (d *demo) openState(context.Context) (err error) {
	path := d.statePath()
	if d.Reset {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("start over: %w", err)
		}
	}
	d.state, err = readDemoState(path)
	return err
}

// statePath names the file for the database: sellers and tokens of one mean nothing in another.
func (d *demo) statePath() string {
	if d.DatabaseURL == "" {
		return filepath.Join(d.Data, "demo.json")
	}
	sum := sha256.Sum256([]byte(d.DatabaseURL))
	return filepath.Join(d.Data, "demo-"+hex.EncodeToString(sum[:6])+".json")
}

func (d *demo) findData() (err error) {
	if d.Data == "" {
		if d.Data, err = server.DefaultDataDir("demo"); err != nil {
			return err
		}
	}
	d.Data, err = filepath.Abs(d.Data)
	return err
}

// openDatabase connects to the database given, or to one of a server of our own, and brings its schema up to date.
func (d *demo) openDatabase(ctx context.Context) error {
	if err := d.findData(); err != nil {
		return err
	}
	dsn := d.DatabaseURL
	if dsn == "" {
		own, stop, err := startDatabase(ctx, server.Options{DataDir: filepath.Join(d.Data, "postgres"), Fresh: d.Reset, Log: d.log})
		if err != nil {
			return err
		}
		d.ends = append(d.ends, stop)
		dsn = own
	}
	if err := migrate(ctx, dsn); err != nil {
		return err
	}
	db, err := postgres.Open(ctx, dsn, d.watch.DatabaseOptions())
	if err != nil {
		return err
	}
	d.ends = append(d.ends, func() { db.Close() })
	d.db = db
	return db.CheckRights(ctx)
}

// Believable sizes: a reseller with a few hundred customers and half a year of invoices.
const (
	demoOrganizations = 320
	demoCompanies     = 400
	demoProducts      = 260
	demoAgreements    = 420
	demoLines         = 24_000
)

// startSimulators serves both stand-ins where they were served before: ConnectWise's address is part of what
// the demo keeps, because mappings only mean something there.
func (d *demo) startSimulators(ctx context.Context) error {
	psa := simconnectwise.New(simconnectwise.Options{
		Companies: demoCompanies, Products: demoProducts, Agreements: demoAgreements, Now: d.now(),
	})
	marketplace := simplatform.New(simplatform.Options{
		Key: d.state.PlatformKey, Token: d.state.PlatformToken,
		Organizations: demoOrganizations, Lines: demoLines, Now: d.now(),
	})
	var err error
	if d.state.ConnectWise, err = d.serveSimulator(ctx, d.state.ConnectWise, psa); err != nil {
		return fmt.Errorf("simulated ConnectWise: %w", err)
	}
	if d.state.Platform, err = d.serveSimulator(ctx, d.state.Platform, marketplace); err != nil {
		return fmt.Errorf("simulated Platform: %w", err)
	}
	return d.state.save()
}

func (d *demo) now() func() time.Time {
	if d.Now.IsZero() {
		return time.Now
	}
	return func() time.Time { return d.Now }
}

// serveSimulator serves handler at address, or at a free one where there is none yet, and returns it.
func (d *demo) serveSimulator(ctx context.Context, address string, handler http.Handler) (string, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("%w; free that port, or start over with --reset", err)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- serveUntilDone(serving, listener, handler) }()
	d.ends = append(d.ends, func() {
		stop()
		if err := <-done; err != nil {
			d.log.Error("a simulator did not stop", "error", err)
		}
	})
	return listener.Addr().String(), nil
}

// furnish makes sure that there is a seller with tokens, credentials and an Agreement Type.
func (d *demo) furnish(ctx context.Context, ring *seal.KeyRing) error {
	accounts := account.NewService(d.db, ring, time.Now, account.Options{AllowInsecureUpstreams: true})
	if d.state.Seller != 0 {
		_, err := accounts.Seller(ctx, d.state.Seller)
		if err == nil || !errors.Is(err, account.ErrNotFound) {
			return err
		}
	}
	seller, err := accounts.CreateSeller(ctx, account.NewSeller{
		Name: "Northwind Cloud Services", TimeZone: "Europe/Riga", PlatformURL: "http://" + d.state.Platform,
		PlatformKey: seal.NewSecret(d.state.PlatformKey), PlatformToken: seal.NewSecret(d.state.PlatformToken),
	})
	if err != nil {
		return err
	}
	var tokens []explorer.Token
	for _, role := range []account.Role{account.Admin, account.Operator, account.Editor, account.Viewer} {
		token, _, err := accounts.IssueToken(ctx, account.NewToken{
			Seller: seller.ID, Role: role, Subject: "demo " + strings.ToLower(string(role)),
		})
		if err != nil {
			return err
		}
		tokens = append(tokens, explorer.Token{Label: string(role), Value: token})
	}
	if err := d.connect(ctx, accounts, seller.ID); err != nil {
		return err
	}
	d.state.Seller, d.state.Tokens = seller.ID, tokens
	return d.state.save()
}

// connect saves the simulated ConnectWise's credentials and an Agreement Type, as an administrator would.
func (d *demo) connect(ctx context.Context, accounts *account.Service, seller postgres.SellerID) error {
	return d.db.Seller(seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		_, err := accounts.SaveConnection(ctx, tx, seller, account.NewConnection{
			APIURL: "http://" + d.state.ConnectWise, CompanyID: "demo", PublicKey: "public",
			PrivateKey: seal.NewSecret("private"), ClientID: seal.NewSecret("3f0c9a52-6f1d-4c8e-9b7e-5d2a1c0e4b66"),
		}, "demo", func(context.Context, *postgres.Tx) (bool, error) { return false, nil })
		if err != nil {
			return err
		}
		_, err = accounts.UpdateSettings(ctx, tx, seller, account.SettingsChange{AgreementType: &demoAgreementType})
		return err
	})
}

// demoAgreementType is one that the simulated ConnectWise has.
var demoAgreementType = account.AgreementType{RecordID: 2, Name: "Cloud Subscriptions"}

// explain says how to use the demo.
func (d *demo) explain(stdout io.Writer, address string, hasExplorer bool) {
	explorer, start := "switched off", `Ask GraphQL to run syncOrganizations`
	if hasExplorer {
		explorer, start = "http://"+address+"/", `Open the explorer, run "Sync organizations"`
	}
	fmt.Fprintf(stdout, "\ncrosswalk demo is running.\n\n  Explorer      %s\n  GraphQL       http://%s/graphql\n\n", explorer, address)
	for _, token := range d.state.Tokens {
		fmt.Fprintf(stdout, "  %-8s      %s\n", token.Label, token.Value)
	}
	fmt.Fprintf(stdout, `
  ConnectWise   http://%s (simulated; faults: /_simulator/faults)
  Platform      http://%s (simulated; faults: /_simulator/faults)
  Kept in       %s

%s, and map. Ctrl-C stops everything.
`, d.state.ConnectWise, d.state.Platform, d.Data, start)
}
