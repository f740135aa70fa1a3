package gateway_test

import (
	"flag"
	"net/http"
	"testing"
	"time"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

var postingLines = flag.Int("posting.lines", 2_000, "how many lines BenchmarkPosting posts")

// BenchmarkPosting measures a run over lines that are all ready, on 300 agreements, by a gateway in a process of its own:
// against a ConnectWise without limit, against it with twice the lines, which shows how memory grows, and against one
// that takes 1,000 calls a minute, of which used-% is the share that was used from the first call to the last.
func BenchmarkPosting(b *testing.B) {
	const agreements, limit = 300, 1_000
	for _, test := range []struct {
		name         string
		lines, limit int
	}{
		{"WithoutLimit", *postingLines, 0},
		{"WithoutLimitTwiceTheLines", 2 * *postingLines, 0},
		{"1000CallsAMinute", *postingLines, limit},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := furnishedForPosting(b, agreements, test.lines)
				options := gatewaytest.ProcessOptions{}
				if test.limit == 0 {
					options.CallsPerMinute = 1_000_000
				}
				process := s.ProcessWith(b, options)
				err := s.ConnectWise.Configure(func(c *simconnectwise.Settings) { c.RequestsPerMinute = test.limit })
				if err != nil {
					b.Fatal(err)
				}
				idle, before := peakMemory(b, process.ID()), s.turnstile.tally()
				b.StartTimer()

				begun := time.Now()
				people := s.On(process.Replica)
				s.awaitWithin(b, startPosting(b, people, nil).Job.ID, time.Hour)
				took := time.Since(begun)

				b.StopTimer()
				calls := s.turnstile.tally().since(before)
				if posted := len(s.ConnectWise.AllAdditions()); posted != test.lines {
					b.Fatalf("%d of %d lines were posted", posted, test.lines)
				}
				report(b, test.lines, took, calls)
				if test.limit > 0 {
					b.ReportMetric(100*float64(calls.taken())/(float64(test.limit)*took.Minutes()), "used-%")
				}
				b.ReportMetric(idle, "MB-idle")
				b.ReportMetric(peakMemory(b, process.ID()), "MB-peak")
				process.Kill()
				b.StartTimer()
			}
		})
	}
}

func report(b *testing.B, lines int, took time.Duration, calls tally) {
	b.Helper()
	b.ReportMetric(float64(lines)/took.Seconds(), "lines/s")
	b.ReportMetric(float64(calls.writes)/float64(lines), "writes/line")
	b.ReportMetric(float64(calls.reads)/float64(lines), "reads/line")
	b.ReportMetric(float64(calls.refused), "refusals")
}

// furnishedForPosting returns a world whose lines are all ready, half of them of subscriptions.
func furnishedForPosting(b *testing.B, customers, lines int) *storm {
	b.Helper()
	s := &storm{products: make(map[string]int)}
	s.World = gatewaytest.Start(b, gatewaytest.Options{WithoutGateway: true, BeforeConnectWise: s.turnstile.before})
	for _, identifier := range []string{"SEAT", "DISK"} {
		s.products[identifier] = s.ConnectWise.AddProduct(simconnectwise.Product{Identifier: identifier, Description: identifier})
	}
	for i := range customers {
		c := stormCustomer{number: number(i), currency: "EUR"}
		c.company = s.ConnectWise.AddCompany(simconnectwise.Company{Identifier: "X" + c.number, Name: "Company " + c.number, Currency: "EUR"})
		c.agreement = addAgreement(b, s.World, simconnectwise.Agreement{
			Name: "Agreement " + c.number, CompanyID: c.company, Currency: "EUR", StartDate: aprilDay(1),
		})
		s.Platform.AddOrganization(platform.Organization{ID: c.number, Name: c.name(), ReferenceNumber: c.number, Status: "Active"})
		s.Platform.AddContract(platform.Contract{ID: c.contract(), CustomerID: c.number, Currency: "EUR", BillingCycleDay: 1})
		s.customers = append(s.customers, c)
	}
	rows := make([][]platform.InvoiceRow, customers)
	for i := range lines {
		row := stormRow(i, "CycleFee", "SEAT", date(1))
		if i%2 == 1 {
			row = stormRow(i, "UsageFee", "DISK", date(1))
		}
		of := i / 2 % customers
		rows[of] = append(rows[of], row)
	}
	for i, c := range s.customers {
		s.Platform.AddInvoice(platform.InvoiceHeader{
			CustomerID: c.number, ContractID: c.contract(), Currency: "EUR", InvoiceDate: date(12),
		}, rows[i]...)
	}
	clerk := s.ProcessWith(b, gatewaytest.ProcessOptions{CallsPerMinute: 1_000_000})
	people := s.On(clerk.Replica)
	people.Sync(b)
	loadLines(b, people)
	s.mapAll(b, people)
	clerk.Kill()
	return s
}

// tally counts calls.
type tally struct{ reads, writes, refused int }

// add counts a call; 429 is a refusal.
func (t *tally) add(method string, status int) {
	switch {
	case status == http.StatusTooManyRequests:
		t.refused++
	case method == http.MethodGet:
		t.reads++
	default:
		t.writes++
	}
}

func (t tally) since(before tally) tally {
	return tally{t.reads - before.reads, t.writes - before.writes, t.refused - before.refused}
}

// taken is how many calls were taken.
func (t tally) taken() int { return t.reads + t.writes }
