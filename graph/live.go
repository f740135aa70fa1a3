package graph

import (
	"context"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/psa"
)

// responseErrorMessage is what users read beside a RESPONSE_ERROR badge.
const responseErrorMessage = "Please refresh the page in a few minutes and try again."

// announcer is a loader of anything by K.
type announcer[K any] interface{ Announce(ids ...K) }

// announce tells the loader what the rows may ask for; nil and 0 stand for nothing.
func announce[T any, K comparable](loader announcer[K], rows []T, needed func(T) *K) {
	var zero K
	for _, row := range rows {
		if id := needed(row); id != nil && *id != zero {
			loader.Announce(*id)
		}
	}
}

// shownLive returns the ConnectWise record that a row is mapped to, as show shows it; nil for an unmapped row.
func shownLive[T, N any](ctx context.Context, loader *loaders.Records[T], id *psa.RecordID, show func(loaders.Found[T]) *N) (*N, error) {
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
func liveStatus[T any](ctx context.Context, loader *loaders.Records[T], id *psa.RecordID) (model.MappingStatus, error) {
	if id == nil {
		return model.MappingStatusUnmapped, nil
	}
	found, err := loader.Load(ctx, *id)()
	return liveStatusOf(found), err
}

// liveStatusOf is the badge of a row that is mapped to a record.
func liveStatusOf[T any](found loaders.Found[T]) model.MappingStatus {
	if found.Live {
		return model.MappingStatusMapped
	}
	return model.MappingStatusResponseError
}

// liveMessage returns what to say about the badge of a row that is mapped to what noun calls.
func liveMessage[T any](ctx context.Context, loader *loaders.Records[T], id *psa.RecordID, noun string) (*string, error) {
	if id == nil {
		return nil, nil
	}
	found, err := loader.Load(ctx, *id)()
	if err != nil {
		return nil, err
	}
	return liveMessageOf(found, noun), nil
}

// liveMessageOf is what to say of a record that a row is mapped to; nil if all is well.
func liveMessageOf[T any](found loaders.Found[T], noun string) *string {
	switch {
	case !found.Live:
		return optional(responseErrorMessage)
	case found.Deleted:
		return optional("ConnectWise no longer has the mapped " + noun + ". Map this row to another one.")
	}
	return nil
}

func freshness(live bool) model.PsaFreshness {
	if live {
		return model.PsaFreshnessLive
	}
	return model.PsaFreshnessStale
}
