package gatewaytest

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"crosswalk/internal/account/seal"
	"crosswalk/internal/civil"
	"crosswalk/internal/gateway"
	"crosswalk/internal/postgres"
)

// Replica is one gateway of a world.
type Replica struct {
	// URL is where it serves, without a path.
	URL string
	// Gateway is nil for a replica in another process.
	Gateway *gateway.Gateway
}

// stopTime is how long a gateway may take to stop.
const stopTime = 30 * time.Second

// Replica starts another gateway on the world's database.
func (w *World) Replica(t testing.TB) *Replica {
	t.Helper()
	return w.replica(t, func(*gateway.Config) {})
}

// ReplicaWith is Replica with another configuration.
func (w *World) ReplicaWith(t testing.TB, change func(*gateway.Config)) *Replica {
	t.Helper()
	return w.replica(t, change)
}

func (w *World) replica(t testing.TB, change func(*gateway.Config)) *Replica {
	t.Helper()
	config := w.config()
	change(&config)
	g, err := gateway.New(config)
	if err != nil {
		t.Fatalf("make a gateway: %v", err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatalf("start a gateway: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Errorf("stop a gateway: %v", err)
		}
	})
	return &Replica{URL: "http://" + g.Address(), Gateway: g}
}

// processVariable tells a process that it is a replica, and of what.
const processVariable = "CROSSWALK_GATEWAYTEST_REPLICA"

// ProcessOptions tune a replica in a process of its own. What is zero has the default of gateway.Config.
type ProcessOptions struct {
	// Lease is how long a silent worker is believed to live.
	Lease time.Duration
	// SettleDelay is how long a lost write is given to turn up in ConnectWise.
	SettleDelay time.Duration
	// RetryPause is how long failed reads wait before they are tried again.
	RetryPause time.Duration
	// CallsPerMinute bounds the calls to ConnectWise.
	CallsPerMinute int
}

// processConfig is what a replica in another process is told.
type processConfig struct {
	DSN string
	ProcessOptions
}

// Main runs the tests of a package, or the replica that this process was started to be. Packages that use
// World.Process call it from TestMain.
func Main(m *testing.M) {
	text := os.Getenv(processVariable)
	if text == "" {
		waitTogether()
		os.Exit(m.Run())
	}
	if err := serveProcess(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// atATime is how many worlds run at a time. They spend most of their time waiting, for leases and pauses to
// pass, so that more than there are processors fit.
const atATime = 6

// waitTogether lets that many tests run in parallel, unless the command line says otherwise.
func waitTogether() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(max(atATime, runtime.GOMAXPROCS(0)))) // a number always is one
	}
}

// serveProcess serves until its standard input ends, which the end of the test's process sees to.
func serveProcess(text string) error {
	var config processConfig
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return err
	}
	ctx := context.Background()
	db, err := postgres.Open(ctx, config.DSN, postgres.Options{MaxConnections: 6})
	if err != nil {
		return err
	}
	ring, err := seal.ParseKeyRing(EncryptionKey)
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{
		DB: db, KeyRing: ring, Listen: "127.0.0.1:0", AllowInsecureUpstreams: true,
		Clock: civil.Frozen(Now()), Lease: config.Lease, SettleDelay: config.SettleDelay,
		RetryPause: config.RetryPause, PSACallsPerMinute: config.CallsPerMinute,
	})
	if err != nil {
		return err
	}
	if err := g.Start(ctx); err != nil {
		return err
	}
	fmt.Println("http://" + g.Address())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// Process is a replica in a process of its own.
type Process struct {
	*Replica
	command *exec.Cmd
}

// Process starts a replica in a process of its own, whose workers are believed to live for lease when they are
// silent. Other options of the world do not reach it.
func (w *World) Process(t testing.TB, lease time.Duration) *Process {
	t.Helper()
	return w.ProcessWith(t, ProcessOptions{Lease: lease})
}

// ProcessWith is Process with more options.
func (w *World) ProcessWith(t testing.TB, options ProcessOptions) *Process {
	t.Helper()
	text, err := json.Marshal(processConfig{DSN: w.dsn, ProcessOptions: options})
	if err != nil {
		t.Fatalf("encode the replica's configuration: %v", err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), processVariable+"="+string(text))
	command.Stderr = w.Log
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatalf("connect a replica's input: %v", err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatalf("connect a replica's output: %v", err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("start a replica: %v", err)
	}
	p := &Process{Replica: &Replica{}, command: command}
	t.Cleanup(func() {
		stdin.Close()
		p.Kill()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("a replica did not start: %v\n%s", err, w.Log)
	}
	p.URL = strings.TrimSpace(line)
	return p
}

// ID returns the number that the system knows the process by.
func (p *Process) ID() int { return p.command.Process.Pid }

// Freeze makes the process stand still, as a machine does that is moved or out of memory.
func (p *Process) Freeze(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGSTOP)
}

// Thaw lets a frozen process go on where it was.
func (p *Process) Thaw(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGCONT)
}

func (p *Process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(s); err != nil {
		t.Fatalf("send %s to a replica: %v", s, err)
	}
}

// Kill ends the process as if the machine had lost power. It may be called again.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // it may have ended by itself
	_ = p.command.Wait()         // says that it was killed
}
