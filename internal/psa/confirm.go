package psa

import (
	"context"
	"slices"

	"crosswalk/internal/postgres"
)

// Confirmation is what ConnectWise said of records that somebody wants to point at. It is asked for before
// the transaction that stores the pointer, and settled in it.
type Confirmation[T any] struct {
	mirror interface {
		Save(context.Context, *postgres.Tx, postgres.SellerID, []T) (int, error)
		Find(context.Context, *postgres.Tx, postgres.SellerID, []RecordID) (map[RecordID]T, error)
		FlagDeleted(context.Context, *postgres.Tx, postgres.SellerID, []RecordID) error
	}
	asked []RecordID
	found []T
	gone  []RecordID
}

// Confirm asks ConnectWise for records, anew. When it does not answer within ctx, the mirror is believed.
func Confirm[T any, R mirrored[T]](ctx context.Context, book *Book[T], mirror *Mirror[T, R], seller postgres.SellerID, ids []RecordID) *Confirmation[T] {
	c := &Confirmation[T]{mirror: mirror, asked: ids}
	if len(ids) == 0 {
		return c
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(ids)))
	found, err := book.lookAnew(ctx, seller, distinct)
	if err != nil {
		return c
	}
	for i, record := range found {
		switch {
		case record != nil:
			c.found = append(c.found, *record)
		case !book.isThere(ctx, seller, distinct[i]): // else it is too new to be found, and the mirror is believed
			c.gone = append(c.gone, distinct[i])
		}
	}
	return c
}

// Settle copies what was said into the mirror, so that the mirror knows a record at least as well as what
// points at it. It returns the records asked about, and others too, as the mirror has them then; and which
// of those asked about ConnectWise does not have.
func (c *Confirmation[T]) Settle(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, others []RecordID) (found map[RecordID]T, gone []RecordID, err error) {
	if _, err := c.mirror.Save(ctx, tx, seller, c.found); err != nil {
		return nil, nil, err
	}
	if err := c.mirror.FlagDeleted(ctx, tx, seller, c.gone); err != nil {
		return nil, nil, err
	}
	found, err = c.mirror.Find(ctx, tx, seller, append(others, c.asked...))
	return found, c.gone, err
}
