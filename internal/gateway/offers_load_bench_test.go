package gateway_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// BenchmarkLoadingAYearOfProducts measures a gateway in a process of its own. Its peak of memory covers the whole
// process; idle is what it has before the first load.
func BenchmarkLoadingAYearOfProducts(b *testing.B) {
	const invoices, linesEach, offers, catalog = 1_000, 100, 5_000, 5_000
	w := gatewaytest.Start(b, gatewaytest.Options{
		WithoutGateway: true, ConnectWise: simconnectwise.Options{Products: catalog},
	})
	for i := range invoices {
		lines := make([]platform.InvoiceRow, linesEach)
		for j := range lines {
			offer := number((i*linesEach + j) % offers)
			lines[j] = sold(offer, "Offer "+offer)
		}
		bill(w, today().AddDays(-i%365), lines...)
	}
	process := w.Process(b, time.Minute)
	s := w.On(process.Replica)
	idle := peakMemory(b, process.ID())
	for b.Loop() {
		job := s.Load(b, 12)
		if seen := job.Created + job.Unchanged; seen != offers || job.Done != invoices*linesEach+catalog {
			b.Fatalf("the load dealt with %d items and saw %d offers, want %d and %d", job.Done, seen, invoices*linesEach+catalog, offers)
		}
	}
	b.ReportMetric(idle, "MB-idle")
	b.ReportMetric(peakMemory(b, process.ID()), "MB-peak")
}

var highWaterMark = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory returns the most memory a process has had, in MB.
func peakMemory(b *testing.B, process int) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(process) + "/status")
	if err != nil {
		b.Skipf("this system does not tell how much memory a process takes: %v", err)
	}
	found := highWaterMark.FindSubmatch(status)
	if found == nil {
		b.Fatalf("the status of process %d says nothing of its peak:\n%s", process, status)
	}
	kilobytes, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes / 1024
}
