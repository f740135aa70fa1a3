package filelock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"crosswalk/internal/postgres/server/filelock"
)

func TestLocksAreSharedOrExclusive(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		held, wanted filelock.Mode
		granted      bool
	}{
		"shared beside shared":       {filelock.Shared, filelock.Shared, true},
		"exclusive beside shared":    {filelock.Shared, filelock.Exclusive, false},
		"shared beside exclusive":    {filelock.Exclusive, filelock.Shared, false},
		"exclusive beside exclusive": {filelock.Exclusive, filelock.Exclusive, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "lock")
			holder, other := open(t, path), open(t, path)
			wantLock(t, holder, test.held, true)
			wantLock(t, other, test.wanted, test.granted)
			if err := holder.Unlock(); err != nil {
				t.Fatalf("Unlock: %v", err)
			}
			wantLock(t, other, test.wanted, true)
		})
	}
}

func TestLockWaitsForTheHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	holder, other := open(t, path), open(t, path)
	wantLock(t, holder, filelock.Exclusive, true)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := other.Lock(ctx, filelock.Exclusive); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock of a locked file: got %v, want %v", err, context.DeadlineExceeded)
	}
	locked := make(chan error)
	go func() { locked <- other.Lock(t.Context(), filelock.Exclusive) }()
	if err := holder.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := <-locked; err != nil {
		t.Errorf("Lock after the holder closed the file: %v", err)
	}
}

func TestAReplacedFileIsNotInPlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	file := open(t, path)
	if !file.InPlace() {
		t.Error("InPlace of a new file: got false, want true")
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if file.InPlace() {
		t.Error("InPlace of a moved file: got true, want false")
	}
	open(t, path)
	if file.InPlace() {
		t.Error("InPlace beside a successor: got true, want false")
	}
}

func TestANoteReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	file := open(t, path)
	for _, note := range []string{"a longer note", "short"} {
		if err := file.Note(note); err != nil {
			t.Fatalf("Note(%q): %v", note, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != note {
			t.Errorf("the file after Note(%q): got %q (%v)", note, got, err)
		}
	}
}

func open(t *testing.T, path string) *filelock.File {
	t.Helper()
	file, err := filelock.Open(path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func wantLock(t *testing.T, file *filelock.File, mode filelock.Mode, want bool) {
	t.Helper()
	if got, err := file.TryLock(mode); err != nil || got != want {
		t.Errorf("TryLock(%v): got %v (%v), want %v", mode, got, err, want)
	}
}
