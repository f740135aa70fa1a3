package connectwise

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"crosswalk/internal/psa"
)

// mostAtOnce bounds how many calls that were not made before may be made at once; it is about a second's worth.
const mostAtOnce = 20

// pacer gives calls their turn: evenly at the current pace, and none during a pause that ConnectWise asked
// for. Calls for people go ahead of those in the background, and when a background run uses the pace up they
// still go at once, up to a second's worth, which the run then waits for. In a pause calls for people are
// refused at once, and those in the background wait for its end: a call that waits was not sent.
type pacer struct {
	clock func() time.Time

	mu   sync.Mutex
	pace *pace
	// saved is how many calls may be made at once, as of savedAt. It is negative where people borrowed.
	saved   float64
	savedAt time.Time
	// pausedUntil is the end of the latest pause, and accepted how many calls since then were let through.
	pausedUntil time.Time
	accepted    int

	people     []*turn
	background []*turn
	alarm      *time.Timer
}

// turn is a call that waits, or that had its turn.
type turn struct {
	background bool
	// given gets nil, or the error the call is refused with.
	given chan error
	// at is when the turn came.
	at time.Time
}

func newPacer(callsPerMinute int, clock func() time.Time) *pacer {
	p := &pacer{clock: clock, pace: newPace(callsPerMinute, clock()), savedAt: clock()}
	p.saved = p.atOnce()
	return p
}

// wait returns when it is the call's turn, and then done or giveBack must be called. It fails with
// *psa.UnavailableError where the turn would come too late for ctx.
func (p *pacer) wait(ctx context.Context) (*turn, error) {
	t := &turn{background: psa.IsBackground(ctx), given: make(chan error, 1)}
	if err := p.join(ctx, t); err != nil {
		return nil, err
	}
	select {
	case err := <-t.given:
		return t, err
	case <-ctx.Done():
		return nil, p.leave(ctx, t)
	}
}

// join puts t in line unless it cannot get its turn in time.
func (p *pacer) join(ctx context.Context, t *turn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	paused := now.Before(p.pausedUntil)
	deadline, bounded := ctx.Deadline()
	switch {
	case paused && (!t.background || bounded && deadline.Before(p.pausedUntil)):
		return p.pauseError()
	case bounded && deadline.Before(p.expected(now, t.background)):
		return &psa.UnavailableError{Reason: "Too many calls to ConnectWise are waiting", Err: errOwnLimit}
	}
	line := p.line(t)
	*line = append(*line, t)
	p.serve()
	return nil
}

// expected is when a call that joins now gets its turn, as far as can be told.
func (p *pacer) expected(now time.Time, background bool) time.Time {
	p.save(now)
	ahead := len(p.people)
	if background {
		ahead += len(p.background)
	}
	missing := p.price(background) + float64(ahead) - p.saved
	return latest(now, p.pausedUntil).Add(p.timeFor(missing))
}

// leave takes a call whose ctx is over out of the line.
func (p *pacer) leave(ctx context.Context, t *turn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.line(t)
	if i := slices.Index(*line, t); i >= 0 {
		*line = slices.Delete(*line, i, i+1)
	} else if err := <-t.given; err == nil {
		p.giveBackLocked(t)
	}
	switch {
	case !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return gaveUp(ctx)
	case p.clock().Before(p.pausedUntil):
		return p.pauseError()
	}
	return &psa.UnavailableError{Reason: "Too many calls to ConnectWise are waiting", Err: errors.Join(errOwnLimit, ctx.Err())}
}

// giveBack ends a turn that was not used.
func (p *pacer) giveBack(t *turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBackLocked(t)
}

func (p *pacer) giveBackLocked(t *turn) {
	p.pace.sent.add(t.at, -1)
	p.saved++
	p.serve()
}

// done tells what came of a call.
func (p *pacer) done(t *turn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isNews := !t.at.Before(p.pausedUntil) // else it was on its way when the pause began
	var unavailable *psa.UnavailableError
	if !errors.As(err, &unavailable) || !unavailable.RateLimited {
		if isNews {
			p.accepted++
		}
		return
	}
	p.pace.sent.add(t.at, -1)
	if isNews && p.accepted > 0 { // else the pause was too short, not the pace too high
		p.pace.slowDown(p.clock(), unavailable.RetryAt)
	}
	p.pause(unavailable.RetryAt)
}

func (p *pacer) pause(until time.Time) {
	if !until.After(p.pausedUntil) {
		return
	}
	p.pausedUntil, p.accepted = until, 0
	p.saved, p.savedAt = min(p.saved, 0), until
	for _, t := range p.people {
		t.given <- p.pauseError()
	}
	p.people = nil
	p.serve()
}

// paused is the end of the pause; zero while there is none.
func (p *pacer) paused() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock().Before(p.pausedUntil) {
		return p.pausedUntil
	}
	return time.Time{}
}

func (p *pacer) pauseError() error {
	return &psa.UnavailableError{Reason: "ConnectWise asks to slow down", RateLimited: true, RetryAt: p.pausedUntil}
}

// serve gives their turn to all who may have it now, and sets the alarm for the next one.
func (p *pacer) serve() {
	now := p.clock()
	p.save(now)
	p.pace.raise(now)
	for {
		line := &p.people
		if len(*line) == 0 {
			line = &p.background
		}
		if len(*line) == 0 {
			return
		}
		t := (*line)[0]
		if now.Before(p.pausedUntil) {
			p.wake(p.pausedUntil.Sub(now))
			return
		}
		if missing := p.price(t.background) - p.saved; missing > 0 {
			p.pace.heldBackAt = now
			p.wake(p.timeFor(missing))
			return
		}
		*line = (*line)[1:]
		p.saved--
		t.at = now
		p.pace.sent.add(now, 1)
		t.given <- nil
	}
}

// wake has serve run again after the time.
func (p *pacer) wake(after time.Duration) {
	if p.alarm != nil {
		p.alarm.Reset(after)
		return
	}
	p.alarm = time.AfterFunc(after, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.serve()
	})
}

// save adds what the time since savedAt brought.
func (p *pacer) save(now time.Time) {
	if passed := now.Sub(p.savedAt); passed > 0 {
		p.saved = min(p.atOnce(), p.saved+passed.Seconds()*p.pace.perSecond())
		p.savedAt = now
	}
}

// price is how much must be saved for a call: people may borrow.
func (p *pacer) price(background bool) float64 {
	if background {
		return 1
	}
	return 1 - p.atOnce()
}

// atOnce is how many calls may be made at once after a quiet second.
func (p *pacer) atOnce() float64 { return min(max(1, p.pace.perSecond()), mostAtOnce) }

// timeFor is how long it takes to save as much, not less.
func (p *pacer) timeFor(missing float64) time.Duration {
	return time.Duration(math.Ceil(max(missing, 0) / p.pace.perSecond() * float64(time.Second)))
}

func (p *pacer) line(t *turn) *[]*turn {
	if t.background {
		return &p.background
	}
	return &p.people
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
