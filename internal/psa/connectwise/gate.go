package connectwise

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"crosswalk/internal/psa"
)

const (
	// failuresToOpen is how many unusable answers in a row open the circuit.
	failuresToOpen = 5
	// openFor is how long an open circuit refuses calls before one is let through to try.
	openFor = 10 * time.Second
)

// gate is what every call of one seller passes: the circuit breaker, and the pacer with the call limit and the
// pause ConnectWise asked for with a 429. It remembers what came of the calls.
type gate struct {
	clock   func() time.Time
	pacer   *pacer
	breaker *gobreaker.CircuitBreaker[struct{}]

	mu            sync.Mutex
	openUntil     time.Time
	lastSuccessAt time.Time
	lastError     string
	// refusedKeys is true while the latest failure was refused credentials.
	refusedKeys bool
}

func newGate(callsPerMinute int, clock func() time.Time) *gate {
	g := &gate{clock: clock, pacer: newPacer(callsPerMinute, clock)}
	g.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       openFor,
		ReadyToTrip:   func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= failuresToOpen },
		IsSuccessful:  func(err error) bool { return isUsable(err) || errors.Is(err, errNoPermission) },
		IsExcluded:    saysNothing,
		OnStateChange: func(_ string, _, to gobreaker.State) { g.changed(to) },
	})
	return g
}

// isUsable reports whether ConnectWise did its part: a refusal is an answer too.
func isUsable(err error) bool {
	var refused *psa.RefusedError
	return err == nil || errors.As(err, &refused)
}

// saysNothing reports errors that do not tell whether ConnectWise works. A 429 is dealt with by the pause.
func saysNothing(err error) bool {
	var unavailable *psa.UnavailableError
	var notSent *psa.NotSentError
	return errors.As(err, &notSent) || errors.Is(err, errCallerGaveUp) || errors.Is(err, errOwnLimit) || errors.Is(err, gobreaker.ErrOpenState) ||
		errors.As(err, &unavailable) && unavailable.RateLimited
}

// pass runs call if the gate lets it through, and refuses with *psa.UnavailableError if not. trying is true
// for the one call that finds out whether ConnectWise answers again.
func (g *gate) pass(ctx context.Context, call func(trying bool) error) error {
	trying := g.isTrying()
	_, err := g.breaker.Execute(func() (struct{}, error) {
		turn, err := g.pacer.wait(ctx)
		if err != nil {
			return struct{}{}, err
		}
		if !trying && g.breaker.State() != gobreaker.StateClosed { // it opened during the wait
			g.pacer.giveBack(turn)
			return struct{}{}, gobreaker.ErrOpenState
		}
		if err := psa.LastLook(ctx); err != nil {
			g.pacer.giveBack(turn)
			return struct{}{}, err
		}
		err = call(trying)
		g.pacer.done(turn, err)
		g.record(err)
		return struct{}{}, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return g.refusal(err)
	}
	return err
}

// isTrying reports whether the next call finds out if ConnectWise answers again.
func (g *gate) isTrying() bool { return g.breaker.State() == gobreaker.StateHalfOpen }

func (g *gate) record(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var unavailable *psa.UnavailableError
	switch {
	case isUsable(err):
		g.lastSuccessAt = g.clock()
		g.lastError, g.refusedKeys = "", false
	case errors.Is(err, errCallerGaveUp):
	case errors.As(err, &unavailable):
		g.lastError, g.refusedKeys = unavailable.Reason, unavailable.Unauthorized
	default:
		g.lastError, g.refusedKeys = "The answer of ConnectWise to a write was lost", false
	}
}

// changed is called by the breaker, which holds its own lock: it must not call back.
func (g *gate) changed(to gobreaker.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.openUntil = time.Time{}
	if to == gobreaker.StateOpen {
		g.openUntil = g.clock().Add(openFor + time.Millisecond) // the breaker lets go only after its time is over
	}
}

// refusal is the error for a call the breaker did not let through.
func (g *gate) refusal(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	reason := "ConnectWise failed repeatedly and is tried again shortly"
	if g.lastError != "" {
		reason = g.lastError + "; it is tried again shortly"
	}
	return &psa.UnavailableError{Reason: reason, RetryAt: g.openUntil, Unauthorized: g.refusedKeys, Err: err}
}

func (g *gate) health() psa.Health {
	circuit := psa.CircuitClosed
	switch g.breaker.State() {
	case gobreaker.StateHalfOpen:
		circuit = psa.CircuitHalfOpen
	case gobreaker.StateOpen:
		circuit = psa.CircuitOpen
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	health := psa.Health{Circuit: circuit, LastSuccessAt: g.lastSuccessAt, LastError: g.lastError}
	if circuit == psa.CircuitOpen {
		health.RetryAt = g.openUntil
	}
	if paused := g.pacer.paused(); paused.After(health.RetryAt) {
		health.RetryAt = paused
	}
	return health
}
