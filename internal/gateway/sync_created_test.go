package gateway_test

import (
	"slices"
	"testing"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

func TestSyncTakesNoAgreementForGoneThatIsTooNewForLists(t *testing.T) {
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

	d.Sync(t)
	wantStatuses(t, d.Seller, may, map[string]string{"a": "SYNCED", "b": "READY"})
	got := agreements(t, d.Seller, variables{"companyId": companyID(d.acme)}).names()
	if !slices.Contains(got, "Alpha C-1") {
		t.Errorf("the picker offers %q, want the created agreement among them", got)
	}
	wantStatuses(t, d.Seller, may, map[string]string{"a": "SYNCED", "b": "READY"})

	try(t, d.ConnectWise.PurgeAgreement(theAgreement(t, d.World, "Alpha C-1").ID))
	d.Sync(t)
	l := postedLines(t, d.Seller, may)["b"]
	if len(l.SyncBlockers) != 1 || l.SyncBlockers[0].Code != "PSA_RECORD_MISSING" {
		t.Errorf("when ConnectWise has the agreement no more, the line shows %+v, want PSA_RECORD_MISSING", l.SyncBlockers)
	}
}
