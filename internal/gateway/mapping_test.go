package gateway_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// change is a row of the mapping history.
type change struct {
	Record   int64  `db:"record_id"`
	Revision int    `db:"revision"`
	By       string `db:"changed_by"`
	Before   string `db:"before"`
	After    string `db:"after"`
}

// history returns the mapping history of the seller, oldest first.
func history(t *testing.T, w *gatewaytest.World) []change {
	t.Helper()
	var rows []change
	err := w.DB.Seller(w.ID).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &rows, `
			SELECT record_id, revision, changed_by, before, after
			FROM mapping_history
			WHERE seller_id = $1
			ORDER BY id`, w.ID)
	})
	if err != nil {
		t.Fatalf("read the mapping history: %v", err)
	}
	return rows
}

// mappingLog returns the titles of what the log says of mappings, oldest first.
func mappingLog(t *testing.T, s *gatewaytest.Seller) []string {
	t.Helper()
	var data struct {
		LogEntries struct{ Nodes []gatewaytest.LogEntry }
	}
	s.Must(t, viewer, `{ logEntries(first: 1000) { nodes { level code title details } } }`, nil, &data)
	titles := []string{}
	for _, entry := range slices.Backward(data.LogEntries.Nodes) {
		if slices.Contains([]string{"MAPPING_CHANGED", "MAPPING_REMOVED", "EXCLUSION_CHANGED"}, entry.Code) {
			titles = append(titles, entry.Code+": "+entry.Title)
		}
	}
	return titles
}

// startPair puts up a world with the organizations Alpha and Beta and the companies ACME and OTHER.
func startPair(t *testing.T, options gatewaytest.Options) (w *gatewaytest.World, alpha, beta organization, acme, other company) {
	t.Helper()
	w = gatewaytest.Start(t, options)
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme Ltd"})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "OTHER", Name: "Other Ltd"})
	w.AddCustomer("Alpha", "1", "Active")
	w.AddCustomer("Beta", "2", "Active")
	w.Sync(t)
	known := companies(t, w.Seller)
	return w, organizationNamed(t, w.Seller, "Alpha"), organizationNamed(t, w.Seller, "Beta"), known["ACME"], known["OTHER"]
}

// wantRefused checks that a mutation refused exactly one thing.
func wantRefused(t *testing.T, what string, refused []gatewaytest.UserError, code string, field ...string) {
	t.Helper()
	if len(refused) != 1 || refused[0].Code != code || !slices.Equal(refused[0].Field, field) || refused[0].Message == "" {
		t.Errorf("%s was refused with %+v, want %s for %q with a message", what, refused, code, field)
	}
}

// refusals are what was refused, by path and code.
func refusals(refused []gatewaytest.UserError) (list []string) {
	for _, e := range refused {
		list = append(list, strings.Join(e.Field, ".")+" "+e.Code)
	}
	return list
}

func TestAnOrganizationIsMappedRemappedUnmappedAndExcluded(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, other := startPair(t, gatewaytest.Options{})
	begun := time.Now().Add(-time.Second)

	mapped := mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
	if mapped.Revision != alpha.Revision+1 || mapped.MappingStatus != "MAPPED" || mapped.PsaCompany.Identifier != "ACME" || !mapped.ExcludedFromSync {
		t.Errorf("the mapped organization is %+v, want it MAPPED to ACME, still excluded, one revision on", mapped)
	}
	if at, err := time.Parse(time.RFC3339, deref(mapped.MappedAt)); err != nil || at.Before(begun) || deref(mapped.MappedBy) != "editor@example.com" {
		t.Errorf("it was mapped at %s by %s, want just now by the token's subject", deref(mapped.MappedAt), deref(mapped.MappedBy))
	}
	remapped := mapTo(t, w.Seller, alpha.ID, other.ID, variables{"excludedFromSync": false})
	if remapped.Revision != mapped.Revision+1 || remapped.PsaCompany.Identifier != "OTHER" || remapped.ExcludedFromSync {
		t.Errorf("the remapped organization is %+v, want it mapped to OTHER and included in one revision", remapped)
	}
	unmapped := unmapOrganization(t, w.Seller, alpha.ID, nil)
	if got := unmapped.Organization; len(unmapped.UserErrors) > 0 || got.Revision != remapped.Revision+1 || got.MappingStatus != "UNMAPPED" ||
		got.PsaCompany != nil || got.MappedAt != nil || got.MappedBy != nil || got.ExcludedFromSync {
		t.Errorf("the unmapped organization is %+v, want nothing left of the mapping but the exclusion", unmapped)
	}
	excluded := setExcluded(t, w.Seller, []string{alpha.ID}, true, nil)
	if len(excluded.UserErrors) > 0 || len(excluded.Organizations) != 1 || !excluded.Organizations[0].ExcludedFromSync ||
		excluded.Organizations[0].Revision != remapped.Revision+2 {
		t.Errorf("the excluded organization is %+v, want it excluded, one revision on", excluded)
	}

	wantLog := []string{
		"MAPPING_CHANGED: Alpha is mapped to Acme Ltd", "MAPPING_CHANGED: Alpha is mapped to Other Ltd",
		"MAPPING_REMOVED: Alpha is no longer mapped to Other Ltd", "EXCLUSION_CHANGED: Alpha is excluded from sync",
	}
	if diff := cmp.Diff(wantLog, mappingLog(t, w.Seller)); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
	wantStates := []map[string]any{
		{"target": nil, "excluded": true},
		{"target": float64(acme.RecordID), "targetName": "Acme Ltd", "excluded": true},
		{"target": float64(other.RecordID), "targetName": "Other Ltd", "excluded": false},
		{"target": nil, "excluded": false},
		{"target": nil, "excluded": true},
	}
	changes := history(t, w)
	if len(changes) != len(wantStates)-1 {
		t.Fatalf("the history has %d changes, want %d", len(changes), len(wantStates)-1)
	}
	for i, c := range changes {
		if c.By != "editor@example.com" || c.Revision != alpha.Revision+i+1 {
			t.Errorf("change %d is of revision %d by %s, want revision %d by editor@example.com", i, c.Revision, c.By, alpha.Revision+i+1)
		}
		for state, text := range map[int]string{i: c.Before, i + 1: c.After} {
			var got map[string]any
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wantStates[state], got); diff != "" {
				t.Errorf("change %d, state %d (-want +got):\n%s", i, state, diff)
			}
		}
	}
}

func TestTheLogNamesTheOrganizationThatWasMapped(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, _ := startPair(t, gatewaytest.Options{})
	mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
	golden(t, "mapping-log", w.Must(t, viewer, `{ logEntries(first: 1) { nodes {
		level code title details timestamp subject { id ... on Organization { name mappingStatus } } job { id }
	} } }`, nil, nil))
}

func TestSavingWhatHoldsAlreadyChangesNothing(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, _ := startPair(t, gatewaytest.Options{})
	first := mapTo(t, w.Seller, alpha.ID, acme.ID, variables{"excludedFromSync": false})
	changes, entries := len(history(t, w)), len(mappingLog(t, w.Seller))
	for name, again := range map[string]func() (organization, []gatewaytest.UserError){
		"the same mapping": func() (organization, []gatewaytest.UserError) {
			p := mapOrganization(t, w.Seller, alpha.ID, acme.ID, variables{"excludedFromSync": false})
			return *p.Organization, p.UserErrors
		},
		"the same mapping with a stale revision": func() (organization, []gatewaytest.UserError) {
			p := mapOrganization(t, w.Seller, alpha.ID, acme.ID, variables{"excludedFromSync": false, "expectedRevision": alpha.Revision})
			return *p.Organization, p.UserErrors
		},
		"the same mapping without the exclusion": func() (organization, []gatewaytest.UserError) {
			p := mapOrganization(t, w.Seller, alpha.ID, acme.ID, variables{"excludedFromSync": nil})
			return *p.Organization, p.UserErrors
		},
		"the same exclusion": func() (organization, []gatewaytest.UserError) {
			p := setExcluded(t, w.Seller, []string{alpha.ID}, false, variables{"expectedRevisions": []int{alpha.Revision}})
			return p.Organizations[0], p.UserErrors
		},
	} {
		got, refused := again()
		if diff := cmp.Diff(first, got); diff != "" || len(refused) > 0 {
			t.Errorf("%s was refused with %v or changed the row (-before +after):\n%s", name, refused, diff)
		}
	}
	unmapped := unmapOrganization(t, w.Seller, beta.ID, variables{"expectedRevision": 99})
	if diff := cmp.Diff(&beta, unmapped.Organization); diff != "" || len(unmapped.UserErrors) > 0 {
		t.Errorf("unmapping what is not mapped was refused with %v or changed the row (-before +after):\n%s", unmapped.UserErrors, diff)
	}
	if got := len(history(t, w)); got != changes {
		t.Errorf("the history has %d changes, want %d as before", got, changes)
	}
	if got := len(mappingLog(t, w.Seller)); got != entries {
		t.Errorf("the log has %d entries, want %d as before", got, entries)
	}
}

func TestAChangeOfARowThatHasGrownIsAConflictAndShowsTheRow(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, other := startPair(t, gatewaytest.Options{})
	current := mapTo(t, w.Seller, alpha.ID, acme.ID, variables{"expectedRevision": alpha.Revision})

	stale := variables{"expectedRevision": alpha.Revision}
	mapping := mapOrganization(t, w.Seller, alpha.ID, other.ID, stale)
	wantRefused(t, "mapping with a stale revision", mapping.UserErrors, "CONFLICT", "expectedRevision")
	unmapping := unmapOrganization(t, w.Seller, alpha.ID, stale)
	wantRefused(t, "unmapping with a stale revision", unmapping.UserErrors, "CONFLICT", "expectedRevision")
	ahead := mapOrganization(t, w.Seller, alpha.ID, other.ID, variables{"expectedRevision": current.Revision + 1})
	wantRefused(t, "mapping with a revision of the future", ahead.UserErrors, "CONFLICT", "expectedRevision")
	for name, got := range map[string]*organization{"mapOrganization": mapping.Organization, "unmapOrganization": unmapping.Organization} {
		if diff := cmp.Diff(&current, got); diff != "" {
			t.Errorf("%s, refused, shows another row than the current one (-current +shown):\n%s", name, diff)
		}
	}
	excluding := setExcluded(t, w.Seller, []string{alpha.ID}, false, variables{"expectedRevisions": []int{alpha.Revision}})
	wantRefused(t, "excluding with a stale revision", excluding.UserErrors, "CONFLICT", "organizationIds", "0")
	if len(excluding.Organizations) != 0 {
		t.Errorf("a refused exclusion lists %+v among those that hold what was asked", excluding.Organizations)
	}
	bulk := mapOrganizations(t, w.Seller, []variables{{"organizationId": alpha.ID, "psaCompanyId": other.ID, "expectedRevision": alpha.Revision}})
	wantRefused(t, "mapping many with a stale revision", bulk.UserErrors, "CONFLICT", "mappings", "0", "expectedRevision")
	if diff := cmp.Diff(current, organizationNamed(t, w.Seller, "Alpha")); diff != "" {
		t.Errorf("refused changes changed the row (-before +after):\n%s", diff)
	}
	if got := mapTo(t, w.Seller, alpha.ID, other.ID, variables{"expectedRevision": current.Revision}); got.Revision != current.Revision+1 {
		t.Errorf("with the current revision the row is at %d, want %d", got.Revision, current.Revision+1)
	}
}

func TestEverythingThatSpeaksAgainstAMappingIsNamed(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, _ := startPair(t, gatewaytest.Options{})
	never := nodeID("PsaCompany", 987654)
	for name, test := range map[string]struct {
		payload mapPayload
		want    []string
		shown   *organization
	}{
		"neither of which there is": {mapOrganization(t, w.Seller, nodeID("Organization", 987654), never, nil), []string{"organizationId NOT_FOUND", "psaCompanyId NOT_FOUND"}, nil},
		"stale and to no company":   {mapOrganization(t, w.Seller, alpha.ID, never, variables{"expectedRevision": 9}), []string{"expectedRevision CONFLICT", "psaCompanyId NOT_FOUND"}, &alpha},
		"to what is no node id":     {mapOrganization(t, w.Seller, alpha.ID, "bad", nil), []string{"psaCompanyId INVALID"}, &alpha},
		"of what is no node id":     {mapOrganization(t, w.Seller, "bad", acme.ID, nil), []string{"organizationId INVALID"}, nil},
	} {
		if diff := cmp.Diff(test.want, refusals(test.payload.UserErrors)); diff != "" {
			t.Errorf("what speaks against a mapping %s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.shown, test.payload.Organization); diff != "" {
			t.Errorf("a mapping %s shows another row (-want +got):\n%s", name, diff)
		}
	}
}

func TestManyOrganizationsMayShareACompany(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, _ := startPair(t, gatewaytest.Options{})
	mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
	mapTo(t, w.Seller, beta.ID, acme.ID, nil)
	var data struct {
		PsaCompanies struct {
			Nodes []struct {
				Identifier    string
				Organizations struct {
					TotalCount int
					Nodes      []struct{ Name string }
				}
			}
		}
	}
	w.Must(t, viewer, `{ psaCompanies(search: "acme") { nodes { identifier organizations { totalCount nodes { name } } } } }`, nil, &data)
	shared := data.PsaCompanies.Nodes[0].Organizations
	if shared.TotalCount != 2 || len(shared.Nodes) != 2 || shared.Nodes[0].Name != "Alpha" || shared.Nodes[1].Name != "Beta" {
		t.Errorf("the company's organizations are %+v, want Alpha and Beta", shared)
	}
}

func TestACompanyThatConnectWiseNoLongerHasIsRefused(t *testing.T) {
	t.Parallel()
	w, alpha, beta, acme, other := startPair(t, gatewaytest.Options{})
	// Deleted a moment ago: the mirror does not know yet, and an answer shown a moment ago may still say otherwise.
	for name, test := range map[string]struct {
		organization, company string
		remove                func() error
	}{
		"deleted into the recycle bin": {alpha.ID, acme.ID, func() error { return w.ConnectWise.DeleteCompany(acme.RecordID) }},
		"deleted for good":             {beta.ID, other.ID, func() error { return w.ConnectWise.PurgeCompany(other.RecordID) }},
	} {
		w.Must(t, viewer, `query ($id: ID!) { node(id: $id) { ... on PsaCompany { deleted } } }`, variables{"id": test.company}, nil)
		if err := test.remove(); err != nil {
			t.Fatal(err)
		}
		for _, when := range []string{"a moment ago", "and known to be"} {
			payload := mapOrganization(t, w.Seller, test.organization, test.company, nil)
			wantRefused(t, "mapping to a company "+name+" "+when, payload.UserErrors, "NOT_FOUND", "psaCompanyId")
			if payload.Organization == nil || payload.Organization.MappingStatus != "UNMAPPED" {
				t.Errorf("the refused row is shown as %+v, want it UNMAPPED", payload.Organization)
			}
		}
	}
	if got := companies(t, w.Seller); !got["ACME"].Deleted || !got["OTHER"].Deleted {
		t.Errorf("the mirror has %+v, want both flagged as deleted by now", got)
	}
	unknown := mapOrganization(t, w.Seller, alpha.ID, nodeID("PsaCompany", 987654), nil)
	wantRefused(t, "mapping to a company that never was", unknown.UserErrors, "NOT_FOUND", "psaCompanyId")
	if got := len(history(t, w)); got != 0 {
		t.Errorf("refused mappings left %d changes in the history", got)
	}
}

func TestACompanyNewInConnectWiseCanBeMappedBeforeTheNextSync(t *testing.T) {
	t.Parallel()
	w, alpha, _, _, _ := startPair(t, gatewaytest.Options{})
	id := w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "NEW", Name: "New Ltd"})
	got := mapTo(t, w.Seller, alpha.ID, nodeID("PsaCompany", int64(id)), nil)
	if got.PsaCompany == nil || got.PsaCompany.Identifier != "NEW" {
		t.Errorf("the organization is mapped to %+v, want NEW", got.PsaCompany)
	}
}

func TestWhileConnectWiseDoesNotAnswerMappingWorksFromTheMirror(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]fault.Fault{
		"it is down":                 {Kind: fault.NoAnswer},
		"it is slow":                 stuck(companiesPath),
		"it answers 500":             {Kind: fault.ServerError},
		"it refuses the credentials": {Kind: fault.Unauthorized},
		"a web page comes with 200":  {Kind: fault.WebPage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, alpha, beta, acme, other := startPair(t, gatewaytest.Options{
				Gateway: func(c *gateway.Config) { c.PSABudget = 500 * time.Millisecond },
			})
			if err := w.ConnectWise.DeleteCompany(other.RecordID); err != nil {
				t.Fatal(err)
			}
			w.Sync(t)
			setFaults(t, w.ConnectWise.Faults().Set, outage)

			mapped := mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
			if mapped.MappingStatus != "RESPONSE_ERROR" || mapped.PsaCompany.Freshness != "STALE" || mapped.PsaCompany.Name != "Acme Ltd" {
				t.Errorf("the row mapped meanwhile is %+v with %+v, want RESPONSE_ERROR with the mirror's copy", mapped, mapped.PsaCompany)
			}
			unknown := mapOrganization(t, w.Seller, beta.ID, nodeID("PsaCompany", 987654), nil)
			wantRefused(t, "mapping to an unknown company meanwhile", unknown.UserErrors, "PSA_UNAVAILABLE", "psaCompanyId")
			deleted := mapOrganization(t, w.Seller, beta.ID, other.ID, nil)
			wantRefused(t, "mapping to a deleted company meanwhile", deleted.UserErrors, "NOT_FOUND", "psaCompanyId")
			unmapped := unmapOrganization(t, w.Seller, alpha.ID, nil)
			if len(unmapped.UserErrors) > 0 || unmapped.Organization.MappingStatus != "UNMAPPED" {
				t.Errorf("unmapping meanwhile answered %+v, want it done", unmapped)
			}
			if got := setExcluded(t, w.Seller, []string{alpha.ID, beta.ID}, false, nil); len(got.UserErrors) > 0 {
				t.Errorf("excluding meanwhile was refused: %+v", got.UserErrors)
			}
		})
	}
}

func TestAMappingToAVanishedCompanyIsKeptAndCanBeChanged(t *testing.T) {
	t.Parallel()
	w, alpha, _, acme, other := startPair(t, gatewaytest.Options{})
	before := mapTo(t, w.Seller, alpha.ID, acme.ID, nil)
	if err := w.ConnectWise.PurgeCompany(acme.RecordID); err != nil {
		t.Fatal(err)
	}
	again := mapOrganization(t, w.Seller, alpha.ID, acme.ID, variables{"excludedFromSync": false})
	if len(again.UserErrors) > 0 || again.Organization.ExcludedFromSync || again.Organization.Revision != before.Revision+1 {
		t.Errorf("saving the exclusion beside the mapping as it is answered %+v, want it done", again)
	}
	if got := mapTo(t, w.Seller, alpha.ID, other.ID, nil); got.PsaCompany.Identifier != "OTHER" {
		t.Errorf("the organization is mapped to %+v, want OTHER", got.PsaCompany)
	}
	wantRefused(t, "mapping back to the vanished company", mapOrganization(t, w.Seller, alpha.ID, acme.ID, nil).UserErrors, "NOT_FOUND", "psaCompanyId")
}
