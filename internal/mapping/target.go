package mapping

import (
	"context"
	"maps"
	"slices"

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
	// settle copies what was said into the mirror, so that the mirror knows a record at least as well as the
	// mapping does, and returns the records asked about, and others too, as the mirror has them then.
	settle(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, others []psa.RecordID) (map[psa.RecordID]target, error)
}

// mirrorOf is what is needed of a psa.Mirror.
type mirrorOf[T any] interface {
	Save(context.Context, *postgres.Tx, postgres.SellerID, []T) (int, error)
	Find(context.Context, *postgres.Tx, postgres.SellerID, []psa.RecordID) (map[psa.RecordID]T, error)
	FlagDeleted(context.Context, *postgres.Tx, postgres.SellerID, []psa.RecordID) error
}

// targetKind is the targetReader of one kind of ConnectWise record.
type targetKind[T any] struct {
	book     func(*psa.Directory) *psa.Book[T]
	mirror   mirrorOf[T]
	describe func(T) target
}

var (
	companies = targetKind[psa.Company]{
		book:     func(d *psa.Directory) *psa.Book[psa.Company] { return d.Companies },
		mirror:   psa.Companies,
		describe: func(c psa.Company) target { return target{name: c.Name, deleted: c.Deleted} },
	}
	products = targetKind[psa.Product]{
		book:     func(d *psa.Directory) *psa.Book[psa.Product] { return d.Products },
		mirror:   psa.Products,
		describe: func(p psa.Product) target { return target{name: p.Description, deleted: p.Deleted} },
	}
	agreements = targetKind[psa.Agreement]{
		book:     func(d *psa.Directory) *psa.Book[psa.Agreement] { return d.Agreements },
		mirror:   psa.Agreements,
		describe: func(a psa.Agreement) target { return target{name: a.Name, deleted: a.Deleted, agreement: a} },
	}
)

func (k targetKind[T]) confirm(ctx context.Context, directory *psa.Directory, seller postgres.SellerID, ids []psa.RecordID) confirmation {
	c := confirmed[T]{kind: k, asked: ids}
	if len(ids) == 0 {
		return c
	}
	found, err := k.book(directory).Confirm(ctx, seller, ids)
	if err != nil {
		return c // ConnectWise does not answer: the mirror is believed.
	}
	c.found = slices.Collect(maps.Values(found))
	for _, id := range ids {
		if _, ok := found[id]; !ok {
			c.gone = append(c.gone, id)
		}
	}
	return c
}

type confirmed[T any] struct {
	kind  targetKind[T]
	asked []psa.RecordID
	found []T
	gone  []psa.RecordID
}

func (c confirmed[T]) settle(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, others []psa.RecordID) (map[psa.RecordID]target, error) {
	if _, err := c.kind.mirror.Save(ctx, tx, seller, c.found); err != nil {
		return nil, err
	}
	if err := c.kind.mirror.FlagDeleted(ctx, tx, seller, c.gone); err != nil {
		return nil, err
	}
	copies, err := c.kind.mirror.Find(ctx, tx, seller, append(others, c.asked...))
	if err != nil {
		return nil, err
	}
	targets := make(map[psa.RecordID]target, len(copies))
	for _, id := range c.gone {
		targets[id] = target{deleted: true}
	}
	for id, record := range copies {
		targets[id] = c.kind.describe(record)
	}
	return targets, nil
}
