package connectwise

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/psa"
)

// pausing answers the first request with 429 and a pause of 20 s, and records as usual after that.
func pausing() http.HandlerFunc {
	limited := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		answerHTML(w, http.StatusTooManyRequests)
	}
	return inTurn(limited, always(http.StatusCreated, `{"id":71}`))
}

func TestPause_AWriteInTheBackgroundWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, pausing(), func(t *testing.T, b *bubble) {
		create, background := createAddition(b.Client), psa.Background(t.Context())
		first := asUnavailable(t, create(background))
		if !first.RateLimited || time.Until(first.RetryAt).Round(time.Second) != 20*time.Second || len(b.server.all()) != 1 {
			t.Fatalf("CreateAddition answered 429 = %+v after %d requests, want it limited for 20 s after one", first, len(b.server.all()))
		}
		if err := create(t.Context()); outcome(err) != "limited" || len(b.server.all()) != 1 {
			t.Errorf("CreateAddition for a person during the pause = %v after %d requests, want it limited and not sent", err, len(b.server.all()))
		}
		var err error
		lasted := took(func() { err = create(background) })
		if err != nil || lasted.Round(time.Second) != 20*time.Second || len(b.server.all()) != 2 {
			t.Errorf("CreateAddition in the background during the pause = %v after %s and %d requests, want success after 20 s with a second one",
				err, lasted, len(b.server.all()))
		}
	})
}

func TestPause_AWriteInTheBackgroundWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	inBubble(t, pausing(), func(t *testing.T, b *bubble) {
		create := createAddition(b.Client)
		_ = create(psa.Background(t.Context()))

		tooShort, cancel := context.WithTimeout(psa.Background(t.Context()), 10*time.Second)
		defer cancel()
		var err error
		lasted := took(func() { err = create(tooShort) })
		if unavailable := asUnavailable(t, err); !unavailable.RateLimited || unavailable.RetryAt.IsZero() || lasted != 0 {
			t.Errorf("CreateAddition with less time than the pause = %+v after %s, want it limited at once, with RetryAt", unavailable, lasted)
		}

		cancelled, cancel := context.WithCancel(psa.Background(t.Context()))
		time.AfterFunc(5*time.Second, cancel)
		lasted = took(func() { err = create(cancelled) })
		if asUnavailable(t, err); !errors.Is(err, context.Canceled) || lasted != 5*time.Second {
			t.Errorf("CreateAddition cancelled during the pause = %v after %s, want it cancelled after 5 s", err, lasted)
		}
		time.Sleep(time.Minute)
		if sent := len(b.server.all()); sent != 1 {
			t.Errorf("%d requests were sent, want only the one before the pause", sent)
		}
	})
}

// atPace returns a gate that lets one call a second through, none of which was saved up.
func atPace(t *testing.T) *gate {
	t.Helper()
	g := newGate(60, time.Now)
	if err := g.pass(psa.Background(t.Context()), func(bool) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestPause_RefusesPeopleWhoWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := atPace(t)
		refused := &psa.UnavailableError{RateLimited: true, RetryAt: time.Now().Add(20 * time.Second)}
		pause := func(bool) error { time.Sleep(100 * time.Millisecond); return refused }
		go func() { _ = g.pass(t.Context(), pause) }() // borrows the turn
		synctest.Wait()
		var err error
		lasted := took(func() { err = g.pass(t.Context(), func(bool) error { return nil }) })
		if unavailable := asUnavailable(t, err); !unavailable.RetryAt.Equal(refused.RetryAt) || lasted != 100*time.Millisecond {
			t.Errorf("a call for a person that waits when a pause begins = %+v after %s, want it refused then", unavailable, lasted)
		}
	})
}

func TestTurn_OfACallerWhoGivesUpGoesToTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := atPace(t)
		impatient, cancel := context.WithCancel(psa.Background(t.Context()))
		time.AfterFunc(500*time.Millisecond, cancel)
		go func() {
			err := g.pass(impatient, func(bool) error { t.Error("a cancelled call is made"); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a call cancelled while it waits = %v, want context.Canceled", err)
			}
		}()
		synctest.Wait()
		lasted := took(func() {
			if err := g.pass(psa.Background(t.Context()), func(bool) error { return nil }); err != nil {
				t.Errorf("the call behind a cancelled one = %v", err)
			}
		})
		if lasted != time.Second {
			t.Errorf("the call behind a cancelled one waits %s, want the second the cancelled one would have waited", lasted)
		}
	})
}

func TestTurn_ThatComesTooLateIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := atPace(t)
		for range 5 {
			go func() { _ = g.pass(psa.Background(t.Context()), func(bool) error { return nil }) }()
		}
		synctest.Wait()
		for _, tt := range []struct {
			budget time.Duration
			want   string
		}{{5 * time.Second, "unavailable"}, {7 * time.Second, "success"}} {
			ctx, cancel := context.WithTimeout(psa.Background(t.Context()), tt.budget)
			var err error
			lasted := took(func() { err = g.pass(ctx, func(bool) error { return nil }) })
			cancel()
			if outcome(err) != tt.want || err != nil && lasted != 0 {
				t.Errorf("a call with %s behind five of a second each = %v after %s, want %s", tt.budget, err, lasted, tt.want)
			}
		}
		time.Sleep(10 * time.Second)
	})
}

func TestCircuit_ThatOpensRefusesTheCallsThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(60, time.Now)
		var made atomic.Int32
		failing := func(bool) error {
			made.Add(1)
			return &psa.UnavailableError{Reason: "no"}
		}
		errs := make(chan error, 20)
		for range cap(errs) {
			go func() { errs <- g.pass(psa.Background(t.Context()), failing) }()
		}
		refused := 0
		for range cap(errs) {
			if unavailable := asUnavailable(t, <-errs); !unavailable.RetryAt.IsZero() {
				refused++
			}
		}
		if made.Load() != failuresToOpen || refused != cap(errs)-failuresToOpen {
			t.Errorf("of %d calls %d are made and %d refused with RetryAt, want the %d that open the circuit to be made and the others refused",
				cap(errs), made.Load(), refused, failuresToOpen)
		}
		if health := g.health(); health.Circuit != psa.CircuitOpen {
			t.Errorf("health = %+v, want an open circuit", health)
		}
	})
}
