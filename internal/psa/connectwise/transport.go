package connectwise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"crosswalk/internal/outbound"
	"crosswalk/internal/psa"
)

const (
	// acceptedVersion pins the record models; without it ConnectWise serves its newest.
	acceptedVersion = "application/vnd.connectwise.com+json; version=2025.1"

	attemptTimeout = 30 * time.Second
	// tryingTimeout bounds the call that tries whether ConnectWise answers again: while it hangs, all others wait.
	tryingTimeout = 10 * time.Second
	// patience is how long ConnectWise must be given before a deadline of the caller counts against it.
	patience = time.Second

	maxAnswerBytes    = 64 << 20
	requestIDHeader   = "x-cw-request-id"
	forwardOnlyHeader = "pagination-type"
)

// call is one request to the REST API before it is bound to a codebase.
type call struct {
	// operation completes "the permission to …", and names the call in logs and metrics.
	operation string
	scope     scope
	method    string
	// path is below apis/3.0 and starts with a slash.
	path string
	// query is already encoded.
	query       string
	forwardOnly bool
	// body is nil for reads.
	body []byte
	// decode reads the answer; its error means that the answer cannot be used. It runs once per try.
	decode func(answer) error
}

func (call call) isWrite() bool { return call.method != http.MethodGet }

func (call call) url(base string) string {
	if call.query == "" {
		return base + call.path
	}
	return base + call.path + "?" + call.query
}

// newHTTPClients derives the clients for reads and for writes from transport. Both speak HTTP/1.1 only: a
// connection that went dead is then dropped with the call that found out, where HTTP/2 would keep using it.
// Writes never reuse a connection. So none fails because an idle connection was closed meanwhile, which would
// leave its outcome unknown, and net/http, which repeats requests on reused connections only, repeats none.
func newHTTPClients(transport *http.Transport) (reads, writes *http.Client) {
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	single := transport.Clone()
	single.DisableKeepAlives = true
	reads = &http.Client{Transport: transport, CheckRedirect: stayOnOrigin}
	writes = &http.Client{Transport: single, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return reads, writes
}

// stayOnOrigin takes a redirect that must not be followed for the answer.
func stayOnOrigin(next *http.Request, via []*http.Request) error {
	if outbound.StayOnOrigin(next, via) != nil {
		return http.ErrUseLastResponse
	}
	return nil
}

// exchange sends the call once and decodes its answer. trying shortens the time it may take.
func (c *Client) exchange(ctx context.Context, base string, call call, trying bool) error {
	started := c.clock()
	timeout := attemptTimeout
	if trying {
		timeout = tryingTimeout
	}
	attempt, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	var connected atomic.Bool
	attempt = httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	received, err := c.send(attempt, base, call)
	if err != nil {
		err = c.transportError(ctx, call, connected.Load(), c.clock().Sub(started), concealed{err, c.redact})
	} else if err = c.verdict(call, received); err == nil {
		err = c.decode(call, received)
	}
	c.report(ctx, call, received, c.clock().Sub(started), err)
	return err
}

func (c *Client) send(ctx context.Context, base string, call call) (answer, error) {
	var body io.Reader = http.NoBody
	if call.body != nil {
		body = bytes.NewReader(call.body)
	}
	request, err := http.NewRequestWithContext(ctx, call.method, call.url(base), body)
	if err != nil {
		return answer{}, fmt.Errorf("build the request to %s: %w", call.operation, err)
	}
	c.authorize(request)
	request.Header.Set("Accept", acceptedVersion)
	if call.forwardOnly {
		request.Header.Set(forwardOnlyHeader, "forward-only")
	}
	client := c.reads
	if call.isWrite() {
		request.GetBody = nil // without it net/http cannot send the body a second time
		request.Header.Set("Content-Type", "application/json")
		client = c.writes
	}
	return receive(client, request)
}

// receive returns the whole answer.
func receive(client *http.Client, request *http.Request) (answer, error) {
	response, err := outbound.Do(client, request, maxAnswerBytes)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	received := answer{status: response.StatusCode, header: response.Header}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return received, fmt.Errorf("read the answer: %w", err)
	}
	received.body = body
	return received, nil
}

// transportError is the error for an exchange that broke. A write counts as unsent only if there never was a
// connection to send it on.
func (c *Client) transportError(ctx context.Context, call call, connected bool, took time.Duration, err error) error {
	if call.isWrite() && connected {
		return &psa.UnconfirmedError{Err: err}
	}
	var unknownHost *net.DNSError
	reason := "ConnectWise could not be reached"
	switch {
	case errors.Is(ctx.Err(), context.Canceled), ctx.Err() != nil && took < patience:
		return gaveUp(ctx)
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil: // the deadline of ctx may have a cause of its own
		reason = "ConnectWise did not answer in time"
	case errors.Is(err, outbound.ErrPrivate):
		reason = "The address of ConnectWise leads into a private network, which is not allowed"
	case errors.Is(err, outbound.ErrTooLarge):
		reason = "ConnectWise sent more data than can be right"
	case errors.As(err, &unknownHost):
		reason = "The host name of ConnectWise could not be found"
	case connected:
		reason = "The connection to ConnectWise broke"
	}
	return &psa.UnavailableError{Reason: reason, Err: err}
}

// concealed is an error without the secrets its text may quote from a malformed answer.
type concealed struct {
	error
	redact func(string) string
}

func (e concealed) Error() string { return e.redact(e.error.Error()) }

// Unwrap returns the error as it was.
func (e concealed) Unwrap() error { return e.error }

func (c *Client) decode(call call, received answer) error {
	err := errors.New("the JSON is malformed or cut short")
	if json.Valid(received.body) {
		err = call.decode(received)
	}
	if err == nil {
		return nil
	}
	return c.broken(call, answer{}, "ConnectWise sent data that could not be read", err)
}

func (c *Client) report(ctx context.Context, call call, received answer, took time.Duration, err error) {
	c.observe(ctx, Call{Operation: call.operation, Method: call.method, Status: received.status, Duration: took, Err: err})
	if err == nil || errors.Is(err, errCallerGaveUp) {
		return
	}
	c.log.WarnContext(ctx, "ConnectWise call failed",
		"operation", call.operation, "method", call.method, "path", call.path, "status", received.status,
		"psa_request_id", shorten(c.redact(strings.Join(received.header.Values(requestIDHeader), ",")), 100),
		"duration", took, "error", c.redact(err.Error()))
}
