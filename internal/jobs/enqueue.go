package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
)

// Request asks for a run.
type Request struct {
	Kind Kind
	// Parameters become a JSON document that the handler reads; nil is an empty one.
	Parameters any
	// RequestedBy names who asks, as people read it.
	RequestedBy string
}

// Enqueue asks for a run, which begins when the caller's transaction has committed and a worker is free. While
// the seller has a run of that kind that is not finished, Enqueue returns that one with started false,
// whatever it was asked for.
func Enqueue(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, request Request) (job Job, started bool, err error) {
	parameters := []byte("{}")
	if request.Parameters != nil {
		if parameters, err = json.Marshal(request.Parameters); err != nil {
			return Job{}, false, fmt.Errorf("enqueue %s: %w", request.Kind, err)
		}
	}
	for {
		err := tx.GetContext(ctx, &job, `
			INSERT INTO job (seller_id, kind, parameters, requested_by)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (seller_id, kind) WHERE state IN ('QUEUED', 'RUNNING') DO NOTHING
			RETURNING `+Columns,
			seller, request.Kind, string(parameters), request.RequestedBy)
		if err == nil {
			return job, true, announceQueued(ctx, tx, job.Ref())
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return Job{}, false, fmt.Errorf("enqueue %s: %w", request.Kind, err)
		}
		err = tx.GetContext(ctx, &job, `
			SELECT `+Columns+`
			FROM job
			WHERE seller_id = $1 AND kind = $2 AND state IN ('QUEUED', 'RUNNING')`, seller, request.Kind)
		if err == nil {
			return job, false, nil
		}
		// None: the one that was in the way has finished since, so the next insert may succeed.
		if !errors.Is(err, sql.ErrNoRows) {
			return Job{}, false, fmt.Errorf("find the active %s: %w", request.Kind, err)
		}
	}
}

func announceQueued(ctx context.Context, tx *postgres.Tx, ref Ref) error {
	if err := announce(ctx, tx, QueueChannel, ref); err != nil {
		return err
	}
	return announce(ctx, tx, Channel, ref)
}

// Cancel asks a run to stop, and returns it as it is then: one that waited is CANCELLED at once, one that runs
// stops between two of its steps, and one that has finished stays as it is. It is ErrNotFound if the seller
// has no such run.
func Cancel(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, id int64) (Job, error) {
	var job Job
	err := tx.GetContext(ctx, &job, `
		UPDATE job
		SET cancel_requested = true,
			state = CASE state WHEN 'QUEUED' THEN 'CANCELLED' ELSE state END,
			finished_at = CASE state WHEN 'QUEUED' THEN now() END
		WHERE seller_id = $1 AND id = $2 AND state IN ('QUEUED', 'RUNNING')
		RETURNING `+Columns, seller, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Get(ctx, tx, seller, id)
	}
	if err != nil {
		return Job{}, fmt.Errorf("cancel job %d: %w", id, err)
	}
	if job.State == Cancelled {
		if err := activity.Log(ctx, tx, seller, cancelledEntry(job)); err != nil {
			return Job{}, err
		}
	}
	return job, announceQueued(ctx, tx, job.Ref())
}

// Restart takes the seller's runs from their workers and has them begin anew, those that are to be cancelled
// excepted, which end. Once the caller's transaction has committed, nothing is written any more of what a worker
// had in hand. It is for when the systems that runs read from are no longer the same.
func Restart(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) error {
	var taken []Job
	err := tx.SelectContext(ctx, &taken, `
		UPDATE job
		SET state = CASE WHEN cancel_requested THEN 'CANCELLED' ELSE 'QUEUED' END,
			finished_at = CASE WHEN cancel_requested THEN now() END,
			step = NULL, done = 0, total = NULL, fruitless = 0, worker = NULL, lease_until = NULL
		WHERE seller_id = $1 AND state = 'RUNNING'
		RETURNING `+Columns, seller)
	if err != nil {
		return fmt.Errorf("restart the jobs of seller %s: %w", seller, err)
	}
	for _, job := range taken {
		if job.State == Cancelled {
			err = announceFinished(ctx, tx, job, "")
		} else {
			err = announceQueued(ctx, tx, job.Ref())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cancelledEntry(job Job) activity.Entry {
	details := "What it did until then is kept."
	if job.StartedAt == nil {
		details = "It had not begun."
	}
	return activity.Entry{
		Level:   activity.Info,
		Code:    activity.JobCancelled,
		Title:   job.Kind.Title() + " was cancelled",
		Details: details,
		JobID:   job.ID,
	}
}
