package gateway_test

import (
	"strings"
	"testing"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// elsewise is a line of another subscription, by which May speaks for Alpha.
func elsewise() platform.InvoiceRow { return fee("other", "T", "CycleFee", date(1), 1) }

const elsewisePosted = "1 SEAT at 10 from 2026-05-01: Plan T - CycleFee"

func TestPosting_ASubscriptionThatIsGoneIsEndedWithTheMonthBefore(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, elsewise())
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Cancelled: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"), elsewisePosted)
	if e := entry(t, job, "ADDITION_CANCELLED"); e.Level != "INFO" || !strings.Contains(e.Details, "2026-04-30") || !strings.Contains(e.Details, "Plan S") {
		t.Errorf("the run logged %+v, want it to name the subscription and its last day", e)
	}
	d.ConnectWise.ForgetCalls()
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
	wantWrites(t, d.World, nil)
	if l := postedLines(t, d.Seller, "2026-04")["april"]; l.SyncStatus != "SYNCED" || l.PsaAddition == nil || deref(l.PsaAddition.CancelledDate) != "2026-04-30" {
		t.Errorf("April's line is %+v with %+v, want it SYNCED and its Addition ended", l, l.PsaAddition)
	}

	billTo(d.World, "1", date(9), fee("back", "S", "CycleFee", date(8), 3))
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"), elsewisePosted, "3 SEAT at 10 from 2026-05-08: Plan S - CycleFee")
}

func TestPosting_AnAdditionThatBeginsAfterTheMonthBeforeEndsOnItsFirstDay(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", date(4), 5))
	billTo(d.World, "1", date(3), elsewise())
	d.load(t, bothMonths...)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2, Cancelled: 1})
	d.wantAdditions(t, d.cloud, "5 SEAT at 10 from 2026-05-04 to 2026-05-04: Plan S - CycleFee", elsewisePosted)
}

func TestPosting_WhatKeepsASubscriptionAlive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// bill adds to May, prepare happens once that is loaded.
		bill, prepare func(*testing.T, desk)
	}{
		{"a line of the month whose product is not mapped", func(_ *testing.T, d desk) {
			row := fee("blocked", "S", "CycleFee", date(1), 5)
			row.OfferID = "O-9"
			billTo(d.World, "1", date(3), row, elsewise())
		}, nil},
		{"a one-time line of the month", func(_ *testing.T, d desk) {
			billTo(d.World, "1", date(3), fee("usage", "S", "UsageFee", date(1), 5), elsewise())
		}, nil},
		{"a line that its invoice lists no longer", func(t *testing.T, d desk) {
			invoice := billTo(d.World, "1", date(3), fee("withdrawn", "S", "CycleFee", date(1), 5), elsewise())
			loadLines(t, d.Seller)
			try(t, d.Platform.RemoveRow(invoice.InvoiceID, "withdrawn"))
		}, nil},
		{"a line of another organization", func(_ *testing.T, d desk) {
			billTo(d.World, "1", date(3), elsewise())
			billTo(d.World, "2", date(3), fee("taken over", "S", "CycleFee", date(1), 5))
		}, nil},
		{"its organization is excluded", func(_ *testing.T, d desk) { billTo(d.World, "1", date(3), elsewise()) },
			func(t *testing.T, d desk) {
				exclude(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, true)
			}},
		{"its organization has no invoice", func(_ *testing.T, d desk) { billTo(d.World, "2", date(3), elsewise()) }, nil},
		{"its organization has a custom invoice only", func(_ *testing.T, d desk) {
			d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1", Currency: "EUR", Source: "Custom", InvoiceDate: date(3)}, elsewise())
		}, nil},
		{"its organization's invoice is not valid any more", func(t *testing.T, d desk) {
			invoice := billTo(d.World, "1", date(3), elsewise())
			loadLines(t, d.Seller)
			try(t, d.Platform.SetInvoiceStatus(invoice.InvoiceID, "New"))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := startApril(t, gatewaytest.Options{})
			c.bill(t, d)
			loadLines(t, d.Seller)
			if c.prepare != nil {
				c.prepare(t, d)
			}
			if job := post(t, d.Seller, nil); job.State != "SUCCEEDED" || job.Cancelled != 0 {
				t.Errorf("the run ended as %s with %+v, want nothing ended", job.State, countsOf(job))
			}
			if first := d.ConnectWise.Additions(d.cloud)[0]; d.shownAddition(first) != aprilOnly("") {
				t.Errorf("April's Addition is %s, want it open", d.shownAddition(first))
			}
		})
	}
}

func TestPosting_OnlyOurOpenLastingAdditionsAreEnded(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	foreign, err := d.ConnectWise.AddAddition(simconnectwise.Addition{
		AgreementID: d.cloud, ProductID: d.seat, Quantity: amount("1"), EffectiveDate: april(1), InvoiceDescription: "By hand", SerialNumber: "XW-not-ours",
	})
	try(t, err)
	billTo(d.World, "1", april(3), fee("dated", "S", "CycleFee", april(1), 5), fee("usage", "U", "UsageFee", april(1), 5), fee("gone", "V", "CycleFee", april(1), 5), fee("removed", "W", "CycleFee", april(1), 5))
	loadLines(t, d.Seller, "PREVIOUS_MONTH")
	d.ready(t)
	d.toCloud(t)
	lines := postedLines(t, d.Seller, "2026-04")
	edit(t, d.Seller, lines["dated"].ID, variables{"chargeEndDate": "2026-09-30"})
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 4})
	try(t, d.ConnectWise.DeleteAddition(theAddition(t, d.World, d.cloud, "Plan W - CycleFee").ID))
	billTo(d.World, "1", date(3), elsewise())
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Cancelled: 1})
	ends := make(map[string]string)
	for _, a := range d.ConnectWise.Additions(d.cloud) {
		ends[a.InvoiceDescription] = shownDay(a.CancelledDate)
		if a.ID == foreign && !a.CancelledDate.IsZero() {
			t.Errorf("the Addition that people made by hand ends on %s", a.CancelledDate)
		}
	}
	for text, want := range map[string]string{"Plan S - CycleFee": "2026-09-30", "Plan U - UsageFee": "2026-04-30", "Plan V - CycleFee": "2026-04-30", "By hand": "", "Plan T - CycleFee": ""} {
		if got, exists := ends[text]; !exists || got != want {
			t.Errorf("%q ends on %q (there: %t), want %q", text, got, exists, want)
		}
	}
}

// shownDay is a day, or nothing.
func shownDay(day civil.Date) string {
	if day.IsZero() {
		return ""
	}
	return day.String()
}

func TestPosting_OnlyARunOverAllLinesOfACompleteLoadEndsWhatIsGone(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, elsewise())
	wantPosted(t, d.Seller, variables{"matching": variables{"period": may}}, "SUCCEEDED", counts{Created: 1})
	wantPosted(t, d.Seller, variables{"ids": lineIDs(t, d.Seller, "other")}, "SUCCEEDED", counts{Unchanged: 1})

	setFaults(t, d.Platform.SetFaults, fault.Fault{Kind: fault.Unauthorized})
	if job := d.WaitForJob(t, startLineLoad(t, d.Seller, "CURRENT_MONTH").Job.ID); job.State != "FAILED" {
		t.Fatalf("a load without access ended as %s, want FAILED", job.State)
	}
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
	entry(t, job, "CANCELLATIONS_SKIPPED")

	setFaults(t, d.Platform.SetFaults, stuck(headersPath))
	underWay := startLineLoad(t, d.Seller, "CURRENT_MONTH")
	entry(t, wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{}), "CANCELLATIONS_SKIPPED")
	cancelJob(t, d.Seller, underWay.Job.ID)
	d.WaitForJob(t, underWay.Job.ID)
	entry(t, wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{}), "CANCELLATIONS_SKIPPED")
	d.wantAdditions(t, d.cloud, aprilOnly(""), elsewisePosted)

	d.Platform.ClearFaults()
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Cancelled: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"), elsewisePosted)
}

func TestPosting_AnOlderMonthEndsNothing(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), fee("may", "S", "CycleFee", date(1), 5))
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	billTo(d.World, "1", april(3), fee("april", "T", "UsageFee", april(1), 5)) // S is not on it
	loadLines(t, d.Seller, "PREVIOUS_MONTH")
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, "5 SEAT at 10 from 2026-05-01: Plan S - CycleFee", "5 SEAT at 10 from 2026-04-01 to 2026-04-30: Plan T - UsageFee")
}

func TestPosting_ACancellationWhoseAnswerIsLostHappensAndCountsOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range losing {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := startApril(t, settling(), elsewise())
			setFaults(t, d.ConnectWise.Faults().Set, lost(kind, "PATCH", 1))
			job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Cancelled: 1})
			entry(t, job, "ADDITION_CANCELLED")
			d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"), elsewisePosted)
		})
	}
}

func TestPosting_ACancellationThatIsRefusedIsAnErrorAndTriedAgainByTheNextRun(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, elsewise())
	d.mapAlpha(t, d.spare)
	wantPosted(t, d.Seller, variables{"matching": variables{"period": may}}, "SUCCEEDED", counts{Created: 1})
	d.ConnectWise.AddStatus("On hold", true)
	try(t, d.ConnectWise.SetCompanyStatus(d.acme, "On hold"))
	job := wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
	if e := entry(t, job, "ADDITION_WRITE_FAILED"); e.Level != "ERROR" || !strings.Contains(e.Details, "On hold") {
		t.Errorf("the run logged %+v, want what ConnectWise said", e)
	}
	try(t, d.ConnectWise.SetCompanyStatus(d.acme, "Active"))
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Cancelled: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"))
}
