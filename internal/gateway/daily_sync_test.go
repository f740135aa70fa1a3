package gateway_test

import (
	"context"
	"testing"
	"time"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
)

func TestTheDailySyncPostsWhatIsReadyOnceHoweverManyReplicasThereAre(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	billTo(d.World, "1", date(3), cycle("R-1"))
	d.load(t)
	d.toCloud(t)
	d.dueNow(t)
	for range 3 {
		d.Replica(t) // looks for what is due when it starts
	}

	var runs []gatewaytest.Job
	gatewaytest.Eventually(t, "the daily sync is over", func() bool {
		runs = dailyRuns(t, d.Seller)
		return len(runs) > 0 && runs[0].Finished()
	})
	if len(runs) != 1 || runs[0].State != "SUCCEEDED" || runs[0].Created != 1 {
		t.Errorf("the daily sync made the runs %+v, want one that succeeded and created an Addition", runs)
	}
	theAddition(t, d.World, d.cloud, "Office for R-1 - CycleFee")
	if line := postedLines(t, d.Seller, may)["R-1"]; line.SyncStatus != "SYNCED" {
		t.Errorf("after the daily sync the line is %s, want SYNCED", line.SyncStatus)
	}
}

// dueNow has the seller's daily sync become due in the present minute, as it was set up the day before.
func (d desk) dueNow(t *testing.T) {
	t.Helper()
	home, err := d.Accounts.Seller(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	err = d.DB.Seller(d.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE seller_settings
			SET daily_sync_enabled = true, daily_sync_time = $2, daily_sync_since = now() - interval '1 day'
			WHERE seller_id = $1`, d.ID, time.Now().In(home.Zone).Format("15:04"))
		return err
	})
	if err != nil {
		t.Fatalf("set up the daily sync: %v", err)
	}
}

// dailyRuns returns the runs that the daily sync has asked for.
func dailyRuns(t *testing.T, s *gatewaytest.Seller) (runs []gatewaytest.Job) {
	t.Helper()
	var data struct {
		Jobs struct{ Nodes []gatewaytest.Job }
	}
	s.Must(t, viewer, `{ jobs(first: 100) { nodes { id kind state created requestedBy } } }`, nil, &data)
	for _, job := range data.Jobs.Nodes {
		if job.RequestedBy == "Automated Daily Sync" && job.Kind == "SYNC_INVOICE_LINES" {
			runs = append(runs, job)
		}
	}
	return runs
}
