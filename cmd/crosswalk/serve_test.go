package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"crosswalk/internal/gateway"
)

func gatewayConfig(t *testing.T, arguments ...string) gateway.Config {
	t.Helper()
	var flags gatewayFlags
	parser, err := kong.New(&flags)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(arguments); err != nil {
		t.Fatalf("%q: %v", arguments, err)
	}
	config, err := flags.config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("%q: %v", arguments, err)
	}
	return config
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
