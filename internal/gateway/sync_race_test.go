package gateway_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// startLongSync puts up a world whose ConnectWise has three pages of companies and takes a second for each, and
// returns when a run has read the first page.
func startLongSync(t *testing.T) (w *gatewaytest.World, job string) {
	t.Helper()
	w = gatewaytest.Start(t, gatewaytest.Options{})
	for i := range 2200 {
		w.ConnectWise.AddCompany(simconnectwise.Company{
			ID: 5000 + i, Identifier: "C" + number(i), Name: "Company " + number(i), WithoutContact: true,
		})
	}
	w.AddCustomer("Alpha", "1", "Active")
	w.Sync(t)
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.Slow, Path: companiesPath, DelayMilliseconds: 1000})
	job, _ = w.StartSync(t)
	gatewaytest.Eventually(t, "the run has read a page", func() bool { return w.Job(t, job).Done == 1000 })
	return w, job
}

func TestARunOfTheFormerConnectWiseLeavesNothingInTheMirrorOfTheNext(t *testing.T) {
	t.Parallel()
	w, job := startLongSync(t)
	next := simconnectwise.New(simconnectwise.Options{
		CompanyID: gatewaytest.CompanyID, PublicKey: gatewaytest.PublicKey, PrivateKey: gatewaytest.PrivateKey,
		ClientID: gatewaytest.ClientID, Companies: 7, Now: gatewaytest.Now,
	})
	server := httptest.NewServer(next)
	t.Cleanup(server.Close)

	if moved, _ := saveCredentials(t, w, variables{"apiUrl": server.URL}); len(moved.UserErrors) > 0 {
		t.Fatalf("another ConnectWise was refused: %+v", moved.UserErrors)
	}
	w.WaitForJob(t, job)

	ids, _ := agreementTypes(t, w.Seller)
	updateSettings(t, w.Seller, variables{"agreementTypeId": ids["Block Time"]})
	var want []string
	for _, c := range next.Companies() {
		want = append(want, c.Identifier)
	}
	var got []string
	for identifier := range companies(t, w.Seller) {
		got = append(got, identifier)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("after the move the mirror has %d companies, %.200q, want the %d of the next ConnectWise", len(got), got, len(want))
	}
}

func TestACompanyMappedDuringARunIsNotTakenForVanished(t *testing.T) {
	t.Parallel()
	w, job := startLongSync(t)
	// The listing has passed this number already when the company appears.
	w.ConnectWise.AddCompany(simconnectwise.Company{ID: 17, Identifier: "LATE", Name: "Late Ltd"})
	mapTo(t, w.Seller, organizationNamed(t, w.Seller, "Alpha").ID, nodeID("PsaCompany", 17), nil)

	if ended := w.WaitForJob(t, job); ended.State != "SUCCEEDED" {
		t.Fatalf("the run ended as %s", ended.State)
	}
	if got := pick(t, w.Seller, variables{"search": "late"}); !slices.Equal(got, []string{"LATE"}) {
		t.Errorf("the picker offers %q, want the company that was mapped during the run", got)
	}
}
