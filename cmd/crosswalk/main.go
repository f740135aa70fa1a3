// Command crosswalk is the whole product in one binary: demo to try it, serve to run it, and the commands that
// administer its database. Run it with --help; each command's file says what it does.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"crosswalk/internal/account/oidc"
)

type commandLine struct {
	Log logFlags `embed:"" prefix:"log-"`

	Demo     demoCommand     `cmd:"" help:"Start everything with believable data, to try crosswalk: PostgreSQL, a simulated ConnectWise, a simulated Platform and the gateway."`
	Serve    serveCommand    `cmd:"" help:"Serve the gateway."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the database's schema up to date, or show where it stands."`
	Seller   sellerCommand   `cmd:"" help:"Administer sellers."`
	Token    tokenCommand    `cmd:"" help:"Administer tokens."`
	Simulate simulateCommand `cmd:"" help:"Serve a stand-in for a system that crosswalk talks to."`
	Bench    benchCommand    `cmd:"" help:"Measure the gateway beside a hand-written handler, on a generated seller."`
}

type simulateCommand struct {
	ConnectWise simulateConnectWiseCommand `cmd:"" name:"connectwise" help:"Serve a simulated ConnectWise PSA."`
	Platform    simulatePlatformCommand    `cmd:"" name:"platform" help:"Serve a simulated Platform billing feed."`
}

// logFlags say what is logged and how. Logs go to standard error.
type logFlags struct {
	Level  slog.Level `env:"CROSSWALK_LOG_LEVEL" default:"info" help:"Least level to log: debug, info, warn or error."`
	Format string     `env:"CROSSWALK_LOG_FORMAT" enum:"text,json" default:"text" help:"Form of the log: text or json."`
}

func (f logFlags) logger(to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: f.Level}
	if f.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crosswalk:", err)
		os.Exit(1)
	}
}

// garbage is how much of it, in percent of what is in use, is let pile up before it is collected. A gateway keeps little and makes
// much, so that the usual 100 would have it collect all the time; what this costs is some tens of megabytes.
const garbage = 400

// tuneCollector sets the garbage collector up, unless the environment says how.
func tuneCollector(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}

// forgetEmpty has variables of ours that are empty count as not set, as lines of a file of settings may be left.
func forgetEmpty() error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if value != "" || !strings.HasPrefix(name, "CROSSWALK_") {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("forget %s, which is empty: %w", name, err)
		}
	}
	return nil
}

// secretFlags are those whose values are shown to nobody.
var secretFlags = []string{"--database-url", "--encryption-key", "--platform-key", "--platform-token", "--private-key", "--key", "--token"}

// withoutSecrets replaces an error of a command line that has a secret where the parser takes it for another flag, and quotes it.
func withoutSecrets(err error, arguments []string) error {
	for i, argument := range arguments[:len(arguments)-1] {
		if slices.Contains(secretFlags, argument) && strings.HasPrefix(arguments[i+1], "-") {
			return fmt.Errorf("%s needs a value; one that begins with - is given as %[1]s=-…", argument)
		}
	}
	return err
}

// run executes one command line. What a command answers goes to stdout, messages for people to standard error.
func run(ctx context.Context, arguments []string, stdout io.Writer) error {
	if len(arguments) == 0 {
		arguments = []string{"--help"}
	}
	if err := forgetEmpty(); err != nil {
		return err
	}
	var line commandLine
	parser, err := kong.New(&line,
		kong.Name("crosswalk"),
		kong.Description("GraphQL gateway between a cloud marketplace and ConnectWise PSA."),
		kong.UsageOnError(),
		kong.Vars{"sellerClaim": oidc.DefaultSellerClaim, "roleClaim": oidc.DefaultRoleClaim},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(arguments)
	if err != nil {
		return withoutSecrets(err, arguments)
	}
	log := line.Log.logger(os.Stderr)
	slog.SetDefault(log)
	tuneCollector(os.Getenv)
	command.Bind(log)
	return command.Run()
}
