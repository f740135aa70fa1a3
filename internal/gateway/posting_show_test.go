package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/account"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

func TestPosting_ThePostedAdditionIsShownAsConnectWiseHasItOrAsItWas(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{})
	posted := d.ConnectWise.Additions(d.cloud)[0]
	line := postedLines(t, d.Seller, "2026-04")["april"].PsaAddition
	if line.RecordID != posted.ID || line.AgreementRecordID != d.cloud || line.ProductIdentifier != "SEAT" || deref(line.InvoiceDescription) != "Plan S - CycleFee" ||
		line.Quantity != "5" || deref(line.UnitPrice) != "10" || deref(line.EffectiveDate) != "2026-04-01" || line.CancelledDate != nil ||
		deref(line.BillCustomer) != "Billable" || line.Deleted || line.Freshness != "LIVE" {
		t.Errorf("the Addition is shown as %+v, want what was posted", line)
	}

	try(t, d.ConnectWise.CancelAddition(posted.ID, date(31)))
	if got := postedLines(t, d.Seller, "2026-04")["april"].PsaAddition; deref(got.CancelledDate) != "2026-05-31" || got.Freshness != "LIVE" {
		t.Errorf("an Addition that somebody ended is shown as %+v, want its end", got)
	}

	setFaults(t, d.ConnectWise.Faults().Set, fault.Fault{Kind: fault.BadGateway})
	if got := postedLines(t, d.Seller, "2026-04")["april"].PsaAddition; got == nil || got.RecordID != posted.ID || got.Quantity != "5" || got.CancelledDate != nil || got.Freshness != "STALE" || got.Deleted {
		t.Errorf("while ConnectWise is away the Addition is shown as %+v, want it STALE as it was posted", got)
	}
	d.ConnectWise.ForgetCalls()
	var data struct {
		InvoiceLines struct {
			Nodes []struct {
				PsaAddition struct{ RecordID, AgreementRecordID int }
			}
		}
	}
	d.Must(t, viewer, `{ invoiceLines(period: "2026-04") { nodes { psaAddition { recordId agreementRecordId } } } }`, nil, &data)
	if got := data.InvoiceLines.Nodes[0].PsaAddition; got.RecordID != posted.ID || got.AgreementRecordID != d.cloud {
		t.Errorf("the numbers alone are %+v, want %d of %d", got, posted.ID, d.cloud)
	}
	if n := d.ConnectWise.CallCount(""); n != 0 {
		t.Errorf("the numbers alone cost %d calls of ConnectWise, want none", n)
	}

	d.ConnectWise.Faults().Clear()
	try(t, d.ConnectWise.DeleteAddition(posted.ID))
	gatewaytest.Eventually(t, "the Addition that was removed is shown so", func() bool {
		got := postedLines(t, d.Seller, "2026-04")["april"].PsaAddition
		return got != nil && got.Deleted && got.Freshness == "LIVE" && got.RecordID == posted.ID
	})
}

func TestPosting_ListsAndTotalsFollow(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	late := addAgreement(t, d.World, simconnectwise.Agreement{Name: "Late", CompanyID: d.acme, Currency: "EUR", StartDate: date(15)})
	billTo(d.World, "1", date(3), cycle("posted"), cycle("failed"), once("ready"))
	billTo(d.World, "2", date(3), cycle("excluded"))
	d.load(t)
	d.toCloud(t)
	edit(t, d.Seller, lineOf(t, d.Seller, "failed").ID, variables{"psaAgreementId": agreementID(late)})
	wantPosted(t, d.Seller, variables{"ids": lineIDs(t, d.Seller, "posted", "failed")}, "PARTIALLY_SUCCEEDED", counts{Created: 1, Failed: 1})

	want := []facetValue{{"EXCLUDED", 1}, {"FAILED", 1}, {"READY", 1}, {"SYNCED", 1}}
	if diff := cmp.Diff(want, askLines(t, d.Seller, variables{"period": may}).Facets["syncStatus"]); diff != "" {
		t.Errorf("statuses to filter by (-want +got):\n%s", diff)
	}
	for status, id := range map[string]string{"EXCLUDED": "excluded", "FAILED": "failed", "READY": "ready", "SYNCED": "posted"} {
		if got := askLines(t, d.Seller, variables{"period": may, "filter": variables{"syncStatus": status}}).ids(); len(got) != 1 || got[0] != id {
			t.Errorf("the lines %s are %q, want %q", status, got, id)
		}
	}
	checkLineSummary(t, d.Seller)

	// A line that failed stays so, whatever keeps it from being posted next.
	sellAgain := offerOf(t, d.Seller, "O-1").ID
	unmapOffer(t, d.Seller, sellAgain, nil)
	if l := postedLines(t, d.Seller, may)["failed"]; l.SyncStatus != "FAILED" || l.SyncError == nil || l.SyncError.Code != "BEFORE_BILLING_START" || len(l.SyncBlockers) != 1 || l.SyncBlockers[0].Code != "PRODUCT_UNMAPPED" {
		t.Errorf("the failed line is %+v, want FAILED, for what reason, and what is missing now", l)
	}
	if l := postedLines(t, d.Seller, may)["posted"]; l.SyncStatus != "SYNCED" || len(l.SyncBlockers) != 0 || l.PsaProduct.Identifier != "SEAT" {
		t.Errorf("the posted line is %+v, want it as it was posted", l)
	}
	checkLineSummary(t, d.Seller)
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Skipped: 2})
	if e := entry(t, job, "LINES_SKIPPED_UNMAPPED"); !strings.Contains(e.Details, "PRODUCT_UNMAPPED: 1") {
		t.Errorf("the run logged %+v, want the failed line's reason", e)
	}
	checkLineSummary(t, d.Seller)
}

func TestPosting_SellersDoNotTouchEachOthersLines(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{Sellers: 2})
	second := d
	theirs := *d.World
	theirs.Seller = d.Sellers[1]
	second.World = &theirs
	theirs.Seller.Sync(t)
	billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", april(1), 5))
	d.load(t, "PREVIOUS_MONTH")
	second.load(t, "PREVIOUS_MONTH")
	d.toCloud(t)
	second.mapAlpha(t, d.spare)
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	wantStatuses(t, second.Seller, "2026-04", map[string]string{"april": "READY"})
	wantPosted(t, second.Seller, nil, "SUCCEEDED", counts{Created: 1})
	d.wantAdditions(t, d.cloud, aprilOnly(""))
	d.wantAdditions(t, d.spare, aprilOnly(""))

	// May bills the first seller's subscription no longer, and the second has not loaded May.
	billTo(d.World, "1", date(3), elsewise())
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Cancelled: 1})
	wantPosted(t, second.Seller, nil, "SUCCEEDED", counts{})
	d.wantAdditions(t, d.spare, aprilOnly(""))
	if l := postedLines(t, second.Seller, "2026-04")["april"]; l.PsaAddition.AgreementRecordID != d.spare || l.PsaAddition.CancelledDate != nil {
		t.Errorf("the second seller's line shows %+v, want their own Addition", l.PsaAddition)
	}
	var data struct{ Job *gatewaytest.Job }
	second.Must(t, viewer, `query ($id: ID!) { job(id: $id) { id } }`, variables{"id": job.ID}, &data)
	if data.Job != nil {
		t.Errorf("another seller sees the run %s", data.Job.ID)
	}
}

func TestPosting_NeedsAnOperatorAndACompleteSetUp(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{}, fee("may", "S", "CycleFee", date(1), 6))
	const mutation = `mutation { syncInvoiceLines { job { id } started userErrors { code } } }`
	for _, role := range []account.Role{viewer, editor} {
		if response := d.Query(t, role, mutation, nil); len(response.Codes()) != 1 || response.Codes()[0] != "FORBIDDEN" {
			t.Errorf("%s may post lines: %s", role, response.Body)
		}
	}
	wantStatuses(t, d.Seller, may, map[string]string{"may": "READY"})
	d.Must(t, admin, mutation, nil, nil)

	bare := gatewaytest.Start(t, gatewaytest.Options{WithoutAgreementType: true})
	payload := startPosting(t, bare.Seller, nil)
	if len(payload.UserErrors) == 0 || payload.UserErrors[0].Code != "SETUP_INCOMPLETE" || payload.Job != nil {
		t.Errorf("without a complete set-up the answer is %+v, want SETUP_INCOMPLETE", payload)
	}
}
