package graph

import (
	"context"
	"strconv"

	"crosswalk/graph/model"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// MapOrganization saves a row of the Organizations tab.
func (r *mutationResolver) MapOrganization(ctx context.Context, input model.MapOrganizationInput) (*model.MapOrganizationPayload, error) {
	shown, _, refused, err := editRows(ctx, r.Resolver, organizationEdits, []requestedEdit{mapRequest(input)}, single)
	return &model.MapOrganizationPayload{Organization: first(shown), UserErrors: refused}, err
}

// MapOrganizations saves many rows.
func (r *mutationResolver) MapOrganizations(ctx context.Context, input model.MapOrganizationsInput) (*model.MapOrganizationsPayload, error) {
	requests := make([]requestedEdit, len(input.Mappings))
	for i, m := range input.Mappings {
		requests[i] = mapRequest(*m)
	}
	shown, _, refused, err := editRows(ctx, r.Resolver, organizationEdits, requests, bulk("mappings"))
	return &model.MapOrganizationsPayload{Organizations: shown, UserErrors: refused}, err
}

func mapRequest(m model.MapOrganizationInput) requestedEdit {
	return requestedEdit{
		record: m.OrganizationID, target: &m.PsaCompanyID,
		Edit: mapping.Edit{Excluded: m.ExcludedFromSync.Value(), ExpectedRevision: m.ExpectedRevision.Value()},
	}
}

// UnmapOrganization removes an organization's company.
func (r *mutationResolver) UnmapOrganization(ctx context.Context, input model.UnmapOrganizationInput) (*model.UnmapOrganizationPayload, error) {
	request := requestedEdit{
		record: input.OrganizationID,
		Edit:   mapping.Edit{Target: mapping.Unmap(), ExpectedRevision: input.ExpectedRevision.Value()},
	}
	shown, _, refused, err := editRows(ctx, r.Resolver, organizationEdits, []requestedEdit{request}, single)
	return &model.UnmapOrganizationPayload{Organization: first(shown), UserErrors: refused}, err
}

// SetOrganizationsExcluded keeps organizations out of ConnectWise or lets them in.
func (r *mutationResolver) SetOrganizationsExcluded(ctx context.Context, input model.SetOrganizationsExcludedInput) (*model.SetOrganizationsExcludedPayload, error) {
	revisions := input.ExpectedRevisions.Value()
	if revisions != nil && len(revisions) != len(input.OrganizationIds) {
		message := "Give one expected revision for each organization, in the same order, or none at all: there are " +
			strconv.Itoa(len(input.OrganizationIds)) + " organizations and " + strconv.Itoa(len(revisions)) + " revisions."
		return &model.SetOrganizationsExcludedPayload{
			Organizations: []*model.Organization{},
			UserErrors:    []*model.UserError{userError(model.UserErrorCodeInvalid, message, "expectedRevisions")},
		}, nil
	}
	requests := make([]requestedEdit, len(input.OrganizationIds))
	for i, id := range input.OrganizationIds {
		requests[i] = requestedEdit{record: id, Edit: mapping.Edit{Excluded: &input.Excluded}}
		if revisions != nil {
			requests[i].ExpectedRevision = &revisions[i]
		}
	}
	shown, _, refused, err := editRows(ctx, r.Resolver, organizationEdits, requests, bulk("organizationIds"))
	return &model.SetOrganizationsExcludedPayload{Organizations: shown, UserErrors: refused}, err
}

var organizationEdits = editedKind[model.Organization]{
	kind: mapping.KindOrganization, recordType: typeOrganization, recordField: "organizationId",
	targetType: typePsaCompany, targetField: "psaCompanyId", byID: organizationsByID,
}

// organizationsByID returns the rows with these numbers that exist, in their order.
func organizationsByID(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*model.Organization, error) {
	result, err := mapping.Organizations(ctx, tx, seller, grid.ByNumber(mapping.OrganizationColumns, ids))
	if err == nil {
		announce(loadersFrom(ctx).Companies, result.Rows, mappedCompany)
	}
	return inOrder(ids, result, err, func(o mapping.Organization) int64 { return o.ID }, organization)
}
