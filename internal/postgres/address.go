package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// escapeAdvice is what to do about a URL that a password cuts where it should not.
const escapeAdvice = `; percent-encode special characters in the password, such as "/" as %2F and "%" as %25`

// firstKey is how key=value pairs begin.
var firstKey = regexp.MustCompile(`^\s*($|[\w.]+\s*=)`)

// wrongValue is how lib/pq begins to tell of a setting or an environment variable of its own.
var wrongValue = regexp.MustCompile(`^pq: (wrong value for (?:"\w+"|\$\w+)): `)

// quoted is a value in an error of lib/pq.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// newConnector reads an address, to connect as a role, unless that is empty. Its errors quote nothing of the address, because a
// piece of any part may be a piece of the password.
func newConnector(dsn, role string, options Options) (*pq.Connector, error) {
	problem := misread(dsn)
	if problem == "" {
		config, err := pq.NewConfig(dsn)
		if err == nil {
			addSettings(&config, options)
			if role != "" {
				workAs(&config, role)
			}
			return pq.NewConnectorConfig(config)
		}
		problem = withoutValues(err.Error())
	}
	return nil, fmt.Errorf("the database address cannot be read: %s", problem)
}

// addSettings adds what sessions run with, unless the address says otherwise: UTC, bounds on what one statement or an idle
// transaction may cost, and no compiling of queries, which takes longer than even the largest counts do. A session
// whose machine or process stands still or is gone without a word ends within half a minute, and the locks it held with it.
func addSettings(config *pq.Config, options Options) {
	timeout := options.StatementTimeout
	if timeout <= 0 {
		timeout = time.Minute
	}
	config.ApplicationName = cmp.Or(config.ApplicationName, "crosswalk")
	for name, value := range map[string]string{
		"timezone":                            "UTC",
		"jit":                                 "off",
		"statement_timeout":                   strconv.FormatInt(timeout.Milliseconds(), 10),
		"idle_in_transaction_session_timeout": "30000",
		"tcp_keepalives_idle":                 "15",
		"tcp_keepalives_interval":             "5",
		"tcp_keepalives_count":                "3",
	} {
		if !hasSetting(config, name) {
			config.Runtime[name] = value
		}
	}
}

// hasSetting tells whether an address has a setting of the server, by itself or among its options.
func hasSetting(config *pq.Config, name string) bool {
	for key := range config.Runtime {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return strings.Contains(strings.ToLower(config.Options), name+"=")
}

// workAs has sessions work as a role, whoever else the address says they are. What stands in its options, the server does before.
func workAs(config *pq.Config, role string) {
	maps.DeleteFunc(config.Runtime, func(key, _ string) bool {
		return strings.EqualFold(key, "role") || strings.EqualFold(key, "session_authorization")
	})
	config.Runtime["role"] = role
}

// isURL tells whether lib/pq takes an address for a URL.
func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// misread says why an address is no URL and no list of pairs, or is one by accident; empty when it is neither.
func misread(dsn string) string {
	if !isURL(dsn) {
		if !firstKey.MatchString(dsn) {
			return "it must be a postgres:// URL or key=value pairs"
		}
		return ""
	}
	address, err := url.Parse(dsn)
	if err != nil {
		return whyNoURL(err) + escapeAdvice
	}
	settings, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return "a setting after the question mark is malformed" + escapeAdvice
	}
	if _, has := address.User.Password(); has {
		return ""
	}
	behind := address.EscapedPath() + address.EscapedFragment()
	for key := range settings {
		behind += key
	}
	if strings.Contains(behind, "@") {
		return `there is an "@" behind the host` + escapeAdvice
	}
	return ""
}

// whyNoURL tells what url.Parse found without what it quotes.
func whyNoURL(err error) string {
	var parsing *url.Error
	if errors.As(err, &parsing) {
		err = parsing.Err
	}
	var escape url.EscapeError
	switch {
	case errors.As(err, &escape):
		return `a "%" is not followed by two hexadecimal digits`
	case strings.HasPrefix(err.Error(), "invalid port"):
		return "what follows the colon after the host is no port"
	}
	return "it has a character that is not allowed where it is"
}

// withoutValues removes what an error of lib/pq quotes of an address, which may be a piece of the password where a quote is missing.
func withoutValues(problem string) string {
	if strings.HasPrefix(problem, `missing "="`) {
		return `a word without "="; put values with spaces into single quotes`
	}
	if found := wrongValue.FindStringSubmatch(problem); found != nil {
		if at := strings.LastIndex(problem, "; supported values are "); at >= 0 {
			return found[1] + problem[at:]
		}
		return found[1]
	}
	return quoted.ReplaceAllString(problem, "…")
}
