package graph

import (
	"context"
	"time"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// The columns behind the fields of ConnectWise records in lists over the mirror.
var (
	companyFields = map[string]string{
		"identifier": "identifier", "name": "name", "status": "status", "currency": "currency",
		"deleted": "deleted", "lastUpdated": "last_updated",
	}
	productFields = map[string]string{
		"identifier": "identifier", "description": "description", "category": "category", "price": "price", "cost": "cost",
		"inactive": "inactive", "deleted": "deleted", "lastUpdated": "last_updated",
	}
	agreementFields = map[string]string{
		"name": "name", "type": "type", "company": "company_id", "startDate": "start_date", "endDate": "end_date",
		"cancelled": "cancelled", "deleted": "deleted", "currency": "currency", "lastUpdated": "last_updated",
	}
)

// picker is one request for mirrored ConnectWise records: R are the rows.
type picker[R grid.Positioned] struct {
	page   pageArguments
	fields map[string]string
	order  string
	where  grid.Condition
	fetch  func(context.Context, *postgres.Tx, grid.Request) (*grid.Result[R], error)
}

func (p picker[R]) run(ctx context.Context, r *Resolver) (*grid.Result[R], error) {
	req, err := p.page.request(selectionOf(ctx), p.fields, "record_id")
	if err != nil {
		return nil, err
	}
	req.Order, req.Where = []grid.Order{{Column: p.order}}, p.where
	var result *grid.Result[R]
	err = r.readStatements(ctx, req.IsOneStatement(), func(ctx context.Context, tx *postgres.Tx) error {
		result, err = p.fetch(ctx, tx, req)
		return err
	})
	return result, err
}

// PsaCompanies resolves the company picker.
func (r *queryResolver) PsaCompanies(ctx context.Context, first *int, after, search *string, filter *model.PsaCompanyFilter) (*model.PsaCompanyConnection, error) {
	result, err := picker[psa.MirroredCompany]{
		page: pageArguments{first: first, after: after}, fields: companyFields, order: "name", where: companyCondition(filter),
		fetch: func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[psa.MirroredCompany], error) {
			return psa.Companies.List(ctx, tx, seller(ctx), deref(search), req)
		},
	}.run(ctx, r.Resolver)
	if err != nil {
		return nil, err
	}
	c := connect(ctx, result, func(m psa.MirroredCompany) *model.PsaCompany { return psaCompany(mirrored(m.Record(), m.Deleted)) },
		func(cursor string, node *model.PsaCompany) *model.PsaCompanyEdge {
			return &model.PsaCompanyEdge{Cursor: cursor, Node: node}
		})
	return &model.PsaCompanyConnection{Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, TotalCount: result.Total}, nil
}

func companyCondition(f *model.PsaCompanyFilter) grid.Condition {
	if f == nil {
		f = &model.PsaCompanyFilter{}
	}
	return grid.All(unless(f.IncludeDeleted.Value(), grid.Compare("deleted", grid.Equal, false)), anyOf("status", f.Status.Value()))
}

// unless is the condition that a picker leaves records out by, unless its filter includes them.
func unless(include *bool, offered grid.Condition) grid.Condition {
	if include != nil && *include {
		return nil
	}
	return offered
}

// PsaProducts resolves the product picker.
func (r *queryResolver) PsaProducts(ctx context.Context, first *int, after, search *string, filter *model.PsaProductFilter) (*model.PsaProductConnection, error) {
	result, err := picker[psa.MirroredProduct]{
		page: pageArguments{first: first, after: after}, fields: productFields, order: "description", where: productCondition(filter),
		fetch: func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[psa.MirroredProduct], error) {
			return psa.Products.List(ctx, tx, seller(ctx), deref(search), req)
		},
	}.run(ctx, r.Resolver)
	if err != nil {
		return nil, err
	}
	c := connect(ctx, result, func(m psa.MirroredProduct) *model.PsaProduct { return psaProduct(mirrored(m.Record(), m.Deleted)) },
		func(cursor string, node *model.PsaProduct) *model.PsaProductEdge {
			return &model.PsaProductEdge{Cursor: cursor, Node: node}
		})
	return &model.PsaProductConnection{Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, TotalCount: result.Total}, nil
}

func productCondition(f *model.PsaProductFilter) grid.Condition {
	if f == nil {
		f = &model.PsaProductFilter{}
	}
	offered := grid.All(grid.Compare("deleted", grid.Equal, false), grid.Compare("inactive", grid.Equal, false))
	return grid.All(unless(f.IncludeInactive.Value(), offered), anyOf("category", f.Category.Value()))
}

// PsaAgreementTypes resolves the Agreement Types that can be chosen. It is part of the set-up, so it needs
// credentials only.
func (r *queryResolver) PsaAgreementTypes(ctx context.Context) ([]*model.PsaAgreementType, error) {
	types, err := r.activeAgreementTypes(ctx, loadersFrom(ctx).Deadline())
	if err != nil {
		return nil, psaFailure(err)
	}
	shown := make([]*model.PsaAgreementType, len(types))
	for i, t := range types {
		shown[i] = &model.PsaAgreementType{ID: nodeID(typePsaAgreementType, int64(t.ID)), RecordID: int(t.ID), Name: t.Name}
	}
	return shown, nil
}

// psaCompany shows a company that was looked up.
func psaCompany(found loaders.Found[psa.Company]) *model.PsaCompany {
	c := found.Record
	return &model.PsaCompany{
		ID:          nodeID(typePsaCompany, int64(c.ID)),
		RecordID:    int(c.ID),
		Identifier:  c.Identifier,
		Name:        c.Name,
		Status:      optional(c.Status),
		Currency:    optional(c.Currency),
		Deleted:     found.Deleted,
		Freshness:   freshness(found.Live),
		LastUpdated: optionalInstant(c.LastUpdated),
	}
}

// psaProduct shows a product that was looked up.
func psaProduct(found loaders.Found[psa.Product]) *model.PsaProduct {
	p := found.Record
	shown := &model.PsaProduct{
		ID:          nodeID(typePsaProduct, int64(p.ID)),
		RecordID:    int(p.ID),
		Identifier:  p.Identifier,
		Description: p.Description,
		Category:    optional(p.Category),
		Inactive:    p.Inactive,
		Deleted:     found.Deleted,
		Freshness:   freshness(found.Live),
		LastUpdated: optionalInstant(p.LastUpdated),
	}
	if p.Price.Valid {
		shown.Price = &p.Price.Decimal
	}
	if p.Cost.Valid {
		shown.Cost = &p.Cost.Decimal
	}
	return shown
}

// mirrored is a record as the mirror has it, in the form of one that was looked up.
func mirrored[T any](record T, deleted bool) loaders.Found[T] {
	return loaders.Found[T]{Record: record, Deleted: deleted}
}

// optionalInstant returns nil for the zero time.
func optionalInstant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// optional returns nil for an empty text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
