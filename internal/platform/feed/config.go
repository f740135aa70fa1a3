package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/outbound"
)

// Config says which feed to read, as whom, and how patiently. Printing or logging it never shows the key
// or the token.
type Config struct {
	// BaseURL is the root of the feed, http or https; a path in it is kept.
	BaseURL string
	// Key is the subscription key and Token the bearer token; both go with every request.
	Key   string
	Token string
	// AllowInsecure admits plain HTTP and addresses in private, loopback and link-local networks.
	AllowInsecure bool

	// Clock tells the time that a Retry-After date is compared with where the answer has no date of its own;
	// nil means time.Now.
	Clock func() time.Time
	// Log hears of every try that is repeated; nil means silence.
	Log *slog.Logger
	// Observe, if set, is told of every HTTP request made, with the context it was made in. It must be safe for
	// concurrent use.
	Observe func(context.Context, Call)
	// PageSize is how many rows are asked for at once, 1 to 1000; 0 means 1000.
	PageSize int
	// MaxTries is how often one page is asked for before the read fails; 0 means 6.
	MaxTries uint
	// AttemptTimeout bounds one try of one page, its body included; 0 means 2 minutes.
	AttemptTimeout time.Duration
	// MaxPageBytes bounds one page after decompression; 0 means 64 MiB.
	MaxPageBytes int64
	// Backoff makes the waits between the tries of one page; nil means exponential from half a second to
	// half a minute. A Retry-After of the feed goes before it.
	Backoff func() backoff.BackOff
}

// Call is one HTTP request that was made, told to Config.Observe.
type Call struct {
	// Operation says what the request was for, in a few words that do not vary: "read organizations".
	Operation string
	// Status is the HTTP status; 0 when no answer came.
	Status int
	// Duration is how long it took until the page was read.
	Duration time.Duration
	// Err is nil when the answer was usable.
	Err error
}

// withDefaults fills in what the zero values stand for.
func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(context.Context, Call) {}
	}
	if c.PageSize == 0 {
		c.PageSize = 1000
	}
	if c.MaxTries == 0 {
		c.MaxTries = 6
	}
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = 2 * time.Minute
	}
	if c.MaxPageBytes == 0 {
		c.MaxPageBytes = 64 << 20
	}
	if c.Backoff == nil {
		c.Backoff = func() backoff.BackOff {
			waits := backoff.NewExponentialBackOff()
			waits.InitialInterval = 500 * time.Millisecond
			waits.MaxInterval = 30 * time.Second
			return waits
		}
	}
	return c
}

// validate checks what a person may have typed wrong; its errors are sentences without secrets.
func (c Config) validate() (*url.URL, error) {
	base, err := outbound.ParseURL(c.BaseURL, c.AllowInsecure)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the Platform address %w", err)
	case c.Key == "" || c.Token == "":
		return nil, errors.New("the Platform subscription key and bearer token are both needed")
	case !isHeaderText(c.Key) || !isHeaderText(c.Token):
		return nil, errors.New("the Platform subscription key or bearer token has characters that cannot be sent")
	case c.PageSize < 1 || c.PageSize > 1000:
		return nil, fmt.Errorf("a page size of %d is not between 1 and 1000", c.PageSize)
	case c.AttemptTimeout < 0 || c.MaxPageBytes < 0:
		return nil, errors.New("a limit of the Platform feed client is negative")
	}
	return base, nil
}

func isHeaderText(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}

// String describes the configuration without its secrets.
func (c Config) String() string {
	where := "an unreadable address"
	if base, err := url.Parse(c.BaseURL); err == nil {
		where = (&url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path}).String()
	}
	return fmt.Sprintf("Platform feed at %s (key and token hidden)", where)
}

// GoString keeps the secrets out of %#v.
func (c Config) GoString() string { return "feed.Config{" + c.String() + "}" }

// LogValue keeps the secrets out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
