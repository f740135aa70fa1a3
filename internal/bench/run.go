package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"crosswalk/internal/postgres"
)

// Options say what to measure on. All fields are required, but Profile.
type Options struct {
	DSN    string
	Market Market
	// Clients ask at a time, for Turns turns of Turn each.
	Clients, Turns int
	Turn           time.Duration
	// Only, if not empty, is what the names of cases must contain.
	Only string
	// Profile names a file for a CPU profile of the gateway's pages.
	Profile string
	Out     io.Writer
	Log     *slog.Logger
}

// columns of the Organizations tab.
const columns = `id platformId name referenceNumber status
	psaCompany { id recordId identifier name status }
	excludedFromSync mappingStatus mappingStatusMessage revision mappedAt mappedBy`

// bench is a run of it.
type bench struct {
	Options
	*world
	// server is the database's process, where that runs on this machine.
	server int
}

// Run measures.
func Run(ctx context.Context, o Options) error {
	w, err := open(ctx, o.DSN, o.Market, o.Log)
	if err != nil {
		return err
	}
	defer w.end()
	address, stop, err := w.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer stop()
	owner, err := postgres.OpenAsOwner(ctx, o.DSN, postgres.Options{})
	if err != nil {
		return err
	}
	defer owner.Close()
	y, err := newYardstick(ctx, owner.Pool(), w.seller, o.Market.Companies)
	if err != nil {
		return err
	}
	b := &bench{Options: o, world: w}
	var backend int
	if err := owner.Pool().QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		return err
	}
	b.server = parentOf(backend)
	mux := http.NewServeMux()
	mux.Handle("POST /page/{size}", y)
	byHand, stopYardstick, err := listen(mux)
	if err != nil {
		return err
	}
	defer stopYardstick()
	if o.Profile != "" {
		file, err := os.Create(o.Profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for _, c := range []struct {
		name, yardstick, query string
	}{
		{"20 rows, all columns", "/page/20", `{ organizations(first: 20) { nodes { ` + columns + ` } pageInfo { hasNextPage endCursor } } }`},
		{"20 rows, with totals and summary", "/page/20?totals=1", `{ organizations(first: 20) { totalCount nodes { ` + columns + ` } pageInfo { hasNextPage endCursor } }
			mappingSummary { organizations { total mapped unmapped } } }`},
		{"1,000 rows, all columns", "/page/1000", `{ organizations(first: 1000) { nodes { ` + columns + ` } pageInfo { hasNextPage endCursor } } }`},
	} {
		if !strings.Contains(c.name, o.Only) {
			continue
		}
		results, err := b.takingTurns(ctx, o.Clients, graphQL(address, w.token, c.query), target{url: byHand + c.yardstick})
		if err != nil {
			return err
		}
		fmt.Fprintf(o.Out, "%-40s %8.0f/s %8.0f/s  %.2f  (%d %d bytes)\n", c.name, results[0].perSecond(), results[1].perSecond(),
			results[0].perSecond()/results[1].perSecond(), results[0].bytes, results[1].bytes)
		for _, r := range results {
			fmt.Fprintln(o.Out, "    cpu", r.cpuPerRequest(), r.own/time.Duration(r.requests), r.database/time.Duration(r.requests))
		}
	}
	return nil
}
