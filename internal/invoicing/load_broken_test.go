package invoicing

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/platform"
	"crosswalk/internal/platform/feed"
	"crosswalk/internal/postgres"
)

const (
	headersPath = "/reporting/v2/invoice-headers"
	rowsPath    = "/reporting/v2/invoice-rows"
)

// brokenFeed is a Platform that lists nothing, and whose connections break where a path is asked for.
type brokenFeed struct {
	*httptest.Server
	at      string
	breakUp http.HandlerFunc
}

// ServeHTTP answers every collection with an empty page. A feed without a way to break up takes no connections from
// the path on.
func (f *brokenFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == f.at:
		f.breakUp(w, r)
		return
	case f.breakUp == nil:
		f.Listener.Close()
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"items":[],"page":1,"pageSize":1000,"totalCount":0}`)
}

func startBrokenFeed(t *testing.T, at string, breakUp http.HandlerFunc) *brokenFeed {
	t.Helper()
	f := &brokenFeed{at: at, breakUp: breakUp}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	if at == headersPath && breakUp == nil {
		f.Listener.Close()
	}
	return f
}

// open returns an impatient client.
func (f *brokenFeed) open(context.Context, postgres.SellerID) (platform.Feed, error) {
	return feed.NewClient(feed.Config{
		BaseURL: f.URL, Key: "key", Token: "token", AllowInsecure: true, MaxTries: 2, AttemptTimeout: 500 * time.Millisecond,
		Backoff: func() backoff.BackOff { return &backoff.ZeroBackOff{} },
	})
}

// outcome is how an attempt at a run ended.
type outcome struct {
	state jobs.State
	err   error
}

// attempts takes how each attempt ends.
type attempts chan outcome

// Claimed tells of nothing.
func (a attempts) Claimed(ctx context.Context, _ jobs.Job) (context.Context, jobs.Attempt) {
	return ctx, a
}

// Finished tells of nothing.
func (a attempts) Finished(jobs.Kind, jobs.State, time.Duration) {}

// Step tells of nothing.
func (a attempts) Step(string) {}

// Ended tells how it ended.
func (a attempts) Ended(state jobs.State, err error) { a <- outcome{state, err} }

// runLoad runs a load in May 2026 and returns how its first attempt ended.
func runLoad(t *testing.T, db *postgres.DB, seller postgres.SellerID, loader Loader, periods ...rule.LoadPeriod) outcome {
	t.Helper()
	loader.Today = func(context.Context, postgres.SellerID) (civil.Date, error) {
		return civil.Date{Year: 2026, Month: 5, Day: 18}, nil
	}
	loader.Rules = func(context.Context, *postgres.Tx, postgres.SellerID) (Rules, error) { return Rules{}, nil }
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, _, err := jobs.Enqueue(ctx, tx, seller, jobs.Request{Kind: KindLoad, Parameters: Load{Periods: periods}, RequestedBy: "anna"})
		return err
	})
	if err != nil {
		t.Fatalf("enqueue a load: %v", err)
	}
	ended := make(attempts, 1)
	runner := jobs.NewRunner(db, jobs.Options{Observer: ended, Log: slog.New(slog.DiscardHandler)})
	runner.Handle(KindLoad, loader.Run)
	if err := runner.Start(t.Context()); err != nil {
		t.Fatalf("start the runner: %v", err)
	}
	t.Cleanup(func() {
		if err := runner.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop the runner: %v", err)
		}
	})
	select {
	case end := <-ended:
		return end
	case <-time.After(30 * time.Second):
		t.Fatal("the load does not end")
		return outcome{}
	}
}

// reset ends the connection without a goodbye, closed with one.
func reset(w http.ResponseWriter, _ *http.Request) { cut(w, 0) }

func closed(w http.ResponseWriter, _ *http.Request) { cut(w, -1) }

func cut(w http.ResponseWriter, linger int) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := connection.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(linger)
	}
	_ = connection.Close()
}

func brokenOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"page":1,"totalCount":6,"items":[{"ro`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func truncated(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"page":1,"totalCount":6,"items":[{"ro`)
}

func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestAPlatformThatBreaksOffFailsTheLoadAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		breakUp http.HandlerFunc
		says    string
	}{
		"it takes no connections":        {nil, "the connection to the feed failed"},
		"it resets connections":          {reset, "the connection to the feed failed"},
		"it closes connections":          {closed, "the connection to the feed failed"},
		"it breaks off within an answer": {brokenOff, "the page broke off half-way"},
		"its answer is half a page":      {truncated, "the page broke off half-way"},
		"it does not answer":             {silent, "the feed did not answer completely within 500ms"},
	} {
		for path, op := range map[string]string{headersPath: "invoice headers", rowsPath: "invoice rows"} {
			t.Run(op+"/"+name, func(t *testing.T) {
				t.Parallel()
				db := openDatabase(t)
				seller := withOneLine(t, db)
				end := runLoad(t, db, seller, Loader{Sources: mapping.Sources{Feed: startBrokenFeed(t, path, test.breakUp).open}}, rule.CurrentMonth)
				var failure *jobs.Failure
				if end.state != jobs.Failed || !errors.As(end.err, &failure) || failure.Code != activity.PlatformLoadFailed {
					t.Fatalf("the first attempt ended as %q with %v, want FAILED with %s", end.state, end.err, activity.PlatformLoadFailed)
				}
				for _, text := range []string{"Reading " + op + " from the Platform failed at page 1", test.says} {
					if !strings.Contains(failure.Message, text) {
						t.Errorf("the user reads %q, want it to say %q", failure.Message, text)
					}
				}
				if failure.Err == nil {
					t.Errorf("operators read %v, want what is behind it", failure)
				}
			})
		}
	}
}
