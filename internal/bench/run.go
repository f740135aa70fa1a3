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

	"crosswalk/internal/gateway"
	"crosswalk/internal/postgres"
)

// Options say what to measure on. All fields are required, but Only, Profile and Picture.
type Options struct {
	DSN    string
	Market Market
	// Clients ask at a time, for Turns turns of Turn each.
	Clients, Turns int
	Turn           time.Duration
	// Only, if not empty, is what the names of sections must contain.
	Only string
	// Profile names a file for a CPU profile, Picture one for the table of pages as an SVG.
	Profile, Picture string
	// Binary is the program to start replicas with.
	Binary string
	Out    io.Writer
	Log    *slog.Logger
}

// bench is a run of it.
type bench struct {
	Options
	*world
	// server is the database's process, where that runs on this machine; 0 otherwise.
	server int
	// address is the gateway's, plain that of one without the fast lane, and byHand the yardstick's.
	address, plain, byHand string
}

// section is one table.
type section struct {
	name string
	run  func(context.Context, *bench) error
}

func sections() []section {
	return []section{
		{"pages", measurePages},
		{"lines", measureLinePages},
		{"flat", measureFlatness},
		{"searches", measureSearches},
		{"filters", measureFilters},
		{"lookups", measureLookUps},
		{"loads", measureLoads},
		{"replicas", measureReplicas},
		{"starts", measureStarts},
	}
}

// Run measures and prints tables in Markdown.
func Run(ctx context.Context, o Options) error {
	w, err := open(ctx, o.DSN, o.Market, o.Log)
	if err != nil {
		return err
	}
	defer w.end()
	b := &bench{Options: o, world: w}
	if err := b.serveAll(ctx); err != nil {
		return err
	}
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
	fmt.Fprintf(o.Out, "A seller with %s organizations, %s companies, %s offers and %s invoice lines, %s of them in one month; %d clients.\n",
		thousands(o.Market.Organizations), thousands(o.Market.Companies), thousands(o.Market.Offers), thousands(o.Market.Lines), thousands(o.Market.PeakLines), o.Clients)
	for _, s := range sections() {
		if !strings.Contains(s.name, o.Only) {
			continue
		}
		o.Log.Info("measuring", "section", s.name)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// serveAll starts both gateways and the yardstick.
func (b *bench) serveAll(ctx context.Context) error {
	var stop func()
	var err error
	if b.address, stop, err = b.serve(ctx, nil); err != nil {
		return err
	}
	b.ends = append(b.ends, stop)
	if b.plain, stop, err = b.serve(ctx, func(c *gateway.Config) { c.PlainResolvers = true }); err != nil {
		return err
	}
	b.ends = append(b.ends, stop)
	db, err := postgres.Open(ctx, withSetting(b.DSN, "crosswalk.seller_id", b.seller.String()), postgres.Options{})
	if err != nil {
		return err
	}
	b.ends = append(b.ends, func() { db.Close() })
	var backend int
	if err := db.Pool().QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		return err
	}
	b.server = parentOf(backend)
	y, err := newYardstick(ctx, db.Pool(), b.seller, b.market.Companies)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /page/{size}", y)
	if b.byHand, stop, err = listen(mux); err != nil {
		return err
	}
	b.ends = append(b.ends, stop)
	return nil
}

// withSetting returns the address of a database for sessions with a setting.
func withSetting(dsn, name, value string) string {
	setting := name + "=" + value
	switch {
	case !strings.Contains(dsn, "://"):
		return dsn + " " + setting
	case strings.Contains(dsn, "?"):
		return dsn + "&" + setting
	}
	return dsn + "?" + setting
}

// table prints the head of a table.
func (b *bench) table(columns ...string) {
	fmt.Fprintf(b.Out, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// row prints a row.
func (b *bench) row(cells ...string) { fmt.Fprintf(b.Out, "| %s |\n", strings.Join(cells, " | ")) }

// thousands writes a number with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// milliseconds writes a duration.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
