package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/gateway"
	"crosswalk/internal/httpapi/explorer"
)

// serveCommand runs one replica of the gateway.
type serveCommand struct {
	databaseFlags
	keyFlags
	insecureFlags
	issuerFlags
	gatewayFlags
}

// gatewayFlags are what serve and demo have in common.
type gatewayFlags struct {
	Listen         string        `env:"CROSSWALK_LISTEN" default:"127.0.0.1:8080" help:"Address to listen on."`
	MetricsListen  string        `env:"CROSSWALK_METRICS_LISTEN" placeholder:"ADDRESS" help:"Address to serve /metrics on instead of the one above."`
	Now            time.Time     `env:"CROSSWALK_NOW" optional:"" help:"Freeze what business rules take for today (RFC 3339); for demonstrations."`
	PSABudget      time.Duration `name:"psa-budget" env:"CROSSWALK_PSA_BUDGET" default:"2s" help:"How long one operation waits for ConnectWise in all."`
	PSAFreshness   time.Duration `name:"psa-freshness" env:"CROSSWALK_PSA_FRESHNESS" default:"5s" help:"How long an answer of ConnectWise serves other requests."`
	PSACalls       int           `name:"psa-calls-per-minute" env:"CROSSWALK_PSA_CALLS_PER_MINUTE" default:"0" help:"Most calls a minute to one seller's ConnectWise; 0 finds out how many it takes."`
	SettleDelay    time.Duration `env:"CROSSWALK_SETTLE_DELAY" default:"60s" help:"How long a write to ConnectWise whose answer was lost is given to turn up before it is sent again."`
	AllowedOrigins []string      `env:"CROSSWALK_ALLOWED_ORIGINS" help:"Web origins whose pages may call the gateway, such as https://app.example.com; * for all."`
	HideSchema     *bool         `env:"CROSSWALK_HIDE_SCHEMA" help:"Switch introspection and the schema download off; done with --persisted-only, unless --hide-schema=false."`
	NoExplorer     *bool         `env:"CROSSWALK_NO_EXPLORER" help:"Do not serve the GraphQL explorer at /; done with --persisted-only, unless --no-explorer=false."`
	PersistedOnly  string        `env:"CROSSWALK_PERSISTED_ONLY" placeholder:"DIR" help:"Execute only the documents in this directory's .graphql files."`
	SlowOperation  time.Duration `env:"CROSSWALK_SLOW_OPERATION" default:"2s" help:"Log queries and mutations that take this long or longer."`

	limitFlags
}

// or returns what a flag says, or what holds where it was not given.
func or(flag *bool, otherwise bool) bool {
	if flag == nil {
		return otherwise
	}
	return *flag
}

// check names what is set to what cannot work.
func (f gatewayFlags) check() error {
	problems := []error{
		notNegative("CROSSWALK_PSA_BUDGET", f.PSABudget),
		notNegative("CROSSWALK_PSA_FRESHNESS", f.PSAFreshness),
		notNegative("CROSSWALK_PSA_CALLS_PER_MINUTE", f.PSACalls),
		notNegative("CROSSWALK_SETTLE_DELAY", f.SettleDelay),
		notNegative("CROSSWALK_SLOW_OPERATION", f.SlowOperation),
		f.limitFlags.check(),
	}
	for _, origin := range f.origins() {
		if !isOrigin(origin) {
			problems = append(problems, fmt.Errorf("CROSSWALK_ALLOWED_ORIGINS has %q; it must be origins such as https://app.example.com, separated by commas, or *", origin))
		}
	}
	return errors.Join(problems...)
}

// origins returns the allowed origins without the space around them.
func (f gatewayFlags) origins() []string {
	var origins []string
	for _, origin := range f.AllowedOrigins {
		if origin = strings.TrimSpace(origin); origin != "" {
			origins = append(origins, origin)
		}
	}
	return origins
}

// isOrigin tells whether pages can have an origin, or whether it means those of all of them. A page that has none says null.
func isOrigin(text string) bool {
	if text == "*" || text == "null" {
		return true
	}
	address, err := url.Parse(text)
	return err == nil && address.Scheme != "" && address.Host != "" && !strings.Contains(address.Host, "*") &&
		strings.EqualFold(strings.TrimSuffix(text, "/"), address.Scheme+"://"+address.Host)
}

// config returns the gateway's configuration without database and keys.
func (f gatewayFlags) config(log *slog.Logger, tokens ...explorer.Token) (gateway.Config, error) {
	config := gateway.Config{
		Listen:            f.Listen,
		MetricsListen:     f.MetricsListen,
		SettleDelay:       f.SettleDelay,
		PSABudget:         f.PSABudget,
		PSAFreshness:      f.PSAFreshness,
		PSACallsPerMinute: f.PSACalls,
		AllowedOrigins:    f.origins(),
		HideSchema:        or(f.HideSchema, f.PersistedOnly != ""),
		PersistedOnly:     f.PersistedOnly,
		SlowOperation:     f.SlowOperation,
		Limits:            f.limits(),
		Log:               log,
	}
	if !f.Now.IsZero() {
		config.Clock = civil.Frozen(f.Now)
	}
	if !or(f.NoExplorer, f.PersistedOnly != "") {
		examples, err := explorer.Examples()
		if err != nil {
			return config, err
		}
		config.Explorer = &explorer.Config{Examples: examples, Tokens: tokens}
	}
	return config, nil
}

// Run serves until ctx ends, which is not an error.
func (c *serveCommand) Run(ctx context.Context, log *slog.Logger) error {
	ring, err := c.ring()
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	watch, stopWatching, err := startTelemetry(ctx, log)
	if err != nil {
		return err
	}
	defer stopWatching()
	db, err := c.openWith(ctx, watch.DatabaseOptions())
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.CheckRights(ctx); err != nil {
		return err
	}
	config, err := c.config(log)
	if err != nil {
		return err
	}
	config.DB, config.KeyRing, config.AllowInsecureUpstreams, config.Telemetry = db, ring, c.AllowInsecureUpstreams, watch
	if config.OIDC, err = c.issuer(); err != nil {
		return err
	}
	c.tell(ctx, account.NewService(db, ring, time.Now, account.Options{}), log)
	return serve(ctx, config, func(g *gateway.Gateway) {
		fmt.Fprintf(os.Stderr, "crosswalk serves http://%s/graphql\n", g.Address())
	})
}

// drainTime is how long requests and runs under way may take to come to an end.
const drainTime = 30 * time.Second

// serve runs a gateway until ctx ends or it fails, and calls started once it listens.
func serve(ctx context.Context, config gateway.Config, started func(*gateway.Gateway)) error {
	g, err := gateway.New(config)
	if err != nil {
		return err
	}
	if err := g.Start(ctx); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%w: choose another one with --listen or CROSSWALK_LISTEN (--metrics-listen or CROSSWALK_METRICS_LISTEN for metrics)", err)
		}
		return err
	}
	started(g)
	select {
	case <-ctx.Done():
	case <-g.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := g.Stop(stopping); err != nil {
		return err
	}
	return g.Err()
}
