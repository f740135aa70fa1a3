package graph

import (
	"context"
	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// PsaAgreements resolves the agreement picker. That of one company reads the company's agreements live, as far as
// ConnectWise answers in time: they are few, and the one just made there is the one looked for.
func (r *queryResolver) PsaAgreements(ctx context.Context, companyID *string, first *int, after, search *string, filter *model.PsaAgreementFilter) (*model.PsaAgreementConnection, error) {
	asked := agreementList{page: pageArguments{first: first, after: after}, search: deref(search)}
	today, err := todayOf(ctx)
	if err != nil {
		return nil, err
	}
	asked.where = agreementCondition(filter, today)
	if companyID != nil {
		number, err := parseID(typePsaCompany, *companyID)
		if err != nil {
			return nil, badInput(err.Error())
		}
		asked.company = psa.RecordID(number)
		if err := r.readMapping(ctx, func(context.Context, *postgres.Tx) error { return nil }); err != nil {
			return nil, err // before ConnectWise is asked
		}
		if asked.live, err = loadersFrom(ctx).RefreshAgreementsOf(ctx, asked.company); err != nil {
			return nil, err
		}
	}
	return r.agreementConnection(ctx, asked)
}

// Agreements resolves all agreements of a company, as mirrored.
func (r *psaCompanyResolver) Agreements(ctx context.Context, obj *model.PsaCompany, first *int, after *string) (*model.PsaAgreementConnection, error) {
	return r.agreementConnection(ctx, agreementList{page: pageArguments{first: first, after: after}, company: psa.RecordID(obj.RecordID)})
}

// agreementList is one request for mirrored agreements.
type agreementList struct {
	page    pageArguments
	search  string
	where   grid.Condition
	company psa.RecordID
	// live is true when the mirror was refreshed for this request.
	live bool
}

func (r *Resolver) agreementConnection(ctx context.Context, asked agreementList) (*model.PsaAgreementConnection, error) {
	if asked.company != 0 {
		asked.where = grid.All(grid.Compare("company_id", grid.Equal, asked.company), asked.where)
	}
	result, err := picker[psa.MirroredAgreement]{
		page: asked.page, fields: agreementFields, order: "name", where: asked.where,
		fetch: func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[psa.MirroredAgreement], error) {
			return psa.Agreements.List(ctx, tx, seller(ctx), asked.search, req)
		},
	}.run(ctx, r)
	if err != nil {
		return nil, err
	}
	c := connect(ctx, result, func(m psa.MirroredAgreement) *model.PsaAgreement {
		return psaAgreement(loaders.Found[psa.Agreement]{Record: m.Record(), Deleted: m.Deleted, Live: asked.live})
	}, func(cursor string, node *model.PsaAgreement) *model.PsaAgreementEdge {
		return &model.PsaAgreementEdge{Cursor: cursor, Node: node}
	})
	return &model.PsaAgreementConnection{Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, TotalCount: result.Total}, nil
}

// agreementCondition compiles the filter; only open agreements are offered unless it says otherwise.
func agreementCondition(f *model.PsaAgreementFilter, today civil.Date) grid.Condition {
	if f == nil {
		f = &model.PsaAgreementFilter{}
	}
	open := grid.All(
		grid.Compare("deleted", grid.Equal, false),
		grid.Compare("cancelled", grid.Equal, false),
		grid.Any(grid.IsNull("end_date", true), grid.Compare("end_date", grid.GreaterOrEqual, today)),
	)
	return grid.All(unless(f.IncludeClosed.Value(), open), anyOf("type", f.Type.Value()), anyOf("currency", f.Currency.Value()))
}

// psaAgreement shows an agreement that was looked up.
func psaAgreement(found loaders.Found[psa.Agreement]) *model.PsaAgreement {
	a := found.Record
	return &model.PsaAgreement{
		ID:          nodeID(typePsaAgreement, int64(a.ID)),
		RecordID:    int(a.ID),
		Name:        a.Name,
		Type:        optional(a.Type),
		StartDate:   optionalDate(a.StartDate),
		EndDate:     optionalDate(a.EndDate),
		Cancelled:   a.Cancelled,
		Currency:    optional(a.Currency),
		Deleted:     found.Deleted,
		Freshness:   freshness(found.Live),
		CompanyID:   a.CompanyID,
		LastUpdated: optionalInstant(a.LastUpdated),
	}
}

func optionalDate(d civil.Date) *civil.Date {
	if d.IsZero() {
		return nil
	}
	return &d
}

// Company resolves the company an agreement is with, verified live.
func (r *psaAgreementResolver) Company(ctx context.Context, obj *model.PsaAgreement) (*model.PsaCompany, error) {
	if obj.CompanyID == 0 {
		return nil, nil
	}
	return shownLive(ctx, loadersFrom(ctx).Companies, &obj.CompanyID, psaCompany)
}
