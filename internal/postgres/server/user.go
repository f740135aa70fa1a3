package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is the system user that PostgreSQL runs as.
type account struct {
	name     string
	uid, gid uint32
	// other is true if that is not who we are: PostgreSQL refuses to run as root.
	other bool
}

// serverUser returns ourselves, or for root the user postgres, else nobody.
func serverUser() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: "you", uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{name: name, uid: uint32(uid), gid: uint32(gid), other: true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody to run it as: run crosswalk as another user")
}

// command prepares a program to run as the account, ending with us, without terminal signals and without
// settings for PostgreSQL from our environment.
func (a account) command(program string, arguments ...string) *exec.Cmd {
	cmd := exec.Command(program, arguments...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "LC_") && !strings.HasPrefix(variable, "LANG") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	return cmd
}

// makeDir makes a directory that only the account can enter. One that exists must already be the account's:
// in a shared place anybody could have put it there.
func (a account) makeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if made && a.other {
		if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() || ownerOf(info) != a.uid {
		return fmt.Errorf("%s is not a directory that belongs to %s", path, a.name)
	}
	return os.Chmod(path, 0o700)
}

// makeParents makes a directory and those above it that are missing, so that the account can pass through.
func (a account) makeParents(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := a.makeParents(filepath.Dir(path)); err != nil {
		return err
	}
	mode := os.FileMode(0o700)
	if a.other {
		mode = 0o711
	}
	if err := os.Mkdir(path, mode); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// canEnter returns an error naming the directory on the way to path that keeps the account out. The path
// must be free of symbolic links.
func (a account) canEnter(path string) error {
	if !a.other {
		return nil
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !a.canSearch(info) {
			return fmt.Errorf("PostgreSQL runs as the user %s, who may not enter %s (mode %v)", a.name, dir, info.Mode())
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (a account) canSearch(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	switch {
	case ownerOf(info) == a.uid:
		return mode&0o100 != 0
	case groupOf(info) == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

func ownerOf(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

func groupOf(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Gid }
