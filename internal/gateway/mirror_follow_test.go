package gateway_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// startSigned puts up a world in which C-1, of Alpha and ACME, is mapped to an agreement.
func startSigned(t *testing.T, options gatewaytest.Options) (w *gatewaytest.World, cloud, other int) {
	t.Helper()
	w, acme, other := startContracts(t, options)
	cloud = addAgreement(t, w, simconnectwise.Agreement{Name: "Cloud", CompanyID: acme, Currency: "EUR"})
	sign(t, w.Seller, contractOf(t, w.Seller, "C-1").ID, agreementID(cloud))
	return w, cloud, other
}

func TestWhatAPageShowsLiveIsSoonWhatTheMirrorKnows(t *testing.T) {
	t.Parallel()
	w, cloud, other := startSigned(t, gatewaytest.Options{})
	shows := func(when, problem, says string) {
		t.Helper()
		gatewaytest.Eventually(t, when+" the contract shows "+problem, func() bool {
			got := contractOf(t, w.Seller, "C-1")
			return deref(got.AgreementProblem) == problem && strings.Contains(deref(got.MappingStatusMessage), says)
		})
	}
	for _, step := range []struct {
		when, problem, says string
		do                  func() error
	}{
		{"with the agreement in another currency", "CURRENCY_MISMATCH", "another currency", func() error { return w.ConnectWise.SetAgreementCurrency(cloud, "USD") }},
		{"with the agreement ended", "AGREEMENT_CLOSED", "cancelled or has ended", func() error { return w.ConnectWise.EndAgreement(cloud, yesterday()) }},
		{"with the agreement of another company", "AGREEMENT_NOT_OF_COMPANY", "belongs to another company", func() error { return w.ConnectWise.MoveAgreement(cloud, other) }},
		{"with the agreement deleted", "PSA_RECORD_MISSING", "no longer has", func() error { return w.ConnectWise.PurgeAgreement(cloud) }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		shows(step.when, step.problem, step.says)
	}
}

func TestARecordShownLiveIsShownStaleAsItWasShownLast(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 3, gatewaytest.Options{})
	for _, err := range []error{
		w.ConnectWise.RenameCompany(250_000, "Renamed"), w.ConnectWise.DeleteCompany(250_001), w.ConnectWise.PurgeCompany(250_002),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	live := organizations(t, w.Seller)
	awaitMirror(t, w, "Renamed")
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.ServerError})
	for i, o := range organizations(t, w.Seller) {
		want := *live[i].PsaCompany
		want.Freshness = "STALE"
		if got := o.PsaCompany; got == nil || got.Name != want.Name || got.Deleted != want.Deleted || got.Freshness != "STALE" {
			t.Errorf("while ConnectWise is down the company is %+v, want %+v", got, want)
		}
	}
}

// awaitMirror waits until the company picker, which asks the mirror alone, offers a name.
func awaitMirror(t *testing.T, w *gatewaytest.World, name string) {
	t.Helper()
	gatewaytest.Eventually(t, "the mirror has "+name, func() bool { return len(pick(t, w.Seller, variables{"search": name})) == 1 })
}

func TestTheMirrorFollowsEachLiveAnswerOnceAndChangesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 20, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Hour }})
	replica, statements := w.Watched(t)
	s := w.On(replica)
	if err := w.ConnectWise.RenameCompany(250_000, "Renamed"); err != nil {
		t.Fatal(err)
	}
	before := copied(t, w)
	var requests sync.WaitGroup
	for range 100 {
		requests.Go(func() { s.Query(t, viewer, verifiedPage, nil) })
	}
	requests.Wait()
	awaitMirror(t, w, "Renamed")
	if got := statements.Containing("UPDATE psa_company"); len(got) != 1 {
		t.Errorf("100 requests for the same page wrote %d times to the mirror, want once", len(got))
	}
	changed := 0
	for number, at := range copied(t, w) {
		changed += btoi(!at.Equal(before[number]))
	}
	if changed != 1 {
		t.Errorf("%d copies were made anew, want that of the renamed company alone", changed)
	}
}

// copied returns when each company of the mirror was copied.
func copied(t *testing.T, w *gatewaytest.World) map[int]time.Time {
	t.Helper()
	var rows []struct {
		Number int       `db:"record_id"`
		At     time.Time `db:"mirrored_at"`
	}
	err := w.DB.Seller(w.ID).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &rows, `SELECT record_id, mirrored_at FROM psa_company WHERE seller_id = $1`, w.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	times := make(map[int]time.Time, len(rows))
	for _, row := range rows {
		times[row.Number] = row.At
	}
	return times
}

func TestALineIsBlockedByWhatAPageOfContractsShowedOfItsAgreement(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), once("a"))
	d.load(t)
	sign(t, d.Seller, contractOf(t, d.Seller, "C-1").ID, agreementID(d.cloud))
	wantStatuses(t, d.Seller, may, map[string]string{"a": "READY"})
	try(t, d.ConnectWise.CancelAgreement(d.cloud, yesterday()))
	if got := contractOf(t, d.Seller, "C-1").PsaAgreement; !got.Cancelled || got.Freshness != "LIVE" {
		t.Fatalf("the page of contracts shows %+v, want the agreement cancelled", got)
	}
	gatewaytest.Eventually(t, "the line is blocked", func() bool {
		blockers := postedLines(t, d.Seller, may)["a"].SyncBlockers
		return len(blockers) == 1 && blockers[0].Code == "AGREEMENT_CLOSED"
	})
}
