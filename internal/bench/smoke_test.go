package bench

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// baseline is what the smoke run compares with. Statements and calls are counted, and hold everywhere; allocations are
// those of the whole process for one more row, and may grow by half; shares of the yardstick's throughput by computing time
// may fall to a third.
//
//go:embed baseline.json
var baselineFile []byte

type baseline struct {
	Statements        map[string]int64
	ConnectWiseCalls  map[string]int // for pages whose records nobody asked for before
	AllocationsPerRow map[string]float64
	ShareOfYardstick  map[string]float64
}

// counter counts statements, transactions' beginnings and ends among them.
type counter struct{ statements atomic.Int64 }

func (c *counter) openDB(to driver.Connector) *sql.DB { return sql.OpenDB(countingConnector{to, c}) }

type countingConnector struct {
	driver.Connector
	*counter
}

func (c countingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return countingConn{conn.(fullConn), c.counter}, nil
}

type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.QueryerContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

type countingConn struct {
	fullConn
	*counter
}

func (c countingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.statements.Add(2) // it has to end, too
	return c.fullConn.BeginTx(ctx, options)
}

func (c countingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !strings.Contains(query, "FROM api_token") { // which is asked now and then, rather than for each request
		c.statements.Add(1)
	}
	return c.fullConn.QueryContext(ctx, query, args)
}

func (c countingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.statements.Add(1)
	return c.fullConn.ExecContext(ctx, query, args)
}

// smokeMarket is large enough for pages of 1,000 rows.
func smokeMarket() Market {
	return Market{Organizations: 1200, Companies: 800, Offers: 40, Lines: 3000, PeakLines: 1000, Months: 3}
}

func startSmoke(t *testing.T) *bench {
	t.Helper()
	o := Options{DSN: postgrestest.New(t), Market: smokeMarket(), Clients: 4, Turns: 3, Turn: 150 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	w, err := open(t.Context(), o.DSN, o.Market, o.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	b := &bench{Options: o, world: w}
	if err := b.serveAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// pagesOfSmoke are the queries that are watched.
func pagesOfSmoke() map[string]string {
	return map[string]string{
		"20 organizations, all columns":    "{ " + organizations("first: 20", "", columns) + " }",
		"20 organizations and their total": "{ " + organizations("first: 20", "totalCount", columns) + " }",
		"20 organizations and the summary": "{ " + organizations("first: 20", "totalCount", columns) + " " + summary + " }",
		"1000 organizations, all columns":  "{ " + organizations("first: 1000", "", columns) + " }",
		"20 organizations, two columns":    "{ " + organizations("first: 20", "", "name status") + " }",
		"mappingSummary":                   "{ mappingSummary { organizations { total } offers { total } } }",
		"20 organizations that are mapped": "{ " + organizations("first: 20, filter: {mappingStatus: [MAPPED]}", "", columns) + " }",
		"20 lines, by month":               `{ invoiceLines(period: "2026-05", first: 20) { nodes { invoiceNumber quantity organization { name } } } }`,
		"20 lines, all columns":            `{ invoiceLines(period: "2026-05", first: 20) { nodes { ` + lineColumns + ` } } }`,
		"20 lines that are ready":          `{ invoiceLines(period: "2026-05", first: 20, filter: {syncStatus: [READY]}) { nodes { invoiceNumber syncStatus } } }`,
	}
}

// inProcess serves a gateway whose statements are counted, without background services, whose own would be counted, too.
func (b *bench) inProcess(t *testing.T, counted *counter, change func(*gateway.Config)) (address string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), b.DSN, postgres.Options{OpenDB: counted.openDB, MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	config := b.config()
	config.DB, config.PSAFreshness = db, time.Hour
	change(&config)
	g, err := gateway.New(config)
	if err != nil {
		t.Fatal(err)
	}
	address, stop, err := listen(g.Handler())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address
}

func TestPagesCostWhatTheyDid(t *testing.T) {
	var want baseline
	if err := json.Unmarshal(baselineFile, &want); err != nil {
		t.Fatalf("read the baseline: %v", err)
	}
	b := startSmoke(t)
	counted := &counter{}
	address := b.inProcess(t, counted, func(*gateway.Config) {})
	plain := b.inProcess(t, &counter{}, func(c *gateway.Config) { c.PlainResolvers = true })
	ask := func(to target) {
		t.Helper()
		if _, err := to.ask(t.Context(), http.DefaultClient); err != nil {
			t.Fatal(err)
		}
	}

	for name, query := range pagesOfSmoke() {
		page, calls := graphQL(address, b.token, query), b.psa.Faults().Count("")
		ask(page)
		if got := b.psa.Faults().Count("") - calls; got > want.ConnectWiseCalls["any page"] {
			t.Errorf("%s: %d calls to ConnectWise, want at most %d", name, got, want.ConnectWiseCalls[name])
		}
		before := counted.statements.Load()
		ask(page)
		if got := counted.statements.Load() - before; got != want.Statements[name] {
			t.Errorf("%s: %d statements, want %d", name, got, want.Statements[name])
		}
	}

	few, many := pagesOfSmoke()["20 organizations, all columns"], pagesOfSmoke()["1000 organizations, all columns"]
	for name, at := range map[string]string{"fast lane": address, "plain resolvers": plain} {
		short, long := graphQL(at, b.token, few), graphQL(at, b.token, many)
		ask(short)
		ask(long)
		perRow := (mallocs(t, long, 10) - mallocs(t, short, 10)) / 980
		t.Logf("%s: %.1f allocations a row", name, perRow)
		if perRow > 1.5*want.AllocationsPerRow[name] {
			t.Errorf("%s: %.1f allocations a row, want about %.1f", name, perRow, want.AllocationsPerRow[name])
		}
	}

	for name, yardstick := range map[string]string{
		"20 organizations, all columns": "/page/20", "20 organizations and the summary": "/page/20?totals=1", "1000 organizations, all columns": "/page/1000",
	} {
		ours, theirs := nodes(t, graphQL(address, b.token, pagesOfSmoke()[name])), nodes(t, target{url: b.byHand + yardstick})
		if !bytes.Equal(ours, theirs) {
			t.Fatalf("%s: the gateway answers\n%.2000s\nand the yardstick\n%.2000s", name, ours, theirs)
		}
		results, err := b.takingTurns(t.Context(), b.Clients, graphQL(address, b.token, pagesOfSmoke()[name]), target{url: b.byHand + yardstick})
		if err != nil {
			t.Fatal(err)
		}
		share := float64(results[1].cpuPerRequest()) / float64(max(results[0].cpuPerRequest(), 1))
		t.Logf("%s: %.2f of the yardstick", name, share)
		if b.server != 0 && share < want.ShareOfYardstick[name]/3 {
			t.Errorf("%s: %.2f of the yardstick's throughput by computing time, want about %.2f", name, share, want.ShareOfYardstick[name])
		}
	}
}

func TestLoadsAreMeasuredBesideACopy(t *testing.T) {
	b := startSmoke(t)
	var printed bytes.Buffer
	b.Out = &printed
	if err := measureLoads(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"| load | ", "| load over HTTP, from a simulator beside it | ", "| all of its lines given another end | "} {
		if !strings.Contains(printed.String(), line) {
			t.Errorf("nothing is said of %q:\n%s", line, &printed)
		}
	}
	var left []string
	err := b.db.System().Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.SelectContext(ctx, &left, `SELECT name FROM seller WHERE name <> $1`, b.market.sellerName())
	})
	if err != nil || len(left) > 0 {
		t.Errorf("the sellers %q are left behind (%v)", left, err)
	}
}

// nodes returns the rows of a page of organizations.
func nodes(t *testing.T, from target) []byte {
	t.Helper()
	var page struct {
		Organizations struct{ Nodes json.RawMessage }
	}
	if err := from.read(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	return page.Organizations.Nodes
}

// mallocs returns how often memory is allocated in this process while a target is asked, at the mean of so many times.
func mallocs(t *testing.T, to target, times int) float64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		if _, err := to.ask(t.Context(), http.DefaultClient); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(times)
}
