package feed

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/outbound/outboundtest"
)

// inBubble runs a test against a handler on a network in memory and a clock that jumps over waits.
func inBubble(t *testing.T, handler http.HandlerFunc, change func(*Config), run func(t *testing.T, client *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := outboundtest.NewNetwork()
		server := &http.Server{Handler: handler}
		go func() { _ = server.Serve(network) }()
		defer func() { _ = server.Close() }()
		client := newTestClient(t, "http://feed.example", change)
		transportOf(t, client).DialContext = network.DialContext
		defer client.CloseIdleConnections()
		run(t, client)
	})
}

func TestInvoiceRows_WaitsAsLongAsTheFeedAsks(t *testing.T) {
	t.Parallel()
	inAMinute := func() string { return time.Now().Add(time.Minute).UTC().Format(http.TimeFormat) }
	for _, tt := range []struct {
		name       string
		status     int
		retryAfter func() string
		want       time.Duration
	}{
		{"429 with seconds", 429, func() string { return "17" }, 17 * time.Second},
		{"429 with a date", 429, inAMinute, time.Minute},
		{"503 with seconds", 503, func() string { return " 3 " }, 3 * time.Second},
		{"429 with a date gone by", 429, func() string { return "Fri, 01 Jan 1999 12:00:00 GMT" }, 0},
		{"429 with something unreadable", 429, func() string { return "soon" }, 0},
		{"429 with a negative number", 429, func() string { return "-5" }, 0},
		{"500, where it means nothing", 500, func() string { return "17" }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spoiled := false
			handler := func(w http.ResponseWriter, _ *http.Request) {
				if spoiled {
					writePage(w, 1, 1000, 2, rows(2))
					return
				}
				spoiled = true
				w.Header().Set("Retry-After", tt.retryAfter())
				w.WriteHeader(tt.status)
			}
			inBubble(t, handler, func(*Config) {}, func(t *testing.T, client *Client) {
				start := time.Now()
				readRows(t, client).wantRows(t, 2, 1)
				if took := time.Since(start); took != tt.want {
					t.Errorf("the second try came after %s, want %s", took, tt.want)
				}
			})
		})
	}
}

func TestInvoiceRows_DoesNotWaitForHours(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", strconv.Itoa(3600))
		w.WriteHeader(http.StatusTooManyRequests)
	}
	inBubble(t, handler, func(*Config) {}, func(t *testing.T, client *Client) {
		start := time.Now()
		wantError(t, readRows(t, client).err, 1, 0, "it asks to wait for 1h0m0s")
		if took := time.Since(start); took != 0 {
			t.Errorf("the read failed after %s, want at once", took)
		}
	})
}

func TestInvoiceRows_AWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "200")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	inBubble(t, handler, func(*Config) {}, func(t *testing.T, client *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := client.InvoiceRows(ctx, may2026(), nil)
		wantError(t, err, 1, 0, "the read was stopped after a try had failed because the feed answered with status 429")
		if took := time.Since(start); took != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the read failed after %s with %v, want 10s and context.DeadlineExceeded", took, err)
		}
	})
}

func TestInvoiceRows_WaitsLongerFromTryToTry(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	ownWaits := func(c *Config) { c.Backoff, c.MaxTries = nil, 0 }
	inBubble(t, handler, ownWaits, func(t *testing.T, client *Client) {
		start := time.Now()
		wantError(t, readRows(t, client).err, 1, 0, "status 502 (tries: 6)")
		if took := time.Since(start); took < 2*time.Second || took > 2*time.Minute {
			t.Errorf("six tries took %s, want seconds rather than minutes", took)
		}
	})
}

func TestInvoiceRows_ASilentFeedIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	handler := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	inBubble(t, handler, func(*Config) {}, func(t *testing.T, client *Client) {
		start := time.Now()
		wantError(t, readRows(t, client).err, 1, 0, "did not answer completely within 2m0s (tries: 3)")
		if took := time.Since(start); took != 6*time.Minute {
			t.Errorf("three tries took %s, want 6m0s", took)
		}
	})
}
