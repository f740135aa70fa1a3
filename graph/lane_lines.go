package graph

import (
	"context"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/graph/wire"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// shownLine is an invoice line that the fast lane shows, with what is looked up for it where that is asked for.
type shownLine struct {
	row          *invoicing.Line
	company      *loaders.Found[psa.Company]
	agreement    *loaders.Found[psa.Agreement]
	product      *loaders.Found[psa.Product]
	organization *shownOrganization
	contract     *shownContract
	offer        *shownOffer
	addition     *psa.Addition
	blockers     []shownBlocker
}

func (s *shownLine) itself() *shownLine { return s }

// shownBlocker is a reason why a line is not posted.
type shownBlocker struct {
	rule.Blocker
	line *shownLine
}

// showLines looks up what is selected of lines.
func showLines(ctx context.Context, selected selection, rows []invoicing.Line) ([]shownLine, error) {
	shown := make([]shownLine, len(rows))
	subjects := selected.under("syncBlockers").has("subject")
	for i := range rows {
		shown[i].row = &rows[i]
		if selected.has("syncBlockers") {
			shown[i].explain()
		}
	}
	set := loadersFrom(ctx)
	if selected.has("organization") || subjects {
		err := lookUpRows(ctx, set.Organizations, rows, func(l invoicing.Line) int64 { return l.OrganizationID },
			selected.under("organization"), toCompany.show, func(at int, found *shownOrganization) { shown[at].organization = found })
		if err != nil {
			return nil, err
		}
	}
	if selected.has("contract") || subjects {
		err := lookUpRows(ctx, set.Contracts, rows, func(l invoicing.Line) int64 { return l.ContractID },
			selected.under("contract"), showContractsAlone, func(at int, found *shownContract) { shown[at].contract = found })
		if err != nil {
			return nil, err
		}
	}
	if selected.has("offer") || subjects {
		err := lookUpRows(ctx, set.Offers, rows, func(l invoicing.Line) int64 { return l.OfferID },
			selected.under("offer"), toProduct.show, func(at int, found *shownOffer) { shown[at].offer = found })
		if err != nil {
			return nil, err
		}
	}
	if selected.has("psaAddition") {
		err := lookUpAll(ctx, set.Posted, rows, func(l invoicing.Line) *int64 { return l.AdditionID },
			func(at int, found *psa.Addition) { shown[at].addition = found })
		if err != nil {
			return nil, err
		}
	}
	return shown, verifyLines(ctx, selected, rows, shown)
}

// explain says why the line is not posted.
func (s *shownLine) explain() {
	s.blockers = make([]shownBlocker, len(s.row.Blockers))
	for i, reason := range s.row.Blockers {
		s.blockers[i] = shownBlocker{rule.Reason(reason).Explain(), s}
	}
}

// verifyLines looks up what is selected of what lines would be posted to, in all lists of ConnectWise at the same time; for the
// status of their mappings that is all of it.
func verifyLines(ctx context.Context, selected selection, rows []invoicing.Line, shown []shownLine) error {
	set := loadersFrom(ctx)
	var all errgroup.Group
	if selected.has("psaCompany", "mappingStatus") {
		all.Go(func() error {
			return lookUpAll(ctx, set.Companies, rows, func(l invoicing.Line) *psa.RecordID { return l.PsaCompanyID },
				func(at int, found *loaders.Found[psa.Company]) { shown[at].company = found })
		})
	}
	if selected.has("psaAgreement", "mappingStatus") {
		all.Go(func() error {
			return lookUpAll(ctx, set.Agreements, rows, func(l invoicing.Line) *psa.RecordID { return l.PsaAgreementID },
				func(at int, found *loaders.Found[psa.Agreement]) { shown[at].agreement = found })
		})
	}
	if selected.has("psaProduct", "mappingStatus") {
		all.Go(func() error {
			return lookUpAll(ctx, set.Products, rows, func(l invoicing.Line) *psa.RecordID { return l.PsaProductID },
				func(at int, found *loaders.Found[psa.Product]) { shown[at].product = found })
		})
	}
	return all.Wait()
}

// mappingStatus is the stored state with the overlay of what ConnectWise answers now about each record.
func (s *shownLine) mappingStatus() model.MappingStatus {
	switch {
	case model.MappingState(s.row.MappingStatus) == model.MappingStateUnmapped:
		return model.MappingStatusUnmapped
	case s.company != nil && !s.company.Live, s.agreement != nil && !s.agreement.Live, s.product != nil && !s.product.Live:
		return model.MappingStatusResponseError
	}
	return model.MappingStatusMapped
}

// ownLineFields are those that are stored with a line, or worked out of what is.
var ownLineFields = wire.Fields[shownLine]{
	"id":                 wire.ID(typeInvoiceLine, func(s *shownLine) int64 { return s.row.ID }),
	"platformId":         wire.Text(func(s *shownLine) string { return s.row.PlatformID }),
	"invoiceNumber":      wire.Text(func(s *shownLine) string { return s.row.InvoiceNumber }),
	"invoiceDate":        wire.Printed(func(s *shownLine) civil.Date { return s.row.InvoiceDate }),
	"invoiceStatus":      wire.Text(func(s *shownLine) string { return s.row.InvoiceStatus }),
	"period":             wire.Printed(func(s *shownLine) civil.YearMonth { return s.row.Period.YearMonth() }),
	"description":        wire.Text(func(s *shownLine) string { return s.row.Description }),
	"chargeType":         wire.Text(func(s *shownLine) string { return s.row.ChargeType }),
	"chargeTypeText":     wire.Text(func(s *shownLine) string { return s.row.ChargeTypeText }),
	"recurrence":         wire.Text(func(s *shownLine) model.Recurrence { return recurrence(s.row.Recurring) }),
	"quantity":           wire.Printed(func(s *shownLine) decimal.Decimal { return s.row.Quantity }),
	"unitPrice":          wire.Printed(func(s *shownLine) decimal.Decimal { return s.row.UnitPrice }),
	"unitCost":           wire.OptionalDecimal(func(s *shownLine) decimal.NullDecimal { return s.row.UnitCost }),
	"isCustomInvoice":    wire.Boolean(func(s *shownLine) bool { return s.row.Custom }),
	"psaAgreementOrigin": wire.Text(func(s *shownLine) string { return s.row.AgreementOrigin }),
	"syncStatus":         wire.Text(func(s *shownLine) string { return s.row.SyncStatus }),
	"syncedAt":           wire.OptionalInstant(func(s *shownLine) *time.Time { return s.row.SyncedAt }),
	"revision":           wire.Int(func(s *shownLine) int { return s.row.Revision }),
	"amount": wire.Nested(wire.Fields[shownLine]{
		"amount":   wire.Printed(func(s *shownLine) decimal.Decimal { return s.row.Amount }),
		"currency": wire.Text(func(s *shownLine) string { return s.row.Currency }),
	}, (*shownLine).itself, "Money"),
	"subscription": wire.Nested(wire.Fields[shownLine]{
		"id":        wire.Text(func(s *shownLine) string { return *s.row.SubscriptionID }),
		"name":      wire.Text(func(s *shownLine) string { return deref(s.row.SubscriptionName) }),
		"startDate": wire.OptionalPrinted(func(s *shownLine) *civil.Date { return optionalDate(s.row.SubscriptionStart) }),
		"endDate":   wire.OptionalPrinted(func(s *shownLine) *civil.Date { return optionalDate(s.row.SubscriptionEnd) }),
	}, func(s *shownLine) *shownLine { return s.unless(s.row.SubscriptionID == nil) }, "PlatformSubscription"),
	"chargeStartDate": wire.Nested(wire.Fields[shownLine]{
		"value":    wire.OptionalPrinted(func(s *shownLine) *civil.Date { return optionalDate(s.row.ChargeStart) }),
		"origin":   wire.Text(func(s *shownLine) string { return s.row.ChargeStartOrigin }),
		"invoiced": wire.OptionalPrinted(func(s *shownLine) *civil.Date { return optionalDate(s.row.InvoicedStart) }),
	}, (*shownLine).itself, "ChargeDate"),
	"chargeEndDate": wire.Nested(wire.Fields[shownLine]{
		"value":    wire.OptionalPrinted(func(s *shownLine) *civil.Date { return optionalDate(s.row.ChargeEnd) }),
		"origin":   wire.Text(func(s *shownLine) string { return s.row.ChargeEndOrigin }),
		"invoiced": wire.OptionalPrinted(func(s *shownLine) *civil.Date { return optionalDate(s.row.InvoicedEnd) }),
	}, (*shownLine).itself, "ChargeDate"),
	"syncError": wire.Nested(wire.Fields[shownLine]{
		"code":    wire.Text(func(s *shownLine) string { return *s.row.SyncErrorCode }),
		"message": wire.Text(func(s *shownLine) string { return deref(s.row.SyncError) }),
	}, func(s *shownLine) *shownLine { return s.unless(s.row.SyncErrorCode == nil) }, "SyncError"),
}

// unless returns nil where missing, so that null is written.
func (s *shownLine) unless(missing bool) *shownLine {
	if missing {
		return nil
	}
	return s
}

// laneLineFields are those together with what is looked up.
var laneLineFields = withFields(ownLineFields, wire.Fields[shownLine]{
	"organization": wire.Nested(laneOrganizationFields, func(s *shownLine) *shownOrganization { return s.organization }, typeOrganization, "Node"),
	"contract":     wire.Nested(laneContractFieldsAlone, func(s *shownLine) *shownContract { return s.contract }, typeContract, "Node"),
	"offer":        wire.Nested(laneOfferFields, func(s *shownLine) *shownOffer { return s.offer }, typeOffer, "Node"),
	"psaCompany":   wire.Nested(laneCompanyFields, func(s *shownLine) *loaders.Found[psa.Company] { return s.company }, typePsaCompany, "Node"),
	"psaAgreement": wire.Nested(laneAgreementFields, func(s *shownLine) *loaders.Found[psa.Agreement] { return s.agreement }, typePsaAgreement, "Node"),
	"psaProduct":   wire.Nested(laneProductFields, func(s *shownLine) *loaders.Found[psa.Product] { return s.product }, typePsaProduct, "Node"),
	// What else an Addition has is read from ConnectWise, one agreement after the other, and left to the ordinary resolvers.
	"psaAddition": wire.Nested(wire.Fields[psa.Addition]{
		"recordId":          wire.Int(func(a *psa.Addition) psa.RecordID { return a.ID }),
		"agreementRecordId": wire.Int(func(a *psa.Addition) psa.RecordID { return a.AgreementID }),
	}, func(s *shownLine) *psa.Addition { return s.addition }, typePsaAddition),
	"mappingStatus": wire.Text((*shownLine).mappingStatus),
	"syncBlockers": wire.List(wire.Fields[shownBlocker]{
		"code":    wire.Text(func(b *shownBlocker) rule.BlockerCode { return b.Code }),
		"message": wire.Text(func(b *shownBlocker) string { return b.Message }),
		"subject": wire.OneOf(func(b *shownBlocker) rule.Subject { return b.Subject }, map[rule.Subject]wire.Field[shownBlocker]{
			rule.SubjectOrganization: wire.Nested(ownOrganizationFields, func(b *shownBlocker) *shownOrganization { return b.line.organization }, typeOrganization, "Node"),
			rule.SubjectContract:     wire.Nested(ownContractFields, func(b *shownBlocker) *shownContract { return b.line.contract }, typeContract, "Node"),
			rule.SubjectOffer:        wire.Nested(ownOfferFields, func(b *shownBlocker) *shownOffer { return b.line.offer }, typeOffer, "Node"),
			rule.SubjectLine:         wire.Nested(ownLineFields, func(b *shownBlocker) *shownLine { return b.line }, typeInvoiceLine, "Node"),
		}),
	}, func(s *shownLine) []shownBlocker { return s.blockers }, "SyncBlocker"),
})

// lineLane writes pages of the Invoices tab.
var lineLane = lane[invoicing.Line, shownLine]{
	connection: "InvoiceLineConnection", edge: "InvoiceLineEdge", node: typeInvoiceLine, show: showLines, fields: laneLineFields,
	facets: facetsOf[model.InvoiceLineFacets, invoicing.Line, shownLine]("InvoiceLineFacets", map[string]func(*model.InvoiceLineFacets) []*model.FacetValue{
		"syncStatus":    func(f *model.InvoiceLineFacets) []*model.FacetValue { return f.SyncStatus },
		"chargeType":    func(f *model.InvoiceLineFacets) []*model.FacetValue { return f.ChargeType },
		"vendor":        func(f *model.InvoiceLineFacets) []*model.FacetValue { return f.Vendor },
		"currency":      func(f *model.InvoiceLineFacets) []*model.FacetValue { return f.Currency },
		"mappingStatus": func(f *model.InvoiceLineFacets) []*model.FacetValue { return f.MappingStatus },
	}),
	more: wire.Fields[page[invoicing.Line, shownLine]]{
		"amounts": wire.List(wire.Fields[grid.Sum]{
			"amount":   wire.Printed(func(s *grid.Sum) decimal.Decimal { return s.Total }),
			"currency": wire.Text(func(s *grid.Sum) string { return s.By }),
		}, func(p *page[invoicing.Line, shownLine]) []grid.Sum { return p.Sums }, "Money"),
	},
}
