package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// target is an address that answers one kind of request.
type target struct {
	url, token string
	body       []byte
}

// graphQL is a target that answers a query.
func graphQL(address, token, query string) target {
	body, _ := json.Marshal(map[string]string{"query": query})
	return target{url: address + "/graphql", token: token, body: body}
}

// ask makes one request and returns the answer.
func (t target) ask(ctx context.Context, client *http.Client) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(t.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+t.token)
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK || bytes.Contains(answer[:min(len(answer), 40)], []byte(`"errors"`)):
		return nil, fmt.Errorf("%s answered %d: %.400s", t.url, response.StatusCode, answer)
	}
	return answer, nil
}

// read makes one request and reads the data of the answer.
func (t target) read(ctx context.Context, data any) error {
	answer, err := t.ask(ctx, http.DefaultClient)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, &struct{ Data any }{data})
}

// result is what driving a target gave.
type result struct {
	requests int
	took     time.Duration
	// times are those of single requests, in order.
	times []time.Duration
	bytes int
	// own and database are the computing time of this process, clients included, and of the database.
	own, database time.Duration
}

// cpuPerRequest is the computing time that a request costs everybody together.
func (r result) cpuPerRequest() time.Duration {
	return (r.own + r.database) / time.Duration(max(r.requests, 1))
}

func (r result) perSecond() float64 { return float64(r.requests) / r.took.Seconds() }

// quantile returns the time that the given share of requests did not exceed.
func (r result) quantile(share float64) time.Duration {
	if len(r.times) == 0 {
		return 0
	}
	return r.times[min(int(share*float64(len(r.times))), len(r.times)-1)]
}

func (r result) plus(other result) result {
	r.requests, r.took, r.bytes = r.requests+other.requests, r.took+other.took, other.bytes
	r.own, r.database = r.own+other.own, r.database+other.database
	r.times = append(r.times, other.times...)
	slices.Sort(r.times)
	return r
}

// drive has so many clients ask a target one request after the other for a while.
func drive(ctx context.Context, t target, clients int, duration time.Duration) (result, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}}
	defer client.CloseIdleConnections()
	until := time.Now().Add(duration)
	var (
		mu    sync.Mutex
		all   result
		first error
		wait  sync.WaitGroup
	)
	begun := time.Now()
	for range clients {
		wait.Go(func() {
			var mine []time.Duration
			size := 0
			for time.Now().Before(until) {
				asked := time.Now()
				answer, err := t.ask(ctx, client)
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					first = err
					return
				}
				mine, size = append(mine, time.Since(asked)), len(answer)
			}
			mu.Lock()
			defer mu.Unlock()
			all.times, all.bytes = append(all.times, mine...), size
		})
	}
	wait.Wait()
	all.took, all.requests = time.Since(begun), len(all.times)
	slices.Sort(all.times)
	return all, first
}

// takingTurns drives targets in turns, so that all of them meet the same weather, after one turn that does not count.
func (b *bench) takingTurns(ctx context.Context, clients int, targets ...target) ([]result, error) {
	results := make([]result, len(targets))
	for round := range b.Turns + 1 {
		for i, t := range targets {
			own, database := cpuOf(b.server)
			r, err := drive(ctx, t, clients, b.Turn)
			if err != nil {
				return nil, err
			}
			r.own, r.database = cpuOf(b.server)
			r.own, r.database = r.own-own, r.database-database
			if round > 0 {
				results[i] = results[i].plus(r)
			}
		}
	}
	return results, nil
}
