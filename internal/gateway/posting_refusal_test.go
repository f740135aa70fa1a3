package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

func TestPosting_ARefusedLineSaysWhatToDoAndPostsWhenThatIsDone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, code, says string
		spoil, mend      func(*testing.T, desk)
	}{
		{
			"the charge starts before billing does", "BEFORE_BILLING_START", "2026-05-15",
			func(t *testing.T, d desk) {
				late := addAgreement(t, d.World, simconnectwise.Agreement{Name: "Late", CompanyID: d.acme, Currency: "EUR", StartDate: date(15)})
				d.mapAlpha(t, late)
			},
			func(t *testing.T, d desk) {
				edit(t, d.Seller, lineOf(t, d.Seller, "R-1").ID, variables{"chargeStartDate": "2026-05-15"})
			},
		},
		{
			"the period is invoiced and nothing prorates", "PERIOD_ALREADY_INVOICED", "proration",
			func(t *testing.T, d desk) {
				invoiced := addAgreement(t, d.World, simconnectwise.Agreement{
					Name: "Invoiced", CompanyID: d.acme, Currency: "EUR", StartDate: april(1), NextInvoiceDate: civil.Date{Year: 2026, Month: 6, Day: 1}, NoProration: true,
				})
				d.mapAlpha(t, invoiced)
			},
			func(t *testing.T, d desk) {
				edit(t, d.Seller, lineOf(t, d.Seller, "R-1").ID, variables{"chargeStartDate": "2026-06-01"})
			},
		},
		{
			"the agreement was cancelled meanwhile", "AGREEMENT_CLOSED", "open one",
			func(t *testing.T, d desk) {
				d.toCloud(t)
				if err := d.ConnectWise.CancelAgreement(d.cloud, yesterday()); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, d desk) { d.mapAlpha(t, d.spare) },
		},
		{
			"the agreement was removed meanwhile", "RECORD_MISSING", "agreement",
			func(t *testing.T, d desk) {
				d.toCloud(t)
				if err := d.ConnectWise.PurgeAgreement(d.cloud); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, d desk) { d.mapAlpha(t, d.spare) },
		},
		{
			"the agreement moved to another currency", "CURRENCY_MISMATCH", "USD",
			func(t *testing.T, d desk) {
				d.toCloud(t)
				if err := d.ConnectWise.SetAgreementCurrency(d.cloud, "USD"); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, d desk) { d.mapAlpha(t, d.spare) },
		},
		{
			"the agreement was given to another company", "REFUSED", "another company",
			func(t *testing.T, d desk) {
				d.toCloud(t)
				if err := d.ConnectWise.MoveAgreement(d.cloud, d.other); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, d desk) { d.mapAlpha(t, d.spare) },
		},
		{
			"the product is a bundle", "REFUSED", "Bundle",
			func(t *testing.T, d desk) {
				d.toCloud(t)
				bundle := d.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "BUNDLE", Description: "Bundle", Class: "Bundle"})
				sellAs(t, d.Seller, offers(t, d.Seller)[0].ID, nodeID("PsaProduct", int64(bundle)))
			},
			func(t *testing.T, d desk) {
				sellAs(t, d.Seller, offers(t, d.Seller)[0].ID, nodeID("PsaProduct", int64(d.seat)))
			},
		},
		{
			"the company has no contact for a new agreement", "NO_COMPANY_CONTACT", "default contact",
			func(t *testing.T, d desk) {
				if err := d.ConnectWise.RemoveDefaultContact(d.acme); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, d desk) { d.toCloud(t) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := startDesk(t, gatewaytest.Options{})
			billTo(d.World, "1", date(3), cycle("R-1"))
			d.load(t)
			tt.spoil(t, d)
			job := wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
			if !contains(job.Codes(), "ADDITION_WRITE_FAILED") {
				t.Errorf("the run logged %v, want ADDITION_WRITE_FAILED", job.Codes())
			}
			l := postedLines(t, d.Seller, may)["R-1"]
			if l.SyncStatus != "FAILED" || l.SyncError == nil || l.SyncError.Code != tt.code || !strings.Contains(l.SyncError.Message, tt.says) || l.PsaAddition != nil {
				t.Fatalf("the line is %s with %+v, want FAILED with %s that speaks of %q", l.SyncStatus, l.SyncError, tt.code, tt.says)
			}
			tt.mend(t, d)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
			if l := postedLines(t, d.Seller, may)["R-1"]; l.SyncStatus != "SYNCED" || l.SyncError != nil {
				t.Errorf("afterwards the line is %s with %+v, want SYNCED", l.SyncStatus, l.SyncError)
			}
		})
	}
}

func TestPosting_LinesThatAreNotReadyAreSkippedWithTheirReasons(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("R-1"), once("R-2"))
	billTo(d.World, "2", date(3), cycle("R-3"))
	loadLines(t, d.Seller)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, companyID(d.acme), variables{"excludedFromSync": false})
	for _, o := range offers(t, d.Seller) {
		if o.PlatformID == "O-1" {
			sellAs(t, d.Seller, o.ID, nodeID("PsaProduct", int64(d.seat)))
		}
	}
	d.toCloud(t)
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Skipped: 2})
	for _, code := range []string{"LINE_SYNC_STARTED", "LINES_SKIPPED_UNMAPPED", "LINES_SKIPPED_EXCLUDED", "ADDITION_CREATED", "LINE_SYNC_COMPLETED"} {
		if !contains(job.Codes(), code) {
			t.Errorf("the run logged %v, want %s among them", job.Codes(), code)
		}
	}
	if got := statuses(postedLines(t, d.Seller, may)); got["SYNCED"] != 1 || got["NOT_READY"] != 1 || got["EXCLUDED"] != 1 {
		t.Errorf("the lines are %v, want one posted, one not ready and one excluded", got)
	}
}

func TestPosting_WithASharedCompanyNoAgreementIsCreated(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("R-1"))
	d.load(t)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, companyID(d.acme), nil)
	before := len(d.ConnectWise.Agreements())
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Skipped: 1})
	if !contains(job.Codes(), "AGREEMENT_REQUIRED") || len(d.ConnectWise.Agreements()) != before {
		t.Errorf("the run logged %v and created %d agreements, want AGREEMENT_REQUIRED and none", job.Codes(), len(d.ConnectWise.Agreements())-before)
	}
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
}

// exclude sets whether an organization is kept out of ConnectWise.
func exclude(t *testing.T, s *gatewaytest.Seller, id string, excluded bool) {
	t.Helper()
	if payload := setExcluded(t, s, []string{id}, excluded, nil); len(payload.UserErrors) > 0 {
		t.Fatalf("exclude %s: %+v", id, payload.UserErrors)
	}
}

// barrier stands before ConnectWise and holds writes of Additions up while it is down.
type barrier struct {
	mu sync.Mutex
	up chan struct{}
}

func newBarrier() *barrier {
	b := &barrier{up: make(chan struct{})}
	close(b.up)
	return b
}

func (b *barrier) options() gatewaytest.Options {
	return gatewaytest.Options{BeforeConnectWise: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/additions") {
				b.mu.Lock()
				up := b.up
				b.mu.Unlock()
				select {
				case <-up:
				case <-r.Context().Done():
				}
			}
			next.ServeHTTP(w, r)
		})
	}}
}

func (b *barrier) lower() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = make(chan struct{})
}

func (b *barrier) raise() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.up)
}

func TestPosting_WhatIsBeingSentIsFrozenAndWhatIsNotCanBeStopped(t *testing.T) {
	t.Parallel()
	barrier := newBarrier()
	d := startDesk(t, barrier.options())
	const others = 80
	billTo(d.World, "1", date(3), cycle("R-1"))
	var rows []platform.InvoiceRow
	for i := range others {
		rows = append(rows, once(fmt.Sprintf("R-2-%d", i)))
	}
	billTo(d.World, "1", date(4), rows...)
	d.load(t)
	d.toCloud(t)
	barrier.lower()
	payload := startPosting(t, d.Seller, nil)
	gatewaytest.Eventually(t, "the first line is being sent", func() bool { return postedLines(t, d.Seller, may)["R-1"].SyncStatus == "SYNCING" })

	id := lineOf(t, d.Seller, "R-1").ID
	if refused := editLine(t, d.Seller, id, variables{"chargeEndDate": "2026-05-20"}); len(refused.UserErrors) != 1 || refused.UserErrors[0].Code != "CONFLICT" {
		t.Errorf("an edit of a line being sent answers %+v, want CONFLICT", refused.UserErrors)
	}
	d.mapAlpha(t, d.spare)
	if l := postedLines(t, d.Seller, may)["R-1"]; l.PsaAgreement == nil || l.PsaAgreement.RecordID != d.cloud {
		t.Errorf("the line being sent shows %+v, want where it is sent", l.PsaAgreement)
	}
	if again := startPosting(t, d.Seller, nil); again.Started || again.Job == nil || again.Job.ID != payload.Job.ID || len(again.UserErrors) > 0 {
		t.Errorf("a second click answers %+v, want the same run", again)
	}
	if other := startPosting(t, d.Seller, variables{"ids": []string{id}}); other.Started || len(other.UserErrors) != 1 || other.UserErrors[0].Code != "JOB_RUNNING" {
		t.Errorf("asking for something else answers %+v, want JOB_RUNNING", other)
	}
	d.Must(t, operator, `mutation ($id: ID!) { cancelJob(id: $id) { job { state } userErrors { code } } }`, variables{"id": payload.Job.ID}, nil)
	barrier.raise()
	if job := d.WaitForJob(t, payload.Job.ID); job.State != "CANCELLED" {
		t.Fatalf("the run ended as %s, want CANCELLED", job.State)
	}
	lines := postedLines(t, d.Seller, may)
	left := statuses(lines)["READY"]
	if lines["R-1"].SyncStatus != "SYNCED" || left == 0 || left+statuses(lines)["SYNCED"] != 1+others {
		t.Fatalf("afterwards the lines are %v, want what was sent SYNCED and the others READY", statuses(lines))
	}
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: left})
	if r := editLine(t, d.Seller, id, variables{"chargeEndDate": "2026-05-20"}); len(r.UserErrors) != 1 || r.UserErrors[0].Code != "ALREADY_SYNCED" {
		t.Errorf("an edit of a posted line answers %+v, want ALREADY_SYNCED", r.UserErrors)
	}
	theAddition(t, d.World, d.cloud, "Office for R-1 - CycleFee")
	if n := len(d.ConnectWise.Additions(d.spare)); n != left {
		t.Errorf("%d lines went where the contract was mapped to before the second run, want %d", n, left)
	}
}

func TestPosting_WhatChangesDuringARunIsLeftToTheNext(t *testing.T) {
	t.Parallel()
	barrier := newBarrier()
	d := startDesk(t, barrier.options())
	billTo(d.World, "1", date(3), cycle("R-1"))
	billTo(d.World, "1", date(4), once("R-2"), once("R-3"))
	d.load(t)
	d.toCloud(t)
	barrier.lower()
	payload := startPosting(t, d.Seller, nil)
	gatewaytest.Eventually(t, "the first line is being sent", func() bool { return postedLines(t, d.Seller, may)["R-1"].SyncStatus == "SYNCING" })
	edit(t, d.Seller, lineOf(t, d.Seller, "R-3").ID, variables{"chargeEndDate": "2026-05-20"})
	exclude(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, true)
	barrier.raise()
	job := d.WaitForJob(t, payload.Job.ID)
	if job.State != "SUCCEEDED" || countsOf(job) != (counts{Created: 1, Skipped: 2}) {
		t.Errorf("the run ended as %s with %+v, want one line posted and two skipped", job.State, countsOf(job))
	}
	if n := len(d.ConnectWise.Additions(d.cloud)); n != 1 {
		t.Errorf("%d lines were sent, want the one whose turn came before its organization was excluded", n)
	}
	exclude(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, false)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
	if a := theAddition(t, d.World, d.cloud, "Disk for R-3 - OneTimeFee"); a.CancelledDate != date(20) {
		t.Errorf("the edited line became %+v, want an end on 20 May", a)
	}
}

func TestPosting_APostedLineNeverChanges(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	row := cycle("R-1")
	header := billTo(d.World, "1", date(3), row)
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	before := snapshotOfLine(t, d.World, "R-1")

	row.InvoiceID = header.InvoiceID
	d.changeRow(t, row)
	loadLines(t, d.Seller)
	d.mapAlpha(t, d.spare)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, companyID(d.other), nil)
	exclude(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, true)
	editLines(t, d.Seller, variables{"matching": variables{"period": may}, "chargeEndDate": "2026-05-25"})
	post(t, d.Seller, nil)
	if after := snapshotOfLine(t, d.World, "R-1"); after != before {
		t.Errorf("the posted line was\n%s\nand is\n%s", before, after)
	}
	if l := postedLines(t, d.Seller, may)["R-1"]; l.SyncStatus != "SYNCED" || l.PsaCompany.Identifier != "ACME" || len(l.SyncBlockers) > 0 {
		t.Errorf("the posted line shows %+v, want it as it was posted", l)
	}
}

// changeRow replaces a row on the Platform by one with another quantity.
func (d desk) changeRow(t *testing.T, row platform.InvoiceRow) {
	t.Helper()
	row.Quantity = row.Quantity.Add(row.Quantity)
	row.TotalPrice = row.Quantity.Mul(row.UnitPrice)
	if err := d.Platform.ReplaceRow(row); err != nil {
		t.Fatal(err)
	}
}

// snapshotOfLine is everything that is stored of a line.
func snapshotOfLine(t *testing.T, w *gatewaytest.World, platformID string) string {
	t.Helper()
	var text string
	err := w.DB.Seller(w.ID).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &text, `SELECT row_to_json(l)::text FROM invoice_line l WHERE seller_id = $1 AND platform_id = $2`, w.ID, platformID)
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
