package telemetry

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"

	"crosswalk/internal/psa"
)

// WatchPool adds the metrics of a pool of database connections.
func (t *Telemetry) WatchPool(stats func() sql.DBStats) error {
	const state = "db_client_connection_state"
	pool := prometheus.Labels{"db_client_connection_pool_name": "postgresql"}
	return t.register(&poolCollector{
		stats:   stats,
		count:   prometheus.NewDesc("db_client_connection_count", "Connections to the database, by what they do.", []string{state}, pool),
		most:    prometheus.NewDesc("db_client_connection_max", "Most connections to the database.", nil, pool),
		waits:   prometheus.NewDesc("crosswalk_db_connection_waits_total", "Times that a connection had to be waited for.", nil, nil),
		waiting: prometheus.NewDesc("crosswalk_db_connection_wait_seconds_total", "Time spent waiting for connections.", nil, nil),
	})
}

// poolCollector asks a pool when it is scraped.
type poolCollector struct {
	stats                       func() sql.DBStats
	count, most, waits, waiting *prometheus.Desc
}

// Describe names the metrics.
func (c *poolCollector) Describe(to chan<- *prometheus.Desc) {
	for _, each := range []*prometheus.Desc{c.count, c.most, c.waits, c.waiting} {
		to <- each
	}
}

// Collect asks the pool.
func (c *poolCollector) Collect(to chan<- prometheus.Metric) {
	stats := c.stats()
	to <- prometheus.MustNewConstMetric(c.count, prometheus.GaugeValue, float64(stats.InUse), "used")
	to <- prometheus.MustNewConstMetric(c.count, prometheus.GaugeValue, float64(stats.Idle), "idle")
	to <- prometheus.MustNewConstMetric(c.most, prometheus.GaugeValue, float64(stats.MaxOpenConnections))
	to <- prometheus.MustNewConstMetric(c.waits, prometheus.CounterValue, float64(stats.WaitCount))
	to <- prometheus.MustNewConstMetric(c.waiting, prometheus.CounterValue, stats.WaitDuration.Seconds())
}

// WatchCircuits adds how many sellers' circuit breakers are in which state.
func (t *Telemetry) WatchCircuits(circuits func() map[psa.Circuit]int) error {
	return t.register(&circuitCollector{
		circuits: circuits,
		count:    prometheus.NewDesc("crosswalk_psa_circuit", "Sellers by the state of the circuit to their ConnectWise.", []string{"state"}, nil),
	})
}

// circuitCollector asks for the circuits when it is scraped.
type circuitCollector struct {
	circuits func() map[psa.Circuit]int
	count    *prometheus.Desc
}

// Describe names the metric.
func (c *circuitCollector) Describe(to chan<- *prometheus.Desc) { to <- c.count }

// Collect counts.
func (c *circuitCollector) Collect(to chan<- prometheus.Metric) {
	counts := c.circuits()
	for _, state := range []psa.Circuit{psa.CircuitClosed, psa.CircuitHalfOpen, psa.CircuitOpen} {
		to <- prometheus.MustNewConstMetric(c.count, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}
