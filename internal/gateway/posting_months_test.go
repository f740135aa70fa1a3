package gateway_test

import (
	"strings"
	"testing"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// startApril is a desk whose subscription S was posted for April to Cloud, with five seats at 10; May bills rows.
func startApril(t *testing.T, options gatewaytest.Options, rows ...platform.InvoiceRow) desk {
	t.Helper()
	d := startDesk(t, options)
	billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", april(1), 5))
	d.load(t, "PREVIOUS_MONTH")
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.ConnectWise.ForgetCalls()
	if len(rows) > 0 {
		billTo(d.World, "1", date(3), rows...)
		loadLines(t, d.Seller)
	}
	return d
}

// aprilOnly is what April's post of startApril looks like, ending with a day or not.
func aprilOnly(end string) string {
	return "5 SEAT at 10 from 2026-04-01" + end + ": Plan S - CycleFee"
}

func TestPosting_AMonthThatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", date(1), 5))
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Unchanged: 1})
	wantWrites(t, d.World, nil)
	d.wantAdditions(t, d.cloud, aprilOnly(""))
	was, is := postedLines(t, d.Seller, "2026-04")["april"], postedLines(t, d.Seller, may)["may"]
	if is.SyncStatus != "SYNCED" || is.SyncedAt == nil || is.PsaAddition == nil || is.PsaAddition.RecordID != was.PsaAddition.RecordID ||
		is.PsaAgreement.RecordID != d.cloud || is.PsaAgreementOrigin != "CONTRACT" || is.PsaCompany.Identifier != "ACME" || is.PsaProduct.Identifier != "SEAT" {
		t.Errorf("May's line is %+v, want it posted to April's Addition", is)
	}
	d.mapAlpha(t, d.spare)
	if l := postedLines(t, d.Seller, may)["may"]; l.PsaAgreement.RecordID != d.cloud {
		t.Errorf("after the contract was mapped anew May's line shows agreement %d, want the %d it was posted to", l.PsaAgreement.RecordID, d.cloud)
	}
}

func TestPosting_WhatDiffersIsPatchedAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*platform.InvoiceRow)
		want   string
	}{
		{"the quantity", func(r *platform.InvoiceRow) { r.Quantity = amount("6") }, "6 SEAT at 10 from 2026-04-01: Plan S - CycleFee"},
		{"the price", func(r *platform.InvoiceRow) { r.UnitPrice = amount("9.999999") }, "5 SEAT at 9.999999 from 2026-04-01: Plan S - CycleFee"},
		{"the name", func(r *platform.InvoiceRow) { r.SubscriptionName = "Plan  Z\n" }, "5 SEAT at 10 from 2026-04-01: Plan Z - CycleFee"},
		{"the start, which an Addition keeps", func(r *platform.InvoiceRow) { r.ChargeStartDate = date(9); r.Quantity = amount("1") }, "1 SEAT at 10 from 2026-04-01: Plan S - CycleFee"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			row := fee("may", "S", "CycleFee", date(1), 5)
			c.change(&row)
			d := startApril(t, gatewaytest.Options{}, row)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
			wantWrites(t, d.World, map[string]int{patchAddition: 1})
			d.wantAdditions(t, d.cloud, c.want)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
			wantWrites(t, d.World, nil)
		})
	}
}

// wantTakenOver reports a run that did not tell, once, that a charge took the lasting Addition from another of its month.
func wantTakenOver(t *testing.T, job gatewaytest.Job) {
	t.Helper()
	if e := entry(t, job, "DUPLICATE_RECURRING_LINE"); e.Level != "WARNING" || !strings.Contains(e.Title, "took the lasting Addition over") {
		t.Errorf("the run logged %+v, want a warning that a line took the lasting Addition over", e)
	}
}

func TestPosting_ALaterChargeOfTheMonthBeginsTheLastingAdditionAnew(t *testing.T) {
	t.Parallel()
	later := fee("later", "S", "CycleFee", date(20), 7)
	t.Run("the earlier one began it this month", func(t *testing.T) {
		t.Parallel()
		d := startDesk(t, gatewaytest.Options{})
		billTo(d.World, "1", date(3), fee("earlier", "S", "PurchaseFee", date(10), 5))
		d.load(t)
		d.toCloud(t)
		wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
		billTo(d.World, "1", date(4), later)
		loadLines(t, d.Seller)
		job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
		wantTakenOver(t, job)
		d.wantAdditions(t, d.cloud, "5 SEAT at 10 from 2026-05-10 to 2026-05-31: Plan S - PurchaseFee", "7 SEAT at 10 from 2026-05-20: Plan S - CycleFee")
	})
	t.Run("the earlier one has that of last month", func(t *testing.T) {
		t.Parallel()
		d := startApril(t, gatewaytest.Options{}, fee("earlier", "S", "CycleFee", date(1), 6))
		wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
		billTo(d.World, "1", date(4), later)
		loadLines(t, d.Seller)
		job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
		wantTakenOver(t, job)
		d.wantAdditions(t, d.cloud, "6 SEAT at 10 from 2026-04-01 to 2026-05-31: Plan S - CycleFee", "7 SEAT at 10 from 2026-05-20: Plan S - CycleFee")
	})
	t.Run("on another agreement", func(t *testing.T) {
		t.Parallel()
		d := startApril(t, gatewaytest.Options{}, fee("earlier", "S", "CycleFee", date(1), 6))
		wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
		billTo(d.World, "1", date(4), later)
		loadLines(t, d.Seller)
		d.mapAlpha(t, d.spare)
		job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
		wantTakenOver(t, job)
		d.wantAdditions(t, d.cloud, "6 SEAT at 10 from 2026-04-01 to 2026-05-31: Plan S - CycleFee")
		d.wantAdditions(t, d.spare, "7 SEAT at 10 from 2026-05-20: Plan S - CycleFee")
	})
	t.Run("an earlier charge comes last and stands apart", func(t *testing.T) {
		t.Parallel()
		d := startApril(t, gatewaytest.Options{}, later)
		wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
		billTo(d.World, "1", date(4), fee("earlier", "S", "PurchaseFee", date(2), 1))
		loadLines(t, d.Seller)
		job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
		d.wantAdditions(t, d.cloud, "7 SEAT at 10 from 2026-04-01: Plan S - CycleFee", "1 SEAT at 10 from 2026-05-02 to 2026-05-31: Plan S - PurchaseFee")
		if e := entry(t, job, "DUPLICATE_RECURRING_LINE"); e.Level != "WARNING" {
			t.Errorf("the run logged %+v, want a warning", e)
		}
	})
}

func TestPosting_AnOlderMonthThatComesLastStandsApart(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), fee("april", "S", "PurchaseFee", april(10), 5))
	billTo(d.World, "1", date(3), fee("may", "S", "CycleFee", date(1), 7))
	d.load(t, bothMonths...)
	d.toCloud(t)
	wantPosted(t, d.Seller, variables{"matching": variables{"period": may}}, "SUCCEEDED", counts{Created: 1})
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, "7 SEAT at 10 from 2026-05-01: Plan S - CycleFee", "5 SEAT at 10 from 2026-04-10 to 2026-04-30: Plan S - PurchaseFee")
	entry(t, job, "DUPLICATE_RECURRING_LINE")
	wantStatuses(t, d.Seller, "2026-04", map[string]string{"april": "SYNCED"})
}

func TestPosting_AnotherProductBeginsAnotherAddition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		start civil.Date
		want  []string
	}{
		{"from the first of the month", date(1), []string{aprilOnly(" to 2026-04-30"), "5 DISK at 10 from 2026-05-01: Plan S - CycleFee"}},
		{"within the month", date(12), []string{aprilOnly(" to 2026-05-11"), "5 DISK at 10 from 2026-05-12: Plan S - CycleFee"}},
		{"from the Addition's own first day", april(1), []string{aprilOnly(" to 2026-04-01"), "5 DISK at 10 from 2026-04-01: Plan S - CycleFee"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", c.start, 5))
			sellAs(t, d.Seller, offerOf(t, d.Seller, "O-1").ID, nodeID("PsaProduct", int64(d.disk)))
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
			wantWrites(t, d.World, map[string]int{patchAddition: 1, postAddition: 1})
			d.wantAdditions(t, d.cloud, c.want...)
			if was, is := postedLines(t, d.Seller, "2026-04")["april"], postedLines(t, d.Seller, may)["may"]; was.PsaProduct.Identifier != "SEAT" || is.PsaProduct.Identifier != "DISK" {
				t.Errorf("April's line shows %s and May's %s, want SEAT and DISK", was.PsaProduct.Identifier, is.PsaProduct.Identifier)
			}
			if c.start == date(1) {
				sellAs(t, d.Seller, offerOf(t, d.Seller, "O-1").ID, nodeID("PsaProduct", int64(d.seat)))
				billTo(d.World, "1", date(4), fee("back", "S", "CycleFee", civil.Date{Year: 2026, Month: 6, Day: 1}, 5))
				loadLines(t, d.Seller)
				wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
				d.wantAdditions(t, d.cloud, c.want[0], "5 DISK at 10 from 2026-05-01 to 2026-05-31: Plan S - CycleFee", "5 SEAT at 10 from 2026-06-01: Plan S - CycleFee")
			}
		})
	}
}

func TestPosting_ALineOfItsOwnAgreementTakesItsSubscriptionThere(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", date(1), 5), fee("other", "T", "CycleFee", date(1), 1))
	edit(t, d.Seller, lineOf(t, d.Seller, "may").ID, variables{"psaAgreementId": agreementID(d.spare)})
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
	wantWrites(t, d.World, map[string]int{patchAddition: 1, postAddition: 2})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"), "1 SEAT at 10 from 2026-05-01: Plan T - CycleFee")
	d.wantAdditions(t, d.spare, "5 SEAT at 10 from 2026-05-01: Plan S - CycleFee")
	if l := postedLines(t, d.Seller, may)["may"]; l.PsaAgreementOrigin != "LINE" || l.PsaAddition.AgreementRecordID != d.spare {
		t.Errorf("the line is %+v, want it on its own agreement", l)
	}
}

func TestPosting_WhatPeopleDidToTheAdditionInConnectWise(t *testing.T) {
	t.Parallel()
	fresh := "6 SEAT at 10 from 2026-05-01: Plan S - CycleFee"
	for _, c := range []struct {
		name string
		// agreement is where May goes.
		agreement func(desk) int
		do        func(*simconnectwise.Simulator, int) error
		counts    counts
		writes    map[string]int
		cloud     []string
		spare     []string
	}{
		{
			"removed it", cloudOf, (*simconnectwise.Simulator).DeleteAddition, counts{Created: 1}, map[string]int{postAddition: 1}, []string{fresh}, nil,
		},
		{
			"removed it, and the contract is mapped anew", spareOf, (*simconnectwise.Simulator).DeleteAddition, counts{Created: 1}, map[string]int{postAddition: 1}, nil, []string{fresh},
		},
		{
			"ended it before", cloudOf, endAddition(april(15)), counts{Created: 1}, map[string]int{postAddition: 1}, []string{aprilOnly(" to 2026-04-15"), fresh}, nil,
		},
		{
			"ended it before, and the contract is mapped anew", spareOf, endAddition(april(15)), counts{Created: 1}, map[string]int{postAddition: 1},
			[]string{aprilOnly(" to 2026-04-15")}, []string{fresh},
		},
		{
			"ended it later, and the contract is mapped anew", spareOf, endAddition(date(15)), counts{Created: 1}, map[string]int{patchAddition: 1, postAddition: 1},
			[]string{aprilOnly(" to 2026-04-30")}, []string{fresh},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", date(1), 6))
			d.mapAlpha(t, c.agreement(d))
			try(t, c.do(d.ConnectWise, d.ConnectWise.Additions(d.cloud)[0].ID))
			wantPosted(t, d.Seller, nil, "SUCCEEDED", c.counts)
			wantWrites(t, d.World, c.writes)
			d.wantAdditions(t, d.cloud, c.cloud...)
			d.wantAdditions(t, d.spare, c.spare...)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
		})
	}
}

func cloudOf(d desk) int { return d.cloud }
func spareOf(d desk) int { return d.spare }

// endAddition ends an Addition with a day.
func endAddition(last civil.Date) func(*simconnectwise.Simulator, int) error {
	return func(s *simconnectwise.Simulator, id int) error { return s.CancelAddition(id, last) }
}

func TestPosting_AnAdditionTooNewForListsIsNotTakenForRemoved(t *testing.T) {
	t.Parallel()
	const hour = 3_600_000
	t.Run("by the next month", func(t *testing.T) {
		t.Parallel()
		d := startDesk(t, gatewaytest.Options{})
		configure(t, d.World, func(s *simconnectwise.Settings) { s.ListLagMilliseconds, s.SearchLagMilliseconds = hour, hour })
		billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", april(1), 5))
		billTo(d.World, "1", date(3), fee("may", "S", "CycleFee", date(1), 6))
		d.load(t, bothMonths...)
		d.toCloud(t)
		wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Updated: 1})
		d.wantAdditions(t, d.cloud, "6 SEAT at 10 from 2026-04-01: Plan S - CycleFee")
	})
	t.Run("by the next agreement", func(t *testing.T) {
		t.Parallel()
		d := startDesk(t, gatewaytest.Options{})
		configure(t, d.World, func(s *simconnectwise.Settings) { s.ListLagMilliseconds = hour })
		billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", april(1), 5))
		billTo(d.World, "1", date(3), fee("may", "S", "CycleFee", date(1), 6))
		d.load(t, bothMonths...)
		d.toCloud(t)
		edit(t, d.Seller, lineOf(t, d.Seller, "may").ID, variables{"psaAgreementId": agreementID(d.spare)})
		wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
		d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"))
		d.wantAdditions(t, d.spare, "6 SEAT at 10 from 2026-05-01: Plan S - CycleFee")
	})
	t.Run("by the search for subscriptions that are gone", func(t *testing.T) {
		t.Parallel()
		d := startDesk(t, gatewaytest.Options{})
		configure(t, d.World, func(s *simconnectwise.Settings) { s.ListLagMilliseconds = hour })
		billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", april(1), 5))
		billTo(d.World, "1", date(3), fee("may", "T", "CycleFee", date(1), 6))
		d.load(t, bothMonths...)
		d.toCloud(t)
		wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2, Cancelled: 1})
		d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"), "6 SEAT at 10 from 2026-05-01: Plan T - CycleFee")
	})
}
