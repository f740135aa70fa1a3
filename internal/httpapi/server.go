package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"crosswalk/internal/startstop"
)

// Bounds on connections. There is none on a whole request: subscriptions last.
// How long a body may take to arrive and an answer to leave is bounded where
// they are read and written.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 64 << 10
)

// Server listens and serves a Handler between Start and Stop.
type Server struct {
	address string
	handler *Handler
	http    *http.Server

	mu       sync.Mutex
	listener net.Listener
	stopped  bool
	served   chan struct{}
	failure  error
}

// NewServer returns a server for address, such as 127.0.0.1:8080; port 0
// chooses a free one.
func NewServer(address string, handler *Handler, logger *slog.Logger) *Server {
	return &Server{
		address: address,
		handler: handler,
		served:  make(chan struct{}),
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: headerTime,
			IdleTimeout:       idleTime,
			MaxHeaderBytes:    headerSize,
			ConnContext:       withConn,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		},
	}
}

// Start listens and returns; requests are served in the background. Its error
// is that the address cannot be listened on. Starting a started server does
// nothing; starting a stopped one is startstop.ErrStopped.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return startstop.ErrStopped
	}
	if s.listener != nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.address, err)
	}
	s.listener = listener
	go s.serve(wholeListener{listener})
	return nil
}

func (s *Server) serve(listener net.Listener) {
	defer close(s.served)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failure = fmt.Errorf("serve %s: %w", s.address, err)
	}
}

// Address is what the server listens on, with the port that was chosen; empty
// before Start.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Done is closed when a started server no longer serves; Err then tells why.
func (s *Server) Done() <-chan struct{} { return s.served }

// Err is why the server ended by itself; nil while it serves and after Stop.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Stop refuses new connections, ends subscriptions and waits for requests to
// be answered. When ctx ends first, it drops the rest and returns the error of
// ctx. Stopping again, or a server that was never started, does no harm.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	started := s.listener != nil
	s.mu.Unlock()
	if !started {
		return nil
	}
	drained := make(chan error, 1)
	go func() { drained <- s.handler.Drain(ctx) }()
	err := errors.Join(s.http.Shutdown(ctx), <-drained)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.served
	return err
}
