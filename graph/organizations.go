package graph

import (
	"context"

	"crosswalk/graph/model"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// organizationFields are the columns behind the fields of an organization.
var organizationFields = map[string]string{
	"platformId":           "platform_id",
	"name":                 "name",
	"referenceNumber":      "reference_number",
	"status":               "status",
	"psaCompany":           "psa_company_id",
	"mappingStatus":        "psa_company_id",
	"mappingStatusMessage": "psa_company_id",
	"excludedFromSync":     "excluded_from_sync",
	"revision":             "revision",
	"mappedAt":             "mapped_at",
	"mappedBy":             "mapped_by",
}

var organizationOrders = map[model.OrganizationOrderField]string{
	model.OrganizationOrderFieldName:             "name",
	model.OrganizationOrderFieldReferenceNumber:  "reference_order",
	model.OrganizationOrderFieldStatus:           "status",
	model.OrganizationOrderFieldExcludedFromSync: "excluded_from_sync",
	model.OrganizationOrderFieldMappingStatus:    "mapping_status",
	model.OrganizationOrderFieldPsaName:          "psa_name",
	model.OrganizationOrderFieldPsaIdentifier:    "psa_identifier",
	model.OrganizationOrderFieldPsaStatus:        "psa_status",
}

// Organizations resolves the Organizations tab.
func (r *queryResolver) Organizations(ctx context.Context, first *int, after *string, last *int, before *string, offset *int,
	search *string, filter *model.OrganizationFilter, orderBy []*model.OrganizationOrder,
) (*model.OrganizationConnection, error) {
	return r.organizationConnection(ctx, organizationList{
		page: pageArguments{first, after, last, before, offset}, search: search, filter: filter, orderBy: orderBy,
	})
}

// Organizations resolves the organizations that share a company.
func (r *psaCompanyResolver) Organizations(ctx context.Context, obj *model.PsaCompany, first *int, after *string) (*model.OrganizationConnection, error) {
	return r.organizationConnection(ctx, organizationList{
		page: pageArguments{first: first, after: after}, company: psa.RecordID(obj.RecordID),
	})
}

// organizationList is one request for organizations.
type organizationList struct {
	page    pageArguments
	search  *string
	filter  *model.OrganizationFilter
	orderBy []*model.OrganizationOrder
	company psa.RecordID
}

var organizationFacets = []facet[model.OrganizationFilter, model.OrganizationFacets]{
	{
		"status", "status",
		func(f *model.OrganizationFilter) { f.Status = unset(f.Status) },
		func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.Status },
	},
	{
		"psaStatus", "psa_status",
		func(f *model.OrganizationFilter) { f.PsaStatus = unset(f.PsaStatus) },
		func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.PsaStatus },
	},
	{
		"excludedFromSync", "excluded_from_sync",
		func(f *model.OrganizationFilter) { f.ExcludedFromSync = unset(f.ExcludedFromSync) },
		func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.ExcludedFromSync },
	},
	{
		"mappingStatus", "mapping_status",
		func(f *model.OrganizationFilter) { f.MappingStatus = unset(f.MappingStatus) },
		func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.MappingStatus },
	},
}

func (r *Resolver) organizationConnection(ctx context.Context, asked organizationList) (*model.OrganizationConnection, error) {
	id := seller(ctx)
	result, facets, err := list[mapping.Organization, model.OrganizationFilter, model.OrganizationFacets]{
		page: asked.page, filter: asked.filter, fields: organizationFields, always: []string{"id"}, facets: organizationFacets,
		order: ordering(asked.orderBy, func(o *model.OrganizationOrder) grid.Order {
			return grid.Order{Column: organizationOrders[o.Field], Descending: descending(o.Direction)}
		}, "name"),
		condition: func(f *model.OrganizationFilter) (grid.Condition, error) { return asked.condition(id, f) },
		fetch: func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[mapping.Organization], error) {
			return mapping.Organizations(ctx, tx, id, req)
		},
	}.run(ctx, r)
	if err != nil {
		return nil, err
	}
	if organizationLane.write(ctx, result, facets) {
		return nil, nil
	}
	announce(loadersFrom(ctx).Companies, result.Rows, mappedCompany)
	c := connect(ctx, result, organization, func(cursor string, node *model.Organization) *model.OrganizationEdge {
		return &model.OrganizationEdge{Cursor: cursor, Node: node}
	})
	return &model.OrganizationConnection{
		Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, Range: c.span, TotalCount: result.Total, Facets: facets,
	}, nil
}

// condition compiles search, filter and, below a company, the company.
func (asked organizationList) condition(seller postgres.SellerID, filter *model.OrganizationFilter) (grid.Condition, error) {
	filtered, err := organizationCondition(filter)
	if err != nil {
		return nil, err
	}
	if asked.company != 0 {
		filtered = grid.All(grid.Compare("psa_company_id", grid.Equal, asked.company), filtered)
	}
	return searching(asked.search, func(text string) grid.Condition { return mapping.SearchOrganizations(seller, text) }, filtered), nil
}

func organizationCondition(f *model.OrganizationFilter) (grid.Condition, error) {
	if f == nil {
		return nil, nil
	}
	nested, err := nestedConditions(f.And.Value(), f.Or.Value(), f.Not.Value(), organizationCondition)
	if err != nil {
		return nil, err
	}
	conditions := []grid.Condition{
		nested,
		textCondition("name", f.Name.Value()),
		textCondition("reference_number", f.ReferenceNumber.Value()),
		anyOf("status", f.Status.Value()),
		anyOf("psa_status", f.PsaStatus.Value()),
		anyOf("mapping_status", f.MappingStatus.Value()),
	}
	if excluded := f.ExcludedFromSync.Value(); excluded != nil {
		conditions = append(conditions, grid.Compare("excluded_from_sync", grid.Equal, *excluded))
	}
	return withIDs(conditions, idFilter{"id", typeOrganization, f.ID.Value()}, idFilter{"psa_company_id", typePsaCompany, f.PsaCompanyID.Value()})
}

// mappedCompany is the company that a row is mapped to; nil for an unmapped row.
func mappedCompany(o mapping.Organization) *psa.RecordID { return o.PsaCompanyID }

// organization shows a row.
func organization(o mapping.Organization) *model.Organization {
	return &model.Organization{
		ID:               nodeID(typeOrganization, o.ID),
		PlatformID:       o.PlatformID,
		Name:             o.Name,
		ReferenceNumber:  o.ReferenceNumber,
		Status:           model.OrganizationStatus(o.Status),
		ExcludedFromSync: o.ExcludedFromSync,
		Revision:         o.Revision,
		MappedAt:         o.MappedAt,
		MappedBy:         o.MappedBy,
		PsaCompanyID:     o.PsaCompanyID,
	}
}

// PsaCompany resolves the mapped company, verified live.
func (r *organizationResolver) PsaCompany(ctx context.Context, obj *model.Organization) (*model.PsaCompany, error) {
	return shownLive(ctx, loadersFrom(ctx).Companies, obj.PsaCompanyID, psaCompany)
}

// MappingStatus resolves the stored state with the overlay of what ConnectWise answers now.
func (r *organizationResolver) MappingStatus(ctx context.Context, obj *model.Organization) (model.MappingStatus, error) {
	return liveStatus(ctx, loadersFrom(ctx).Companies, obj.PsaCompanyID)
}

// MappingStatusMessage resolves what to tell the user about the status.
func (r *organizationResolver) MappingStatusMessage(ctx context.Context, obj *model.Organization) (*string, error) {
	return liveMessage(ctx, loadersFrom(ctx).Companies, obj.PsaCompanyID, "company")
}
