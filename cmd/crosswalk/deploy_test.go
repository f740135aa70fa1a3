package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"crosswalk/internal/account/oidc"
)

// readDeployed returns a file of the folder deploy.
func readDeployed(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// settingsOfServe are the environment variables that crosswalk serve reads, with their defaults.
func settingsOfServe(t *testing.T) map[string]string {
	t.Helper()
	parser, err := kong.New(&commandLine{}, kong.Vars{"sellerClaim": oidc.DefaultSellerClaim, "roleClaim": oidc.DefaultRoleClaim})
	if err != nil {
		t.Fatal(err)
	}
	settings := make(map[string]string)
	for _, command := range parser.Model.Leaves(false) {
		if command.Path() != "serve" {
			continue
		}
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				for _, name := range flag.Envs {
					settings[name] = flag.Default
					if flag.IsBool() && flag.Default == "" {
						settings[name] = "false"
					}
				}
			}
		}
	}
	if len(settings) < 20 {
		t.Fatalf("crosswalk serve reads %d environment variables, which cannot be all: %v", len(settings), settings)
	}
	return settings
}

// setting is a line of .env.example.
var setting = regexp.MustCompile(`^#?([A-Z][A-Z0-9_]*)=(.*)$`)

func TestTheExampleOfSettingsHasAllOfThemAndNoOthers(t *testing.T) {
	t.Parallel()
	want := settingsOfServe(t)
	compose := readDeployed(t, "compose.yaml")
	shown := make(map[string]bool)
	described := false
	for line := range strings.Lines(readDeployed(t, ".env.example")) {
		line = strings.TrimSuffix(line, "\n")
		found := setting.FindStringSubmatch(line)
		if found == nil {
			described = strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "# --") || described && line != ""
			continue
		}
		name, value := found[1], found[2]
		usual, known := want[name]
		switch {
		case shown[name]:
			t.Errorf("%s is there twice", name)
		case !described:
			t.Errorf("%s has no sentence before it", name)
		case known && value != usual:
			t.Errorf("%s: %q, but crosswalk serve takes %q where it is not set", name, value, usual)
		case !known && !strings.Contains(compose, "${"+name):
			t.Errorf("%s is read by neither crosswalk serve nor compose.yaml", name)
		}
		shown[name] = true
	}
	for name := range want {
		if !shown[name] {
			t.Errorf("%s is missing; crosswalk serve reads it", name)
		}
	}
}

func TestReplicasAreGivenTheTimeThatTheyNeedToStop(t *testing.T) {
	t.Parallel()
	for file, stated := range map[string]*regexp.Regexp{
		"crosswalk.service": regexp.MustCompile(`(?m)^TimeoutStopSec=(\S+)$`),
		"compose.yaml":      regexp.MustCompile(`(?ms)^x-gateway:.*?^  stop_grace_period: (\S+)$`),
	} {
		found := stated.FindStringSubmatch(readDeployed(t, file))
		if found == nil {
			t.Errorf("deploy/%s does not say how long a replica may take to stop", file)
			continue
		}
		if given, err := time.ParseDuration(found[1]); err != nil || given <= drainTime {
			t.Errorf("deploy/%s gives a replica %s to stop (%v), want more than the %s it takes", file, found[1], err, drainTime)
		}
	}
}
