package gatewaytest

import (
	"testing"

	"crosswalk/internal/account"
)

// JobPayload is the answer of a mutation that starts a run.
type JobPayload struct {
	Job        *Job
	Started    bool
	UserErrors []UserError
}

// StartLoad asks for a run of Load Products.
func (s *Seller) StartLoad(t testing.TB, months int) JobPayload {
	t.Helper()
	var data struct{ LoadOffers JobPayload }
	s.Must(t, account.Operator, `mutation ($months: Int!) {
		loadOffers(input: {months: $months}) { job { id kind state } started userErrors { code message field } }
	}`, map[string]any{"months": months}, &data)
	return data.LoadOffers
}

// Load runs Load Products to its end, which must be a success.
func (s *Seller) Load(t testing.TB, months int) Job {
	t.Helper()
	payload := s.StartLoad(t, months)
	if payload.Job == nil || !payload.Started || len(payload.UserErrors) > 0 {
		t.Fatalf("loadOffers of %d months answered %+v, want a new run", months, payload)
	}
	job := s.WaitForJob(t, payload.Job.ID)
	if job.State != "SUCCEEDED" {
		t.Fatalf("Load Products ended as %s: %+v", job.State, job)
	}
	return job
}
