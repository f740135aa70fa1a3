package connectwise

import (
	"math"
	"time"
)

// ConnectWise documents its limit as dynamic: integrations that make more than roughly 1,000 requests a minute
// should expect 429 with the seconds to wait in Retry-After. No header tells what is left, and it is not
// documented how requests are counted. Paces are in calls per minute.
const (
	// documentedPace is where an unlimited client starts.
	documentedPace = 1000
	// leastPace is kept whatever is learnt, so that the client finds out when the limit is lifted.
	leastPace = 30
	// margin is the share of a learnt limit that is used.
	margin = 0.97
	// easing is applied to the pace when a 429 follows another within a minute.
	easing = 0.85

	// stepTime is how often a pace below the known limit, or with none known, is raised.
	stepTime = 10 * time.Second
	// stepsToLimit is how many steps lead from nothing back to a known limit.
	stepsToLimit = 6
	// probeTime is the least time between attempts to exceed a known limit, and probePause how much longer than
	// the pause of the latest 429 it must be: a pause costs, and may come again.
	probeTime  = time.Minute
	probePause = 10
	// firstProbe is how much the first such attempt adds; each further one adds twice as much, at most everything.
	firstProbe = 0.01
)

// pace is how many calls a minute are made. It finds the limit: it doubles every stepTime until the first 429,
// takes the calls of the minute before for the limit, stays just below, and probes now and then whether
// more is allowed. Only a pace that held calls back is raised. It is not safe for concurrent use.
type pace struct {
	perMinute float64
	ceiling   float64
	// limit is the learnt one; 0 while there was no 429.
	limit float64
	sent  history

	heldBackAt time.Time
	slowedAt   time.Time
	steppedAt  time.Time
	stepAfter  time.Duration
	probeAfter time.Duration
	probe      float64
}

// newPace starts at the ceiling, or at documentedPace where that is 0, which is no ceiling.
func newPace(ceiling int, now time.Time) *pace {
	p := &pace{perMinute: float64(ceiling), ceiling: float64(ceiling), sent: history{epoch: now}, steppedAt: now, stepAfter: stepTime}
	if ceiling == 0 {
		p.perMinute, p.ceiling = documentedPace, math.Inf(1)
	}
	return p
}

func (p *pace) perSecond() float64 { return p.perMinute / 60 }

// target is the pace that suits the learnt limit.
func (p *pace) target() float64 { return p.limit * margin }

// raise takes the next step up if it is time for it.
func (p *pace) raise(now time.Time) {
	if now.Sub(p.steppedAt) < p.stepAfter {
		return
	}
	wasTooLow := !p.heldBackAt.Before(p.steppedAt)
	p.steppedAt = now
	if !wasTooLow {
		return
	}
	switch {
	case p.limit == 0:
		p.perMinute *= 2
	case p.perMinute < p.target():
		p.perMinute = min(p.target(), p.perMinute+p.target()/stepsToLimit)
		if p.perMinute == p.target() {
			p.stepAfter = p.probeAfter
		}
	default:
		p.perMinute *= 1 + p.probe
		p.probe = min(2*p.probe, 1)
		if p.perMinute > p.limit { // which is no longer right
			p.stepAfter = probeTime
		}
	}
	p.perMinute = min(p.perMinute, p.ceiling)
}

// slowDown learns from a 429 that asks for a pause until retryAt.
func (p *pace) slowDown(now, retryAt time.Time) {
	before, limit := p.perMinute, p.estimate(now, retryAt)
	lower := min(before, limit) * margin
	switch {
	case p.limit == 0:
		limit = max(limit, before/2) // which went well until the latest step
	case now.Sub(p.slowedAt) < time.Minute:
		lower = min(lower, before*easing)
	}
	p.perMinute, p.limit = min(max(lower, leastPace), p.ceiling), limit
	p.slowedAt, p.steppedAt, p.stepAfter = now, retryAt, stepTime
	p.probe, p.probeAfter = firstProbe, max(probeTime, probePause*retryAt.Sub(now))
	if p.perMinute >= p.target() {
		p.stepAfter = p.probeAfter
	}
}

// estimate is the limit a 429 tells of: as many calls as were let through in the minute before, or in proportion
// if they began later. The pause counts: at its end a count by the minute starts again, and an allowance that
// grows steadily needs a moment only. Where the count includes part of an earlier minute, or an allowance that
// was saved up, the estimate is too high, and the next one is better.
func (p *pace) estimate(now, retryAt time.Time) float64 {
	calls, first := p.sent.trailing(now)
	span := min(max(retryAt.Sub(first), time.Second), time.Minute)
	limit := float64(calls) * float64(time.Minute) / float64(span)
	if now.Sub(p.heldBackAt) > time.Minute { // somebody else used the limit up
		limit = max(limit, documentedPace)
	}
	return limit
}
