package server_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"crosswalk/internal/postgres/server"
)

func TestATemporaryServerLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	running := start(t, server.Options{Disposable: true})
	dir := filepath.Dir(running.LogFile())
	if err := running.Stop(t.Context()); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	if err := running.Stop(t.Context()); err != nil {
		t.Errorf("a second Stop: got %v, want nothing to happen", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory %s after Stop: got %v, want it gone", dir, err)
	}
	select {
	case <-running.Done():
	default:
		t.Error("Done after Stop: got open, want closed")
	}
}

func TestDatabasesBelongToARoleWithoutPrivileges(t *testing.T) {
	t.Parallel()
	running := start(t, server.Options{Disposable: true})
	for range 2 {
		if err := running.CreateDatabase(t.Context(), "it's \"mine\""); err != nil {
			t.Fatalf("CreateDatabase: %v", err)
		}
	}
	db := open(t, running.DSN("it's \"mine\""))
	var got [6]string
	err := db.QueryRowContext(t.Context(), `
		SELECT
			pg_get_userbyid(datdba),
			(SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user),
			pg_encoding_to_char(encoding),
			datcollate::text,
			current_setting('listen_addresses'),
			current_setting('max_connections')
		FROM pg_database
		WHERE datname = current_database()`).Scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5])
	if want := [6]string{"crosswalk", "false", "UTF8", "C", "", "100"}; err != nil || got != want {
		t.Errorf("owner, superuser, encoding, locale, addresses, connections: got %q (%v), want %q", got, err, want)
	}
}

func TestDataAndAddressSurviveARestart(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: stoppedCluster(t), MaxConnections: 20}
	first := start(t, options)
	remember(t, words(t, first), "kept")
	if err := first.Stop(t.Context()); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	second := start(t, options)
	if first.DSN("x") != second.DSN("x") {
		t.Errorf("DSN after a restart: got %q, want still %q", second.DSN("x"), first.DSN("x"))
	}
	wantRemembered(t, words(t, second), "kept")
}

func TestAFreshServerKnowsNothingOfEarlierOnes(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: stoppedCluster(t), Disposable: true}
	first := start(t, options)
	remember(t, words(t, first), "kept")
	options.Fresh = true
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := server.Start(ctx, options)
	wantError(t, "Start afresh on a directory in use", err, "uses the directory")
	wantRemembered(t, words(t, first), "kept")
	if err := first.Stop(t.Context()); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	remember(t, words(t, start(t, options)), "anew")
}

func TestADirectoryServesOneProcessAtATime(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: stoppedCluster(t), Disposable: true}
	start(t, options)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := server.Start(ctx, options)
	wantError(t, "Start on a directory in use", err, "process "+strconv.Itoa(os.Getpid())+" uses the directory")
}

func TestAFailedStartCarriesTheServersLog(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: stoppedCluster(t)}
	write(t, filepath.Join(options.DataDir, "cluster", "postgresql.auto.conf"), "shared_buffers = 'plenty'\n")
	_, err := server.Start(t.Context(), options)
	wantError(t, "Start with a broken setting", err, "its log ends", `invalid value for parameter "shared_buffers": "plenty"`)
}

func TestDataOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: stoppedCluster(t)}
	installed, err := server.Find(t.Context(), nil)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	write(t, filepath.Join(options.DataDir, "cluster", "PG_VERSION"), "9\n")
	_, err = server.Start(t.Context(), options)
	wantError(t, "Start on old data", err,
		"the data was made by PostgreSQL 9", "has PostgreSQL "+strconv.Itoa(installed.Major), "install version 9")
}

func TestAForeignDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	write(t, filepath.Join(dir, "novel.txt"), "Chapter 1")
	_, err := server.Start(t.Context(), server.Options{DataDir: dir})
	wantError(t, "Start in a directory of other files", err, dir, "holds something else")
}

func TestRootIsToldWhichDirectoryIsClosedToTheServersUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("any directory is open to a server of one's own user")
	}
	private := dataDir(t)
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := server.Start(t.Context(), server.Options{DataDir: filepath.Join(private, "deep", "data")})
	wantError(t, "Start below a private directory", err, "may not enter "+private, "choose another data directory")
	if left, err := os.ReadDir(private); err != nil || len(left) > 0 {
		t.Errorf("made there all the same: got %v (%v), want nothing", left, err)
	}
}

func TestAPathTooLongForASocketIsFine(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), strings.Repeat("long", 20), strings.Repeat("path", 20), "with 'quotes' and, commas")
	running := start(t, server.Options{DataDir: dir, Disposable: true})
	open(t, running.DSN("postgres"))
}

func TestAStaleProcessNumberDoesNotKeepTheServerFromStarting(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"of a process that is something else": strconv.Itoa(os.Getpid()) + "\n",
		"of a process that is gone":           "2147483647\n",
		"half written":                        "12x",
		"empty":                               "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := server.Options{DataDir: stoppedCluster(t), Disposable: true}
			write(t, filepath.Join(options.DataDir, "cluster", "postmaster.pid"), content)
			socket := filepath.Join(options.DataDir, "socket", ".s.PGSQL.5432")
			write(t, socket+".lock", content)
			start(t, options)
		})
	}
}

func TestAnInterruptedCreationIsBegunAnew(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: dataDir(t), Disposable: true}
	write(t, filepath.Join(options.DataDir, "lock"), "")
	if err := os.Mkdir(filepath.Join(options.DataDir, "cluster.new"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(options.DataDir, "cluster.new", "PG_VERSION"), "15\n")
	start(t, options)
}

func TestStopInAHurryKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: stoppedCluster(t)}
	first := start(t, options)
	remember(t, words(t, first), "kept")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Stop(ctx); !errors.Is(err, context.Canceled) {
		// A quick machine may have stopped in order.
		if err != nil {
			t.Errorf("Stop with no time left: got %v, want %v", err, context.Canceled)
		}
	}
	wantRemembered(t, words(t, start(t, options)), "kept")
}

func TestAnEndOfTheServerIsNoticed(t *testing.T) {
	t.Parallel()
	options := server.Options{DataDir: stoppedCluster(t), Disposable: true}
	running := start(t, options)
	if err := syscall.Kill(postmaster(t, options.DataDir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-running.Done():
	case <-time.After(10 * time.Second):
		t.Error("Done after the server was killed: got open, want closed")
	}
	if err := running.Stop(t.Context()); err != nil {
		t.Errorf("Stop of a server that was killed: got %v, want nil", err)
	}
	start(t, options) // clears up what the system keeps for the killed one
}
