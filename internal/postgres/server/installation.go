package server

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
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
	return newFinder(user, log).find(ctx)
}

// finder looks for PostgreSQL.
type finder struct {
	user account
	log  *slog.Logger
	// path and places are where to look, as PATH has it and as patterns.
	path   string
	places []string
	// cache keeps what is downloaded; repository is where from, empty for the usual place.
	cache, repository string
}

func newFinder(user account, log *slog.Logger) finder {
	return finder{user: user, log: log, path: os.Getenv("PATH"), places: usualPlaces(), cache: cacheDir(user)}
}

func (f finder) find(ctx context.Context) (Installation, error) {
	var rejected []string
	for found, err := range f.installed(ctx) {
		if err == nil {
			return found, nil
		}
		rejected = append(rejected, err.Error())
	}
	downloaded, err := f.download(ctx)
	if err == nil {
		return downloaded, nil
	}
	if len(rejected) > 0 {
		err = fmt.Errorf("%w; not usable: %s", err, strings.Join(rejected, ", "))
	}
	return Installation{}, fmt.Errorf("PostgreSQL %d or later was not found on this machine and could not be downloaded (%w): %s", oldest, err, advice)
}

// findMajor returns a PostgreSQL that can open data of the given major version.
func (f finder) findMajor(ctx context.Context, major int) (Installation, error) {
	var others []string
	for found, err := range f.installed(ctx) {
		if err == nil && found.Major == major {
			return found, nil
		}
		if err == nil {
			others = append(others, strconv.Itoa(found.Major))
		}
	}
	if len(others) == 0 {
		found, err := f.download(ctx)
		if err == nil && found.Major == major {
			return found, nil
		}
		if err != nil {
			return Installation{}, fmt.Errorf("the data was made by PostgreSQL %d, which was not found on this machine: install it, or start over with an empty directory (%w)", major, err)
		}
		others = append(others, strconv.Itoa(found.Major))
	}
	return Installation{}, fmt.Errorf("the data was made by PostgreSQL %d, but this machine has PostgreSQL %s: install version %d, or start over with an empty directory",
		major, strings.Join(others, ", "), major)
}

// installed yields what is on the machine, best first, with an error for each that cannot be used.
func (f finder) installed(ctx context.Context) iter.Seq2[Installation, error] {
	return func(yield func(Installation, error) bool) {
		seen := make(map[string]bool)
		for dir := range f.candidates(ctx) {
			program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
			if err != nil || seen[program] {
				continue
			}
			seen[program] = true
			if !yield(f.probe(ctx, filepath.Dir(program))) {
				return
			}
		}
	}
}

// candidates yields the directories where the programs may be, best first.
func (f finder) candidates(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, dir := range filepath.SplitList(f.path) {
			if !filepath.IsAbs(dir) {
				continue // what lies about in the current directory is not asked for
			}
			// Where packages keep the programs off PATH, this one says where.
			output, err := exec.CommandContext(ctx, filepath.Join(dir, "pg_config"), "--bindir").Output()
			if err == nil && !yield(strings.TrimSpace(string(output))) {
				return
			}
			if !yield(dir) {
				return
			}
		}
		for _, pattern := range f.places {
			for _, dir := range newestFirst(pattern) {
				if !yield(dir) {
					return
				}
			}
		}
	}
}

// probe asks the programs in dir for their version, as the user who will run them.
func (f finder) probe(ctx context.Context, dir string) (Installation, error) {
	if err := f.user.canEnter(dir); err != nil {
		return Installation{}, fmt.Errorf("%s (%w)", dir, err)
	}
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err != nil {
			return Installation{}, fmt.Errorf("%s (it has no %s)", dir, program)
		}
	}
	output, err := f.user.command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Installation{}, fmt.Errorf("%s (%w)", dir, err)
	}
	version := versionPattern.FindSubmatch(output)
	if version == nil {
		return Installation{}, fmt.Errorf("%s (it says its version is %q)", dir, output)
	}
	major, err := strconv.Atoi(string(version[1]))
	if err != nil || major < oldest {
		return Installation{}, fmt.Errorf("%s (version %s is too old)", dir, version[1])
	}
	return Installation{BinDir: dir, Major: major}, ctx.Err()
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// usualPlaces are where packages and installers put the programs, which is often not on PATH.
func usualPlaces() []string {
	return []string{
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
}

// newestFirst lists the directories of a pattern by the version in their path.
func newestFirst(pattern string) []string {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
	return dirs
}

// versionIn returns the last number in a path: 9.6 of /usr/lib/postgresql/9.6/bin.
func versionIn(path string) float64 {
	numbers := numberPattern.FindAllString(path, -1)
	if len(numbers) == 0 {
		return 0
	}
	number, err := strconv.ParseFloat(numbers[len(numbers)-1], 64)
	if err != nil {
		return 0
	}
	return number
}

var numberPattern = regexp.MustCompile(`\d+(\.\d+)?`)
