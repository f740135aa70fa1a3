package gateway_test

import (
	"cmp"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/account/seal"
	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// psaReport is extensions.psa.
type psaReport struct {
	Available bool
	RetryAt   *time.Time
}

func reportOf(t *testing.T, response gatewaytest.Response) psaReport {
	t.Helper()
	var report psaReport
	if err := json.Unmarshal(response.Extensions["psa"], &report); err != nil {
		t.Fatalf("extensions.psa of %s: %v", response.Body, err)
	}
	return report
}

const outagePage = `{ organizations { totalCount nodes { ` + organizationFields + ` } } }`

// rowsOf returns the rows of an answer to outagePage.
func rowsOf(t *testing.T, response gatewaytest.Response) []organization {
	t.Helper()
	var data struct {
		Organizations struct{ Nodes []organization }
	}
	response.Decode(t, &data)
	return data.Organizations.Nodes
}

// startOutage puts up a world with one mapped and one unmapped organization, in this order.
func startOutage(t *testing.T, budget time.Duration) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = budget }})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme Ltd", Status: "Not Approved", Currency: "EUR"})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "OTHER", Name: "Other Ltd"})
	w.AddCustomer("Alpha", "1", "Active")
	w.AddCustomer("Beta", "2", "Active")
	w.Sync(t)
	mapTo(t, w.Seller, organizationNamed(t, w.Seller, "Alpha").ID, companies(t, w.Seller)["ACME"].ID, nil)
	return w
}

func TestWhileConnectWiseFailsThePageArrivesFromTheMirrorAndIsLiveAgainAfterwards(t *testing.T) {
	t.Parallel()
	const patience = 10 * time.Second
	tests := map[string]struct {
		fault    fault.Fault
		settings func(*simconnectwise.Settings)
		budget   time.Duration
	}{
		"it is down":                   {fault: fault.Fault{Kind: fault.NoAnswer}, budget: patience},
		"it is slow":                   {fault: stuck(companiesPath), budget: 300 * time.Millisecond},
		"it is slow, at the standard":  {fault: stuck(companiesPath)},
		"it asks to slow down":         {fault: fault.Fault{Kind: fault.RateLimited, RetryAfterSeconds: 1}, budget: 500 * time.Millisecond},
		"it answers 500":               {fault: fault.Fault{Kind: fault.ServerError}, budget: patience},
		"a gateway answers 502":        {fault: fault.Fault{Kind: fault.BadGateway}, budget: patience},
		"a web page comes with 200":    {fault: fault.Fault{Kind: fault.WebPage}, budget: patience},
		"the answer is cut short":      {fault: fault.Fault{Kind: fault.Truncated}, budget: patience},
		"the answer breaks off":        {fault: fault.Fault{Kind: fault.BrokenOff}, budget: patience},
		"it refuses the credentials":   {fault: fault.Fault{Kind: fault.Unauthorized}, budget: patience},
		"it forbids":                   {fault: fault.Fault{Kind: fault.Forbidden}, budget: patience},
		"the credentials have expired": {settings: func(s *simconnectwise.Settings) { s.KeysExpired = true }, budget: patience},
		"the cloud hides behind a 404": {settings: func(s *simconnectwise.Settings) { s.KeysExpired, s.Cloud404 = true, true }, budget: patience},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startOutage(t, test.budget)
			before := rowsOf(t, w.Must(t, viewer, outagePage, nil, nil))
			if test.settings != nil {
				if err := w.ConnectWise.Configure(test.settings); err != nil {
					t.Fatal(err)
				}
			} else {
				setFaults(t, w.ConnectWise.Faults().Set, test.fault)
			}

			asked := time.Now()
			response := w.Must(t, viewer, outagePage, nil, nil)

			budget := cmp.Or(test.budget, 2*time.Second)
			if took := time.Since(asked); took > budget+3*time.Second {
				t.Errorf("the page took %s, want it within the budget of %s", took, budget)
			}
			checkDegraded(t, before, response)
			if report := reportOf(t, response); report.Available || report.RetryAt == nil || report.RetryAt.After(asked.Add(40*time.Second)) {
				t.Errorf("extensions.psa is %s, want available false and a retryAt of soon", response.Extensions["psa"])
			}
			// Set back what was wrong; rows are live again without anybody doing anything.
			w.ConnectWise.Faults().Clear()
			if err := w.ConnectWise.Configure(func(s *simconnectwise.Settings) { *s = simconnectwise.Settings{} }); err != nil {
				t.Fatal(err)
			}
			gatewaytest.Eventually(t, "the row is live again", func() bool {
				response = w.Must(t, viewer, outagePage, nil, nil)
				return rowsOf(t, response)[0].MappingStatus == "MAPPED"
			})
			if report := reportOf(t, response); !report.Available || report.RetryAt != nil {
				t.Errorf("after the outage extensions.psa is %s, want available true and no retryAt", response.Extensions["psa"])
			}
			if got := rowsOf(t, response)[0]; got.PsaCompany.Freshness != "LIVE" || got.MappingStatusMessage != nil {
				t.Errorf("after the outage the row is %+v with %+v, want it LIVE without a message", got, got.PsaCompany)
			}
		})
	}
}

// checkDegraded checks a page of startOutage that came without ConnectWise, by what it was like before.
func checkDegraded(t *testing.T, before []organization, response gatewaytest.Response) {
	t.Helper()
	rows := rowsOf(t, response)
	if len(rows) != 2 {
		t.Fatalf("the page has %d rows, want 2: %s", len(rows), response.Body)
	}
	mapped, unmapped := rows[0], rows[1]
	const message = "Please refresh the page in a few minutes and try again."
	if mapped.MappingStatus != "RESPONSE_ERROR" || deref(mapped.MappingStatusMessage) != message {
		t.Errorf("the mapped row has the status %s with %q, want RESPONSE_ERROR with %q", mapped.MappingStatus, deref(mapped.MappingStatusMessage), message)
	}
	want := *before[0].PsaCompany
	want.Freshness = "STALE"
	if got := mapped.PsaCompany; got == nil || deref(got.Status) != deref(want.Status) || got.Name != want.Name ||
		got.Identifier != want.Identifier || got.Freshness != "STALE" || got.Deleted {
		t.Errorf("the mapped company is %+v, want the mirror's copy %+v", got, want)
	}
	if unmapped.MappingStatus != "UNMAPPED" || unmapped.MappingStatusMessage != nil || unmapped.PsaCompany != nil {
		t.Errorf("the unmapped row is %+v, want it UNMAPPED as ever", unmapped)
	}
	if mapped.Revision != before[0].Revision || deref(mapped.MappedAt) != deref(before[0].MappedAt) {
		t.Errorf("the outage changed the mapping from %+v to %+v", before[0], mapped)
	}
}

func TestAnOutageCostsAPageItsCallsOnceAndNotOnceARow(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 150, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = 10 * time.Second }})
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.ServerError})
	response := w.Must(t, viewer, verifiedPage, nil, nil)
	if got := strings.Count(string(response.Body), "RESPONSE_ERROR"); got != 150 {
		t.Errorf("%d rows are RESPONSE_ERROR, want all 150", got)
	}
	if got := w.ConnectWise.CallCount("GET " + companiesPath); got != 2 {
		t.Errorf("the page of 150 rows cost %d calls, want one and its retry", got)
	}
}

func TestACompanyByItsIdIsTheMirrorsWhileConnectWiseFails(t *testing.T) {
	t.Parallel()
	w := startOutage(t, 10*time.Second)
	id := companies(t, w.Seller)["ACME"].ID
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.ServerError})
	var data struct{ Node company }
	response := w.Must(t, viewer, `query ($id: ID!) { node(id: $id) { ... on PsaCompany { name freshness deleted } } }`,
		variables{"id": id}, &data)
	if data.Node.Name != "Acme Ltd" || data.Node.Freshness != "STALE" || data.Node.Deleted {
		t.Errorf("the company is %+v, want the mirror's copy", data.Node)
	}
	if reportOf(t, response).Available {
		t.Error("extensions.psa says that ConnectWise is available")
	}
}

// connectionState is what settings say of the connection.
type connectionState struct {
	Circuit       string
	RetryAt       *time.Time
	LastSuccessAt *time.Time
	LastError     *string
}

func readConnection(t *testing.T, s *gatewaytest.Seller) connectionState {
	t.Helper()
	var data struct {
		Settings struct{ Connection connectionState }
	}
	s.Must(t, viewer, `{ settings { connection { circuit retryAt lastSuccessAt lastError } } }`, nil, &data)
	return data.Settings.Connection
}

func TestRepeatedFailuresOpenTheCircuitAndRowsAreLiveAgainWithinThirtySeconds(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2})
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "ACME", Name: "Acme Ltd"})
	w.AddCustomer("Alpha", "1", "Active")
	for _, s := range w.Sellers {
		s.Sync(t)
		mapTo(t, s, organizationNamed(t, s, "Alpha").ID, companies(t, s)["ACME"].ID, nil)
		if got := readConnection(t, s); got.Circuit != "CLOSED" || got.RetryAt != nil || got.LastError != nil || got.LastSuccessAt == nil {
			t.Errorf("before the outage the connection is %+v, want it CLOSED with a success", got)
		}
	}
	says := map[fault.Kind]string{fault.ServerError: "status 500", fault.Unauthorized: "refused the credentials"}
	for i, kind := range []fault.Kind{fault.ServerError, fault.Unauthorized} {
		s := w.Sellers[i]
		setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: kind})
		gatewaytest.Eventually(t, "the circuit is open", func() bool {
			s.Must(t, viewer, outagePage, nil, nil)
			return readConnection(t, s).Circuit == "OPEN"
		})
		if got := readConnection(t, s); got.RetryAt == nil || !strings.Contains(deref(got.LastError), says[kind]) {
			t.Errorf("with the circuit open the connection has retryAt %v and lastError %q, want both, saying %q", got.RetryAt, deref(got.LastError), says[kind])
		}
		w.ConnectWise.ForgetCalls()
		response := s.Must(t, viewer, outagePage, nil, nil)
		if rowsOf(t, response)[0].MappingStatus != "RESPONSE_ERROR" || reportOf(t, response).RetryAt == nil {
			t.Errorf("with the circuit open the page is %s, want RESPONSE_ERROR and a retryAt", response.Body)
		}
		if got := w.ConnectWise.CallCount(""); got != 0 {
			t.Errorf("with the circuit open a page cost %d calls, want none", got)
		}
	}
	w.ConnectWise.Faults().Clear()
	answers := time.Now()
	for _, s := range w.Sellers {
		gatewaytest.Eventually(t, "the row is live again", func() bool {
			return organizations(t, s)[0].MappingStatus == "MAPPED"
		})
		if took := time.Since(answers); took > 30*time.Second {
			t.Errorf("rows were live again after %s, want it within 30 s", took)
		}
		if got := readConnection(t, s); got.Circuit != "CLOSED" || got.RetryAt != nil || got.LastError != nil {
			t.Errorf("after the outage the connection is %+v, want it CLOSED without an error", got)
		}
	}
}

func TestAFieldThatCannotDoWithoutConnectWiseSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for kind, says := range map[fault.Kind]string{
		fault.RateLimited: "slow down", fault.BadGateway: "status 502", fault.Unauthorized: "Check the credentials",
	} {
		setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: kind, RetryAfterSeconds: 20})
		response := w.Query(t, viewer, `{ psaAgreementTypes { name } viewer { subject } }`, nil)
		if codes := response.Codes(); len(codes) != 1 || codes[0] != "PSA_UNAVAILABLE" || !strings.Contains(response.Errors[0].Message, says) {
			t.Errorf("psaAgreementTypes during %s answered %s, want PSA_UNAVAILABLE saying %q", kind, response.Body, says)
		}
		if !strings.Contains(string(response.Data), `"psaAgreementTypes":null,"viewer":{`) {
			t.Errorf("psaAgreementTypes during %s has the data %s, want the other field standing", kind, response.Data)
		}
		// A pause that ConnectWise asked for would go on; new keys begin with a new connection.
		w.ConnectWise.Faults().Clear()
		saveCredentials(t, w, nil)
	}
}

func TestAConnectionThatAReplicaCannotUseIsAnOutageThere(t *testing.T) {
	t.Parallel()
	ring, err := seal.ParseKeyRing("ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=")
	if err != nil {
		t.Fatal(err)
	}
	w := startOutage(t, time.Minute)
	for name, spoil := range map[string]func(*gateway.Config){
		"its key is on another ring":     func(c *gateway.Config) { c.KeyRing = ring },
		"its address may not be reached": func(c *gateway.Config) { c.AllowInsecureUpstreams = false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := w.On(w.ReplicaWith(t, spoil))
			response := s.Query(t, viewer, outagePage, nil)
			if len(response.Errors) > 0 || reportOf(t, response).Available {
				t.Fatalf("the page is %s, want it without errors and ConnectWise away", response.Body)
			}
			rows := rowsOf(t, response)
			if len(rows) != 2 || rows[0].MappingStatus != "RESPONSE_ERROR" || rows[0].PsaCompany == nil || rows[0].PsaCompany.Freshness != "STALE" {
				t.Errorf("the rows are %+v, want both, and the copy of the company", rows)
			}
		})
	}
}
