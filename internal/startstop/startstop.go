// Package startstop is the life of a service that works in the background.
//
// Every such service has the same two methods: Start does not block, Stop waits, and calling either again
// does no harm. A Service gives them to whatever holds one. It knows nothing of what the service does.
package startstop

import (
	"context"
	"errors"
	"sync"
)

// ErrStopped is returned by Start after Stop: a service lives once.
var ErrStopped = errors.New("the service was stopped and cannot be started again")

// Service runs one function between Start and Stop. The zero value is ready for use.
type Service struct {
	mu      sync.Mutex
	cancel  context.CancelFunc
	done    chan struct{}
	stopped bool
}

// Start calls run in a goroutine of its own and returns at once. run gets the values of ctx, but not its
// end: only Stop cancels what run is given, so that services can be ended in an order. Starting a started
// service does nothing; starting a stopped one is ErrStopped.
func (s *Service) Start(ctx context.Context, run func(ctx context.Context)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	if s.done != nil {
		return nil
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	s.done = done
	go func() {
		defer close(done)
		run(ctx)
	}()
	return nil
}

// Stop cancels what run was given and waits until run has returned, or until ctx ends, which is then the
// error; run goes on ending in that case. Stopping a service that was never started does nothing.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	cancel, done := s.cancel, s.done
	s.mu.Unlock()
	if done == nil {
		return nil
	}
	cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
