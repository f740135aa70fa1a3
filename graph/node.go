package graph

import (
	"context"

	"crosswalk/graph/model"
	"crosswalk/internal/activity"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// Node resolves any record by its id.
func (r *queryResolver) Node(ctx context.Context, id string) (model.Node, error) {
	typeName, number, err := parseNodeID(id)
	if err != nil {
		return nil, badInput(err.Error())
	}
	return r.node(ctx, typeName, number)
}

// Nodes resolves many records by their ids, in their order.
func (r *queryResolver) Nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if err := checkLength(len(ids)); err != nil {
		return nil, err
	}
	byType := make(map[string][]int64)
	for _, id := range ids {
		typeName, number, err := parseNodeID(id)
		if err != nil {
			return nil, badInput(err.Error())
		}
		byType[typeName] = append(byType[typeName], number)
	}
	found := make(map[string]model.Node, len(ids))
	for typeName, numbers := range byType {
		records, err := r.nodesOfType(ctx, typeName, numbers)
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

func (r *Resolver) node(ctx context.Context, typeName string, number int64) (model.Node, error) {
	found, err := r.nodesOfType(ctx, typeName, []int64{number})
	return found[number], err
}

// nodesOfType returns the records of one type that exist for the caller's seller, in one read.
func (r *Resolver) nodesOfType(ctx context.Context, typeName string, numbers []int64) (map[int64]model.Node, error) {
	found := make(map[int64]model.Node, len(numbers))
	switch typeName {
	case typeSeller:
		return r.sellerNodes(ctx, numbers)
	case typePsaCompany:
		return r.companyNodes(ctx, numbers)
	case typeOrganization:
		return found, r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			records, err := organizationsByID(ctx, tx, seller(ctx), numbers)
			for _, record := range records {
				_, number, _ := parseNodeID(record.ID)
				found[number] = record
			}
			return err
		})
	case typeJob:
		return found, r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			records, err := jobsByID(ctx, tx, seller(ctx), numbers)
			for _, record := range records {
				found[record.RecordID] = record
			}
			return err
		})
	case typeLogEntry:
		return found, r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			result, err := activity.List(ctx, tx, seller(ctx), r.Now(), grid.Request{
				Columns: activity.LoggedColumns, Where: grid.OneOf("id", numbers), Page: grid.FirstRows(len(numbers)),
			})
			if err != nil {
				return err
			}
			for _, row := range result.Rows {
				found[row.ID] = logEntry(row)
			}
			return nil
		})
	}
	return found, nil
}

func (r *Resolver) sellerNodes(ctx context.Context, numbers []int64) (map[int64]model.Node, error) {
	found := make(map[int64]model.Node)
	for _, number := range numbers {
		if postgres.SellerID(number) != seller(ctx) {
			continue
		}
		home, err := r.Accounts.Seller(ctx, seller(ctx))
		if err != nil {
			return nil, err
		}
		found[number] = sellerNode(home)
	}
	return found, nil
}

// companyNodes looks companies up live, as every PSA record that is shown by itself is. Only those that
// the mirror knows are the seller's to see.
func (r *Resolver) companyNodes(ctx context.Context, numbers []int64) (map[int64]model.Node, error) {
	ids := make([]psa.RecordID, len(numbers))
	for i, number := range numbers {
		ids[i] = psa.RecordID(number)
	}
	var mirrored map[psa.RecordID]psa.Company
	err := r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		mirrored, err = psa.MirroredCompanies(ctx, tx, seller(ctx), ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	thunks := make(map[int64]func() (*model.PsaCompany, error))
	for _, number := range numbers {
		if _, known := mirrored[psa.RecordID(number)]; known {
			load := loadersFrom(ctx).Companies.Load(ctx, psa.RecordID(number))
			thunks[number] = func() (*model.PsaCompany, error) {
				c, err := load()
				return psaCompany(c), err
			}
		}
	}
	found := make(map[int64]model.Node, len(thunks))
	for number, thunk := range thunks {
		c, err := thunk()
		if err != nil {
			return nil, err
		}
		found[number] = c
	}
	return found, nil
}
