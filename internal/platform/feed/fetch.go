package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/platform"
)

// fetch reads the page at a place, trying again while that may help. The tries are bounded by ctx and by
// the client's number of tries.
func fetch[T any](ctx context.Context, c *Client, from collection[T], query string, at place) (page[T], error) {
	var (
		last  *failure
		tries int
	)
	try := func() (page[T], error) {
		tries++
		read, trouble := attempt(ctx, c, from, query, at)
		if trouble == nil {
			return read, nil
		}
		if ctx.Err() != nil {
			return read, backoff.Permanent(ctx.Err())
		}
		last = trouble
		return read, trouble.forRetry()
	}
	read, err := backoff.Retry(ctx, try,
		backoff.WithBackOff(c.newBackoff()),
		backoff.WithMaxTries(c.maxTries),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(_ error, wait time.Duration) {
			c.log.WarnContext(ctx, "A page of the Platform feed failed and is asked for again",
				slog.String("collection", from.op), slog.Int("page", at.number), slog.Int("try", tries),
				slog.Duration("wait", wait), slog.String("reason", c.redact(last.reason)))
		}),
	)
	switch {
	case err == nil:
		return read, nil
	case ctx.Err() != nil:
		return read, c.giveUp(from.op, at.number, stopped(ctx, last))
	case last.passing && last.wait <= maxWait:
		last.reason += fmt.Sprintf(" (tries: %d)", tries)
	}
	return read, c.giveUp(from.op, at.number, last)
}

// giveUp turns a failure into the error of a read, with the secrets taken out of whatever the feed said.
func (c *Client) giveUp(op string, number int, f *failure) error {
	err := f.err
	if err != nil {
		if text := err.Error(); c.redact(text) != text {
			err = errors.New(c.redact(text))
		}
	}
	return &platform.Error{
		Op:           op,
		Page:         number,
		Row:          f.row,
		Reason:       c.redact(f.reason),
		Unauthorized: f.unauthorized,
		Err:          err,
	}
}
