package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"crosswalk/internal/postgres/server"
	"crosswalk/internal/postgres/server/filelock"
)

// place is a test process's place on the shared server: while it is open, the server stays.
type place struct {
	address string
	users   *filelock.File
}

// Close gives the place up. The end of the process does so too.
func (p *place) Close() error { return p.users.Close() }

// The shared directory holds:
const (
	usersFile   = "users"      // locked for sharing by every test process, and alone by the keeper when it clears up
	startFile   = "start"      // locked by the process that starts the keeper
	addressFile = "address"    // where the server answers, once it does
	keeperLog   = "keeper.log" // what the keeper has to complain about
	serverDir   = "server"     // the server's data
)

// lingering is how long the server waits for the next package of the run, which may have to be compiled.
const lingering = 5 * time.Second

func joinSharedServer(ctx context.Context) (*place, error) {
	installation, err := server.Find(ctx, nil)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("crosswalk-test-%d-postgres%d", os.Geteuid(), installation.Major)
	return join(ctx, filepath.Join(server.ScratchRoot(), name), lingering)
}

// join takes a place on the server of the directory, which it starts if need be.
func join(ctx context.Context, dir string, linger time.Duration) (*place, error) {
	users, err := lockUsers(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("join the shared server: %w", err)
	}
	address, err := ensureServer(ctx, dir, linger)
	if err != nil {
		users.Close()
		return nil, fmt.Errorf("start the shared server: %w", err)
	}
	return &place{address: address, users: users}, nil
}

// lockUsers returns the lock that keeps the keeper from clearing up. A keeper that is doing so renames the
// directory before it lets go; then there is another try, with a new directory.
func lockUsers(ctx context.Context, dir string) (*filelock.File, error) {
	for {
		if err := makeSharedDir(dir); err != nil {
			return nil, err
		}
		users, err := filelock.Open(filepath.Join(dir, usersFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = users.Lock(ctx, filelock.Shared)
		if err == nil && users.InPlace() {
			return users, nil
		}
		users.Close()
		if err != nil {
			return nil, err
		}
	}
}

// makeSharedDir makes the directory or checks that it is ours: others could have put one in its place.
func makeSharedDir(dir string) error {
	// The server of root runs as another user, who has to pass.
	err := os.Mkdir(dir, 0o711)
	if err == nil {
		return os.Chmod(dir, 0o711)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("%s belongs to somebody else", dir)
	}
	return nil
}

// ensureServer returns the address of the server of the directory. One process starts it, the others wait for that.
func ensureServer(ctx context.Context, dir string, linger time.Duration) (string, error) {
	starting, err := filelock.Open(filepath.Join(dir, startFile))
	if err != nil {
		return "", err
	}
	defer starting.Close()
	if err := starting.Lock(ctx, filelock.Exclusive); err != nil {
		return "", err
	}
	address, err := os.ReadFile(filepath.Join(dir, addressFile))
	if err == nil && answers(ctx, string(address)) {
		return string(address), nil
	}
	if err := startKeeper(dir, linger); err != nil {
		return "", err
	}
	address, err = os.ReadFile(filepath.Join(dir, addressFile))
	return string(address), err
}

func answers(ctx context.Context, address string) bool {
	db, err := sql.Open("postgres", address)
	if err != nil {
		return false
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return db.PingContext(ctx) == nil
}

// startKeeper starts this program again as the keeper and waits until the server answers. The keeper has a
// session and files of its own: Ctrl-C does not reach it, and nobody waits for it to close theirs.
func startKeeper(dir string, linger time.Duration) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	report, reportWriter, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	defer reportWriter.Close()
	log, err := os.OpenFile(filepath.Join(dir, keeperLog), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program, dir, linger.String())
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), keeperVariable+"=1")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{reportWriter}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := keepFilesToOurselves(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // so that it does not stay a zombie if it ends before we do
	reportWriter.Close()
	if err := report.SetReadDeadline(time.Now().Add(startTimeout + 10*time.Second)); err != nil {
		return err
	}
	said, err := io.ReadAll(report)
	switch {
	case err != nil:
		return fmt.Errorf("wait for the keeper: %w", err)
	case string(said) == ready:
		return nil
	case len(said) > 0:
		return errors.New(string(said))
	}
	output, _ := os.ReadFile(log.Name())
	return fmt.Errorf("the keeper ended early: %s", strings.TrimSpace(string(output)))
}

// keepFilesToOurselves keeps files that this process inherited from going to processes it starts. Its
// own never do.
func keepFilesToOurselves() error {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		if descriptor, err := strconv.Atoi(entry.Name()); err == nil && descriptor > 2 {
			syscall.CloseOnExec(descriptor)
		}
	}
	return nil
}
