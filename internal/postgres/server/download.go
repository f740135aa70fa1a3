package server

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"crosswalk/internal/postgres/server/filelock"
)

// downloadVersion is the PostgreSQL that is downloaded where none is installed.
const downloadVersion = embeddedpostgres.V18

// cacheDir returns where downloads are kept: for root where the server's user can read them.
func cacheDir(user account) string {
	if user.other {
		return "/var/cache/crosswalk"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir() // without a home there is no better place
	}
	return filepath.Join(dir, "crosswalk")
}

// download returns the PostgreSQL in the cache, which is fetched if it is not there. One process fetches, others wait.
func (f finder) download(ctx context.Context) (Installation, error) {
	if err := f.user.makeParents(f.cache); err != nil {
		return Installation{}, err
	}
	place := filepath.Join(f.cache, "postgresql-"+string(downloadVersion))
	lock, err := filelock.Open(place + ".lock")
	if err != nil {
		return Installation{}, err
	}
	defer lock.Close()
	if err := lock.Lock(ctx, filelock.Exclusive); err != nil {
		return Installation{}, err
	}
	if found, err := f.probe(ctx, filepath.Join(place, "bin")); err == nil {
		return found, nil
	}
	f.log.InfoContext(ctx, "downloading PostgreSQL, once", "version", string(downloadVersion), "to", place)
	if err := f.fetch(ctx, place); err != nil {
		return Installation{}, fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, err)
	}
	return f.probe(ctx, filepath.Join(place, "bin"))
}

// fetch puts the programs at place, all or none.
func (f finder) fetch(ctx context.Context, place string) error {
	work := place + ".unfinished"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	unpacked := filepath.Join(work, "postgresql")
	if err := f.unpack(ctx, work, unpacked); err != nil {
		return err
	}
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	return os.Rename(unpacked, place)
}

// unpack has the library fetch and unpack the programs. It does so as the first step of starting a server,
// which ends at the next: no such locale exists. We run the server ourselves; the library could not as root.
func (f finder) unpack(ctx context.Context, work, unpacked string) error {
	config := embeddedpostgres.DefaultConfig().
		Version(downloadVersion).
		Port(0).
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "runtime")).
		DataPath(filepath.Join(work, "data")).
		BinariesPath(unpacked).
		Locale("none, to end here").
		Logger(io.Discard)
	if f.repository != "" {
		config = config.BinaryRepositoryURL(f.repository)
	}
	ended := make(chan error, 1)
	go func() { ended <- embeddedpostgres.NewDatabase(config).Start() }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-ended:
		if _, statErr := os.Stat(filepath.Join(unpacked, "bin", "postgres")); statErr != nil {
			return err
		}
	}
	return makeReadable(unpacked)
}

// makeReadable lets everybody read, and run, what the user may, whatever the umask was.
func makeReadable(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm()
		return os.Chmod(path, mode|mode>>3&0o050|mode>>6&0o005)
	})
}
