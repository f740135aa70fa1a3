package server_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"crosswalk/internal/postgres/server"
)

func TestAScratchIsRemovedByTheNextProcessIfNotByItsOwn(t *testing.T) {
	t.Parallel()
	abandoned, err := os.MkdirTemp(server.ScratchRoot(), "crosswalk-scratch-")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(abandoned, "owner"), "")
	first, err := server.NewScratch()
	if err != nil {
		t.Fatalf("NewScratch: %v", err)
	}
	second, err := server.NewScratch()
	if err != nil {
		t.Fatalf("NewScratch: %v", err)
	}
	wantDir(t, "abandoned", abandoned, false)
	wantDir(t, "in use", first.Path(), true)
	for _, scratch := range []*server.Scratch{first, second} {
		if err := scratch.Remove(); err != nil {
			t.Errorf("Remove: %v", err)
		}
		wantDir(t, "removed", scratch.Path(), false)
	}
}

func TestTheServersUserCanEnterAScratch(t *testing.T) {
	t.Parallel()
	scratch, err := server.NewScratch()
	if err != nil {
		t.Fatalf("NewScratch: %v", err)
	}
	defer scratch.Remove()
	if os.Geteuid() != 0 {
		return // we are that user
	}
	command := exec.Command("su", "-s", "/bin/sh", "-c", "cd "+scratch.Path(), "nobody")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("another user enters the directory: %v: %s", err, strings.TrimSpace(string(output)))
	}
}

func wantDir(t *testing.T, which, path string, want bool) {
	t.Helper()
	_, err := os.Stat(path)
	if got := err == nil; got != want || err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory %s that is %s: got there %v (%v), want %v", path, which, got, err, want)
	}
}
