package graph

import (
	"context"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/graph/wire"
	"crosswalk/internal/civil"
	"crosswalk/internal/mapping"
	"crosswalk/internal/psa"
)

// mapped is a row that the fast lane shows with the ConnectWise record that it is mapped to; the record is nil for an
// unmapped row, and where it is not asked for.
type mapped[R, P any] struct {
	row    *R
	target *loaders.Found[P]
}

func (m *mapped[R, P]) itself() *mapped[R, P] { return m }

// mappedTo says what rows R are mapped to.
type mappedTo[R, P any] struct {
	// field shows the record, and noun is what the record is called.
	field, noun string
	number      func(R) *psa.RecordID
	records     func(*loaders.Set) *loaders.Records[P]
}

var (
	toCompany = mappedTo[mapping.Organization, psa.Company]{
		"psaCompany", "company", mappedCompany, func(s *loaders.Set) *loaders.Records[psa.Company] { return s.Companies },
	}
	toProduct = mappedTo[mapping.Offer, psa.Product]{
		"psaProduct", "product", mappedProduct, func(s *loaders.Set) *loaders.Records[psa.Product] { return s.Products },
	}
)

// show looks up what rows are mapped to, if that is selected.
func (m mappedTo[R, P]) show(ctx context.Context, selected selection, rows []R) ([]mapped[R, P], error) {
	shown := make([]mapped[R, P], len(rows))
	for i := range rows {
		shown[i].row = &rows[i]
	}
	if !selected.has(m.field, "mappingStatus", "mappingStatusMessage") {
		return shown, nil
	}
	err := lookUpAll(ctx, m.records(loadersFrom(ctx)), rows, m.number, func(at int, found *loaders.Found[P]) { shown[at].target = found })
	return shown, err
}

// lookUpAll looks up what rows refer to by numbers, and hands over what it found by the place of the row.
func lookUpAll[K comparable, V, R any](ctx context.Context, loader *loaders.Loader[K, V], rows []R, number func(R) *K, found func(at int, value *V)) error {
	numbers, places := make([]K, 0, len(rows)), make([]int, 0, len(rows))
	for i, row := range rows {
		if n := number(row); n != nil {
			numbers, places = append(numbers, *n), append(places, i)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	all, err := loader.LoadAll(ctx, numbers)
	for i, value := range all {
		found(places[i], value)
	}
	return err
}

// lookUpRows looks up the rows that rows belong to, each once, and what is selected of them, and hands over what is shown by
// the place of the row.
func lookUpRows[V, X, R any](ctx context.Context, loader *loaders.Rows[V], rows []R, number func(R) int64, selected selection,
	show func(context.Context, selection, []V) ([]X, error), found func(at int, shown *X),
) error {
	numbers := make([]int64, len(rows))
	for i, row := range rows {
		numbers[i] = number(row)
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(numbers)))
	all, err := loader.LoadAll(ctx, distinct)
	if err != nil {
		return err
	}
	belong := make([]V, len(all))
	for i, row := range all {
		belong[i] = *row
	}
	shown, err := show(ctx, selected, belong)
	if err != nil {
		return err
	}
	for i, n := range numbers {
		at, _ := slices.BinarySearch(distinct, n)
		found(i, &shown[at])
	}
	return nil
}

// badge is the status of a row that is mapped to a record, or to none.
func badge[P any](target *loaders.Found[P]) model.MappingStatus {
	if target == nil {
		return model.MappingStatusUnmapped
	}
	return liveStatusOf(*target)
}

// fields are those of a row: its own, and those of what it is mapped to.
func (m mappedTo[R, P]) fields(own wire.Fields[mapped[R, P]], target wire.Field[mapped[R, P]]) wire.Fields[mapped[R, P]] {
	return withFields(own, wire.Fields[mapped[R, P]]{
		m.field:         target,
		"mappingStatus": wire.Text(func(s *mapped[R, P]) model.MappingStatus { return badge(s.target) }),
		"mappingStatusMessage": wire.OptionalText(func(s *mapped[R, P]) *string {
			if s.target == nil {
				return nil
			}
			return liveMessageOf(*s.target, m.noun)
		}),
	})
}

type (
	shownOrganization = mapped[mapping.Organization, psa.Company]
	shownOffer        = mapped[mapping.Offer, psa.Product]
)

// Of each kind of row there are fields that are stored with it, and those together with what is looked up for it.
var (
	ownOrganizationFields = wire.Fields[shownOrganization]{
		"id":               wire.ID(typeOrganization, func(s *shownOrganization) int64 { return s.row.ID }),
		"platformId":       wire.Text(func(s *shownOrganization) string { return s.row.PlatformID }),
		"name":             wire.Text(func(s *shownOrganization) string { return s.row.Name }),
		"referenceNumber":  wire.Text(func(s *shownOrganization) string { return s.row.ReferenceNumber }),
		"status":           wire.Text(func(s *shownOrganization) string { return s.row.Status }),
		"excludedFromSync": wire.Boolean(func(s *shownOrganization) bool { return s.row.ExcludedFromSync }),
		"revision":         wire.Int(func(s *shownOrganization) int { return s.row.Revision }),
		"mappedAt":         wire.OptionalInstant(func(s *shownOrganization) *time.Time { return s.row.MappedAt }),
		"mappedBy":         wire.OptionalText(func(s *shownOrganization) *string { return s.row.MappedBy }),
	}
	laneOrganizationFields = toCompany.fields(ownOrganizationFields,
		wire.Nested(laneCompanyFields, func(s *shownOrganization) *loaders.Found[psa.Company] { return s.target }, typePsaCompany, "Node"))

	ownOfferFields = wire.Fields[shownOffer]{
		"id":         wire.ID(typeOffer, func(s *shownOffer) int64 { return s.row.ID }),
		"platformId": wire.Text(func(s *shownOffer) string { return s.row.PlatformID }),
		"name":       wire.Text(func(s *shownOffer) string { return s.row.Name }),
		"externalId": wire.OptionalText(func(s *shownOffer) *string { return s.row.ExternalID }),
		"vendor": wire.Nested(wire.Fields[shownOffer]{
			"id":   wire.ID(typeVendor, func(s *shownOffer) int64 { return s.row.VendorID }),
			"name": wire.Text(func(s *shownOffer) string { return s.row.VendorName }),
		}, (*shownOffer).itself, typeVendor),
		"isCustomInvoiceOffer": wire.Boolean(func(s *shownOffer) bool { return s.row.IsCustom }),
		"revision":             wire.Int(func(s *shownOffer) int { return s.row.Revision }),
		"mappedAt":             wire.OptionalInstant(func(s *shownOffer) *time.Time { return s.row.MappedAt }),
		"mappedBy":             wire.OptionalText(func(s *shownOffer) *string { return s.row.MappedBy }),
	}
	laneOfferFields = toProduct.fields(ownOfferFields,
		wire.Nested(laneProductFields, func(s *shownOffer) *loaders.Found[psa.Product] { return s.target }, typePsaProduct, "Node"))
)

// organizationLane writes pages of the Organizations tab, offerLane those of the Products tab.
var (
	organizationLane = lane[mapping.Organization, shownOrganization]{
		connection: "OrganizationConnection", edge: "OrganizationEdge", node: typeOrganization, show: toCompany.show, fields: laneOrganizationFields,
		facets: facetsOf[model.OrganizationFacets, mapping.Organization, shownOrganization]("OrganizationFacets", map[string]func(*model.OrganizationFacets) []*model.FacetValue{
			"status":           func(f *model.OrganizationFacets) []*model.FacetValue { return f.Status },
			"psaStatus":        func(f *model.OrganizationFacets) []*model.FacetValue { return f.PsaStatus },
			"excludedFromSync": func(f *model.OrganizationFacets) []*model.FacetValue { return f.ExcludedFromSync },
			"mappingStatus":    func(f *model.OrganizationFacets) []*model.FacetValue { return f.MappingStatus },
		}),
	}
	offerLane = lane[mapping.Offer, shownOffer]{
		connection: "OfferConnection", edge: "OfferEdge", node: typeOffer, show: toProduct.show, fields: laneOfferFields,
		facets: facetsOf[model.OfferFacets, mapping.Offer, shownOffer]("OfferFacets", map[string]func(*model.OfferFacets) []*model.FacetValue{
			"vendor":        func(f *model.OfferFacets) []*model.FacetValue { return f.Vendor },
			"mappingStatus": func(f *model.OfferFacets) []*model.FacetValue { return f.MappingStatus },
		}),
	}
)

// laneCompanyFields, laneProductFields and laneAgreementFields are those of records that were looked up.
var (
	laneCompanyFields = wire.Fields[loaders.Found[psa.Company]]{
		"id":          wire.ID(typePsaCompany, func(f *loaders.Found[psa.Company]) int64 { return int64(f.Record.ID) }),
		"recordId":    wire.Int(func(f *loaders.Found[psa.Company]) psa.RecordID { return f.Record.ID }),
		"identifier":  wire.Text(func(f *loaders.Found[psa.Company]) string { return f.Record.Identifier }),
		"name":        wire.Text(func(f *loaders.Found[psa.Company]) string { return f.Record.Name }),
		"status":      wire.TextOrNull(func(f *loaders.Found[psa.Company]) string { return f.Record.Status }),
		"currency":    wire.TextOrNull(func(f *loaders.Found[psa.Company]) string { return f.Record.Currency }),
		"deleted":     wire.Boolean(func(f *loaders.Found[psa.Company]) bool { return f.Deleted }),
		"freshness":   wire.Text(func(f *loaders.Found[psa.Company]) model.PsaFreshness { return freshness(f.Live) }),
		"lastUpdated": wire.OptionalInstant(func(f *loaders.Found[psa.Company]) *time.Time { return optionalInstant(f.Record.LastUpdated) }),
	}
	laneProductFields = wire.Fields[loaders.Found[psa.Product]]{
		"id":          wire.ID(typePsaProduct, func(f *loaders.Found[psa.Product]) int64 { return int64(f.Record.ID) }),
		"recordId":    wire.Int(func(f *loaders.Found[psa.Product]) psa.RecordID { return f.Record.ID }),
		"identifier":  wire.Text(func(f *loaders.Found[psa.Product]) string { return f.Record.Identifier }),
		"description": wire.Text(func(f *loaders.Found[psa.Product]) string { return f.Record.Description }),
		"category":    wire.TextOrNull(func(f *loaders.Found[psa.Product]) string { return f.Record.Category }),
		"price":       wire.OptionalDecimal(func(f *loaders.Found[psa.Product]) decimal.NullDecimal { return f.Record.Price }),
		"cost":        wire.OptionalDecimal(func(f *loaders.Found[psa.Product]) decimal.NullDecimal { return f.Record.Cost }),
		"inactive":    wire.Boolean(func(f *loaders.Found[psa.Product]) bool { return f.Record.Inactive }),
		"deleted":     wire.Boolean(func(f *loaders.Found[psa.Product]) bool { return f.Deleted }),
		"freshness":   wire.Text(func(f *loaders.Found[psa.Product]) model.PsaFreshness { return freshness(f.Live) }),
		"lastUpdated": wire.OptionalInstant(func(f *loaders.Found[psa.Product]) *time.Time { return optionalInstant(f.Record.LastUpdated) }),
	}
	laneAgreementFields = wire.Fields[loaders.Found[psa.Agreement]]{
		"id":          wire.ID(typePsaAgreement, func(f *loaders.Found[psa.Agreement]) int64 { return int64(f.Record.ID) }),
		"recordId":    wire.Int(func(f *loaders.Found[psa.Agreement]) psa.RecordID { return f.Record.ID }),
		"name":        wire.Text(func(f *loaders.Found[psa.Agreement]) string { return f.Record.Name }),
		"type":        wire.TextOrNull(func(f *loaders.Found[psa.Agreement]) string { return f.Record.Type }),
		"startDate":   wire.OptionalPrinted(func(f *loaders.Found[psa.Agreement]) *civil.Date { return optionalDate(f.Record.StartDate) }),
		"endDate":     wire.OptionalPrinted(func(f *loaders.Found[psa.Agreement]) *civil.Date { return optionalDate(f.Record.EndDate) }),
		"cancelled":   wire.Boolean(func(f *loaders.Found[psa.Agreement]) bool { return f.Record.Cancelled }),
		"currency":    wire.TextOrNull(func(f *loaders.Found[psa.Agreement]) string { return f.Record.Currency }),
		"deleted":     wire.Boolean(func(f *loaders.Found[psa.Agreement]) bool { return f.Deleted }),
		"freshness":   wire.Text(func(f *loaders.Found[psa.Agreement]) model.PsaFreshness { return freshness(f.Live) }),
		"lastUpdated": wire.OptionalInstant(func(f *loaders.Found[psa.Agreement]) *time.Time { return optionalInstant(f.Record.LastUpdated) }),
	}
)
