// Package gateway puts the parts together: one replica of crosswalk, from its database to its listening
// socket. serve, demo and end-to-end tests run the same one. It decides nothing; to see what there is to
// decide, start reading at Config, and at New for who knows whom.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/cenkalti/backoff/v5"

	"crosswalk/graph"
	"crosswalk/graph/cost"
	"crosswalk/internal/account"
	"crosswalk/internal/account/oidc"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/httpapi"
	"crosswalk/internal/httpapi/explorer"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/platform"
	"crosswalk/internal/platform/feed"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/notify"
	"crosswalk/internal/posting"
	"crosswalk/internal/psa"
	"crosswalk/internal/psa/connectwise"
	"crosswalk/internal/schedule"
	"crosswalk/internal/telemetry"
)

// Config says what a replica runs on. DB, KeyRing and Listen are required; the rest has defaults.
type Config struct {
	DB      *postgres.DB
	KeyRing *seal.KeyRing
	// Listen is the address to serve on, such as 127.0.0.1:8080; port 0 chooses a free one.
	Listen string
	// AllowInsecureUpstreams accepts addresses of ConnectWise, the Platform and the OpenID Connect issuer in plain
	// HTTP or in private networks.
	AllowInsecureUpstreams bool
	// OIDC is whose tokens are accepted beside issued ones; nil means nobody's. AllowInsecure and Log are set by New.
	OIDC *oidc.Config
	// Clock is what business rules take for today.
	Clock civil.Clock
	// PSABudget is how long one operation waits for ConnectWise in all; 0 means 2 s.
	PSABudget time.Duration
	// PSAFreshness is how long a ConnectWise answer serves other requests; 0 means 5 s.
	PSAFreshness time.Duration
	// PSACallsPerMinute bounds the calls to one seller's ConnectWise; 0 means the client's default.
	PSACallsPerMinute int
	// RetryPause is how long failed reads of ConnectWise and the Platform wait before they are tried again; 0
	// means the clients' defaults.
	RetryPause time.Duration
	// SettleDelay is how long a lost write is given to turn up in ConnectWise; 0 means posting's default.
	SettleDelay time.Duration
	// Lease is how long a silent worker is believed to live; 0 means the runner's default.
	Lease          time.Duration
	Limits         httpapi.Limits
	AllowedOrigins []string
	HideSchema     bool
	// PersistedOnly is a directory of the only documents to execute; empty allows all.
	PersistedOnly string
	// SlowOperation is how long an operation takes that is logged as slow; 0 means 2 s.
	SlowOperation time.Duration
	// Telemetry counts, times and traces what the replica does; nil means a new one without traces.
	Telemetry *telemetry.Telemetry
	// MetricsListen is the address to serve /metrics on; empty means Listen.
	MetricsListen string
	// PlainResolvers has every field of every list resolved by itself, as gqlgen does it; for comparisons.
	PlainResolvers bool
	// Explorer is served at /; nil switches it off.
	Explorer *explorer.Config
	// Log takes what concerns operators; nil means slog.Default.
	Log *slog.Logger
}

// service is what runs in the background of a replica.
type service interface {
	Start(context.Context) error
	Stop(context.Context) error
}

// Gateway is one replica.
type Gateway struct {
	// Accounts manages the sellers of the database.
	Accounts *account.Service

	clients *connectwise.Pool
	server  *httpapi.Server
	metrics *httpapi.Server
	handler *httpapi.Handler
	// stages are what runs in the background, each stage for the ones after it.
	stages [][]service
}

// New puts a replica together. Nothing runs before Start.
func New(config Config) (*Gateway, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	config.Log = httpapi.Logger(config.Log)
	if config.PSABudget <= 0 {
		config.PSABudget = 2 * time.Second
	}
	if config.Telemetry == nil {
		config.Telemetry = telemetry.New(telemetry.Options{Log: config.Log})
	}
	accounts := account.NewService(config.DB, config.KeyRing, time.Now, account.Options{AllowInsecureUpstreams: config.AllowInsecureUpstreams})
	authenticator, err := config.authenticator(accounts)
	if err != nil {
		return nil, err
	}
	upstream := upstreams{config: config, accounts: accounts}
	clients := connectwise.NewPool(upstream.connectWise)
	if err := config.watch(clients); err != nil {
		return nil, err
	}
	directory := psa.NewDirectory(clients, psa.DirectoryOptions{Freshness: config.PSAFreshness, DB: config.DB, Log: config.Log})

	listener := notify.NewListener(config.DB, config.Log)
	runner := jobs.NewRunner(config.DB, jobs.Options{Listener: listener, Lease: config.Lease, Observer: config.Telemetry, Log: config.Log})
	sources := mapping.Sources{Clients: clients, Feed: upstream.feed, Today: upstream.today}
	runner.Handle(mapping.KindSync, config.filling((&mapping.Synchronizer{Sources: sources}).Run,
		"psa_company", "psa_agreement", "organization", "contract"))
	runner.Handle(mapping.KindLoadOffers, config.filling((&mapping.OfferLoader{Sources: sources}).Run,
		"psa_product", "vendor", "offer"))
	runner.Handle(invoicing.KindLoad, (&invoicing.Loader{Sources: sources, Rules: upstream.rules, Filled: config.refreshStatistics}).Run)
	runner.Handle(posting.Kind, config.filling((&posting.Poster{
		Clients: clients, Today: upstream.today, Settings: accounts.Settings, SettleDelay: config.SettleDelay,
		Observe: config.Telemetry.AdditionWritten,
	}).Run, "addition", "addition_write", "created_agreement", "posting_item"))

	resolver := &graph.Resolver{
		DB: config.DB, Accounts: accounts, Clients: clients, Directory: directory,
		Mapping:   mapping.NewService(config.DB, directory, config.PSABudget, time.Now, upstream.today, invoicing.Follow),
		Invoicing: invoicing.NewService(config.DB, directory, config.PSABudget, upstream.today),
		Budget:    config.PSABudget, Today: upstream.today, Now: time.Now, Log: config.Log,
		JobChanges: notify.NewWatchers(listener, jobs.Channel, jobs.ParseRef),
		LogChanges: notify.NewWatchers(listener, activity.LogChannel, func(payload string) (postgres.SellerID, error) {
			notice, err := activity.ParseNotice(payload)
			return notice.Seller, err
		}),
	}
	documents, err := config.documents()
	if err != nil {
		return nil, err
	}
	handler, err := httpapi.New(httpapi.Config{
		Schema:         resolver.Schema(httpapi.Published),
		SDL:            graph.SDL(),
		Authenticator:  authenticator,
		Ready:          ready(config.DB, config.Log),
		Logger:         config.Log,
		Limits:         config.Limits,
		Cost:           cost.Of,
		Observer:       config.Telemetry,
		SlowOperation:  config.SlowOperation,
		PersistedOnly:  config.PersistedOnly,
		HideSchema:     config.HideSchema,
		AllowedOrigins: config.AllowedOrigins,
		Explorer:       config.Explorer,
		Instrument:     config.Telemetry.Instrument,
		Metrics:        config.publicMetrics(),
		Watchers:       config.Telemetry.Watchers(documents...),
		Extensions:     config.extensions(resolver),
	})
	if err != nil {
		return nil, err
	}
	server := httpapi.NewServer(config.Listen, handler, config.Log)
	g := &Gateway{
		Accounts: accounts, clients: clients, server: server, metrics: server, handler: handler,
		stages: [][]service{{listener, directory}, {
			runner, activity.NewPurger(config.DB, time.Now, config.Log),
			schedule.New(config.DB, accounts, enqueueDailySync, schedule.Options{Log: config.Log}), server,
		}},
	}
	if config.MetricsListen != "" {
		g.metrics = httpapi.NewServer(config.MetricsListen, httpapi.NewMetrics(config.Telemetry.Metrics()), config.Log)
		g.stages = append([][]service{{g.metrics}}, g.stages...)
	}
	return g, nil
}

// watch has what is asked for when metrics are read.
func (c Config) watch(clients *connectwise.Pool) error {
	return errors.Join(c.Telemetry.WatchPool(c.DB.Pool().Stats), c.Telemetry.WatchCircuits(clients.Circuits))
}

// publicMetrics is what /metrics answers beside /graphql; nil where it is served elsewhere.
func (c Config) publicMetrics() http.Handler {
	if c.MetricsListen != "" {
		return nil
	}
	return c.Telemetry.Metrics()
}

// documents returns those whose operations metrics name: the only ones allowed, or the explorer's examples.
func (c Config) documents() ([]string, error) {
	if c.PersistedOnly != "" {
		allowed, err := httpapi.ReadDocuments(c.PersistedOnly)
		return slices.Collect(maps.Values(allowed)), err
	}
	examples, err := explorer.Examples()
	documents := make([]string, len(examples))
	for i, example := range examples {
		documents[i] = example.Query
	}
	return documents, err
}

// extensions are what takes part in executing operations.
func (c Config) extensions(resolver *graph.Resolver) []graphql.HandlerExtension {
	extensions := []graphql.HandlerExtension{graph.Operation{Resolver: resolver}}
	if !c.PlainResolvers {
		extensions = append(extensions, graph.NewFastLane())
	}
	return extensions
}

// authenticator tells who holds a token.
func (c Config) authenticator(accounts *account.Service) (httpapi.Authenticator, error) {
	if c.OIDC == nil {
		return accounts, nil
	}
	config := *c.OIDC
	config.AllowInsecure, config.Log = c.AllowInsecureUpstreams, c.Log
	return oidc.NewAuthenticator(config, accounts)
}

// enqueueDailySync asks for a run over all lines that can be posted.
func enqueueDailySync(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, requestedBy string) error {
	_, started, _, err := posting.Enqueue(ctx, tx, seller, requestedBy, nil)
	if err == nil && !started {
		return schedule.ErrActive
	}
	return err
}

// filling returns a handler that tells the planner afterwards which tables it has filled.
func (c Config) filling(handler jobs.Handler, tables ...string) jobs.Handler {
	return func(ctx context.Context, run *jobs.Run) error {
		if err := handler(ctx, run); err != nil {
			return err
		}
		c.refreshStatistics(ctx, tables...)
		return nil
	}
}

// refreshStatistics tells the planner of tables that were filled. Where that fails, queries are slower until autovacuum comes round.
func (c Config) refreshStatistics(ctx context.Context, tables ...string) {
	if err := c.DB.RefreshStatistics(ctx, tables...); err != nil {
		c.Log.Warn("statistics were not refreshed", "error", err)
	}
}

// Handler returns what answers requests, for those who have a server of their own. It needs no Start, but for subscriptions and runs,
// and for the mirror to follow what pages show live.
func (g *Gateway) Handler() http.Handler { return g.handler }

// Start starts the background services and then serves. It does not block. When a part cannot be started,
// those that were are stopped again.
func (g *Gateway) Start(ctx context.Context) error {
	for _, s := range slices.Concat(g.stages...) {
		if err := s.Start(ctx); err != nil {
			return errors.Join(err, g.Stop(ctx))
		}
	}
	return nil
}

// Address returns where the gateway listens, once it does.
func (g *Gateway) Address() string { return g.server.Address() }

// MetricsAddress returns where /metrics is served, once it is.
func (g *Gateway) MetricsAddress() string { return g.metrics.Address() }

// Done is closed when the gateway stops serving; Err then says why, if not because of Stop.
func (g *Gateway) Done() <-chan struct{} { return g.server.Done() }

// Err returns why the gateway stopped serving by itself.
func (g *Gateway) Err() error { return g.server.Err() }

// Stop lets requests under way finish, hands background runs over to other replicas meanwhile, and returns when
// nothing is served or run any more, or when ctx is done. Look-ups that nobody waits for may take some seconds
// longer; they only read. It may be called again.
func (g *Gateway) Stop(ctx context.Context) error {
	var problems []error
	for _, stage := range slices.Backward(g.stages) {
		errs := make([]error, len(stage))
		var stopping sync.WaitGroup
		for i, s := range stage {
			stopping.Go(func() { errs[i] = s.Stop(ctx) })
		}
		stopping.Wait()
		problems = append(problems, errs...)
	}
	g.clients.Close()
	return errors.Join(problems...)
}

// ready reports whether the database is there and fits.
func ready(db *postgres.DB, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		switch err := db.Ready(ctx); {
		// A newer crosswalk may have migrated since this one started, which goes on working until it is replaced.
		case err == nil, errors.Is(err, postgres.ErrSchemaAhead):
			return nil
		case errors.Is(err, postgres.ErrSchemaBehind), errors.Is(err, postgres.ErrStandby):
			return err
		case postgres.IsUnavailable(err), ctx.Err() != nil:
			return errors.New("the database does not answer")
		default:
			log.WarnContext(ctx, "the database is not ready", "error", err)
			return errors.New("the database does not answer as it should")
		}
	}
}

// upstreams opens the connections of sellers to the systems they use.
type upstreams struct {
	config   Config
	accounts *account.Service
}

func (u upstreams) connectWise(ctx context.Context, seller postgres.SellerID) (connectwise.Config, int, error) {
	var saved account.Credentials
	err := u.config.DB.Seller(seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		saved, err = u.accounts.Credentials(ctx, tx, seller)
		return err
	})
	if errors.Is(err, account.ErrNotConnected) {
		return connectwise.Config{}, 0, psa.ErrNotConnected
	}
	if errors.Is(err, seal.ErrUnknownKey) || errors.Is(err, seal.ErrDamaged) {
		err = &psa.UnavailableError{Reason: "The saved ConnectWise credentials cannot be opened by this server", Err: err}
	}
	if err != nil {
		return connectwise.Config{}, 0, fmt.Errorf("read ConnectWise credentials: %w", err)
	}
	return connectwise.Config{
		APIURL: saved.APIURL, CompanyID: saved.CompanyID, PublicKey: saved.PublicKey,
		PrivateKey: saved.PrivateKey.Reveal(), ClientID: saved.ClientID.Reveal(),
		AllowInsecure: u.config.AllowInsecureUpstreams, CallsPerMinute: u.config.PSACallsPerMinute,
		RetryPause: u.config.RetryPause, Log: u.config.Log.With("seller", seller.String()),
		Observe: u.config.Telemetry.ConnectWiseCalled,
	}, saved.Revision, nil
}

func (u upstreams) feed(ctx context.Context, seller postgres.SellerID) (platform.Feed, error) {
	saved, err := u.accounts.PlatformCredentials(ctx, seller)
	if err != nil {
		return nil, fmt.Errorf("read Platform credentials: %w", err)
	}
	config := feed.Config{
		BaseURL: saved.URL, Key: saved.Key.Reveal(), Token: saved.Token.Reveal(),
		AllowInsecure: u.config.AllowInsecureUpstreams, Log: u.config.Log.With("seller", seller.String()),
		Observe: u.config.Telemetry.PlatformCalled,
	}
	if pause := u.config.RetryPause; pause > 0 {
		config.Backoff = func() backoff.BackOff { return backoff.NewConstantBackOff(pause) }
	}
	return feed.NewClient(config)
}

// today tells the date in the seller's time zone.
func (u upstreams) today(ctx context.Context, seller postgres.SellerID) (civil.Date, error) {
	home, err := u.accounts.Seller(ctx, seller)
	if err != nil {
		return civil.Date{}, err
	}
	return u.config.Clock.Today(home.Zone), nil
}

// rules returns the seller's charge-date rules.
func (u upstreams) rules(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (invoicing.Rules, error) {
	settings, err := u.accounts.Settings(ctx, tx, seller)
	return invoicing.Rules{Start: settings.ChargeStart, End: settings.ChargeEnd}, err
}
