package server

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheBestUsableInstallationIsFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		programs map[string]string // by path, what they say
		want     string
		major    int
	}{
		"the one on PATH before a newer one elsewhere": {
			programs: map[string]string{
				"path/postgres": "postgres (PostgreSQL) 15.4", "path/initdb": "",
				"places/17/bin/postgres": "postgres (PostgreSQL) 17.2", "places/17/bin/initdb": "",
			},
			want: "path", major: 15,
		},
		"the newest elsewhere, by number and not by letter": {
			programs: map[string]string{
				"places/9.6/bin/postgres": "postgres (PostgreSQL) 9.6.24", "places/9.6/bin/initdb": "",
				"places/14/bin/postgres": "postgres (PostgreSQL) 14.1 (Debian 14.1-1.pgdg)", "places/14/bin/initdb": "",
				"places/100/bin/postgres": "postgres (PostgreSQL) 100beta1", "places/100/bin/initdb": "",
			},
			want: "places/100/bin", major: 100,
		},
		"not one on PATH without an initdb beside it": {
			programs: map[string]string{
				"path/postgres":          "postgres (PostgreSQL) 17.2",
				"places/16/bin/postgres": "postgres (PostgreSQL) 16.9", "places/16/bin/initdb": "",
			},
			want: "places/16/bin", major: 16,
		},
		"not one that is too old": {
			programs: map[string]string{
				"path/postgres": "postgres (PostgreSQL) 13.21", "path/initdb": "",
				"places/14/bin/postgres": "postgres (PostgreSQL) 14.18", "places/14/bin/initdb": "",
			},
			want: "places/14/bin", major: 14,
		},
		"not one that is something else": {
			programs: map[string]string{
				"path/postgres": "an entirely different program", "path/initdb": "",
				"places/17/bin/postgres": "postgres (PostgreSQL) 17.2", "places/17/bin/initdb": "",
			},
			want: "places/17/bin", major: 17,
		},
		"the one pg_config points at": {
			programs: map[string]string{
				"path/pg_config":           "ROOT/elsewhere/bin",
				"elsewhere/bin/postgres":   "postgres (PostgreSQL) 18.0",
				"elsewhere/bin/initdb":     "",
				"places/17/bin/postgres":   "postgres (PostgreSQL) 17.2",
				"places/17/bin/initdb":     "",
				"places/17/bin/irrelevant": "",
			},
			want: "elsewhere/bin", major: 18,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTestFinder(t)
			for path, says := range test.programs {
				f.add(path, strings.ReplaceAll(says, "ROOT", f.root))
			}
			got, err := f.find(t.Context())
			if want := (Installation{BinDir: filepath.Join(f.root, test.want), Major: test.major}); err != nil || got != want {
				t.Errorf("find: got %+v (%v), want %+v", got, err, want)
			}
		})
	}
}

func TestALinkOnPathLeadsToTheProgramsBesideItsTarget(t *testing.T) {
	t.Parallel()
	f := newTestFinder(t)
	f.add("kept/postgres", "postgres (PostgreSQL) 16.1")
	f.add("kept/initdb", "")
	if err := os.MkdirAll(f.path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(f.root, "kept", "postgres"), filepath.Join(f.path, "postgres")); err != nil {
		t.Fatal(err)
	}
	got, err := f.find(t.Context())
	if want := (Installation{BinDir: filepath.Join(f.root, "kept"), Major: 16}); err != nil || got != want {
		t.Errorf("find: got %+v (%v), want %+v", got, err, want)
	}
}

func TestExistingDataGetsItsOwnVersion(t *testing.T) {
	t.Parallel()
	f := newTestFinder(t)
	for _, version := range []string{"15", "16", "17"} {
		f.add("places/"+version+"/bin/postgres", "postgres (PostgreSQL) "+version+".3")
		f.add("places/"+version+"/bin/initdb", "")
	}
	got, err := f.findMajor(t.Context(), 16)
	if want := (Installation{BinDir: filepath.Join(f.root, "places/16/bin"), Major: 16}); err != nil || got != want {
		t.Errorf("findMajor(16): got %+v (%v), want %+v", got, err, want)
	}
	_, err = f.findMajor(t.Context(), 14)
	if want := "made by PostgreSQL 14, but this machine has PostgreSQL 17, 16, 15"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("findMajor(14): got error %v, want it to contain %q", err, want)
	}
}

// Not parallel, like the next: the library that downloads leaves a file in the directory for temporary files.
func TestWithoutAnInstallationOneErrorSaysWhatToDo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := newTestFinder(t)
	f.add("path/postgres", "postgres (PostgreSQL) 12.1")
	f.add("path/initdb", "")
	unreachable := httptest.NewServer(http.NotFoundHandler())
	unreachable.Close()
	f.repository = unreachable.URL
	_, err := f.find(t.Context())
	if err == nil {
		t.Fatal("find with nothing there: got no error")
	}
	for _, want := range []string{"unable to connect", "version 12 is too old", "apt install postgresql", "brew install", "DATABASE_URL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("find with nothing there: got error %q, want it to contain %q", err, want)
		}
	}
}

func TestADownloadHappensOnceAndIsRunnable(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := newTestFinder(t)
	var requests atomic.Int32
	f.repository = serveArchive(t, &requests)
	want := Installation{BinDir: filepath.Join(f.cache, "postgresql-"+string(downloadVersion), "bin"), Major: 18}
	results := make(chan error)
	for range 3 {
		go func() {
			got, err := f.find(t.Context())
			if err == nil && got != want {
				err = fmt.Errorf("got %+v, want %+v", got, want)
			}
			results <- err
		}()
	}
	for range 3 {
		if err := <-results; err != nil {
			t.Errorf("find with a download: %v", err)
		}
	}
	if got := requests.Load(); got != 1 {
		t.Errorf("downloads for three at once: got %d, want 1", got)
	}
	left, err := filepath.Glob(filepath.Join(f.cache, "*.unfinished"))
	if err != nil || len(left) > 0 {
		t.Errorf("files left by the download: got %q (%v), want none", left, err)
	}
}

func TestADownloadDoesNotOutlastItsContext(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := newTestFinder(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) { <-request.Context().Done() }))
	defer hanging.Close()
	defer hanging.CloseClientConnections()
	f.repository = hanging.URL
	if _, err := f.find(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("find while the download hangs: got %v, want %v", err, context.DeadlineExceeded)
	}
}

// serveArchive offers programs that only tell their version and returns the address.
func serveArchive(t *testing.T, requests *atomic.Int32) string {
	t.Helper()
	programs, err := os.ReadFile(filepath.Join("testdata", "postgresql.txz"))
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	packer := zip.NewWriter(&archive)
	file, err := packer.Create("postgresql.txz")
	if err == nil {
		_, err = file.Write(programs)
	}
	if err = errors.Join(err, packer.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive.Bytes())
	offer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if strings.HasSuffix(request.URL.Path, ".sha256") {
			fmt.Fprint(w, hex.EncodeToString(sum[:]))
			return
		}
		requests.Add(1)
		_, _ = w.Write(archive.Bytes())
	}))
	t.Cleanup(offer.Close)
	return offer.URL
}

// testFinder looks in a directory of its own: path/ is on its PATH, places/*/bin are the usual places.
type testFinder struct {
	finder
	t    *testing.T
	root string
}

func newTestFinder(t *testing.T) testFinder {
	t.Helper()
	user, err := serverUser()
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.MkdirTemp("/tmp", "crosswalk-finder-test-") // where any user may look
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		t.Fatal(err)
	}
	return testFinder{t: t, root: root, finder: finder{
		user:   user,
		log:    slog.New(slog.DiscardHandler),
		path:   filepath.Join(root, "path"),
		places: []string{filepath.Join(root, "places", "*", "bin")},
		cache:  filepath.Join(root, "cache"),
	}}
}

// add makes a program that prints a line. A shell writes it: a file this process has just written may be
// kept open by a child of another test for a moment, and then cannot be run.
func (f testFinder) add(path, says string) {
	f.t.Helper()
	file := filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		f.t.Fatal(err)
	}
	writer := exec.Command("sh", "-c", `cat >"$0" && chmod 755 "$0"`, file)
	writer.Stdin = strings.NewReader("#!/bin/sh\necho '" + says + "'\n")
	if output, err := writer.CombinedOutput(); err != nil {
		f.t.Fatalf("write %s: %v: %s", file, err, output)
	}
}
