package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// lineIDs are the node ids of lines of May.
func lineIDs(t *testing.T, s *gatewaytest.Seller, platformIDs ...string) []string {
	t.Helper()
	lines := postedLines(t, s, may)
	ids := make([]string, len(platformIDs))
	for i, id := range platformIDs {
		if ids[i] = lines[id].ID; ids[i] == "" {
			t.Fatalf("there is no line %q", id)
		}
	}
	return ids
}

func TestPosting_PostsTheLinesNamedAndNoOthers(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("a"), cycle("b"), cycle("c"))
	d.load(t)
	d.toCloud(t)

	ids := lineIDs(t, d.Seller, "c", "a", "c")
	job := wantPosted(t, d.Seller, variables{"ids": ids}, "SUCCEEDED", counts{Created: 2})
	if job.Done != 2 || job.Total == nil || *job.Total != 2 {
		t.Errorf("the run shows %d of %v lines done, want 2 of 2", job.Done, job.Total)
	}
	wantStatuses(t, d.Seller, may, map[string]string{"a": "SYNCED", "b": "READY", "c": "SYNCED"})

	d.ConnectWise.ForgetCalls()
	wantPosted(t, d.Seller, variables{"ids": ids}, "SUCCEEDED", counts{Unchanged: 2})
	wantWrites(t, d.World, nil)
	if diff := cmp.Diff([]string{"LINE_SYNC_COMPLETED", "LINE_SYNC_STARTED"}, sortedCodes(job)); diff != "" {
		t.Errorf("the run's log (-want +got):\n%s", diff)
	}
}

func TestPosting_RefusesSelectionsThatCannotBe(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{Sellers: 2})
	billTo(d.World, "1", date(3), cycle("a"), cycle("b"))
	d.load(t)
	d.toCloud(t)
	a := lineIDs(t, d.Seller, "a")[0]
	matching := variables{"period": may}
	none := nodeID("InvoiceLine", 987654)
	for name, c := range map[string]struct {
		input variables
		code  string
		field []string
	}{
		"both ways at once":        {variables{"ids": []string{a}, "matching": matching}, "INVALID", nil},
		"an empty list":            {variables{"ids": []string{}}, "INVALID", []string{"ids"}},
		"too many ids":             {variables{"ids": make1001(a)}, "TOO_MANY", []string{"ids"}},
		"a line that is not there": {variables{"ids": []string{none}}, "NOT_FOUND", []string{"ids", "0"}},
		"an id that is none":       {variables{"ids": []string{"rubbish"}}, "INVALID", []string{"ids", "0"}},
		"the id of something else": {variables{"ids": []string{companyID(d.acme)}}, "INVALID", []string{"ids", "0"}},
		"a filter that makes no sense": {
			variables{"matching": variables{"period": may, "filter": variables{"organizationId": []string{companyID(d.acme)}}}}, "INVALID", []string{"matching"},
		},
	} {
		payload := startPosting(t, d.Seller, c.input)
		wantRefused(t, name, payload.UserErrors, c.code, c.field...)
		if payload.Job != nil || payload.Started {
			t.Errorf("%s started the run %+v, want none", name, payload.Job)
		}
	}
	wantRefused(t, "another seller's line", startPosting(t, d.Sellers[1], variables{"ids": []string{a}}).UserErrors, "NOT_FOUND", "ids", "0")

	payload := startPosting(t, d.Seller, variables{"ids": []string{none, a, "rubbish"}})
	got := []string{}
	for _, e := range payload.UserErrors {
		got = append(got, e.Code+" "+strings.Join(e.Field, "."))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"INVALID ids.2", "NOT_FOUND ids.0"}, got); diff != "" || payload.Job == nil || !payload.Started {
		t.Fatalf("a list with one line answered %+v, want a run and what is wrong with the others (-want +got):\n%s", payload, diff)
	}
	if job := d.WaitForJob(t, payload.Job.ID); job.State != "SUCCEEDED" || countsOf(job) != (counts{Created: 1}) {
		t.Errorf("the run ended as %s with %+v, want the one line posted", job.State, countsOf(job))
	}
	wantStatuses(t, d.Seller, may, map[string]string{"a": "SYNCED", "b": "READY"})
}

func TestPosting_PostsTheLinesThatMatch(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("a"), once("b"), once("c"))
	billTo(d.World, "1", april(3), once("april"))
	d.load(t, "CURRENT_MONTH", "PREVIOUS_MONTH")
	d.toCloud(t)

	wantPosted(t, d.Seller, variables{"matching": variables{"period": may, "filter": variables{"chargeType": []string{"CYCLE_FEE"}}}}, "SUCCEEDED", counts{Created: 1})
	wantStatuses(t, d.Seller, may, map[string]string{"a": "SYNCED", "b": "READY", "c": "READY"})
	wantPosted(t, d.Seller, variables{"matching": variables{"period": may, "search": "nobody is called this"}}, "SUCCEEDED", counts{})
	wantPosted(t, d.Seller, variables{"matching": variables{"period": may}}, "SUCCEEDED", counts{Created: 2, Unchanged: 1})
	wantStatuses(t, d.Seller, may, map[string]string{"a": "SYNCED", "b": "SYNCED", "c": "SYNCED"})
	wantStatuses(t, d.Seller, "2026-04", map[string]string{"april": "READY"})
}

func TestPosting_PostsEveryMonthTheOldestLineFirst(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(9), once("may 9"))
	billTo(d.World, "1", april(20), once("april 20"))
	billTo(d.World, "1", date(2), once("may 2"))
	billTo(d.World, "1", april(3), once("april 3"))
	d.load(t, "CURRENT_MONTH", "PREVIOUS_MONTH")
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 4})
	var order []string
	for _, a := range d.ConnectWise.Additions(d.cloud) {
		order = append(order, a.InvoiceDescription)
	}
	want := []string{"Disk for april 3 - OneTimeFee", "Disk for april 20 - OneTimeFee", "Disk for may 2 - OneTimeFee", "Disk for may 9 - OneTimeFee"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("the order in which Additions were made (-want +got):\n%s", diff)
	}
}

// startObstacles is a desk where every line but one cannot be posted, for reasons of all kinds.
func startObstacles(t *testing.T) desk {
	t.Helper()
	d := startDesk(t, gatewaytest.Options{})
	d.Platform.AddContract(platform.Contract{ID: "C-USD", CustomerID: "1", Currency: "USD", BillingCycleDay: 1})
	d.AddCustomer("Gamma", "3", "Active")
	d.AddCustomer("Delta", "4", "Active")
	shared := d.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "SHARED", Name: "Shared", Currency: "EUR"})
	d.Sync(t)
	billTo(d.World, "1", date(3), cycle("ready"))
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-USD", Currency: "USD", InvoiceDate: date(3)}, cycle("dollars"))
	billTo(d.World, "2", date(3), cycle("excluded"), cycle("excluded too"))
	billTo(d.World, "3", date(3), cycle("shared"))
	loadLines(t, d.Seller)
	for _, name := range []string{"Gamma", "Delta"} {
		mapTo(t, d.Seller, organizationNamed(t, d.Seller, name).ID, companyID(shared), variables{"excludedFromSync": false})
	}
	d.ready(t)
	d.toCloud(t)
	unknown := cycle("unmapped product")
	unknown.OfferID = "O-9"
	billTo(d.World, "1", date(3), unknown)
	loadLines(t, d.Seller)
	return d
}

func TestPosting_SkipsWhatIsNotReadyAndSaysWhy(t *testing.T) {
	t.Parallel()
	for name, selected := range map[string]variables{"a run over all lines": nil, "a run over a month": {"matching": variables{"period": may}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startObstacles(t)
			job := wantPosted(t, d.Seller, selected, "SUCCEEDED", counts{Created: 1, Skipped: 5})
			if job.Done != 1 || job.Total == nil || *job.Total != 1 {
				t.Errorf("the run shows %d of %v lines done, want 1 of 1", job.Done, job.Total)
			}
			want := []string{"AGREEMENT_REQUIRED", "CURRENCY_MISMATCH", "LINES_SKIPPED_EXCLUDED", "LINES_SKIPPED_UNMAPPED", "LINE_SYNC_COMPLETED", "LINE_SYNC_STARTED"}
			if diff := cmp.Diff(want, sortedCodes(job)); diff != "" {
				t.Errorf("the run's log (-want +got):\n%s", diff)
			}
			for code, text := range map[string]string{
				"LINES_SKIPPED_UNMAPPED": "PRODUCT_UNMAPPED: 1, AGREEMENT_REQUIRED: 1, CURRENCY_MISMATCH: 1.",
				"LINES_SKIPPED_EXCLUDED": "2 lines", "AGREEMENT_REQUIRED": "1 line", "CURRENCY_MISMATCH": "1 line",
			} {
				e := entry(t, job, code)
				if e.Level != "WARNING" || !strings.Contains(e.Title+" "+e.Details, text) {
					t.Errorf("the run logged %+v, want a warning that says %q", e, text)
				}
			}
			wantStatuses(t, d.Seller, may, map[string]string{
				"ready": "SYNCED", "unmapped product": "NOT_READY", "dollars": "NOT_READY", "excluded": "EXCLUDED", "excluded too": "EXCLUDED", "shared": "NOT_READY",
			})
			if n := len(d.ConnectWise.Agreements()); n != 5 {
				t.Errorf("ConnectWise has %d agreements after the run, want the 5 it had", n)
			}
		})
	}
}

func TestPosting_ASecondRequestReturnsTheRunUnderWay(t *testing.T) {
	t.Parallel()
	d, gate := startGated(t, gatewaytest.Options{})
	var want []string
	for i, c := range []struct {
		name                string
		first, same, others func(ids []string) variables
	}{
		{"over all lines", everyLine, everyLine, linesNamed},
		{"over lines named", linesNamed, func(ids []string) variables { return linesNamed([]string{ids[1], ids[0]}) }, func(ids []string) variables { return linesNamed(ids[:1]) }},
		{"over lines that match", linesOfMay, linesOfMay, everyLine},
	} {
		// Lines of its own, which keep the run under way.
		a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
		billTo(d.World, "1", date(3), cycle(a), cycle(b))
		d.load(t)
		if i == 0 {
			d.toCloud(t)
		}
		want = append(want, "5 SEAT at 10 from 2026-05-01: Office for "+a+" - CycleFee", "5 SEAT at 10 from 2026-05-01: Office for "+b+" - CycleFee")
		ids := lineIDs(t, d.Seller, a, b)
		gate.close("GET", "/additions")
		first := startPosting(t, d.Seller, c.first(ids))
		if first.Job == nil || !first.Started {
			t.Fatalf("a run %s: %+v, want it started", c.name, first)
		}
		if again := startPosting(t, d.Seller, c.same(ids)); again.Job == nil || again.Job.ID != first.Job.ID || again.Started || len(again.UserErrors) > 0 {
			t.Errorf("the same once more %s: %+v, want run %s and nothing refused", c.name, again, first.Job.ID)
		}
		other := startPosting(t, d.Seller, c.others(ids))
		if other.Job == nil || other.Job.ID != first.Job.ID || other.Started {
			t.Errorf("other lines than %s: %+v, want run %s", c.name, other, first.Job.ID)
		}
		wantRefused(t, "a run of other lines than "+c.name, other.UserErrors, "JOB_RUNNING")
		gate.open()
		if job := d.WaitForJob(t, first.Job.ID); job.State != "SUCCEEDED" {
			t.Errorf("the run %s ended as %+v", c.name, job)
		}
	}
	d.wantAdditions(t, d.cloud, want...)
}

// What a run may be asked to post.
func everyLine([]string) variables { return nil }

func linesNamed(ids []string) variables { return variables{"ids": ids} }

func linesOfMay([]string) variables { return variables{"matching": variables{"period": may}} }
