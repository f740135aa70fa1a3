package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"crosswalk/internal/postgres/server"
	"crosswalk/internal/postgres/server/filelock"
)

const (
	// keeperVariable in the environment makes a test program the keeper of the server instead of running tests.
	keeperVariable = "CROSSWALK_POSTGRESTEST_KEEPER"
	// ready is what the keeper reports when the server answers; anything else is an error.
	ready = "ready"
)

func init() {
	if os.Getenv(keeperVariable) == "" {
		return
	}
	if err := keep(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// keep runs the shared server of the directory until no test process has had a place on it for a while.
func keep(dir, linger string) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGTERM)
	patience, err := time.ParseDuration(linger)
	if err != nil {
		return err
	}
	const reportFile = 3 // the first file that startKeeper hands over
	syscall.CloseOnExec(reportFile)
	report := os.NewFile(reportFile, "report")
	running, err := serve(dir)
	if err != nil {
		_, writeErr := report.WriteString(err.Error())
		return errors.Join(err, writeErr)
	}
	if _, err := report.WriteString(ready); err != nil {
		return errors.Join(err, clearUp(running, dir))
	}
	report.Close()
	users, err := filelock.Open(filepath.Join(dir, usersFile))
	if err != nil {
		return errors.Join(err, clearUp(running, dir))
	}
	defer users.Close()
	abandoned := make(chan error, 1)
	go func() { abandoned <- lockWhenAbandoned(users, patience) }()
	select {
	case err = <-abandoned:
	case <-running.Done():
	case <-interrupts:
	}
	return errors.Join(err, clearUp(running, dir))
}

// serve starts the server and writes down its address.
func serve(dir string) (*server.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	running, err := server.Start(ctx, server.Options{
		DataDir:        filepath.Join(dir, serverDir),
		Disposable:     true,
		MaxConnections: 300,
	})
	if err != nil {
		return nil, err
	}
	address := filepath.Join(dir, addressFile)
	err = os.WriteFile(address+".new", []byte(running.DSN("postgres")), 0o600)
	if err == nil {
		err = os.Rename(address+".new", address)
	}
	if err != nil {
		return nil, errors.Join(err, running.Stop(ctx))
	}
	return running, nil
}

// lockWhenAbandoned waits until no test process holds the lock, neither before nor after a pause, and takes it.
func lockWhenAbandoned(users *filelock.File, linger time.Duration) error {
	for {
		if err := users.Lock(context.Background(), filelock.Exclusive); err != nil {
			return err
		}
		if err := users.Unlock(); err != nil {
			return err
		}
		time.Sleep(linger)
		if locked, err := users.TryLock(filelock.Exclusive); locked || err != nil {
			return err
		}
	}
}

// clearUp stops the server and removes the directory, under another name, so that a process that comes now
// begins with a new one.
func clearUp(running *server.Server, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := running.Stop(ctx)
	leaving := fmt.Sprintf("%s.%d", dir, os.Getpid())
	if renameErr := os.Rename(dir, leaving); renameErr != nil {
		return errors.Join(err, renameErr)
	}
	return errors.Join(err, os.RemoveAll(leaving))
}
