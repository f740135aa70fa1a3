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

func (r *Resolver) organizationConnection(ctx context.Context, list organizationList) (*model.OrganizationConnection, error) {
	selected := selectionOf(ctx)
	req, err := list.page.request(selected, organizationFields, "id")
	if err != nil {
		return nil, err
	}
	req.Order = []grid.Order{{Column: "name"}}
	if len(list.orderBy) > 0 {
		req.Order = nil
		for _, o := range list.orderBy {
			req.Order = append(req.Order, grid.Order{
				Column: organizationOrders[o.Field], Descending: o.Direction == model.SortDirectionDesc,
			})
		}
	}
	seller := seller(ctx)
	where := func(filter *model.OrganizationFilter) func() (grid.Condition, error) {
		return func() (grid.Condition, error) { return list.condition(seller, filter) }
	}
	if req.Where, err = where(list.filter)(); err != nil {
		return nil, err
	}
	facets := organizationFacets(list.filter, where)
	if err := addFacets(&req, selected, facets); err != nil {
		return nil, err
	}
	var result *grid.Result[mapping.Organization]
	err = r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		result, err = mapping.Organizations(ctx, tx, seller, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := connect(result, organization, func(cursor string, node *model.Organization) *model.OrganizationEdge {
		return &model.OrganizationEdge{Cursor: cursor, Node: node}
	})
	return &model.OrganizationConnection{
		Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, Range: c.span, TotalCount: result.Total,
		Facets: fillFacets(&model.OrganizationFacets{}, selected, facets, result.Facets),
	}, nil
}

func organizationFacets(filter *model.OrganizationFilter, where func(*model.OrganizationFilter) func() (grid.Condition, error)) []facetRequest[model.OrganizationFacets] {
	without := func(clear func(*model.OrganizationFilter)) func() (grid.Condition, error) {
		if filter == nil {
			return where(nil)
		}
		others := *filter
		clear(&others)
		return where(&others)
	}
	return []facetRequest[model.OrganizationFacets]{
		{
			"status", "status",
			without(func(f *model.OrganizationFilter) { f.Status = unset(f.Status) }),
			func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.Status },
		},
		{
			"psaStatus", "psa_status",
			without(func(f *model.OrganizationFilter) { f.PsaStatus = unset(f.PsaStatus) }),
			func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.PsaStatus },
		},
		{
			"excludedFromSync", "excluded_from_sync",
			without(func(f *model.OrganizationFilter) { f.ExcludedFromSync = unset(f.ExcludedFromSync) }),
			func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.ExcludedFromSync },
		},
		{
			"mappingStatus", "mapping_status",
			without(func(f *model.OrganizationFilter) { f.MappingStatus = unset(f.MappingStatus) }),
			func(f *model.OrganizationFacets) *[]*model.FacetValue { return &f.MappingStatus },
		},
	}
}

// condition compiles search, filter and, below a company, the company.
func (list organizationList) condition(seller postgres.SellerID, filter *model.OrganizationFilter) (grid.Condition, error) {
	condition, err := organizationCondition(filter)
	if err != nil {
		return nil, err
	}
	if list.search != nil && *list.search != "" {
		condition = grid.All(mapping.SearchOrganizations(seller, *list.search), condition)
	}
	if list.company != 0 {
		condition = grid.All(grid.Compare("psa_company_id", grid.Equal, list.company), condition)
	}
	return condition, nil
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
	if ids := f.ID.Value(); ids != nil {
		numbers, err := parseIDs[int64](typeOrganization, ids)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, grid.OneOf("id", numbers))
	}
	if ids := f.PsaCompanyID.Value(); ids != nil {
		numbers, err := parseIDs[int64](typePsaCompany, ids)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, grid.OneOf("psa_company_id", numbers))
	}
	if excluded := f.ExcludedFromSync.Value(); excluded != nil {
		conditions = append(conditions, grid.Compare("excluded_from_sync", grid.Equal, *excluded))
	}
	return grid.All(conditions...), nil
}

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
	if obj.PsaCompanyID == nil {
		return nil, nil
	}
	found, err := r.loadCompany(ctx, *obj.PsaCompanyID)
	if err != nil {
		return nil, err
	}
	return psaCompany(found), nil
}

// MappingStatus resolves the stored state with the overlay of what ConnectWise answers now.
func (r *organizationResolver) MappingStatus(ctx context.Context, obj *model.Organization) (model.MappingStatus, error) {
	if obj.PsaCompanyID == nil {
		return model.MappingStatusUnmapped, nil
	}
	found, err := r.loadCompany(ctx, *obj.PsaCompanyID)
	return mappingStatus(found), err
}

// MappingStatusMessage resolves what to tell the user about the status.
func (r *organizationResolver) MappingStatusMessage(ctx context.Context, obj *model.Organization) (*string, error) {
	if obj.PsaCompanyID == nil {
		return nil, nil
	}
	found, err := r.loadCompany(ctx, *obj.PsaCompanyID)
	if err != nil {
		return nil, err
	}
	return mappingStatusMessage(found, "company"), nil
}
