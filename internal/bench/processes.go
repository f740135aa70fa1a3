package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"crosswalk/internal/postgres/server"
)

// measureStarts times how long a program takes from its start to the first answered query.
func measureStarts(ctx context.Context, b *bench) error {
	b.table("from the start of the program to the first answered query", "time")
	scratch, err := server.NewScratch()
	if err != nil {
		return err
	}
	defer scratch.Remove()
	data := filepath.Join(scratch.Path(), "demo")
	serve := []string{"serve", "--listen", "127.0.0.1:0", "--allow-insecure-upstreams"}
	for _, c := range []struct {
		name        string
		environment []string
		arguments   []string
	}{
		{"serve", []string{"CROSSWALK_ENCRYPTION_KEY=" + b.key, "DATABASE_URL=" + b.DSN}, serve},
		{"demo, for the first time, with a PostgreSQL of its own", []string{"DATABASE_URL="}, []string{"demo", "--listen", "127.0.0.1:0", "--data", data}},
		{"demo, again", []string{"DATABASE_URL="}, []string{"demo", "--listen", "127.0.0.1:0", "--data", data}},
	} {
		begun := time.Now()
		p, err := b.start(ctx, c.environment, c.arguments...)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		token := b.token
		if p.token != "" {
			token = p.token
		}
		_, err = graphQL(p.address, token, "{ viewer { role } }").ask(ctx, http.DefaultClient)
		took := time.Since(begun)
		p.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		b.row(c.name, milliseconds(took))
	}
	return nil
}

// program is a running crosswalk.
type program struct {
	address, token string
	stop           func()
}

var (
	servedAt  = regexp.MustCompile(`(http://[0-9.:]+)/graphql`)
	shownHere = regexp.MustCompile(`ADMIN\s+(cw_\S+)`)
)

// start starts the binary and returns once it says where it serves and, for a demo, with which token.
func (b *bench) start(ctx context.Context, environment []string, arguments ...string) (*program, error) {
	command := exec.CommandContext(ctx, b.Binary, arguments...)
	command.Env = append(os.Environ(), environment...)
	output, input := io.Pipe()
	command.Stdout, command.Stderr = input, input
	if err := command.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { _ = command.Wait(); input.Close(); close(ended) }()
	p := &program{stop: func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		<-ended
	}}
	isDemo := arguments[0] == "demo"
	var said strings.Builder
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if at := servedAt.FindStringSubmatch(lines.Text()); at != nil {
			p.address = at[1]
		}
		if shown := shownHere.FindStringSubmatch(lines.Text()); shown != nil {
			p.token = shown[1]
		}
		if p.address != "" && (p.token != "" || !isDemo) {
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return p, nil
		}
	}
	p.stop()
	return nil, fmt.Errorf("it ended before it served: %s", said.String())
}
