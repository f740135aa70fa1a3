package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"crosswalk/internal/postgres/server/filelock"
)

// dataDir is the directory a server lives in, locked by this process:
//
//	lock        held while a process runs, or may run, a server here
//	cluster/    PostgreSQL's own data directory
//	socket/     where it answers; elsewhere if the path is too long for a socket
//	server.log  what it said since its last start
//
// The directory belongs to us, cluster and socket to the server's user.
type dataDir struct {
	path   string
	socket string
	user   account
	lock   *filelock.File
	log    *slog.Logger
}

// openDataDir makes the directory if need be and takes its lock, waiting a little for a process that is
// just about to end.
func openDataDir(ctx context.Context, path string, user account, log *slog.Logger) (*dataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := user.canEnter(nearestExisting(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("%w: choose another data directory", err)
	}
	if err := user.makeParents(path); err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	d := &dataDir{path: path, user: user, log: log}
	if err := d.claim(); err != nil {
		return nil, err
	}
	// Again, because a link may have led elsewhere.
	if err := user.canEnter(path); err != nil {
		return nil, fmt.Errorf("%w: choose another data directory", err)
	}
	if err := d.acquire(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// nearestExisting returns the path itself or the first directory above it that exists.
func nearestExisting(path string) string {
	for {
		if resolved, err := filepath.EvalSymlinks(path); err == nil || path == filepath.Dir(path) {
			return resolved
		}
		path = filepath.Dir(path)
	}
}

// claim makes sure that the directory is ours or may become so.
func (d *dataDir) claim() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(d.lockFile()); err != nil && len(entries) > 0 {
		return errors.New("the directory holds something else: choose an empty one")
	}
	mode := os.FileMode(0o700)
	if d.user.other {
		mode = 0o711
	}
	return os.Chmod(d.path, mode)
}

// acquire locks the directory for this process. The lock file names the process, for the error others get.
func (d *dataDir) acquire(ctx context.Context) error {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock, err := filelock.Open(d.lockFile())
	if err != nil {
		return err
	}
	if err := lock.Lock(ctx, filelock.Exclusive); err != nil {
		lock.Close()
		holder, _ := os.ReadFile(d.lockFile())
		return fmt.Errorf("process %s uses the directory: stop it first, or choose another directory (%w)", holder, err)
	}
	if err := lock.Note(strconv.Itoa(os.Getpid())); err != nil {
		lock.Close()
		return err
	}
	d.lock = lock
	return nil
}

// close gives the directory back. The lock file stays where the directory does: removing it could take it
// from under a process that has just opened it.
func (d *dataDir) close() error {
	if d.socket != "" && filepath.Dir(d.socket) != d.path {
		_ = os.RemoveAll(d.socket)
	}
	return d.lock.Close()
}

func (d *dataDir) lockFile() string { return filepath.Join(d.path, "lock") }
func (d *dataDir) logFile() string  { return filepath.Join(d.path, "server.log") }
func (d *dataDir) cluster() string  { return filepath.Join(d.path, "cluster") }

// logTail returns the last lines of the log, ready to end an error message.
func (d *dataDir) logTail() string {
	content, err := os.ReadFile(d.logFile())
	if err != nil || len(content) == 0 {
		return ""
	}
	const last = 12
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return "; its log ends:\n\t" + strings.Join(lines[max(0, len(lines)-last):], "\n\t")
}

// erase forgets all databases. We hold the lock, and no server runs.
func (d *dataDir) erase() error {
	if err := os.RemoveAll(d.cluster()); err != nil {
		return fmt.Errorf("forget the databases: %w", err)
	}
	return nil
}

// installation returns the PostgreSQL to run here: the best there is for new data, one of the same major
// version for existing data.
func (d *dataDir) installation(ctx context.Context) (Installation, error) {
	content, err := os.ReadFile(filepath.Join(d.cluster(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return newFinder(d.user, d.log).find(ctx)
	}
	if err != nil {
		return Installation{}, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return Installation{}, fmt.Errorf("the data's version cannot be read: %w", err)
	}
	return newFinder(d.user, d.log).findMajor(ctx, major)
}

// initialize makes the cluster unless it is there. It is made beside its place and moved in when it is
// complete, so that an interrupted start leaves no half.
func (d *dataDir) initialize(ctx context.Context, installation Installation, disposable bool) error {
	if _, err := os.Stat(filepath.Join(d.cluster(), "PG_VERSION")); err == nil {
		return nil
	}
	d.log.InfoContext(ctx, "creating a database directory", "path", d.path, "postgresql", installation.Major)
	unfinished := d.cluster() + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := d.user.makeDir(unfinished); err != nil {
		return err
	}
	arguments := []string{
		"--pgdata=" + unfinished, "--username=" + superuser, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-instructions",
	}
	if disposable {
		arguments = append(arguments, "--no-sync")
	}
	if err := d.run(ctx, d.user.command(installation.program("initdb"), arguments...)); err != nil {
		return fmt.Errorf("initdb: %w%s", err, d.logTail())
	}
	return os.Rename(unfinished, d.cluster())
}

// run runs a program to its end with its output in the log.
func (d *dataDir) run(ctx context.Context, cmd *exec.Cmd) error {
	logFile, err := os.OpenFile(d.logFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	running, err := startProcess(cmd)
	if err != nil {
		return err
	}
	return running.wait(ctx)
}

// prepareSocket chooses and empties the directory of the socket. What it holds is stale: no server runs.
func (d *dataDir) prepareSocket() error {
	d.socket = filepath.Join(d.path, "socket")
	// The system's limit is 104 to 108 bytes for the path of the socket, which has a name of 16.
	const longest = 80
	if len(d.socket) > longest {
		sum := sha256.Sum256([]byte(d.path))
		d.socket = filepath.Join("/tmp", "crosswalk-"+hex.EncodeToString(sum[:8]))
	}
	if err := d.user.makeDir(d.socket); err != nil {
		return err
	}
	stale, err := filepath.Glob(filepath.Join(d.socket, ".s.PGSQL.*"))
	if err != nil {
		return err
	}
	for _, file := range stale {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// endEarlierServer waits for a server that outlived the process that started it. We hold the lock, so
// nobody else looks after it; usually it is shutting down already.
func (d *dataDir) endEarlierServer(ctx context.Context) error {
	pidFile := filepath.Join(d.cluster(), "postmaster.pid")
	content, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return os.Remove(pidFile)
	}
	if d.isServer(pid) {
		d.log.InfoContext(ctx, "waiting for an earlier server to end", "pid", pid)
	}
	const gently, firmly = 30 * time.Second, 40 * time.Second
	signal, sent := syscall.SIGINT, syscall.Signal(0)
	for begin := time.Now(); d.isServer(pid); {
		switch waited := time.Since(begin); {
		case waited > firmly:
			return fmt.Errorf("an earlier server (process %d) does not end", pid)
		case waited > gently:
			signal = syscall.SIGQUIT
		}
		if signal != sent {
			// It may have ended since; the next look at it tells.
			_ = syscall.Kill(pid, signal)
			sent = signal
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	// The number may belong to another program by now, which would keep PostgreSQL from starting.
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// isServer reports whether the process is the server of this directory.
func (d *dataDir) isServer(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		// Systems without /proc, and a process that ended meanwhile, for which ps prints nothing.
		command, _ = exec.Command("ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	}
	return strings.Contains(string(command), d.cluster())
}
