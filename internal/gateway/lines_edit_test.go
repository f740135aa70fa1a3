package gateway_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// dates are the charge dates of a line with their origins.
func dates(l line) string {
	return deref(l.ChargeStartDate.Value) + " " + l.ChargeStartDate.Origin + " to " + deref(l.ChargeEndDate.Value) + " " + l.ChargeEndDate.Origin
}

func TestDatesOfALineAreSetKeptAndCleared(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", today(), cycle("recurring"), once("once"))
	loadLines(t, d.Seller)
	for _, c := range []struct {
		line  string
		input variables
		want  string
	}{
		{"recurring", variables{}, "2026-05-01 DEFAULT to (nothing) DEFAULT"},
		{"recurring", variables{"chargeEndDate": "2026-06-15"}, "2026-05-01 DEFAULT to 2026-06-15 USER_UPDATED"},
		{"recurring", variables{"chargeStartDate": "2026-06-15"}, "2026-06-15 USER_UPDATED to 2026-06-15 USER_UPDATED"},
		{"recurring", variables{"chargeStartDate": nil}, "2026-05-01 DEFAULT to 2026-06-15 USER_UPDATED"},
		{"recurring", variables{"chargeStartDate": "2028-02-10", "chargeEndDate": nil}, "2028-02-10 USER_UPDATED to (nothing) DEFAULT"},
		{"once", variables{}, "2026-05-10 DEFAULT to 2026-05-31 DEFAULT"},
		{"once", variables{"chargeStartDate": "2028-02-10"}, "2028-02-10 USER_UPDATED to 2028-02-29 DEFAULT"},
		{"once", variables{"chargeEndDate": "2028-02-10"}, "2028-02-10 USER_UPDATED to 2028-02-10 USER_UPDATED"},
		{"once", variables{"chargeStartDate": nil, "chargeEndDate": nil}, "2026-05-10 DEFAULT to 2026-05-31 DEFAULT"},
	} {
		before := lineOf(t, d.Seller, c.line)
		got := edit(t, d.Seller, before.ID, c.input)
		grown := map[bool]int{true: 1}[dates(got) != dates(before)]
		if dates(got) != c.want || got.Revision != before.Revision+grown {
			t.Errorf("%s of %s, changed by %v, is %s in revision %d; want %s in revision %d", c.line, dates(before), c.input, dates(got), got.Revision, c.want, before.Revision+grown)
		}
		if diff := cmp.Diff(lineOf(t, d.Seller, c.line), got); diff != "" {
			t.Errorf("the answer to %v is not the line (-line +answer):\n%s", c.input, diff)
		}
	}
}

func TestALineTakesAnAgreementOfItsOwn(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", today(), cycle("one"), cycle("two"))
	loadLines(t, d.Seller)
	d.ready(t)
	contract := contractOf(t, d.Seller, "C-1")
	sign(t, d.Seller, contract.ID, agreementID(d.cloud))
	one := edit(t, d.Seller, lineOf(t, d.Seller, "one").ID, variables{"psaAgreementId": agreementID(d.spare)})
	two := lineOf(t, d.Seller, "two")
	if one.PsaAgreementOrigin != "LINE" || one.PsaAgreement.Name != "Spare" || two.PsaAgreementOrigin != "CONTRACT" || two.PsaAgreement.Name != "Cloud" {
		t.Errorf("agreements are %+v (%s) and %+v (%s), want Spare for the line alone", one.PsaAgreement, one.PsaAgreementOrigin, two.PsaAgreement, two.PsaAgreementOrigin)
	}
	kept := edit(t, d.Seller, one.ID, variables{"chargeEndDate": "2026-05-30"})
	back := edit(t, d.Seller, one.ID, variables{"psaAgreementId": nil})
	if kept.PsaAgreementOrigin != "LINE" || back.PsaAgreementOrigin != "CONTRACT" || back.PsaAgreement.Name != "Cloud" || deref(back.ChargeEndDate.Value) != "2026-05-30" {
		t.Errorf("the agreement is %s after a change of dates and %s after it was cleared, with the dates %s", kept.PsaAgreementOrigin, back.PsaAgreementOrigin, dates(back))
	}

	// Mapping the contract clears the agreements of its lines that are not posted, and says how many it reached.
	edit(t, d.Seller, one.ID, variables{"psaAgreementId": agreementID(d.spare)})
	edit(t, d.Seller, two.ID, variables{"psaAgreementId": agreementID(d.spare)})
	setState(t, d.World, "SYNCED", "two")
	posted := lineOf(t, d.Seller, "two")
	payload := mapContract(t, d.Seller, contract.ID, agreementID(d.spare), nil)
	if payload.AffectedLineCount != 1 || len(payload.UserErrors) > 0 {
		t.Errorf("mapContract answered %+v, want one line reached", payload)
	}
	if got := lineOf(t, d.Seller, "one"); got.PsaAgreementOrigin != "CONTRACT" || got.PsaAgreement.Name != "Spare" {
		t.Errorf("the line has the agreement %+v (%s), want the contract's", got.PsaAgreement, got.PsaAgreementOrigin)
	}
	if diff := cmp.Diff(posted, lineOf(t, d.Seller, "two")); diff != "" {
		t.Errorf("the posted line (-before +after):\n%s", diff)
	}
	if payload := unmapContract(t, d.Seller, contract.ID, nil); payload.AffectedLineCount != 1 {
		t.Errorf("unmapContract answered %+v, want one line reached", payload)
	}
}

func TestWhatDoesNotFitALineIsRefused(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{Sellers: 2})
	billTo(d.World, "1", today(), cycle("open"), cycle("synced"), cycle("syncing"), cycle("unconfirmed"), cycle("failed"))
	billTo(d.World, "2", today(), cycle("unmapped"))
	loadLines(t, d.Seller)
	d.ready(t)
	for state, id := range map[string]string{"SYNCED": "synced", "SYNCING": "syncing", "UNCONFIRMED": "unconfirmed", "FAILED": "failed"} {
		setState(t, d.World, state, id)
	}
	before := linesOf(t, d.Seller, may)
	end := variables{"chargeEndDate": "2026-05-30"}
	agreement := func(number int) variables { return variables{"psaAgreementId": agreementID(number)} }
	for name, c := range map[string]struct {
		line  string
		input variables
		code  string
		field string
	}{
		"a posted line":                           {"synced", end, "ALREADY_SYNCED", "invoiceLineId"},
		"a line that is being posted":             {"syncing", end, "CONFLICT", "invoiceLineId"},
		"a line whose posting is not confirmed":   {"unconfirmed", end, "CONFLICT", "invoiceLineId"},
		"an end before the start":                 {"open", variables{"chargeEndDate": "2026-04-30"}, "INVALID", "chargeEndDate"},
		"a start after the end, both given":       {"open", variables{"chargeStartDate": "2026-07-01", "chargeEndDate": "2026-06-30"}, "INVALID", "chargeEndDate"},
		"an agreement of another company":         {"open", agreement(d.elsewhere), "NOT_OF_COMPANY", "psaAgreementId"},
		"an agreement without a company to match": {"unmapped", agreement(d.cloud), "NOT_OF_COMPANY", "psaAgreementId"},
		"an agreement that has ended":             {"open", agreement(d.closed), "CLOSED", "psaAgreementId"},
		"an agreement in another currency":        {"open", agreement(d.dollars), "CURRENCY_MISMATCH", "psaAgreementId"},
		"an agreement that ConnectWise has not":   {"open", agreement(987654), "NOT_FOUND", "psaAgreementId"},
		"what is no agreement":                    {"open", variables{"psaAgreementId": companyID(d.acme)}, "INVALID", "psaAgreementId"},
		"a revision that is not the line's":       {"open", variables{"chargeEndDate": "2026-05-30", "expectedRevision": 7}, "CONFLICT", "expectedRevision"},
	} {
		payload := editLine(t, d.Seller, before[c.line].ID, c.input)
		wantRefused(t, name, payload.UserErrors, c.code, c.field)
		if payload.InvoiceLine == nil || payload.InvoiceLine.ID != before[c.line].ID {
			t.Errorf("%s: the answer shows %+v, want the line", name, payload.InvoiceLine)
		}
	}
	for name, c := range map[string]struct {
		line  string
		input variables
		want  []string
	}{
		"an agreement that never was and an end before the start":  {before["open"].ID, variables{"psaAgreementId": agreementID(987654), "chargeEndDate": "2026-04-30"}, []string{"psaAgreementId NOT_FOUND", "chargeEndDate INVALID"}},
		"a closed agreement for a line that was changed":           {before["open"].ID, variables{"psaAgreementId": agreementID(d.closed), "expectedRevision": 7}, []string{"psaAgreementId CLOSED", "expectedRevision CONFLICT"}},
		"an agreement elsewhere and an end before the start":       {before["open"].ID, variables{"psaAgreementId": agreementID(d.elsewhere), "chargeEndDate": "2026-04-30"}, []string{"chargeEndDate INVALID", "psaAgreementId NOT_OF_COMPANY"}},
		"an agreement that never was for a line that is not there": {nodeID("InvoiceLine", 987654), variables{"psaAgreementId": agreementID(987654)}, []string{"psaAgreementId NOT_FOUND", "invoiceLineId NOT_FOUND"}},
		"an agreement that never was alone":                        {before["open"].ID, variables{"psaAgreementId": agreementID(987654), "chargeEndDate": "2026-05-30"}, []string{"psaAgreementId NOT_FOUND"}},
	} {
		payload := editLine(t, d.Seller, c.line, c.input)
		if diff := cmp.Diff(c.want, refusals(payload.UserErrors)); diff != "" {
			t.Errorf("what speaks against %s (-want +got):\n%s", name, diff)
		}
	}
	for name, id := range map[string]string{"a line that is not there": nodeID("InvoiceLine", 987654), "the id of another record": companyID(d.acme), "no id": "rubbish"} {
		payload := editLine(t, d.Seller, id, end)
		code := map[bool]string{true: "NOT_FOUND", false: "INVALID"}[name == "a line that is not there"]
		wantRefused(t, name, payload.UserErrors, code, "invoiceLineId")
		if payload.InvoiceLine != nil {
			t.Errorf("%s is answered with %+v", name, payload.InvoiceLine)
		}
	}
	wantRefused(t, "another seller's line", editLine(t, d.Sellers[1], before["open"].ID, end).UserErrors, "NOT_FOUND", "invoiceLineId")
	if diff := cmp.Diff(before, linesOf(t, d.Seller, may)); diff != "" {
		t.Errorf("lines after refusals (-before +after):\n%s", diff)
	}
	if got := edit(t, d.Seller, before["failed"].ID, end); deref(got.ChargeEndDate.Value) != "2026-05-30" {
		t.Errorf("a line that failed to post is not changed: %s", dates(got))
	}
}

func TestTheSameChangeOfALineTwiceIsHarmless(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", today(), cycle("one"))
	loadLines(t, d.Seller)
	d.ready(t)
	before := lineOf(t, d.Seller, "one")
	save := variables{"chargeEndDate": "2026-12-15", "expectedRevision": before.Revision}
	payloads := make([]linePayload, 6)
	var clicks sync.WaitGroup
	for i := range payloads {
		clicks.Go(func() { payloads[i] = editLine(t, d.Seller, before.ID, save) })
	}
	clicks.Wait()
	for _, p := range payloads {
		if len(p.UserErrors) > 0 || p.InvoiceLine == nil || p.InvoiceLine.Revision != before.Revision+1 || deref(p.InvoiceLine.ChargeEndDate.Value) != "2026-12-15" {
			t.Errorf("one of several clicks is answered with %+v, want the line saved once", p)
		}
	}
	other := variables{"chargeEndDate": "2026-12-15", "psaAgreementId": agreementID(d.spare), "expectedRevision": before.Revision}
	wantRefused(t, "a change that the line holds in part", editLine(t, d.Seller, before.ID, other).UserErrors, "CONFLICT", "expectedRevision")

	// A line keeps an agreement that would not fit it any more; saving the line as it is changes nothing.
	own := variables{"psaAgreementId": agreementID(d.spare)}
	held := edit(t, d.Seller, before.ID, own)
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Alpha").ID, companyID(d.other), nil)
	if got := edit(t, d.Seller, before.ID, own); got.Revision != held.Revision {
		t.Errorf("saving the agreement a line holds takes it from revision %d to %d", held.Revision, got.Revision)
	}
	own["ids"] = []string{before.ID, before.ID}
	if got := editLines(t, d.Seller, own); got.Updated != 1 || len(got.UserErrors) > 0 {
		t.Errorf("the same in a list is answered with %+v, want one line that holds it", got)
	}
}

func TestManyLinesAreChangedByIDs(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", today(), cycle("one"), cycle("two"), cycle("synced"), cycle("syncing"))
	billTo(d.World, "2", today(), cycle("other"))
	loadLines(t, d.Seller)
	d.ready(t)
	setState(t, d.World, "SYNCED", "synced")
	setState(t, d.World, "SYNCING", "syncing")
	lines := linesOf(t, d.Seller, may)
	ids := []string{lines["synced"].ID, lines["one"].ID, nodeID("InvoiceLine", 987654), "rubbish", lines["other"].ID, lines["two"].ID, lines["syncing"].ID}
	got := editLines(t, d.Seller, variables{"ids": ids, "psaAgreementId": agreementID(d.spare), "chargeEndDate": "2026-05-30"})
	if got.Updated != 2 || got.Skipped != 2 || got.Failed != 3 {
		t.Errorf("the change of %d lines counts %+v, want 2 updated, 2 skipped and 3 failed", len(ids), got)
	}
	var refused []string
	for _, e := range got.UserErrors {
		refused = append(refused, e.Field[len(e.Field)-1]+" "+e.Code)
	}
	slices.Sort(refused)
	if diff := cmp.Diff([]string{"0 ALREADY_SYNCED", "2 NOT_FOUND", "3 INVALID", "4 NOT_OF_COMPANY", "6 CONFLICT"}, refused); diff != "" {
		t.Errorf("what was refused, by item (-want +got):\n%s", diff)
	}
	after := linesOf(t, d.Seller, may)
	for id, l := range after {
		changed := id == "one" || id == "two"
		if (l.PsaAgreementOrigin == "LINE") != changed || (deref(l.ChargeEndDate.Value) == "2026-05-30") != changed {
			t.Errorf("the line %q has the agreement of its %s and the dates %s", id, l.PsaAgreementOrigin, dates(l))
		}
	}
	for name, input := range map[string]variables{
		"neither ids nor a selection": {"chargeEndDate": nil},
		"both ids and a selection":    {"ids": ids, "matching": variables{"period": may}},
	} {
		if got := editLines(t, d.Seller, input); len(got.UserErrors) != 1 || got.UserErrors[0].Code != "INVALID" || got.Updated+got.Skipped+got.Failed != 0 {
			t.Errorf("%s: answered %+v, want INVALID", name, got)
		}
	}
	wantRefused(t, "1001 ids", editLines(t, d.Seller, variables{"ids": make1001(ids[1])}).UserErrors, "TOO_MANY", "ids")
}

// make1001 repeats an id 1001 times.
func make1001(id string) []string { return slices.Repeat([]string{id}, 1001) }

func TestAllLinesThatMatchAreChanged(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	for i := range 30 {
		billTo(d.World, "1", date(1+i%28), cycle("a"+number(i)), once("b"+number(i)))
	}
	billTo(d.World, "2", today(), cycle("other"))
	loadLines(t, d.Seller)
	d.ready(t)
	setState(t, d.World, "SYNCED", "a00001", "b00001")
	setState(t, d.World, "SYNCING", "a00002")
	for name, c := range map[string]struct {
		selection, input         variables
		updated, skipped, failed int
		codes                    []string
	}{
		"of a charge type":      {variables{"filter": variables{"chargeType": "CYCLE_FEE", "contractId": contractOf(t, d.Seller, "C-1").ID}}, variables{"chargeEndDate": "2026-06-30"}, 28, 2, 0, []string{"ALREADY_SYNCED", "CONFLICT"}},
		"that a search finds":   {variables{"search": "office for a0000"}, variables{"chargeEndDate": nil}, 8, 2, 0, []string{"ALREADY_SYNCED", "CONFLICT"}},
		"of all organizations":  {variables{}, variables{"psaAgreementId": agreementID(d.cloud)}, 57, 3, 1, []string{"ALREADY_SYNCED", "CONFLICT", "NOT_OF_COMPANY"}},
		"of no line":            {variables{"search": "nothing"}, variables{"chargeEndDate": nil}, 0, 0, 0, nil},
		"of a month not loaded": {variables{"period": "2026-04"}, variables{"chargeEndDate": nil}, 0, 0, 0, nil},
	} {
		matching := variables{"period": may}
		for k, v := range c.selection {
			matching[k] = v
		}
		c.input["matching"] = matching
		got := editLines(t, d.Seller, c.input)
		var codes []string
		for _, e := range got.UserErrors {
			codes = append(codes, e.Code)
		}
		slices.Sort(codes)
		if got.Updated != c.updated || got.Skipped != c.skipped || got.Failed != c.failed || !slices.Equal(codes, c.codes) {
			t.Errorf("the change of lines %s answered %+v, want %d updated, %d skipped, %d failed for %q", name, got, c.updated, c.skipped, c.failed, c.codes)
		}
	}
	wantRefused(t, "a month too long ago", editLines(t, d.Seller, variables{"matching": variables{"period": "2024-01"}}).UserErrors, "INVALID", "matching")
}

func TestCountsAddUpWhereNoLineCouldHaveAnAgreement(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", today(), cycle("one"), cycle("two"), cycle("synced"), cycle("syncing"))
	billTo(d.World, "2", today(), cycle("other"))
	loadLines(t, d.Seller)
	d.ready(t)
	setState(t, d.World, "SYNCED", "synced")
	setState(t, d.World, "SYNCING", "syncing")
	lines := linesOf(t, d.Seller, may)
	ids := []string{lines["synced"].ID, lines["one"].ID, nodeID("InvoiceLine", 987654), "rubbish", lines["other"].ID, lines["two"].ID, lines["syncing"].ID}
	for code, agreement := range map[string]int{"CLOSED": d.closed, "NOT_FOUND": 987654} {
		input := variables{"psaAgreementId": agreementID(agreement), "matching": variables{"period": may}}
		got := editLines(t, d.Seller, input)
		if got.Updated != 0 || got.Skipped != 2 || got.Failed != 3 {
			t.Errorf("%s: the change of the month counts %+v, want 2 skipped and 3 failed", code, got)
		}
		if diff := cmp.Diff([]string{"psaAgreementId " + code, "matching ALREADY_SYNCED", "matching CONFLICT"}, refusals(got.UserErrors)); diff != "" {
			t.Errorf("%s: what was refused of the month (-want +got):\n%s", code, diff)
		}
		for _, e := range got.UserErrors {
			if e.Field[0] == "matching" && !strings.HasPrefix(e.Message, "1 line: ") {
				t.Errorf("%s: one line was skipped with %q", code, e.Message)
			}
		}
		delete(input, "matching")
		input["ids"] = ids
		got = editLines(t, d.Seller, input)
		if got.Updated != 0 || got.Skipped != 2 || got.Failed != 5 {
			t.Errorf("%s: the change of %d lines counts %+v, want 2 skipped and 5 failed", code, len(ids), got)
		}
		refused := refusals(got.UserErrors)
		slices.Sort(refused)
		if diff := cmp.Diff([]string{"ids.0 ALREADY_SYNCED", "ids.2 NOT_FOUND", "ids.3 INVALID", "ids.6 CONFLICT", "psaAgreementId " + code}, refused); diff != "" {
			t.Errorf("%s: what was refused by item (-want +got):\n%s", code, diff)
		}
	}
	if diff := cmp.Diff(lines, linesOf(t, d.Seller, may)); diff != "" {
		t.Errorf("lines after refusals (-before +after):\n%s", diff)
	}
}

func TestMappingsReachEveryLineThatIsNotPosted(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", today(), cycle("one"), once("two"), cycle("posted"))
	billTo(d.World, "2", today(), cycle("other"))
	loadLines(t, d.Seller)
	setState(t, d.World, "SYNCED", "posted")
	alpha := organizationNamed(t, d.Seller, "Alpha").ID
	check := func(when string, want map[string]string) {
		t.Helper()
		got := make(map[string]string)
		for id, l := range linesOf(t, d.Seller, may) {
			text := l.SyncStatus
			for _, code := range l.codes() {
				text += " " + code
			}
			got[id] = text
		}
		want["posted"] = got["posted"]
		if got["posted"][:6] != "SYNCED" {
			t.Errorf("%s the posted line is %s", when, got["posted"])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s lines are (-want +got):\n%s", when, diff)
		}
	}
	const fresh = "EXCLUDED ORGANIZATION_UNMAPPED ORGANIZATION_EXCLUDED PRODUCT_UNMAPPED"
	check("before anything is mapped", map[string]string{"one": fresh, "two": fresh, "other": fresh})
	mapTo(t, d.Seller, alpha, companyID(d.acme), variables{"excludedFromSync": false})
	check("with Alpha mapped", map[string]string{"one": "NOT_READY PRODUCT_UNMAPPED", "two": "NOT_READY PRODUCT_UNMAPPED", "other": fresh})
	d.sell(t)
	const unmapped = "EXCLUDED ORGANIZATION_UNMAPPED ORGANIZATION_EXCLUDED"
	check("with the offers mapped", map[string]string{"one": "READY", "two": "READY", "other": unmapped})
	mapTo(t, d.Seller, organizationNamed(t, d.Seller, "Beta").ID, companyID(d.acme), nil)
	check("with Beta at the same company", map[string]string{"one": "NOT_READY AGREEMENT_REQUIRED", "two": "NOT_READY AGREEMENT_REQUIRED", "other": "EXCLUDED ORGANIZATION_EXCLUDED AGREEMENT_REQUIRED"})
	sign(t, d.Seller, contractOf(t, d.Seller, "C-1").ID, agreementID(d.cloud))
	check("with Alpha's contract mapped", map[string]string{"one": "READY", "two": "READY", "other": "EXCLUDED ORGANIZATION_EXCLUDED AGREEMENT_REQUIRED"})
	mapTo(t, d.Seller, alpha, companyID(d.other), nil)
	check("with Alpha moved to another company", map[string]string{"one": "NOT_READY AGREEMENT_NOT_OF_COMPANY", "two": "NOT_READY AGREEMENT_NOT_OF_COMPANY", "other": "EXCLUDED ORGANIZATION_EXCLUDED"})
	unmapOrganization(t, d.Seller, alpha, nil)
	check("with Alpha unmapped", map[string]string{"one": "NOT_READY ORGANIZATION_UNMAPPED", "two": "NOT_READY ORGANIZATION_UNMAPPED", "other": "EXCLUDED ORGANIZATION_EXCLUDED"})
	if problem := contractOf(t, d.Seller, "C-1").AgreementProblem; problem != nil {
		t.Errorf("the contract of an organization without a company has the problem %s, want none", *problem)
	}
	mapTo(t, d.Seller, alpha, companyID(d.acme), nil)
	setExcluded(t, d.Seller, []string{alpha}, true, nil)
	check("with Alpha excluded", map[string]string{"one": "EXCLUDED ORGANIZATION_EXCLUDED", "two": "EXCLUDED ORGANIZATION_EXCLUDED", "other": "EXCLUDED ORGANIZATION_EXCLUDED AGREEMENT_REQUIRED"})
}

func TestEveryBlockerLeadsToTheRecordThatClearsIt(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	own := addAgreement(t, d.World, simconnectwise.Agreement{Name: "Own", CompanyID: d.acme, Currency: "EUR"})
	billTo(d.World, "1", today(), cycle("one"), once("two"))
	loadLines(t, d.Seller)
	d.ready(t)
	sign(t, d.Seller, contractOf(t, d.Seller, "C-1").ID, agreementID(d.cloud))
	edit(t, d.Seller, lineOf(t, d.Seller, "one").ID, variables{"psaAgreementId": agreementID(own)})
	for _, agreement := range []int{own, d.cloud} {
		if err := d.ConnectWise.CancelAgreement(agreement, yesterday()); err != nil {
			t.Fatal(err)
		}
	}
	d.Sync(t)
	for id, want := range map[string]string{"one": "AGREEMENT_CLOSED InvoiceLine", "two": "AGREEMENT_CLOSED Contract"} {
		l := lineOf(t, d.Seller, id)
		if len(l.SyncBlockers) != 1 || l.SyncBlockers[0].Subject == nil || l.SyncBlockers[0].Code+" "+l.SyncBlockers[0].Subject.Typename != want {
			t.Errorf("blockers of %q are %+v, want %s", id, l.SyncBlockers, want)
			continue
		}
		if subject := l.SyncBlockers[0].Subject.ID; subject != l.ID && subject != l.Contract.ID {
			t.Errorf("the blocker of %q leads to %s", id, subject)
		}
	}
}
