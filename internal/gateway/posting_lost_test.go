package gateway_test

import (
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// losing are the ways to lose the answer to a write, done or not.
var losing = []fault.Kind{fault.LostAnswer, fault.Truncated, fault.BrokenOff, fault.NoAnswer, fault.ServerError, fault.BadGateway, fault.WebPage}

// lost is a fault that loses the answers to a number of writes.
func lost(kind fault.Kind, method string, writes int) fault.Fault {
	return fault.Fault{Kind: kind, Method: method, Path: "/additions", Count: writes}
}

func TestPosting_AWriteWhoseAnswerIsLostHappensOnceHoweverListsLag(t *testing.T) {
	t.Parallel()
	for _, kind := range losing {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := startApril(t, settling(), fee("lasting", "T", "CycleFee", date(1), 2), fee("earlier", "T", "PurchaseFee", april(20), 1), once("once"), fee("change", "S", "CycleFee", date(1), 6))
			d.sell(t)
			configure(t, d.World, func(s *simconnectwise.Settings) { s.ListLagMilliseconds, s.SearchLagMilliseconds = 200, 250 })
			setFaults(t, d.ConnectWise.Faults().Set, lost(kind, "POST", 3), lost(kind, "PATCH", 1))
			job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 3, Updated: 1})
			if left := d.ConnectWise.Faults().Faults(); len(left) > 0 {
				t.Errorf("these faults met no write: %+v", left)
			}
			got := make(map[string]bool)
			for _, a := range d.ConnectWise.Additions(d.cloud) {
				got[d.shownAddition(a)] = true
			}
			for _, want := range []string{
				"6 SEAT at 10 from 2026-04-01: Plan S - CycleFee", "2 SEAT at 10 from 2026-05-01: Plan T - CycleFee",
				"1 SEAT at 10 from 2026-04-20 to 2026-04-30: Plan T - PurchaseFee", "1 DISK at 7.5 from 2026-05-10 to 2026-05-31: Disk for once - OneTimeFee",
			} {
				if !got[want] {
					t.Errorf("there is no Addition %q; there are %v", want, got)
				}
			}
			if n := len(d.ConnectWise.Additions(d.cloud)); n != 4 {
				t.Errorf("there are %d Additions, want 4: %v", n, got)
			}
			entry(t, job, "DUPLICATE_RECURRING_LINE")
			wantStatuses(t, d.Seller, may, map[string]string{"lasting": "SYNCED", "earlier": "SYNCED", "once": "SYNCED", "change": "SYNCED"})
			d.ConnectWise.ForgetCalls()
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
			wantWrites(t, d.World, nil)
		})
	}
}

func TestPosting_AnEndWhoseAnswerIsLostIsSettledBeforeTheNextAdditionBegins(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.LostAnswer, fault.NoAnswer} {
		for name, change := range map[string]func(*testing.T, desk){
			"for another product": func(t *testing.T, d desk) {
				sellAs(t, d.Seller, offerOf(t, d.Seller, "O-1").ID, nodeID("PsaProduct", int64(d.disk)))
			},
			"for another agreement": func(t *testing.T, d desk) { d.mapAlpha(t, d.spare) },
		} {
			t.Run(name+", "+string(kind), func(t *testing.T) {
				t.Parallel()
				d := startApril(t, settling(), fee("may", "S", "CycleFee", date(1), 6))
				change(t, d)
				setFaults(t, d.ConnectWise.Faults().Set, lost(kind, "PATCH", 1))
				wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
				if first := d.ConnectWise.Additions(d.cloud)[0]; d.shownAddition(first) != aprilOnly(" to 2026-04-30") {
					t.Errorf("April's Addition is %s, want it ended", d.shownAddition(first))
				}
				if n := len(d.ConnectWise.AllAdditions()); n != 2 {
					t.Errorf("there are %d Additions, want April's and May's", n)
				}
			})
		}
	}
}

func TestPosting_AWriteThatIsLostAgainAndAgainFailsItsLineForThisTime(t *testing.T) {
	t.Parallel()
	d := startDesk(t, settling())
	billTo(d.World, "1", date(3), once("lost"))
	d.load(t)
	d.toCloud(t)
	setFaults(t, d.ConnectWise.Faults().Set, lost(fault.NoAnswer, "POST", 0))
	wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
	if l := postedLines(t, d.Seller, may)["lost"]; l.SyncStatus != "FAILED" || l.SyncError == nil || l.SyncError.Code != "REFUSED" {
		t.Errorf("the line is %s with %+v, want FAILED", l.SyncStatus, l.SyncError)
	}
	d.ConnectWise.Faults().Clear()
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, "1 DISK at 7.5 from 2026-05-10 to 2026-05-31: Disk for lost - OneTimeFee")
}

func TestPosting_ALostWriteOfARunThatEndedIsSettledByTheNext(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.LostAnswer, fault.NoAnswer} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d, gate := startGated(t, settling())
			billTo(d.World, "1", date(3), once("lost"), once("other"))
			d.load(t)
			d.toCloud(t)
			ids := lineIDs(t, d.Seller, "lost", "other")
			setFaults(t, d.ConnectWise.Faults().Set, lost(kind, "POST", 1))
			gate.close("POST", "/additions")
			gone := startPosting(t, d.Seller, variables{"ids": ids[:1]})
			gate.await(t)
			if l := postedLines(t, d.Seller, may)["lost"]; l.SyncStatus != "SYNCING" {
				t.Errorf("while its write is under way the line is %s, want SYNCING", l.SyncStatus)
			}
			gate.close("GET", "/additions") // the search for what was lost
			gate.await(t)
			cancelJob(t, d.Seller, gone.Job.ID)
			if job := d.WaitForJob(t, gone.Job.ID); job.State != "CANCELLED" {
				t.Errorf("the run ended as %s, want CANCELLED", job.State)
			}
			gate.open()

			wantRefused(t, "an edit of a line that may be posted", editLine(t, d.Seller, ids[0], variables{"chargeEndDate": "2026-05-20"}).UserErrors, "CONFLICT", "invoiceLineId")
			d.mapAlpha(t, d.spare)
			sellAs(t, d.Seller, offerOf(t, d.Seller, "O-2").ID, nodeID("PsaProduct", int64(d.seat)))
			if l := postedLines(t, d.Seller, may)["lost"]; l.SyncStatus != "UNCONFIRMED" || l.PsaAgreement.RecordID != d.cloud || l.PsaProduct.Identifier != "DISK" || l.PsaAddition != nil {
				t.Errorf("the line is %+v, want UNCONFIRMED as it was sent", l)
			}
			wantPosted(t, d.Seller, variables{"ids": ids[1:]}, "SUCCEEDED", counts{Created: 2})
			d.wantAdditions(t, d.cloud, "1 DISK at 7.5 from 2026-05-10 to 2026-05-31: Disk for lost - OneTimeFee")
			d.wantAdditions(t, d.spare, "1 SEAT at 7.5 from 2026-05-10 to 2026-05-31: Disk for other - OneTimeFee")
			wantStatuses(t, d.Seller, may, map[string]string{"lost": "SYNCED", "other": "SYNCED"})
		})
	}
}

func TestPosting_WaitsWhenConnectWiseAsksToSlowDownOrIsAway(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fault.Fault{
		"asked to slow down at writes": {
			{Kind: fault.RateLimited, Method: "POST", Path: "/additions", Count: 2, RetryAfterSeconds: 1},
			{Kind: fault.RateLimited, Method: "PATCH", Count: 1, RetryAfterSeconds: 1},
		},
		"asked to slow down at reads":   {{Kind: fault.RateLimited, Method: "GET", Count: 3, RetryAfterSeconds: 1}},
		"away when the run begins":      {{Kind: fault.NoAnswer, Method: "GET", Count: 5}},
		"away when agreements are read": {{Kind: fault.BadGateway, Method: "GET", Path: "/additions", Count: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startApril(t, settling(), fee("may", "S", "CycleFee", date(1), 6), fee("new", "T", "CycleFee", date(1), 1), fee("newer", "U", "CycleFee", date(1), 1))
			setFaults(t, d.ConnectWise.Faults().Set, faults...)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2, Updated: 1})
			if left := d.ConnectWise.Faults().Faults(); len(left) > 0 {
				t.Errorf("these faults met no call: %+v", left)
			}
			if n := len(d.ConnectWise.Additions(d.cloud)); n != 3 {
				t.Errorf("there are %d Additions, want 3", n)
			}
			wantStatuses(t, d.Seller, may, map[string]string{"may": "SYNCED", "new": "SYNCED", "newer": "SYNCED"})
		})
	}
}

func TestPosting_WithoutAccessTheRunFailsAndNothingIsLost(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", date(1), 6))
	setFaults(t, d.ConnectWise.Faults().Set, fault.Fault{Kind: fault.Unauthorized, Path: "/additions"})
	job := post(t, d.Seller, nil)
	if job.State != "FAILED" || job.Error == nil || countsOf(job) != (counts{}) {
		t.Errorf("without access the run ended as %s (%s) with %+v, want FAILED", job.State, deref(job.Error), countsOf(job))
	}
	wantStatuses(t, d.Seller, may, map[string]string{"may": "READY"})
	d.ConnectWise.Faults().Clear()
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
}
