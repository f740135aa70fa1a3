package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
)

const progressFields = `id kind state step done total finishedAt`

const jobProgress = `subscription ($id: ID!) { jobProgress(id: $id) { ` + progressFields + ` } }`

// progressEvent is a response to jobProgress.
type progressEvent struct {
	JobProgress struct {
		ID, Kind, State string
		Step            *string
		Done            int
		Total           *int
		FinishedAt      *time.Time
	}
}

// held is a run that the test itself has, so that nothing changes but what it changes.
type held struct {
	t   *testing.T
	w   *gatewaytest.World
	ref jobs.Ref
}

func holdJob(t *testing.T, w *gatewaytest.World, s *gatewaytest.Seller) *held {
	t.Helper()
	h := &held{t: t, w: w, ref: jobs.Ref{Seller: s.ID}}
	h.write(`
		INSERT INTO job (seller_id, kind, state, requested_by, started_at, worker, lease_until)
		VALUES ($1, 'LOAD_OFFERS', 'RUNNING', 'the test', now(), 'the test', now() + interval '1 day')
		RETURNING id`)
	return h
}

func (h *held) nodeID() string { return nodeID("Job", h.ref.ID) }

// write changes the run, of which it takes the number, and announces that.
func (h *held) write(statement string, arguments ...any) {
	h.t.Helper()
	err := h.w.DB.Seller(h.ref.Seller).Write(h.t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		if err := tx.GetContext(ctx, &h.ref.ID, statement, append([]any{h.ref.Seller}, arguments...)...); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `SELECT pg_notify($1, $2)`, jobs.Channel, h.ref.String())
		return err
	})
	if err != nil {
		h.t.Fatalf("change the job: %v", err)
	}
}

func (h *held) progress(done int, step string) {
	h.t.Helper()
	h.write(`UPDATE job SET done = $3, step = $4 WHERE seller_id = $1 AND id = $2 RETURNING id`, h.ref.ID, done, step)
}

func (h *held) finish() {
	h.t.Helper()
	h.write(`UPDATE job SET state = 'SUCCEEDED', step = NULL, lease_until = NULL, finished_at = now() WHERE seller_id = $1 AND id = $2 RETURNING id`, h.ref.ID)
}

func TestJobProgressTellsARunFromAnyReplicaUntilItHasFinished(t *testing.T) {
	t.Parallel()
	for _, over := range gatewaytest.Transports() {
		t.Run(string(over), func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, gatewaytest.Options{})
			other := w.On(w.Replica(t))
			job := holdJob(t, w, w.Seller)
			stream := other.Subscribe(t, over, viewer, jobProgress, variables{"id": job.nodeID()})
			var event progressEvent
			gatewaytest.Within(t, 10*time.Second, "the first value", func() { stream.Must(&event) })
			if got := event.JobProgress; got.ID != job.nodeID() || got.State != "RUNNING" || got.Done != 0 {
				t.Errorf("the first value is %+v, want the job as it is", got)
			}
			for done := 1; done <= 5; done++ {
				job.progress(done, fmt.Sprintf("Step %d", done))
				stream.Must(&event)
				if got := event.JobProgress; got.Done != done || *got.Step != fmt.Sprintf("Step %d", done) {
					t.Errorf("after change %d the value is %+v", done, got)
				}
			}
			job.finish()
			stream.Must(&event)
			if got := event.JobProgress; got.State != "SUCCEEDED" || got.FinishedAt == nil {
				t.Errorf("after its end the job is %+v, want it SUCCEEDED", got)
			}
			if got := stream.End(); got != gatewaytest.Completed {
				t.Errorf("after the job the stream ended as %s, want %s", got, gatewaytest.Completed)
			}
		})
	}
}

func TestARealRunIsToldFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for i := range 30 {
		w.AddCustomer(fmt.Sprintf("Customer %d", i), fmt.Sprint(i), "Active")
	}
	other := w.On(w.Replica(t))
	id, _ := w.StartSync(t)
	stream := other.Subscribe(t, gatewaytest.ServerSentEvents, viewer,
		`subscription ($id: ID!) { jobProgress(id: $id) { state done logEntries(first: 1) { nodes { code } } } }`, variables{"id": id})
	type event struct {
		JobProgress struct {
			State      string
			Done       int
			LogEntries struct{ Nodes []struct{ Code string } }
		}
	}
	order := []string{"QUEUED", "RUNNING", "SUCCEEDED"}
	var told, before event
	for told.JobProgress.State != "SUCCEEDED" {
		stream.Must(&told)
		now, then := slices.Index(order, told.JobProgress.State), slices.Index(order, before.JobProgress.State)
		if now < then || told.JobProgress.Done < before.JobProgress.Done {
			t.Fatalf("%+v was told after %+v", told, before)
		}
		before = told
	}
	if last := told.JobProgress; len(last.LogEntries.Nodes) != 1 || last.LogEntries.Nodes[0].Code != "SYNC_COMPLETED" && last.Done == 0 {
		t.Errorf("the last value is %+v, want the job with what it logged", last)
	}
	if got := stream.End(); got != gatewaytest.Completed {
		t.Errorf("after the job the stream ended as %s, want %s", got, gatewaytest.Completed)
	}
}

func TestASlowReaderOfJobProgressMissesStepsButNotTheEnd(t *testing.T) {
	t.Parallel()
	for _, over := range gatewaytest.Transports() {
		t.Run(string(over), func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, gatewaytest.Options{})
			job := holdJob(t, w, w.Seller)
			slow := w.Subscribe(t, over, viewer, jobProgress, variables{"id": job.nodeID()})
			quick := w.Subscribe(t, gatewaytest.ServerSentEvents, viewer, `subscription ($id: ID!) { jobProgress(id: $id) { done state } }`, variables{"id": job.nodeID()})
			var event progressEvent
			slow.Must(&event)
			quick.Must(&event)
			// More than any buffer between here and there holds.
			const changes = 40
			for done := 1; done <= changes; done++ {
				job.progress(done, strings.Repeat("x", 1<<20))
				quick.Must(&event)
				if event.JobProgress.Done != done {
					t.Fatalf("beside a slow reader, change %d was told as %d", done, event.JobProgress.Done)
				}
			}
			job.finish()
			if got := quick.End(); got != gatewaytest.Completed {
				t.Errorf("beside a slow reader, the stream ended as %s", got)
			}
			told, last := 0, 0
			for event.JobProgress.State != "SUCCEEDED" {
				slow.Must(&event)
				if event.JobProgress.Done < last {
					t.Fatalf("step %d was told after step %d", event.JobProgress.Done, last)
				}
				told, last = told+1, event.JobProgress.Done
			}
			if told >= changes || last != changes {
				t.Errorf("the slow reader was told %d values, the last one of step %d; want fewer than %d, the last of step %d", told, last, changes, changes)
			}
			if got := slow.End(); got != gatewaytest.Completed {
				t.Errorf("the slow reader's stream ended as %s, want %s", got, gatewaytest.Completed)
			}
		})
	}
}

func TestJobProgressOfAFinishedJobIsItsEnd(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	job := holdJob(t, w, w.Seller)
	job.finish()
	for _, over := range gatewaytest.Transports() {
		stream := w.Subscribe(t, over, viewer, jobProgress, variables{"id": job.nodeID()})
		var event progressEvent
		stream.Must(&event)
		if event.JobProgress.State != "SUCCEEDED" {
			t.Errorf("over %s a finished job is %+v", over, event.JobProgress)
		}
		if got := stream.End(); got != gatewaytest.Completed {
			t.Errorf("over %s the stream of a finished job ended as %s, want %s", over, got, gatewaytest.Completed)
		}
	}
}

func TestJobProgressOfWhatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2})
	foreign := holdJob(t, w, w.Sellers[1])
	for _, over := range gatewaytest.Transports() {
		for name, refused := range map[string]struct{ id, code string }{
			"another seller's job":  {foreign.nodeID(), "NOT_FOUND"},
			"a job of nobody's":     {nodeID("Job", 987654), "NOT_FOUND"},
			"an id of another type": {nodeID("Offer", 1), "BAD_USER_INPUT"},
			"no id":                 {"17", "BAD_USER_INPUT"},
		} {
			stream := w.Subscribe(t, over, viewer, jobProgress, variables{"id": refused.id})
			response := stream.Next()
			if !slices.Equal(response.Codes(), []string{refused.code}) || fmt.Sprint(response.Errors[0].Path) != "[jobProgress]" {
				t.Errorf("%s over %s was answered with %s, want %s at jobProgress", name, over, response.Body, refused.code)
			}
			if got := stream.End(); got != gatewaytest.Completed {
				t.Errorf("%s over %s ended as %s, want %s", name, over, got, gatewaytest.Completed)
			}
		}
	}
}

func TestASubscriptionThatMayLeaveOutItsFieldIsRefused(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	job := holdJob(t, w, w.Seller)
	for _, over := range gatewaytest.Transports() {
		for _, refused := range []struct {
			x                   any
			query, code, saying string
		}{
			{true, `subscription ($id: ID!, $x: Boolean!) { jobProgress(id: $id) @skip(if: $x) { id } }`, "GRAPHQL_VALIDATION_FAILED", "remove @skip"},
			{false, `subscription ($id: ID!, $x: Boolean!) { ... @include(if: $x) { jobProgress(id: $id) { id } } }`, "GRAPHQL_VALIDATION_FAILED", "remove @include"},
			{nil, `subscription ($id: ID!, $x: Boolean = true) { jobProgress(id: $id) @skip(if: $x) { id } }`, "GRAPHQL_VALIDATION_FAILED", "remove @skip"},
			{nil, `subscription ($id: ID!, $x: Boolean = true) { jobProgress(id: $id) { id state @skip(if: $x) } }`, "BAD_USER_INPUT", "cannot be null"},
		} {
			response := w.Subscribe(t, over, viewer, refused.query, variables{"id": job.nodeID(), "x": refused.x}).Next()
			if !slices.Equal(response.Codes(), []string{refused.code}) || !strings.Contains(response.Errors[0].Message, refused.saying) {
				t.Errorf("%s over %s was answered with %s, want %s and %q", refused.query, over, response.Body, refused.code, refused.saying)
			}
		}
	}
}

func TestErrorsInTheValuesOfASubscriptionSayWhere(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	job := holdJob(t, w, w.Seller)
	stream := w.Subscribe(t, gatewaytest.ServerSentEvents, viewer,
		`subscription ($id: ID!) { mine: jobProgress(id: $id) { state logEntries(first: 0) { totalCount } } }`, variables{"id": job.nodeID()})
	response := stream.Next()
	if len(response.Errors) != 1 || fmt.Sprint(response.Errors[0].Path) != "[mine logEntries]" {
		t.Errorf("a value with an error is %s, want the error at mine, logEntries", response.Body)
	}
}

// cutListeners ends the connections that wait for notifications.
func cutListeners(t *testing.T, w *gatewaytest.World) (ended int) {
	t.Helper()
	owner, err := postgres.OpenAsOwner(t.Context(), w.DB.DSN(), postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatalf("OpenAsOwner: %v", err)
	}
	defer owner.Close()
	err = owner.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &ended, `
			SELECT count(pg_terminate_backend(pid))
			FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN %'`)
	})
	if err != nil {
		t.Fatalf("cut the listening connections: %v", err)
	}
	return ended
}

func TestNothingIsMissedWhenTheListeningConnectionBreaks(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	job := holdJob(t, w, w.Seller)
	entries := w.Subscribe(t, gatewaytest.WebSocket, viewer, logEntryAdded, nil)
	progress := w.Subscribe(t, gatewaytest.ServerSentEvents, viewer, jobProgress, variables{"id": job.nodeID()})
	awaitLog(t, w, w.Seller, entries)
	const rounds, each = 3, 40
	for round := range rounds {
		if ended := cutListeners(t, w); ended == 0 && round == 0 {
			t.Fatal("there was no connection to cut")
		}
		for n := range each {
			logged(t, w, w.Seller, entryTitled(fmt.Sprint(round*each+n)))
		}
		job.progress(round+1, "Going on")
	}
	expectTitles(t, entries, rounds*each)
	job.finish()
	var event progressEvent
	for event.JobProgress.State != "SUCCEEDED" {
		progress.Must(&event)
	}
	if event.JobProgress.Done != rounds {
		t.Errorf("the last value is %+v, want step %d", event.JobProgress, rounds)
	}
	logged(t, w, w.Seller, entryTitled("once more"))
	var last logEvent
	if entries.Must(&last); last.LogEntryAdded.Title != "once more" {
		t.Errorf("after the breaks %q was told, want the entry written then, and nothing twice", last.LogEntryAdded.Title)
	}
}

func TestStreamsEndSoonAfterTheirTokenDoes(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.Limits.StreamTrust = 50 * time.Millisecond }})
	job := holdJob(t, w, w.Seller)
	for over, want := range map[gatewaytest.Transport]string{gatewaytest.ServerSentEvents: gatewaytest.Completed, gatewaytest.WebSocket: "4401"} {
		for name, lifetime := range map[string]time.Duration{"revoked": 0, "expired": 5 * time.Second} {
			t.Run(name+" over "+string(over), func(t *testing.T) {
				t.Parallel()
				token := account.NewToken{Seller: w.ID, Role: viewer}
				if lifetime > 0 {
					token.ExpiresAt = time.Now().Add(lifetime)
				}
				text, _, err := w.Accounts.IssueToken(t.Context(), token)
				if err != nil {
					t.Fatal(err)
				}
				stream := gatewaytest.Subscribe(t, over, w.URL(), text, jobProgress, variables{"id": job.nodeID()})
				var event progressEvent
				stream.Must(&event)
				if lifetime == 0 {
					if _, err := w.Accounts.RevokeToken(t.Context(), text); err != nil {
						t.Fatal(err)
					}
				}
				if over == gatewaytest.ServerSentEvents {
					if response := stream.Next(); !slices.Equal(response.Codes(), []string{"UNAUTHENTICATED"}) {
						t.Errorf("at the end of its token a stream was told %s, want UNAUTHENTICATED", response.Body)
					}
				}
				if got := stream.End(); got != want {
					t.Errorf("at the end of its token a stream ended as %s, want %s", got, want)
				}
			})
		}
	}
}

func TestAStoppingGatewaySendsItsListenersElsewhere(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2})
	quiet, busy := holdJob(t, w, w.Sellers[0]), holdJob(t, w, w.Sellers[1])
	streams := make(map[*held][]*gatewaytest.Stream)
	for _, over := range gatewaytest.Transports() {
		for i, job := range []*held{quiet, busy} {
			stream := w.Sellers[i].Subscribe(t, over, viewer, jobProgress, variables{"id": job.nodeID()})
			var event progressEvent
			stream.Must(&event)
			streams[job] = append(streams[job], stream)
		}
	}
	for done := range 40 { // nobody reads these
		busy.progress(done, strings.Repeat("x", 1<<20))
	}
	gatewaytest.Within(t, 25*time.Second, "stopping", func() {
		if err := w.Gateway.Stop(t.Context()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	for i, over := range gatewaytest.Transports() {
		if got, want := streams[quiet][i].End(), []string{gatewaytest.Cut, "1012"}[i]; got != want {
			t.Errorf("a stream over %s ended as %s, want %s", over, got, want)
		}
		if got := streams[busy][i].End(); got == gatewaytest.Completed {
			t.Errorf("a stream over %s that nobody read says that it is complete", over)
		}
	}
}

func TestManyListenersShareWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	replica, statements := w.Watched(t)
	job := holdJob(t, w, w.Seller)
	var streams []*gatewaytest.Stream
	var event progressEvent
	for range 10 {
		stream := w.On(replica).Subscribe(t, gatewaytest.ServerSentEvents, viewer,
			`subscription ($id: ID!) { jobProgress(id: $id) { done } }`, variables{"id": job.nodeID()})
		stream.Must(&event)
		streams = append(streams, stream)
	}
	job.progress(1, "On the way")
	for _, stream := range streams {
		if stream.Must(&event); event.JobProgress.Done != 1 {
			t.Errorf("after a change a listener was told %+v", event)
		}
	}
	if got := statements.Containing(`LISTEN "` + jobs.Channel + `"`); len(got) != 1 {
		t.Errorf("the channel is listened to %d times, want once", len(got))
	}
	for _, statement := range statements.Containing("FROM job j") {
		if strings.Contains(statement, "step") {
			t.Errorf("a column that nobody selected was read: %s", statement)
		}
	}
}

func TestEverySubscriptionNeedsARole(t *testing.T) {
	t.Parallel()
	for _, field := range loadSchema(t).Subscription.Fields {
		if strings.HasPrefix(field.Name, "__") {
			continue
		}
		guard := field.Directives.ForName("requiresRole")
		if guard == nil || guard.Arguments.ForName("role").Value.Raw != string(viewer) {
			t.Errorf("the subscription %s does not need the role %s", field.Name, viewer)
		}
	}
}
