package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
)

func TestPosting_SellersThatShareAConnectWiseShareNoAddition(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{Sellers: 2})
	billTo(d.World, "1", date(3), fee("R-1", "S", "CycleFee", date(1), 3), once("R-2"))
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
	before := d.ConnectWise.Additions(d.cloud)

	other, world := d, *d.World
	world.Seller = d.Sellers[1]
	other.World = &world
	other.Sync(t)
	other.load(t)
	other.toCloud(t)
	wantPosted(t, other.Seller, nil, "SUCCEEDED", counts{Created: 2})
	after := d.ConnectWise.Additions(d.cloud)
	if len(before) != 2 || len(after) != 4 {
		t.Fatalf("there are %d Additions, and %d when the second seller has posted; want 2 and 4", len(before), len(after))
	}
	markers := make(map[string]bool)
	for _, a := range after {
		markers[a.SerialNumber] = true
	}
	if len(markers) != 4 {
		t.Errorf("4 Additions have %d markers, want one each", len(markers))
	}
}

// asksToWait answers the first request chosen with 429, once the test has done what it does meanwhile.
type asksToWait struct {
	method, path string
	once         sync.Once
	asked, goOn  chan struct{}
}

func (a *asksToWait) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := false
		if r.Method == a.method && strings.HasSuffix(r.URL.Path, a.path) {
			a.once.Do(func() { first = true })
		}
		if !first {
			next.ServeHTTP(w, r)
			return
		}
		close(a.asked)
		select {
		case <-a.goOn:
		case <-r.Context().Done():
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	})
}

func TestPosting_NothingOfAnOrganizationIsSentThatWasExcludedWhileItWaited(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, path string
		mapped       bool
	}{
		"an Addition":  {method: http.MethodPost, path: "/additions", mapped: true},
		"an agreement": {method: http.MethodPost, path: "/agreements"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := &asksToWait{method: test.method, path: test.path, asked: make(chan struct{}), goOn: make(chan struct{})}
			d := startDesk(t, gatewaytest.Options{BeforeConnectWise: slow.before})
			billTo(d.World, "1", date(3), cycle("R-1"), once("R-2"))
			d.load(t)
			if test.mapped {
				d.toCloud(t)
			}
			agreements := len(d.ConnectWise.Agreements())
			payload := startPosting(t, d.Seller, nil)
			<-slow.asked
			exclude(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, true)
			close(slow.goOn)
			job := d.WaitForJob(t, payload.Job.ID)
			if job.State != "SUCCEEDED" || countsOf(job) != (counts{Skipped: 2}) {
				t.Errorf("the run ended as %s with %+v, want both lines skipped", job.State, countsOf(job))
			}
			if n := len(d.ConnectWise.Additions(d.cloud)); n != 0 || len(d.ConnectWise.Agreements()) != agreements {
				t.Errorf("%d Additions and %d agreements were created, want none", n, len(d.ConnectWise.Agreements())-agreements)
			}
			if got := statuses(postedLines(t, d.Seller, may)); got["EXCLUDED"] != 2 {
				t.Errorf("afterwards the lines are %v, want them EXCLUDED", got)
			}
			exclude(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, false)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
		})
	}
}

func TestPosting_AnAgreementThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"forbidden": {http.StatusForbidden, `{"code":"Security","message":"You do not have permission to perform this action."}`},
		"refused":   {http.StatusBadRequest, `{"code":"InvalidObject","message":"The agreement is odd."}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var locked atomic.Value
			locked.Store("")
			d := startDesk(t, answeredBy(func(r *http.Request) (int, string) {
				if path := locked.Load().(string); path != "" && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, path) {
					return answer.status, answer.body
				}
				return 0, ""
			}))
			billTo(d.World, "1", date(3), once("R-1"))
			billTo(d.World, "2", date(4), once("R-2"))
			d.load(t)
			d.toCloud(t)
			mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, companyID(d.other), variables{"excludedFromSync": false})
			mapContract(t, d.Seller, contractOf(t, d.Seller, "C-2").ID, nodeID("PsaAgreement", int64(d.elsewhere)), nil)

			locked.Store(fmt.Sprintf("/agreements/%d/additions", d.cloud))
			wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Created: 1, Failed: 1})
			lines := postedLines(t, d.Seller, may)
			failed := lines["R-1"]
			if failed.SyncStatus != "FAILED" || failed.SyncError == nil || !strings.Contains(failed.SyncError.Message, `"Cloud"`) || lines["R-2"].SyncStatus != "SYNCED" {
				t.Errorf("the lines are %+v and %+v, want the first to have failed with the agreement's name, and the second SYNCED", failed, lines["R-2"])
			}
			locked.Store("")
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
		})
	}
}

func TestPosting_AnAdditionThatIsListedGetsNoSecondOneWhateverAChangeIsAnswered(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	d := startApril(t, patchesAnswered(&broken, http.StatusNotFound, `{"code":"NotFound","message":"Addition not found"}`), fee("may", "S", "CycleFee", date(1), 6))
	before := len(d.ConnectWise.Additions(d.cloud))
	broken.Store(true)
	wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
	if n := len(d.ConnectWise.Additions(d.cloud)); n != before {
		t.Errorf("there are %d Additions, want %d as before", n, before)
	}
	broken.Store(false)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
}
