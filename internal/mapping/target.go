package mapping

import (
	"context"

	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// target is a ConnectWise record as far as mapping to it matters.
type target struct {
	name    string
	deleted bool
	// agreement is the whole record where it is one.
	agreement psa.Agreement
}

// targetReader reads the ConnectWise records that one kind is mapped to.
type targetReader interface {
	// confirm asks ConnectWise for the records, anew.
	confirm(ctx context.Context, directory *psa.Directory, seller postgres.SellerID, ids []psa.RecordID) confirmation
}

// confirmation is what ConnectWise said of the records that edits point at.
type confirmation interface {
	// settle copies what was said into the mirror and returns the records asked about, and others too.
	settle(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, others []psa.RecordID) (map[psa.RecordID]target, error)
}

// targetKind is the targetReader of one kind of ConnectWise record.
type targetKind[T any] struct {
	ask      func(context.Context, *psa.Directory, postgres.SellerID, []psa.RecordID) *psa.Confirmation[T]
	describe func(T) target
}

var (
	companies = targetKind[psa.Company]{
		ask: func(ctx context.Context, d *psa.Directory, seller postgres.SellerID, ids []psa.RecordID) *psa.Confirmation[psa.Company] {
			return psa.Confirm(ctx, d.Companies, psa.Companies, seller, ids)
		},
		describe: func(c psa.Company) target { return target{name: c.Name, deleted: c.Deleted} },
	}
	products = targetKind[psa.Product]{
		ask: func(ctx context.Context, d *psa.Directory, seller postgres.SellerID, ids []psa.RecordID) *psa.Confirmation[psa.Product] {
			return psa.Confirm(ctx, d.Products, psa.Products, seller, ids)
		},
		describe: func(p psa.Product) target { return target{name: p.Description, deleted: p.Deleted} },
	}
	agreements = targetKind[psa.Agreement]{
		ask: func(ctx context.Context, d *psa.Directory, seller postgres.SellerID, ids []psa.RecordID) *psa.Confirmation[psa.Agreement] {
			return psa.Confirm(ctx, d.Agreements, psa.Agreements, seller, ids)
		},
		describe: func(a psa.Agreement) target { return target{name: a.Name, deleted: a.Deleted, agreement: a} },
	}
)

func (k targetKind[T]) confirm(ctx context.Context, directory *psa.Directory, seller postgres.SellerID, ids []psa.RecordID) confirmation {
	return confirmed[T]{k.ask(ctx, directory, seller, ids), k.describe}
}

type confirmed[T any] struct {
	said     *psa.Confirmation[T]
	describe func(T) target
}

func (c confirmed[T]) settle(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, others []psa.RecordID) (map[psa.RecordID]target, error) {
	found, gone, err := c.said.Settle(ctx, tx, seller, others)
	if err != nil {
		return nil, err
	}
	targets := make(map[psa.RecordID]target, len(found))
	for _, id := range gone {
		targets[id] = target{deleted: true}
	}
	for id, record := range found {
		targets[id] = c.describe(record)
	}
	return targets, nil
}
