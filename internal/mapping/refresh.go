package mapping

import (
	"context"
	"errors"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// refreshed counts what a refresh of one mirror did.
type refreshed struct{ listed, changed, vanished int }

// refreshable is what is needed of a psa.Mirror.
type refreshable[T any] interface {
	Save(context.Context, *postgres.Tx, postgres.SellerID, []T) (int, error)
	FlagVanished(context.Context, *postgres.Tx, postgres.SellerID, []psa.RecordID, time.Time) (int, error)
}

// refresh copies everything that list streams into the mirror, and then flags what is gone. A listing that
// breaks off flags nothing.
func refresh[T any](
	ctx context.Context, run *jobs.Run, mirror refreshable[T], id func(T) psa.RecordID,
	list func(context.Context, func([]T) error) error, progress func(listed int),
) (refreshed, error) {
	var counts refreshed
	var ids []psa.RecordID
	seller := run.Seller().ID()
	var begun time.Time
	err := run.Seller().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &begun, `SELECT now()`)
	})
	if err != nil {
		return counts, err
	}
	err = list(psa.Background(ctx), func(page []T) error {
		for _, record := range page {
			ids = append(ids, id(record))
		}
		var changed int
		err := run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
			changed, err = mirror.Save(ctx, tx, seller, page)
			return err
		})
		counts.changed += changed
		progress(len(ids))
		return err
	})
	if err != nil {
		return counts, err
	}
	counts.listed = len(ids)
	err = run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		counts.vanished, err = mirror.FlagVanished(ctx, tx, seller, ids, begun)
		return err
	})
	return counts, err
}

// Explain gives failures of either side the sentence and the code that users see.
func Explain(err error) error {
	var unavailable *psa.UnavailableError
	var refused *psa.RefusedError
	var feed *platform.Error
	switch {
	case errors.As(err, &unavailable) && unavailable.Unauthorized:
		return &jobs.Failure{Code: activity.PSAAuthFailed, Err: err, Message: unavailable.Reason + ". Check the ConnectWise credentials in settings, then run it again."}
	case errors.As(err, &unavailable) && unavailable.RateLimited:
		return &jobs.Failure{Code: activity.PSARateLimited, Err: err, Message: unavailable.Reason + ". Run it again in a few minutes."}
	case errors.As(err, &unavailable):
		return &jobs.Failure{Code: activity.PSAUnavailable, Err: err, Message: unavailable.Reason + ". Run it again in a few minutes; nothing was lost."}
	case errors.As(err, &refused):
		return &jobs.Failure{Code: activity.PSAUnavailable, Err: err, Message: "ConnectWise refused a request: " + refused.Message + "."}
	case errors.Is(err, psa.ErrNotConnected):
		return &jobs.Failure{Code: activity.PSAAuthFailed, Err: err, Message: "ConnectWise credentials are missing. Save them in settings, then run it again."}
	case errors.As(err, &feed) && feed.Row > 0:
		return &jobs.Failure{Code: activity.PlatformLoadFailed, Err: err, Message: feed.Summary() + " Nothing was lost, but it fails again until the Platform lists that row correctly."}
	case errors.As(err, &feed):
		return &jobs.Failure{Code: activity.PlatformLoadFailed, Err: err, Message: feed.Summary() + " Run it again; nothing was lost."}
	}
	return err
}
