package graph

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// watch is something to look at whenever changed has a value, until stop is called.
type watch struct {
	changed <-chan struct{}
	stop    func()
}

// looking reads what is watched and sends what is new in it; send reports whether anybody still listens. more is
// false when nothing new will come. After an error it is called again, and goes on where it was.
type looking[T any] func(ctx context.Context, send func(T) bool) (more bool, err error)

// maxPause bounds how long a stream waits before it reads again what it could not read.
const maxPause = 5 * time.Second

// follow returns the values that looking sends, now and after every change, until there are no more or ctx ends.
// Whoever reads them slowly holds up looking, not the ones who make the changes.
func follow[T any](ctx context.Context, log *slog.Logger, watched watch, look looking[T]) <-chan T {
	values := make(chan T)
	send := func(value T) bool {
		select {
		case values <- value:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(values)
		defer watched.stop()
		defer func() {
			if value := recover(); value != nil {
				log.ErrorContext(ctx, "a subscription panicked", "panic", value, "stack", string(debug.Stack()))
			}
		}()
		for persistently(ctx, log, func() (bool, error) { return look(ctx, send) }) {
			select {
			case <-watched.changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return values
}

// persistently looks until that succeeds or ctx ends: a database that is away for a while does not end streams.
func persistently(ctx context.Context, log *slog.Logger, look func() (bool, error)) (more bool) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, maxPause
	more, err := backoff.Retry(ctx, look, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			log.WarnContext(ctx, "a subscription could not be read", "error", err, "retry_in", pause)
		}))
	return more && err == nil
}
