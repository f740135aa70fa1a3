package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"crosswalk/internal/gateway"
)

func parseGateway(t *testing.T, arguments ...string) gatewayFlags {
	t.Helper()
	var flags gatewayFlags
	parser, err := kong.New(&flags)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(arguments); err != nil {
		t.Fatalf("%q: %v", arguments, err)
	}
	return flags
}

func gatewayConfig(t *testing.T, arguments ...string) gateway.Config {
	t.Helper()
	flags := parseGateway(t, arguments...)
	config, err := flags.config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("%q: %v", arguments, err)
	}
	return config
}

// It sets the environment, and so cannot run beside others.
func TestAnEmptyVariableLeavesTheDefault(t *testing.T) {
	t.Setenv("CROSSWALK_LISTEN", "")
	t.Setenv("CROSSWALK_MAX_DEPTH", "")
	t.Setenv("CROSSWALK_PSA_BUDGET", "3s")
	if err := forgetEmpty(); err != nil {
		t.Fatal(err)
	}
	flags := parseGateway(t)
	if flags.Listen != "127.0.0.1:8080" || flags.limits().Depth != 15 || flags.PSABudget != 3*time.Second {
		t.Errorf("it listens on %q, with a depth of %d and a budget of %s; want the defaults and 3s", flags.Listen, flags.limits().Depth, flags.PSABudget)
	}
}

func TestWhatIsShownOfTheSchemaDependsOnWhatIsAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		arguments        []string
		hidden, explorer bool
	}{
		{"everything, by default", nil, false, true},
		{"the schema is hidden", []string{"--hide-schema"}, true, true},
		{"no explorer", []string{"--no-explorer"}, false, false},
		{"nothing where only some documents are allowed", []string{"--persisted-only", "documents"}, true, false},
		{"what is asked for all the same", []string{"--persisted-only=documents", "--hide-schema=false", "--no-explorer=false"}, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := gatewayConfig(t, test.arguments...)
			if config.HideSchema != test.hidden || (config.Explorer != nil) != test.explorer {
				t.Errorf("%q: schema hidden %t, explorer %t; want %t, %t", test.arguments, config.HideSchema, config.Explorer != nil, test.hidden, test.explorer)
			}
		})
	}
}

func TestLimitFlagsReachTheGateway(t *testing.T) {
	t.Parallel()
	config := gatewayConfig(t, "--max-body=1", "--max-tokens=2", "--max-depth=3", "--max-aliases=4", "--max-directives=5", "--max-cost=6",
		"--max-execution=7s", "--max-concurrent-operations=8", "--max-operations-per-minute=9", "--max-subscriptions=10", "--slow-operation=11s")
	limits := config.Limits
	for name, pair := range map[string][2]int{
		"body": {int(limits.BodyBytes), 1}, "tokens": {limits.Tokens, 2}, "depth": {limits.Depth, 3}, "aliases": {limits.Aliases, 4},
		"directives": {limits.Directives, 5}, "cost": {limits.Cost, 6}, "execution": {int(limits.ExecutionTime / time.Second), 7},
		"concurrent operations": {limits.ConcurrentOperations, 8}, "operations per minute": {limits.OperationsPerMinute, 9},
		"subscriptions": {limits.Subscriptions, 10}, "slow": {int(config.SlowOperation / time.Second), 11},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", name, pair[0], pair[1])
		}
	}
}

func TestNumbersMayBeZeroButNotNegative(t *testing.T) {
	t.Parallel()
	for flag, unit := range map[string]string{
		"psa-budget": "s", "psa-freshness": "s", "psa-calls-per-minute": "", "settle-delay": "s", "slow-operation": "s",
		"max-body": "", "max-tokens": "", "max-depth": "", "max-aliases": "", "max-directives": "", "max-cost": "", "max-execution": "s",
		"max-concurrent-operations": "", "max-operations-per-minute": "", "max-subscriptions": "",
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			if err := parseGateway(t, "--"+flag+"=0"+unit).check(); err != nil {
				t.Errorf("--%s=0%s: %v", flag, unit, err)
			}
			variable := "CROSSWALK_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
			want := fmt.Sprintf("%s is -3%s; it must not be negative", variable, unit)
			if err := parseGateway(t, "--"+flag+"=-3"+unit).check(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("--%s=-3%s: want %q, got %v", flag, unit, want, err)
			}
		})
	}
	err := parseGateway(t, "--max-cost=-1", "--psa-budget=-1s").check()
	if err == nil || !strings.Contains(err.Error(), "CROSSWALK_MAX_COST") || !strings.Contains(err.Error(), "CROSSWALK_PSA_BUDGET") {
		t.Errorf("two that are negative: want both named, got %v", err)
	}
}

func TestAllowedOriginsMustBeOrigins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		given string
		want  []string
	}{
		{"", nil},
		{"*", []string{"*"}},
		{"null", []string{"null"}},
		{"https://app.example.com", []string{"https://app.example.com"}},
		{"https://App.example.com/, http://localhost:3000,", []string{"https://App.example.com/", "http://localhost:3000"}},
		{"http://[::1]:3000,capacitor://localhost", []string{"http://[::1]:3000", "capacitor://localhost"}},
	} {
		flags := parseGateway(t, "--allowed-origins="+test.given)
		if err := flags.check(); err != nil {
			t.Errorf("%q: %v", test.given, err)
		}
		if got := flags.origins(); !slices.Equal(got, test.want) {
			t.Errorf("%q: allowed are %q, want %q", test.given, got, test.want)
		}
	}
	for _, given := range []string{
		"foo", "app.example.com", "localhost:3000", "//app.example.com", "https://", "https://app.example.com/page", "https://app.example.com?x=1",
		"https://app.example.com#x", "https://me@app.example.com", "https://*.example.com", "https://app.example.com https://b.example.com",
	} {
		want := fmt.Sprintf("CROSSWALK_ALLOWED_ORIGINS has %q; it must be", given)
		if err := parseGateway(t, "--allowed-origins=https://app.example.com,"+given).check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", given, want, err)
		}
	}
}
