package gateway_test

import (
	"context"
	"flag"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

var stormSeed = flag.Uint64("storm.seed", 0, "what the storm's accidents follow from; 0 chooses")

// stormProcess is how the storm's replicas run: what a gateway does within minutes happens within seconds. Lists lag
// for less than the settle delay, as they must.
var stormProcess = gatewaytest.ProcessOptions{
	Lease: 900 * time.Millisecond, SettleDelay: 700 * time.Millisecond, RetryPause: 5 * time.Millisecond, CallsPerMinute: 100_000,
}

const (
	stormListLag   = 250
	stormSearchLag = 400
)

// accidents spoil one call in five. Where several choose a call the first does, so that the later ones are a little
// rarer than they say.
func accidents() []fault.Fault {
	return []fault.Fault{
		{Kind: fault.LostAnswer, Probability: 0.04}, // the work is done
		{Kind: fault.BrokenOff, Probability: 0.02},  // as here
		{Kind: fault.Truncated, Probability: 0.02},  // and here
		{Kind: fault.ServerError, Probability: 0.04},
		{Kind: fault.BadGateway, Probability: 0.035},
		{Kind: fault.WebPage, Probability: 0.02},
		{Kind: fault.NoAnswer, Probability: 0.035},
	}
}

// slowDown makes ConnectWise ask for a pause now and then. It does so for no reason, which clients cannot know: they
// make ever fewer calls until their process is killed.
func slowDown() fault.Fault {
	return fault.Fault{Kind: fault.RateLimited, Probability: 0.005, RetryAfterSeconds: 1}
}

func TestStorm_EveryLineIsInConnectWiseExactlyOnceWhateverBreaks(t *testing.T) {
	t.Parallel()
	customers, lines, kills := 300, 2300, 20
	if testing.Short() {
		customers, lines, kills = 40, 300, 6
	}
	seed := *stormSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("this storm can be had again with -storm.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := &storm{}
	s.World = gatewaytest.Start(t, gatewaytest.Options{
		WithoutGateway: true, BeforeConnectWise: s.turnstile.before, ConnectWise: simconnectwise.Options{Seed: seed},
	})
	s.furnish(t, customers, lines)
	crew := &stormCrew{storm: s, random: random, processes: []*gatewaytest.Process{
		s.ProcessWith(t, stormProcess), s.ProcessWith(t, stormProcess),
	}}
	s.prepare(t, crew.people())

	crew.weather(t, kills)

	s.ConnectWise.Faults().Clear()
	s.settleDown(t, crew)
	s.checkLines(t, crew.people())
	s.checkAdditions(t)
	s.checkNothingIsLeftToWrite(t, crew.people())
	s.turnstile.overlaps.wantNone(t)
}

// prepare loads and maps everything, posts April in fair weather, and loads May.
func (s *storm) prepare(t testing.TB, people *gatewaytest.Seller) {
	t.Helper()
	people.Sync(t)
	loadLines(t, people, "PREVIOUS_MONTH")
	s.mapAll(t, people)
	s.closeAgreements(t)
	s.await(t, startPosting(t, people, nil).Job.ID)
	loadLines(t, people, "CURRENT_MONTH")
	s.mapOffers(t, people)
	if err := s.ConnectWise.PurgeProduct(s.products["GONE"]); err != nil {
		t.Fatal(err)
	}
}

// stormCrew are the replicas of the storm, of which there are always two, and the people who use them.
type stormCrew struct {
	*storm
	random    *rand.Rand
	processes []*gatewaytest.Process
}

// people ask the first replica.
func (c *stormCrew) people() *gatewaytest.Seller { return c.On(c.processes[0].Replica) }

// weather has everything go wrong until as many replicas were killed at their work as wanted and the run that was
// under way then is over.
func (c *stormCrew) weather(t testing.TB, kills int) {
	t.Helper()
	setFaults(t, c.ConnectWise.Faults().Set, append(accidents(), slowDown())...)
	err := c.ConnectWise.Configure(func(s *simconnectwise.Settings) {
		s.ListLagMilliseconds, s.SearchLagMilliseconds = stormListLag, stormSearchLag
	})
	if err != nil {
		t.Fatal(err)
	}
	begun, runs := time.Now(), 0
	for killed := 0; killed < kills; {
		payload := startPosting(t, c.people(), nil)
		if payload.Started {
			runs++
		}
		if c.killAtWork(t, 5+c.random.IntN(len(c.sales)/13)) {
			killed++
		}
	}
	setFaults(t, c.ConnectWise.Faults().Set, accidents()...)
	t.Logf("%d kills in %d runs took %s, with %d calls", kills, runs, time.Since(begun), c.turnstile.count())
	if run, busy := c.working(t); busy {
		c.await(t, nodeID("Job", run.ID))
	}
	t.Logf("the storm was over after %s and %d calls", time.Since(begun), c.turnstile.count())
}

// killAtWork kills the replica at work when ConnectWise has got so many calls more, and starts another one in its
// place. It returns false if the run was over before.
func (c *stormCrew) killAtWork(t testing.TB, calls int) bool {
	t.Helper()
	reached := c.turnstile.after(calls)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-reached:
			run, busy := c.working(t)
			if !busy {
				return false
			}
			for i, p := range c.processes {
				if strings.Contains(run.Worker, "/"+strconv.Itoa(p.ID())+"/") {
					p.Kill()
					c.processes[i] = c.ProcessWith(t, stormProcess)
				}
			}
			_, busy = c.working(t)
			return busy
		case <-again.C:
			if _, busy := c.working(t); !busy {
				return false
			}
		}
	}
}

// activeRun is a run that is not over.
type activeRun struct {
	ID     int64  `db:"id"`
	Worker string `db:"worker"`
}

// working returns the run of posting that is not over, if there is one, with who works on it.
func (s *storm) working(t testing.TB) (activeRun, bool) {
	t.Helper()
	var active []activeRun
	err := s.DB.Seller(s.ID).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &active, `
			SELECT id, coalesce(worker, '') AS worker
			FROM job
			WHERE seller_id = $1 AND kind = 'SYNC_INVOICE_LINES' AND state IN ('QUEUED', 'RUNNING')`, s.ID)
	})
	if err != nil {
		t.Fatalf("read the run under way: %v", err)
	}
	if len(active) == 0 {
		return activeRun{}, false
	}
	return active[0], true
}

// await waits until a run is over. It takes long under faults.
func (s *storm) await(t testing.TB, id string) {
	t.Helper()
	s.awaitWithin(t, id, 4*time.Minute)
}

func (s *storm) awaitWithin(t testing.TB, id string, patience time.Duration) {
	t.Helper()
	deadline := time.Now().Add(patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		run, busy := s.working(t)
		if !busy || nodeID("Job", run.ID) != id {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the run %+v is not over after %s; %d calls reached ConnectWise", run, patience, s.turnstile.count())
		}
		<-again.C
	}
}

// settleDown runs in fair weather until nothing can be posted or is uncertain any more.
func (s *storm) settleDown(t testing.TB, crew *stormCrew) {
	t.Helper()
	people := crew.people()
	for range 4 {
		s.await(t, startPosting(t, people, nil).Job.ID)
		open := 0
		for _, l := range s.lines(t, people) {
			transient := l.SyncError != nil && strings.Contains(l.SyncError.Message, "broke off")
			if l.SyncStatus == "READY" || l.SyncStatus == "SYNCING" || l.SyncStatus == "UNCONFIRMED" || transient {
				open++
			}
		}
		if open == 0 {
			return
		}
		t.Logf("%d lines are still open after a run in fair weather", open)
	}
	t.Error("there are open lines after four runs in fair weather")
}

// stormLine is what the storm looks at of a line.
type stormLine struct {
	PlatformID, SyncStatus string
	SyncError              *struct{ Code, Message string }
	Quantity, UnitPrice    string
	Amount                 money
	SyncBlockers           []struct{ Code string }
}

// lines returns all lines of April and May, by the Platform's id.
func (s *storm) lines(t testing.TB, people *gatewaytest.Seller) map[string]stormLine {
	t.Helper()
	byID := make(map[string]stormLine)
	for _, period := range []string{"2026-04", "2026-05"} {
		for after := any(nil); ; {
			var data struct {
				InvoiceLines struct {
					Nodes    []stormLine
					PageInfo struct {
						HasNextPage bool
						EndCursor   *string
					}
				}
			}
			people.Must(t, viewer, `query ($period: YearMonth, $after: String) { invoiceLines(period: $period, first: 1000, after: $after) {
				nodes { platformId syncStatus syncError { code message } quantity unitPrice amount { amount currency } syncBlockers { code } }
				pageInfo { hasNextPage endCursor } } }`, variables{"period": period, "after": after}, &data)
			for _, l := range data.InvoiceLines.Nodes {
				byID[l.PlatformID] = l
			}
			if !data.InvoiceLines.PageInfo.HasNextPage {
				break
			}
			after = *data.InvoiceLines.PageInfo.EndCursor
		}
	}
	return byID
}

// checkLines makes sure that every line is posted, or failed for the reason there is.
func (s *storm) checkLines(t testing.TB, people *gatewaytest.Seller) {
	t.Helper()
	lines := s.lines(t, people)
	if len(lines) != len(s.sales) {
		t.Errorf("there are %d lines, want %d", len(lines), len(s.sales))
	}
	statuses, wrong := make(map[string]int), 0
	for id, sale := range s.sales {
		l := lines[id]
		status, code := l.SyncStatus, ""
		if l.SyncError != nil {
			code = l.SyncError.Code
		}
		statuses[status+" "+code]++
		want := "SYNCED"
		if sale.refused != "" {
			want = "FAILED"
		}
		if status == want && code == sale.refused {
			continue
		}
		if wrong++; wrong < 10 {
			t.Errorf("line %s of %s is %+v with error %+v, want it %s %s", id, s.customers[sale.customer].name(), l, l.SyncError, want, sale.refused)
		}
	}
	t.Logf("lines: %v; %d are not as wanted", statuses, wrong)
}

// checkAdditions makes sure that ConnectWise has every line once, and as much money as all of them are worth.
func (s *storm) checkAdditions(t testing.TB) {
	t.Helper()
	var got []billed
	have := make(map[string]decimal.Decimal)
	currencies := make(map[int]string)
	for _, a := range s.ConnectWise.Agreements() {
		currencies[a.ID] = a.Currency
	}
	for _, a := range s.ConnectWise.AllAdditions() {
		got = append(got, seen(a))
		currency := currencies[a.AgreementID]
		have[currency] = have[currency].Add(a.Quantity.Mul(a.UnitPrice.Decimal))
	}
	if diff := cmp.Diff(s.wanted(t), sortBilled(got)); diff != "" {
		t.Errorf("ConnectWise does not have what was posted (-want +got):\n%.4000s", diff)
	}
	want := make(map[string]decimal.Decimal)
	for _, sale := range s.sales {
		if sale.refused == "" && !sale.replaced {
			currency := s.customers[sale.customer].currency
			want[currency] = want[currency].Add(sale.row.Quantity.Mul(sale.row.UnitPrice))
		}
	}
	for currency, sum := range want {
		if !sum.Equal(have[currency]) {
			t.Errorf("the Additions in %s are worth %s, want %s", currency, have[currency], sum)
		}
	}
	if len(have) != len(want) {
		t.Errorf("there are Additions in %v, want them in %v", have, want)
	}
	t.Logf("%d Additions, worth %v", len(got), have)
}

// checkNothingIsLeftToWrite makes sure that a further run changes nothing: it may only try again what ConnectWise
// refuses.
func (s *storm) checkNothingIsLeftToWrite(t testing.TB, people *gatewaytest.Seller) {
	t.Helper()
	additions, agreements := len(s.ConnectWise.AllAdditions()), len(s.ConnectWise.Agreements())
	before := s.turnstile.accepted()
	s.await(t, startPosting(t, people, nil).Job.ID)
	after := s.turnstile.accepted()
	if !maps.Equal(before, after) || additions != len(s.ConnectWise.AllAdditions()) || agreements != len(s.ConnectWise.Agreements()) {
		t.Errorf("a further run made ConnectWise accept writes: %v before, %v after", before, after)
	}
}
