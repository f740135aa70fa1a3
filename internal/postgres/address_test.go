package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"crosswalk/internal/postgres"
)

func TestAddressesThatCannotBeReadAreNotShown(t *testing.T) {
	t.Parallel()
	const escape = "percent-encode special characters in the password"
	for _, tt := range []struct{ name, address, want string }{
		{"a slash in the password", "postgres://cw:geheim/zz@127.0.0.1:1/cw", escape},
		{"a percent sign in the password", "postgres://cw:geheim%zz@127.0.0.1:1/cw", escape},
		{"a percent sign where the password goes on", "postgres://cw:%geheim@127.0.0.1:1/cw", escape},
		{"a question mark in the password", "postgres://cw:geheim?zz@127.0.0.1:1/cw", escape},
		{"a hash in the password", "postgres://cw:geheim#zz@127.0.0.1:1/cw", escape},
		{"a space in the password", "postgres://cw:geheim zz@127.0.0.1:1/cw", escape},
		{"a bracket in the password", "postgresql://cw:geheim[zz@127.0.0.1:1/cw", escape},
		{"digits before a slash", "postgres://127.0.0.1:1/geheim@127.0.0.1:1/cw", escape},
		{"digits before a question mark", "postgres://127.0.0.1:1?geheim@127.0.0.1:1/cw", escape},
		{"digits before a hash", "postgres://127.0.0.1:1#geheim@127.0.0.1:1/cw", escape},
		{"a percent sign in an option", "postgres://cw@127.0.0.1:1/cw?password=geheim%zz", escape},
		{"no slashes", "postgres:ge heim%zz@127.0.0.1:1/cw", "a postgres:// URL or key=value pairs"},
		{"no slashes, with an option", "postgres:geheim@127.0.0.1:1/cw?sslmode=disable", "a postgres:// URL or key=value pairs"},
		{"another scheme", "mysql://cw:geheim@127.0.0.1:1/cw", "a postgres:// URL or key=value pairs"},
		{"a password alone", "geheim", "a postgres:// URL or key=value pairs"},
		{"a value with a space", "host=127.0.0.1 port=1 password=zz geheim user=cw", `a word without "="`},
		{"a quote that is open", "host=127.0.0.1 port=1 password='geheim", "unterminated quoted string"},
		{"no port", "host=127.0.0.1 port=geheim", `wrong value for "port"`},
		{"no mode", "postgres://cw@127.0.0.1:1/cw?sslmode=geheim", `wrong value for "sslmode"; supported values are disable`},
		{"no encoding", "postgres://cw@127.0.0.1:1/cw?client_encoding=geheim", "unsupported client_encoding …: must be absent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, err := postgres.OpenAsOwner(t.Context(), tt.address, postgres.Options{})
			if err == nil {
				db.Close()
				t.Fatal("the address was taken")
			}
			if !strings.Contains(err.Error(), "the database address cannot be read") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want an error about the address with %q, got %v", tt.want, err)
			}
			for _, printed := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
				if strings.Contains(printed, "geh") || strings.Contains(printed, "heim") || strings.Contains(printed, "zz") {
					t.Errorf("the error shows a piece of the password: %s", printed)
				}
			}
		})
	}
}

func TestAddressesWithEscapedPasswordsAreRead(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://cw:a%2Fb%25c@127.0.0.1:1/cw", "postgres://cw:a@b@127.0.0.1:1/cw@x", "postgres://127.0.0.1:1/cw?user=me@example",
		"  user = cw password='a/b %c' host=127.0.0.1 port=1", "host=127.0.0.1 port=1",
	} {
		if _, err := postgres.OpenAsOwner(t.Context(), address, postgres.Options{}); err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("%s: want that nobody answers there, got %v", address, err)
		}
	}
}
