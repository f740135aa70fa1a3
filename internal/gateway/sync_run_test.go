package gateway_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// stuck makes requests wait for longer than any test.
func stuck(path string) fault.Fault {
	return fault.Fault{Kind: fault.Slow, Path: path, DelayMilliseconds: int(time.Hour.Milliseconds())}
}

// The places where faults are set.
const (
	companiesPath = "/company/companies"
	headersPath   = "/reporting/v2/invoice-headers"
)

// setFaults replaces the faults of a simulator.
func setFaults(t testing.TB, set func(...fault.Fault) error, faults ...fault.Fault) {
	t.Helper()
	if err := set(faults...); err != nil {
		t.Fatalf("set faults: %v", err)
	}
}

func cancelJob(t *testing.T, s *gatewaytest.Seller, id string) {
	t.Helper()
	var data struct {
		CancelJob struct {
			Job        struct{ ID string }
			Started    bool
			UserErrors []gatewaytest.UserError
		}
	}
	s.Must(t, operator, `mutation ($id: ID!) { cancelJob(id: $id) { job { id } started userErrors { code message } } }`,
		variables{"id": id}, &data)
	if data.CancelJob.Job.ID != id || data.CancelJob.Started || len(data.CancelJob.UserErrors) > 0 {
		t.Fatalf("cancelJob answered %+v, want the job, not started, nothing refused", data.CancelJob)
	}
}

func TestASecondSyncReturnsTheRunUnderWay(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2})
	setFaults(t, w.ConnectWise.Faults().Set, stuck(companiesPath))

	first, started := w.StartSync(t)
	if !started {
		t.Error("the first syncOrganizations says started: false, want true")
	}
	for range 3 {
		if again, started := w.StartSync(t); again != first || started {
			t.Errorf("syncOrganizations during a run returned job %s with started %t, want job %s with false", again, started, first)
		}
	}
	if other, started := w.Sellers[1].StartSync(t); !started {
		t.Errorf("another seller's run was taken for theirs: job %s, started %t", other, started)
	} else {
		cancelJob(t, w.Sellers[1], other)
		w.Sellers[1].WaitForJob(t, other)
	}
	cancelJob(t, w.Seller, first)
	w.WaitForJob(t, first)
	w.ConnectWise.Faults().Clear()
	if next, started := w.StartSync(t); next == first || !started {
		t.Errorf("syncOrganizations after a run returned job %s with started %t, want a new one", next, started)
	} else {
		w.WaitForJob(t, next)
	}
}

func TestARunShowsWhatItIsDoingAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{ConnectWise: simconnectwise.Options{Companies: 30}})
	setFaults(t, w.Platform.SetFaults, stuck(headersPath))

	id, _ := w.StartSync(t)
	gatewaytest.Eventually(t, "the run reads invoices", func() bool {
		job := w.Job(t, id)
		return job.Step != nil && *job.Step == "Reading invoices from the Platform"
	})
	if job := w.Job(t, id); job.State != "RUNNING" || job.Done != 30 || job.Total != nil {
		t.Errorf("the run shows state %s, %d of %v done; want RUNNING, 30 of an unknown total", job.State, job.Done, job.Total)
	}
	cancelJob(t, w.Seller, id)

	job := w.WaitForJob(t, id)
	if job.State != "CANCELLED" || job.Error != nil || job.Step != nil {
		t.Errorf("the cancelled run is %s with error %v and step %v, want CANCELLED without either", job.State, job.Error, job.Step)
	}
	if !slices.Contains(job.Codes(), "JOB_CANCELLED") {
		t.Errorf("the cancelled run logged %q, want JOB_CANCELLED among them", job.Codes())
	}
	if got := len(companies(t, w.Seller)); got != 30 {
		t.Errorf("after the cancelled run the mirror has %d companies, want the 30 it had read", got)
	}
}

func TestAFailingPlatformPageFailsTheRunWithItsNumberAndLosesNothing(t *testing.T) {
	t.Parallel()
	for kind, reason := range map[fault.Kind]string{
		fault.ServerError:  "status 500",
		fault.BadGateway:   "status 502",
		fault.WebPage:      "a web page came instead of data",
		fault.BrokenOff:    "broke off half-way",
		fault.Unauthorized: "the subscription key or the token was refused",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, gatewaytest.Options{})
			today := civil.DateOf(gatewaytest.Now())
			w.AddCustomer("Alpha", "1", "Active")
			w.Sync(t)
			for range 1000 {
				w.Platform.AddInvoice(platform.InvoiceHeader{
					CustomerID: "1", ContractID: "C-1", Currency: "EUR", InvoiceDate: today.AddDays(-1),
				})
			}
			w.AddCustomer("Zeta", "26", "Active")
			before := organizations(t, w.Seller)
			setFaults(t, w.Platform.SetFaults, fault.Fault{Kind: kind, Path: headersPath, Page: 2})

			id, _ := w.StartSync(t)
			job := w.WaitForJob(t, id)

			if job.State != "FAILED" || job.Error == nil {
				t.Fatalf("the run ended as %s with error %v, want FAILED with one", job.State, job.Error)
			}
			for _, part := range []string{"invoice headers", "page 2", reason} {
				if !strings.Contains(*job.Error, part) {
					t.Errorf("the run failed with %q, which does not say %q", *job.Error, part)
				}
			}
			if got := job.LogEntries.Nodes[0]; got.Level != "ERROR" || got.Code != "PLATFORM_LOAD_FAILED" || got.Details != *job.Error {
				t.Errorf("the run logged %+v last, want an ERROR with PLATFORM_LOAD_FAILED and the error", got)
			}
			if after := organizations(t, w.Seller); !slices.Equal(names(before), names(after)) {
				t.Errorf("after the failed run there are the organizations %q, want %q", names(after), names(before))
			}
			w.Platform.ClearFaults()
			if job := w.Sync(t); job.Created != 1 || job.Unchanged != 1 {
				t.Errorf("the next run created %d and found %d unchanged, want one of each", job.Created, job.Unchanged)
			}
		})
	}
}

func TestAFailingConnectWiseFailsTheRunWithACodeThatSaysWhy(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault    fault.Fault
		settings func(*simconnectwise.Settings)
		code     string
		says     string
	}{
		"it answers 500":               {fault: fault.Fault{Kind: fault.ServerError}, code: "PSA_UNAVAILABLE", says: "status 500"},
		"a gateway answers 502":        {fault: fault.Fault{Kind: fault.BadGateway}, code: "PSA_UNAVAILABLE", says: "status 502"},
		"a web page comes with 200":    {fault: fault.Fault{Kind: fault.WebPage}, code: "PSA_UNAVAILABLE", says: "web page"},
		"the connection breaks":        {fault: fault.Fault{Kind: fault.NoAnswer}, code: "PSA_UNAVAILABLE", says: "connection"},
		"it asks to slow down":         {fault: fault.Fault{Kind: fault.RateLimited, RetryAfterSeconds: 1}, code: "PSA_RATE_LIMITED", says: "slow down"},
		"it refuses the credentials":   {fault: fault.Fault{Kind: fault.Unauthorized}, code: "PSA_AUTH_FAILED", says: "Check the ConnectWise credentials"},
		"the credentials have expired": {settings: func(s *simconnectwise.Settings) { s.KeysExpired = true }, code: "PSA_AUTH_FAILED", says: "Check the ConnectWise credentials"},
		"the cloud hides behind a 404": {settings: func(s *simconnectwise.Settings) { s.KeysExpired, s.Cloud404 = true, true }, code: "PSA_AUTH_FAILED", says: "Check the ConnectWise credentials"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, gatewaytest.Options{ConnectWise: simconnectwise.Options{Companies: 5}})
			w.AddCustomer("Alpha", "1", "Active")
			w.Sync(t)
			if test.settings != nil {
				if err := w.ConnectWise.Configure(test.settings); err != nil {
					t.Fatal(err)
				}
			} else {
				setFaults(t, w.ConnectWise.Faults().Set, test.fault)
			}

			id, _ := w.StartSync(t)
			job := w.WaitForJob(t, id)

			if job.State != "FAILED" || job.Error == nil || !strings.Contains(*job.Error, test.says) {
				t.Fatalf("the run ended as %s with %v, want FAILED saying %q", job.State, deref(job.Error), test.says)
			}
			if got := job.LogEntries.Nodes[0]; got.Level != "ERROR" || got.Code != test.code {
				t.Errorf("the run logged %+v last, want an ERROR with %s", got, test.code)
			}
			if len(organizations(t, w.Seller)) != 1 {
				t.Error("the failed run lost the organization")
			}
			for identifier, c := range companies(t, w.Seller) {
				if c.Deleted {
					t.Errorf("the failed run flagged company %s as deleted", identifier)
				}
			}
		})
	}
}

func TestARunOfAKilledReplicaIsFinishedByAnother(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{
		WithoutGateway: true,
		ConnectWise:    simconnectwise.Options{Companies: 20},
	})
	w.AddCustomer("Alpha", "1", "Active")
	const lease = 2 * time.Second
	doomed := w.Process(t, lease)
	setFaults(t, w.Platform.SetFaults, stuck(headersPath))
	first := w.On(doomed.Replica)
	id, _ := first.StartSync(t)
	gatewaytest.Eventually(t, "the doomed replica has read the companies", func() bool {
		job := first.Job(t, id)
		return job.State == "RUNNING" && job.Done == 20
	})
	survivor := w.On(w.Process(t, lease).Replica)
	w.Platform.ClearFaults()

	killed := time.Now()
	doomed.Kill()
	job := survivor.WaitForJob(t, id)

	if took := time.Since(killed); took > 30*time.Second {
		t.Errorf("the other replica finished the run after %s, want it within 30 s", took)
	}
	if job.State != "SUCCEEDED" || job.Created != 1 {
		t.Errorf("the run ended as %s with %d created, want SUCCEEDED with 1", job.State, job.Created)
	}
	if !slices.Contains(job.Codes(), "JOB_RESUMED") {
		t.Errorf("the run logged %q, want JOB_RESUMED among them", job.Codes())
	}
	if got := names(organizations(t, survivor)); !slices.Equal(got, []string{"Alpha"}) {
		t.Errorf("the run imported %q, want Alpha", got)
	}
}

func TestARunOfAStoppingReplicaIsHandedOverAtOnce(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{ConnectWise: simconnectwise.Options{Companies: 20}})
	w.AddCustomer("Alpha", "1", "Active")
	setFaults(t, w.Platform.SetFaults, stuck(headersPath))
	id, _ := w.StartSync(t)
	gatewaytest.Eventually(t, "the first replica works on the run", func() bool { return w.Job(t, id).Done == 20 })
	other := w.On(w.Replica(t))
	w.Platform.ClearFaults()

	if err := w.Gateway.Stop(t.Context()); err != nil {
		t.Fatalf("stop the first replica: %v", err)
	}
	if job := other.WaitForJob(t, id); job.State != "SUCCEEDED" || job.Created != 1 {
		t.Errorf("the run ended as %s with %d created, want SUCCEEDED with 1", job.State, job.Created)
	}
}

func deref(text *string) string {
	if text == nil {
		return "(nothing)"
	}
	return *text
}
