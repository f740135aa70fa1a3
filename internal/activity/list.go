package activity

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// Logged is an entry of the log as it was written. Only the columns asked for are filled.
type Logged struct {
	grid.Row
	ID          int64     `db:"id"`
	Level       Level     `db:"level"`
	At          time.Time `db:"logged_at"`
	Code        Code      `db:"code"`
	Title       string    `db:"title"`
	Details     *string   `db:"details"`
	SubjectKind *string   `db:"subject_kind"`
	SubjectID   *int64    `db:"subject_id"`
	JobID       *int64    `db:"job_id"`
}

// LoggedColumns are all columns of Logged.
var LoggedColumns = []string{"id", "level", "logged_at", "code", "title", "details", "subject_kind", "subject_id", "job_id"}

var entries = &grid.Grid{
	Name:   "log_entry",
	From:   "log_entry l",
	Seller: "l.seller_id",
	ID:     "l.id",
	Columns: map[string]grid.Column{
		"id":           {SQL: "l.id", Type: grid.Integer},
		"level":        {SQL: "l.level"},
		"logged_at":    {SQL: "l.logged_at", Type: grid.Instant},
		"code":         {SQL: "l.code"},
		"title":        {SQL: "l.title"},
		"details":      {SQL: "l.details", Nullable: true},
		"subject_kind": {SQL: "l.subject_kind", Nullable: true},
		"subject_id":   {SQL: "l.subject_id", Type: grid.Integer, Nullable: true},
		"job_id":       {SQL: "l.job_id", Type: grid.Integer, Nullable: true},
	},
}

// List answers a request for entries of the Window before now. A request without an order gets the newest first.
func List(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, now time.Time, req grid.Request) (*grid.Result[Logged], error) {
	req.Where = grid.All(grid.Compare("logged_at", grid.Greater, grid.Moving(now.Add(-Window))), req.Where)
	if len(req.Order) == 0 {
		req.Order = []grid.Order{{Column: "logged_at", Descending: true}}
	}
	return grid.Fetch[Logged](ctx, tx, entries, seller, req)
}

// Summary counts the entries of the Window.
type Summary struct {
	Total    int        `db:"total"`
	Errors   int        `db:"errors"`
	Warnings int        `db:"warnings"`
	Latest   *time.Time `db:"latest"`
}

// Summarize counts the entries of the Window before now, the same ones that List lists.
func Summarize(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, now time.Time) (Summary, error) {
	var s Summary
	err := tx.GetContext(ctx, &s, `
		SELECT count(*) AS total,
			count(*) FILTER (WHERE level = 'ERROR') AS errors,
			count(*) FILTER (WHERE level = 'WARNING') AS warnings,
			max(logged_at) AS latest
		FROM log_entry
		WHERE seller_id = $1
			AND logged_at > $2`,
		seller, now.Add(-Window))
	if err != nil {
		return Summary{}, fmt.Errorf("summarize the log: %w", err)
	}
	return s, nil
}
