package graph

import (
	"context"

	"crosswalk/graph/model"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// offerFields are the columns behind the fields of an offer.
var offerFields = map[string]string{
	"platformId":           "platform_id",
	"name":                 "name",
	"externalId":           "external_id",
	"isCustomInvoiceOffer": "is_custom",
	"vendor":               "vendor_name",
	"psaProduct":           "psa_product_id",
	"mappingStatus":        "psa_product_id",
	"mappingStatusMessage": "psa_product_id",
	"revision":             "revision",
	"mappedAt":             "mapped_at",
	"mappedBy":             "mapped_by",
}

var offerOrders = map[model.OfferOrderField]string{
	model.OfferOrderFieldName:           "name",
	model.OfferOrderFieldOfferID:        "platform_id",
	model.OfferOrderFieldExternalID:     "external_id",
	model.OfferOrderFieldVendorName:     "vendor_name",
	model.OfferOrderFieldPsaProductName: "psa_name",
	model.OfferOrderFieldPsaProductID:   "psa_identifier",
	model.OfferOrderFieldMappingStatus:  "mapping_status",
}

var offerFacets = []facet[model.OfferFilter, model.OfferFacets]{
	{
		"vendor", "vendor_name",
		func(f *model.OfferFilter) { f.Vendor = unset(f.Vendor) },
		func(f *model.OfferFacets) *[]*model.FacetValue { return &f.Vendor },
	},
	{
		"mappingStatus", "mapping_status",
		func(f *model.OfferFilter) { f.MappingStatus = unset(f.MappingStatus) },
		func(f *model.OfferFacets) *[]*model.FacetValue { return &f.MappingStatus },
	},
}

// Offers resolves the Products tab.
func (r *queryResolver) Offers(ctx context.Context, first *int, after *string, last *int, before *string, offset *int,
	search *string, filter *model.OfferFilter, orderBy []*model.OfferOrder,
) (*model.OfferConnection, error) {
	id := seller(ctx)
	result, facets, err := list[mapping.Offer, model.OfferFilter, model.OfferFacets]{
		page: pageArguments{first, after, last, before, offset}, filter: filter,
		fields: offerFields, always: []string{"id", "vendor_id"}, facets: offerFacets,
		order: ordering(orderBy, func(o *model.OfferOrder) grid.Order {
			return grid.Order{Column: offerOrders[o.Field], Descending: descending(o.Direction)}
		}, "name"),
		condition: func(f *model.OfferFilter) (grid.Condition, error) {
			filtered, err := offerCondition(f)
			return searching(search, func(text string) grid.Condition { return mapping.SearchOffers(id, text) }, filtered), err
		},
		fetch: func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[mapping.Offer], error) {
			return mapping.Offers(ctx, tx, id, req)
		},
	}.run(ctx, r.Resolver)
	if err != nil {
		return nil, err
	}
	if offerLane.write(ctx, result, facets) {
		return nil, nil
	}
	announce(loadersFrom(ctx).Products, result.Rows, mappedProduct)
	c := connect(ctx, result, offer, func(cursor string, node *model.Offer) *model.OfferEdge {
		return &model.OfferEdge{Cursor: cursor, Node: node}
	})
	return &model.OfferConnection{
		Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, Range: c.span, TotalCount: result.Total, Facets: facets,
	}, nil
}

func offerCondition(f *model.OfferFilter) (grid.Condition, error) {
	if f == nil {
		return nil, nil
	}
	nested, err := nestedConditions(f.And.Value(), f.Or.Value(), f.Not.Value(), offerCondition)
	if err != nil {
		return nil, err
	}
	conditions := []grid.Condition{
		nested,
		textCondition("name", f.Name.Value()),
		textCondition("platform_id", f.PlatformID.Value()),
		textCondition("external_id", f.ExternalID.Value()),
		anyOf("vendor_name", f.Vendor.Value()),
		anyOf("mapping_status", f.MappingStatus.Value()),
	}
	return withIDs(conditions, idFilter{"id", typeOffer, f.ID.Value()}, idFilter{"psa_product_id", typePsaProduct, f.PsaProductID.Value()})
}

// mappedProduct is the product that a row is mapped to; nil for an unmapped row.
func mappedProduct(o mapping.Offer) *psa.RecordID { return o.PsaProductID }

// offer shows a row.
func offer(o mapping.Offer) *model.Offer {
	return &model.Offer{
		ID:                   nodeID(typeOffer, o.ID),
		PlatformID:           o.PlatformID,
		Name:                 o.Name,
		ExternalID:           o.ExternalID,
		Vendor:               &model.Vendor{ID: nodeID(typeVendor, o.VendorID), Name: o.VendorName},
		IsCustomInvoiceOffer: o.IsCustom,
		Revision:             o.Revision,
		MappedAt:             o.MappedAt,
		MappedBy:             o.MappedBy,
		PsaProductID:         o.PsaProductID,
	}
}

// PsaProduct resolves the mapped product, verified live.
func (r *offerResolver) PsaProduct(ctx context.Context, obj *model.Offer) (*model.PsaProduct, error) {
	return shownLive(ctx, loadersFrom(ctx).Products, obj.PsaProductID, psaProduct)
}

// MappingStatus resolves the stored state with the overlay of what ConnectWise answers now.
func (r *offerResolver) MappingStatus(ctx context.Context, obj *model.Offer) (model.MappingStatus, error) {
	return liveStatus(ctx, loadersFrom(ctx).Products, obj.PsaProductID)
}

// MappingStatusMessage resolves what to tell the user about the status.
func (r *offerResolver) MappingStatusMessage(ctx context.Context, obj *model.Offer) (*string, error) {
	return liveMessage(ctx, loadersFrom(ctx).Products, obj.PsaProductID, "product")
}

// offersByID returns the rows with these numbers that exist, in their order.
func offersByID(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) ([]*model.Offer, error) {
	result, err := mapping.Offers(ctx, tx, seller, grid.ByNumber(mapping.OfferColumns, ids))
	if err == nil {
		announce(loadersFrom(ctx).Products, result.Rows, mappedProduct)
	}
	return inOrder(ids, result, err, func(o mapping.Offer) int64 { return o.ID }, offer)
}

// LoadOffers starts the run that refreshes the catalog and offers.
func (r *mutationResolver) LoadOffers(ctx context.Context, input model.LoadOffersInput) (*model.JobPayload, error) {
	if input.Months < 1 || input.Months > 12 {
		message := "months must be between 1 and 12: offers are loaded from a rolling window of at most a year."
		return &model.JobPayload{UserErrors: []*model.UserError{userError(model.UserErrorCodeInvalid, message, "months")}}, nil
	}
	return r.enqueue(ctx, model.JobKindLoadOffers, mapping.LoadOffers{Months: input.Months})
}

var offerEdits = editedKind[model.Offer]{
	kind: mapping.KindOffer, recordType: typeOffer, recordField: "offerId",
	targetType: typePsaProduct, targetField: "psaProductId", byID: offersByID,
}

// MapOffer saves a row of the Products tab.
func (r *mutationResolver) MapOffer(ctx context.Context, input model.MapOfferInput) (*model.MapOfferPayload, error) {
	shown, _, refused, err := editRows(ctx, r.Resolver, offerEdits, []requestedEdit{mapOfferRequest(input)}, single)
	return &model.MapOfferPayload{Offer: first(shown), UserErrors: refused}, err
}

// MapOffers saves many rows.
func (r *mutationResolver) MapOffers(ctx context.Context, input model.MapOffersInput) (*model.MapOffersPayload, error) {
	requests := make([]requestedEdit, len(input.Mappings))
	for i, m := range input.Mappings {
		requests[i] = mapOfferRequest(*m)
	}
	shown, _, refused, err := editRows(ctx, r.Resolver, offerEdits, requests, bulk("mappings"))
	return &model.MapOffersPayload{Offers: shown, UserErrors: refused}, err
}

func mapOfferRequest(m model.MapOfferInput) requestedEdit {
	return requestedEdit{
		record: m.OfferID, target: &m.PsaProductID, Edit: mapping.Edit{ExpectedRevision: m.ExpectedRevision.Value()},
	}
}

// UnmapOffer removes an offer's product.
func (r *mutationResolver) UnmapOffer(ctx context.Context, input model.UnmapOfferInput) (*model.UnmapOfferPayload, error) {
	request := requestedEdit{
		record: input.OfferID,
		Edit:   mapping.Edit{Target: mapping.Unmap(), ExpectedRevision: input.ExpectedRevision.Value()},
	}
	shown, _, refused, err := editRows(ctx, r.Resolver, offerEdits, []requestedEdit{request}, single)
	return &model.UnmapOfferPayload{Offer: first(shown), UserErrors: refused}, err
}
