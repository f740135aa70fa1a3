package gateway_test

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// quickLease has runs of a worker that says nothing begun again soon.
func quickLease(c *gateway.Config) {
	c.Lease, c.SettleDelay = 2*time.Second, 300*time.Millisecond
}

const excludeAll = `mutation ($ids: [ID!]!) { setOrganizationsExcluded(input: {organizationIds: $ids, excluded: true}) { userErrors { code } } }`

// wantProbes checks what /healthz and /readyz answer.
func wantProbes(t *testing.T, s *gatewaytest.Seller, when string, ready int, says string) {
	t.Helper()
	for path, want := range map[string]struct {
		status int
		text   string
	}{"/healthz": {http.StatusOK, "ok"}, "/readyz": {ready, says}} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("%s %s: %v", path, when, err)
		}
		body, _ := io.ReadAll(answer.Body) // what is missing is missed below
		answer.Body.Close()
		if answer.StatusCode != want.status || !strings.Contains(string(body), want.text) {
			t.Errorf("%s %s: %d %s, want %d saying %q", path, when, answer.StatusCode, body, want.status, want.text)
		}
	}
}

// wantUnavailable checks that an operation was answered with a status and the one clear error.
func wantUnavailable(t *testing.T, what string, status int, response gatewaytest.Response) {
	t.Helper()
	if response.Status != status || !slices.Equal(response.Codes(), []string{"SERVICE_UNAVAILABLE"}) ||
		!strings.Contains(response.Errors[0].Message, "The database") || response.Errors[0].Extensions["requestId"] == "" {
		t.Errorf("%s was answered with %d %s, want %d and one SERVICE_UNAVAILABLE that names the database", what, response.Status, response.Body, status)
	}
}

func TestTheDatabaseGoesAwayAndEverythingGoesOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*postgrestest.Server){
		"it is restarted": (*postgrestest.Server).Stop, "it crashes": (*postgrestest.Server).Crash,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, entrance := postgrestest.NewServer(t), &gate{arrived: make(chan struct{}, 1)}
			w := gatewaytest.Start(t, gatewaytest.Options{
				Server: server, Gateway: quickLease, ConnectWise: simconnectwise.Options{Companies: 20}, BeforeConnectWise: entrance.before,
			})
			t.Cleanup(entrance.open)
			w.AddCustomer("Alpha", "1", "Active")
			entries := w.Subscribe(t, gatewaytest.WebSocket, viewer, logEntryAdded, nil)
			awaitLog(t, w, w.Seller, entries)
			entrance.close(http.MethodGet, companiesPath)
			id, _ := w.StartSync(t)
			progress := w.Subscribe(t, gatewaytest.ServerSentEvents, viewer, jobProgress, variables{"id": id})
			var event progressEvent
			entrance.await(t)
			wantProbes(t, w.Seller, "before", http.StatusOK, "ready")

			stop(server)
			gatewaytest.Eventually(t, "nobody goes by what was known of tokens", func() bool {
				response := w.Query(t, viewer, outagePage, nil)
				wantUnavailable(t, "a query", response.Status, response)
				return response.Status == http.StatusServiceUnavailable
			})
			for range 3 {
				wantUnavailable(t, "a query", http.StatusServiceUnavailable, w.Query(t, viewer, outagePage, nil))
				wantUnavailable(t, "a mutation", http.StatusServiceUnavailable, w.Query(t, editor, excludeAll, variables{"ids": []string{nodeID("Organization", 1)}}))
			}
			wantProbes(t, w.Seller, "meanwhile", http.StatusServiceUnavailable, "the database does not answer")
			entrance.open() // the run goes on, to where it needs the database

			server.Start()
			gatewaytest.Eventually(t, "the gateway is ready again", func() bool {
				return w.Query(t, viewer, outagePage, nil).Status == http.StatusOK
			})
			wantProbes(t, w.Seller, "afterwards", http.StatusOK, "ready")
			if job := w.WaitForJob(t, id); job.State != "SUCCEEDED" || job.Created != 1 {
				t.Errorf("the run ended as %s with %d created (%s), want SUCCEEDED with 1", job.State, job.Created, deref(job.Error))
			}
			// What there was to tell could not be read meanwhile.
			next := func(of *gatewaytest.Stream, event any) {
				response := of.Next()
				if codes := response.Codes(); len(codes) > 0 && !slices.Equal(codes, []string{"SERVICE_UNAVAILABLE"}) {
					t.Fatalf("the subscription was told %s", response.Body)
				}
				response.Decode(t, event)
			}
			for event.JobProgress.State != "SUCCEEDED" {
				next(progress, &event)
			}
			logged(t, w, w.Seller, entryTitled("once more"))
			for last := (logEvent{}); last.LogEntryAdded.Title != "once more"; {
				next(entries, &last)
			}
			if strings.Contains(w.Log.String(), "panic") {
				t.Errorf("something panicked:\n%s", w.Log)
			}
		})
	}
}

func TestAfterAFailoverToAStandbyNothingChangesAndTheGatewayIsNotReady(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewPrimary(t)
	w := gatewaytest.Start(t, gatewaytest.Options{Server: server, Gateway: quickLease})
	w.AddCustomer("Alpha", "1", "Active")
	w.Sync(t)
	alpha := organizationNamed(t, w.Seller, "Alpha")
	server.StandBy()
	for range 3 {
		wantUnavailable(t, "a mutation", http.StatusOK, w.Query(t, editor, excludeAll, variables{"ids": []string{alpha.ID}}))
	}
	if got := organizationNamed(t, w.Seller, "Alpha"); got.ID != alpha.ID {
		t.Errorf("a standby shows %+v, want %+v", got, alpha)
	}
	wantProbes(t, w.Seller, "on a standby", http.StatusServiceUnavailable, "standby")
}

func TestAPostingIsMadeOnceThoughTheDatabaseCrashesDuringIt(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewServer(t)
	trap := &ambush{}
	d := startDesk(t, gatewaytest.Options{Server: server, Gateway: quickLease, BeforeConnectWise: trap.before})
	t.Cleanup(trap.end)
	billTo(d.World, "1", date(3), fee("R-1", "S-1", "CycleFee", date(1), 5), once("R-2"))
	d.load(t)
	d.toCloud(t)
	caught := trap.lay(crashWrite{method: http.MethodPost, path: "/additions"}, holdAnswer)
	started := startPosting(t, d.Seller, nil)
	caught.await(t)
	server.Crash()
	caught.release() // ConnectWise has the Addition, and there is no database to note it
	server.Start()
	gatewaytest.Eventually(t, "the gateway is ready again", func() bool {
		return d.Query(t, viewer, outagePage, nil).Status == http.StatusOK
	})
	if job := d.WaitForJob(t, started.Job.ID); job.State != "SUCCEEDED" {
		t.Errorf("the run ended as %s (%s), want SUCCEEDED\n%+v", job.State, deref(job.Error), job.LogEntries)
	}
	d.wantAdditions(t, d.cloud, "5 SEAT at 10 from 2026-05-01: Plan S-1 - CycleFee", "1 DISK at 7.5 from 2026-05-10 to 2026-05-31: Disk for R-2 - OneTimeFee")
	wantStatuses(t, d.Seller, may, map[string]string{"R-1": "SYNCED", "R-2": "SYNCED"})
}

// cutAll ends every connection to the world's database but the one it uses for that, as a failover does.
func cutAll(t testing.TB, owner *postgres.DB) {
	t.Helper()
	_, err := owner.Pool().ExecContext(t.Context(), `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatalf("cut all connections: %v", err)
	}
}

func TestReadersDoNotNoticeThatAllConnectionsAreCut(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: quickLease})
	w.AddCustomer("Alpha", "1", "Active")
	w.Sync(t)
	ids := []string{organizationNamed(t, w.Seller, "Alpha").ID}
	owner, err := postgres.OpenAsOwner(t.Context(), w.DB.DSN(), postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	var answered, changed, refused atomic.Int64
	ctx, done := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if response := w.Query(t, viewer, outagePage, nil); len(response.Errors) > 0 {
					t.Errorf("a reader was answered with %d %s", response.Status, response.Body)
				}
				answered.Add(1)
			}
		})
		clients.Go(func() {
			for ctx.Err() == nil {
				switch response := w.Query(t, editor, excludeAll, variables{"ids": ids}); {
				case slices.Equal(response.Codes(), []string{"SERVICE_UNAVAILABLE"}):
					refused.Add(1)
				case len(response.Errors) > 0:
					t.Errorf("a writer was answered with %d %s", response.Status, response.Body)
				default:
					changed.Add(1)
				}
			}
		})
	}
	for range 20 {
		before := answered.Load() + changed.Load()
		gatewaytest.Eventually(t, "clients go on", func() bool { return answered.Load()+changed.Load() >= before+20 })
		cutAll(t, owner)
		wantProbes(t, w.Seller, "after all connections were cut", http.StatusOK, "ready")
	}
	done()
	clients.Wait()
	t.Logf("%d answers to readers; %d changes, %d of which it was not known whether they were made", answered.Load(), changed.Load(), refused.Load())
	if changed.Load() < refused.Load() {
		t.Errorf("only %d changes were made, and %d refused", changed.Load(), refused.Load())
	}
}

func TestWhenAllConnectionsAreTakenRequestsSaySoInTime(t *testing.T) {
	t.Parallel()
	const connections = 3
	w := gatewaytest.Start(t, gatewaytest.Options{
		Database: postgres.Options{MaxConnections: connections},
		Gateway:  func(c *gateway.Config) { c.Limits.ExecutionTime = 500 * time.Millisecond },
	})
	w.AddCustomer("Alpha", "1", "Active")
	held := make([]*sql.Conn, connections)
	for i := range held {
		var err error
		if held[i], err = w.DB.Pool().Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			gatewaytest.Within(t, 20*time.Second, "a request that gets no connection", func() {
				wantUnavailable(t, "a request that gets no connection", http.StatusOK, w.Query(t, viewer, outagePage, nil))
			})
		})
	}
	clients.Wait()
	wantProbes(t, w.Seller, "with all connections taken", http.StatusOK, "ready") // it works through what there is to do
	for _, connection := range held {
		connection.Close()
	}
	gatewaytest.Eventually(t, "requests are answered again", func() bool {
		return w.Query(t, viewer, outagePage, nil).Status == http.StatusOK
	})
	wantProbes(t, w.Seller, "with connections free again", http.StatusOK, "ready")
}

// TestNoOperationNeedsTwoConnectionsAtATime is what keeps many of them from waiting for each other when all
// connections are taken.
func TestNoOperationNeedsTwoConnectionsAtATime(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{
		Database: postgres.Options{MaxConnections: 1},
		Gateway:  func(c *gateway.Config) { c.Limits.Cost = 1 << 30 },
	})
	w.ConnectWise.AddCompany(companyOf("ACME"))
	w.AddCustomer("Alpha", "1", "Active")
	billTo(w, "1", date(2), cycle("R-1"))
	w.Sync(t)
	w.Load(t, 1)
	loadLines(t, w.Seller)
	alpha, acme := organizationNamed(t, w.Seller, "Alpha"), companies(t, w.Seller)["ACME"]
	mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
	s := survey{loadSchema(t)}
	for _, field := range s.Query.Fields {
		if !strings.HasPrefix(field.Name, "__") {
			query := "{ " + s.call(field, nil, 2) + " }"
			if response := w.Query(t, viewer, query, nil); slices.Contains(response.Codes(), "SERVICE_UNAVAILABLE") || slices.Contains(response.Codes(), "TIMEOUT") {
				t.Errorf("%s with one connection was answered with %s", field.Name, response.Body)
			}
		}
	}
	for _, field := range s.Mutation.Fields {
		if field.Name == "syncInvoiceLines" {
			continue // its run holds a connection for its locks
		}
		call := "mutation { " + s.call(field, s.arguments(field, filling{id: alpha.ID, ids: map[string][]string{
			"Organization": {alpha.ID}, "PsaCompany": {acme.ID}, "Job": {nodeID("Job", 1)},
		}, more: true}), 1) + " }"
		if response := w.Query(t, admin, call, nil); slices.Contains(response.Codes(), "SERVICE_UNAVAILABLE") || slices.Contains(response.Codes(), "TIMEOUT") {
			t.Errorf("%s with one connection was answered with %s", call, response.Body)
		}
	}
}
