package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
)

// logEvent is a response to logEntryAdded.
type logEvent struct {
	LogEntryAdded struct {
		ID, Level, Title string
		Details          *string
		Job              *struct{ ID, State string }
	}
}

const logEntryAdded = `subscription ($level: [LogLevel!]) { logEntryAdded(level: $level) { id level title details job { id state } } }`

func logged(t *testing.T, w *gatewaytest.World, s *gatewaytest.Seller, entries ...activity.Entry) {
	t.Helper()
	err := w.DB.Seller(s.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return activity.Log(ctx, tx, s.ID, entries...)
	})
	if err != nil {
		t.Errorf("log: %v", err)
	}
}

func entryTitled(title string) activity.Entry {
	return activity.Entry{Level: activity.Info, Code: activity.JobFailed, Title: title}
}

// awaitLog logs until the stream has begun to tell.
func awaitLog(t *testing.T, w *gatewaytest.World, s *gatewaytest.Seller, stream *gatewaytest.Stream) {
	t.Helper()
	question, beginning := entryTitled("Is anybody there?"), entryTitled("Now it begins")
	question.Level, beginning.Level = activity.Error, activity.Error
	begun := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-begun:
				return
			case <-time.After(20 * time.Millisecond):
				logged(t, w, s, question)
			}
		}
	})
	var event logEvent
	stream.Must(&event)
	close(begun)
	asking.Wait()
	logged(t, w, s, beginning)
	for event.LogEntryAdded.Title != "Now it begins" {
		stream.Must(&event)
	}
}

func TestLogEntriesAreToldAsTheyAreWrittenOnAnyReplica(t *testing.T) {
	t.Parallel()
	for _, over := range gatewaytest.Transports() {
		t.Run(string(over), func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2})
			job := holdJob(t, w, w.Seller)
			logged(t, w, w.Seller, entryTitled("Long ago"))
			all := w.On(w.Replica(t)).Subscribe(t, over, viewer, logEntryAdded, nil)
			some := w.Subscribe(t, over, viewer, logEntryAdded, variables{"level": []string{"ERROR", "WARNING"}})
			awaitLog(t, w, w.Seller, all)
			awaitLog(t, w, w.Seller, some)
			logged(t, w, w.Sellers[1], entryTitled("Another seller's"))
			warning := activity.Entry{Level: activity.Warning, Code: activity.JobFailed, Title: "A warning", Details: "More of it.", JobID: job.ref.ID}
			logged(t, w, w.Seller, entryTitled("One"), entryTitled("Two"), warning)
			var event logEvent
			for event.LogEntryAdded.Title != "One" { // first what others were to begin with
				all.Must(&event)
			}
			for _, want := range []string{"Two", "A warning"} {
				if all.Must(&event); event.LogEntryAdded.Title != want {
					t.Errorf("the entry %q was told, want %q", event.LogEntryAdded.Title, want)
				}
			}
			for event = (logEvent{}); event.LogEntryAdded.Level != "WARNING"; {
				if some.Must(&event); event.LogEntryAdded.Level == "INFO" {
					t.Fatalf("to whom wants errors and warnings, %+v was told", event.LogEntryAdded)
				}
			}
			if got := event.LogEntryAdded; got.Title != "A warning" || *got.Details != "More of it." || got.Job == nil || got.Job.ID != job.nodeID() {
				t.Errorf("of warnings and errors, %+v was told, want the warning with its job", got)
			}
		})
	}
}

func TestNoLogEntryIsLeftOutForAReaderThatIsSlow(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	stream := w.Subscribe(t, gatewaytest.ServerSentEvents, viewer, logEntryAdded, nil)
	awaitLog(t, w, w.Seller, stream)
	const written = 1500
	details := strings.Repeat("y", 20_000)
	for n := 0; n < written; n += 10 {
		var entries []activity.Entry
		for i := n; i < n+10; i++ {
			entry := entryTitled(fmt.Sprint(i))
			entry.Details = details
			entries = append(entries, entry)
		}
		logged(t, w, w.Seller, entries...)
	}
	expectTitles(t, stream, written)
}

// expectTitles reads entries that are titled with their numbers from 0.
func expectTitles(t *testing.T, stream *gatewaytest.Stream, count int) {
	t.Helper()
	for n := range count {
		var event logEvent
		if stream.Must(&event); event.LogEntryAdded.Title != fmt.Sprint(n) {
			t.Fatalf("entry %q was told, want %d", event.LogEntryAdded.Title, n)
		}
	}
}
