package server_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"crosswalk/internal/postgres/server"
)

// dataDir returns a new directory that the server's user can get to, which t.TempDir is not for root.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(server.ScratchRoot(), "crosswalk-server-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("clear up: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts a server for the test.
func start(t *testing.T, options server.Options) *server.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	running, err := server.Start(ctx, options)
	if err != nil {
		t.Fatalf("Start(%+v): %v", options, err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return running
}

// stoppedCluster returns a data directory that a server has used: a copy, because making one takes seconds.
func stoppedCluster(t *testing.T) string {
	t.Helper()
	model, err := modelCluster()
	if err != nil {
		t.Fatalf("make a cluster to copy: %v", err)
	}
	dir := dataDir(t)
	if output, err := exec.Command("cp", "-Rp", model+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the cluster: %v: %s", err, output)
	}
	return dir
}

var modelCluster = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp(server.ScratchRoot(), modelName); err != nil {
		return "", err
	}
	running, err := server.Start(context.Background(), server.Options{DataDir: dir, Disposable: true})
	if err != nil {
		return "", err
	}
	return dir, running.Stop(context.Background())
})

var modelName = fmt.Sprintf("crosswalk-server-test-model-%d-", os.Getpid())

// removeModelCluster is for the end of the program.
func removeModelCluster() {
	made, _ := filepath.Glob(filepath.Join(server.ScratchRoot(), modelName+"*"))
	for _, dir := range made {
		_ = os.RemoveAll(dir)
	}
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		t.Fatalf("sql.Open(%q): %v", dsn, err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatalf("connect to %q: %v", dsn, err)
	}
	return db
}

// words returns the address of the database that remember writes to.
func words(t *testing.T, running *server.Server) string {
	t.Helper()
	if err := running.CreateDatabase(t.Context(), "words"); err != nil {
		t.Fatalf("CreateDatabase: %v", err)
	}
	return running.DSN("words")
}

func remember(t *testing.T, dsn, word string) {
	t.Helper()
	db := open(t, dsn)
	for _, statement := range []string{
		`CREATE TABLE word (word text NOT NULL)`,
		`INSERT INTO word VALUES ('` + word + `')`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func wantRemembered(t *testing.T, dsn, word string) {
	t.Helper()
	var got string
	err := open(t, dsn).QueryRowContext(t.Context(), `SELECT word FROM word`).Scan(&got)
	if err != nil || got != word {
		t.Errorf("the word written before: got %q (%v), want %q", got, err, word)
	}
}

func wantError(t *testing.T, operation string, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: got no error, want one with %q", operation, parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got error %q, want it to contain %q", operation, err, part)
		}
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// postmaster returns the process number of the server of a data directory.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "cluster", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// waitUntilGone waits for the end of a process that is not our child.
func waitUntilGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d: got alive after 30 s, want gone", pid)
		}
	}
}
