package connectwise

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// paceAt is a pace at a moment after it was new.
type paceAt struct {
	*pace
	now time.Time
}

func newPaceAt(ceiling int) *paceAt {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &paceAt{newPace(ceiling, now), now}
}

// use makes calls at the given pace for a time, and more wait.
func (p *paceAt) use(perMinute int, lasting time.Duration) {
	for range int(lasting * time.Duration(perMinute) / time.Minute) {
		p.sent.add(p.now, 1)
		p.heldBackAt = p.now
		p.raise(p.now)
		p.now = p.now.Add(time.Minute / time.Duration(perMinute))
	}
}

func (p *paceAt) is(t *testing.T, want float64, when string) {
	t.Helper()
	if math.Abs(p.perMinute-want) > want/200 {
		t.Errorf("%s the pace is %.0f a minute, want %.0f", when, p.perMinute, want)
	}
}

func TestPace_DoublesUntilTheFirst429(t *testing.T) {
	t.Parallel()
	p := newPaceAt(0)
	p.is(t, 1000, "at first")
	p.use(600, 11*time.Second)
	p.is(t, 2000, "after 10 s")
	p.use(600, 10*time.Second)
	p.is(t, 4000, "after 20 s")
}

func TestPace_ThatHoldsNobodyBackIsNotRaised(t *testing.T) {
	t.Parallel()
	p := newPaceAt(0)
	for range 3600 {
		p.now = p.now.Add(time.Second)
		p.sent.add(p.now, 1)
		p.raise(p.now)
	}
	p.is(t, 1000, "after an hour of one call a second")
}

func TestPace_StartsAtItsCeilingAndStaysBelow(t *testing.T) {
	t.Parallel()
	p := newPaceAt(600)
	p.use(600, time.Hour)
	p.is(t, 600, "after an hour at the ceiling")
}

func TestPace_StaysJustBelowALearntLimitAndProbesIt(t *testing.T) {
	t.Parallel()
	p := newPaceAt(2400)
	p.use(1200, time.Minute)
	p.slowDown(p.now, p.now.Add(time.Second))
	p.is(t, 0.97*1200, "after a 429")
	p.use(1200, 75*time.Second)
	p.is(t, 0.98*1200, "a minute later")
	p.use(1200, time.Minute)
	p.is(t, 1200, "two minutes later")
	p.use(1200, 6*time.Minute)
	p.is(t, 2400, "8 minutes later")
}

func TestPace_ProbesLessWhereAPauseCostsMore(t *testing.T) {
	t.Parallel()
	p := newPaceAt(1200)
	p.use(1200, time.Minute)
	p.slowDown(p.now, p.now.Add(30*time.Second))
	p.use(1200, 5*time.Minute)
	p.is(t, 0.97*1200, "5 minutes after a pause of 30 s")
	p.use(1200, time.Minute)
	p.is(t, 0.98*1200, "6 minutes after a pause of 30 s")
}

func TestPace_LearnsFromTheCallsLetThrough(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		calls  int
		within time.Duration
		pause  time.Duration
		want   float64
	}{
		"a full minute":                             {1000, time.Minute, time.Second, 1000},
		"half a minute, and the pause fills it":     {500, 30 * time.Second, 30 * time.Second, 500},
		"half a minute, and a moment's pause":       {500, 29 * time.Second, time.Second, 1000},
		"more than a minute, which is cut":          {3000, 3 * time.Minute, time.Second, 1000},
		"half a minute, and a pause of two minutes": {500, 30 * time.Second, 2 * time.Minute, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPaceAt(0)
			p.use(int(time.Duration(tt.calls)*time.Minute/tt.within), tt.within)
			if got := p.estimate(p.now, p.now.Add(tt.pause)); math.Abs(got-tt.want) > tt.want/50 {
				t.Errorf("estimate = %.0f a minute, want %.0f", got, tt.want)
			}
		})
	}
}

func TestPace_IsNotGivenUpForA429ThatOthersCause(t *testing.T) {
	t.Parallel()
	p := newPaceAt(0)
	p.sent.add(p.now, 1)
	p.slowDown(p.now, p.now.Add(10*time.Second))
	p.is(t, 970, "after a 429 that came to nearly no calls")
}

func TestPace_NeverFallsBelowTheLeast(t *testing.T) {
	t.Parallel()
	p := newPaceAt(0)
	p.use(600, time.Second)
	for range 100 {
		p.heldBackAt = p.now
		p.slowDown(p.now, p.now.Add(time.Second))
		p.now = p.now.Add(2 * time.Second)
	}
	p.is(t, leastPace, "after a hundred 429s in a row")
	p.use(600, 20*time.Minute)
	if p.perMinute < documentedPace {
		t.Errorf("20 minutes later the pace is %.0f a minute, want it to have recovered", p.perMinute)
	}
}

func TestHistory_CountsTheMinuteBefore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		epoch := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		h := history{epoch: epoch}
		now := epoch
		var calls []time.Time
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90_000).Draw(t, "milliseconds")) * time.Millisecond)
			if len(calls) > 0 && rapid.Bool().Draw(t, "take back") {
				i := rapid.IntRange(0, len(calls)-1).Draw(t, "which")
				h.add(calls[i], -1)
				calls = append(calls[:i:i], calls[i+1:]...)
			} else {
				h.add(now, 1)
				calls = append(calls, now)
			}
			got, first := h.trailing(now)
			want, wantFirst := 0, now
			for _, call := range calls { // in slices, of which the latest is not over
				if now.Truncate(sliceTime).Sub(call.Truncate(sliceTime)) < time.Minute {
					want++
					wantFirst = earliest(wantFirst, call.Truncate(sliceTime))
				}
			}
			if got != want || !first.Equal(wantFirst) {
				t.Fatalf("trailing = %d calls since %s, want %d since %s", got, first, want, wantFirst)
			}
		}
	})
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
