package seal_test

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"crosswalk/internal/account/seal"
)

type exported struct {
	Key    seal.Secret
	Keys   []seal.Secret          `xml:"-"`
	ByName map[string]seal.Secret `xml:"-"`
}

type unexported struct {
	key  seal.Secret
	keys []seal.Secret
	any  any
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const text = "hunter2-hunter2"
	secret := seal.NewSecret(text)
	values := map[string]any{
		"a secret":                    secret,
		"a pointer to one":            &secret,
		"a struct with exported ones": exported{secret, []seal.Secret{secret}, map[string]seal.Secret{"a": secret}},
		"a struct with hidden ones":   unexported{secret, []seal.Secret{secret}, secret},
		"an error around it":          fmt.Errorf("calling with %v: %w", secret, errors.New("no")),
	}
	for name, value := range values {
		for _, printed := range prints(t, value) {
			if shows(printed, text) {
				t.Errorf("%s was printed: %s", name, printed)
			}
		}
	}
}

// prints is value in every way a program is likely to write it.
func prints(t *testing.T, value any) []string {
	t.Helper()
	var all []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s"} {
		all = append(all, fmt.Sprintf(verb, value))
	}
	all = append(all, fmt.Sprint(value), fmt.Sprintln(value))

	inJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("json.Marshal(%T): %v", value, err)
	}
	all = append(all, string(inJSON))
	if inXML, err := xml.Marshal(value); err == nil {
		all = append(all, string(inXML))
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "value", value)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "value", value)
	return append(all, log.String())
}

func shows(printed, text string) bool {
	lower := strings.ToLower(printed)
	return strings.Contains(lower, text) || strings.Contains(lower, fmt.Sprintf("%x", text)) || strings.Contains(lower, "hun")
}

func TestSecretIsRevealedOnRequestOnly(t *testing.T) {
	t.Parallel()
	var taken seal.Secret
	if !taken.IsEmpty() || taken.Reveal() != "" {
		t.Errorf("the zero secret: want it empty, got %d bytes", len(taken.Reveal()))
	}
	if err := taken.UnmarshalText([]byte("from a flag")); err != nil {
		t.Fatalf("UnmarshalText: %v", err)
	}
	if got := taken.Reveal(); got != "from a flag" || taken.IsEmpty() {
		t.Errorf("Reveal after UnmarshalText: want %q, got %q", "from a flag", got)
	}
	var decoded struct{ Key seal.Secret }
	if err := json.Unmarshal([]byte(`{"Key":"k"}`), &decoded); err != nil || decoded.Key.Reveal() != "k" {
		t.Errorf("json.Unmarshal: want %q, got %q and %v", "k", decoded.Key.Reveal(), err)
	}
}

func TestSecretIsNoQueryArgument(t *testing.T) {
	t.Parallel()
	var argument driver.Valuer = seal.NewSecret("plain")
	if value, err := argument.Value(); err == nil || value != nil {
		t.Errorf("Value: want an error and nothing, got %v and %v", value, err)
	}
}
