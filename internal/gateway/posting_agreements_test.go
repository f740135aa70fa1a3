package gateway_test

import (
	"strings"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// agreementsNamed are ConnectWise's agreements of a name.
func agreementsNamed(w *gatewaytest.World, name string) []simconnectwise.Agreement {
	var found []simconnectwise.Agreement
	for _, a := range w.ConnectWise.Agreements() {
		if a.Name == name {
			found = append(found, a)
		}
	}
	return found
}

// theAgreement is agreementsNamed where there must be exactly one.
func theAgreement(t *testing.T, w *gatewaytest.World, name string) simconnectwise.Agreement {
	t.Helper()
	found := agreementsNamed(w, name)
	if len(found) != 1 {
		t.Fatalf("there are %d agreements %q, want one; all: %+v", len(found), name, w.ConnectWise.Agreements())
	}
	return found[0]
}

func TestPosting_AnAgreementIsCreatedAsTheFirstLinesNeedIt(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	early := once("early")
	early.ChargeStartDate = april(2)
	billTo(d.World, "1", april(20), once("april"))
	billTo(d.World, "1", date(3), fee("may", "S", "CycleFee", date(1), 5), early)
	d.load(t, bothMonths...)
	d.ConnectWise.ForgetCalls()
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 3})
	wantWrites(t, d.World, map[string]int{postAgreement: 1, postAddition: 3})
	created := theAgreement(t, d.World, "Alpha C-1")
	if created.Type != "Cloud Subscriptions" || created.CompanyID != d.acme || created.StartDate != april(2) || created.BillStartDate != april(2) ||
		!created.EndDate.IsZero() || created.Currency != "EUR" {
		t.Errorf("the agreement is %+v, want Cloud Subscriptions of ACME in EUR from the earliest charge, 2 April, on", created)
	}
	if e := entry(t, job, "AGREEMENT_CREATED"); e.Level != "INFO" || !strings.Contains(e.Title, `"Alpha C-1"`) || !strings.Contains(e.Details, "2026-04-02") {
		t.Errorf("the run logged %+v, want it to name the agreement and its start", e)
	}
	for id, l := range postedLines(t, d.Seller, may) {
		if l.PsaAgreementOrigin != "AUTO_CREATED" || l.PsaAgreement == nil || l.PsaAgreement.RecordID != created.ID {
			t.Errorf("the line %s shows %+v (%s), want the created agreement", id, l.PsaAgreement, l.PsaAgreementOrigin)
		}
	}

	billTo(d.World, "1", date(9), once("later"))
	loadLines(t, d.Seller)
	if l := postedLines(t, d.Seller, may)["later"]; l.PsaAgreementOrigin != "AUTO_CREATED" || l.PsaAgreement == nil || l.PsaAgreement.RecordID != created.ID {
		t.Errorf("a later line resolves to %+v (%s), want the created agreement", l.PsaAgreement, l.PsaAgreementOrigin)
	}
	d.ConnectWise.ForgetCalls()
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	wantWrites(t, d.World, map[string]int{postAddition: 1})
}

func TestPosting_EveryContractGetsAnAgreementOfItsOwn(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	d.Platform.AddContract(platform.Contract{ID: "C-9", CustomerID: "1", Currency: "EUR", BillingCycleDay: 1})
	billTo(d.World, "1", date(3), once("first"))
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-9", Currency: "EUR", InvoiceDate: date(3)}, once("second"))
	billTo(d.World, "2", date(3), once("other company"))
	d.load(t)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, companyID(d.other), variables{"excludedFromSync": false})
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 3})
	for name, text := range map[string]string{"Alpha C-1": "first", "Alpha C-9": "second", "Beta C-2": "other company"} {
		d.wantAdditions(t, theAgreement(t, d.World, name).ID, "1 DISK at 7.5 from 2026-05-10 to 2026-05-31: Disk for "+text+" - OneTimeFee")
	}
	if got := theAgreement(t, d.World, "Beta C-2").CompanyID; got != d.other {
		t.Errorf("Beta's agreement belongs to company %d, want %d", got, d.other)
	}
}

func TestPosting_AnOrganizationThatMovesGetsAnAgreementAtItsNewCompany(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", april(3), fee("april", "S", "CycleFee", april(1), 5))
	billTo(d.World, "1", date(3), fee("may", "S", "CycleFee", date(1), 6))
	d.load(t, bothMonths...)
	wantPosted(t, d.Seller, variables{"matching": variables{"period": "2026-04"}}, "SUCCEEDED", counts{Created: 1})
	first := theAgreement(t, d.World, "Alpha C-1")

	alpha := organizationNamed(t, d.Seller, "Alpha").ID
	mapTo(t, d.Seller, alpha, companyID(d.other), nil)
	if l := postedLines(t, d.Seller, may)["may"]; l.PsaAgreement != nil || l.PsaAgreementOrigin != "NONE" || l.SyncStatus != "READY" {
		t.Errorf("after the move the line is %s with agreement %+v (%s), want READY without", l.SyncStatus, l.PsaAgreement, l.PsaAgreementOrigin)
	}
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	both := agreementsNamed(d.World, "Alpha C-1")
	if len(both) != 2 || both[1].CompanyID != d.other || both[1].StartDate != date(1) {
		t.Fatalf("the agreements are %+v, want a second one of company %d from 1 May on", both, d.other)
	}
	d.wantAdditions(t, first.ID, aprilOnly(" to 2026-04-30"))
	d.wantAdditions(t, both[1].ID, "6 SEAT at 10 from 2026-05-01: Plan S - CycleFee")
	if l := postedLines(t, d.Seller, "2026-04")["april"]; l.PsaAgreement.RecordID != first.ID || l.PsaCompany.Identifier != "ACME" {
		t.Errorf("April's line shows %+v of %+v, want them as posted", l.PsaAgreement, l.PsaCompany)
	}

	billTo(d.World, "1", date(9), once("back"))
	loadLines(t, d.Seller)
	d.sell(t)
	mapTo(t, d.Seller, alpha, companyID(d.acme), nil)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	if n := len(agreementsNamed(d.World, "Alpha C-1")); n != 2 {
		t.Errorf("back at the first company there are %d agreements, want the two there were", n)
	}
	d.wantAdditions(t, first.ID, aprilOnly(" to 2026-04-30"), "1 DISK at 7.5 from 2026-05-10 to 2026-05-31: Disk for back - OneTimeFee")
}

func TestPosting_WithoutAContactNoAgreementIsCreatedUntilThereIsOne(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	alone := d.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ALONE", Name: "Alone", Currency: "EUR", WithoutContact: true})
	d.Sync(t)
	billTo(d.World, "1", date(3), once("a"), once("b"))
	billTo(d.World, "2", date(3), once("other"))
	d.load(t)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, companyID(alone), nil)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, companyID(d.other), variables{"excludedFromSync": false})
	job := wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Created: 1, Failed: 2})
	if e := entry(t, job, "AGREEMENT_CREATE_FAILED"); e.Level != "ERROR" || !strings.Contains(e.Title, "C-1") || !strings.Contains(e.Details, "contact") {
		t.Errorf("the run logged %+v, want it to name the contract and the contact", e)
	}
	if job.Done != 3 || job.Total == nil || *job.Total != 3 {
		t.Errorf("the run shows %d of %v lines done, want 3 of 3", job.Done, job.Total)
	}
	for _, id := range []string{"a", "b"} {
		if l := postedLines(t, d.Seller, may)[id]; l.SyncStatus != "FAILED" || l.SyncError == nil || l.SyncError.Code != "NO_COMPANY_CONTACT" {
			t.Errorf("the line %s is %s with %+v, want FAILED with NO_COMPANY_CONTACT", id, l.SyncStatus, l.SyncError)
		}
	}
	if found := agreementsNamed(d.World, "Alpha C-1"); len(found) > 0 {
		t.Errorf("an agreement was created without a contact: %+v", found)
	}

	wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 2})
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, companyID(d.acme), nil)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
	if n := len(d.ConnectWise.Additions(theAgreement(t, d.World, "Alpha C-1").ID)); n != 2 {
		t.Errorf("the created agreement has %d Additions, want 2", n)
	}
}

func TestPosting_AnAgreementWhoseCreationIsNotAnsweredIsCreatedOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.LostAnswer, fault.Truncated, fault.BrokenOff, fault.NoAnswer, fault.ServerError, fault.BadGateway, fault.WebPage} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			d := startDesk(t, settling())
			configure(t, d.World, func(s *simconnectwise.Settings) { s.ListLagMilliseconds, s.SearchLagMilliseconds = 200, 250 })
			billTo(d.World, "1", date(3), once("a"), once("b"))
			d.load(t)
			setFaults(t, d.ConnectWise.Faults().Set, fault.Fault{Kind: kind, Method: "POST", Path: agreementsPath, Count: 1})
			job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 2})
			created := theAgreement(t, d.World, "Alpha C-1")
			if n := len(d.ConnectWise.Additions(created.ID)); n != 2 {
				t.Errorf("the agreement has %d Additions, want 2", n)
			}
			if e := entry(t, job, "AGREEMENT_CREATED"); !strings.Contains(e.Details, "2026-05-10") {
				t.Errorf("the run logged %+v, want the day the agreement starts on, 10 May", e)
			}
			if l := postedLines(t, d.Seller, may)["a"]; l.PsaAgreementOrigin != "AUTO_CREATED" || l.PsaAgreement == nil || l.PsaAgreement.RecordID != created.ID {
				t.Errorf("the line shows %+v (%s), want the created agreement", l.PsaAgreement, l.PsaAgreementOrigin)
			}
		})
	}
}

func TestPosting_AnAgreementTooNewForSearchesIsNotTakenForRemoved(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	configure(t, d.World, func(s *simconnectwise.Settings) {
		s.SearchLagMilliseconds, s.ListLagMilliseconds = 3_600_000, 3_600_000
	})
	billTo(d.World, "1", date(3), once("a"))
	d.load(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	billTo(d.World, "1", date(4), once("b"))
	loadLines(t, d.Seller)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	if n := len(d.ConnectWise.Additions(theAgreement(t, d.World, "Alpha C-1").ID)); n != 2 {
		t.Errorf("the created agreement has %d Additions, want 2", n)
	}
}

func TestPosting_ARefusedAgreementFailsItsLinesUntilThatIsMended(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), once("a"))
	d.load(t)
	d.ConnectWise.AddStatus("On hold", true)
	try(t, d.ConnectWise.SetCompanyStatus(d.acme, "On hold"))
	job := wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
	l := postedLines(t, d.Seller, may)["a"]
	if l.SyncStatus != "FAILED" || l.SyncError == nil || l.SyncError.Code != "REFUSED" || !strings.Contains(l.SyncError.Message, "On hold") {
		t.Errorf("the line is %s with %+v, want FAILED with REFUSED and what ConnectWise said", l.SyncStatus, l.SyncError)
	}
	if e := entry(t, job, "AGREEMENT_CREATE_FAILED"); !strings.Contains(e.Details, "On hold") {
		t.Errorf("the run logged %+v, want what ConnectWise said", e)
	}
	try(t, d.ConnectWise.SetCompanyStatus(d.acme, "Active"))
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	theAgreement(t, d.World, "Alpha C-1")
}

func TestPosting_ACreatedAgreementDoesNotDoForACompanyThatIsShared(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), once("a"))
	d.load(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	billTo(d.World, "1", date(4), once("b"))
	loadLines(t, d.Seller)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, companyID(d.acme), nil)
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Skipped: 1})
	entry(t, job, "AGREEMENT_REQUIRED")
	if l := postedLines(t, d.Seller, may)["b"]; l.PsaAgreement != nil || l.SyncStatus != "NOT_READY" || len(l.SyncBlockers) != 1 || l.SyncBlockers[0].Code != "AGREEMENT_REQUIRED" {
		t.Errorf("the line is %+v, want it without agreement and in need of one", l)
	}
	if l := postedLines(t, d.Seller, may)["a"]; l.PsaAgreementOrigin != "AUTO_CREATED" || l.SyncStatus != "SYNCED" {
		t.Errorf("the posted line is %+v, want it as it was posted", l)
	}
	unmapOrganization(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, nil)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	if n := len(d.ConnectWise.Additions(theAgreement(t, d.World, "Alpha C-1").ID)); n != 2 {
		t.Errorf("the created agreement has %d Additions, want 2", n)
	}
}

func TestPosting_NoAgreementIsCreatedForAnOrganizationExcludedMeanwhile(t *testing.T) {
	t.Parallel()
	d, gate := startGated(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), once("a"))
	d.load(t)
	gate.close("GET", agreementsPath)
	payload := startPosting(t, d.Seller, nil)
	gate.await(t)
	exclude(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, true)
	d.ConnectWise.ForgetCalls()
	gate.open()
	job := d.WaitForJob(t, payload.Job.ID)
	if job.State != "SUCCEEDED" || countsOf(job) != (counts{Skipped: 1}) {
		t.Errorf("the run ended as %s with %+v, want one line skipped", job.State, countsOf(job))
	}
	wantWrites(t, d.World, nil)
	wantStatuses(t, d.Seller, may, map[string]string{"a": "EXCLUDED"})
}

func TestPosting_ACreatedAgreementThatIsGoneFailsItsLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*simconnectwise.Simulator, int) error
		code  string
	}{
		"removed":   {(*simconnectwise.Simulator).PurgeAgreement, "RECORD_MISSING"},
		"cancelled": {func(s *simconnectwise.Simulator, id int) error { return s.CancelAgreement(id, yesterday()) }, "AGREEMENT_CLOSED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDesk(t, gatewaytest.Options{})
			billTo(d.World, "1", date(3), once("a"))
			d.load(t)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
			try(t, c.spoil(d.ConnectWise, theAgreement(t, d.World, "Alpha C-1").ID))
			billTo(d.World, "1", date(4), once("b"))
			loadLines(t, d.Seller)
			wantPosted(t, d.Seller, nil, "PARTIALLY_SUCCEEDED", counts{Failed: 1})
			if l := postedLines(t, d.Seller, may)["b"]; l.SyncError == nil || l.SyncError.Code != c.code {
				t.Errorf("the line failed with %+v, want %s", l.SyncError, c.code)
			}
			d.toCloud(t)
			wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
			if got := postedLines(t, d.Seller, may); got["b"].PsaAgreementOrigin != "CONTRACT" || got["a"].PsaAgreementOrigin != "AUTO_CREATED" {
				t.Errorf("the lines show %s and %s, want CONTRACT and AUTO_CREATED", got["b"].PsaAgreementOrigin, got["a"].PsaAgreementOrigin)
			}
		})
	}
}
