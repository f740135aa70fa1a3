package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
	"crosswalk/internal/postgres/server"
)

// newWithRole returns the address of a database whose login made the role of the application, on a server of its own: roles are
// those of all databases of a server.
func newWithRole(t *testing.T) string {
	t.Helper()
	running, err := server.Start(t.Context(), server.Options{Disposable: true, CreatesRoles: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("stop the server: %v", err)
		}
	})
	const name = "crosswalk"
	if err := running.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	owner := openOwner(t, running.DSN(name))
	if _, err := postgres.Migrate(t.Context(), owner.Pool()); err != nil {
		t.Fatal(err)
	}
	return running.DSN(name)
}

// openOwner opens a database with all rights of its login.
func openOwner(t *testing.T, dsn string) *postgres.DB {
	t.Helper()
	owner, err := postgres.OpenAsOwner(t.Context(), dsn, postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	return owner
}

// pairsOf takes an address of key=value pairs without spaces apart.
func pairsOf(dsn string) map[string]string {
	pairs := map[string]string{}
	for _, pair := range strings.Fields(dsn) {
		key, value, _ := strings.Cut(pair, "=")
		pairs[key] = strings.Trim(value, "'")
	}
	return pairs
}

// asURL writes an address in key=value pairs as a URL, with a password and more settings.
func asURL(t *testing.T, dsn, password, settings string) string {
	t.Helper()
	pairs := pairsOf(dsn)
	query := url.Values{"host": {pairs["host"]}, "port": {pairs["port"]}, "sslmode": {"disable"}}
	return "postgres://" + pairs["user"] + ":" + password + "@/" + pairs["dbname"] + "?" + query.Encode() + settings
}

func TestTheRoleIsOursWhateverTheAddressSays(t *testing.T) {
	t.Parallel()
	dsn := newWithRole(t)
	login := pairsOf(dsn)["user"]
	for name, address := range map[string]string{
		"a password with it in a URL":            asURL(t, dsn, "my-role=x9", ""),
		"a password with everything in a URL":    asURL(t, dsn, "timezone=statement_timeout=role=jit=", ""),
		"a setting in a URL":                     asURL(t, dsn, "x", "&role="+login),
		"a setting in capitals":                  asURL(t, dsn, "x", "&ROLE="+login),
		"no role in a URL":                       asURL(t, dsn, "x", "&role=none"),
		"somebody else's session in a URL":       asURL(t, dsn, "x", "&session_authorization="+login),
		"an option in a URL":                     asURL(t, dsn, "x", "&options=-c%20role%3D"+login),
		"a password with it among pairs":         dsn + " password='my role=x9'",
		"a password with everything among pairs": dsn + " password='timezone=statement_timeout=role=jit='",
		"a pair":                                 dsn + " role=" + login,
		"a pair with spaces":                     dsn + " Role = '" + login + "'",
		"an option among pairs":                  dsn + " options='-c role=" + login + "'",
		"an application that is called like it":  dsn + " application_name='role=" + login + "'",
		"a quote with it":                        dsn + ` fallback_application_name='it\'s role=x'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := postgres.Open(t.Context(), address, postgres.Options{MaxConnections: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var role, zone, timeout, jit string
			var sellers int
			err = db.Pool().QueryRowContext(t.Context(), `
				SELECT current_user, current_setting('timezone'), current_setting('statement_timeout'), current_setting('jit'),
					(SELECT count(*) FROM pg_class WHERE relname = 'seller' AND row_security_active(oid))`).Scan(&role, &zone, &timeout, &jit, &sellers)
			if err != nil || role != "crosswalk_app" || sellers != 1 {
				t.Errorf("it works as %s (%v), row-level security holds it: %d; want crosswalk_app, held", role, err, sellers)
			}
			if zone != "UTC" || timeout != "1min" || jit != "off" {
				t.Errorf("sessions have the settings %s, %s, %s; want UTC, 1min, off", zone, timeout, jit)
			}
		})
	}
}

func TestSettingsOfTheAddressAreKept(t *testing.T) {
	t.Parallel()
	dsn := newWithRole(t)
	for name, address := range map[string]string{
		"of a URL":             asURL(t, dsn, "x", "&statement_timeout=7s&TimeZone=Europe/Riga&application_name=mine"),
		"of pairs":             dsn + " statement_timeout = 7s TIMEZONE='Europe/Riga' application_name=mine",
		"of options of a URL":  asURL(t, dsn, "x", "&options=-c%20statement_timeout%3D7s%20--TimeZone%3DEurope/Riga&application_name=mine"),
		"of options of a pair": dsn + " options='-c statement_timeout=7s -c timezone=Europe/Riga' application_name=mine",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := postgres.Open(t.Context(), address, postgres.Options{MaxConnections: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var got string
			err = db.Pool().QueryRowContext(t.Context(), `
				SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('timezone'), current_setting('application_name'))`).Scan(&got)
			if want := "7s Europe/Riga mine"; err != nil || got != want {
				t.Errorf("sessions have %q (%v), want %q", got, err, want)
			}
		})
	}
}

func TestAnAddressThatPassesByRowLevelSecurityIsRefused(t *testing.T) {
	t.Parallel()
	running := postgrestest.NewServer(t) // its login may not create roles: the policies are forced upon it
	for user, bound := range map[string]bool{"crosswalk": true, "postgres": false} {
		db, err := postgres.Open(t.Context(), fmt.Sprint(running.DSN(), " user=", user), postgres.Options{MaxConnections: 1})
		if err == nil {
			db.Close()
		}
		if (err == nil) != bound || err != nil && !strings.Contains(err.Error(), "could pass by row-level security") {
			t.Errorf("a login that row-level security holds: %t; open as it: %v", bound, err)
		}
	}
	if _, err := openOwner(t, running.DSN()).Pool().ExecContext(t.Context(), `ALTER TABLE addition NO FORCE ROW LEVEL SECURITY`); err != nil {
		t.Fatal(err)
	}
	if db, err := postgres.Open(t.Context(), running.DSN(), postgres.Options{MaxConnections: 1}); err == nil {
		db.Close()
		t.Error("a login was taken that owns a table and is not held there")
	}
}

func TestARoleThatPassesByRowLevelSecurityIsRefused(t *testing.T) {
	t.Parallel()
	dsn := newWithRole(t)
	if _, err := openOwner(t, dsn+" user=postgres").Pool().ExecContext(t.Context(), `ALTER ROLE crosswalk_app BYPASSRLS`); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), dsn, postgres.Options{MaxConnections: 1})
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "worked in as crosswalk_app, which could pass by row-level security") {
		t.Errorf("open as a role that passes by: %v, want a refusal", err)
	}
}
