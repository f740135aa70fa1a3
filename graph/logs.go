package graph

import (
	"context"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"crosswalk/graph/model"
	"crosswalk/internal/activity"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// logFields are the columns behind the fields of a log entry.
var logFields = map[string]string{
	"level": "level", "timestamp": "logged_at", "code": "code", "title": "title", "details": "details", "job": "job_id",
}

// LogEntries resolves System Logs.
func (r *queryResolver) LogEntries(ctx context.Context, level []model.LogLevel, first *int, after *string, last *int, before *string, offset *int) (*model.LogEntryConnection, error) {
	return r.logConnection(ctx, pageArguments{first, after, last, before, offset}, anyOf("level", level))
}

// LogEntries resolves what a run logged.
func (r *jobResolver) LogEntries(ctx context.Context, obj *model.Job, first *int, after *string) (*model.LogEntryConnection, error) {
	return r.logConnection(ctx, pageArguments{first: first, after: after}, grid.Compare("job_id", grid.Equal, obj.RecordID))
}

func (r *Resolver) logConnection(ctx context.Context, page pageArguments, where grid.Condition) (*model.LogEntryConnection, error) {
	selected := selectionOf(ctx)
	req, err := page.request(selected, logFields, "id", "subject_kind", "subject_id")
	if err != nil {
		return nil, err
	}
	req.Where = where
	var result *grid.Result[activity.Logged]
	err = r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		result, err = activity.List(ctx, tx, seller(ctx), r.Now(), req)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := connect(ctx, result, logEntry, func(cursor string, node *model.LogEntry) *model.LogEntryEdge {
		return &model.LogEntryEdge{Cursor: cursor, Node: node}
	})
	return &model.LogEntryConnection{Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, Range: c.span, TotalCount: result.Total}, nil
}

// LogSummary resolves the tiles of System Logs.
func (r *queryResolver) LogSummary(ctx context.Context) (*model.LogSummary, error) {
	var s activity.Summary
	err := r.read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		s, err = activity.Summarize(ctx, tx, seller(ctx), r.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &model.LogSummary{Total: s.Total, Errors: s.Errors, Warnings: s.Warnings, LastUpdate: s.Latest}, nil
}

func logEntry(l activity.Logged) *model.LogEntry {
	shown := &model.LogEntry{
		ID: nodeID(typeLogEntry, l.ID), Level: model.LogLevel(l.Level), Timestamp: l.At,
		Code: string(l.Code), Title: l.Title, Details: l.Details,
	}
	if l.SubjectKind != nil && l.SubjectID != nil {
		shown.SubjectKind, shown.SubjectID = *l.SubjectKind, *l.SubjectID
	}
	if l.JobID != nil {
		shown.JobID = *l.JobID
	}
	return shown
}

// logEntriesByID returns the entries with these numbers that are still kept, in their order.
func (r *Resolver) logEntriesByID(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*model.LogEntry, error) {
	result, err := activity.List(ctx, tx, seller, r.Now(), grid.ByNumber(activity.LoggedColumns, ids))
	return inOrder(ids, result, err, func(l activity.Logged) int64 { return l.ID }, logEntry)
}

// subjectTypes are the types of the records that entries are about, by the kind the log calls them.
var subjectTypes = map[string]string{
	string(mapping.KindOrganization): typeOrganization,
	string(mapping.KindOffer):        typeOffer,
	string(mapping.KindContract):     typeContract,
}

// Subject resolves the record an entry is about, while that exists.
func (r *logEntryResolver) Subject(ctx context.Context, obj *model.LogEntry) (model.Node, error) {
	typeName, known := subjectTypes[obj.SubjectKind]
	if !known {
		return nil, nil
	}
	return r.recordOfEntry(ctx, typeName, obj.SubjectID)
}

// Job resolves the run that logged an entry.
func (r *logEntryResolver) Job(ctx context.Context, obj *model.LogEntry) (*model.Job, error) {
	if obj.JobID == 0 {
		return nil, nil
	}
	job, err := r.recordOfEntry(ctx, typeJob, obj.JobID)
	if job == nil {
		return nil, err
	}
	return job.(*model.Job), err
}

// entryRecord is a record that a log entry leads to.
type entryRecord struct {
	typeName string
	number   int64
}

// recordOfEntry returns a record that a log entry leads to; nil where it does not exist any more.
func (r *Resolver) recordOfEntry(ctx context.Context, typeName string, number int64) (model.Node, error) {
	return scopeOf(ctx).entryRecords().Load(ctx, entryRecord{typeName, number})()
}

// newEntryRecords returns the loader of the records that the log entries of one operation lead to. Like the log
// itself they can be read before the set-up is complete.
func (r *Resolver) newEntryRecords(ctx context.Context) *dataloader.Loader[entryRecord, model.Node] {
	batch := func(_ context.Context, wanted []entryRecord) []*dataloader.Result[model.Node] {
		byType := make(map[string][]int64)
		for _, record := range wanted {
			byType[record.typeName] = append(byType[record.typeName], record.number)
		}
		found := make(map[string]map[int64]model.Node, len(byType))
		failed := make(map[string]error, len(byType))
		for typeName, numbers := range byType {
			found[typeName], failed[typeName] = r.nodesOfType(ctx, r.read, typeName, numbers)
		}
		results := make([]*dataloader.Result[model.Node], len(wanted))
		for i, record := range wanted {
			results[i] = &dataloader.Result[model.Node]{Data: found[record.typeName][record.number], Error: failed[record.typeName]}
		}
		return results
	}
	return dataloader.NewBatchedLoader(batch,
		dataloader.WithWait[entryRecord, model.Node](time.Millisecond), dataloader.WithBatchCapacity[entryRecord, model.Node](maxItems))
}
