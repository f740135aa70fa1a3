package gateway_test

import (
	"context"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// writtenLongAgo has what was posted so far look older than any delay of ConnectWise's lists.
func writtenLongAgo(t *testing.T, d desk) {
	t.Helper()
	try(t, d.DB.Seller(d.ID).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE addition SET written_at = written_at - interval '1 hour' WHERE seller_id = $1`, d.ID)
		return err
	}))
}

// wantAdditionOf checks the Addition that a line shows.
func wantAdditionOf(t *testing.T, d desk, month, line, quantity, freshness string, deleted bool) {
	t.Helper()
	got := postedLines(t, d.Seller, month)[line].PsaAddition
	if got == nil || got.Quantity != quantity || got.Freshness != freshness || got.Deleted != deleted {
		t.Errorf("the line %s shows the Addition %+v, want %s of it, %s, deleted %t", line, got, quantity, freshness, deleted)
	}
}

func TestPosting_AListFromBeforeAWriteIsAskedForAnew(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Hour }},
		fee("may", "S", "CycleFee", date(1), 6), once("new"), fee("kept", "T", "CycleFee", date(1), 7))
	d.sell(t)
	wantPosted(t, d.Seller, variables{"ids": lineIDs(t, d.Seller, "kept")}, "SUCCEEDED", counts{Created: 1})
	wantAdditionOf(t, d, "2026-04", "april", "5", "LIVE", false)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1, Updated: 1})
	d.ConnectWise.ForgetCalls()
	wantAdditionOf(t, d, may, "new", "1", "LIVE", false)
	wantAdditionOf(t, d, may, "may", "6", "LIVE", false)
	wantAdditionOf(t, d, "2026-04", "april", "6", "LIVE", false)
	wantAdditionOf(t, d, may, "kept", "7", "LIVE", false)
	if n := d.ConnectWise.CallCount(listAdditions); n != 1 {
		t.Errorf("the Additions cost %d calls, want one list that is newer than what was written", n)
	}
}

func TestPosting_AnAdditionTooNewForListsIsNotShownAsDeleted(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	configure(t, d.World, func(s *simconnectwise.Settings) { s.ListLagMilliseconds = 3_600_000 })
	billTo(d.World, "1", date(3), once("new"))
	d.load(t)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 1})
	wantAdditionOf(t, d, may, "new", "1", "LIVE", false)
	try(t, d.ConnectWise.DeleteAddition(theAddition(t, d.World, d.cloud, "Disk for new - OneTimeFee").ID))
	wantAdditionOf(t, d, may, "new", "1", "LIVE", true)
	writtenLongAgo(t, d)
	wantAdditionOf(t, d, may, "new", "1", "LIVE", true)
}

func TestPosting_AnAdditionOfAnAgreementThatIsGoneIsShownAsDeleted(t *testing.T) {
	t.Parallel()
	d := startApril(t, gatewaytest.Options{})
	writtenLongAgo(t, d)
	try(t, d.ConnectWise.PurgeAgreement(d.cloud))
	wantAdditionOf(t, d, "2026-04", "april", "5", "LIVE", true)
}
