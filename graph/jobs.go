package graph

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"crosswalk/graph/model"
	"crosswalk/internal/jobs"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// jobFields are the columns behind the fields of a job.
var jobFields = map[string]string{
	"kind": "kind", "state": "state", "step": "step", "done": "done", "total": "total",
	"created": "created", "updated": "updated", "unchanged": "unchanged", "skipped": "skipped",
	"failed": "failed", "cancelled": "cancelled", "error": "error", "requestedBy": "requested_by",
	"queuedAt": "queued_at", "startedAt": "started_at", "finishedAt": "finished_at",
}

// Job resolves one run.
func (r *queryResolver) Job(ctx context.Context, id string) (*model.Job, error) {
	number, err := parseID(typeJob, id)
	if err != nil {
		return nil, badInput(err.Error())
	}
	return r.jobByID(ctx, number)
}

func (r *Resolver) jobByID(ctx context.Context, number int64) (*model.Job, error) {
	var found []*model.Job
	err := r.read(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		found, err = jobsByID(ctx, tx, seller(ctx), []int64{number})
		return err
	})
	return first(found), err
}

func jobsByID(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*model.Job, error) {
	result, err := jobs.List(ctx, tx, seller, grid.ByNumber(jobs.ListedColumns, ids))
	return inOrder(ids, result, err, func(l jobs.Listed) int64 { return l.ID }, func(l jobs.Listed) *model.Job { return jobNode(l.Job) })
}

// Jobs resolves the list of runs.
func (r *queryResolver) Jobs(ctx context.Context, kind []model.JobKind, state []model.JobState, first *int, after *string) (*model.JobConnection, error) {
	selected := selectionOf(ctx)
	req, err := pageArguments{first: first, after: after}.request(selected, jobFields, "id")
	if err != nil {
		return nil, err
	}
	req.Where = grid.All(anyOf("kind", kind), anyOf("state", state))
	var result *grid.Result[jobs.Listed]
	err = r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		result, err = jobs.List(ctx, tx, seller(ctx), req)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := connect(ctx, result, func(l jobs.Listed) *model.Job { return jobNode(l.Job) },
		func(cursor string, node *model.Job) *model.JobEdge { return &model.JobEdge{Cursor: cursor, Node: node} })
	return &model.JobConnection{Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, TotalCount: result.Total}, nil
}

func jobNode(j jobs.Job) *model.Job {
	return &model.Job{
		ID: nodeID(typeJob, j.ID), RecordID: j.ID, Kind: model.JobKind(j.Kind), State: model.JobState(j.State),
		Step: j.Step, Done: j.Done, Total: j.Total,
		Created: j.Created, Updated: j.Updated, Unchanged: j.Unchanged, Skipped: j.Skipped, Failed: j.Failed,
		Cancelled: j.Counts.Cancelled, Error: j.Error, RequestedBy: j.RequestedBy,
		QueuedAt: j.QueuedAt, StartedAt: j.StartedAt, FinishedAt: j.FinishedAt,
	}
}

// SyncOrganizations starts the run that refreshes companies and organizations.
func (r *mutationResolver) SyncOrganizations(ctx context.Context) (*model.JobPayload, error) {
	return r.enqueue(ctx, model.JobKindSyncOrganizations, nil)
}

// otherRun is what users are told who asked for something else than the run under way does.
const otherRun = "A run of this kind is under way for something else; it is returned instead. Ask again when it has finished."

// enqueue starts a run, or returns the one under way.
func (r *Resolver) enqueue(ctx context.Context, kind model.JobKind, parameters any) (*model.JobPayload, error) {
	refused, err := r.refuseWithoutSetup(ctx)
	if err != nil || refused != nil {
		return &model.JobPayload{UserErrors: refused}, err
	}
	payload := &model.JobPayload{UserErrors: []*model.UserError{}}
	err = r.DB.Seller(seller(ctx)).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		job, started, err := jobs.Enqueue(ctx, tx, seller(ctx), jobs.Request{
			Kind: jobs.Kind(kind), Parameters: parameters, RequestedBy: identity(ctx).Subject,
		})
		payload.Job, payload.Started = jobNode(job), started
		if err == nil && !started && !sameParameters(job, parameters) {
			payload.UserErrors = []*model.UserError{userError(model.UserErrorCodeJobRunning, otherRun)}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return payload, nil
}

// sameParameters reports whether a run was asked for the same thing.
func sameParameters(job jobs.Job, parameters any) bool {
	if parameters == nil {
		return true
	}
	var theirs, ours any
	text, err := json.Marshal(parameters)
	return err == nil && json.Unmarshal(text, &ours) == nil && json.Unmarshal(job.Parameters, &theirs) == nil &&
		reflect.DeepEqual(theirs, ours)
}

// CancelJob stops a run between two of its steps.
func (r *mutationResolver) CancelJob(ctx context.Context, id string) (*model.JobPayload, error) {
	number, err := parseID(typeJob, id)
	if err != nil {
		return &model.JobPayload{UserErrors: []*model.UserError{userError(model.UserErrorCodeInvalid, err.Error(), "id")}}, nil
	}
	payload := &model.JobPayload{UserErrors: []*model.UserError{}}
	err = r.DB.Seller(seller(ctx)).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		job, err := jobs.Cancel(ctx, tx, seller(ctx), number)
		payload.Job = jobNode(job)
		return err
	})
	if errors.Is(err, jobs.ErrNotFound) {
		message := "There is no such job. It may be too old to be kept."
		return &model.JobPayload{UserErrors: []*model.UserError{userError(model.UserErrorCodeNotFound, message, "id")}}, nil
	}
	return payload, err
}
