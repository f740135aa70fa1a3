// Package server finds, starts and stops a PostgreSQL server for the demo and for tests.
//
// The server answers on a Unix socket only, in a directory no other user can enter, and ends with the
// process that started it, however that process ends. Production points at a server of its own and does
// not come here. This package knows nothing of the schema. Start reading at Start.
package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lib/pq"
)

const (
	// role owns the databases. It is not a superuser, so that row-level security holds for it as it does in production.
	role = "crosswalk"
	// superuser makes the role and the databases; the server is asked nothing else in its name.
	superuser = "postgres"
	// port only names the socket: each server has a directory of its own.
	port = "5432"
)

// Options say which server to start. The zero value is a temporary server that forgets everything.
type Options struct {
	// DataDir keeps databases, log and lock between runs; it is made if missing. Empty means a temporary
	// directory that Stop removes.
	DataDir string
	// Fresh forgets what an earlier server kept in DataDir, once no living process uses it.
	Fresh bool
	// Disposable trades safety for speed: a crash of the machine, though not of the server, may lose the data.
	Disposable bool
	// CreatesRoles lets the role create others, as whoever migrates a production database may: the gateway then works as a
	// role that owns nothing. Otherwise row-level security is forced upon the owner.
	CreatesRoles bool
	// MaxConnections bounds the server's sessions; 0 means 100.
	MaxConnections int
	// Log hears of what takes time: downloading, creating, waiting. Nil means nobody does.
	Log *slog.Logger
}

// Server is a running PostgreSQL server.
type Server struct {
	process *process
	dir     *dataDir
	scratch *Scratch // nil unless the data is temporary

	stopping sync.Mutex
	stopped  bool
}

// Start starts a server and returns when it answers. The server outlives ctx, which bounds the start only;
// Stop ends it, and so does the end of this process.
//
// A server that an earlier, killed process left behind in DataDir is taken over: Start waits for its end
// first. If a living process uses DataDir the error says so. Errors of PostgreSQL itself carry the last
// lines of its log.
func Start(ctx context.Context, options Options) (*Server, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	user, err := serverUser()
	if err != nil {
		return nil, err
	}
	s := &Server{}
	path := options.DataDir
	if path == "" {
		if s.scratch, err = NewScratch(); err != nil {
			return nil, err
		}
		path = filepath.Join(s.scratch.Path(), "data")
	}
	if s.dir, err = openDataDir(ctx, path, user, options.Log); err == nil {
		if err = s.start(ctx, options); err == nil {
			return s, nil
		}
	}
	// What happened outweighs what may go wrong while clearing up.
	_ = s.Stop(context.WithoutCancel(ctx))
	return nil, fmt.Errorf("start PostgreSQL in %s: %w", path, err)
}

func (s *Server) start(ctx context.Context, options Options) error {
	if err := s.dir.endEarlierServer(ctx); err != nil {
		return err
	}
	if options.Fresh {
		if err := s.dir.erase(); err != nil {
			return err
		}
	}
	installation, err := s.dir.installation(ctx)
	if err != nil {
		return err
	}
	if err := s.dir.initialize(ctx, installation, options.Disposable); err != nil {
		return err
	}
	if err := s.dir.prepareSocket(); err != nil {
		return err
	}
	// The processes of a server that was killed outright may hold on to its memory for a moment.
	const patience = 20 * time.Second
	for deadline := time.Now().Add(patience); ; {
		err := s.launch(ctx, installation, options)
		if err == nil {
			return s.ensureRole(ctx, options.CreatesRoles)
		}
		if !strings.Contains(err.Error(), "shared memory block") || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// launch runs the server program and waits until it answers.
func (s *Server) launch(ctx context.Context, installation Installation, options Options) error {
	logFile, err := os.OpenFile(s.dir.logFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	arguments := []string{"-D", s.dir.cluster()}
	for _, setting := range settings(s.dir.socket, options) {
		arguments = append(arguments, "-c", setting)
	}
	cmd := s.dir.user.command(installation.program("postgres"), arguments...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir.cluster(), logFile, logFile
	if s.process, err = startProcess(cmd); err != nil {
		return err
	}
	if err := s.waitUntilReady(ctx); err != nil {
		s.process.stop(context.WithoutCancel(ctx), syscall.SIGQUIT)
		return fmt.Errorf("%w%s", err, s.dir.logTail())
	}
	return nil
}

func settings(socketDir string, options Options) []string {
	connections := options.MaxConnections
	if connections <= 0 {
		connections = 100
	}
	all := []string{
		"listen_addresses=",
		"port=" + port,
		"unix_socket_directories=" + quoteSetting(socketDir),
		"unix_socket_permissions=0700",
		"max_connections=" + strconv.Itoa(connections),
		"logging_collector=off",
		"log_destination=stderr",
		"timezone=UTC",
		"log_timezone=UTC",
	}
	if options.Disposable {
		all = append(
			all,
			"fsync=off",
			"full_page_writes=off",
			"wal_level=minimal",
			"max_wal_senders=0",
			"max_wal_size=256MB",
			// Inside the data directory, so that nothing stays elsewhere if the server is killed.
			"dynamic_shared_memory_type=mmap",
			// Tests that look at plans analyze their tables themselves.
			"autovacuum=off",
		)
	}
	return all
}

// quoteSetting protects a path in a setting that is a comma-separated list of names.
func quoteSetting(path string) string {
	return `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
}

func (s *Server) waitUntilReady(ctx context.Context) error {
	db, err := s.open()
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("the server ended at once (%w)", s.process.result())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer (%w): %w", err, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) ensureRole(ctx context.Context, createsRoles bool) error {
	rights := "NOCREATEROLE"
	if createsRoles {
		rights = "CREATEROLE"
	}
	db, err := s.open()
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `
		DO $$
		BEGIN
			IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '`+role+`') THEN
				CREATE ROLE `+role+` LOGIN CREATEDB `+rights+`;
			END IF;
		END
		$$`)
	if err != nil {
		return fmt.Errorf("create the role %s: %w", role, err)
	}
	return nil
}

// CreateDatabase creates a database the server's role owns; one that exists is left as it is.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	db, err := s.open()
	if err != nil {
		return err
	}
	defer db.Close()
	var exists bool
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err == nil && !exists {
		_, err = db.ExecContext(ctx, `CREATE DATABASE `+pq.QuoteIdentifier(name)+` OWNER `+role)
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// open returns a pool for the superuser. It connects when it is first used.
func (s *Server) open() (*sql.DB, error) {
	return sql.Open("postgres", s.dsn(superuser, superuser))
}

// DSN returns the address of a database on this server, as key=value pairs, for the role that owns it. The
// database "postgres" always exists. The address stays the same for every server on the same DataDir.
func (s *Server) DSN(database string) string { return s.dsn(role, database) }

func (s *Server) dsn(user, database string) string {
	quote := func(value string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
	}
	return fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable", quote(s.dir.socket), port, user, quote(database))
}

// LogFile returns the path of the server's own log; each Start begins it anew.
func (s *Server) LogFile() string { return s.dir.logFile() }

// Done is closed when the server has ended, whoever ended it.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop ends the server: sessions are closed and data is saved. If that takes longer than ctx allows, the
// server is ended as if by a crash, which the next Start repairs, and the error wraps that of ctx. Stopping
// a stopped server does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.stopping.Lock()
	defer s.stopping.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	var errs []error
	if s.process != nil {
		if err := s.process.stop(ctx, syscall.SIGINT); err != nil {
			errs = append(errs, fmt.Errorf("stop PostgreSQL: %w", err))
		}
	}
	if s.dir != nil {
		errs = append(errs, s.dir.close())
	}
	if s.scratch != nil {
		errs = append(errs, s.scratch.Remove())
	}
	return errors.Join(errs...)
}

// DefaultDataDir returns where data of the given name is kept for this user: under /var/lib for root, whose
// home the server's user cannot enter, else where the user's programs keep their state.
func DefaultDataDir(name string) (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join("/var/lib/crosswalk", name), nil
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "crosswalk", name), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the database: %w", err)
	}
	return filepath.Join(home, ".local", "state", "crosswalk", name), nil
}

// pause waits, but not longer than ctx allows.
func pause(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
