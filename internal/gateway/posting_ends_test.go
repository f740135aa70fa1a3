package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/simulator/fault"
)

// startReopened is a desk whose subscription S was gone in May, so that its Addition ended with April. Somebody took that end away in
// ConnectWise, and S is billed again from 8 May on.
func startReopened(t *testing.T) desk {
	t.Helper()
	d := startApril(t, gatewaytest.Options{}, elsewise())
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Cancelled: 1})
	try(t, d.ConnectWise.CancelAddition(theAddition(t, d.World, d.cloud, "Plan S - CycleFee").ID, civil.Date{}))
	billTo(d.World, "1", date(9), fee("back", "S", "CycleFee", date(8), 3))
	loadLines(t, d.Seller)
	return d
}

func TestPosting_AnEndThatSomebodyTookAwayBeginsNoSecondAddition(t *testing.T) {
	t.Parallel()
	d := startReopened(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
	d.wantAdditions(t, d.cloud, "3 SEAT at 10 from 2026-04-01: Plan S - CycleFee", elsewisePosted)
	d.ConnectWise.ForgetCalls()
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
	wantWrites(t, d.World, nil)
}

func TestPosting_AnEndThatSomebodyTookAwayIsSetAgainWhereTheLineGoesElsewhere(t *testing.T) {
	t.Parallel()
	d := startReopened(t)
	d.mapAlpha(t, d.spare)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-05-07"), elsewisePosted)
	d.wantAdditions(t, d.spare, "3 SEAT at 10 from 2026-05-08: Plan S - CycleFee")
}

func TestPosting_AnEndThatSomebodySetForLaterIsKept(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, elsewise())
	try(t, d.ConnectWise.CancelAddition(theAddition(t, d.World, d.cloud, "Plan S - CycleFee").ID, civil.MustParseDate("2026-12-31")))
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-12-31"), elsewisePosted)
	billTo(d.World, "1", date(9), fee("back", "S", "CycleFee", date(8), 3))
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
	d.wantAdditions(t, d.cloud, "3 SEAT at 10 from 2026-04-01 to 2026-12-31: Plan S - CycleFee", elsewisePosted)
}

func TestPosting_AnEndThatAUserChoseIsKeptByTheNextMonth(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", april(1), 5))
	d.load(t, "PREVIOUS_MONTH")
	d.toCloud(t)
	edit(t, d.Seller, postedLines(t, d.Seller, "2026-04")["april"].ID, variables{"chargeEndDate": "2026-12-31"})
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	billTo(d.World, "1", date(3), fee("may", "S", "CycleFee", date(1), 6))
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Updated: 1})
	d.wantAdditions(t, d.cloud, "6 SEAT at 10 from 2026-04-01 to 2026-12-31: Plan S - CycleFee")
}

func TestPosting_ALineThatALoadGivesToAnotherCustomerIsLeftToTheNextRun(t *testing.T) {
	t.Parallel()
	d, g := startGated(t, gatewaytest.Options{})
	moving := once("R-2")
	billTo(d.World, "1", date(3), once("R-1"))
	invoice := billTo(d.World, "1", date(4), moving)
	d.load(t)
	d.toCloud(t)
	exclude(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, false)
	g.close(http.MethodPost, "/additions")
	payload := startPosting(t, d.Seller, nil)
	g.await(t)
	moved, rows, err := d.Platform.Invoice(invoice.InvoiceID)
	try(t, err)
	try(t, d.Platform.RemoveInvoice(invoice.InvoiceID))
	moved.CustomerID, moved.ContractID = "2", "C-2"
	rows[0].CustomerID, rows[0].ContractID = "2", "C-2"
	d.Platform.AddInvoice(moved, rows...)
	loadLines(t, d.Seller)
	g.open()
	job := d.WaitForJob(t, payload.Job.ID)
	if job.State != "SUCCEEDED" || countsOf(job) != (counts{Created: 1, Skipped: 1}) {
		t.Errorf("the run ended as %s with %+v, want one line posted and the one that moved skipped", job.State, countsOf(job))
	}
	if e := entry(t, job, "LINES_SKIPPED_CHANGED"); e.Level != "WARNING" || !strings.HasPrefix(e.Title, "1 line ") {
		t.Errorf("the run logged %+v, want it to tell of the line that changed meanwhile", e)
	}
	if n := len(d.ConnectWise.Additions(d.cloud)); n != 1 {
		t.Errorf("Alpha's agreement has %d Additions, want the one of its own line", n)
	}
}

func TestPosting_ASubscriptionWhoseInvoiceMovedToThisMonthIsNotGone(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	invoice := billTo(d.World, "1", april(30), fee("april", "S", "CycleFee", april(1), 5))
	d.load(t, "PREVIOUS_MONTH")
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	header, rows, err := d.Platform.Invoice(invoice.InvoiceID)
	try(t, err)
	try(t, d.Platform.RemoveInvoice(invoice.InvoiceID))
	header.InvoiceDate = date(1)
	for i := range rows {
		rows[i].InvoiceDate = date(1)
	}
	d.Platform.AddInvoice(header, append(rows, elsewise())...)
	loadLines(t, d.Seller, bothMonths...)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(""), elsewisePosted)
}

func TestPosting_AMonthWhoseLatestLoadFailedEndsNothingWhateverElseWasLoaded(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, elsewise())
	setFaults(t, d.Platform.SetFaults, fault.Fault{Kind: fault.Unauthorized})
	if job := d.WaitForJob(t, startLineLoad(t, d.Seller, "CURRENT_MONTH").Job.ID); job.State != "FAILED" {
		t.Fatalf("a load without access ended as %s, want FAILED", job.State)
	}
	d.Platform.ClearFaults()
	loadLines(t, d.Seller, "PREVIOUS_MONTH")
	entry(t, wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1}), "CANCELLATIONS_SKIPPED")
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Cancelled: 1})
}

func TestPosting_AnAdditionOnAClosedAgreementHoldsNothingUp(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool
	d := startApril(t, patchesAnswered(&closed, http.StatusBadRequest, `{"code":"InvalidObject","message":"agreement object is invalid","errors":[
		{"code":"InvalidField","message":"Agreement is cancelled or expired","resource":"addition","field":"agreementId"}]}`), fee("may", "S", "CycleFee", date(1), 6))
	try(t, d.ConnectWise.CancelAgreement(d.cloud, yesterday()))
	closed.Store(true)
	job := wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
	entry(t, job, "ADDITION_WRITE_FAILED")
	d.mapAlpha(t, d.spare)
	job = wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	if e := entry(t, job, "ADDITION_LEFT"); e.Level != "WARNING" || !strings.Contains(e.Details, "reopened") {
		t.Errorf("the run logged %+v, want a warning what to do if the agreement is reopened", e)
	}
	d.wantAdditions(t, d.cloud, aprilOnly(""))
	d.wantAdditions(t, d.spare, "6 SEAT at 10 from 2026-05-01: Plan S - CycleFee")
}

func TestPosting_AnEndThatConnectWiseDoesNotKeepBeginsNothingElse(t *testing.T) {
	t.Parallel()
	var deaf atomic.Bool
	d := startApril(t, answeredBy(func(r *http.Request) (int, string) {
		if deaf.Load() && r.Method == http.MethodPatch {
			r.Method, r.Body, r.ContentLength = http.MethodGet, http.NoBody, 0 // which answers what there is
		}
		return 0, ""
	}), fee("may", "S", "CycleFee", date(1), 6))
	d.mapAlpha(t, d.spare)
	deaf.Store(true)
	wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
	if l := postedLines(t, d.Seller, may)["may"]; l.SyncError == nil || !strings.Contains(l.SyncError.Message, "did not end it") {
		t.Errorf("the line is %+v with %+v, want it to say that the end was not kept", l, l.SyncError)
	}
	d.wantAdditions(t, d.spare)
	deaf.Store(false)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(" to 2026-04-30"))
}

func TestPosting_WhoseLinesTheyAreDecidesNotWhoseContract(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	d.Platform.AddContract(platform.Contract{ID: "C-9", CustomerID: "2", Currency: "EUR", BillingCycleDay: 1})
	row := once("R-1")
	row.CustomerID, row.ContractID = "1", "C-9"
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-9", Currency: "EUR", InvoiceDate: date(3)}, row)
	d.load(t)
	exclude(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, true)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
}

func TestPosting_AnAgreementBeginsWithTheFirstOfItsLinesPostedOrNot(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	first, second := once("R-1"), once("R-2")
	first.ChargeStartDate, second.ChargeStartDate = date(3), date(10)
	billTo(d.World, "1", date(3), first, second)
	d.load(t)
	wantPosted(t, d.Seller, variables{"ids": lineIDs(t, d.Seller, "R-2")}, "SUCCEEDED", counts{Created: 1})
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
}

func TestPosting_AConnectWiseThatKeepsItsCurrenciesToItselfIsNoObstacle(t *testing.T) {
	t.Parallel()
	d := startDesk(t, answeredBy(func(r *http.Request) (int, string) {
		if strings.Contains(r.URL.Path, "/finance/currencies") {
			return http.StatusNotFound, "{}"
		}
		return 0, ""
	}))
	billTo(d.World, "1", date(3), once("R-1"))
	d.load(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
}

func TestPosting_AnAdditionFromBeforeARestoreKeepsItsProduct(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), once("R-1"))
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	err := d.DB.Seller(d.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE invoice_line SET state = 'OPEN', addition_id = NULL, synced_at = NULL, posted_company_id = NULL, posted_agreement_id = NULL, posted_product_id = NULL;
			DELETE FROM addition_write;
			DELETE FROM addition`)
		return err
	})
	try(t, err)
	for _, o := range offers(t, d.Seller) {
		sellAs(t, d.Seller, o.ID, nodeID("PsaProduct", int64(d.seat)))
	}
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Unchanged: 1})
	if l := postedLines(t, d.Seller, may)["R-1"]; l.PsaProduct == nil || l.PsaProduct.Identifier != "DISK" {
		t.Errorf("the line shows the product %+v, want DISK, which ConnectWise has", l.PsaProduct)
	}
}

func TestPosting_WhatWasPutRightInConnectWiseNeedsNoSync(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), once("R-1"))
	d.load(t)
	d.toCloud(t)
	try(t, d.ConnectWise.EndAgreement(d.cloud, yesterday()))
	d.Sync(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Skipped: 1})
	try(t, d.ConnectWise.EndAgreement(d.cloud, civil.MustParseDate("2026-12-31")))
	wantPosted(t, d.Seller, variables{"ids": lineIDs(t, d.Seller, "R-1")}, "SUCCEEDED", counts{Created: 1})
}
