package connectwise

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// fallbackCodebase is served by every on-premise server, and by cloud hosts as an alias of the current one.
	fallbackCodebase = "v4_6_release"

	lookupTimeout = 5 * time.Second
	// lookupPatience is how long a call waits for a lookup before it goes ahead with the fallback.
	lookupPatience = time.Second
	// lookupRetry is when a lookup that did not get through is tried again, lookupRefresh when one that was
	// answered without a codebase is.
	lookupRetry   = 30 * time.Second
	lookupRefresh = time.Hour
	// rereadInterval bounds how often 404 answers cause a lookup: with wrong credentials every call is a 404.
	rereadInterval = 10 * time.Second
)

// codebaseForm is what codebases look like, "v2026_1" or "v4_6_release". It becomes part of every URL.
var codebaseForm = regexp.MustCompile(`^v[0-9][A-Za-z0-9_]{0,30}$`)

// lookup is what the company info said.
type lookup struct {
	// codebase is empty when none was told.
	codebase string
	// answered is false when the lookup did not get through and may well do so later.
	answered bool
}

// codebases knows the part of the URL that names the tenant's release. It is looked up once, when first
// needed, and again after a 404, which is how an upgrade shows.
type codebases struct {
	fetch func(context.Context) lookup
	clock func() time.Time
	group singleflight.Group

	mu    sync.Mutex
	known string
	// staleAt is when known has to be looked up again; zero for a codebase that was told.
	staleAt  time.Time
	rereadAt time.Time
}

func newCodebases(fetch func(context.Context) lookup, clock func() time.Time) *codebases {
	return &codebases{fetch: fetch, clock: clock}
}

// current returns the codebase to use now. A lookup that fails or takes long costs the call no more than
// lookupPatience: it goes ahead with the fallback.
func (c *codebases) current(ctx context.Context) string {
	c.mu.Lock()
	known, staleAt := c.known, c.staleAt
	c.mu.Unlock()
	if known != "" && (staleAt.IsZero() || c.clock().Before(staleAt)) {
		return known
	}
	enough := time.NewTimer(lookupPatience)
	defer enough.Stop()
	select {
	case result := <-c.refresh(ctx):
		return result.Val.(string)
	case <-enough.C:
	case <-ctx.Done():
	}
	return fallbackCodebase
}

// reread looks the codebase up again after a 404 under used, and reports whether another one is in place.
func (c *codebases) reread(ctx context.Context, used string) (string, bool) {
	c.mu.Lock()
	known := c.known
	due := !c.clock().Before(c.rereadAt)
	if due {
		c.rereadAt = c.clock().Add(rereadInterval)
	}
	c.mu.Unlock()
	if known != "" && known != used { // another call has found out already
		return known, true
	}
	if !due {
		return used, false
	}
	select {
	case result := <-c.refresh(ctx):
		found := result.Val.(string)
		return found, found != used
	case <-ctx.Done():
		return used, false
	}
}

// refresh looks the codebase up, together with everybody who asks meanwhile and for longer than any one of them.
func (c *codebases) refresh(ctx context.Context) <-chan singleflight.Result {
	return c.group.DoChan("", func() (any, error) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return c.keep(c.fetch(limited)), nil
	})
}

// keep remembers a lookup and returns the codebase to use. Failing never replaces a codebase that was told.
func (c *codebases) keep(found lookup) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case found.codebase != "":
		c.known, c.staleAt = found.codebase, time.Time{}
	case c.known != "" && c.staleAt.IsZero():
	case found.answered:
		c.known, c.staleAt = fallbackCodebase, c.clock().Add(lookupRefresh)
	default:
		c.known, c.staleAt = fallbackCodebase, c.clock().Add(lookupRetry)
	}
	return c.known
}

// lookupCodebase returns a function that asks the company info, which needs no credentials and gets none. An
// unknown company is answered with null; a gateway may answer with a web page.
func (c *Client) lookupCodebase(companyID string) func(context.Context) lookup {
	address := c.origin + "/login/companyinfo/" + url.PathEscape(companyID)
	return func(ctx context.Context) lookup {
		started := c.clock()
		found, status, err := c.companyInfo(ctx, address)
		c.observe(ctx, Call{Operation: "read the company info", Method: http.MethodGet, Status: status, Duration: c.clock().Sub(started), Err: err})
		if err != nil {
			c.log.WarnContext(ctx, "the ConnectWise codebase is not known, the default is used",
				"status", status, "error", c.redact(err.Error()))
		}
		return found
	}
}

func (c *Client) companyInfo(ctx context.Context, address string) (lookup, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return lookup{}, 0, fmt.Errorf("build the company info request: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	received, err := receive(c.reads, request)
	if err != nil {
		return lookup{}, received.status, fmt.Errorf("read the company info: %w", err)
	}
	if received.status != http.StatusOK {
		return lookup{answered: received.status == http.StatusNotFound}, received.status,
			fmt.Errorf("the company info was answered with status %d", received.status)
	}
	var body struct {
		Codebase text `json:"Codebase"`
	}
	told := ""
	if bytes.HasPrefix(bytes.TrimSpace(received.body), []byte("{")) && json.Unmarshal(received.body, &body) == nil {
		told = strings.Trim(strings.TrimSpace(string(body.Codebase)), "/")
	}
	if !codebaseForm.MatchString(told) {
		return lookup{answered: true}, received.status, fmt.Errorf("the company info tells no codebase")
	}
	return lookup{codebase: told, answered: true}, received.status, nil
}
