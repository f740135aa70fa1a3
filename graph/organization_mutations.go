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
	shown, refused, err := r.editOrganizations(ctx, []requestedEdit{mapRequest(input)}, single)
	if err != nil {
		return nil, err
	}
	return &model.MapOrganizationPayload{Organization: first(shown), UserErrors: refused}, nil
}

// MapOrganizations saves many rows.
func (r *mutationResolver) MapOrganizations(ctx context.Context, input model.MapOrganizationsInput) (*model.MapOrganizationsPayload, error) {
	requests := make([]requestedEdit, len(input.Mappings))
	for i, m := range input.Mappings {
		requests[i] = mapRequest(*m)
	}
	shown, refused, err := r.editOrganizations(ctx, requests, bulk("mappings"))
	if err != nil {
		return nil, err
	}
	return &model.MapOrganizationsPayload{Organizations: shown, UserErrors: refused}, nil
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
	shown, refused, err := r.editOrganizations(ctx, []requestedEdit{request}, single)
	if err != nil {
		return nil, err
	}
	return &model.UnmapOrganizationPayload{Organization: first(shown), UserErrors: refused}, nil
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
	shown, refused, err := r.editOrganizations(ctx, requests, bulk("organizationIds"))
	if err != nil {
		return nil, err
	}
	return &model.SetOrganizationsExcludedPayload{Organizations: shown, UserErrors: refused}, nil
}

var organizationEdits = editedKind{
	kind: mapping.KindOrganization, recordType: typeOrganization, recordField: "organizationId",
	targetType: typePsaCompany, targetField: "psaCompanyId",
}

// editOrganizations makes the edits and returns the rows to show: those that hold now and, for an edit of
// one row that was refused, that row as it is.
func (r *Resolver) editOrganizations(ctx context.Context, requests []requestedEdit, in inputShape) ([]*model.Organization, []*model.UserError, error) {
	ids, refused, err := r.edit(ctx, organizationEdits, requests, in)
	if err != nil || len(ids) == 0 {
		return []*model.Organization{}, refused, err
	}
	var shown []*model.Organization
	err = r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		shown, err = organizationsByID(ctx, tx, seller(ctx), ids)
		return err
	})
	return shown, refused, err
}

// organizationsByID returns the rows with these numbers that exist, in their order.
func organizationsByID(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*model.Organization, error) {
	result, err := mapping.Organizations(ctx, tx, seller, grid.Request{
		Columns: mapping.OrganizationColumns, Where: grid.OneOf("id", ids), Page: grid.FirstRows(len(ids)),
	})
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]*model.Organization, len(result.Rows))
	for _, row := range result.Rows {
		byID[row.ID] = organization(row)
	}
	return inOrder(ids, byID), nil
}

// inOrder returns the found records in the order of ids.
func inOrder[T any](ids []int64, found map[int64]*T) []*T {
	ordered := make([]*T, 0, len(ids))
	for _, id := range ids {
		if record := found[id]; record != nil {
			ordered = append(ordered, record)
		}
	}
	return ordered
}

func first[T any](records []*T) *T {
	if len(records) == 0 {
		return nil
	}
	return records[0]
}
