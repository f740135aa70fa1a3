package gatewaytest

import (
	"context"
	"testing"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/platform"
)

// Job is a background run as the schema shows it.
type Job struct {
	ID                                                      string
	Kind, State                                             string
	Step                                                    *string
	Done                                                    int
	Total                                                   *int
	Created, Updated, Unchanged, Skipped, Failed, Cancelled int
	Error                                                   *string
	RequestedBy                                             string
	LogEntries                                              struct{ Nodes []LogEntry }
}

// Finished reports whether the run is over.
func (j Job) Finished() bool { return j.State != "QUEUED" && j.State != "RUNNING" }

// LogEntry is a line of System Logs as the schema shows it.
type LogEntry struct{ Level, Code, Title, Details string }

// Codes returns the codes of what the run logged, newest first.
func (j Job) Codes() []string {
	codes := make([]string, len(j.LogEntries.Nodes))
	for i, entry := range j.LogEntries.Nodes {
		codes[i] = entry.Code
	}
	return codes
}

// patience bounds every wait for something that happens by itself.
const patience = time.Minute

// Eventually asks until the condition holds, and fails the test when it does not within a minute.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for this: %s", patience, what)
		}
	}
}

// Job reads a run.
func (s *Seller) Job(t testing.TB, id string) Job {
	t.Helper()
	var data struct{ Job *Job }
	s.Must(t, account.Viewer, `query ($id: ID!) {
		job(id: $id) {
			id kind state step done total created updated unchanged skipped failed cancelled error requestedBy
			logEntries(first: 1000) { nodes { level code title details } }
		}
	}`, map[string]any{"id": id}, &data)
	if data.Job == nil {
		t.Fatalf("there is no job %s", id)
	}
	return *data.Job
}

// WaitForJob returns a run once it is over.
func (s *Seller) WaitForJob(t testing.TB, id string) Job {
	t.Helper()
	var job Job
	Eventually(t, "the job is over", func() bool {
		job = s.Job(t, id)
		return job.Finished()
	})
	return job
}

// StartSync asks for a run of Sync Organizations and returns its id and whether it is a new one.
func (s *Seller) StartSync(t testing.TB) (id string, started bool) {
	t.Helper()
	var data struct {
		SyncOrganizations struct {
			Job        struct{ ID string }
			Started    bool
			UserErrors []UserError
		}
	}
	s.Must(t, account.Operator, `mutation {
		syncOrganizations { job { id } started userErrors { code message field } }
	}`, nil, &data)
	if refused := data.SyncOrganizations.UserErrors; len(refused) > 0 {
		t.Fatalf("syncOrganizations was refused: %v", refused)
	}
	return data.SyncOrganizations.Job.ID, data.SyncOrganizations.Started
}

// Sync runs Sync Organizations to its end, which must be a success.
func (s *Seller) Sync(t testing.TB) Job {
	t.Helper()
	id, _ := s.StartSync(t)
	job := s.WaitForJob(t, id)
	if job.State != "SUCCEEDED" {
		t.Fatalf("Sync Organizations ended as %s: %v", job.State, job)
	}
	return job
}

// UserError is a refusal of a mutation.
type UserError struct {
	Code, Message string
	Field         []string
}

// AddCustomer makes the Platform know an organization with a contract that take part in a valid invoice of
// today. Its id is its reference number, which is easier to read than a GUID, and its contract's is C- and that.
func (w *World) AddCustomer(name, reference, status string) {
	w.Platform.AddOrganization(platform.Organization{ID: reference, Name: name, ReferenceNumber: reference, Status: status})
	w.Platform.AddContract(platform.Contract{ID: "C-" + reference, CustomerID: reference, Currency: "EUR", BillingCycleDay: 1})
	w.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: reference, ContractID: "C-" + reference, Currency: "EUR"})
}
