package main

import (
	"context"
	"encoding/base64"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"crosswalk/internal/account"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// administration runs the seller and token commands as the command line would.
type administration struct {
	t           *testing.T
	databaseURL string
	key         string
}

func newAdministration(t *testing.T) administration {
	t.Helper()
	return administration{t, postgrestest.New(t), base64.StdEncoding.EncodeToString(make([]byte, 32))}
}

// run returns what the command wrote to stdout. Commands that take the key get it.
func (a administration) run(args ...string) (string, error) {
	a.t.Helper()
	var commands struct {
		Seller sellerCommand `cmd:""`
		Token  tokenCommand  `cmd:""`
	}
	var stdout strings.Builder
	parser, err := kong.New(&commands,
		kong.BindTo(a.t.Context(), (*context.Context)(nil)), kong.BindTo(&stdout, (*io.Writer)(nil)))
	if err != nil {
		a.t.Fatalf("the commands cannot be built: %v", err)
	}
	args = append(args, "--database-url="+a.databaseURL)
	if joined := strings.Join(args[:2], " "); joined == "seller create" || joined == "seller reseal" {
		args = append(args, "--encryption-key="+a.key)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	err = parsed.Run()
	return stdout.String(), err
}

func (a administration) mustRun(args ...string) string {
	a.t.Helper()
	stdout, err := a.run(args...)
	if err != nil {
		a.t.Fatalf("crosswalk %s: %v", strings.Join(args, " "), err)
	}
	return stdout
}

func (a administration) wantError(want string, args ...string) {
	a.t.Helper()
	stdout, err := a.run(args...)
	if err == nil || !strings.Contains(err.Error(), want) {
		a.t.Errorf("crosswalk %s: want an error with %q, got %v", strings.Join(args, " "), want, err)
	}
	if stdout != "" {
		a.t.Errorf("crosswalk %s: want nothing on stdout beside the error, got %q", strings.Join(args, " "), stdout)
	}
}

func createSeller(extra ...string) []string {
	return append([]string{
		"seller", "create", "--name=Nordwind", "--time-zone=Europe/Vienna", "--platform-url=https://feed.example.com",
		"--platform-key=key-11", "--platform-token=token-22",
	}, extra...)
}

// authenticate looks a token up as the gateway does.
func (a administration) authenticate(token string) (account.Identity, error) {
	a.t.Helper()
	db, err := postgres.Open(a.t.Context(), a.databaseURL, postgres.Options{})
	if err != nil {
		a.t.Fatal(err)
	}
	defer db.Close()
	return account.NewTokens(db, time.Now).Authenticate(a.t.Context(), token)
}

func TestFromASellerToARevokedToken(t *testing.T) {
	t.Parallel()
	a := newAdministration(t)

	id := strings.TrimSuffix(a.mustRun(createSeller()...), "\n")
	if n, err := strconv.Atoi(id); err != nil || n < 1 {
		t.Fatalf("seller create: want an id and nothing else on stdout, got %q", id)
	}
	if list := a.mustRun("seller", "list"); !regexp.MustCompile(`(?m)^` + id + ` +Nordwind +Europe/Vienna +https://feed\.example\.com$`).MatchString(list) {
		t.Errorf("seller list: want the seller in it, got\n%s", list)
	}

	token := strings.TrimSuffix(a.mustRun("token", "issue", "--seller="+id, "--role=editor", "--subject=Ann", "--expires=720h"), "\n")
	if !regexp.MustCompile(`^cw_[A-Za-z0-9_-]{43}$`).MatchString(token) {
		t.Fatalf("token issue: want the token and nothing else on stdout, got %q", token)
	}
	who, err := a.authenticate(token)
	if err != nil || who.Seller.String() != id || who.Subject != "Ann" || who.Role != account.Editor {
		t.Errorf("the issued token authenticates as %+v and %v", who, err)
	}
	list := a.mustRun("token", "list", "--seller="+id)
	if !strings.Contains(list, token[:9]) || !strings.Contains(list, "until 20") || strings.Contains(list, token) {
		t.Errorf("token list: want the token's beginning and expiry and not the token, got\n%s", list)
	}

	if out := a.mustRun("token", "revoke", token); out != "" {
		t.Errorf("token revoke: want nothing on stdout, got %q", out)
	}
	if who, err := a.authenticate(token); err == nil {
		t.Errorf("the revoked token still authenticates as %+v", who)
	}
	if list := a.mustRun("token", "list", "--seller="+id); !strings.Contains(list, "revoked 20") {
		t.Errorf("token list after revoking: want it to say so, got\n%s", list)
	}
	if out := a.mustRun("seller", "reseal"); out != "" {
		t.Errorf("seller reseal: want nothing on stdout, got %q", out)
	}
}

func TestValidityOfATokenInWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	before, after := now.Add(-time.Hour), now.Add(time.Hour)
	for want, token := range map[string]account.Token{
		"until it is revoked":          {},
		"until 2026-11-23T13:00:00Z":   {ExpiresAt: &after},
		"expired 2026-11-23T11:00:00Z": {ExpiresAt: &before},
		"expired 2026-11-23T12:00:00Z": {ExpiresAt: &now},
		"revoked 2026-11-23T11:00:00Z": {ExpiresAt: &after, RevokedAt: &before},
	} {
		if got := validity(token, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAdministrationRefusesWithTheNamesOfTheFlags(t *testing.T) {
	t.Parallel()
	a := newAdministration(t)
	a.wantError("--name must not be empty", createSeller("--name= ")...)
	a.wantError("--time-zone must be an IANA time zone", createSeller("--time-zone=Local")...)
	a.wantError("--platform-url must start with https://", createSeller("--platform-url=http://127.0.0.1:1")...)
	a.wantError("--platform-token must not be empty", createSeller("--platform-key=", "--platform-token=")...)
	administration{t, a.databaseURL, "AAAA"}.wantError("CROSSWALK_ENCRYPTION_KEY: encryption key 1 of 1 holds 3 bytes", createSeller()...)
	a.wantError("not found", "token", "issue", "--seller=99", "--role=VIEWER")
	a.wantError("seller 99: not found", "token", "list", "--seller=99")
	a.wantError(`--role: "ROOT" is not a role`, "token", "issue", "--seller=1", "--role=ROOT")
	a.wantError("--expires must be in the future", "token", "issue", "--seller=1", "--role=VIEWER", "--expires=-1h")
	a.wantError("not found", "token", "revoke", "cw_unknown")

	if out := a.mustRun(createSeller("--platform-url=http://127.0.0.1:1", "--allow-insecure-upstreams")...); out != "1\n" {
		t.Errorf("seller create on this machine, allowed: want the first id, got %q", out)
	}
}
