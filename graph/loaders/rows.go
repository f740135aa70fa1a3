package loaders

import (
	"context"
	"slices"

	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// listing reads rows of one kind.
type listing[T grid.Positioned] func(context.Context, *postgres.Tx, postgres.SellerID, grid.Request) (*grid.Result[T], error)

func readOrganizations(ctx context.Context, s *Set, ids []int64) ([]mapping.Organization, error) {
	return readRows(ctx, s, mapping.Organizations, mapping.OrganizationColumns, ids,
		func(o mapping.Organization) (int64, *psa.RecordID) { return o.ID, o.PsaCompanyID }, s.Companies)
}

func readOffers(ctx context.Context, s *Set, ids []int64) ([]mapping.Offer, error) {
	return readRows(ctx, s, mapping.Offers, mapping.OfferColumns, ids,
		func(o mapping.Offer) (int64, *psa.RecordID) { return o.ID, o.PsaProductID }, s.Products)
}

// readContracts finds the date out before: a transaction that waits for another connection could wait for good.
func readContracts(ctx context.Context, s *Set, ids []int64) ([]mapping.Contract, error) {
	day, err := s.today()
	if err != nil {
		return nil, err
	}
	list := func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, req grid.Request) (*grid.Result[mapping.Contract], error) {
		return mapping.Contracts(ctx, tx, seller, day, req)
	}
	return readRows(ctx, s, list, mapping.ContractColumns, ids,
		func(c mapping.Contract) (int64, *psa.RecordID) { return c.ID, c.PsaAgreementID }, s.Agreements)
}

// readRows reads rows by their numbers, in one transaction. They may ask for the ConnectWise records that they are mapped to,
// so those are announced.
func readRows[T grid.Positioned, R any](
	ctx context.Context, s *Set, list listing[T], columns []string, ids []int64,
	describe func(T) (number int64, mapped *psa.RecordID), records *Records[R],
) ([]T, error) {
	found := make(map[int64]T, len(ids))
	read := s.db.Seller(s.seller).Read
	if len(ids) <= grid.MaxSize {
		read = s.db.Seller(s.seller).ReadOne
	}
	err := read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		// Several pages of one operation may ask for more rows together than a list gives at a time.
		for some := range slices.Chunk(ids, grid.MaxSize) {
			result, err := list(ctx, tx, s.seller, grid.ByNumber(columns, some))
			if err != nil {
				return err
			}
			for _, row := range result.Rows {
				number, mapped := describe(row)
				found[number] = row
				if mapped != nil {
					records.Announce(*mapped)
				}
			}
		}
		return nil
	})
	return inOrder(ids, found), err
}
