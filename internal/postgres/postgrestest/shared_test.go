package postgrestest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"crosswalk/internal/postgres/server"
)

// userVariable makes this test program join the shared server in the directory it names, say the address
// and wait.
const userVariable = "CROSSWALK_POSTGRESTEST_USER"

// briefly is how long servers of these tests linger.
const briefly = 50 * time.Millisecond

func TestMain(m *testing.M) {
	dir := os.Getenv(userVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := timeLimit()
	defer cancel()
	place, err := join(ctx, dir, briefly)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(place.address)
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test closes it, or kills us
	place.Close()
}

func TestProcessesShareAServerThatEndsAfterTheLast(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	users := make([]*user, 4)
	for i := range users {
		users[i] = startUser(t, dir)
	}
	address := users[0].address(t)
	for _, other := range users[1:] {
		if got := other.address(t); got != address {
			t.Errorf("the address another process got: got %q, want %q", got, address)
		}
	}
	pid := keeperOf(t, dir)
	for _, leaving := range users[1:] {
		leaving.leave(t)
	}
	execute(t, address, `SELECT`) // the one that stays still has its server
	users[0].leave(t)
	wantGone(t, dir, pid)
}

func TestAKilledProcessLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	killed := startUser(t, dir)
	killed.address(t)
	pid := keeperOf(t, dir)
	killed.kill()
	wantGone(t, dir, pid)
}

func TestAKeeperToldToEndClearsUp(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	startUser(t, dir).address(t)
	pid := keeperOf(t, dir)
	sendSignal(t, pid, syscall.SIGTERM)
	wantGone(t, dir, pid)
}

func TestAKeeperWhoseServerDiesClearsUp(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	startUser(t, dir).address(t)
	pid := keeperOf(t, dir)
	sendSignal(t, postmasterOf(t, dir), syscall.SIGQUIT)
	wantGone(t, dir, pid)
}

func TestAKilledKeeperHasASuccessor(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	startUser(t, dir).address(t)
	first := keeperOf(t, dir)
	sendSignal(t, first, syscall.SIGKILL)
	next := startUser(t, dir)
	execute(t, next.address(t), `SELECT`)
	second := keeperOf(t, dir)
	if first == second {
		t.Errorf("the keeper after one was killed: got %d again", second)
	}
}

func TestAServerIsThereHoweverBadTheMomentToJoin(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	for wait := range 5 {
		place, err := join(t.Context(), dir, briefly)
		if err != nil {
			t.Fatalf("join: %v", err)
		}
		execute(t, place.address, `SELECT`)
		if err := place.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		// Before, while and after the keeper clears up.
		time.Sleep(time.Duration(wait) * 40 * time.Millisecond)
	}
}

func TestAServerThatDoesNotStartIsReported(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	if err := os.MkdirAll(filepath.Join(dir, serverDir, "something else"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := join(t.Context(), dir, briefly)
	if want := "holds something else"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("join where the server cannot start: got error %v, want it to contain %q", err, want)
	}
}

func TestSomebodyElsesDirectoryIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := sharedDir(t)
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	_, err := join(t.Context(), dir, briefly)
	if want := "belongs to somebody else"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("join through a link: got error %v, want it to contain %q", err, want)
	}
}

// sharedDir returns where a shared directory may be made, and sees to it that the keeper of one is gone
// when the test ends.
func sharedDir(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp(server.ScratchRoot(), "crosswalk-shared-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		waitFor(t, "the keeper to be gone", func() bool {
			left, err := filepath.Glob(filepath.Join(parent, "shared*", addressFile))
			return err == nil && len(left) == 0
		})
		if err := os.RemoveAll(parent); err != nil {
			t.Errorf("clear up: %v", err)
		}
	})
	return filepath.Join(parent, "shared")
}

// user is another process with a place on the shared server.
type user struct {
	cmd    *exec.Cmd
	input  interface{ Close() error }
	output *bufio.Reader
}

func startUser(t *testing.T, dir string) *user {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), userVariable+"="+dir, "GORACE=atexit_sleep_ms=0") // the race detector sleeps a second otherwise
	input, inErr := cmd.StdinPipe()
	output, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	started := &user{cmd: cmd, input: input, output: bufio.NewReader(output)}
	t.Cleanup(started.kill)
	return started
}

// address waits until the process has its place.
func (u *user) address(t *testing.T) string {
	t.Helper()
	line, err := u.output.ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("another process joins: got %q (%v), want an address", line, err)
	}
	return strings.TrimSpace(line)
}

// leave lets the process end in order.
func (u *user) leave(t *testing.T) {
	t.Helper()
	if err := errors.Join(u.input.Close(), u.cmd.Wait()); err != nil {
		t.Errorf("another process leaves: %v", err)
	}
}

func (u *user) kill() {
	_ = u.cmd.Process.Kill()
	_ = u.cmd.Wait() // says that it was killed, or that it was waited for
}

// keeperOf returns the process number of the keeper, which the server's lock names.
func keeperOf(t *testing.T, dir string) int {
	t.Helper()
	return numberIn(t, filepath.Join(dir, serverDir, "lock"))
}

func postmasterOf(t *testing.T, dir string) int {
	t.Helper()
	return numberIn(t, filepath.Join(dir, serverDir, "cluster", "postmaster.pid"))
}

func numberIn(t *testing.T, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	number, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func sendSignal(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatalf("signal %v to process %d: %v", signal, pid, err)
	}
}

// wantGone waits until neither the directory nor its keeper exist. The server ended before them.
func wantGone(t *testing.T, dir string, keeper int) {
	t.Helper()
	waitFor(t, "the directory to be gone", func() bool {
		_, err := os.Lstat(dir)
		return errors.Is(err, fs.ErrNotExist)
	})
	waitFor(t, "the keeper to be gone", func() bool {
		err := syscall.Kill(keeper, 0)
		return errors.Is(err, syscall.ESRCH)
	})
}

func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !happened() {
		select {
		case <-ctx.Done():
			t.Errorf("waited 30 s for %s", what)
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
