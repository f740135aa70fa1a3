package graph

import (
	"context"

	"crosswalk/graph/model"
	"crosswalk/internal/civil"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// contractFields are the columns behind the fields of a contract.
var contractFields = map[string]string{
	"platformId":           "platform_id",
	"organization":         "organization_id",
	"currency":             "currency",
	"billingCycleDay":      "billing_cycle_day",
	"contractType":         "contract_type",
	"psaAgreement":         "used_agreement_id",
	"mappingStatus":        "psa_agreement_id",
	"agreementRequired":    "agreement_required",
	"agreementProblem":     "agreement_problem",
	"mappingStatusMessage": "agreement_problem",
	"revision":             "revision",
	"mappedAt":             "mapped_at",
	"mappedBy":             "mapped_by",
}

var contractOrders = map[model.ContractOrderField]string{
	model.ContractOrderFieldContractID:       "platform_id",
	model.ContractOrderFieldOrganizationName: "organization_name",
	model.ContractOrderFieldCurrency:         "currency",
	model.ContractOrderFieldMappingStatus:    "mapping_status",
}

var contractFacets = []facet[model.ContractFilter, model.ContractFacets]{
	{
		"currency", "currency",
		func(f *model.ContractFilter) { f.Currency = unset(f.Currency) },
		func(f *model.ContractFacets) *[]*model.FacetValue { return &f.Currency },
	},
	{
		"mappingStatus", "mapping_status",
		func(f *model.ContractFilter) { f.MappingStatus = unset(f.MappingStatus) },
		func(f *model.ContractFacets) *[]*model.FacetValue { return &f.MappingStatus },
	},
	{
		"agreementProblem", "agreement_problem",
		func(f *model.ContractFilter) { f.AgreementProblem = unset(f.AgreementProblem) },
		func(f *model.ContractFacets) *[]*model.FacetValue { return &f.AgreementProblem },
	},
}

// Contracts resolves the list of contracts.
func (r *queryResolver) Contracts(ctx context.Context, first *int, after *string, last *int, before *string, offset *int,
	search *string, filter *model.ContractFilter, orderBy []*model.ContractOrder,
) (*model.ContractConnection, error) {
	return r.contractConnection(ctx, contractList{
		page: pageArguments{first, after, last, before, offset}, search: search, filter: filter, orderBy: orderBy,
	})
}

// Contracts resolves the contracts of an organization.
func (r *organizationResolver) Contracts(ctx context.Context, obj *model.Organization, first *int, after *string) (*model.ContractConnection, error) {
	number, err := parseID(typeOrganization, obj.ID)
	if err != nil {
		return nil, err
	}
	return r.contractConnection(ctx, contractList{page: pageArguments{first: first, after: after}, organization: number})
}

// contractList is one request for contracts.
type contractList struct {
	page         pageArguments
	search       *string
	filter       *model.ContractFilter
	orderBy      []*model.ContractOrder
	organization int64
}

func (r *Resolver) contractConnection(ctx context.Context, asked contractList) (*model.ContractConnection, error) {
	id := seller(ctx)
	today, err := todayOf(ctx)
	if err != nil {
		return nil, err
	}
	result, facets, err := list[mapping.Contract, model.ContractFilter, model.ContractFacets]{
		page: asked.page, filter: asked.filter, fields: contractFields, always: []string{"id", "psa_agreement_id"}, facets: contractFacets,
		order: ordering(asked.orderBy, func(o *model.ContractOrder) grid.Order {
			return grid.Order{Column: contractOrders[o.Field], Descending: descending(o.Direction)}
		}, "platform_id"),
		condition: asked.condition,
		fetch: func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[mapping.Contract], error) {
			return mapping.Contracts(ctx, tx, id, today, req)
		},
	}.run(ctx, r)
	if err != nil {
		return nil, err
	}
	announceContracts(ctx, result.Rows)
	if contractLane.write(ctx, result, facets) {
		return nil, nil
	}
	c := connect(ctx, result, contract, func(cursor string, node *model.Contract) *model.ContractEdge {
		return &model.ContractEdge{Cursor: cursor, Node: node}
	})
	return &model.ContractConnection{
		Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, Range: c.span, TotalCount: result.Total, Facets: facets,
	}, nil
}

// announceContracts tells the loaders which records the rows may ask for.
func announceContracts(ctx context.Context, rows []mapping.Contract) {
	set := loadersFrom(ctx)
	announce(set.Agreements, rows, shownAgreement)
	announce(set.Organizations, rows, func(c mapping.Contract) *int64 { return &c.OrganizationID })
}

// condition compiles search, filter and, below an organization, the organization.
func (asked contractList) condition(filter *model.ContractFilter) (grid.Condition, error) {
	filtered, err := contractCondition(filter)
	if err != nil {
		return nil, err
	}
	if asked.organization != 0 {
		filtered = grid.All(grid.Compare("organization_id", grid.Equal, asked.organization), filtered)
	}
	return searching(asked.search, mapping.SearchContracts, filtered), nil
}

func contractCondition(f *model.ContractFilter) (grid.Condition, error) {
	if f == nil {
		return nil, nil
	}
	nested, err := nestedConditions(f.And.Value(), f.Or.Value(), f.Not.Value(), contractCondition)
	if err != nil {
		return nil, err
	}
	conditions := []grid.Condition{
		nested,
		textCondition("platform_id", f.PlatformID.Value()),
		anyOf("currency", f.Currency.Value()),
		anyOf("mapping_status", f.MappingStatus.Value()),
		anyOf("agreement_problem", f.AgreementProblem.Value()),
	}
	return withIDs(conditions, idFilter{"id", typeContract, f.ID.Value()}, idFilter{"organization_id", typeOrganization, f.OrganizationID.Value()})
}

// shownAgreement is the agreement that a row shows; nil where there is none.
func shownAgreement(c mapping.Contract) *psa.RecordID {
	if c.UsedAgreementID != nil {
		return c.UsedAgreementID
	}
	return c.PsaAgreementID
}

// contract shows a row.
func contract(c mapping.Contract) *model.Contract {
	return &model.Contract{
		ID:                nodeID(typeContract, c.ID),
		PlatformID:        c.PlatformID,
		OrganizationID:    c.OrganizationID,
		Currency:          c.Currency,
		BillingCycleDay:   c.BillingCycleDay,
		ContractType:      c.ContractType,
		AgreementRequired: c.AgreementRequired,
		AgreementProblem:  (*model.SyncBlockerCode)(c.AgreementProblem),
		Revision:          c.Revision,
		MappedAt:          c.MappedAt,
		MappedBy:          c.MappedBy,
		PsaAgreementID:    c.PsaAgreementID,
		UsedAgreementID:   c.UsedAgreementID,
	}
}

// Organization resolves the organization a contract bills.
func (r *contractResolver) Organization(ctx context.Context, obj *model.Contract) (*model.Organization, error) {
	found, err := loadersFrom(ctx).Organizations.Load(ctx, obj.OrganizationID)()
	if err != nil {
		return nil, err
	}
	return organization(found), nil
}

// PsaAgreement resolves the agreement the contract's lines post to, verified live.
func (r *contractResolver) PsaAgreement(ctx context.Context, obj *model.Contract) (*model.PsaAgreement, error) {
	return shownLive(ctx, loadersFrom(ctx).Agreements, obj.UsedAgreementID, psaAgreement)
}

// MappingStatus resolves the stored state with the overlay of what ConnectWise answers now.
func (r *contractResolver) MappingStatus(ctx context.Context, obj *model.Contract) (model.MappingStatus, error) {
	return liveStatus(ctx, loadersFrom(ctx).Agreements, obj.PsaAgreementID)
}

var agreementProblems = map[model.SyncBlockerCode]string{
	model.SyncBlockerCodePsaRecordMissing:      "ConnectWise no longer has the mapped agreement. Map this contract to another one.",
	model.SyncBlockerCodeAgreementNotOfCompany: "The mapped agreement belongs to another company than the organization is mapped to now. Choose one of that company's agreements.",
	model.SyncBlockerCodeAgreementClosed:       "The mapped agreement is cancelled or has ended. Choose an open one.",
	model.SyncBlockerCodeCurrencyMismatch:      "The mapped agreement is in another currency than the contract. Choose one in the contract's currency.",
}

// MappingStatusMessage resolves what to tell the user about the status, or about why the agreement does not fit.
func (r *contractResolver) MappingStatusMessage(ctx context.Context, obj *model.Contract) (*string, error) {
	message, err := liveMessage(ctx, loadersFrom(ctx).Agreements, obj.PsaAgreementID, "agreement")
	if message == nil && obj.AgreementProblem != nil {
		message = optional(agreementProblems[*obj.AgreementProblem])
	}
	return message, err
}

// contractsByID returns the rows with these numbers that exist, in their order.
func contractsByID(today civil.Date) byIDFunc[model.Contract] {
	return func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*model.Contract, error) {
		result, err := mapping.Contracts(ctx, tx, seller, today, grid.ByNumber(mapping.ContractColumns, ids))
		if err == nil {
			announceContracts(ctx, result.Rows)
		}
		return inOrder(ids, result, err, func(c mapping.Contract) int64 { return c.ID }, contract)
	}
}

// MapContract maps a contract to an agreement.
func (r *mutationResolver) MapContract(ctx context.Context, input model.MapContractInput) (*model.MapContractPayload, error) {
	shown, reached, refused, err := r.editContract(ctx, requestedEdit{
		record: input.ContractID, target: &input.PsaAgreementID,
		Edit: mapping.Edit{ExpectedRevision: input.ExpectedRevision.Value()},
	})
	return &model.MapContractPayload{Contract: shown, AffectedLineCount: reached, UserErrors: refused}, err
}

// UnmapContract removes a contract's agreement.
func (r *mutationResolver) UnmapContract(ctx context.Context, input model.UnmapContractInput) (*model.UnmapContractPayload, error) {
	shown, reached, refused, err := r.editContract(ctx, requestedEdit{
		record: input.ContractID,
		Edit:   mapping.Edit{Target: mapping.Unmap(), ExpectedRevision: input.ExpectedRevision.Value()},
	})
	return &model.UnmapContractPayload{Contract: shown, AffectedLineCount: reached, UserErrors: refused}, err
}

func (r *Resolver) editContract(ctx context.Context, request requestedEdit) (shown *model.Contract, reached int, refused []*model.UserError, err error) {
	today, err := todayOf(ctx)
	if err != nil {
		return nil, 0, nil, err
	}
	rows, outcome, refused, err := editRows(ctx, r, editedKind[model.Contract]{
		kind: mapping.KindContract, recordType: typeContract, recordField: "contractId",
		targetType: typePsaAgreement, targetField: "psaAgreementId", byID: contractsByID(today),
	}, []requestedEdit{request}, single)
	return first(rows), outcome.Reached, refused, err
}
