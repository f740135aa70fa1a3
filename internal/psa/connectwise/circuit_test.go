package connectwise

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/psa"
)

func TestCircuit_OpensAndIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		broken       http.HandlerFunc
		unauthorized bool
	}{
		{"an error page", failing, false},
		{"a server error", always(500, `{"code":"ConnectWiseApi","message":"no"}`), false},
		{"refused credentials", always(401, `{"code":"Unauthorized"}`), true},
		{"refused credentials on cloud", func(w http.ResponseWriter, _ *http.Request) { answerHTML(w, 404) }, true},
		{"a server that hangs", hang, false},
		{"a dropped connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var healthy atomic.Bool
			api := func(w http.ResponseWriter, r *http.Request) {
				if healthy.Load() {
					answerJSON(w, 200, okInfo)
					return
				}
				tt.broken(w, r)
			}
			inBubble(t, api, func(t *testing.T, b *bubble) {
				ask := func() error { // as the grid does: with a budget of two seconds
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
					defer cancel()
					_, err := b.SystemInfo(ctx)
					return err
				}
				for range failuresToOpen {
					asUnavailable(t, ask())
				}
				health := b.Health()
				if health.Circuit != psa.CircuitOpen || health.RetryAt.Before(time.Now()) || health.LastError == "" {
					t.Fatalf("Health = %+v, want an open circuit with RetryAt and LastError", health)
				}
				sent := len(b.server.all())
				var err error
				lasted := took(func() { err = ask() })
				unavailable := asUnavailable(t, err)
				if unavailable.Unauthorized != tt.unauthorized || !unavailable.RetryAt.Equal(health.RetryAt) || lasted != 0 || len(b.server.all()) != sent {
					t.Errorf("a call with the circuit open = %+v after %s and %d requests, want it refused at once", unavailable, lasted, len(b.server.all())-sent)
				}
				if _, err := b.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5}); outcome(err) == "unconfirmed" || err == nil {
					t.Errorf("CreateAddition with the circuit open = %v, want *psa.UnavailableError", err)
				}
				for range 20 { // the outage lasts while people keep asking
					_ = ask()
					time.Sleep(3 * time.Second)
				}
				healthy.Store(true)
				recovered := took(func() {
					for ask() != nil {
						time.Sleep(time.Second)
					}
				})
				if recovered > 15*time.Second {
					t.Errorf("recovery was noticed after %s, want 15 s at most", recovered)
				}
				health = b.Health()
				if health.Circuit != psa.CircuitClosed || !health.RetryAt.IsZero() || health.LastError != "" || time.Since(health.LastSuccessAt) > time.Second {
					t.Errorf("Health after recovery = %+v, want it closed without an error", health)
				}
			})
		})
	}
}

func TestCircuit_ATrialThatHangsEndsBeforeLong(t *testing.T) {
	t.Parallel()
	var mode atomic.Int32 // 0 fails, 1 hangs, 2 works
	api := func(w http.ResponseWriter, r *http.Request) {
		switch mode.Load() {
		case 0:
			failing(w, r)
		case 1:
			hang(w, r)
		default:
			answerJSON(w, 200, okInfo)
		}
	}
	inBubble(t, api, func(t *testing.T, b *bubble) {
		for range failuresToOpen {
			_, _ = b.SystemInfo(t.Context())
		}
		mode.Store(1)
		time.Sleep(openFor + time.Second)
		if got := b.Health().Circuit; got != psa.CircuitHalfOpen {
			t.Fatalf("Health tells %s, want %s", got, psa.CircuitHalfOpen)
		}
		go func() { _, _ = b.SystemInfo(psa.Background(t.Context())) }() // becomes the trial, with no deadline
		time.Sleep(time.Second)
		mode.Store(2)
		recovered := took(func() {
			for {
				if _, err := b.SystemInfo(t.Context()); err == nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		if recovered > 25*time.Second {
			t.Errorf("recovery was noticed after %s, want less than 30 s", recovered)
		}
		time.Sleep(2 * time.Minute) // the background call ends
	})
}

func TestCircuit_ALargeReadByIDIsItsOwnTrial(t *testing.T) {
	t.Parallel()
	var healthy atomic.Bool
	api := func(w http.ResponseWriter, r *http.Request) {
		if !healthy.Load() {
			failing(w, r)
			return
		}
		time.Sleep(time.Second)
		collection{count: 1000}.ServeHTTP(w, r)
	}
	inBubble(t, api, func(t *testing.T, b *bubble) {
		for range failuresToOpen {
			_, _ = b.SystemInfo(t.Context())
		}
		time.Sleep(openFor + time.Second)
		healthy.Store(true)
		found, err := b.CompaniesByID(t.Context(), recordIDs(1000))
		if err != nil || len(found) != 1000 {
			t.Errorf("CompaniesByID as the first call after an outage = %d companies, %v, want 1000", len(found), err)
		}
	})
}

func TestCircuit_AWriteIsNeverTheTrial(t *testing.T) {
	t.Parallel()
	for _, recovers := range []bool{true, false} {
		var healthy atomic.Bool
		api := func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !healthy.Load():
				failing(w, r)
			case r.Method == http.MethodPost:
				answerJSON(w, 201, `{"id":71}`)
			default:
				answerJSON(w, 200, okInfo)
			}
		}
		inBubble(t, api, func(t *testing.T, b *bubble) {
			for range failuresToOpen {
				_, _ = b.SystemInfo(t.Context())
			}
			time.Sleep(openFor + time.Second)
			healthy.Store(recovers)
			_, err := b.CreateAddition(t.Context(), 9, psa.NewAddition{ProductID: 5})
			if want := map[bool]string{true: "success", false: "unavailable"}[recovers]; outcome(err) != want {
				t.Errorf("CreateAddition when ConnectWise answers again (%t) = %v, want %s", recovers, err, want)
			}
			for _, request := range b.server.all() {
				if !recovers && request.Method == http.MethodPost {
					t.Error("a write was sent to find out whether ConnectWise answers, want a read")
				}
			}
		})
	}
}

func TestCircuit_IsNotOpenedByRefusalsAndCallersWhoGiveUp(t *testing.T) {
	t.Parallel()
	refusal := always(400, `{"code":"InvalidObject","message":"no","errors":[]}`)
	inBubble(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			refusal(w, r)
			return
		}
		hang(w, r)
	}, func(t *testing.T, b *bubble) {
		for range 3 * failuresToOpen {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(5*time.Second, cancel)
			_, err := b.SystemInfo(ctx)
			if asUnavailable(t, err); !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled SystemInfo = %v, want it to wrap context.Canceled", err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, err = b.SystemInfo(ctx)
			cancel()
			if asUnavailable(t, err); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("SystemInfo without time = %v, want it to wrap context.DeadlineExceeded", err)
			}
			if _, err := b.UpdateAddition(t.Context(), 9, 71, psa.AdditionChange{InvoiceDescription: new(string)}); outcome(err) != "refused" {
				t.Errorf("UpdateAddition = %v, want the refusal", err)
			}
		}
		if health := b.Health(); health.Circuit != psa.CircuitClosed {
			t.Errorf("Health = %+v, want a closed circuit", health)
		}
	})
}
