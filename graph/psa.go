package graph

import (
	"context"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// responseErrorMessage is what users read beside a RESPONSE_ERROR badge.
const responseErrorMessage = "Please refresh the page in a few minutes and try again."

// companyFields are the columns behind the fields of a company in lists over the mirror.
var companyFields = map[string]string{
	"identifier":  "identifier",
	"name":        "name",
	"status":      "status",
	"currency":    "currency",
	"deleted":     "deleted",
	"lastUpdated": "last_updated",
}

// PsaCompanies resolves the company picker.
func (r *queryResolver) PsaCompanies(ctx context.Context, first *int, after, search *string, filter *model.PsaCompanyFilter) (*model.PsaCompanyConnection, error) {
	selected := selectionOf(ctx)
	req, err := pageArguments{first: first, after: after}.request(selected, companyFields, "record_id")
	if err != nil {
		return nil, err
	}
	req.Order = []grid.Order{{Column: "name"}}
	req.Where = companyCondition(filter)
	seller := seller(ctx)
	var result *grid.Result[psa.MirroredCompany]
	err = r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		result, err = psa.ListCompanies(ctx, tx, seller, deref(search), req)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := connect(result, mirroredCompany, func(cursor string, node *model.PsaCompany) *model.PsaCompanyEdge {
		return &model.PsaCompanyEdge{Cursor: cursor, Node: node}
	})
	return &model.PsaCompanyConnection{Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, TotalCount: result.Total}, nil
}

func companyCondition(f *model.PsaCompanyFilter) grid.Condition {
	offered := grid.Compare("deleted", grid.Equal, false)
	if f == nil {
		return offered
	}
	if include := f.IncludeDeleted.Value(); include != nil && *include {
		offered = nil
	}
	return grid.All(offered, anyOf("status", f.Status.Value()))
}

// PsaAgreementTypes resolves the Agreement Types that can be chosen. It is part of the set-up, so it needs
// credentials only.
func (r *queryResolver) PsaAgreementTypes(ctx context.Context) ([]*model.PsaAgreementType, error) {
	types, err := r.activeAgreementTypes(ctx)
	if err != nil {
		return nil, psaFailure(err)
	}
	shown := make([]*model.PsaAgreementType, len(types))
	for i, t := range types {
		shown[i] = &model.PsaAgreementType{ID: nodeID(typePsaAgreementType, int64(t.ID)), RecordID: int(t.ID), Name: t.Name}
	}
	return shown, nil
}

// loadCompany returns a company through the operation's loader.
func (r *Resolver) loadCompany(ctx context.Context, id psa.RecordID) (loaders.Found[psa.Company], error) {
	return loadersFrom(ctx).Companies.Load(ctx, id)()
}

// psaCompany shows a company that was looked up.
func psaCompany(found loaders.Found[psa.Company]) *model.PsaCompany {
	c := found.Record
	shown := &model.PsaCompany{
		ID:         nodeID(typePsaCompany, int64(c.ID)),
		RecordID:   int(c.ID),
		Identifier: c.Identifier,
		Name:       c.Name,
		Status:     optional(c.Status),
		Currency:   optional(c.Currency),
		Deleted:    found.Deleted,
		Freshness:  freshness(found.Live),
	}
	if !c.LastUpdated.IsZero() {
		shown.LastUpdated = &c.LastUpdated
	}
	return shown
}

// mirroredCompany shows a company as the mirror has it.
func mirroredCompany(m psa.MirroredCompany) *model.PsaCompany {
	c := m.Company()
	return psaCompany(loaders.Found[psa.Company]{Record: c, Deleted: c.Deleted})
}

func freshness(live bool) model.PsaFreshness {
	if live {
		return model.PsaFreshnessLive
	}
	return model.PsaFreshnessStale
}

// mappingStatus is the badge of a mapped record.
func mappingStatus[T any](found loaders.Found[T]) model.MappingStatus {
	if found.Live {
		return model.MappingStatusMapped
	}
	return model.MappingStatusResponseError
}

// mappingStatusMessage is what to say about the badge of a mapped record; noun is what it is mapped to.
func mappingStatusMessage[T any](found loaders.Found[T], noun string) *string {
	switch {
	case !found.Live:
		return optional(responseErrorMessage)
	case found.Deleted:
		return optional("ConnectWise no longer has the mapped " + noun + ". Map this row to another one.")
	}
	return nil
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
