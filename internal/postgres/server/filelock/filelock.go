// Package filelock lets processes of one machine wait for each other with locks on files.
//
// A lock ends with its process, however that ends, so nothing is ever left locked. The locks advise only
// those who ask. Start reading at Open.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Mode says who else may hold the lock.
type Mode int

const (
	// Exclusive is for one holder.
	Exclusive Mode = syscall.LOCK_EX
	// Shared is for any number, while nobody holds it exclusively.
	Shared Mode = syscall.LOCK_SH
)

// File is a file to lock. Its methods must not be used concurrently.
type File struct{ file *os.File }

// Open opens the file, which is made if need be, without locking it.
func Open(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &File{file}, nil
}

// TryLock takes the lock, or changes its mode, and reports whether that was possible at once.
func (f *File) TryLock(mode Mode) (bool, error) {
	for {
		err := syscall.Flock(int(f.file.Fd()), int(mode)|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("lock %s: %w", f.file.Name(), err)
		}
	}
}

// Lock takes the lock, waiting for others as long as ctx allows.
func (f *File) Lock(ctx context.Context, mode Mode) error {
	const first, longest = 2 * time.Millisecond, 200 * time.Millisecond
	for wait := first; ; wait = min(2*wait, longest) {
		if locked, err := f.TryLock(mode); locked || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s: %w", f.file.Name(), ctx.Err())
		case <-time.After(wait):
		}
	}
}

// Unlock gives the lock back; the file stays open.
func (f *File) Unlock() error { return syscall.Flock(int(f.file.Fd()), syscall.LOCK_UN) }

// Close gives the lock back and closes the file, which stays where it is.
func (f *File) Close() error { return f.file.Close() }

// Note leaves a line in the file, for those who find it locked.
func (f *File) Note(text string) error {
	if err := f.file.Truncate(0); err != nil {
		return err
	}
	_, err := f.file.WriteAt([]byte(text), 0)
	return err
}

// InPlace reports whether the path it was opened by still leads to the file. If not, others lock another one.
func (f *File) InPlace() bool {
	opened, err := f.file.Stat()
	if err != nil {
		return false
	}
	found, err := os.Lstat(f.file.Name())
	return err == nil && os.SameFile(opened, found)
}
