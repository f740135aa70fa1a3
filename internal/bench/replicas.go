package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/postgres"
)

// measureReplicas has replicas serve one database. What they are asked for is a search, which is work for the database, and each
// has a single connection, and a search one process of the database, so that a replica alone cannot keep the database busy.
func measureReplicas(ctx context.Context, b *bench) error {
	names, err := sampled(ctx, b, "organization", "name")
	if err != nil {
		return err
	}
	// A word that is in many names, and how many.
	word, _, _ := strings.Cut(names[0], " ")
	query := "{ " + organizations(fmt.Sprintf("first: 20, search: %q", word), "totalCount", columns) + " }"
	b.table("replicas, each with one connection", "searches a second", "of one replica's", fmt.Sprintf("database, of %d processors", runtime.NumCPU()))
	var alone float64
	for _, count := range []int{1, 2, 4} {
		throughput, database, err := b.driveReplicas(ctx, count, query)
		if err != nil {
			return err
		}
		if alone == 0 {
			alone = throughput
		}
		b.row(fmt.Sprint(count), fmt.Sprintf("%.0f", throughput), ratio(throughput/alone), fmt.Sprintf("%.1f", database))
	}
	return nil
}

// driveReplicas returns how many searches replicas answer a second, and how many processors the database is busy with meanwhile.
func (b *bench) driveReplicas(ctx context.Context, count int, query string) (throughput, database float64, err error) {
	replicas := make([]target, count)
	for i := range replicas {
		db, err := postgres.Open(ctx, withSetting(b.DSN, "max_parallel_workers_per_gather", "0"), postgres.Options{MaxConnections: 1})
		if err != nil {
			return 0, 0, err
		}
		defer db.Close()
		address, stop, err := b.serve(ctx, func(c *gateway.Config) { c.DB = db })
		if err != nil {
			return 0, 0, err
		}
		defer stop()
		replicas[i] = graphQL(address, b.token, query)
		if _, err := drive(ctx, replicas[i], b.Clients, b.Turn); err != nil { // for plans and look-ups
			return 0, 0, err
		}
	}
	results, problems := make([]result, count), make([]error, count)
	_, before := cpuOf(b.server)
	begun := time.Now()
	var wait sync.WaitGroup
	for i, replica := range replicas {
		wait.Go(func() { results[i], problems[i] = drive(ctx, replica, b.Clients, b.Turn*time.Duration(b.Turns)) })
	}
	wait.Wait()
	_, after := cpuOf(b.server)
	for _, r := range results {
		throughput += r.perSecond()
	}
	return throughput, float64(after-before) / float64(time.Since(begun)), errors.Join(problems...)
}
