package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version the SQL of this project and its driver support.
const oldest = 14

// advice ends every error about a PostgreSQL that is not there.
const advice = "install PostgreSQL (Debian, Ubuntu: apt install postgresql; Fedora: dnf install postgresql-server postgresql-contrib; " +
	"macOS: brew install postgresql@17) or set DATABASE_URL to a server that runs already"

// Installation is a PostgreSQL on this machine.
type Installation struct {
	// BinDir holds its programs.
	BinDir string
	// Major is its major version, such as 17.
	Major int
}

func (i Installation) program(name string) string { return filepath.Join(i.BinDir, name) }

// Find returns the PostgreSQL that a server with new data runs: from PATH, else the newest of the places
// where systems and installers put it, else one that is downloaded, once, to the user's cache. Log hears of
// a download; nil means nobody does.
func Find(ctx context.Context, log *slog.Logger) (Installation, error) {
	user, err := serverUser()
	if err != nil {
		return Installation{}, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return find(ctx, user, log)
}

func find(ctx context.Context, user account, log *slog.Logger) (Installation, error) {
	var rejected []string
	for found, err := range installations(ctx, user) {
		if err == nil {
			return found, nil
		}
		rejected = append(rejected, err.Error())
	}
	downloaded, err := download(ctx, user, log)
	if err == nil {
		return downloaded, nil
	}
	if len(rejected) > 0 {
		err = fmt.Errorf("%w; not usable: %s", err, strings.Join(rejected, ", "))
	}
	return Installation{}, fmt.Errorf("PostgreSQL %d or later is not on this machine and could not be downloaded (%w): %s", oldest, err, advice)
}

// findMajor returns a PostgreSQL that can open data of the given major version.
func findMajor(ctx context.Context, user account, major int, log *slog.Logger) (Installation, error) {
	var others []string
	for found, err := range installations(ctx, user) {
		if err == nil && found.Major == major {
			return found, nil
		}
		if err == nil {
			others = append(others, strconv.Itoa(found.Major))
		}
	}
	if len(others) == 0 {
		found, err := find(ctx, user, log)
		if err != nil || found.Major == major {
			return found, err
		}
		others = append(others, strconv.Itoa(found.Major))
	}
	return Installation{}, fmt.Errorf("the data was made by PostgreSQL %d, but this machine has PostgreSQL %s: install version %d, or start over with an empty directory",
		major, strings.Join(others, ", "), major)
}

// installations yields what is on the machine, best first, with an error for each that cannot be used.
func installations(ctx context.Context, user account) iter.Seq2[Installation, error] {
	return func(yield func(Installation, error) bool) {
		seen := make(map[string]bool)
		for dir := range binDirs(ctx) {
			if seen[dir] {
				continue
			}
			seen[dir] = true
			if !yield(probe(ctx, user, dir)) {
				return
			}
		}
	}
}

// probe asks the programs in dir for their version, as the user who will run them.
func probe(ctx context.Context, user account, dir string) (Installation, error) {
	if err := user.canEnter(dir); err != nil {
		return Installation{}, fmt.Errorf("%s (%w)", dir, err)
	}
	if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
		return Installation{}, fmt.Errorf("%s (no initdb)", dir)
	}
	cmd := user.command(filepath.Join(dir, "postgres"), "--version")
	output, err := cmd.Output()
	if err != nil {
		return Installation{}, fmt.Errorf("%s (%w)", dir, err)
	}
	version := versionPattern.FindSubmatch(output)
	if version == nil {
		return Installation{}, fmt.Errorf("%s (says it is %q)", dir, output)
	}
	major, err := strconv.Atoi(string(version[1]))
	if err != nil {
		return Installation{}, fmt.Errorf("%s (%w)", dir, err)
	}
	if major < oldest {
		return Installation{}, fmt.Errorf("%s (version %d is too old)", dir, major)
	}
	return Installation{BinDir: dir, Major: major}, ctx.Err()
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// binDirs yields the directories, free of symbolic links, that hold a program named postgres; some more than once.
func binDirs(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for dir := range candidates(ctx) {
			program, err := exec.LookPath(filepath.Join(dir, "postgres"))
			if err != nil {
				continue
			}
			if program, err = filepath.EvalSymlinks(program); err != nil {
				continue
			}
			if !yield(filepath.Dir(program)) {
				return
			}
		}
	}
}

// candidates yields where the programs may be.
func candidates(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		if output, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
			if !yield(strings.TrimSpace(string(output))) {
				return
			}
		}
		for _, program := range []string{"postgres", "initdb"} {
			path, err := exec.LookPath(program)
			if err != nil {
				continue
			}
			if path, err = filepath.EvalSymlinks(path); err == nil && !yield(filepath.Dir(path)) {
				return
			}
		}
		for _, pattern := range usualPlaces {
			for _, dir := range newestFirst(pattern) {
				if !yield(dir) {
					return
				}
			}
		}
	}
}

// usualPlaces are where packages and installers put the programs, which is often not on PATH.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // Red Hat, from the project's packages
	"/usr/lib/postgresql*/bin",                           // SUSE
	"/usr/lib64/postgresql-*/bin",                        // Gentoo
	"/usr/libexec/postgresql*",                           // Alpine
	"/usr/local/pgsql*/bin",                              // built from source
	"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew
	"/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/Library/PostgreSQL/*/bin",                          // the macOS installer
	"/opt/local/lib/postgresql*/bin",                     // MacPorts
	"/opt/PostgreSQL/*/bin",
	"/opt/postgresql*/bin",
	"/opt/postgresql/*/bin",
	"/opt/pgsql*/bin",
}

// newestFirst lists the directories of a pattern by the number in their path.
func newestFirst(pattern string) []string {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(numberIn(b), numberIn(a)) })
	return dirs
}

func numberIn(path string) float64 {
	number, err := strconv.ParseFloat(numberPattern.FindString(path), 64)
	if err != nil {
		return 0
	}
	return number
}

var numberPattern = regexp.MustCompile(`\d+(\.\d+)?`)

var errNotFound = errors.New("not found")
