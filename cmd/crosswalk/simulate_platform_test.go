package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
	"crosswalk/internal/platform/feed"
)

func parseSimulatePlatform(t *testing.T, arguments ...string) (*simulatePlatformCommand, error) {
	t.Helper()
	var cli struct {
		Platform simulatePlatformCommand `cmd:""`
	}
	parser, err := kong.New(&cli)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"platform"}, arguments...))
	return &cli.Platform, err
}

func TestSimulatePlatform_ServesTheFeedUntilItIsStopped(t *testing.T) {
	t.Parallel()
	command, err := parseSimulatePlatform(t, "--listen", "127.0.0.1:0", "--key", "k-1", "--token", "t-1",
		"--organizations", "7", "--lines", "90", "--now", "2026-05-18T10:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	messages, written := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- command.serve(ctx, written)
		_ = written.Close()
	}()
	lines := bufio.NewScanner(messages)
	if !lines.Scan() {
		t.Fatalf("no message came: %v, %v", lines.Err(), <-ended)
	}
	_, rest, found := strings.Cut(lines.Text(), "http://")
	if !found {
		t.Fatalf("message = %q, want a URL in it", lines.Text())
	}
	address, _, _ := strings.Cut(rest, " ")

	client, err := feed.NewClient(feed.Config{BaseURL: "http://" + address, Key: "k-1", Token: "t-1", AllowInsecure: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	count := 0
	months := platform.Range{From: civil.MustParseDate("2025-12-01"), To: civil.MustParseDate("2026-05-31")}
	err = client.InvoiceRows(ctx, months, func(_ platform.Page, rows []platform.InvoiceRow) error {
		count += len(rows)
		return nil
	})
	if err != nil || count != 90 {
		t.Errorf("read %d lines, %v, want 90", count, err)
	}

	stop()
	if lines.Scan() {
		t.Errorf("a second message came: %q", lines.Text())
	}
	if err := <-ended; err != nil {
		t.Errorf("the command ended with %v, want nil", err)
	}
	if response, err := http.Get("http://" + address + "/contracts"); err == nil {
		_ = response.Body.Close()
		t.Errorf("%s still answers after the command ended", address)
	}
}

func TestSimulatePlatform_HasDefaultsForEverything(t *testing.T) {
	command, err := parseSimulatePlatform(t)
	if err != nil {
		t.Fatal(err)
	}
	if command.Listen == "" || command.Key != "platform-key" || command.Token != "platform-token" ||
		command.Organizations == 0 || command.Lines == 0 {
		t.Errorf("defaults = %+v", command)
	}
	if now := command.clock()(); time.Since(now) > time.Minute {
		t.Errorf("without --now it is %s, want the present", now)
	}
	t.Setenv("CROSSWALK_NOW", "2026-02-03T04:05:06Z")
	frozen, err := parseSimulatePlatform(t)
	if err != nil {
		t.Fatal(err)
	}
	if now := frozen.clock()(); !now.Equal(time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)) {
		t.Errorf("with CROSSWALK_NOW it is %s, want 2026-02-03T04:05:06Z", now)
	}
}

func TestSimulatePlatform_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for _, tt := range []struct {
		name      string
		arguments []string
		want      string
	}{
		{"a negative number", []string{"--lines=-1"}, "must not be negative"},
		{"more organizations than fit", []string{"--organizations=100000000"}, "--organizations is 100000000; it must not be greater than 1000000"},
		{"more lines than fit", []string{"--lines=100000000000"}, "--lines is 100000000000; it must not be greater than 1000000000"},
		{"lines of nobody", []string{"--organizations=0"}, "need at least one organization"},
		{"an address that is taken", []string{"--listen", taken.Addr().String()}, "listen for the simulated Platform"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command, err := parseSimulatePlatform(t, tt.arguments...)
			if err != nil {
				t.Fatal(err)
			}
			if err := command.serve(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("crosswalk simulate platform %v gave %v, want an error with %q", tt.arguments, err, tt.want)
			}
		})
	}
}
