package posting

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/activity"
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
	// excluded and changed are lines skipped because of what somebody did since the run began.
	excluded, changed int
}

// skip counts a line that is left to the next run.
func (p *progress) skip(l line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.Excluded {
		p.excluded++
	} else {
		p.changed++
	}
}

// skipped tells of the lines that were skipped under way, and of those left because they wait for something.
func (p *progress) skipped(waiting int) (entries warnings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries.add(activity.LinesSkippedExcluded, p.excluded, "%s of organizations that were excluded meanwhile left out", "Set Excluded from Sync to No to post them.")
	entries.add(activity.LinesSkippedChanged, p.changed, "%s that changed meanwhile left out", "They were edited, loaded anew or withdrawn since the run began. Post again.")
	entries.add(activity.LinesSkippedWaiting, waiting, "%s could not be posted yet", "ConnectWise has not settled something that they depend on. Post again.")
	return entries
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
