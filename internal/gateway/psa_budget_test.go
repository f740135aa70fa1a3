package gateway_test

import (
	"slices"
	"testing"
	"time"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/simulator/fault"
)

const (
	agreementTypesPath = "/finance/agreements/types"
	systemInfoPath     = "/system/info"
)

func TestAgreementTypesDoNotHoldBackWhatTheyAreAskedForWith(t *testing.T) {
	t.Parallel()
	w := startOutage(t, time.Second)
	setFaults(t, w.ConnectWise.Faults().Set, stuck(agreementTypesPath))
	asked := time.Now()
	response := w.Query(t, viewer, `{ organizations(first: 20) { nodes { `+organizationFields+` } } psaAgreementTypes { name } }`, nil)
	if took := time.Since(asked); took > 10*time.Second {
		t.Errorf("the page took %s, want it within the budget of a second", took)
	}
	if !slices.Equal(response.Codes(), []string{"PSA_UNAVAILABLE"}) || !slices.Equal(response.Errors[0].Path, []any{"psaAgreementTypes"}) {
		t.Errorf("the page is %s, want PSA_UNAVAILABLE for psaAgreementTypes alone", response.Body)
	}
	if rows := rowsOf(t, response); len(rows) != 2 || rows[0].PsaCompany == nil {
		t.Errorf("the page has the rows %+v, want both", rows)
	}
}

func TestMutationsOfTheSetUpWaitFiveTimesTheBudget(t *testing.T) {
	t.Parallel()
	const budget = 200 * time.Millisecond
	w := startOutage(t, budget)
	ids, _ := agreementTypes(t, w.Seller)
	setFaults(t, w.ConnectWise.Faults().Set, stuck(agreementTypesPath), stuck(systemInfoPath))
	for name, refused := range map[string]func() []gatewaytest.UserError{
		"updateSettings": func() []gatewaytest.UserError {
			return updateSettings(t, w.Seller, variables{"agreementTypeId": ids["Block Time"]}).UserErrors
		},
		"testConnectWiseConnection": func() []gatewaytest.UserError { return testConnection(t, w.Seller).UserErrors },
	} {
		asked := time.Now()
		got := refused()
		if took := time.Since(asked); took < 5*budget || took > 15*time.Second {
			t.Errorf("%s took %s, want five times the budget of %s", name, took, budget)
		}
		if len(got) != 1 || got[0].Code != "PSA_UNAVAILABLE" {
			t.Errorf("%s was refused with %+v, want PSA_UNAVAILABLE", name, got)
		}
	}
	w.ConnectWise.Faults().Clear()
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.Slow, Path: agreementTypesPath, DelayMilliseconds: int(2 * budget.Milliseconds())})
	if got := updateSettings(t, w.Seller, variables{"agreementTypeId": ids["Block Time"]}); len(got.UserErrors) > 0 {
		t.Errorf("with an answer after the budget and before five times that, updateSettings was refused with %+v", got.UserErrors)
	}
}
