// Package jobs runs what takes longer than a request: one run of a kind at a time for each seller, on
// whichever replica has a worker free, surviving the end of any of them.
//
// Everything the replicas share is in the job table. A worker that claims a run holds a lease, which it
// extends while it lives; a run whose lease has passed is claimed by another worker and goes on there. The
// attempt, one more with every claim, fences what a worker writes: the data of a worker that lost its lease
// without noticing is not committed. Leases are measured by the database's clock alone. A run that loses one worker
// after the other without storing anything is taken for the one that kills them, and failed.
//
//	Enqueue ──▶ QUEUED ──claim──▶ RUNNING ──▶ SUCCEEDED, PARTIALLY_SUCCEEDED, FAILED
//	              │  ▲              │ │  ▲
//	       Cancel │  └─ hand-over ──┘ │  └── claim by another after the lease has passed
//	              ▼                   ▼
//	           CANCELLED ◀── the handler stops between two steps
//
// The package does not know what its runs do. Start reading at Enqueue, Runner and Run.
package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/postgres"
)

// The PostgreSQL channels of this package; payloads are read with ParseRef.
const (
	// Channel announces every change of a run that is stored, progress included.
	Channel = "crosswalk_job"
	// QueueChannel asks workers to look at a run: it waits for one of them, or is to be cancelled.
	QueueChannel = "crosswalk_job_queue"
)

// ErrNotFound means that the seller has no such run.
var ErrNotFound = errors.New("the job does not exist")

// Kind says what a run does, such as SYNC_ORGANIZATIONS.
type Kind string

// Title returns the kind as people read it: "Sync organizations".
func (k Kind) Title() string {
	words := strings.ToLower(strings.ReplaceAll(string(k), "_", " "))
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// State is where a run is in its life.
type State string

// The states. PartiallySucceeded means that the run came to its end and counted failures.
const (
	Queued             State = "QUEUED"
	Running            State = "RUNNING"
	Succeeded          State = "SUCCEEDED"
	PartiallySucceeded State = "PARTIALLY_SUCCEEDED"
	Failed             State = "FAILED"
	Cancelled          State = "CANCELLED"
)

// Finished reports whether the run is over.
func (s State) Finished() bool { return s != Queued && s != Running }

// Counts says what became of the records a run went through.
type Counts struct {
	Created   int `db:"created"`
	Updated   int `db:"updated"`
	Unchanged int `db:"unchanged"`
	Skipped   int `db:"skipped"`
	Failed    int `db:"failed"`
	Cancelled int `db:"cancelled"`
}

func (c Counts) plus(more Counts) Counts {
	return Counts{
		Created:   c.Created + more.Created,
		Updated:   c.Updated + more.Updated,
		Unchanged: c.Unchanged + more.Unchanged,
		Skipped:   c.Skipped + more.Skipped,
		Failed:    c.Failed + more.Failed,
		Cancelled: c.Cancelled + more.Cancelled,
	}
}

// Job is a run as the database has it. Instants are in UTC.
type Job struct {
	SellerID postgres.SellerID `db:"seller_id"`
	ID       int64             `db:"id"`
	Kind     Kind              `db:"kind"`
	State    State             `db:"state"`
	// Parameters is a JSON document; what is in it is the kind's affair.
	Parameters json.RawMessage `db:"parameters"`
	// Step says what the run is doing, in words a user understands.
	Step *string `db:"step"`
	Done int     `db:"done"`
	// Total is nil while the size of the work is unknown.
	Total *int `db:"total"`
	Counts
	// Error is the sentence a failed run ended with.
	Error           *string    `db:"error"`
	RequestedBy     string     `db:"requested_by"`
	QueuedAt        time.Time  `db:"queued_at"`
	StartedAt       *time.Time `db:"started_at"`
	FinishedAt      *time.Time `db:"finished_at"`
	CancelRequested bool       `db:"cancel_requested"`
	// Attempt counts the claims.
	Attempt int `db:"attempt"`
	// Worker names the runner that has or last had it.
	Worker     *string    `db:"worker"`
	LeaseUntil *time.Time `db:"lease_until"`
}

// Columns lists the columns of the job table that Job has fields for.
const Columns = `job.seller_id, job.id, job.kind, job.state, job.parameters, job.step, job.done, job.total,
	job.created, job.updated, job.unchanged, job.skipped, job.failed, job.cancelled,
	job.error, job.requested_by, job.queued_at, job.started_at, job.finished_at, job.cancel_requested,
	job.attempt, job.worker, job.lease_until`

// Ref returns what names the job.
func (j Job) Ref() Ref { return Ref{Seller: j.SellerID, ID: j.ID} }

// Get returns a run, or ErrNotFound.
func Get(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, id int64) (Job, error) {
	var job Job
	err := tx.GetContext(ctx, &job, `SELECT `+Columns+` FROM job WHERE seller_id = $1 AND id = $2`, seller, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Job{}, ErrNotFound
	}
	if err != nil {
		return Job{}, fmt.Errorf("read job %d: %w", id, err)
	}
	return job, nil
}

// Ref names a run across sellers.
type Ref struct {
	Seller postgres.SellerID
	ID     int64
}

// String returns the form notifications carry: the seller and the job's number with a colon between them.
func (r Ref) String() string { return fmt.Sprintf("%d:%d", r.Seller, r.ID) }

// ParseRef reads what String writes.
func ParseRef(payload string) (Ref, error) {
	var r Ref
	if _, err := fmt.Sscanf(payload, "%d:%d", &r.Seller, &r.ID); err != nil || r.String() != payload {
		return Ref{}, fmt.Errorf("%q does not name a job", payload)
	}
	return r, nil
}

// announce notifies of the run on a channel when the transaction commits.
func announce(ctx context.Context, tx *postgres.Tx, channel string, ref Ref) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, ref.String()); err != nil {
		return fmt.Errorf("announce job %s: %w", ref, err)
	}
	return nil
}
