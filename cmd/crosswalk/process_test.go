package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/server"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// processVariable has the program of the tests be the command that it is tested for.
const processVariable = "CROSSWALK_TEST_IS_THE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(processVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is crosswalk in a process of its own.
type process struct {
	t       *testing.T
	command *exec.Cmd
	stderr  *gatewaytest.Log
	ended   chan struct{}
}

// startProcess runs a command line with settings in its environment, and ends it with the test.
func startProcess(t *testing.T, settings []string, arguments ...string) *process {
	t.Helper()
	p := &process{t: t, command: exec.Command(os.Args[0], arguments...), stderr: &gatewaytest.Log{}, ended: make(chan struct{})}
	p.command.Env = append(append(os.Environ(), processVariable+"=yes"), settings...)
	p.command.Stderr = p.stderr
	if err := p.command.Start(); err != nil {
		t.Fatalf("crosswalk %s: %v", strings.Join(arguments, " "), err)
	}
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // how it ended is looked at below
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill() // it may have ended
		<-p.ended
	})
	return p
}

// status waits for the end and returns the exit status.
func (p *process) status() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		p.t.Fatalf("%s has not ended within a minute:\n%s", p.command, p.stderr)
		return 0
	}
}

// wantRefused checks that a command ends by itself, and why.
func wantRefused(t *testing.T, settings []string, says string, arguments ...string) {
	t.Helper()
	p := startProcess(t, settings, arguments...)
	if status := p.status(); status != 1 || !strings.Contains(p.stderr.String(), says) {
		t.Errorf("crosswalk %s ended with status %d: %s\nwant 1, saying %q", strings.Join(arguments, " "), status, p.stderr, says)
	}
}

func TestSettingsThatCannotWorkStopTheStart(t *testing.T) {
	t.Parallel()
	address, key := "DATABASE_URL=postgres://cw@127.0.0.1:1/cw", "CROSSWALK_ENCRYPTION_KEY="+gatewaytest.EncryptionKey
	wantRefused(t, []string{address, key, "CROSSWALK_MAX_DEPTH=-1"}, "CROSSWALK_MAX_DEPTH is -1; it must not be negative", "serve")
	wantRefused(t, []string{address, key, "CROSSWALK_SETTLE_DELAY=-1s"}, "CROSSWALK_SETTLE_DELAY is -1s; it must not be negative", "serve")
	wantRefused(t, []string{address, "CROSSWALK_ALLOWED_ORIGINS=foo"}, `CROSSWALK_ALLOWED_ORIGINS has "foo"; it must be`, "demo")
	for _, arguments := range [][]string{{"serve"}, {"migrate", "status"}, {"migrate", "up"}, {"seller", "list"}} {
		wantRefused(t, []string{"DATABASE_URL= ", key}, "DATABASE_URL is empty", arguments...)
		p := startProcess(t, []string{"DATABASE_URL=postgres://cw:geheim/zz@127.0.0.1:1/cw", key}, arguments...)
		if status := p.status(); status != 1 || strings.Contains(p.stderr.String(), "geheim") {
			t.Errorf("crosswalk %s with a password that is not escaped ended with status %d: %s", strings.Join(arguments, " "), status, p.stderr)
		}
	}
}

func TestSecretsOnTheCommandLineAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{
		{"serve", "--encryption-key", "-geheim"}, {"serve", "--database-url", "-geheim"}, {"serve", "--encryption-key", "--geheim"},
		{"seller", "create", "--platform-token", "-geheim"}, {"seller", "create", "--platform-key", "-geheim", "--name", "A"},
	} {
		p := startProcess(t, nil, arguments...)
		if status := p.status(); status != 1 || strings.Contains(p.stderr.String(), "geheim") || !strings.Contains(p.stderr.String(), "needs a value") {
			t.Errorf("crosswalk %q ended with status %d: %s", arguments, status, p.stderr)
		}
	}
}

func TestAnEmptySettingIsAsGoodAsNone(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutGateway: true})
	var empty []string
	for name := range settingsOfServe(t) {
		if name != "DATABASE_URL" && name != "CROSSWALK_ENCRYPTION_KEY" && name != "CROSSWALK_LISTEN" {
			empty = append(empty, name+"=")
		}
	}
	startServe(t, w, empty...)
	address, key := "DATABASE_URL=postgres://cw@127.0.0.1:1/cw", "CROSSWALK_ENCRYPTION_KEY="
	wantRefused(t, []string{address, key}, "missing flags: --encryption-key", "serve")
}

func TestAReplicaWithAnotherKeyTellsAtItsStart(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{WithoutGateway: true})
	const warning = "CROSSWALK_ENCRYPTION_KEY does not open all stored credentials"
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	wrong := startServe(t, w, "CROSSWALK_ENCRYPTION_KEY="+other)
	rotating := startServe(t, w, "CROSSWALK_ENCRYPTION_KEY="+other+","+gatewaytest.EncryptionKey)
	if said := wrong.stderr.String(); strings.Count(said, warning) != 1 || !strings.Contains(said, "level=ERROR") {
		t.Errorf("a replica with another key says\n%s\nwant one error with %q", said, warning)
	}
	if said := rotating.stderr.String(); strings.Contains(said, warning) {
		t.Errorf("a replica with a new key before the old one says\n%s", said)
	}
}

func TestProcessesThatMigrateAtOnceDoItOnceAndOlderOnesRefuse(t *testing.T) {
	t.Parallel()
	running, err := server.Start(t.Context(), server.Options{Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("stop the server: %v", err)
		}
	})
	if err := running.CreateDatabase(t.Context(), "fresh"); err != nil {
		t.Fatal(err)
	}
	settings := []string{"DATABASE_URL=" + running.DSN("fresh"), "CROSSWALK_ENCRYPTION_KEY=" + gatewaytest.EncryptionKey, "CROSSWALK_LISTEN=127.0.0.1:0"}
	wantRefused(t, settings, "run crosswalk migrate up", "serve")
	var all []*process
	for range 3 {
		all = append(all, startProcess(t, settings, "migrate", "up"))
	}
	idle := 0
	for _, p := range all {
		if status := p.status(); status != 0 {
			t.Errorf("crosswalk migrate up, one of several, ended with status %d: %s", status, p.stderr)
		}
		if strings.Contains(p.stderr.String(), "; 0 migrations were applied") {
			idle++
		}
	}
	if idle != len(all)-1 {
		t.Errorf("%d of %d processes found nothing to do, want all but one", idle, len(all))
	}
	owner, err := postgres.OpenAsOwner(t.Context(), running.DSN("fresh"), postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, err := owner.Pool().ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"serve"}, {"migrate", "up"}} {
		wantRefused(t, settings, "the database was migrated by a newer crosswalk: run that version or a later one (version 99999 is unknown here)", arguments...)
	}
}

// replicaProcess is crosswalk serve in a process of its own.
type replicaProcess struct {
	*process
	*gatewaytest.Replica
}

// startServe serves a world on a port of its own, with more settings, and returns once it is ready.
func startServe(t *testing.T, w *gatewaytest.World, settings ...string) replicaProcess {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	p := startProcess(t, append([]string{
		"DATABASE_URL=" + w.DB.DSN(), "CROSSWALK_ENCRYPTION_KEY=" + gatewaytest.EncryptionKey, "CROSSWALK_LISTEN=" + address,
		"CROSSWALK_ALLOW_INSECURE_UPSTREAMS=true", "CROSSWALK_PSA_BUDGET=20s", "CROSSWALK_NOW=" + gatewaytest.Now().Format(time.RFC3339),
	}, settings...), "serve")
	replica := replicaProcess{p, &gatewaytest.Replica{URL: "http://" + address}}
	gatewaytest.Eventually(t, "crosswalk serve is ready", func() bool { return replica.probe("/readyz") == http.StatusOK })
	return replica
}

// probe returns the status of an answer; 0 when there is none.
func (r replicaProcess) probe(path string) int {
	answer, err := http.Get(r.URL + path)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

// turnstile keeps requests to ConnectWise waiting while it is shut.
type turnstile struct {
	mu      sync.Mutex
	shut    chan struct{}
	waiting map[string]int
}

func (s *turnstile) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		shut := s.shut
		if strings.HasPrefix(r.URL.Path, "/login/") {
			shut = nil // where everything is must be known first
		}
		if shut != nil {
			s.waiting[r.URL.Path[strings.LastIndex(r.URL.Path, "/"):]]++
		}
		s.mu.Unlock()
		if shut != nil {
			<-shut
		}
		next.ServeHTTP(w, r)
	})
}

func (s *turnstile) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut, s.waiting = make(chan struct{}), make(map[string]int)
}

func (s *turnstile) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut != nil {
		close(s.shut)
		s.shut = nil
	}
}

func (s *turnstile) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[path]
}

func TestATerminatedProcessAnswersWhatIsUnderWayAndHandsItsRunsOver(t *testing.T) {
	t.Parallel()
	entrance := &turnstile{}
	w := gatewaytest.Start(t, gatewaytest.Options{
		WithoutGateway: true, ConnectWise: simconnectwise.Options{Companies: 20}, BeforeConnectWise: entrance.before,
	})
	t.Cleanup(entrance.open)
	w.AddCustomer("Alpha", "1", "Active")
	first := startServe(t, w)
	entrance.close()
	asked := w.On(first.Replica)
	id, _ := asked.StartSync(t)
	answered := make(chan string)
	go func() { answered <- ask(asked, `{ psaAgreementTypes { name } }`) }()
	gatewaytest.Eventually(t, "a run and a request wait for ConnectWise", func() bool {
		return entrance.count("/companies") > 0 && entrance.count("/types") > 0
	})
	second := startServe(t, w)

	if err := first.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gatewaytest.Eventually(t, "the first process is not ready any more", func() bool { return first.probe("/readyz") != http.StatusOK })
	other := w.On(second.Replica)
	gatewaytest.Eventually(t, "the second process has the run", func() bool { return entrance.count("/companies") > 1 })
	select {
	case early := <-answered:
		t.Errorf("the request under way was answered with %s before ConnectWise was", early)
	case <-first.ended:
		t.Errorf("the process ended before it answered what was under way: %s", first.stderr)
	default:
	}
	entrance.open()

	if got := <-answered; !strings.Contains(got, "Cloud Subscriptions") || strings.Contains(got, "errors") {
		t.Errorf("the request under way was answered with %s, want the agreement types", got)
	}
	if status := first.status(); status != 0 {
		t.Errorf("the terminated process ended with status %d: %s", status, first.stderr)
	}
	if job := other.WaitForJob(t, id); job.State != "SUCCEEDED" || job.Created != 1 {
		t.Errorf("the run ended as %s with %d created, want SUCCEEDED with 1", job.State, job.Created)
	}
}

// ask returns the answer to a query, or why there is none; gatewaytest's own may not be used beside the test's goroutine.
func ask(s *gatewaytest.Seller, query string) string {
	body, _ := json.Marshal(map[string]string{"query": query}) // a text always can be
	request, err := http.NewRequest(http.MethodPost, s.URL()+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.Token(account.Viewer))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil {
		return err.Error()
	}
	return fmt.Sprint(answer.StatusCode, " ", text.String())
}
