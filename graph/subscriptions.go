package graph

import (
	"context"
	"reflect"
	"slices"

	"crosswalk/graph/model"
	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// JobProgress resolves one run, now and at every change, until it has finished.
func (r *subscriptionResolver) JobProgress(ctx context.Context, id string) (<-chan *model.Job, error) {
	number, err := parseID(typeJob, id)
	if err != nil {
		return nil, badInput(err.Error())
	}
	if job, err := r.jobByNumber(ctx, number, "id"); job == nil {
		return nil, orNotFound(err, "There is no such job. It may be too old to be kept.")
	}
	var watched watch
	watched.changed, watched.stop = r.JobChanges.Watch(jobs.Ref{Seller: seller(ctx), ID: number})
	selected := selectionOf(ctx)
	columns := selected.columns(jobFields, "id", "state")
	var shown *model.Job
	return follow(ctx, r.Log, watched, func(ctx context.Context, send func(*model.Job) bool) (more bool, err error) {
		job, err := r.jobByNumber(ctx, number, columns...)
		if job == nil {
			return false, err // without an error, it finished long ago
		}
		finished := jobs.State(job.State).Finished()
		if reflect.DeepEqual(job, shown) && !selected.has("logEntries") {
			return !finished, nil
		}
		shown = job
		return send(job) && !finished, nil
	}), nil
}

// jobByNumber reads columns of one run; nil when the seller has no such run.
func (r *Resolver) jobByNumber(ctx context.Context, number int64, columns ...string) (*model.Job, error) {
	var result *grid.Result[jobs.Listed]
	err := r.read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		result, err = jobs.List(ctx, tx, seller(ctx), grid.ByNumber(columns, []int64{number}))
		return err
	})
	if err != nil || len(result.Rows) == 0 {
		return nil, err
	}
	return jobNode(result.Rows[0].Job), nil
}

// LogEntryAdded resolves log entries as they are committed, from when it is asked for.
func (r *subscriptionResolver) LogEntryAdded(ctx context.Context, level []model.LogLevel) (<-chan *model.LogEntry, error) {
	var watched watch
	watched.changed, watched.stop = r.LogChanges.Watch(seller(ctx))
	reader := &logReader{
		Resolver: r.Resolver,
		columns:  selectionOf(ctx).columns(logFields, "id", "subject_kind", "subject_id"),
		where:    anyOf("level", level),
	}
	err := r.read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		reader.mark, err = activity.Now(ctx, tx)
		return err
	})
	if err != nil {
		watched.stop()
		return nil, err
	}
	return follow(ctx, r.Log, watched, reader.look), nil
}

// logReader reads the log from mark to mark. It relies on no notification but to look: whatever one of them said
// that was lost, the next look finds.
type logReader struct {
	*Resolver
	columns []string
	where   grid.Condition
	mark    activity.Mark
	// unread are the entries before the mark that were not sent yet.
	unread []int64
}

// look sends the entries committed since the last look, page by page.
func (l *logReader) look(ctx context.Context, send func(*model.LogEntry) bool) (more bool, err error) {
	if err := l.find(ctx); err != nil {
		return false, err
	}
	for len(l.unread) > 0 {
		page := l.unread[:min(grid.MaxSize, len(l.unread))]
		entries, err := l.page(ctx, page)
		if err != nil {
			return false, err
		}
		l.unread = l.unread[len(page):]
		for _, entry := range entries {
			if !send(logEntry(entry)) {
				return false, nil
			}
		}
	}
	return true, nil
}

func (l *logReader) find(ctx context.Context) error {
	var found []int64
	var now activity.Mark
	err := l.read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		found, now, err = activity.Since(ctx, tx, seller(ctx), l.mark)
		return err
	})
	if err == nil {
		l.unread, l.mark = slices.Concat(l.unread, found), now
	}
	return err
}

func (l *logReader) page(ctx context.Context, ids []int64) ([]activity.Logged, error) {
	req := grid.ByNumber(l.columns, ids)
	req.Where, req.Order = grid.All(req.Where, l.where), []grid.Order{{Column: "id"}}
	var result *grid.Result[activity.Logged]
	err := l.read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		result, err = activity.List(ctx, tx, seller(ctx), l.Now(), req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result.Rows, nil
}
