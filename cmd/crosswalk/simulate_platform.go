package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	simulator "crosswalk/internal/simulator/platform"
)

// simulatePlatformCommand runs a stand-in for the Platform's billing feed until it is stopped.
type simulatePlatformCommand struct {
	Listen        string    `name:"listen" default:"127.0.0.1:8091" help:"Address to listen on."`
	Key           string    `name:"key" default:"platform-key" help:"Subscription key that requests must carry."`
	Token         string    `name:"token" default:"platform-token" help:"Bearer token that requests must carry."`
	Organizations int       `name:"organizations" default:"300" help:"Number of organizations; at most 1000000."`
	Lines         int       `name:"lines" default:"20000" help:"Number of invoice lines, all six months together; at most 1000000000."`
	Now           time.Time `name:"now" env:"CROSSWALK_NOW" optional:"" help:"The last month with invoices is the one of this time (RFC 3339); the present by default."`
}

// Run serves until ctx ends, which is not an error.
func (c *simulatePlatformCommand) Run(ctx context.Context) error {
	return c.serve(ctx, os.Stderr)
}

// maxOrganizations and maxLines are more than anybody has and fit in half a gigabyte: lines are made up when they are asked for.
const (
	maxOrganizations = 1_000_000
	maxLines         = 1_000_000_000
)

func (c *simulatePlatformCommand) serve(ctx context.Context, messages io.Writer) error {
	if c.Organizations < 0 || c.Lines < 0 {
		return errors.New("the numbers of organizations and lines must not be negative")
	}
	if err := errors.Join(notAbove("organizations", c.Organizations, maxOrganizations), notAbove("lines", c.Lines, maxLines)); err != nil {
		return err
	}
	if c.Lines > 0 && c.Organizations == 0 {
		return errors.New("invoice lines need at least one organization")
	}
	handler := simulator.New(simulator.Options{
		Key: c.Key, Token: c.Token, Organizations: c.Organizations, Lines: c.Lines, Now: c.clock(),
	})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen for the simulated Platform: %w", err)
	}
	_, _ = fmt.Fprintf(messages, "Simulated Platform at http://%s (%d organizations, %d invoice lines)\n",
		listener.Addr(), c.Organizations, c.Lines)
	return serveUntilDone(ctx, listener, handler)
}

// clock tells the time that was given, or else the time it is.
func (c *simulatePlatformCommand) clock() func() time.Time {
	if c.Now.IsZero() {
		return time.Now
	}
	return func() time.Time { return c.Now }
}

// serveUntilDone answers requests until ctx ends, and then lets those under way finish for a few seconds.
func serveUntilDone(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("stop serving on %s: %w", listener.Addr(), err), server.Close())
	}
	return nil
}
