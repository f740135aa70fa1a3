package jobs

import (
	"context"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// Listed is a job in a list.
type Listed struct {
	grid.Row
	Job
}

// ListedColumns are the columns of Listed that are shown.
var ListedColumns = []string{
	"id", "kind", "state", "step", "done", "total", "created", "updated", "unchanged", "skipped", "failed",
	"cancelled", "error", "requested_by", "queued_at", "started_at", "finished_at",
}

var list = &grid.Grid{
	Name:   "job",
	From:   "job j",
	Seller: "j.seller_id",
	ID:     "j.id",
	Columns: map[string]grid.Column{
		"id":           {SQL: "j.id", Type: grid.Integer},
		"kind":         {SQL: "j.kind"},
		"state":        {SQL: "j.state"},
		"step":         {SQL: "j.step", Nullable: true},
		"done":         {SQL: "j.done", Type: grid.Integer},
		"total":        {SQL: "j.total", Type: grid.Integer, Nullable: true},
		"created":      {SQL: "j.created", Type: grid.Integer},
		"updated":      {SQL: "j.updated", Type: grid.Integer},
		"unchanged":    {SQL: "j.unchanged", Type: grid.Integer},
		"skipped":      {SQL: "j.skipped", Type: grid.Integer},
		"failed":       {SQL: "j.failed", Type: grid.Integer},
		"cancelled":    {SQL: "j.cancelled", Type: grid.Integer},
		"error":        {SQL: "j.error", Nullable: true},
		"requested_by": {SQL: "j.requested_by"},
		"queued_at":    {SQL: "j.queued_at", Type: grid.Instant},
		"started_at":   {SQL: "j.started_at", Type: grid.Instant, Nullable: true},
		"finished_at":  {SQL: "j.finished_at", Type: grid.Instant, Nullable: true},
	},
}

// List answers a request for seller's jobs. A request without an order gets the newest first.
func List(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, req grid.Request) (*grid.Result[Listed], error) {
	if len(req.Order) == 0 {
		req.Order = []grid.Order{{Column: "queued_at", Descending: true}}
	}
	return grid.Fetch[Listed](ctx, tx, list, seller, req)
}
