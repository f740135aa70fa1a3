package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// Node resolves any record by its id.
func (r *queryResolver) Node(ctx context.Context, id string) (model.Node, error) {
	typeName, number, err := parseNodeID(id)
	if err != nil {
		return nil, badInput(err.Error())
	}
	found, err := r.nodesOfType(ctx, r.readMapping, typeName, []int64{number})
	return found[number], err
}

// Nodes resolves many records by their ids, in their order. What is no id is an error at its place, and the others stand.
func (r *queryResolver) Nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if err := checkLength(len(ids)); err != nil {
		return nil, err
	}
	byType := make(map[string][]int64)
	for i, id := range ids {
		typeName, number, err := parseNodeID(id)
		if err != nil {
			graphql.AddError(ctx, atItem(ctx, i, badInput(err.Error())))
			continue
		}
		byType[typeName] = append(byType[typeName], number)
	}
	found := make(map[string]model.Node, len(ids))
	for typeName, numbers := range byType {
		records, err := r.nodesOfType(ctx, r.readMapping, typeName, numbers)
		if err != nil {
			return nil, err
		}
		for number, record := range records {
			found[nodeID(typeName, number)] = record
		}
	}
	nodes := make([]model.Node, len(ids))
	for i, id := range ids {
		nodes[i] = found[id]
	}
	return nodes, nil
}

// atItem is an error about one item of the list that is being resolved.
func atItem(ctx context.Context, i int, err error) error {
	return graphql.AddFieldLocationToError(ctx, gqlerror.WrapPath(append(graphql.GetPath(ctx), ast.PathIndex(i)), err))
}

// reading runs a read for the caller's seller, as Resolver.read and readMapping do.
type reading func(context.Context, func(context.Context, *postgres.Tx) error) error

// nodesOfType returns the records of one type that exist for the caller's seller, in one read. Mapped rows are
// read by rows.
func (r *Resolver) nodesOfType(ctx context.Context, rows reading, typeName string, numbers []int64) (map[int64]model.Node, error) {
	switch typeName {
	case typeSeller:
		return r.sellerNodes(ctx, numbers)
	case typePsaCompany:
		return psaNodes(ctx, r, numbers, psa.Companies.Find, loadersFrom(ctx).Companies, psaCompany)
	case typePsaProduct:
		return psaNodes(ctx, r, numbers, psa.Products.Find, loadersFrom(ctx).Products, psaProduct)
	case typePsaAgreement:
		return psaNodes(ctx, r, numbers, psa.Agreements.Find, loadersFrom(ctx).Agreements, psaAgreement)
	case typeOrganization:
		return rowNodes(ctx, rows, numbers, organizationsByID, func(o *model.Organization) string { return o.ID })
	case typeOffer:
		return rowNodes(ctx, rows, numbers, offersByID, func(o *model.Offer) string { return o.ID })
	case typeContract:
		today, err := todayOf(ctx)
		if err != nil {
			return nil, err
		}
		return rowNodes(ctx, rows, numbers, contractsByID(today), func(c *model.Contract) string { return c.ID })
	case typeInvoiceLine:
		byID, err := r.linesByID(ctx)
		if err != nil {
			return nil, err
		}
		return rowNodes(ctx, r.readMapping, numbers, byID, func(l *model.InvoiceLine) string { return l.ID })
	case typeJob:
		return rowNodes(ctx, r.read, numbers, jobsByID, func(j *model.Job) string { return j.ID })
	case typeLogEntry:
		return rowNodes(ctx, r.read, numbers, r.logEntriesByID, func(l *model.LogEntry) string { return l.ID })
	}
	return nil, nil
}

// rowNodes reads rows of ours by number.
func rowNodes[N any, P interface {
	*N
	model.Node
}](
	ctx context.Context, read reading, numbers []int64, byID byIDFunc[N], id func(*N) string,
) (map[int64]model.Node, error) {
	found := make(map[int64]model.Node, len(numbers))
	err := read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		records, err := byID(ctx, tx, seller(ctx), numbers)
		for _, record := range records {
			_, number, _ := parseNodeID(id(record))
			found[number] = P(record)
		}
		return err
	})
	return found, err
}

// psaNodes looks ConnectWise records up live, as every one that is shown by itself is. Only those that the
// mirror knows are the seller's to see.
func psaNodes[T, N any, P interface {
	*N
	model.Node
}](
	ctx context.Context, r *Resolver, numbers []int64,
	find func(context.Context, *postgres.Tx, postgres.SellerID, []psa.RecordID) (map[psa.RecordID]T, error),
	loader *loaders.Records[T], show func(loaders.Found[T]) *N,
) (map[int64]model.Node, error) {
	ids := make([]psa.RecordID, len(numbers))
	for i, number := range numbers {
		ids[i] = psa.RecordID(number)
	}
	var known map[psa.RecordID]T
	err := r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		known, err = find(ctx, tx, seller(ctx), ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	for id := range known {
		loader.Announce(id)
	}
	looking := make(map[psa.RecordID]func() (loaders.Found[T], error), len(known))
	for id := range known {
		looking[id] = loader.Load(ctx, id)
	}
	found := make(map[int64]model.Node, len(known))
	for id, look := range looking {
		record, err := look()
		if err != nil {
			return nil, err
		}
		found[int64(id)] = P(show(record))
	}
	return found, nil
}

func (r *Resolver) sellerNodes(ctx context.Context, numbers []int64) (map[int64]model.Node, error) {
	if !slices.Contains(numbers, int64(seller(ctx))) {
		return nil, nil
	}
	home, err := r.Accounts.Seller(ctx, seller(ctx))
	if err != nil {
		return nil, err
	}
	return map[int64]model.Node{int64(home.ID): sellerNode(home)}, nil
}
