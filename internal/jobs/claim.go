package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
)

// claimPatience is how long a claim may take.
const claimPatience = 10 * time.Second

// claimStatement prefers sellers with the fewest runs under way, and among theirs the oldest. A transaction of a
// worker that fell silent may still hold its run's row, but only as foreign keys do, which FOR NO KEY UPDATE
// does not take for being locked.
const claimStatement = `
	WITH next AS MATERIALIZED (
		SELECT seller_id, id
		FROM job AS waiting
		WHERE state IN ('QUEUED', 'RUNNING') AND (lease_until IS NULL OR lease_until < now()) AND kind = ANY($1)
			AND fruitless < $4
		ORDER BY (
				SELECT count(*)
				FROM job AS other
				WHERE other.seller_id = waiting.seller_id AND other.state = 'RUNNING' AND other.lease_until >= now()
			), queued_at, id
		LIMIT 1
		FOR NO KEY UPDATE SKIP LOCKED
	)
	UPDATE job
	SET state = 'RUNNING', attempt = attempt + 1, fruitless = fruitless + 1, worker = $2, started_at = coalesce(started_at, now()),
		lease_until = now() + $3 * interval '1 millisecond'
	FROM next
	WHERE job.seller_id = next.seller_id AND job.id = next.id
	RETURNING ` + Columns

// claim takes the run whose turn it is, or returns nil when there is none. It is not broken off by the end of
// ctx, so that no run is claimed without our knowing; a run claimed meanwhile is handed over like any other.
func (r *Runner) claim(ctx context.Context) (*Run, error) {
	begun := time.Now()
	var claimed, givenUp []Job
	claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimPatience)
	defer cancel()
	err := r.db.System().Write(claiming, func(ctx context.Context, tx *postgres.Tx) error {
		var err error
		if givenUp, err = r.giveUpOrphans(ctx, tx); err != nil {
			return err
		}
		claimed = nil
		err = tx.SelectContext(ctx, &claimed, claimStatement,
			r.kinds(), r.options.Worker, r.options.Lease.Milliseconds(), r.options.MaxAttempts)
		if err != nil || len(claimed) == 0 {
			return err
		}
		return announceClaimed(ctx, tx, claimed[0])
	})
	if err != nil {
		return nil, fmt.Errorf("claim a job: %w", err)
	}
	for _, job := range givenUp {
		r.options.finished(job)
	}
	if len(claimed) == 0 {
		return nil, nil
	}
	return r.newRun(ctx, claimed[0], begun), nil
}

// kinds returns the kinds this runner has handlers for.
func (r *Runner) kinds() []string {
	kinds := make([]string, 0, len(r.handlers))
	for kind := range r.handlers {
		kinds = append(kinds, string(kind))
	}
	return kinds
}

func announceClaimed(ctx context.Context, tx *postgres.Tx, job Job) error {
	if job.Attempt > 1 {
		err := activity.Log(ctx, tx, job.SellerID, activity.Entry{
			Level:   activity.Info,
			Code:    activity.JobResumed,
			Title:   job.Kind.Title() + " was resumed",
			Details: "It was interrupted and goes on from what it had saved.",
			JobID:   job.ID,
		})
		if err != nil {
			return err
		}
	}
	return announce(ctx, tx, Channel, job.Ref())
}

const giveUpStatement = `
	WITH orphan AS MATERIALIZED (
		SELECT seller_id, id
		FROM job
		WHERE state = 'RUNNING' AND lease_until < now() AND (cancel_requested OR fruitless >= $1)
		FOR NO KEY UPDATE SKIP LOCKED
	)
	UPDATE job
	SET state = CASE WHEN cancel_requested THEN 'CANCELLED' ELSE 'FAILED' END,
		error = CASE WHEN NOT cancel_requested THEN $2 END,
		step = NULL, lease_until = NULL, finished_at = now()
	FROM orphan
	WHERE job.seller_id = orphan.seller_id AND job.id = orphan.id
	RETURNING ` + Columns

// giveUpOrphans ends, and returns, the runs of dead workers that are not to be begun again: those that somebody cancelled,
// and those whose last attempts all came to nothing.
func (r *Runner) giveUpOrphans(ctx context.Context, tx *postgres.Tx) ([]Job, error) {
	var orphans []Job
	err := tx.SelectContext(ctx, &orphans, giveUpStatement, r.options.MaxAttempts, exhausted)
	if err != nil {
		return nil, fmt.Errorf("give up orphaned jobs: %w", err)
	}
	for _, job := range orphans {
		r.options.Log.WarnContext(ctx, "job given up after its worker died", jobAttributes(job)...)
		if err := announceFinished(ctx, tx, job, activity.JobFailed); err != nil {
			return nil, err
		}
	}
	return orphans, nil
}

// exhausted is what a run that keeps losing its worker fails with.
const exhausted = "It was interrupted too often without getting on and was given up. What it did until then is kept; start it again."

// jobAttributes names a job in the server's log.
func jobAttributes(job Job) []any {
	return []any{"seller", job.SellerID, "job", job.ID, "kind", job.Kind, "attempt", job.Attempt}
}

// fence selects, in the statements of a worker, its run as long as it has the lease.
const fence = `job.seller_id = $1 AND job.id = $2 AND job.attempt = $3 AND job.worker = $4 AND job.state = 'RUNNING'`

// held turns the outcome of a statement with the fence into ErrLeaseLost where it found no run.
func held(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrLeaseLost
	}
	return err
}
