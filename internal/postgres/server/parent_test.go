package server_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"crosswalk/internal/postgres/server"
)

// parentVariable makes this test program start a server in the directory it names, say its address and wait.
const parentVariable = "CROSSWALK_SERVER_TEST_PARENT"

func TestMain(m *testing.M) {
	dir := os.Getenv(parentVariable)
	if dir == "" {
		code := m.Run()
		removeModelCluster()
		os.Exit(code)
	}
	ctx := context.Background()
	running, err := server.Start(ctx, server.Options{DataDir: dir})
	if err == nil {
		err = running.CreateDatabase(ctx, "words")
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(running.DSN("words"))
	<-running.Done()
}

// startParent starts a process with a server of its own and returns both.
func startParent(t *testing.T, dir string) (parent *exec.Cmd, dsn string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent = exec.Command(program)
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(parent) })
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error:") {
		t.Fatalf("a process with a server: got %q (%v), want an address", line, err)
	}
	return parent, strings.TrimSpace(line)
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // says that it was killed, or that it was waited for
}

func TestAServerEndsWithItsKilledParent(t *testing.T) {
	t.Parallel()
	dir := stoppedCluster(t)
	parent, dsn := startParent(t, dir)
	remember(t, dsn, "kept")
	pid := postmaster(t, dir)
	kill(parent)
	waitUntilGone(t, pid)
	wantRemembered(t, words(t, start(t, server.Options{DataDir: dir})), "kept")
}

func TestAServerThatIsStillShuttingDownIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := stoppedCluster(t)
	parent, dsn := startParent(t, dir)
	remember(t, dsn, "kept")
	kill(parent)
	wantRemembered(t, words(t, start(t, server.Options{DataDir: dir})), "kept")
}

func TestAServerThatOutlivedItsParentIsEnded(t *testing.T) {
	t.Parallel()
	dir := stoppedCluster(t)
	parent, dsn := startParent(t, dir)
	remember(t, dsn, "kept")
	pid := postmaster(t, dir)
	// Stopped, it cannot follow its parent until it is told to go on.
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	kill(parent)
	type result struct {
		running *server.Server
		err     error
	}
	started := make(chan result)
	go func() {
		running, err := server.Start(t.Context(), server.Options{DataDir: dir})
		started <- result{running, err}
	}()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	got := <-started
	if got.err != nil {
		t.Fatalf("Start beside a server whose parent was killed: %v", got.err)
	}
	defer got.running.Stop(context.Background())
	wantRemembered(t, words(t, got.running), "kept")
}

func TestDataSurvivesTheKillingOfEverything(t *testing.T) {
	t.Parallel()
	dir := stoppedCluster(t)
	parent, dsn := startParent(t, dir)
	remember(t, dsn, "kept")
	// The server first, or it would shut down in order.
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	kill(parent)
	wantRemembered(t, words(t, start(t, server.Options{DataDir: dir})), "kept")
}
