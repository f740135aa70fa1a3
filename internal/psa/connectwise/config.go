package connectwise

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// Config is what a Client needs to reach one seller's ConnectWise. Printing it never shows the private key.
type Config struct {
	// APIURL is a host ("api-eu.myconnectwise.net") or an origin ("https://psa.example.com:8443").
	// The scheme defaults to https; a path is ignored. See parseOrigin.
	APIURL string
	// CompanyID is the login company, the first field of the ConnectWise sign-in screen.
	CompanyID  string
	PublicKey  string
	PrivateKey string `json:"-"`
	// ClientID identifies the integration; ConnectWise issues it to developers.
	ClientID string

	// AllowInsecure permits plain HTTP and addresses in private, loopback and link-local networks.
	AllowInsecure bool
	// CallsPerMinute is the most calls of this client together in a minute, and the pace it starts at; 0 means
	// that only ConnectWise sets a limit. Either way the pace follows its 429 answers: see pace.
	CallsPerMinute int
	// RetryPause is the pause before the first retry of a read, the later ones being longer; 0 means 200 ms
	// where somebody waits and 1 s in the background.
	RetryPause time.Duration

	// TLS says which certificate authorities are trusted; nil means those of the system.
	TLS *tls.Config
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Log receives failed calls; nil discards them.
	Log *slog.Logger
	// Observe, if set, is told of every HTTP request made, with the context it was made in. It must be safe for
	// concurrent use.
	Observe func(context.Context, Call)
}

// Call is one HTTP request that was made, told to Config.Observe.
type Call struct {
	// Operation says what the request was for, in a few words that do not vary: "list companies".
	Operation string
	// Method is the HTTP method.
	Method string
	// Status is the HTTP status; 0 when no answer came.
	Status   int
	Duration time.Duration
	// Err is nil when the answer was usable.
	Err error
}

// ConfigError says what is wrong with one field of a Config.
type ConfigError struct {
	// Field is the name of the Config field.
	Field   string
	Problem string
}

func (e *ConfigError) Error() string { return e.Field + " " + e.Problem }

// Validate checks the fields without calling anybody. The error joins one *ConfigError per faulty field.
func (c Config) Validate() error {
	_, err := parseOrigin(c.APIURL, c.AllowInsecure)
	problems := []error{err}
	for _, field := range []struct {
		name, value string
		inUserName  bool
	}{
		{"CompanyID", c.CompanyID, true},
		{"PublicKey", c.PublicKey, true},
		{"PrivateKey", c.PrivateKey, false},
		{"ClientID", c.ClientID, false},
	} {
		switch value := strings.TrimSpace(field.value); {
		case value == "":
			problems = append(problems, &ConfigError{Field: field.name, Problem: "is missing"})
		case strings.ContainsFunc(value, unicode.IsControl):
			problems = append(problems, &ConfigError{Field: field.name, Problem: "contains a line break or another control character"})
		case field.inUserName && strings.Contains(value, ":"):
			problems = append(problems, &ConfigError{Field: field.name, Problem: "must not contain a colon"})
		}
	}
	if c.CallsPerMinute < 0 {
		problems = append(problems, &ConfigError{Field: "CallsPerMinute", Problem: "must not be negative"})
	}
	return errors.Join(problems...)
}

// withDefaults returns c with surrounding space trimmed and the optional fields filled in.
func (c Config) withDefaults() Config {
	c.CompanyID = strings.TrimSpace(c.CompanyID)
	c.PublicKey = strings.TrimSpace(c.PublicKey)
	c.PrivateKey = strings.TrimSpace(c.PrivateKey)
	c.ClientID = strings.TrimSpace(c.ClientID)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(context.Context, Call) {}
	}
	return c
}

// String describes c without its secrets.
func (c Config) String() string {
	return fmt.Sprintf("connectwise.Config{APIURL: %q, CompanyID: %q, PublicKey: %q, PrivateKey: %s, ClientID: %s, AllowInsecure: %t}",
		c.APIURL, c.CompanyID, c.PublicKey, presence(c.PrivateKey), presence(c.ClientID), c.AllowInsecure)
}

// GoString is String, so that %#v shows no secret either.
func (c Config) GoString() string { return c.String() }

// LogValue is String in parts, for slog.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("api_url", c.APIURL),
		slog.String("company_id", c.CompanyID),
		slog.String("public_key", c.PublicKey),
		slog.String("private_key", presence(c.PrivateKey)),
		slog.String("client_id", presence(c.ClientID)),
		slog.Bool("allow_insecure", c.AllowInsecure),
	)
}

func presence(secret string) string {
	if secret == "" {
		return "(missing)"
	}
	return "(set)"
}
