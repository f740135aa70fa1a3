package connectwise

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/outbound"
	"crosswalk/internal/psa"
)

// effort is how hard a read is tried.
type effort struct {
	tries uint
	// first is the pause after the first failure; it doubles with each further one.
	first time.Duration
	// longest is the longest pause that is sat out, whoever asks for it.
	longest time.Duration
}

var (
	// forPerson gives up soon: somebody waits, and the rows can be shown without ConnectWise.
	forPerson = effort{tries: 2, first: 200 * time.Millisecond, longest: 2 * time.Second}
	// forBackground outlasts a restart and every pause ConnectWise asks for.
	forBackground = effort{tries: 6, first: time.Second, longest: maxRetryAfter + time.Second}
)

func effortOf(ctx context.Context) effort {
	if psa.IsBackground(ctx) {
		return forBackground
	}
	return forPerson
}

// retry runs a read until it succeeds, fails for good, or is not worth another try within ctx.
func (c *Client) retry(ctx context.Context, attempt func() error) error {
	effort := effortOf(ctx)
	pacing := &pacing{clock: c.clock, effort: effort, exponential: &backoff.ExponentialBackOff{
		InitialInterval: cmp.Or(c.retryPause, effort.first), RandomizationFactor: 0.25, Multiplier: 2, MaxInterval: effort.longest,
	}}
	pacing.deadline, _ = ctx.Deadline()
	var result error
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		result = attempt()
		var unavailable *psa.UnavailableError
		if !errors.As(result, &unavailable) || !isPassing(unavailable) {
			return struct{}{}, permanent(result)
		}
		pacing.retryAt = unavailable.RetryAt
		return struct{}{}, result
	}, backoff.WithBackOff(pacing), backoff.WithMaxTries(effort.tries), backoff.WithMaxElapsedTime(0))
	return result // the latest failure says more than a context that ended during a pause
}

func permanent(err error) error {
	if err == nil {
		return nil
	}
	return backoff.Permanent(err)
}

// isPassing reports whether a moment later the answer may be another one.
func isPassing(err *psa.UnavailableError) bool {
	return !err.Unauthorized && !errors.Is(err, errCallerGaveUp) && !errors.Is(err, errOwnLimit) &&
		!errors.Is(err, outbound.ErrPrivate) && !errors.Is(err, outbound.ErrTooLarge)
}

// gaveUp is the error of a call whose caller cancelled it or ran out of time before ConnectWise could be blamed.
func gaveUp(ctx context.Context) error {
	reason := "The call to ConnectWise was cancelled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		reason = "ConnectWise did not answer in time"
	}
	return &psa.UnavailableError{Reason: reason, Err: errors.Join(errCallerGaveUp, ctx.Err())}
}

// pacing is exponential backoff that honours the time ConnectWise named, and stops where the next try would
// come too late to be of use.
type pacing struct {
	clock       func() time.Time
	effort      effort
	exponential *backoff.ExponentialBackOff
	// deadline is the caller's; zero when there is none.
	deadline time.Time
	// retryAt is when the latest failure asked to be retried; zero when it did not say.
	retryAt time.Time
}

// Reset starts over.
func (p *pacing) Reset() { p.exponential.Reset() }

// NextBackOff returns the pause before the next try, or backoff.Stop.
func (p *pacing) NextBackOff() time.Duration {
	now := p.clock()
	pause := max(p.exponential.NextBackOff(), p.retryAt.Sub(now))
	if named := p.retryAt.Sub(now); named > p.effort.longest {
		return backoff.Stop
	}
	if !p.deadline.IsZero() && !now.Add(pause).Before(p.deadline) {
		return backoff.Stop
	}
	return pause
}
