// Package gatewaytest puts up a whole crosswalk for a test: a PostgreSQL database of its own, both simulators,
// sellers with tokens of every role, and a gateway that serves real HTTP. Everything ends with the test.
//
// Tests ask a World what users ask, in GraphQL, and change what the simulators serve from Go. The package is
// for tests only and decides nothing about the product. Start reading at Start; query.go asks, replica.go adds
// further gateways to the same database, in this process or in one that can be killed.
package gatewaytest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/civil"
	"crosswalk/internal/gateway"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	simplatform "crosswalk/internal/simulator/platform"
)

// What the simulated ConnectWise lets in. PrivateKey and ClientID are distinctive, so that tests can look for
// them where they must not be.
const (
	CompanyID  = "demo"
	PublicKey  = "public-key-of-the-api-member"
	PrivateKey = "private-key-nobody-may-see"
	ClientID   = "5f6c2a10-8f0e-4bde-9b4a-client-id"
)

// EncryptionKey opens the credentials of every world.
const EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// Now is what business rules and simulators take for the present.
func Now() time.Time { return time.Date(2026, time.May, 18, 9, 30, 0, 0, time.UTC) }

// Options say what a world is like. The zero value has one seller whose set-up is complete, and empty simulators.
type Options struct {
	// ConnectWise and Platform say what the simulators are filled with; keys and clock are set by Start.
	ConnectWise simconnectwise.Options
	Platform    simplatform.Options
	// BeforeConnectWise and BeforePlatform, if set, return a handler that stands before the simulator, which it is given.
	BeforeConnectWise func(http.Handler) http.Handler
	BeforePlatform    func(http.Handler) http.Handler
	// Sellers is how many sellers use both simulators; 0 means one.
	Sellers int
	// WithoutCredentials and WithoutAgreementType leave these steps of the set-up to the test.
	WithoutCredentials   bool
	WithoutAgreementType bool
	// WithoutGateway starts no gateway: the test adds replicas itself.
	WithoutGateway bool
	// Database says how replicas in this process open the database; by default with 6 connections.
	Database postgres.Options
	// Server, if set, has the world's database, so that the test can stop it.
	Server *postgrestest.Server
	// Address, if set, is that of a migrated database to use, with the login that serves.
	Address string
	// Gateway changes the configuration of every replica.
	Gateway func(*gateway.Config)
}

// World is a running crosswalk. It asks as its first seller.
type World struct {
	*Seller
	// Sellers are all sellers, the first one included.
	Sellers []*Seller
	DB      *postgres.DB
	// Accounts administers the sellers, as the command line does.
	Accounts *account.Service

	ConnectWise    *simconnectwise.Simulator
	ConnectWiseURL string
	Platform       *simplatform.Simulator
	PlatformURL    string
	// Gateway is the first replica; nil with Options.WithoutGateway.
	Gateway *gateway.Gateway
	// Log is what replicas in this process wrote for operators.
	Log *Log

	options Options
	dsn     string
	ring    *seal.KeyRing
}

// Start puts up a world and takes it down when the test ends.
func Start(t testing.TB, options Options) *World {
	t.Helper()
	w := &World{options: options, Log: &Log{}}
	switch {
	case options.Address != "":
		w.dsn = options.Address
	case options.Server != nil:
		w.dsn = options.Server.DSN()
	default:
		w.dsn = postgrestest.New(t)
	}
	t.Cleanup(func() { w.explain(t) })
	w.openDatabase(t)
	w.startSimulators(t)
	for i := range max(options.Sellers, 1) {
		w.Sellers = append(w.Sellers, w.newSeller(t, fmt.Sprintf("Seller %d", i+1)))
	}
	w.Seller = w.Sellers[0]
	if !options.WithoutGateway {
		replica := w.Replica(t)
		w.Gateway = replica.Gateway
		for _, seller := range w.Sellers {
			seller.url = replica.URL
		}
	}
	return w
}

func (w *World) openDatabase(t testing.TB) {
	t.Helper()
	var err error
	options := w.options.Database
	options.MaxConnections = cmp.Or(options.MaxConnections, 6)
	if w.DB, err = postgres.Open(t.Context(), w.dsn, options); err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(func() { w.DB.Close() })
	if w.ring, err = seal.ParseKeyRing(EncryptionKey); err != nil {
		t.Fatalf("parse the key ring: %v", err)
	}
	w.Accounts = account.NewService(w.DB, w.ring, time.Now, account.Options{AllowInsecureUpstreams: true})
}

func (w *World) startSimulators(t testing.TB) {
	t.Helper()
	psa, marketplace := w.options.ConnectWise, w.options.Platform
	psa.CompanyID, psa.PublicKey, psa.PrivateKey, psa.ClientID = CompanyID, PublicKey, PrivateKey, ClientID
	psa.Now, marketplace.Now = Now, Now
	w.ConnectWise, w.Platform = simconnectwise.New(psa), simplatform.New(marketplace)
	psaServer := httptest.NewServer(behind(w.options.BeforeConnectWise, w.ConnectWise))
	marketplaceServer := httptest.NewServer(behind(w.options.BeforePlatform, w.Platform))
	for _, server := range []*httptest.Server{psaServer, marketplaceServer} {
		t.Cleanup(func() {
			// Requests that a fault keeps waiting would keep Close waiting, too.
			w.ConnectWise.Faults().Clear()
			w.Platform.ClearFaults()
			server.CloseClientConnections()
			server.Close()
		})
	}
	w.ConnectWiseURL, w.PlatformURL = psaServer.URL, marketplaceServer.URL
}

// behind returns the simulator, or what stands before it.
func behind(before func(http.Handler) http.Handler, simulator http.Handler) http.Handler {
	if before == nil {
		return simulator
	}
	return before(simulator)
}

// newSeller creates a seller as far as the options want it set up.
func (w *World) newSeller(t testing.TB, name string) *Seller {
	t.Helper()
	ctx := t.Context()
	created, err := w.Accounts.CreateSeller(ctx, account.NewSeller{
		Name: name, TimeZone: "Europe/Riga", PlatformURL: w.PlatformURL,
		PlatformKey: seal.NewSecret(simplatform.DefaultKey), PlatformToken: seal.NewSecret(simplatform.DefaultToken),
	})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	seller := &Seller{ID: created.ID, Name: name, tokens: make(map[account.Role]string)}
	for _, role := range Roles() {
		token, _, err := w.Accounts.IssueToken(ctx, account.NewToken{Seller: created.ID, Role: role, Subject: Subject(role)})
		if err != nil {
			t.Fatalf("issue a token for %s: %v", name, err)
		}
		seller.tokens[role] = token
	}
	err = w.DB.Seller(created.ID).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return w.setUp(ctx, tx, created.ID)
	})
	if err != nil {
		t.Fatalf("set %s up: %v", name, err)
	}
	return seller
}

func (w *World) setUp(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) error {
	if !w.options.WithoutCredentials {
		_, err := w.Accounts.SaveConnection(ctx, tx, seller, account.NewConnection{
			APIURL: w.ConnectWiseURL, CompanyID: CompanyID, PublicKey: PublicKey,
			PrivateKey: seal.NewSecret(PrivateKey), ClientID: seal.NewSecret(ClientID),
		}, "set-up", func(context.Context, *postgres.Tx) (bool, error) { return false, nil })
		if err != nil {
			return err
		}
	}
	if w.options.WithoutCredentials || w.options.WithoutAgreementType {
		return nil
	}
	chosen := account.AgreementType{RecordID: 2, Name: "Cloud Subscriptions"}
	_, err := w.Accounts.UpdateSettings(ctx, tx, seller, account.SettingsChange{AgreementType: &chosen})
	return err
}

// config is what every replica in this process runs with. Budgets are long and answers of ConnectWise are
// asked for anew each time, so that neither a slow machine nor an earlier query changes what a test sees.
func (w *World) config() gateway.Config {
	config := gateway.Config{
		DB: w.DB, KeyRing: w.ring, Listen: "127.0.0.1:0", AllowInsecureUpstreams: true,
		Clock: civil.Frozen(Now()), PSABudget: 20 * time.Second, PSAFreshness: time.Nanosecond,
		PSACallsPerMinute: 100_000, RetryPause: time.Millisecond,
		Log: slog.New(slog.NewTextHandler(w.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if w.options.Gateway != nil {
		w.options.Gateway(&config)
	}
	return config
}

// explain shows what went wrong on the server's side of a test that failed.
func (w *World) explain(t testing.TB) {
	if !t.Failed() {
		return
	}
	for line := range strings.Lines(w.Log.String()) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") {
			t.Logf("gateway: %s", strings.TrimSpace(line))
		}
	}
}

// Log collects what is written to it. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds a line.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// String returns everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
