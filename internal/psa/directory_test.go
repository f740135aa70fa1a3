package psa_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// counter is a ConnectWise that has every company and takes note of what it is asked.
type counter struct {
	client
	mu    sync.Mutex
	asked [][]psa.RecordID
}

func (c *counter) Client(context.Context, postgres.SellerID) (psa.Client, error) { return c, nil }

func (c *counter) CompaniesByID(_ context.Context, ids []psa.RecordID) ([]psa.Company, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, slices.Clone(ids))
	found := make([]psa.Company, len(ids))
	for i, id := range ids {
		found[i].ID = id
	}
	return found, nil
}

func TestIdsThatAreWantedAtAboutTheSameTimeAreAskedForTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &counter{}
		d := psa.NewDirectory(c, psa.DirectoryOptions{})
		look := func(ctx context.Context, seller postgres.SellerID, ids ...psa.RecordID) {
			found, err := d.Companies.Look(ctx, seller, ids, time.Now().Add(time.Second))
			if err != nil || slices.ContainsFunc(found, func(c *psa.Company) bool { return c == nil }) {
				t.Errorf("look for %v: %v (%v), want all", ids, found, err)
			}
		}
		var looking sync.WaitGroup
		for i := range 50 {
			looking.Go(func() {
				time.Sleep(time.Duration(i%5) * time.Millisecond) // imagined
				look(t.Context(), 1, psa.RecordID(i+1), 1000)
			})
		}
		looking.Go(func() { look(t.Context(), 2, 1) })
		looking.Go(func() { look(psa.Background(t.Context()), 1, 2000) })
		looking.Wait()
		if len(c.asked) != 3 || !slices.ContainsFunc(c.asked, func(ids []psa.RecordID) bool { return len(ids) == 51 }) {
			t.Errorf("ConnectWise was asked for %v, want once for the 51 that pages wanted, and once for another seller's and in the background", c.asked)
		}
		look(t.Context(), 1, 7, 3000)
		if last := c.asked[len(c.asked)-1]; !slices.Equal(last, []psa.RecordID{3000}) {
			t.Errorf("then it was asked for %v, want the one that is not known yet", last)
		}
	})
}
