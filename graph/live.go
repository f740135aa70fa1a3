package graph

import (
	"context"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/psa"
)

// responseErrorMessage is what users read beside a RESPONSE_ERROR badge.
const responseErrorMessage = "Please refresh the page in a few minutes and try again."

// announcer is a loader of ConnectWise records of any kind.
type announcer interface{ Announce(ids ...psa.RecordID) }

// announce tells the loader which ConnectWise records the rows may ask for.
func announce[T any](loader announcer, rows []T, mapped func(T) *psa.RecordID) {
	for _, row := range rows {
		if id := mapped(row); id != nil {
			loader.Announce(*id)
		}
	}
}

// shownLive returns the ConnectWise record that a row is mapped to, as show shows it; nil for an unmapped row.
func shownLive[T, N any](ctx context.Context, loader *loaders.Loader[T], id *psa.RecordID, show func(loaders.Found[T]) *N) (*N, error) {
	if id == nil {
		return nil, nil
	}
	found, err := loader.Load(ctx, *id)()
	if err != nil {
		return nil, err
	}
	return show(found), nil
}

// liveStatus returns the badge of a row: the stored state, with the overlay of what ConnectWise answers now.
func liveStatus[T any](ctx context.Context, loader *loaders.Loader[T], id *psa.RecordID) (model.MappingStatus, error) {
	if id == nil {
		return model.MappingStatusUnmapped, nil
	}
	found, err := loader.Load(ctx, *id)()
	if found.Live {
		return model.MappingStatusMapped, err
	}
	return model.MappingStatusResponseError, err
}

// liveMessage returns what to say about the badge of a row that is mapped to what noun calls.
func liveMessage[T any](ctx context.Context, loader *loaders.Loader[T], id *psa.RecordID, noun string) (*string, error) {
	if id == nil {
		return nil, nil
	}
	found, err := loader.Load(ctx, *id)()
	switch {
	case err != nil:
		return nil, err
	case !found.Live:
		return optional(responseErrorMessage), nil
	case found.Deleted:
		return optional("ConnectWise no longer has the mapped " + noun + ". Map this row to another one."), nil
	}
	return nil, nil
}

func freshness(live bool) model.PsaFreshness {
	if live {
		return model.PsaFreshnessLive
	}
	return model.PsaFreshnessStale
}
