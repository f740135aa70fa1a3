package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
)

// Failure is an error with a sentence for the user. Handlers may return it, or any error with the same methods,
// wrapped or not.
type Failure struct {
	// Code is what the entry in the seller's log bears; empty means JOB_FAILED.
	Code activity.Code
	// Message is a sentence a user understands, without secrets or internals.
	Message string
	// Err is the underlying error, if any; it goes to the server's log only.
	Err error
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Message
	}
	return fmt.Sprintf("%s (%v)", f.Message, f.Err)
}

// Unwrap returns the underlying error.
func (f *Failure) Unwrap() error { return f.Err }

// UserMessage returns the sentence.
func (f *Failure) UserMessage() string { return f.Message }

// LogCode returns the code.
func (f *Failure) LogCode() string { return string(f.Code) }

// unexpected is what a run fails with whose error has nothing to say to users.
const unexpected = "It stopped because of an unexpected error, which the operator of this service can look up. What it did until then is kept."

// describe returns what users are told of a failure, and its code.
func describe(err error) (message string, code activity.Code) {
	message, code = unexpected, activity.JobFailed
	var speaking interface{ UserMessage() string }
	if errors.As(err, &speaking) && speaking.UserMessage() != "" {
		message = speaking.UserMessage()
	}
	var coded interface{ LogCode() string }
	if errors.As(err, &coded) && coded.LogCode() != "" {
		code = activity.Code(coded.LogCode())
	}
	return message, code
}

// panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// execute has the handler do the run's work and stores how it ended.
func (r *Run) execute(handler Handler) {
	defer r.stop(nil)
	defer r.lapse.Stop()
	done, kept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(kept)
		r.keep(done)
	}()
	err := r.call(handler)
	end := outcome(err, context.Cause(r.ctx))
	close(done)
	<-kept // so that no progress is on its way while the end is stored
	r.finish(end)
}

func (r *Run) call(handler Handler) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return handler(r.ctx, r)
}

// ending is how a run ends here: in a final state, in Queued for the next worker, or, if state is empty, without
// a word, because it is no longer ours or there is no database to tell.
type ending struct {
	state State
	err   error
}

// outcome decides how a run ends whose handler returned err, and whose context had ended with cause, if at all.
func outcome(err, cause error) ending {
	var panicked *panicError
	switch {
	case err == nil:
		return ending{state: Succeeded}
	case errors.As(err, &panicked):
		return ending{state: Failed, err: err}
	case errors.Is(cause, ErrLeaseLost):
		return ending{err: err}
	case errors.Is(cause, ErrCancelled):
		return ending{state: Cancelled, err: err}
	case errors.Is(cause, ErrStopping):
		return ending{state: Queued, err: err}
	case postgres.IsUnavailable(err):
		// As if the worker had died: when the lease has passed, some worker goes on, if the database is back by then.
		return ending{err: err}
	default:
		return ending{state: Failed, err: err}
	}
}

// finish stores the end, trying again while the lease is ours.
func (r *Run) finish(end ending) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.options.Lease)
	defer cancel()
	r.report(ctx, end)
	if end.state == "" {
		r.attempt.Ended("", end.err)
		return
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, time.Second
	stored, err := backoff.Retry(ctx, func() (Job, error) {
		stored, err := r.storeEnd(ctx, end)
		if errors.Is(err, ErrLeaseLost) {
			err = backoff.Permanent(err)
		}
		return stored, err
	}, backoff.WithBackOff(wait))
	if err != nil {
		r.log.ErrorContext(ctx, "how a job ended could not be stored; it may be run again", "end", end.state, "error", err)
	}
	if err != nil {
		stored = Job{}
	}
	r.attempt.Ended(stored.State, errors.Join(end.err, err))
	if stored.State.Finished() {
		r.options.finished(stored)
	}
}

// report tells operators what users are not told.
func (r *Run) report(ctx context.Context, end ending) {
	var panicked *panicError
	switch {
	case end.err == nil:
	case errors.As(end.err, &panicked):
		r.log.ErrorContext(ctx, "job panicked", "error", end.err, "stack", string(panicked.stack))
	case end.state == Failed:
		r.log.ErrorContext(ctx, "job failed", "error", end.err)
	default:
		r.log.InfoContext(ctx, "job stopped", "cause", context.Cause(r.ctx), "error", end.err)
	}
}

// storeEnd moves the run to the state it ends in, with the last of its progress, and returns what is stored then. A run that was cancelled while
// it was being handed over is cancelled. A worker that lives to hand it over was not killed by it.
func (r *Run) storeEnd(ctx context.Context, end ending) (job Job, err error) {
	var (
		message *string
		code    activity.Code
	)
	if end.state == Failed {
		text, failureCode := describe(end.err)
		message, code = &text, failureCode
	}
	err = r.send(ctx, func(ctx context.Context, tx *postgres.Tx, shown progress) error {
		shown.step = nil
		job = Job{}
		err := tx.GetContext(ctx, &job, `
			UPDATE job
			SET state = CASE
					WHEN $14 = 'SUCCEEDED' AND failed + $12 > 0 THEN 'PARTIALLY_SUCCEEDED'
					WHEN $14 = 'QUEUED' AND cancel_requested THEN 'CANCELLED'
					ELSE $14
				END,
				finished_at = CASE WHEN $14 <> 'QUEUED' OR cancel_requested THEN now() END,
				fruitless = CASE WHEN $14 = 'QUEUED' THEN 0 ELSE fruitless END,
				error = $15, lease_until = NULL,`+progressAssignments+`
			WHERE `+fence+`
			RETURNING `+Columns, r.progressArguments(shown, end.state, message)...)
		if err != nil {
			return held(err)
		}
		if job.State == Queued {
			return announceQueued(ctx, tx, job.Ref())
		}
		return announceFinished(ctx, tx, job, code)
	})
	return job, err
}

// announceFinished logs how the run ended, if that needs saying, and announces that it has. code is for a run
// that failed.
func announceFinished(ctx context.Context, tx *postgres.Tx, job Job, code activity.Code) error {
	var err error
	switch job.State {
	case Cancelled:
		err = activity.Log(ctx, tx, job.SellerID, cancelledEntry(job))
	case Failed:
		err = activity.Log(ctx, tx, job.SellerID, activity.Entry{
			Level:   activity.Error,
			Code:    code,
			Title:   job.Kind.Title() + " failed",
			Details: *job.Error,
			JobID:   job.ID,
		})
	}
	if err != nil {
		return err
	}
	return announce(ctx, tx, Channel, job.Ref())
}
