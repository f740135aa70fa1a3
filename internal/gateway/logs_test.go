package gateway_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/activity"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	"crosswalk/internal/simulator/fault"
)

// logPage is a page of System Logs with its tiles.
type logPage struct {
	LogSummary struct {
		Total, Errors, Warnings int
		LastUpdate              *time.Time
	}
	LogEntries struct {
		TotalCount int
		Range      *struct{ From, To int }
		PageInfo   struct {
			HasNextPage, HasPreviousPage bool
			StartCursor, EndCursor       *string
		}
		Nodes []struct {
			ID, Level, Code, Title string
			Timestamp              time.Time
			Job                    *struct{ ID, State string }
		}
	}
}

func readLogs(t *testing.T, s *gatewaytest.Seller, arguments variables) logPage {
	t.Helper()
	var page logPage
	s.Must(t, viewer, `query ($level: [LogLevel!], $first: Int, $after: String, $last: Int, $before: String, $offset: Int) {
		logSummary { total errors warnings lastUpdate }
		logEntries(level: $level, first: $first, after: $after, last: $last, before: $before, offset: $offset) {
			totalCount range { from to } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
			nodes { id level code title timestamp job { id state } }
		}
	}`, arguments, &page)
	return page
}

// writeEntries writes log entries of a level, all at one age.
func writeEntries(t *testing.T, w *gatewaytest.World, level activity.Level, count int, age time.Duration) {
	t.Helper()
	err := w.DB.Seller(w.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO log_entry (seller_id, level, logged_at, code, title)
			SELECT $1, $2, $3::timestamptz + n * interval '1 microsecond', 'JOB_FAILED', 'Entry ' || n
			FROM generate_series(1, $4) AS n`, w.ID, level, time.Now().Add(-age), count)
		return err
	})
	if err != nil {
		t.Fatalf("write log entries: %v", err)
	}
}

func TestSystemLogsAndTheirTilesCoverTheSameThirtyDays(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	empty := readLogs(t, w.Seller, nil)
	if empty.LogSummary.Total != 0 || empty.LogSummary.LastUpdate != nil || empty.LogEntries.Range != nil {
		t.Errorf("at first the log is %+v, want it empty", empty)
	}
	const day = 24 * time.Hour
	writeEntries(t, w, activity.Error, 3, 31*day)
	writeEntries(t, w, activity.Error, 4, 29*day)
	writeEntries(t, w, activity.Warning, 5, day)
	writeEntries(t, w, activity.Info, 30, time.Hour)

	all := readLogs(t, w.Seller, variables{"first": 1000})
	if got := all.LogSummary; got.Total != 39 || got.Errors != 4 || got.Warnings != 5 || got.LastUpdate == nil || !got.LastUpdate.Equal(all.LogEntries.Nodes[0].Timestamp) {
		t.Errorf("the tiles are %+v, want 39 entries, 4 errors, 5 warnings and the newest entry's time", got)
	}
	if all.LogEntries.TotalCount != 39 || len(all.LogEntries.Nodes) != 39 {
		t.Errorf("the list has %d of %d entries, want all 39", len(all.LogEntries.Nodes), all.LogEntries.TotalCount)
	}
	for i, entry := range all.LogEntries.Nodes[1:] {
		if entry.Timestamp.After(all.LogEntries.Nodes[i].Timestamp) {
			t.Errorf("entry %d is newer than the one above it", i+1)
		}
	}
	for level, want := range map[string]int{"ERROR": 4, "WARNING": 5, "INFO": 30} {
		page := readLogs(t, w.Seller, variables{"level": level, "first": 2})
		if page.LogEntries.TotalCount != want || page.LogEntries.Nodes[0].Level != level {
			t.Errorf("there are %d entries of level %s, want %d", page.LogEntries.TotalCount, level, want)
		}
		if page.LogSummary != all.LogSummary && !page.LogSummary.LastUpdate.Equal(*all.LogSummary.LastUpdate) {
			t.Errorf("the filter by %s changed the tiles to %+v", level, page.LogSummary)
		}
	}
	if got := readLogs(t, w.Seller, variables{"level": []string{}}).LogEntries.TotalCount; got != 0 {
		t.Errorf("no level lists %d entries, want none", got)
	}
	second := readLogs(t, w.Seller, variables{"first": 10, "offset": 10}).LogEntries
	after := readLogs(t, w.Seller, variables{"first": 10, "after": readLogs(t, w.Seller, variables{"first": 10}).LogEntries.PageInfo.EndCursor}).LogEntries
	if second.Range.From != 11 || after.Range.From != 11 || second.Nodes[0].ID != after.Nodes[0].ID {
		t.Errorf("the second page by number begins at %v, by cursor at %v, want both at 11", second.Range, after.Range)
	}
	last := readLogs(t, w.Seller, variables{"last": 4}).LogEntries
	if last.Range.From != 36 || last.PageInfo.HasNextPage || !last.PageInfo.HasPreviousPage {
		t.Errorf("the last page is at %+v, want it to begin at 36", last.Range)
	}
}

func TestJobsAreListedNewestFirstAndFiltered(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	if got := jobList(t, w.Seller, nil); len(got) != 0 {
		t.Errorf("at first there are %d jobs", len(got))
	}
	first := w.Sync(t).ID
	setFaults(t, w.Platform.SetFaults, fault.Fault{Kind: fault.Forbidden})
	second, _ := w.StartSync(t)
	w.WaitForJob(t, second)
	w.Platform.ClearFaults()
	third := w.Sync(t).ID
	for name, test := range map[string]struct {
		arguments variables
		want      []string
	}{
		"all":                {nil, []string{third, second, first}},
		"those that failed":  {variables{"state": "FAILED"}, []string{second}},
		"two states":         {variables{"state": []string{"SUCCEEDED", "RUNNING"}}, []string{third, first}},
		"no state":           {variables{"state": []string{}}, []string{}},
		"of the kind":        {variables{"kind": "SYNC_ORGANIZATIONS"}, []string{third, second, first}},
		"of no kind":         {variables{"kind": []string{}}, []string{}},
		"the newest":         {variables{"first": 1}, []string{third}},
		"finished long ago?": {variables{"state": []string{"QUEUED"}}, []string{}},
	} {
		if got := jobList(t, w.Seller, test.arguments); !slices.Equal(got, test.want) {
			t.Errorf("jobs, %s: %q, want %q", name, got, test.want)
		}
	}
	entries := readLogs(t, w.Seller, variables{"level": "ERROR"}).LogEntries.Nodes
	if len(entries) != 1 || entries[0].Job == nil || entries[0].Job.ID != second || entries[0].Job.State != "FAILED" {
		t.Errorf("the errors of the log are %+v, want one that leads to the failed run", entries)
	}
	cancelJob(t, w.Seller, first) // it is over, so nothing happens to it
	if got := w.Job(t, first); got.State != "SUCCEEDED" {
		t.Errorf("a finished run that was cancelled is %s, want it SUCCEEDED as before", got.State)
	}
}

func jobList(t *testing.T, s *gatewaytest.Seller, arguments variables) []string {
	t.Helper()
	var data struct {
		Jobs struct{ Nodes []struct{ ID string } }
	}
	s.Must(t, viewer, `query ($kind: [JobKind!], $state: [JobState!], $first: Int) {
		jobs(kind: $kind, state: $state, first: $first) { totalCount nodes { id } }
	}`, arguments, &data)
	ids := []string{}
	for _, node := range data.Jobs.Nodes {
		ids = append(ids, node.ID)
	}
	return ids
}

func TestTheLogLeadsToItsRecordsBeforeTheSetUpIsCompleteToo(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, _ := startPair(t, gatewaytest.Options{})
	for _, o := range []organization{alpha, beta} {
		mapTo(t, w.Seller, o.ID, acme.ID, nil)
		unmapOrganization(t, w.Seller, o.ID, nil)
	}
	if moved, _ := saveCredentials(t, w, variables{"companyId": "stranger"}); len(moved.Settings.SetupMissing) == 0 {
		t.Fatalf("another company was answered with %+v, want a set-up to complete", moved)
	}
	var data struct {
		LogEntries struct {
			Nodes []struct {
				Code    string
				Subject *struct{ Name string }
				Job     *struct{ Kind string }
			}
		}
	}
	w.Must(t, viewer, `{ logEntries { nodes { code subject { ... on Organization { name } } job { kind } } } }`, nil, &data)
	leads := make(map[string]int)
	for _, entry := range data.LogEntries.Nodes {
		if entry.Subject != nil {
			leads[entry.Code+" "+entry.Subject.Name]++
		}
		if entry.Job != nil {
			leads[entry.Code+" "+entry.Job.Kind]++
		}
	}
	want := map[string]int{
		"MAPPING_CHANGED Alpha": 1, "MAPPING_REMOVED Alpha": 1, "MAPPING_CHANGED Beta": 1, "MAPPING_REMOVED Beta": 1,
		"ORG_SYNC_STARTED SYNC_ORGANIZATIONS": 1, "ORGS_CREATED SYNC_ORGANIZATIONS": 1, "ORG_SYNC_COMPLETED SYNC_ORGANIZATIONS": 1,
	}
	if diff := cmp.Diff(want, leads); diff != "" {
		t.Errorf("what log entries lead to (-want +got):\n%s", diff)
	}
}
