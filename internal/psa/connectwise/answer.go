package connectwise

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"crosswalk/internal/outbound"
	"crosswalk/internal/psa"
)

// scope says what a URL names, and thereby what a 404 means.
type scope int

const (
	// topLevel is a URL without a record in it: a 404 stands for a codebase that moved or, on cloud, for
	// refused credentials.
	topLevel scope = iota
	// belowRecord is a list under a record: a 404 with the code NotFound says that the record is missing.
	belowRecord
	// oneRecord is the URL of a record: a 404 in the API's own form says that it is missing.
	oneRecord
)

var (
	// errEndpointMissing marks a 404 that may be cured by reading the codebase again.
	errEndpointMissing = errors.New("the endpoint does not exist, or not for these credentials")
	// errCallerGaveUp and errOwnLimit mark calls that ended for a reason that says nothing about ConnectWise.
	errCallerGaveUp = errors.New("the caller stopped waiting")
	errOwnLimit     = errors.New("the call limit is reached")
	// errNoPermission marks a refusal of one kind of record: credentials and server are in order.
	errNoPermission = errors.New("the permission is missing")
)

const (
	// defaultRetryAfter is the pause after a 429 that names none.
	defaultRetryAfter = 30 * time.Second
	// maxRetryAfter bounds every pause, so that a recovered ConnectWise is noticed soon.
	maxRetryAfter = 30 * time.Second

	maxMessageLength = 500
	maxDetails       = 50
)

// answer is a complete HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// isJSON reports whether the answer can be data: gateways in front of ConnectWise answer with web pages, at
// times with status 200. An answer that names no type is judged by its first character.
func (a answer) isJSON() bool {
	declared := a.header.Get("Content-Type")
	if declared == "" {
		start := bytes.TrimSpace(a.body)
		return len(start) > 0 && (start[0] == '{' || start[0] == '[')
	}
	mediaType, _, err := mime.ParseMediaType(declared)
	if err != nil {
		mediaType, _, _ = strings.Cut(declared, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	return strings.HasSuffix(mediaType, "/json") || strings.HasSuffix(mediaType, "+json")
}

// problem is the body of an error answer. Rate limiting uses error in place of code.
type problem struct {
	Code    text            `json:"code"`
	Error   text            `json:"error"`
	Message text            `json:"message"`
	Errors  []problemDetail `json:"errors"`
}

type problemDetail struct {
	Code    text `json:"code"`
	Message text `json:"message"`
	Field   text `json:"field"`
}

// refusal reads the error body; ok is false when it is not in the API's own form.
func (a answer) refusal(redact func(string) string) (refused *psa.RefusedError, ok bool) {
	refused = &psa.RefusedError{Status: a.status}
	var body problem
	if !a.isJSON() || json.Unmarshal(a.body, &body) != nil && body.Code == "" && body.Message == "" {
		return refused, false
	}
	say := func(t text) string { return shorten(redact(string(t)), maxMessageLength) }
	refused.Code, refused.Message = say(body.Code), say(body.Message)
	if refused.Code == "" {
		refused.Code = say(body.Error)
	}
	for _, detail := range body.Errors[:min(len(body.Errors), maxDetails)] {
		refused.Details = append(refused.Details,
			psa.RefusedDetail{Code: say(detail.Code), Message: say(detail.Message), Field: say(detail.Field)})
	}
	return refused, true
}

// shorten cuts s to at most limit bytes without splitting a character.
func shorten(s string, limit int) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// verdict says what an answer means for the call; nil when its body is data to be decoded.
func (c *Client) verdict(call call, a answer) error {
	refused, wellFormed := a.refusal(c.redact)
	switch {
	case a.status == http.StatusTooManyRequests:
		return &psa.UnavailableError{
			Reason: "ConnectWise asks to slow down", RateLimited: true,
			RetryAt: c.clock().Add(c.retryAfter(a, defaultRetryAfter)), Err: statusError(a.status, refused),
		}
	case a.status == http.StatusUnauthorized:
		return unauthorized("ConnectWise refused the credentials", statusError(a.status, refused))
	case a.status == http.StatusForbidden:
		return call.forbidden(refused)
	case a.status == http.StatusNotFound:
		return call.notFound(refused, wellFormed)
	case a.status >= 400 && a.status < 500 && a.status != http.StatusRequestTimeout && wellFormed:
		return refused
	case a.status >= 400:
		return c.broken(call, a, fmt.Sprintf("ConnectWise answered with an error (status %d)", a.status), statusError(a.status, refused))
	case a.status != http.StatusOK && a.status != http.StatusCreated:
		return c.broken(call, a, fmt.Sprintf("ConnectWise answered in an unexpected way (status %d)", a.status), statusError(a.status, refused))
	case !a.isJSON():
		return c.broken(call, a, "ConnectWise answered with a web page instead of data",
			fmt.Errorf("status %d with content type %q", a.status, shorten(c.redact(a.header.Get("Content-Type")), 100)))
	}
	return nil
}

func (call call) forbidden(refused *psa.RefusedError) error {
	missingPermission := strings.EqualFold(refused.Code, "Security")
	switch {
	case !missingPermission:
		return unauthorized("ConnectWise refused the credentials or the client id", statusError(http.StatusForbidden, refused))
	case call.isWrite():
		return refused
	default:
		reason := "ConnectWise denies these credentials the permission to " + call.operation
		if refused.Message != "" {
			reason += ": " + refused.Message
		}
		return &psa.UnavailableError{
			Reason: reason, Unauthorized: true, NoPermission: true,
			Err: fmt.Errorf("%w: %w", errNoPermission, statusError(http.StatusForbidden, refused)),
		}
	}
}

// notFound tells a missing record from a missing endpoint. Outside the API's own form a 404 never names a
// record: it is what cloud hosts answer to wrong credentials.
func (call call) notFound(refused *psa.RefusedError, wellFormed bool) error {
	isRecord := false
	switch call.scope {
	case belowRecord:
		isRecord = wellFormed && strings.EqualFold(refused.Code, "NotFound")
	case oneRecord:
		isRecord = wellFormed && !strings.EqualFold(refused.Code, "ConnectWiseApi")
	}
	if isRecord {
		return refused
	}
	return unauthorized("ConnectWise does not know the credentials or the address",
		fmt.Errorf("%w: %w", errEndpointMissing, statusError(http.StatusNotFound, refused)))
}

func unauthorized(reason string, err error) error {
	return &psa.UnavailableError{Reason: reason, Unauthorized: true, Err: err}
}

// broken is the error for an answer that tells nothing: a read is unavailable, a write unconfirmed.
func (c *Client) broken(call call, a answer, reason string, err error) error {
	if call.isWrite() {
		return &psa.UnconfirmedError{Err: fmt.Errorf("%s: %w", reason, err)}
	}
	unavailable := &psa.UnavailableError{Reason: reason, Err: err}
	if a.header.Get("Retry-After") != "" {
		unavailable.RetryAt = c.clock().Add(c.retryAfter(a, 0))
	}
	return unavailable
}

// statusError carries what ConnectWise said for the log; the sentence for users leaves it out.
func statusError(status int, refused *psa.RefusedError) error {
	if refused.Code == "" && refused.Message == "" {
		return fmt.Errorf("status %d", status)
	}
	return fmt.Errorf("status %d %s: %s", status, refused.Code, refused.Message)
}

// retryAfter returns how long ConnectWise asks to be left alone, or unnamed where it does not say how long,
// between 1 s and maxRetryAfter.
func (c *Client) retryAfter(a answer, unnamed time.Duration) time.Duration {
	pause, named := outbound.RetryAfter(a.header, c.clock())
	if !named {
		pause = unnamed
	}
	return min(max(pause, time.Second), maxRetryAfter)
}
