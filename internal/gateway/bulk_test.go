package gateway_test

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

func TestMappingManyDoesWhatItCanAndNamesTheRest(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, other := startPair(t, gatewaytest.Options{})
	for _, name := range []string{"Gamma", "Delta", "Epsilon"} {
		w.AddCustomer(name, name, "Active")
	}
	w.Sync(t)
	gamma, delta, epsilon := organizationNamed(t, w.Seller, "Gamma"), organizationNamed(t, w.Seller, "Delta"), organizationNamed(t, w.Seller, "Epsilon")
	if err := w.ConnectWise.DeleteCompany(other.RecordID); err != nil {
		t.Fatal(err)
	}

	payload := mapOrganizations(t, w.Seller, []variables{
		{"organizationId": epsilon.ID, "psaCompanyId": acme.ID, "excludedFromSync": false},
		{"organizationId": beta.ID, "psaCompanyId": other.ID},
		{"organizationId": nodeID("Organization", 987654), "psaCompanyId": acme.ID},
		{"organizationId": "rubbish", "psaCompanyId": alpha.ID},
		{"organizationId": alpha.ID, "psaCompanyId": acme.ID},
		{"organizationId": gamma.ID, "psaCompanyId": acme.ID, "expectedRevision": 7},
		{"organizationId": delta.ID, "psaCompanyId": "12"},
	})

	var shown []string
	for _, o := range payload.Organizations {
		shown = append(shown, o.Name)
		if o.PsaCompany == nil || o.PsaCompany.Identifier != "ACME" {
			t.Errorf("%s is listed as done and mapped to %+v, want ACME", o.Name, o.PsaCompany)
		}
	}
	if diff := cmp.Diff([]string{"Epsilon", "Alpha"}, shown); diff != "" {
		t.Errorf("organizations that hold what was asked, in the order of the input (-want +got):\n%s", diff)
	}
	var refused []string
	for _, e := range payload.UserErrors {
		refused = append(refused, strings.Join(e.Field, ".")+" "+e.Code)
	}
	want := []string{
		"mappings.1.psaCompanyId NOT_FOUND", "mappings.2.organizationId NOT_FOUND", "mappings.3.organizationId INVALID",
		"mappings.3.psaCompanyId INVALID", "mappings.5.expectedRevision CONFLICT", "mappings.6.psaCompanyId INVALID",
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("what was refused, in the order of the input (-want +got):\n%s", diff)
	}
	for _, name := range []string{"Beta", "Gamma", "Delta"} {
		if o := organizationNamed(t, w.Seller, name); o.MappingStatus != "UNMAPPED" || o.Revision != 1 {
			t.Errorf("%s, refused, is %+v, want it untouched", name, o)
		}
	}
	if got := len(history(t, w)); got != 2 {
		t.Errorf("the history has %d changes, want 2", got)
	}
}

func TestExcludingManyDoesWhatItCanAndNamesTheRest(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, _ := startPair(t, gatewaytest.Options{})
	payload := setExcluded(t, w.Seller, []string{beta.ID, acme.ID, nodeID("Organization", 987654), alpha.ID}, false,
		variables{"expectedRevisions": []int{1, 1, 1, 5}})
	if len(payload.Organizations) != 1 || payload.Organizations[0].Name != "Beta" || payload.Organizations[0].ExcludedFromSync {
		t.Errorf("done are %+v, want Beta alone, included", payload.Organizations)
	}
	var refused []string
	for _, e := range payload.UserErrors {
		refused = append(refused, strings.Join(e.Field, ".")+" "+e.Code)
	}
	if diff := cmp.Diff([]string{"organizationIds.1 INVALID", "organizationIds.2 NOT_FOUND", "organizationIds.3 CONFLICT"}, refused); diff != "" {
		t.Errorf("what was refused, in the order of the input (-want +got):\n%s", diff)
	}
	uneven := setExcluded(t, w.Seller, []string{alpha.ID, beta.ID}, false, variables{"expectedRevisions": []int{1}})
	wantRefused(t, "one revision for two organizations", uneven.UserErrors, "INVALID", "expectedRevisions")
	if o := organizationNamed(t, w.Seller, "Alpha"); !o.ExcludedFromSync || len(uneven.Organizations) > 0 {
		t.Errorf("one revision for two organizations changed %+v", o)
	}
}

func TestARowGivenTwiceInOneListIsSavedOnceAndContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, other := startPair(t, gatewaytest.Options{})
	mapTo(t, w.Seller, beta.ID, other.ID, nil)
	payload := mapOrganizations(t, w.Seller, []variables{
		{"organizationId": alpha.ID, "psaCompanyId": nodeID("PsaCompany", 987654)},
		{"organizationId": alpha.ID, "psaCompanyId": acme.ID},
		{"organizationId": alpha.ID, "psaCompanyId": other.ID},
		{"organizationId": alpha.ID, "psaCompanyId": acme.ID, "excludedFromSync": false},
		{"organizationId": alpha.ID, "psaCompanyId": acme.ID, "excludedFromSync": true},
		{"organizationId": beta.ID, "psaCompanyId": other.ID},
		{"organizationId": beta.ID, "psaCompanyId": acme.ID},
	})
	want := []string{"mappings.0.psaCompanyId NOT_FOUND", "mappings.2.organizationId INVALID", "mappings.4.organizationId INVALID", "mappings.6.organizationId INVALID"}
	if diff := cmp.Diff(want, refusals(payload.UserErrors)); diff != "" {
		t.Errorf("what was refused of rows given several times (-want +got):\n%s", diff)
	}
	now := organizationNamed(t, w.Seller, "Alpha")
	if now.PsaCompany.Identifier != "ACME" || now.ExcludedFromSync || now.Revision != 3 {
		t.Errorf("the row is %+v mapped to %+v, want ACME, included, at revision 3", now, now.PsaCompany)
	}
	if got := len(history(t, w)); got != 3 {
		t.Errorf("the history has %d changes, want 3", got)
	}
	same := setExcluded(t, w.Seller, []string{alpha.ID, alpha.ID, alpha.ID}, true, nil)
	if len(same.UserErrors) > 0 || organizationNamed(t, w.Seller, "Alpha").Revision != 4 {
		t.Errorf("the same exclusion three times answered %+v, want one change", same)
	}
	// The second mention of a row sees what the first has done, as a request of its own would.
	stale := mapOrganizations(t, w.Seller, []variables{
		{"organizationId": alpha.ID, "psaCompanyId": other.ID, "expectedRevision": 4},
		{"organizationId": alpha.ID, "psaCompanyId": acme.ID, "expectedRevision": 4},
	})
	wantRefused(t, "the second of two changes of one revision", stale.UserErrors, "CONFLICT", "mappings", "1", "expectedRevision")
}

func TestListsTooLongAreRefusedWholeAndAThousandItemsAreNot(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, _ := startPair(t, gatewaytest.Options{})
	for _, length := range []int{1001, 10_000} {
		mappings := slices.Repeat([]variables{{"organizationId": alpha.ID, "psaCompanyId": acme.ID}}, length)
		wantRefused(t, strconv.Itoa(length)+" mappings", mapOrganizations(t, w.Seller, mappings).UserErrors, "TOO_MANY", "mappings")
		ids := slices.Repeat([]string{alpha.ID}, length)
		wantRefused(t, strconv.Itoa(length)+" exclusions", setExcluded(t, w.Seller, ids, false, nil).UserErrors, "TOO_MANY", "organizationIds")
	}
	if o := organizationNamed(t, w.Seller, "Alpha"); o.Revision != 1 {
		t.Errorf("lists too long changed the row to %+v", o)
	}
	ids := slices.Repeat([]string{alpha.ID}, 1000)
	if got := setExcluded(t, w.Seller, ids, false, nil); len(got.UserErrors) > 0 {
		t.Errorf("1000 items were refused: %+v", got.UserErrors)
	}
	if got := mapOrganizations(t, w.Seller, []variables{}); len(got.UserErrors) > 0 || len(got.Organizations) > 0 {
		t.Errorf("an empty list answered %+v, want nothing done and nothing refused", got)
	}
}

func TestEditorsAtTheSameTimeLoseNoChange(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for i := range 4 {
		w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "C" + strconv.Itoa(i), Name: "Company " + strconv.Itoa(i)})
	}
	for i := range 6 {
		w.AddCustomer("Customer "+number(i), number(i), "Active")
	}
	w.Sync(t)
	second := w.On(w.Replica(t))
	rows, known := organizations(t, w.Seller), companies(t, w.Seller)
	var editors sync.WaitGroup
	for e := range 12 {
		s := w.Seller
		if e%2 == 1 {
			s = second
		}
		editors.Go(func() {
			for round := range 5 {
				target := known["C"+strconv.Itoa((e+round)%4)].ID
				row := rows[(e+round)%len(rows)]
				switch (e + round) % 3 {
				case 0:
					mapOrganization(t, s, row.ID, target, nil)
				case 1:
					var mappings []variables
					for _, r := range rows[round%3:] {
						mappings = append(mappings, variables{"organizationId": r.ID, "psaCompanyId": target, "excludedFromSync": e%2 == 0})
					}
					if e%4 == 1 {
						slices.Reverse(mappings) // must not deadlock with those in the other order
					}
					mapOrganizations(t, s, mappings)
				default:
					unmapOrganization(t, s, row.ID, nil)
				}
			}
		})
	}
	editors.Wait()

	revisions := make(map[int64][]int)
	after := make(map[int64]string)
	for _, c := range history(t, w) {
		if last := after[c.Record]; last != "" && last != c.Before {
			t.Errorf("revision %d of record %d was changed from %s, but the change before left %s", c.Revision, c.Record, c.Before, last)
		}
		after[c.Record] = c.After
		revisions[c.Record] = append(revisions[c.Record], c.Revision)
	}
	complete := 0
	for record, list := range revisions {
		for i, revision := range list {
			if revision != i+2 {
				t.Errorf("record %d went through the revisions %v, want 2, 3, 4 …", record, list)
				break
			}
		}
		complete += len(list)
	}
	sum := 0
	for _, o := range organizations(t, w.Seller) {
		sum += o.Revision - 1
	}
	if sum != complete {
		t.Errorf("the rows grew by %d revisions and the history has %d changes, want as many", sum, complete)
	}
	if got := len(mappingLog(t, w.Seller)); got != complete && complete <= 1000 {
		t.Errorf("the log has %d entries for %d changes", got, complete)
	}
	checkTotals(t, w.Seller)
}

// checkTotals checks that the maintained totals are those of the list.
func checkTotals(t *testing.T, s *gatewaytest.Seller) {
	t.Helper()
	var data struct {
		MappingSummary struct {
			Organizations struct{ Total, Mapped, Unmapped, Excluded int }
		}
	}
	s.Must(t, viewer, `{ mappingSummary { organizations { total mapped unmapped excluded } } }`, nil, &data)
	type totals struct{ Total, Mapped, Unmapped, Excluded int }
	var counted totals
	for _, o := range organizations(t, s) {
		counted.Total++
		if o.PsaCompany != nil {
			counted.Mapped++
		} else {
			counted.Unmapped++
		}
		if o.ExcludedFromSync {
			counted.Excluded++
		}
	}
	if got := totals(data.MappingSummary.Organizations); got != counted {
		t.Errorf("mappingSummary says %+v, the list has %+v", got, counted)
	}
}

func TestOfTwoEditorsWithTheSameRevisionOneWins(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, other := startPair(t, gatewaytest.Options{})
	targets := []company{acme, other}
	payloads := make([]mapPayload, 2)
	var editors sync.WaitGroup
	for i := range payloads {
		editors.Go(func() {
			payloads[i] = mapOrganization(t, w.Seller, alpha.ID, targets[i].ID, variables{"expectedRevision": alpha.Revision})
		})
	}
	editors.Wait()
	winner := slices.IndexFunc(payloads, func(p mapPayload) bool { return len(p.UserErrors) == 0 })
	if winner < 0 {
		t.Fatalf("both editors were refused: %+v", payloads)
	}
	wantRefused(t, "the slower editor", payloads[1-winner].UserErrors, "CONFLICT", "expectedRevision")
	if got := organizationNamed(t, w.Seller, "Alpha"); got.PsaCompany.ID != targets[winner].ID || got.Revision != alpha.Revision+1 {
		t.Errorf("the row is %+v mapped to %+v, want the winner's company", got, got.PsaCompany)
	}
}
