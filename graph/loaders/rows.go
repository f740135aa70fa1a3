package loaders

import (
	"context"
	"slices"

	"crosswalk/internal/civil"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// listing reads rows of one kind.
type listing[T grid.Positioned] func(context.Context, *postgres.Tx, postgres.SellerID, grid.Request) (*grid.Result[T], error)

// newRows returns a loader each of whose look-ups is one transaction of reads. What that needs to know, prepare finds out
// before: a transaction that waits for another connection could wait for good. The rows may ask for the ConnectWise
// records that they are mapped to, so those are announced.
func newRows[T grid.Positioned, R any](
	ctx context.Context, s *Set, columns []string, number func(T) int64, mapped func(T) *psa.RecordID, records *Records[R],
	prepare func() (listing[T], error),
) *Rows[T] {
	return newLoader(ctx, func(ctx context.Context, ids []int64) (map[int64]T, error) {
		list, err := prepare()
		if err != nil {
			return nil, err
		}
		found := make(map[int64]T, len(ids))
		read := s.db.Seller(s.seller).Read
		if len(ids) <= grid.MaxSize {
			read = s.db.Seller(s.seller).ReadOne
		}
		err = read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			// Several pages of one operation may ask for more rows together than a list gives at a time.
			for some := range slices.Chunk(ids, grid.MaxSize) {
				result, err := list(ctx, tx, s.seller, grid.ByNumber(columns, some))
				if err != nil {
					return err
				}
				for _, row := range result.Rows {
					found[number(row)] = row
					if id := mapped(row); id != nil {
						records.Announce(*id)
					}
				}
			}
			return nil
		})
		return found, err
	})
}

// prepared is the preparation of a listing that needs to know nothing.
func prepared[T grid.Positioned](list listing[T]) func() (listing[T], error) {
	return func() (listing[T], error) { return list, nil }
}

// addRows gives the set its loaders of rows.
func (s *Set) addRows(ctx context.Context, today func() (civil.Date, error)) {
	s.Organizations = newRows(ctx, s, mapping.OrganizationColumns, func(o mapping.Organization) int64 { return o.ID },
		func(o mapping.Organization) *psa.RecordID { return o.PsaCompanyID }, s.Companies, prepared(mapping.Organizations))
	s.Offers = newRows(ctx, s, mapping.OfferColumns, func(o mapping.Offer) int64 { return o.ID },
		func(o mapping.Offer) *psa.RecordID { return o.PsaProductID }, s.Products, prepared(mapping.Offers))
	s.Contracts = newRows(ctx, s, mapping.ContractColumns, func(c mapping.Contract) int64 { return c.ID },
		func(c mapping.Contract) *psa.RecordID { return c.PsaAgreementID }, s.Agreements,
		func() (listing[mapping.Contract], error) {
			day, err := today()
			return func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, req grid.Request) (*grid.Result[mapping.Contract], error) {
				return mapping.Contracts(ctx, tx, seller, day, req)
			}, err
		})
}
