package loaders

import (
	"context"

	"github.com/graph-gophers/dataloader/v7"

	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// Rows looks up rows of ours that other rows belong to, by number.
type Rows[T any] = dataloader.Loader[int64, T]

// newRows returns a loader whose batches are one read each.
func newRows[T grid.Positioned](
	ctx context.Context, s *Set, columns []string, number func(T) int64,
	list func(context.Context, *postgres.Tx, postgres.SellerID, grid.Request) (*grid.Result[T], error),
) *Rows[T] {
	batch := func(_ context.Context, ids []int64) []*dataloader.Result[T] {
		found := make(map[int64]T, len(ids))
		err := s.db.Seller(s.seller).Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			result, err := list(ctx, tx, s.seller, grid.Request{
				Columns: columns, Where: grid.OneOf("id", ids), Page: grid.FirstRows(len(ids)),
			})
			if err != nil {
				return err
			}
			for _, row := range result.Rows {
				found[number(row)] = row
			}
			return nil
		})
		results := make([]*dataloader.Result[T], len(ids))
		for i, id := range ids {
			results[i] = &dataloader.Result[T]{Data: found[id], Error: err}
		}
		return results
	}
	return dataloader.NewBatchedLoader(batch,
		dataloader.WithWait[int64, T](window), dataloader.WithBatchCapacity[int64, T](capacity))
}

// addRows gives the set its loaders of rows.
func (s *Set) addRows(ctx context.Context, today mapping.Today) {
	s.Organizations = newRows(ctx, s, mapping.OrganizationColumns, func(o mapping.Organization) int64 { return o.ID }, mapping.Organizations)
	s.Offers = newRows(ctx, s, mapping.OfferColumns, func(o mapping.Offer) int64 { return o.ID }, mapping.Offers)
	s.Contracts = newRows(ctx, s, mapping.ContractColumns, func(c mapping.Contract) int64 { return c.ID },
		func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, req grid.Request) (*grid.Result[mapping.Contract], error) {
			day, err := today(ctx, seller)
			if err != nil {
				return nil, err
			}
			return mapping.Contracts(ctx, tx, seller, day, req)
		})
}
