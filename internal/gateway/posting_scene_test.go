package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// fee is a fee of a subscription: seats of the offer Office at 10 each, charged from a day on.
func fee(rowID, subscription, charge string, start civil.Date, seats int64) platform.InvoiceRow {
	return ofSubscription(cycle(rowID), subscription, charge, start, seats)
}

// shownAddition is an Addition on one line: "5 SEAT at 10 from 2026-05-01 to 2026-05-31: Plan S - CycleFee".
func (d desk) shownAddition(a simconnectwise.Addition) string {
	product := map[int]string{d.seat: "SEAT", d.disk: "DISK"}[a.ProductID]
	end := ""
	if !a.CancelledDate.IsZero() {
		end = " to " + a.CancelledDate.String()
	}
	return fmt.Sprintf("%s %s at %s from %s%s: %s", a.Quantity, product, a.UnitPrice.Decimal, a.EffectiveDate, end, a.InvoiceDescription)
}

// wantAdditions checks what an agreement has, the eldest Addition first.
func (d desk) wantAdditions(t *testing.T, agreement int, want ...string) {
	t.Helper()
	got := []string{}
	for _, a := range d.ConnectWise.Additions(agreement) {
		got = append(got, d.shownAddition(a))
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("Additions of agreement %d (-want +got):\n%s", agreement, diff)
	}
}

// wantStatuses checks the statuses of the lines of a month, by Platform id.
func wantStatuses(t *testing.T, s *gatewaytest.Seller, month string, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for id, l := range postedLines(t, s, month) {
		got[id] = l.SyncStatus
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses of lines of %s (-want +got):\n%s", month, diff)
	}
}

// The calls that write to ConnectWise, as its simulator counts them.
const (
	postAddition  = "POST /finance/agreements/{id}/additions"
	patchAddition = "PATCH /finance/agreements/{id}/additions/{id}"
	postAgreement = "POST /finance/agreements"
)

// wantWrites checks how many calls wrote to ConnectWise since ForgetCalls, and forgets them.
func wantWrites(t *testing.T, w *gatewaytest.World, want map[string]int) {
	t.Helper()
	got := make(map[string]int)
	for endpoint, n := range w.ConnectWise.Calls() {
		if !strings.HasPrefix(endpoint, "GET ") {
			got[endpoint] = n
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("calls that write (-want +got):\n%s", diff)
	}
	w.ConnectWise.ForgetCalls()
}

// configure changes the settings of the simulated ConnectWise.
func configure(t *testing.T, w *gatewaytest.World, change func(*simconnectwise.Settings)) {
	t.Helper()
	if err := w.ConnectWise.Configure(change); err != nil {
		t.Fatalf("configure ConnectWise: %v", err)
	}
}

// entry returns the entry of a run's log with a code, of which there must be exactly one.
func entry(t *testing.T, job gatewaytest.Job, code string) gatewaytest.LogEntry {
	t.Helper()
	var found []gatewaytest.LogEntry
	for _, e := range job.LogEntries.Nodes {
		if e.Code == code {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the run logged %d entries %s, want one; all: %+v", len(found), code, job.LogEntries.Nodes)
	}
	return found[0]
}

// try fails the test where something done in ConnectWise's screens or on the Platform cannot be done.
func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// gate stands before ConnectWise. While it is shut, the requests chosen wait before it.
type gate struct {
	mu           sync.Mutex
	method, path string
	// shut is closed when the gate opens; nil while it is open.
	shut    chan struct{}
	arrived chan struct{}
}

// startGated is startDesk with a gate before ConnectWise.
func startGated(t *testing.T, options gatewaytest.Options) (desk, *gate) {
	t.Helper()
	g := &gate{arrived: make(chan struct{}, 1)}
	options.BeforeConnectWise = g.before
	d := startDesk(t, options)
	t.Cleanup(g.open)
	return d, g
}

func (g *gate) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		shut := g.shut
		chosen := shut != nil && r.Method == g.method && strings.HasSuffix(r.URL.Path, g.path)
		g.mu.Unlock()
		if chosen {
			select {
			case g.arrived <- struct{}{}:
			default: // somebody waits already
			}
			<-shut
		}
		next.ServeHTTP(w, r)
	})
}

// close makes requests wait, by their method and the end of their path, and lets those go that wait already.
func (g *gate) close(method, path string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
	}
	g.method, g.path, g.shut = method, path, make(chan struct{})
}

// open lets everything through.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// await returns once a request waits.
func (g *gate) await(t *testing.T) {
	t.Helper()
	select {
	case <-g.arrived:
	case <-time.After(time.Minute):
		t.Fatal("no request has come to the gate within a minute")
	}
}

// answeredBy are options under which requests are answered in place of ConnectWise: instead says with which status and what, and 0
// for those that go on to it.
func answeredBy(instead func(*http.Request) (status int, body string)) gatewaytest.Options {
	return gatewaytest.Options{BeforeConnectWise: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, body := instead(r)
			if status == 0 {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}}
}

// patchesAnswered answers all changes while on is true.
func patchesAnswered(on *atomic.Bool, status int, body string) gatewaytest.Options {
	return answeredBy(func(r *http.Request) (int, string) {
		if on.Load() && r.Method == http.MethodPatch {
			return status, body
		}
		return 0, ""
	})
}

// sortedCodes are the codes of what a run logged but for those of single Additions.
func sortedCodes(job gatewaytest.Job) []string {
	codes := slices.DeleteFunc(job.Codes(), func(code string) bool { return strings.HasPrefix(code, "ADDITION_") })
	slices.Sort(codes)
	return codes
}
