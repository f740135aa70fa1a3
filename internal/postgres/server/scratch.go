package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"crosswalk/internal/postgres/server/filelock"
)

// Scratch is a temporary directory that the server's user can enter. It belongs to this process: should
// the process end without removing it, the next one that makes a Scratch does.
type Scratch struct {
	path string
	lock *filelock.File
}

const (
	scratchPrefix = "crosswalk-scratch-"
	scratchLock   = "owner"
)

// NewScratch makes a directory in ScratchRoot and removes those of ended processes.
func NewScratch() (*Scratch, error) {
	root := ScratchRoot()
	removeAbandoned(root)
	for {
		path, err := os.MkdirTemp(root, scratchPrefix)
		if err != nil {
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
		s := &Scratch{path: path}
		owned, err := s.own()
		if owned {
			return s, nil
		}
		if err != nil {
			_ = os.RemoveAll(path)
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
	}
}

// own opens the directory to the server's user and locks it. It reports false if another process took the
// directory for abandoned before it was locked.
func (s *Scratch) own() (bool, error) {
	if err := os.Chmod(s.path, 0o711); err != nil {
		return false, err
	}
	var err error
	if s.lock, err = filelock.Open(filepath.Join(s.path, scratchLock)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	locked, err := s.lock.TryLock(filelock.Exclusive)
	if locked && s.lock.InPlace() {
		return true, nil
	}
	s.lock.Close()
	return false, err
}

// Path returns the directory.
func (s *Scratch) Path() string { return s.path }

// Remove removes the directory. No server may run in it.
func (s *Scratch) Remove() error { return errors.Join(os.RemoveAll(s.path), s.lock.Close()) }

// removeAbandoned removes what ended processes left. A server of theirs has ended with them or will do so
// before long. Nothing depends on the success.
func removeAbandoned(root string) {
	locks, err := filepath.Glob(filepath.Join(root, scratchPrefix+"*", scratchLock))
	if err != nil {
		return
	}
	for _, path := range locks {
		lock, err := filelock.Open(path)
		if err != nil {
			continue
		}
		if locked, err := lock.TryLock(filelock.Exclusive); err == nil && locked {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		lock.Close()
	}
}

// TempRoot returns a directory for temporary files that the server's user can enter: the system's, unless
// that is a private one of root's.
func TempRoot() string {
	user, err := serverUser()
	if err != nil {
		return os.TempDir()
	}
	for _, dir := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil && user.canEnter(resolved) == nil {
			return resolved
		}
	}
	return os.TempDir()
}

// ScratchRoot returns the best place for data that nobody will miss: memory if there is plenty, which is many
// times faster than a file system for the hundreds of small files of a database. TMPDIR overrides that.
func ScratchRoot() string {
	const plenty = 4 << 30
	if os.Getenv("TMPDIR") == "" && memoryFree() >= plenty {
		return memoryDir
	}
	return TempRoot()
}
