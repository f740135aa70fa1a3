package httpapi

import (
	"context"
	"sync"
)

// streams are the answers that last: WebSockets and server-sent events. A
// server that stops ends them, while it lets requests finish.
type streams struct {
	mu      sync.Mutex
	ended   bool
	cancels map[*context.CancelFunc]struct{}
	running sync.WaitGroup
}

// begin returns a context for a stream that ends with ctx or when all streams
// are ended, and what to call when the stream is over.
func (s *streams) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		cancel()
		return ctx, func() {}
	}
	if s.cancels == nil {
		s.cancels = map[*context.CancelFunc]struct{}{}
	}
	s.cancels[&cancel] = struct{}{}
	s.running.Add(1)
	return ctx, func() {
		cancel()
		s.mu.Lock()
		delete(s.cancels, &cancel)
		s.mu.Unlock()
		s.running.Done()
	}
}

// end ends all streams, now and from now on.
func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for cancel := range s.cancels {
		(*cancel)()
	}
}

// ending tells whether end was called.
func (s *streams) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// wait waits until all streams are over, or until ctx ends, which is then the
// error.
func (s *streams) wait(ctx context.Context) error {
	over := make(chan struct{})
	go func() {
		s.running.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
