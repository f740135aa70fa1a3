package connectwise

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/psa"
)

func asUnavailable(t *testing.T, err error) *psa.UnavailableError {
	t.Helper()
	var unavailable *psa.UnavailableError
	if !errors.As(err, &unavailable) {
		t.Fatalf("the call = %v, want *psa.UnavailableError", err)
	}
	return unavailable
}

const okInfo = `{"version":"v2026.1","isCloud":true}`

func failing(w http.ResponseWriter, _ *http.Request) { answerHTML(w, http.StatusBadGateway) }

func TestRetry_ABackgroundCallIsTriedHarder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		ctx      func(context.Context) context.Context
		failures int
		requests int
		succeeds bool
	}{
		{"for a person: a second try", func(ctx context.Context) context.Context { return ctx }, 1, 2, true},
		{"for a person: no third try", func(ctx context.Context) context.Context { return ctx }, 2, 2, false},
		{"in the background: a fifth try", psa.Background, 4, 5, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var handlers []http.HandlerFunc
			for range tt.failures {
				handlers = append(handlers, failing)
			}
			inBubble(t, inTurn(append(handlers, always(200, okInfo))...), func(t *testing.T, b *bubble) {
				_, err := b.SystemInfo(tt.ctx(t.Context()))
				if (err == nil) != tt.succeeds || len(b.server.all()) != tt.requests {
					t.Errorf("SystemInfo = %v after %d requests, want success %t after %d", err, len(b.server.all()), tt.succeeds, tt.requests)
				}
			})
		})
	}
}

func TestRetry_GivesUpInTimeForTheCaller(t *testing.T) {
	t.Parallel()
	inBubble(t, failing, func(t *testing.T, b *bubble) {
		ctx, cancel := context.WithTimeout(psa.Background(t.Context()), 4*time.Second)
		defer cancel()
		var err error
		lasted := took(func() { _, err = b.SystemInfo(ctx) })
		if asUnavailable(t, err); lasted >= 4*time.Second || len(b.server.all()) < 2 {
			t.Errorf("SystemInfo gave up after %s and %d requests, want some tries and no wait that cannot succeed", lasted, len(b.server.all()))
		}
	})
}

func TestRateLimit_PausesEveryCall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, header string
		want         time.Duration
	}{
		{"seconds", "12", 12 * time.Second},
		{"no header", "", 30 * time.Second},
		{"nonsense", "soon", 30 * time.Second},
		{"negative", "-5", 30 * time.Second},
		{"zero", "0", time.Second},
		{"too long", "3600", 30 * time.Second},
		{"absurd", "1e300", 30 * time.Second},
		{"a date", "DATE+20", 20 * time.Second},
		{"a date that is over", "DATE-20", time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limited := func(w http.ResponseWriter, _ *http.Request) {
				now := time.Now().UTC()
				switch tt.header {
				case "":
				case "DATE+20":
					w.Header().Set("Retry-After", now.Add(20*time.Second).Format(http.TimeFormat))
				case "DATE-20":
					w.Header().Set("Retry-After", now.Add(-20*time.Second).Format(http.TimeFormat))
				default:
					w.Header().Set("Retry-After", tt.header)
				}
				answerHTML(w, http.StatusTooManyRequests)
			}
			inBubble(t, inTurn(limited, always(200, okInfo)), func(t *testing.T, b *bubble) {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				limitedAt := time.Now()
				_, err := b.SystemInfo(ctx)
				unavailable := asUnavailable(t, err)
				if got := unavailable.RetryAt.Sub(limitedAt).Round(time.Second); !unavailable.RateLimited || got != tt.want {
					t.Fatalf("SystemInfo = %+v with a pause of %s, want %s", unavailable, got, tt.want)
				}
				_, err = b.CompaniesByID(ctx, recordIDs(3))
				_, writeErr := b.CreateAddition(ctx, 9, psa.NewAddition{ProductID: 5})
				if outcome(err) != "limited" || outcome(writeErr) != "limited" || len(b.server.all()) != 1 {
					t.Errorf("during the pause a read = %v and a write = %v after %d requests, want both held back", err, writeErr, len(b.server.all()))
				}
				if health := b.Health(); !health.RetryAt.Equal(unavailable.RetryAt) || health.Circuit != psa.CircuitClosed {
					t.Errorf("Health = %+v, want a closed circuit and RetryAt %s", health, unavailable.RetryAt)
				}
				time.Sleep(time.Until(unavailable.RetryAt))
				if _, err := b.SystemInfo(t.Context()); err != nil {
					t.Errorf("SystemInfo after the pause = %v, want success", err)
				}
				if health := b.Health(); !health.RetryAt.IsZero() || health.LastError != "" {
					t.Errorf("Health after the pause = %+v, want no trace of it", health)
				}
			})
		})
	}
}

func TestRateLimit_TheBackgroundSitsItOut(t *testing.T) {
	t.Parallel()
	limited := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		answerJSON(w, http.StatusTooManyRequests, `{"error":"ConnectWiseAPI","message":"Too many requests. Please try again in 20 seconds."}`)
	}
	inBubble(t, inTurn(limited, always(200, okInfo)), func(t *testing.T, b *bubble) {
		var err error
		lasted := took(func() { _, err = b.SystemInfo(psa.Background(t.Context())) })
		if err != nil || lasted < 20*time.Second || lasted > 30*time.Second || len(b.server.all()) != 2 {
			t.Errorf("SystemInfo = %v after %s and %d requests, want success by a second request after 20 s", err, lasted, len(b.server.all()))
		}
	})
}

func TestRateLimit_APersonWaitsForAShortPauseOnly(t *testing.T) {
	t.Parallel()
	for pause, waits := range map[string]bool{"1": true, "20": false} {
		t.Run(pause+" s", func(t *testing.T) {
			t.Parallel()
			limited := func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", pause)
				answerHTML(w, http.StatusTooManyRequests)
			}
			inBubble(t, inTurn(limited, always(200, okInfo)), func(t *testing.T, b *bubble) {
				_, err := b.SystemInfo(t.Context())
				if (err == nil) != waits {
					t.Errorf("SystemInfo = %v, want it to wait: %t", err, waits)
				}
			})
		})
	}
}

func TestCallLimit_IsSharedByAllCalls(t *testing.T) {
	t.Parallel()
	inBubble(t, always(200, okInfo), func(t *testing.T, b *bubble) {
		client := b.replica(atMost(900))
		lasted := took(func() {
			for range 900 {
				if _, err := client.SystemInfo(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
		if lasted < 50*time.Second || lasted > time.Minute {
			t.Errorf("900 calls took %s, want nearly a minute", lasted)
		}
	})
}

func TestCallLimit_RefusesWhatCannotBeSentInTime(t *testing.T) {
	t.Parallel()
	inBubble(t, always(200, okInfo), func(t *testing.T, b *bubble) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var err error
		for err == nil {
			_, err = b.CreateAddition(ctx, 9, psa.NewAddition{ProductID: 5})
			if outcome(err) == "unconfirmed" { // the body is no addition: it was sent
				err = nil
			}
		}
		if outcome(err) != "unavailable" {
			t.Errorf("CreateAddition beyond the limit = %v, want *psa.UnavailableError", err)
		}
		if health := b.Health(); !strings.Contains(health.LastError, "write") {
			t.Errorf("Health = %+v, want it to tell of the lost answers", health)
		}
	})
}

func TestRead_AnAttemptEndsAfterThirtySeconds(t *testing.T) {
	t.Parallel()
	slowBody := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(time.Second)
		}
	}
	for name, api := range map[string]http.HandlerFunc{"no answer": hang, "a body without end": slowBody} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, api, func(t *testing.T, b *bubble) {
				var err error
				lasted := took(func() { _, err = b.SystemInfo(t.Context()) })
				unavailable := asUnavailable(t, err)
				if lasted < 60*time.Second || lasted > 62*time.Second || !strings.Contains(unavailable.Reason, "in time") {
					t.Errorf("SystemInfo = %v after %s, want two tries of 30 s", err, lasted)
				}
				lasted = took(func() { _, err = b.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5}) })
				if outcome(err) != "unconfirmed" || lasted != 30*time.Second {
					t.Errorf("CreateAddition = %v after %s, want it unconfirmed after 30 s", err, lasted)
				}
				time.Sleep(2 * time.Second) // the handler notices
			})
		})
	}
}

func TestRead_ThatIsNotAnsweredInTheTimeOfItsCaller(t *testing.T) {
	t.Parallel()
	inBubble(t, hang, func(t *testing.T, b *bubble) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("the operation took too long"))
		defer cancel()
		_, err := b.SystemInfo(ctx)
		if unavailable := asUnavailable(t, err); !strings.Contains(unavailable.Reason, "did not answer in time") {
			t.Errorf("SystemInfo = %v, want the reason that it did not answer in time, whatever the cause of the deadline", err)
		}
	})
}

func TestWrite_ThatIsCancelled(t *testing.T) {
	t.Parallel()
	inBubble(t, hang, func(t *testing.T, b *bubble) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := b.CreateAddition(ctx, 9, psa.NewAddition{ProductID: 5}); outcome(err) != "unconfirmed" || !errors.Is(err, context.Canceled) {
			t.Errorf("CreateAddition cancelled after it was sent = %v, want *psa.UnconfirmedError", err)
		}
		if _, err := b.CreateAddition(ctx, 9, psa.NewAddition{ProductID: 5}); outcome(err) != "unavailable" || len(b.server.all()) != 1 {
			t.Errorf("CreateAddition cancelled before = %v after %d requests, want *psa.UnavailableError and no request", err, len(b.server.all()))
		}
	})
}

func TestRead_ServerThatCannotBeReached(t *testing.T) {
	t.Parallel()
	inBubble(t, always(200, okInfo), func(t *testing.T, b *bubble) {
		b.unreachable = true
		_, err := b.SystemInfo(t.Context())
		if unavailable := asUnavailable(t, err); unavailable.Reason != "ConnectWise could not be reached" {
			t.Errorf("SystemInfo = %v, want the reason that it could not be reached", err)
		}
		if _, err := b.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5}); outcome(err) != "unavailable" {
			t.Errorf("CreateAddition = %v, want *psa.UnavailableError: nothing was sent", err)
		}
		b.unreachable = false
		if _, err := b.SystemInfo(t.Context()); err != nil {
			t.Errorf("SystemInfo when it can be reached again = %v", err)
		}
	})
}
