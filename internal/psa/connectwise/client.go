// Package connectwise is the REST client of ConnectWise PSA, the one implementation of psa.Client.
//
// It is built for the API as it behaves, not as it is specified: fields of the wrong type, three ways of
// paging, web pages with status 200, 404 for refused credentials. It knows nothing of mappings, of the
// database or of the marketplace, and keeps no copies of records.
//
// One Client serves one seller. All its calls share a circuit breaker (gate.go) and a pace, which finds the
// call limit of ConnectWise (pace.go) and gives calls for people their turn first (pacer.go). Reads are retried
// (retry.go), harder under psa.Background; writes are sent exactly once.
//
// Start reading at Client, then reads.go and writes.go; exchange in transport.go is where a call happens,
// verdict in answer.go where its outcome is decided.
package connectwise

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"crosswalk/internal/outbound"
	"crosswalk/internal/psa"
)

// Client is one seller's connection to ConnectWise. It is safe for concurrent use.
type Client struct {
	origin  string
	clock   func() time.Time
	log     *slog.Logger
	observe func(context.Context, Call)
	reads   *http.Client
	writes  *http.Client
	gate    *gate
	// retryPause goes before the first pause of an effort, unless it is 0.
	retryPause time.Duration
	codebases  *codebases
	habits     *habits
	// currencies are those of the tenant looked up so far.
	currencies *currencies
	// authorize adds the credentials to a request, and redact removes them from a text. The secrets live in
	// these closures only, so that no way of printing a Client shows them.
	authorize func(*http.Request)
	redact    func(string) string
}

var _ psa.Client = (*Client)(nil)

// NewClient checks config and returns a client. It calls nobody: the first call does. The error joins one
// *ConfigError for every field that is wrong.
func NewClient(config Config) (*Client, error) {
	transport := outbound.NewTransport(config.AllowInsecure)
	transport.TLSClientConfig = config.TLS.Clone()
	return newClient(config, transport)
}

func newClient(config Config, transport *http.Transport) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	origin, err := parseOrigin(config.APIURL, config.AllowInsecure)
	if err != nil {
		return nil, err
	}
	config = config.withDefaults()
	c := &Client{
		origin:     origin,
		clock:      config.Clock,
		log:        config.Log,
		observe:    config.Observe,
		gate:       newGate(config.CallsPerMinute, config.Clock),
		retryPause: config.RetryPause,
		habits:     newHabits(),
		authorize:  authorizer(config),
		redact:     redactor(config),
		currencies: &currencies{ids: make(map[string]psa.RecordID)},
	}
	c.reads, c.writes = newHTTPClients(transport)
	c.codebases = newCodebases(c.lookupCodebase(config.CompanyID), config.Clock)
	return c, nil
}

func authorizer(config Config) func(*http.Request) {
	user, password, clientID := config.CompanyID+"+"+config.PublicKey, config.PrivateKey, config.ClientID
	return func(request *http.Request) {
		request.SetBasicAuth(user, password)
		request.Header.Set("clientId", clientID)
	}
}

// redactor removes the client id and the private key, bare and as part of the Authorization header, from what others
// wrote.
func redactor(config Config) func(string) string {
	request := &http.Request{Header: make(http.Header)}
	request.SetBasicAuth(config.CompanyID+"+"+config.PublicKey, config.PrivateKey)
	_, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	replacer := strings.NewReplacer(config.PrivateKey, "***", token, "***", config.ClientID, "***")
	return replacer.Replace
}

// Health tells what the calls so far have shown. It calls nobody.
func (c *Client) Health() psa.Health { return c.gate.health() }

// Close drops the idle connections. Calls under way end as they would have.
func (c *Client) Close() {
	c.reads.CloseIdleConnections()
	c.writes.CloseIdleConnections()
}

// read sends a call, again if that may help, within ctx and the effort it stands for.
func (c *Client) read(ctx context.Context, call call) error {
	return c.retry(ctx, func() error {
		codebase := c.codebases.current(ctx)
		err := c.once(ctx, codebase, call)
		if !errors.Is(err, errEndpointMissing) {
			return err
		}
		moved, changed := c.codebases.reread(ctx, codebase)
		if !changed {
			return err
		}
		return c.once(ctx, moved, call)
	})
}

// write sends a call exactly once. It is never the call that tries whether ConnectWise answers again: a write
// that hangs costs more than a read.
func (c *Client) write(ctx context.Context, call call) error {
	if c.gate.isTrying() {
		if _, err := c.SystemInfo(ctx); err != nil {
			return err
		}
	}
	codebase := c.codebases.current(ctx)
	err := c.once(ctx, codebase, call)
	if errors.Is(err, errEndpointMissing) {
		c.codebases.reread(ctx, codebase) // for the calls to come
	}
	return err
}

func (c *Client) once(ctx context.Context, codebase string, call call) error {
	if ctx.Err() != nil {
		return gaveUp(ctx)
	}
	return c.gate.pass(ctx, func(trying bool) error {
		return c.exchange(ctx, c.base(codebase), call, trying)
	})
}

func (c *Client) base(codebase string) string { return c.origin + "/" + codebase + "/apis/3.0" }
