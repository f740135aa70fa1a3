package posting

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/jobs"
	"crosswalk/internal/psa"
)

// patience is how long a run sits out a ConnectWise that does not answer before it gives up. What is left then is
// posted by the next run.
const patience = 3 * time.Minute

// outage remembers since when ConnectWise has not answered anything.
type outage struct {
	mu    sync.Mutex
	since time.Time
}

// note takes note of a call and returns how long there has been no answer.
func (o *outage) note(answered bool) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if answered {
		o.since = time.Time{}
		return 0
	}
	if o.since.IsZero() {
		o.since = time.Now()
	}
	return time.Since(o.since)
}

// patiently makes a call, and makes it again while ConnectWise is certain not to have taken it but may soon.
func (p *posting) patiently(ctx context.Context, call func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 500*time.Millisecond, 15*time.Second
	for {
		err := call()
		var unavailable *psa.UnavailableError
		var notSent *psa.NotSentError
		if errors.As(err, &notSent) {
			return err
		}
		if !errors.As(err, &unavailable) {
			p.outage.note(true)
			return err
		}
		lasts := p.outage.note(unavailable.RateLimited) // who asks to slow down is there
		if unavailable.Unauthorized || lasts > patience || ctx.Err() != nil {
			return err
		}
		pause := max(pauses.NextBackOff(), time.Until(unavailable.RetryAt))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// progress counts the lines that are done.
type progress struct {
	mu          sync.Mutex
	done, total int
}

func (p *progress) begin(planned, remaining int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = planned-remaining, planned
}

func (p *progress) step(run *jobs.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	run.Progress(min(p.done, p.total), p.total)
}
