package feed

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/outbound"
)

// failure is one try that brought no page.
type failure struct {
	// reason is a sentence a user understands.
	reason       string
	err          error
	row          int
	unauthorized bool
	// passing is true when asking again may help; wait is how long the feed wants to be left alone first.
	passing bool
	wait    time.Duration
}

func (f *failure) Error() string { return f.reason }

// maxWait is the longest Retry-After that is waited for; beyond it the read fails and may be started later.
const maxWait = 5 * time.Minute

// forRetry says to backoff.Retry whether and when to try again.
func (f *failure) forRetry() error {
	switch {
	case !f.passing:
		return backoff.Permanent(f)
	case f.wait > maxWait:
		f.reason += fmt.Sprintf("; it asks to wait for %s", f.wait.Round(time.Second))
		return backoff.Permanent(f)
	case f.wait > 0:
		return errors.Join(f, &backoff.RetryAfterError{Duration: f.wait})
	}
	return f
}

// stopped describes a read that its context ended, perhaps while it waited to try again.
func stopped(ctx context.Context, last *failure) *failure {
	f := &failure{reason: "the read was stopped", err: context.Cause(ctx)}
	if last != nil {
		f.reason += " after a try had failed because " + last.reason
	}
	return f
}

// exchangeFailure judges an exchange that ended without a complete answer.
func (c *Client) exchangeFailure(err error) *failure {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, outbound.ErrPrivate):
		return &failure{reason: "the feed's address is not allowed", err: err}
	case errors.Is(err, outbound.ErrForeignRedirect):
		return &failure{reason: "the feed points to another address", err: err}
	case errors.As(err, &certificate):
		return &failure{reason: "the feed's certificate is not trusted", err: err}
	case errors.Is(err, outbound.ErrTooLarge):
		return &failure{reason: fmt.Sprintf("the page is larger than %d bytes", c.maxPageBytes), err: err}
	}
	return &failure{reason: "the connection to the feed failed", err: err, passing: true}
}

// pageFailure judges a page that was not read to its end.
func (c *Client) pageFailure(err error) *failure {
	var (
		row     *rowError
		arrival *arrivalError
	)
	switch {
	case errors.As(err, &row):
		return &failure{reason: row.reason(), row: row.row}
	case errors.As(err, &arrival):
		trouble := c.exchangeFailure(arrival.err)
		if trouble.passing && errors.Is(err, io.ErrUnexpectedEOF) {
			trouble.reason = "the page broke off half-way"
		}
		return trouble
	case errors.Is(err, errNotAPage):
		return &failure{reason: "the answer cannot be read", err: err, passing: true}
	}
	return &failure{reason: "the page broke off half-way", err: err, passing: true}
}

// maxErrorBytes is how much of an error answer is read, maxMessage how much of its message is shown.
const (
	maxErrorBytes = 64 << 10
	maxMessage    = 300
)

// statusFailure judges an answer that is not 200.
func (c *Client) statusFailure(response *http.Response, body *bufio.Reader) *failure {
	status := response.StatusCode
	trouble := &failure{reason: fmt.Sprintf("the feed answered with status %d", status)}
	if message := c.errorMessage(response.Header, body); message != "" {
		trouble.reason += ": " + message
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		trouble.reason = fmt.Sprintf("the subscription key or the token was refused (status %d)", status)
		trouble.unauthorized = true
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		trouble.passing = true
		trouble.wait, _ = outbound.RetryAfter(response.Header, c.clock())
	case status >= 500, status == http.StatusRequestTimeout:
		trouble.passing = true
	}
	return trouble
}

// errorMessage returns what the feed says went wrong, on one line, of a bearable length and without secrets
// the feed may have repeated; nothing when the answer is not the feed's own.
func (c *Client) errorMessage(header http.Header, body *bufio.Reader) string {
	if isWebPage(header, body) {
		return ""
	}
	var answer struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(body, maxErrorBytes)).Decode(&answer); err != nil {
		return ""
	}
	text := c.redact(answer.Error.Message)
	if answer.Error.Code != "" {
		text += " (" + c.redact(answer.Error.Code) + ")"
	}
	message := []rune(strings.Join(strings.Fields(text), " "))
	if len(message) > maxMessage {
		message = append(message[:maxMessage], '…')
	}
	return string(message)
}
