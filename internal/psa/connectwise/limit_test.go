package connectwise

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"crosswalk/internal/psa"
)

// noLimit lets everything through.
func noLimit() time.Duration { return 0 }

// limit lets a request through, or returns how long to wait.
type limit func() (wait time.Duration)

// fixedWindow counts in minutes of the clock; the first one began before the test.
func fixedWindow(perMinute int, began time.Duration) limit {
	begins, used := time.Now().Add(-began), 0
	return func() time.Duration {
		for time.Since(begins) >= time.Minute {
			begins, used = begins.Add(time.Minute), 0
		}
		if used >= perMinute {
			return time.Until(begins.Add(time.Minute))
		}
		used++
		return 0
	}
}

// slidingWindow looks back a minute at any moment.
func slidingWindow(perMinute int) limit {
	var let []time.Time
	return func() time.Duration {
		for len(let) > 0 && time.Since(let[0]) >= time.Minute {
			let = let[1:]
		}
		if len(let) >= perMinute {
			return time.Until(let[0].Add(time.Minute))
		}
		let = append(let, time.Now())
		return 0
	}
}

// tokenBucket fills steadily, and is full at first.
func tokenBucket(perMinute, size int) limit {
	bucket := rate.NewLimiter(rate.Limit(float64(perMinute)/60), size)
	return func() time.Duration {
		reservation := bucket.Reserve()
		wait := reservation.Delay()
		if wait > 0 {
			reservation.Cancel()
		}
		return wait
	}
}

// limited is a server with a limit, which takes its time to answer.
type limited struct {
	latency time.Duration

	mu    sync.Mutex
	limit limit
	// let and refused count the requests let through and those answered 429.
	let, refused int
}

// ask makes a request, and returns the seconds a 429 asks for; 0 when it was let through.
func (l *limited) ask() (retryAfter int) {
	l.mu.Lock()
	wait := l.limit()
	if wait > 0 {
		l.refused++
	} else {
		l.let++
	}
	l.mu.Unlock()
	time.Sleep(l.latency)
	return int((wait + time.Second - 1) / time.Second)
}

func (l *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch retryAfter := l.ask(); {
	case retryAfter > 0:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		answerHTML(w, http.StatusTooManyRequests)
	case r.Method == http.MethodPost:
		answerJSON(w, http.StatusCreated, `{"id":71}`)
	default:
		answerJSON(w, http.StatusOK, okInfo)
	}
}

// through returns a call of the server that passes g. It stands for HTTP where that would take the test long.
func (l *limited) through(g *gate) func(context.Context) error {
	return func(ctx context.Context) error {
		return g.pass(ctx, func(bool) error {
			if retryAfter := l.ask(); retryAfter > 0 {
				pause := min(time.Duration(retryAfter)*time.Second, maxRetryAfter)
				return &psa.UnavailableError{RateLimited: true, RetryAt: time.Now().Add(pause)}
			}
			return nil
		})
	}
}

// run has 16 callers repeat a call in the background for a time, and returns how many succeeded.
func run(t *testing.T, call func(context.Context) error, lasting time.Duration) int {
	ctx, end := psa.Background(t.Context()), time.Now().Add(lasting)
	var succeeded atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for time.Now().Before(end) {
				if err := call(ctx); err == nil {
					succeeded.Add(1)
				}
			}
		})
	}
	group.Wait()
	return int(succeeded.Load())
}

func createAddition(c *Client) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.CreateAddition(ctx, 9, psa.NewAddition{ProductID: 5})
		return err
	}
}

// limitsOf are the ways a server may hold clients to a number of calls a minute.
func limitsOf(perMinute int) map[string]func() limit {
	return map[string]func() limit{
		"windows of a minute, the first just begun":  func() limit { return fixedWindow(perMinute, 0) },
		"windows of a minute, the first half over":   func() limit { return fixedWindow(perMinute, 35*time.Second) },
		"windows of a minute, the first nearly over": func() limit { return fixedWindow(perMinute, 50*time.Second) },
		"a window that slides":                       func() limit { return slidingWindow(perMinute) },
		"a bucket for a minute":                      func() limit { return tokenBucket(perMinute, perMinute) },
		"a bucket for a second":                      func() limit { return tokenBucket(perMinute, perMinute/60+4) },
	}
}

func TestLimit_IsUsedUpWithFewRefusals(t *testing.T) {
	t.Parallel()
	for name, limit := range limitsOf(1000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &limited{latency: 200 * time.Millisecond, limit: limit()}
				made := run(t, server.through(newGate(0, time.Now)), 10*time.Minute)
				t.Logf("%d calls, %d refused", made, server.refused)
				if made < 9500 {
					t.Errorf("a run makes %d calls in 10 minutes with 1000 a minute allowed, want 9500 at least", made)
				}
				if server.refused > 100 {
					t.Errorf("%d of %d calls are answered 429, want 100 at most", server.refused, server.refused+server.let)
				}
			})
		})
	}
}

func TestLimit_IsSharedByReplicas(t *testing.T) {
	t.Parallel()
	for name, limit := range limitsOf(1000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &limited{latency: 200 * time.Millisecond, limit: limit()}
				var made [2]int
				var group sync.WaitGroup
				for i := range made {
					group.Go(func() {
						late := time.Duration(i) * 90 * time.Second
						time.Sleep(late)
						made[i] = run(t, server.through(newGate(0, time.Now)), 10*time.Minute-late)
					})
				}
				group.Wait()
				t.Logf("%v calls, %d refused", made, server.refused)
				if made[0]+made[1] < 9000 || min(made[0], made[1]) < 1500 {
					t.Errorf("two runs make %v calls in 10 minutes with 1000 a minute allowed, want 9000 together and 1500 each at least", made)
				}
				if server.refused > 200 {
					t.Errorf("%d of %d calls are answered 429, want 200 at most", server.refused, server.refused+server.let)
				}
			})
		})
	}
}

func TestLimit_ThatChangesIsFoundAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &limited{latency: 200 * time.Millisecond, limit: slidingWindow(1000)}
		call := server.through(newGate(0, time.Now))
		_ = run(t, call, 3*time.Minute)
		for _, tt := range []struct {
			perMinute        int
			settling, within time.Duration
		}{
			{300, 2 * time.Minute, 5 * time.Minute},
			{1000, 10 * time.Minute, 5 * time.Minute},
			{20, 2 * time.Minute, 10 * time.Minute},
		} {
			server.limit = slidingWindow(tt.perMinute)
			_ = run(t, call, tt.settling)
			allowed := tt.perMinute * int(tt.within/time.Minute)
			if made := run(t, call, tt.within); made < allowed*95/100 {
				t.Errorf("a run makes %d calls in %s after the limit changed to %d a minute, want %d at least",
					made, tt.within, tt.perMinute, allowed*95/100)
			}
		}
	})
}

func TestLimit_ThatIsNotThereHoldsNobodyBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &limited{latency: 100 * time.Millisecond, limit: noLimit}
		call := server.through(newGate(0, time.Now))
		_ = run(t, call, time.Minute)
		const want = 16 * 600 // callers, and answers in a minute
		if made := run(t, call, time.Minute); made < want {
			t.Errorf("16 callers make %d calls in the second minute without a limit, want %d", made, want)
		}
	})
}

func TestLimit_OfTheConfigurationIsNeverExceeded(t *testing.T) {
	t.Parallel()
	for _, ceiling := range []int{12, 600} {
		synctest.Test(t, func(t *testing.T) {
			server := &limited{limit: noLimit}
			made := run(t, server.through(newGate(ceiling, time.Now)), 2*time.Minute)
			least, most := 2*ceiling, 2*ceiling+max(1, ceiling/60)+16 // saved up at first, and those that wait at the end
			if made < least || made > most {
				t.Errorf("a run makes %d calls in 2 minutes with CallsPerMinute %d, want %d to %d", made, ceiling, least, most)
			}
		})
	}
}

func TestLimit_PeopleGoAheadOfARun(t *testing.T) {
	t.Parallel()
	for _, ceiling := range []int{30, 1000} {
		synctest.Test(t, func(t *testing.T) {
			server := &limited{latency: 100 * time.Millisecond, limit: noLimit}
			call := server.through(newGate(ceiling, time.Now))
			var group sync.WaitGroup
			group.Go(func() { run(t, call, 5*time.Minute) })
			for range 50 {
				time.Sleep(5 * time.Second)
				lasted := took(func() {
					if err := call(t.Context()); err != nil {
						t.Errorf("a call for a person during a run = %v", err)
					}
				})
				if lasted > 500*time.Millisecond {
					t.Errorf("a call for a person during a run of %d calls a minute took %s, want half a second at most", ceiling, lasted)
				}
			}
			group.Wait()
		})
	}
}

func TestLimit_PeopleAreServedWhileARunUsesItUp(t *testing.T) {
	t.Parallel()
	for name, limit := range limitsOf(1000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := &limited{latency: 100 * time.Millisecond, limit: limit()}
				call := server.through(newGate(0, time.Now))
				var group sync.WaitGroup
				group.Go(func() { run(t, call, 10*time.Minute) })
				time.Sleep(3 * time.Minute) // the limit is learnt
				const calls = 400
				succeeded := 0
				for range calls {
					time.Sleep(time.Second)
					lasted := took(func() {
						if err := call(t.Context()); err == nil {
							succeeded++
						}
					})
					if lasted > 500*time.Millisecond {
						t.Errorf("a call for a person during a run took %s, want half a second at most", lasted)
					}
				}
				if succeeded < calls*95/100 {
					t.Errorf("%d of %d calls for people during a run succeeded, want 95 %%", succeeded, calls)
				}
				group.Wait()
			})
		})
	}
}

func TestLimit_IsUsedUpOverHTTP(t *testing.T) {
	t.Parallel()
	server := &limited{latency: 200 * time.Millisecond}
	inBubble(t, server.ServeHTTP, func(t *testing.T, b *bubble) {
		server.limit = fixedWindow(1000, 20*time.Second)
		created := run(t, createAddition(b.Client), 5*time.Minute)
		if created < 4750 || server.refused > 100 {
			t.Errorf("a run creates %d additions in 5 minutes with %d answers 429 and 1000 calls a minute allowed, want 4750 at least and 100 at most",
				created, server.refused)
		}
		if created != server.let {
			t.Errorf("a run creates %d additions and the server %d, want the same", created, server.let)
		}
	})
}
