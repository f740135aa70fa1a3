package gateway_test

import (
	"testing"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// startHeld is a desk with a run over the lines first and second of an invoice, the first of which is on its way to
// ConnectWise. end lets it arrive and returns the run once it is over.
func startHeld(t *testing.T) (d desk, invoice string, end func() gatewaytest.Job) {
	t.Helper()
	d, gate := startGated(t, gatewaytest.Options{})
	invoice = billTo(d.World, "1", date(3), fee("first", "S", "CycleFee", date(1), 5), once("second")).InvoiceID
	d.load(t)
	d.toCloud(t)
	gate.close("POST", "/additions")
	job := startPosting(t, d.Seller, nil).Job.ID
	gate.await(t)
	return d, invoice, func() gatewaytest.Job {
		gate.open()
		return d.WaitForJob(t, job)
	}
}

const (
	firstPosted  = "5 SEAT at 10 from 2026-05-01: Plan S - CycleFee"
	secondPosted = "1 DISK at 7.5 from 2026-05-10 to 2026-05-31: Disk for second - OneTimeFee"
)

func TestPosting_TheMappingsOfTheBeginningCount(t *testing.T) {
	t.Parallel()
	d, _, end := startHeld(t)
	d.mapAlpha(t, d.spare)
	sellAs(t, d.Seller, offerOf(t, d.Seller, "O-2").ID, nodeID("PsaProduct", int64(d.seat)))
	lines := postedLines(t, d.Seller, may)
	if l := lines["first"]; l.SyncStatus != "SYNCING" || l.PsaAgreement.RecordID != d.cloud || len(l.SyncBlockers) != 0 {
		t.Errorf("the line on its way is %+v, want SYNCING to Cloud", l)
	}
	if l := lines["second"]; l.SyncStatus != "READY" || l.PsaAgreement.RecordID != d.spare {
		t.Errorf("the line that waits is %+v, want READY, and what it resolves to now", l)
	}
	if job := end(); countsOf(job) != (counts{Created: 2}) {
		t.Errorf("the run counts %+v, want both lines posted", countsOf(job))
	}
	d.wantAdditions(t, d.cloud, firstPosted, secondPosted)
	for id, l := range postedLines(t, d.Seller, may) {
		if l.PsaAgreement.RecordID != d.cloud || l.SyncStatus != "SYNCED" {
			t.Errorf("the line %s is %s at agreement %d, want SYNCED at Cloud", id, l.SyncStatus, l.PsaAgreement.RecordID)
		}
	}
}

func TestPosting_ALoadLeavesWhatIsOnItsWayAlone(t *testing.T) {
	t.Parallel()
	d, invoice, end := startHeld(t)
	changed, other := fee("first", "S", "CycleFee", date(1), 9), once("second")
	other.UnitPrice, other.TotalPrice = amount("8"), amount("8")
	changed.InvoiceID, other.InvoiceID = invoice, invoice
	try(t, d.Platform.ReplaceRow(changed))
	try(t, d.Platform.ReplaceRow(other))
	if load := loadLines(t, d.Seller); load.Skipped != 1 || load.Updated != 1 {
		t.Errorf("the load counts %+v, want the line on its way left alone and the other one changed", load)
	}
	if job := end(); job.State != "SUCCEEDED" {
		t.Errorf("the run ended as %+v", job)
	}
	d.wantAdditions(t, d.cloud, firstPosted, "1 DISK at 8 from 2026-05-10 to 2026-05-31: Disk for second - OneTimeFee")
	if l := lineOf(t, d.Seller, "first"); l.Quantity != "5" {
		t.Errorf("the line that was on its way has the quantity %s, want the 5 that were posted", l.Quantity)
	}
}

func TestPosting_RulesDoNotReachWhatIsPosted(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{})
	before := snapshotOfLine(t, d.World, "april")
	updateSettings(t, d.Seller, variables{"chargeStartDateRule": variables{"kind": "FIXED_DAY", "day": 15}, "chargeEndDateRule": variables{"kind": "LAST_DAY_OF_MONTH"}})
	d.ConnectWise.ForgetCalls()
	loadLines(t, d.Seller, "PREVIOUS_MONTH")
	post(t, d.Seller, nil)
	if after := snapshotOfLine(t, d.World, "april"); after != before {
		t.Errorf("the posted line was\n%s\nand is\n%s", before, after)
	}
	wantWrites(t, d.World, nil)
}

func TestPosting_RefusalsOfAMonthOfOneSubscriptionLeaveTheOthersAlone(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", date(1), 6), fee("new", "T", "CycleFee", date(1), 1), once("once"))
	late := addAgreement(t, d.World, simconnectwise.Agreement{Name: "Late", CompanyID: d.acme, Currency: "EUR", StartDate: date(15)})
	edit(t, d.Seller, lineOf(t, d.Seller, "new").ID, variables{"psaAgreementId": agreementID(late)})
	d.sell(t)
	wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Created: 1, Updated: 1, Failed: 1})
	wantStatuses(t, d.Seller, may, map[string]string{"may": "SYNCED", "new": "FAILED", "once": "SYNCED"})
	if l := postedLines(t, d.Seller, may)["new"]; l.SyncError == nil || l.SyncError.Code != "BEFORE_BILLING_START" || l.PsaAddition != nil || l.SyncedAt != nil {
		t.Errorf("the refused line is %+v, want why and no Addition", l)
	}
	edit(t, d.Seller, lineOf(t, d.Seller, "new").ID, variables{"chargeStartDate": "2026-05-15"})
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, late, "1 SEAT at 10 from 2026-05-15: Plan T - CycleFee")
}

func TestPosting_AnAdditionThatCannotBeChangedFailsItsLine(t *testing.T) {
	t.Parallel()
	june := civil.Date{Year: 2026, Month: 6, Day: 1}
	for name, c := range map[string]struct {
		spoil, mend func(*testing.T, desk)
		code        string
		cloud       []string
	}{
		"its company may not be billed": {
			func(t *testing.T, d desk) {
				d.ConnectWise.AddStatus("On hold", true)
				try(t, d.ConnectWise.SetCompanyStatus(d.acme, "On hold"))
			},
			func(t *testing.T, d desk) { try(t, d.ConnectWise.SetCompanyStatus(d.acme, "Active")) },
			"REFUSED", []string{"6 SEAT at 10 from 2026-04-01: Plan S - CycleFee"},
		},
		"its agreement has ended": {
			func(t *testing.T, d desk) { try(t, d.ConnectWise.EndAgreement(d.cloud, yesterday())) },
			func(t *testing.T, d desk) { try(t, d.ConnectWise.EndAgreement(d.cloud, june)) },
			"AGREEMENT_CLOSED", []string{"6 SEAT at 10 from 2026-04-01: Plan S - CycleFee"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", date(1), 6))
			c.spoil(t, d)
			wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
			if l := postedLines(t, d.Seller, may)["may"]; l.SyncError == nil || l.SyncError.Code != c.code {
				t.Errorf("the line failed with %+v, want %s", l.SyncError, c.code)
			}
			d.wantAdditions(t, d.cloud, aprilOnly(""))
			wantStatuses(t, d.Seller, "2026-04", map[string]string{"april": "SYNCED"})
			c.mend(t, d)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
			d.wantAdditions(t, d.cloud, c.cloud...)
		})
	}
}

func TestPosting_AProductThatWasRemovedFailsItsLines(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("a"), once("b"))
	d.load(t)
	d.toCloud(t)
	try(t, d.ConnectWise.PurgeProduct(d.disk))
	wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Created: 1, Failed: 1})
	if l := postedLines(t, d.Seller, may)["b"]; l.SyncError == nil || l.SyncError.Code != "RECORD_MISSING" {
		t.Errorf("the line failed with %+v, want RECORD_MISSING", l.SyncError)
	}
	sellAs(t, d.Seller, offerOf(t, d.Seller, "O-2").ID, nodeID("PsaProduct", int64(d.seat)))
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
}
