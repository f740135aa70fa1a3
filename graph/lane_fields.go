package graph

import (
	"maps"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/graph/wire"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// connectionFields are those of the list's connection.
func (l lane[R, P]) connectionFields() wire.Fields[page[R, P]] {
	type shown = shownRow[R, P]
	rows := func(p *page[R, P]) []shown { return p.rows }
	fields := maps.Clone(l.fields)
	fields[l.target] = l.shown
	fields["mappingStatus"] = wire.Text(func(s *shown) model.MappingStatus {
		if s.target == nil {
			return model.MappingStatusUnmapped
		}
		return liveStatusOf(*s.target)
	})
	fields["mappingStatusMessage"] = wire.OptionalText(func(s *shown) *string {
		if s.target == nil {
			return nil
		}
		return liveMessageOf(*s.target, l.noun)
	})
	edges := wire.Fields[shown]{
		"cursor": wire.Text(func(s *shown) string { return s.page.Cursor(s.at) }),
		"node":   wire.Nested(fields, func(s *shown) *shown { return s }, l.node, "Node"),
	}
	return wire.Fields[page[R, P]]{
		"nodes":      wire.List(fields, rows, l.node, "Node"),
		"edges":      wire.List(edges, rows, l.edge),
		"totalCount": wire.Int(func(p *page[R, P]) int { return p.Total }),
		"pageInfo":   wire.Nested(pageInfoFields[R, P](), func(p *page[R, P]) *page[R, P] { return p }, "PageInfo"),
		"facets":     l.facets,
		"range":      wire.Nested(pageRangeFields[R, P](), (*page[R, P]).unlessEmpty, "PageRange"),
	}
}

// unlessEmpty returns nil for a page without rows.
func (p *page[R, P]) unlessEmpty() *page[R, P] {
	if len(p.Rows) == 0 {
		return nil
	}
	return p
}

// cursorOf returns the cursor of a row, nil for a page without rows.
func (p *page[R, P]) cursorOf(row int) *string {
	if len(p.Rows) == 0 {
		return nil
	}
	return optional(p.Cursor(row))
}

// facetsOf is the field of the facets of type F, whose values are read by their names.
func facetsOf[F any, R grid.Positioned, P any](typeName string, values map[string]func(*F) []*model.FacetValue) wire.Field[page[R, P]] {
	value := wire.Fields[*model.FacetValue]{
		"value": wire.Text(func(v **model.FacetValue) string { return (*v).Value }),
		"count": wire.Int(func(v **model.FacetValue) int { return (*v).Count }),
	}
	fields := make(wire.Fields[F], len(values))
	for name, read := range values {
		fields[name] = wire.List(value, read, "FacetValue")
	}
	return wire.Nested(fields, func(p *page[R, P]) *F { return p.facets.(*F) }, typeName)
}

func pageInfoFields[R grid.Positioned, P any]() wire.Fields[page[R, P]] {
	return wire.Fields[page[R, P]]{
		"hasNextPage":     wire.Boolean(func(p *page[R, P]) bool { return p.HasNext }),
		"hasPreviousPage": wire.Boolean(func(p *page[R, P]) bool { return p.HasPrevious }),
		"startCursor":     wire.OptionalText(func(p *page[R, P]) *string { return p.cursorOf(0) }),
		"endCursor":       wire.OptionalText(func(p *page[R, P]) *string { return p.cursorOf(len(p.Rows) - 1) }),
	}
}

func pageRangeFields[R grid.Positioned, P any]() wire.Fields[page[R, P]] {
	return wire.Fields[page[R, P]]{
		"from": wire.Int(func(p *page[R, P]) int { return p.From }),
		"to":   wire.Int(func(p *page[R, P]) int { return p.From + len(p.Rows) - 1 }),
	}
}

// organizationLane writes pages of the Organizations tab, offerLane those of the Products tab.
var (
	organizationLane = newOrganizationLane()
	offerLane        = newOfferLane()
)

func newOrganizationLane() lane[mapping.Organization, psa.Company] {
	type shown = shownRow[mapping.Organization, psa.Company]
	return lane[mapping.Organization, psa.Company]{
		connection: "OrganizationConnection", edge: "OrganizationEdge", node: typeOrganization,
		mapped: mappedCompany, records: func(s *loaders.Set) *loaders.Records[psa.Company] { return s.Companies }, noun: "company",
		facets: facetsOf[model.OrganizationFacets, mapping.Organization, psa.Company]("OrganizationFacets", map[string]func(*model.OrganizationFacets) []*model.FacetValue{
			"status":           func(f *model.OrganizationFacets) []*model.FacetValue { return f.Status },
			"psaStatus":        func(f *model.OrganizationFacets) []*model.FacetValue { return f.PsaStatus },
			"excludedFromSync": func(f *model.OrganizationFacets) []*model.FacetValue { return f.ExcludedFromSync },
			"mappingStatus":    func(f *model.OrganizationFacets) []*model.FacetValue { return f.MappingStatus },
		}),
		target: "psaCompany", shown: wire.Nested(companyFieldsOfLane(), (*shown).mappedTo, typePsaCompany, "Node"),
		fields: wire.Fields[shown]{
			"id":               wire.ID(typeOrganization, func(s *shown) int64 { return s.row().ID }),
			"platformId":       wire.Text(func(s *shown) string { return s.row().PlatformID }),
			"name":             wire.Text(func(s *shown) string { return s.row().Name }),
			"referenceNumber":  wire.Text(func(s *shown) string { return s.row().ReferenceNumber }),
			"status":           wire.Text(func(s *shown) string { return s.row().Status }),
			"excludedFromSync": wire.Boolean(func(s *shown) bool { return s.row().ExcludedFromSync }),
			"revision":         wire.Int(func(s *shown) int { return s.row().Revision }),
			"mappedAt":         wire.OptionalInstant(func(s *shown) *time.Time { return s.row().MappedAt }),
			"mappedBy":         wire.OptionalText(func(s *shown) *string { return s.row().MappedBy }),
		},
	}
}

func newOfferLane() lane[mapping.Offer, psa.Product] {
	type shown = shownRow[mapping.Offer, psa.Product]
	vendor := wire.Fields[shown]{
		"id":   wire.ID(typeVendor, func(s *shown) int64 { return s.row().VendorID }),
		"name": wire.Text(func(s *shown) string { return s.row().VendorName }),
	}
	return lane[mapping.Offer, psa.Product]{
		connection: "OfferConnection", edge: "OfferEdge", node: typeOffer,
		mapped: mappedProduct, records: func(s *loaders.Set) *loaders.Records[psa.Product] { return s.Products }, noun: "product",
		facets: facetsOf[model.OfferFacets, mapping.Offer, psa.Product]("OfferFacets", map[string]func(*model.OfferFacets) []*model.FacetValue{
			"vendor":        func(f *model.OfferFacets) []*model.FacetValue { return f.Vendor },
			"mappingStatus": func(f *model.OfferFacets) []*model.FacetValue { return f.MappingStatus },
		}),
		target: "psaProduct", shown: wire.Nested(productFieldsOfLane(), (*shown).mappedTo, typePsaProduct, "Node"),
		fields: wire.Fields[shown]{
			"id":                   wire.ID(typeOffer, func(s *shown) int64 { return s.row().ID }),
			"platformId":           wire.Text(func(s *shown) string { return s.row().PlatformID }),
			"name":                 wire.Text(func(s *shown) string { return s.row().Name }),
			"externalId":           wire.OptionalText(func(s *shown) *string { return s.row().ExternalID }),
			"vendor":               wire.Nested(vendor, func(s *shown) *shown { return s }, typeVendor),
			"isCustomInvoiceOffer": wire.Boolean(func(s *shown) bool { return s.row().IsCustom }),
			"revision":             wire.Int(func(s *shown) int { return s.row().Revision }),
			"mappedAt":             wire.OptionalInstant(func(s *shown) *time.Time { return s.row().MappedAt }),
			"mappedBy":             wire.OptionalText(func(s *shown) *string { return s.row().MappedBy }),
		},
	}
}

// companyFieldsOfLane are those of a company that was looked up.
func companyFieldsOfLane() wire.Fields[loaders.Found[psa.Company]] {
	type found = loaders.Found[psa.Company]
	return wire.Fields[found]{
		"id":          wire.ID(typePsaCompany, func(f *found) int64 { return int64(f.Record.ID) }),
		"recordId":    wire.Int(func(f *found) psa.RecordID { return f.Record.ID }),
		"identifier":  wire.Text(func(f *found) string { return f.Record.Identifier }),
		"name":        wire.Text(func(f *found) string { return f.Record.Name }),
		"status":      wire.OptionalText(func(f *found) *string { return optional(f.Record.Status) }),
		"currency":    wire.OptionalText(func(f *found) *string { return optional(f.Record.Currency) }),
		"deleted":     wire.Boolean(func(f *found) bool { return f.Deleted }),
		"freshness":   wire.Text(func(f *found) model.PsaFreshness { return freshness(f.Live) }),
		"lastUpdated": wire.OptionalInstant(func(f *found) *time.Time { return optionalInstant(f.Record.LastUpdated) }),
	}
}

// productFieldsOfLane are those of a product that was looked up.
func productFieldsOfLane() wire.Fields[loaders.Found[psa.Product]] {
	type found = loaders.Found[psa.Product]
	return wire.Fields[found]{
		"id":          wire.ID(typePsaProduct, func(f *found) int64 { return int64(f.Record.ID) }),
		"recordId":    wire.Int(func(f *found) psa.RecordID { return f.Record.ID }),
		"identifier":  wire.Text(func(f *found) string { return f.Record.Identifier }),
		"description": wire.Text(func(f *found) string { return f.Record.Description }),
		"category":    wire.OptionalText(func(f *found) *string { return optional(f.Record.Category) }),
		"price":       wire.OptionalDecimal(func(f *found) decimal.NullDecimal { return f.Record.Price }),
		"cost":        wire.OptionalDecimal(func(f *found) decimal.NullDecimal { return f.Record.Cost }),
		"inactive":    wire.Boolean(func(f *found) bool { return f.Record.Inactive }),
		"deleted":     wire.Boolean(func(f *found) bool { return f.Deleted }),
		"freshness":   wire.Text(func(f *found) model.PsaFreshness { return freshness(f.Live) }),
		"lastUpdated": wire.OptionalInstant(func(f *found) *time.Time { return optionalInstant(f.Record.LastUpdated) }),
	}
}
