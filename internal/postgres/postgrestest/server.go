package postgrestest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"crosswalk/internal/postgres/server"
)

// Server is a PostgreSQL server of one test, which may stop and start it. Its methods fail the test when
// they cannot do their work; call them from the test's own goroutine.
type Server struct {
	t       testing.TB
	dataDir string
	// keeps has the server write down what a standby needs.
	keeps   bool
	running *server.Server
}

// database is the one database of a Server.
const database = "crosswalk"

// NewServer starts a server for the test, with one migrated database. It ends with the test. Making one
// takes seconds: tests that do not stop the server are better served by New.
func NewServer(t testing.TB) *Server {
	t.Helper()
	return newServer(t, false)
}

// NewPrimary is NewServer for tests that make a standby of it.
func NewPrimary(t testing.TB) *Server {
	t.Helper()
	return newServer(t, true)
}

func newServer(t testing.TB, keeps bool) *Server {
	t.Helper()
	scratch, err := server.NewScratch()
	if err != nil {
		t.Fatalf("no place for a server: %v", err)
	}
	t.Cleanup(func() {
		if err := scratch.Remove(); err != nil {
			t.Errorf("remove the test's server: %v", err)
		}
	})
	s := &Server{t: t, dataDir: filepath.Join(scratch.Path(), "data"), keeps: keeps}
	t.Cleanup(s.Stop)
	s.Start()
	ctx, cancel := timeLimit()
	defer cancel()
	if err := s.running.CreateDatabase(ctx, database); err != nil {
		t.Fatal(err)
	}
	if err := migrateAddress(ctx, s.DSN()); err != nil {
		t.Fatalf("migrate the test's database: %v", err)
	}
	return s
}

// DSN returns the address of the database, the same before and after a stop.
func (s *Server) DSN() string { return s.running.DSN(database) }

// Start starts the server after Stop or Crash and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	ctx, cancel := timeLimit()
	defer cancel()
	running, err := server.Start(ctx, server.Options{DataDir: s.dataDir, Disposable: !s.keeps})
	if err != nil {
		s.t.Fatal(err)
	}
	s.running = running
}

// Stop shuts the server down in order: sessions are told. Stopping a stopped server does nothing.
func (s *Server) Stop() {
	s.t.Helper()
	if s.running == nil {
		return
	}
	ctx, cancel := timeLimit()
	defer cancel()
	if err := s.running.Stop(ctx); err != nil {
		s.t.Errorf("stop the test's server: %v", err)
	}
}

// StandBy makes the server of NewPrimary a standby that waits for a primary. It answers what only reads.
func (s *Server) StandBy() {
	s.t.Helper()
	s.Stop()
	if err := os.WriteFile(filepath.Join(s.dataDir, "cluster", "standby.signal"), nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.Start()
}

// Crash ends the server at once, whatever its sessions are doing.
func (s *Server) Crash() {
	s.t.Helper()
	ctx, cancel := timeLimit()
	cancel()
	if err := s.running.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		s.t.Errorf("crash the test's server: %v", err)
	}
}

func timeLimit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), startTimeout)
}

// startTimeout bounds the start of a server, a first initdb on a busy machine included.
const startTimeout = 2 * time.Minute
