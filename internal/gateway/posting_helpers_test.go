package gateway_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// postedLine is what tests look at of a line after a run.
type postedLine struct {
	ID, PlatformID, SyncStatus string
	SyncError                  *struct{ Code, Message string }
	SyncedAt                   *string
	PsaCompany                 *struct{ Identifier string }
	PsaAgreement               *struct{ RecordID int }
	PsaAgreementOrigin         string
	PsaProduct                 *struct{ Identifier string }
	PsaAddition                *struct {
		RecordID, AgreementRecordID                int
		ProductIdentifier                          string
		InvoiceDescription                         *string
		Quantity                                   string
		UnitPrice, UnitCost                        *string
		EffectiveDate, CancelledDate, BillCustomer *string
		Deleted                                    bool
		Freshness                                  string
	}
	SyncBlockers []struct{ Code string }
	Revision     int
}

const postedFields = `id platformId syncStatus syncError { code message } syncedAt psaCompany { identifier } psaAgreement { recordId } psaAgreementOrigin
	psaProduct { identifier } psaAddition { recordId agreementRecordId productIdentifier invoiceDescription quantity unitPrice unitCost
	effectiveDate cancelledDate billCustomer deleted freshness } syncBlockers { code } revision`

// postedLines returns the lines of a month as they are after a run, by the Platform's id.
func postedLines(t *testing.T, s *gatewaytest.Seller, month string) map[string]postedLine {
	t.Helper()
	var data struct{ InvoiceLines struct{ Nodes []postedLine } }
	s.Must(t, viewer, `query ($period: YearMonth) { invoiceLines(period: $period, first: 1000) { nodes { `+postedFields+` } } }`,
		variables{"period": month}, &data)
	byPlatformID := make(map[string]postedLine)
	for _, l := range data.InvoiceLines.Nodes {
		byPlatformID[l.PlatformID] = l
	}
	return byPlatformID
}

// startPosting asks for a run over lines; nil stands for all.
func startPosting(t testing.TB, s *gatewaytest.Seller, input variables) gatewaytest.JobPayload {
	t.Helper()
	var data struct{ SyncInvoiceLines gatewaytest.JobPayload }
	s.Must(t, operator, `mutation ($input: SyncInvoiceLinesInput) { syncInvoiceLines(input: $input) {
		job { id kind state } started userErrors { code message field } } }`, variables{"input": input}, &data)
	return data.SyncInvoiceLines
}

// post runs syncInvoiceLines to its end, whatever it is.
func post(t *testing.T, s *gatewaytest.Seller, input variables) gatewaytest.Job {
	t.Helper()
	payload := startPosting(t, s, input)
	if payload.Job == nil || !payload.Started || len(payload.UserErrors) > 0 {
		t.Fatalf("syncInvoiceLines of %v answered %+v, want a new run", input, payload)
	}
	return s.WaitForJob(t, payload.Job.ID)
}

// counts are those of a run.
type counts struct{ Created, Updated, Unchanged, Skipped, Failed, Cancelled int }

func countsOf(j gatewaytest.Job) counts {
	return counts{j.Created, j.Updated, j.Unchanged, j.Skipped, j.Failed, j.Cancelled}
}

// wantPosted runs syncInvoiceLines, which must end in a state with counts.
func wantPosted(t *testing.T, s *gatewaytest.Seller, input variables, state string, want counts) gatewaytest.Job {
	t.Helper()
	job := post(t, s, input)
	if job.State != state || countsOf(job) != want {
		t.Fatalf("syncInvoiceLines(%v) ended as %s with %+v (%v), want %s with %+v\n%+v", input, job.State, countsOf(job), deref(job.Error), state, want, job.LogEntries)
	}
	return job
}

// settling are options under which lost writes are settled soon.
func settling() gatewaytest.Options {
	return gatewaytest.Options{Gateway: func(c *gateway.Config) { c.SettleDelay = 300 * time.Millisecond }}
}

// load loads lines and makes everything of Alpha ready.
func (d desk) load(t *testing.T, periods ...string) {
	t.Helper()
	loadLines(t, d.Seller, periods...)
	d.ready(t)
}

// toCloud maps Alpha's contract to the agreement Cloud.
func (d desk) toCloud(t *testing.T) {
	t.Helper()
	d.mapAlpha(t, d.cloud)
}

func (d desk) mapAlpha(t *testing.T, agreement int) {
	t.Helper()
	payload := mapContract(t, d.Seller, contractOf(t, d.Seller, "C-1").ID, nodeID("PsaAgreement", int64(agreement)), nil)
	if len(payload.UserErrors) > 0 {
		t.Fatalf("map C-1 to agreement %d: %+v", agreement, payload.UserErrors)
	}
}

// additionOf returns the one Addition of an agreement whose text names a line.
func additionsNamed(w *gatewaytest.World, agreement int, text string) []simconnectwise.Addition {
	var found []simconnectwise.Addition
	for _, a := range w.ConnectWise.Additions(agreement) {
		if a.InvoiceDescription == text {
			found = append(found, a)
		}
	}
	return found
}

// theAddition is additionsNamed where there must be exactly one.
func theAddition(t *testing.T, w *gatewaytest.World, agreement int, text string) simconnectwise.Addition {
	t.Helper()
	found := additionsNamed(w, agreement, text)
	if len(found) != 1 {
		t.Fatalf("agreement %d has %d Additions %q, want one; all: %+v", agreement, len(found), text, w.ConnectWise.Additions(agreement))
	}
	return found[0]
}

// april is a day of the month before.
func april(day int) civil.Date { return civil.Date{Year: 2026, Month: 4, Day: day} }

// ofSubscription makes a row one of a subscription, charged from a day on.
func ofSubscription(row platform.InvoiceRow, id, charge string, start civil.Date, quantity int64) platform.InvoiceRow {
	row.SubscriptionID, row.SubscriptionName, row.ChargeType = id, "Plan "+id, charge
	row.ChargeStartDate, row.ChargeEndDate = start, start.YearMonth().LastDay()
	row.Quantity = decimal.NewFromInt(quantity)
	row.TotalPrice = row.Quantity.Mul(row.UnitPrice)
	return row
}

// statuses counts lines by status.
func statuses(lines map[string]postedLine) map[string]int {
	by := make(map[string]int)
	for _, l := range lines {
		by[l.SyncStatus]++
	}
	return by
}
