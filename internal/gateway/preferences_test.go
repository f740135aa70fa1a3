package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

func TestAnAgreementTypeMustBeOneThatConnectWiseOffers(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme"})
	w.Sync(t)
	before := readSettings(t, w.Seller)
	ids, _ := agreementTypes(t, w.Seller)
	if err := w.ConnectWise.DeactivateAgreementType(1); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ id, code string }{
		"one that never was":     {nodeID("PsaAgreementType", 987654), "NOT_FOUND"},
		"one no longer in use":   {ids["Managed Services"], "NOT_FOUND"},
		"a company":              {companies(t, w.Seller)["ACME"].ID, "INVALID"},
		"a record number":        {"2", "INVALID"},
		"nothing":                {"", "INVALID"},
		"rubbish":                {"%%%", "INVALID"},
		"a text of 9,000 signs":  {strings.Repeat("x", 9000), "INVALID"},
		"a number beyond 32 bit": {nodeID("PsaAgreementType", 1<<40), "INVALID"},
	} {
		payload := updateSettings(t, w.Seller, variables{"agreementTypeId": test.id, "automatedDailySync": variables{"enabled": true}})
		wantRefused(t, name, payload.UserErrors, test.code, "agreementTypeId")
	}
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.ServerError, Count: 2})
	payload := updateSettings(t, w.Seller, variables{"agreementTypeId": ids["Block Time"]})
	wantRefused(t, "choosing while ConnectWise fails", payload.UserErrors, "PSA_UNAVAILABLE", "agreementTypeId")
	all := updateSettings(t, w.Seller, variables{
		"agreementTypeId": "bad", "chargeStartDateRule": variables{"kind": "NO_DATE"}, "chargeEndDateRule": variables{"kind": "FIXED_DAY"},
		"automatedDailySync": variables{"enabled": true, "timeOfDay": "x"},
	})
	want := []string{"agreementTypeId INVALID", "chargeStartDateRule.kind INVALID", "chargeEndDateRule.day INVALID", "automatedDailySync.timeOfDay INVALID"}
	if diff := cmp.Diff(want, refusals(all.UserErrors)); diff != "" {
		t.Errorf("everything that is wrong with a change (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, readSettings(t, w.Seller)); diff != "" {
		t.Errorf("refused changes changed the settings (-before +after):\n%s", diff)
	}
}

func TestChargeDateRulesAreCheckedAndKeptApart(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for _, kind := range []string{"NO_RULE", "AS_INVOICED", "FIRST_DAY_OF_MONTH", "LAST_DAY_OF_MONTH", "FIRST_DAY_OF_NEXT_MONTH", "INVOICE_DATE"} {
		payload := updateSettings(t, w.Seller, variables{"chargeStartDateRule": variables{"kind": kind}, "chargeEndDateRule": variables{"kind": kind}})
		if got := payload.Settings; len(payload.UserErrors) > 0 || got.ChargeStartDateRule.Kind != kind || got.ChargeEndDateRule.Kind != kind {
			t.Errorf("the rule %s was answered with %+v, want it saved for both dates", kind, payload)
		}
	}
	payload := updateSettings(t, w.Seller, variables{
		"chargeStartDateRule": variables{"kind": "FIXED_DAY", "day": 31}, "chargeEndDateRule": variables{"kind": "NO_DATE"},
	})
	if got := payload.Settings; len(payload.UserErrors) > 0 || *got.ChargeStartDateRule.Day != 31 || got.ChargeEndDateRule.Kind != "NO_DATE" || got.ChargeEndDateRule.Day != nil {
		t.Errorf("a fixed day and no date were answered with %+v, want them saved", payload)
	}
	before := readSettings(t, w.Seller)
	for name, test := range map[string]struct {
		input variables
		field []string
	}{
		"a start of no date":           {variables{"chargeStartDateRule": variables{"kind": "NO_DATE"}}, []string{"chargeStartDateRule", "kind"}},
		"a fixed day without a day":    {variables{"chargeEndDateRule": variables{"kind": "FIXED_DAY"}}, []string{"chargeEndDateRule", "day"}},
		"a fixed day of null":          {variables{"chargeEndDateRule": variables{"kind": "FIXED_DAY", "day": nil}}, []string{"chargeEndDateRule", "day"}},
		"day 0":                        {variables{"chargeStartDateRule": variables{"kind": "FIXED_DAY", "day": 0}}, []string{"chargeStartDateRule", "day"}},
		"day 32":                       {variables{"chargeStartDateRule": variables{"kind": "FIXED_DAY", "day": 32}}, []string{"chargeStartDateRule", "day"}},
		"day -1":                       {variables{"chargeStartDateRule": variables{"kind": "FIXED_DAY", "day": -1}}, []string{"chargeStartDateRule", "day"}},
		"a day for another rule":       {variables{"chargeStartDateRule": variables{"kind": "AS_INVOICED", "day": 5}}, []string{"chargeStartDateRule", "day"}},
		"a time that is none":          {variables{"automatedDailySync": variables{"enabled": true, "timeOfDay": "24:00"}}, []string{"automatedDailySync", "timeOfDay"}},
		"a time of one digit":          {variables{"automatedDailySync": variables{"enabled": true, "timeOfDay": "7:30"}}, []string{"automatedDailySync", "timeOfDay"}},
		"a time with seconds":          {variables{"automatedDailySync": variables{"enabled": true, "timeOfDay": "07:30:00"}}, []string{"automatedDailySync", "timeOfDay"}},
		"an empty time":                {variables{"automatedDailySync": variables{"enabled": true, "timeOfDay": ""}}, []string{"automatedDailySync", "timeOfDay"}},
		"a good rule beside a bad one": {variables{"chargeStartDateRule": variables{"kind": "NO_RULE"}, "chargeEndDateRule": variables{"kind": "AS_INVOICED", "day": 1}}, []string{"chargeEndDateRule", "day"}},
	} {
		payload := updateSettings(t, w.Seller, test.input)
		wantRefused(t, name, payload.UserErrors, "INVALID", test.field...)
	}
	if diff := cmp.Diff(before, readSettings(t, w.Seller)); diff != "" {
		t.Errorf("refused changes changed the settings (-before +after):\n%s", diff)
	}
	if got := updateSettings(t, w.Seller, variables{}); len(got.UserErrors) > 0 || !cmp.Equal(*got.Settings, before) {
		t.Errorf("a change of nothing was answered with %+v, want the settings as they are", got)
	}
	if got := updateSettings(t, w.Seller, variables{"chargeEndDateRule": nil, "agreementTypeId": nil, "automatedDailySync": nil}); len(got.UserErrors) > 0 || !cmp.Equal(*got.Settings, before) {
		t.Errorf("a change of nulls was answered with %+v, want the settings as they are", got)
	}
}

func TestTheDailySyncIsSwitchedAndTimedInTheSellersZone(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	off := readSettings(t, w.Seller).AutomatedDailySync
	if off.Enabled || off.TimeOfDay != "02:00" || off.NextRunAt != nil {
		t.Errorf("at first the daily sync is %+v, want it off, at 02:00, without a next run", off)
	}
	on := updateSettings(t, w.Seller, variables{"automatedDailySync": variables{"enabled": true, "timeOfDay": "23:59"}}).Settings.AutomatedDailySync
	riga, err := time.LoadLocation("Europe/Riga")
	if err != nil {
		t.Fatal(err)
	}
	if !on.Enabled || on.NextRunAt == nil || on.NextRunAt.In(riga).Format("15:04") != "23:59" || time.Until(*on.NextRunAt) > 25*time.Hour || time.Until(*on.NextRunAt) < 0 {
		t.Errorf("the daily sync is %+v, want its next run within a day at 23:59 in Riga", on)
	}
	kept := updateSettings(t, w.Seller, variables{"automatedDailySync": variables{"enabled": false}}).Settings.AutomatedDailySync
	if kept.Enabled || kept.TimeOfDay != "23:59" || kept.NextRunAt != nil {
		t.Errorf("switched off, the daily sync is %+v, want its time kept and no next run", kept)
	}
	var data struct {
		LogEntries struct{ Nodes []gatewaytest.LogEntry }
	}
	w.Must(t, viewer, `{ logEntries { nodes { level code title details } } }`, nil, &data)
	var logged []string
	for _, entry := range data.LogEntries.Nodes {
		logged = append(logged, entry.Code+": "+entry.Title+" "+entry.Details)
	}
	want := []string{
		"AUTO_SYNC_TOGGLED: Automated Daily Sync is off By admin@example.com.",
		"AUTO_SYNC_TOGGLED: Automated Daily Sync is on, at 23:59 By admin@example.com.",
	}
	if diff := cmp.Diff(want, logged); diff != "" {
		t.Errorf("the log of two changes (-want +got):\n%s", diff)
	}
}
