package gateway_test

import (
	"flag"
	"strconv"
	"testing"
	"time"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
)

var loadedLines = flag.Int("load.lines", 50_000, "how many invoice lines BenchmarkLoadingAMonthOfLines loads at most")

// BenchmarkLoadingAMonthOfLines measures a gateway in a process of its own that reads a month from the Platform, a tenth of it
// and the whole: what a load takes of memory is to be the same.
func BenchmarkLoadingAMonthOfLines(b *testing.B) {
	const linesEach, organizations, offers = 25, 1_000, 5_000
	for _, lines := range []int{*loadedLines / 10, *loadedLines} {
		b.Run(strconv.Itoa(lines), func(b *testing.B) {
			w := gatewaytest.Start(b, gatewaytest.Options{WithoutGateway: true})
			for i := range organizations {
				w.AddCustomer("Organization "+strconv.Itoa(i), strconv.Itoa(i), "Active")
			}
			for i := range lines / linesEach {
				rows := make([]platform.InvoiceRow, linesEach)
				for j := range rows {
					n := i*linesEach + j
					rows[j] = cycle(number(n))
					rows[j].OfferID, rows[j].OfferName = number(n%offers), "Offer "+number(n%offers)
				}
				billTo(w, strconv.Itoa(i%organizations), today(), rows...)
			}
			process := w.Process(b, time.Minute)
			s := w.On(process.Replica)
			idle := peakMemory(b, process.ID())
			for b.Loop() {
				job := loadLines(b, s)
				if seen := job.Created + job.Unchanged; seen != lines {
					b.Fatalf("the load saw %d lines, want %d", seen, lines)
				}
			}
			b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
			b.ReportMetric(idle, "MB-idle")
			b.ReportMetric(peakMemory(b, process.ID()), "MB-peak")
		})
	}
}
