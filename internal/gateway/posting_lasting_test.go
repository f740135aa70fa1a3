package gateway_test

import (
	"context"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	"crosswalk/internal/simulator/fault"
)

// bothMonths are the periods of April and May.
var bothMonths = []string{"PREVIOUS_MONTH", "CURRENT_MONTH"}

func TestPosting_TheNextMonthChangesTheLastingAddition(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(15), ofSubscription(cycle("R-1"), "S", "PurchaseFee", april(15), 5))
	billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S", "CycleFee", date(1), 6), ofSubscription(cycle("R-3"), "T", "CycleFee", date(1), 1))
	d.load(t, bothMonths...)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2, Updated: 1})

	a := theAddition(t, d.World, d.cloud, "Plan S - CycleFee")
	if a.Quantity.String() != "6" || a.EffectiveDate != april(15) || !a.CancelledDate.IsZero() {
		t.Errorf("the Addition of S is %+v, want 6 since 15 April without an end", a)
	}
	if n := len(d.ConnectWise.Additions(d.cloud)); n != 2 {
		t.Errorf("there are %d Additions, want one for each subscription", n)
	}
	for month, id := range map[string]string{"2026-04": "R-1", may: "R-2"} {
		if l := postedLines(t, d.Seller, month)[id]; l.SyncStatus != "SYNCED" || l.PsaAddition == nil || l.PsaAddition.RecordID != a.ID {
			t.Errorf("line %s is %+v, want it SYNCED with Addition %d", id, l, a.ID)
		}
	}
}

func TestPosting_OfTwoChargesOfOneMonthTheLaterKeepsTheLastingAddition(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), ofSubscription(cycle("R-1"), "S", "PurchaseFee", april(20), 2), ofSubscription(cycle("R-2"), "S", "CycleFee", date(1), 5))
	d.load(t)
	d.toCloud(t)
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})

	own, lasting := theAddition(t, d.World, d.cloud, "Plan S - PurchaseFee"), theAddition(t, d.World, d.cloud, "Plan S - CycleFee")
	if own.EffectiveDate != april(20) || own.CancelledDate != april(30) || own.Quantity.String() != "2" {
		t.Errorf("the purchase became %+v, want 2 from 20 to 30 April", own)
	}
	if lasting.EffectiveDate != date(1) || !lasting.CancelledDate.IsZero() {
		t.Errorf("the cycle became %+v, want it open since 1 May", lasting)
	}
	if !contains(job.Codes(), "DUPLICATE_RECURRING_LINE") {
		t.Errorf("the run logged %v, want DUPLICATE_RECURRING_LINE", job.Codes())
	}
}

func TestPosting_ALineThatWasMappedToAnotherAgreementBeginsAnewThere(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), ofSubscription(cycle("R-1"), "S", "CycleFee", april(1), 5))
	d.load(t, "PREVIOUS_MONTH")
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S", "CycleFee", date(1), 5))
	loadLines(t, d.Seller)
	d.mapAlpha(t, d.spare)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})

	before, after := theAddition(t, d.World, d.cloud, "Plan S - CycleFee"), theAddition(t, d.World, d.spare, "Plan S - CycleFee")
	if before.CancelledDate != april(30) || after.EffectiveDate != date(1) || !after.CancelledDate.IsZero() {
		t.Errorf("the Additions are %+v and %+v, want one to 30 April and one since 1 May", before, after)
	}
	if l := postedLines(t, d.Seller, "2026-04")["R-1"]; l.PsaAgreement.RecordID != d.cloud || l.PsaAddition.AgreementRecordID != d.cloud {
		t.Errorf("April's line shows %+v, want it where it was posted", l)
	}
}

func TestPosting_AContractWithoutAgreementGetsOne(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), ofSubscription(cycle("R-1"), "S", "CycleFee", april(1), 5))
	billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S", "CycleFee", date(1), 7), once("R-3"))
	d.load(t, bothMonths...)
	before := len(d.ConnectWise.Agreements())
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2, Updated: 1})

	all := d.ConnectWise.Agreements()
	if len(all) != before+1 {
		t.Fatalf("there are %d agreements more, want one", len(all)-before)
	}
	created := all[len(all)-1]
	if created.Name != "Alpha C-1" || created.CompanyID != d.acme || created.StartDate != april(1) || created.BillStartDate != april(1) || created.Currency != "EUR" {
		t.Errorf("the agreement is %+v, want Alpha's in EUR since 1 April", created)
	}
	lines := postedLines(t, d.Seller, may)
	if l := lines["R-2"]; l.PsaAgreementOrigin != "AUTO_CREATED" || l.PsaAgreement == nil || l.PsaAgreement.RecordID != created.ID {
		t.Errorf("the line shows %+v, want the created agreement %d", l, created.ID)
	}
	billTo(d.World, "1", date(10), once("R-4"))
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	if n := len(d.ConnectWise.Agreements()); n != before+1 {
		t.Errorf("the next run created %d agreements more", n-before-1)
	}
}

func TestPosting_AnAnswerThatIsLostIsSettled(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"POST", "PATCH"} {
		for _, kind := range []fault.Kind{fault.LostAnswer, fault.NoAnswer, fault.ServerError, fault.BadGateway, fault.WebPage, fault.Truncated, fault.BrokenOff} {
			t.Run(method+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				d := startDesk(t, settling())
				billTo(d.World, "1", april(3), ofSubscription(cycle("R-1"), "S", "CycleFee", april(1), 5))
				billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S", "CycleFee", date(1), 7))
				d.load(t, bothMonths...)
				d.toCloud(t)
				if err := d.ConnectWise.Faults().Set(fault.Fault{Kind: kind, Method: method, Path: "/additions", Count: 1}); err != nil {
					t.Fatal(err)
				}
				wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Updated: 1})
				if a := theAddition(t, d.World, d.cloud, "Plan S - CycleFee"); a.Quantity.String() != "7" {
					t.Errorf("the Addition is %+v, want 7", a)
				}
			})
		}
	}
}

func TestPosting_SubscriptionsThatAreGoneAreEnded(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), ofSubscription(cycle("R-1"), "S", "CycleFee", april(1), 5), ofSubscription(cycle("R-2"), "T", "CycleFee", april(1), 5))
	d.load(t, "PREVIOUS_MONTH")
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
	billTo(d.World, "1", date(3), ofSubscription(cycle("R-3"), "T", "CycleFee", date(1), 5))
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, variables{"matching": variables{"period": may}}, "SUCCEEDED", counts{Unchanged: 1})
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Cancelled: 1})
	ends := map[string]string{}
	for _, a := range d.ConnectWise.Additions(d.cloud) {
		ends[a.InvoiceDescription] = ""
		if !a.CancelledDate.IsZero() {
			ends[a.InvoiceDescription] = a.CancelledDate.String()
		}
	}
	if ends["Plan S - CycleFee"] != "2026-04-30" || ends["Plan T - CycleFee"] != "" {
		t.Errorf("the Additions end with %v, want S on 30 April and T not at all", ends)
	}
	if !contains(job.Codes(), "ADDITION_CANCELLED") {
		t.Errorf("the run logged %v, want ADDITION_CANCELLED", job.Codes())
	}
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
}

func contains(codes []string, code string) bool {
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}

func TestPosting_AfterARestoreFromAnOldBackupNothingIsPostedTwice(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), ofSubscription(cycle("R-1"), "S", "CycleFee", april(1), 5))
	billTo(d.World, "1", date(3), ofSubscription(cycle("R-2"), "S", "CycleFee", date(1), 5), once("R-3"))
	d.load(t, bothMonths...)
	agreements := len(d.ConnectWise.Agreements())
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2, Unchanged: 1})
	additions := len(d.ConnectWise.AllAdditions())

	err := d.DB.Seller(d.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE invoice_line SET state = 'OPEN', addition_id = NULL, synced_at = NULL, posted_company_id = NULL, posted_agreement_id = NULL;
			DELETE FROM addition_write;
			DELETE FROM addition;
			DELETE FROM created_agreement`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Unchanged: 3})
	if n := len(d.ConnectWise.Agreements()); n != agreements+1 {
		t.Errorf("there are %d agreements more than at first, want the one created then", n-agreements)
	}
	if n := len(d.ConnectWise.AllAdditions()); n != additions {
		t.Errorf("there are %d Additions, want the %d from before", n, additions)
	}
	if got := statuses(postedLines(t, d.Seller, may)); got["SYNCED"] != 2 {
		t.Errorf("the lines are %v, want both SYNCED", got)
	}
}
