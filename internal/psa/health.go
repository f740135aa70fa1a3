package psa

import "time"

// Circuit is the state of a Client's circuit breaker.
type Circuit string

const (
	// CircuitClosed lets every call through: the PSA answers.
	CircuitClosed Circuit = "CLOSED"
	// CircuitHalfOpen lets one call through to learn whether the PSA answers again.
	CircuitHalfOpen Circuit = "HALF_OPEN"
	// CircuitOpen refuses calls after repeated failures until Health.RetryAt.
	CircuitOpen Circuit = "OPEN"
)

// Health is what a Client has learnt about its PSA from the calls so far.
type Health struct {
	Circuit Circuit
	// RetryAt is when calls are let through again; zero while they are.
	RetryAt time.Time
	// LastSuccessAt is when the PSA last gave a usable answer; zero before the first.
	LastSuccessAt time.Time
	// LastError is a sentence a user understands, without secrets; empty once a call succeeded again.
	LastError string
}
