package psa

import (
	"errors"
	"fmt"
	"time"
)

// UnavailableError means that the PSA gave no usable answer: it could not be reached, was slow, answered
// 429, 5xx or a web page, refused the credentials, or the circuit breaker is open. Reads degrade on it.
type UnavailableError struct {
	// Reason is a sentence a user understands, without secrets or addresses of internal hosts.
	Reason string
	// RetryAt is when the next call may be tried; zero when nothing is known.
	RetryAt time.Time
	// Unauthorized is true when the PSA refused the credentials (401, 403, or a 404 that stands for them).
	Unauthorized bool
	// NoPermission is true where it refused no more than one kind of record, or one record: the credentials are in order.
	NoPermission bool
	// RateLimited is true when the PSA asked to slow down.
	RateLimited bool
	// Err is the underlying error, if any.
	Err error
}

func (e *UnavailableError) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// Unwrap returns the underlying error.
func (e *UnavailableError) Unwrap() error { return e.Err }

// RefusedError means that the PSA understood a request and said no (4xx with its error body).
type RefusedError struct {
	Status  int
	Code    string
	Message string
	Details []RefusedDetail
}

// RefusedDetail is one entry of the PSA's error list.
type RefusedDetail struct {
	Code    string
	Message string
	Field   string
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("ConnectWise refused the request (%d %s): %s", e.Status, e.Code, e.Message)
	for _, d := range e.Details {
		text += fmt.Sprintf("; %s: %s", d.Field, d.Message)
	}
	return text
}

// UnconfirmedError means that a write was sent and its answer lost: it may or may not have happened.
type UnconfirmedError struct{ Err error }

func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("the answer to a write was lost: %v", e.Err)
}

// Unwrap returns what broke the exchange.
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// IsNotFound reports whether err says that the one record asked for does not exist.
func IsNotFound(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && refused.Status == 404
}
