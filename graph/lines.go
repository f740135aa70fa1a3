package graph

import (
	"context"

	"crosswalk/graph/model"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// lineFields are the columns behind the fields of an invoice line; where a field needs several, the others are
// always read.
var lineFields = map[string]string{
	"platformId":         "platform_id",
	"invoiceNumber":      "invoice_number",
	"invoiceDate":        "invoice_date",
	"invoiceStatus":      "invoice_status",
	"period":             "period",
	"organization":       "organization_id",
	"contract":           "contract_id",
	"offer":              "offer_id",
	"subscription":       "subscription_name",
	"description":        "description",
	"chargeType":         "charge_type",
	"chargeTypeText":     "charge_type_text",
	"recurrence":         "recurring",
	"quantity":           "quantity",
	"unitPrice":          "unit_price",
	"unitCost":           "unit_cost",
	"amount":             "amount",
	"chargeStartDate":    "charge_start_origin",
	"chargeEndDate":      "charge_end_origin",
	"isCustomInvoice":    "custom",
	"psaCompany":         "psa_company_id",
	"psaAgreement":       "psa_agreement_id",
	"psaAgreementOrigin": "agreement_origin",
	"psaProduct":         "psa_product_id",
	"mappingStatus":      "mapping_status",
	"syncStatus":         "sync_status",
	"syncBlockers":       "blockers",
	"syncError":          "sync_error",
	"syncedAt":           "synced_at",
	"psaAddition":        "addition_id",
	"revision":           "revision",
}

// lineBasics are columns of the line itself, which cost nothing.
var lineBasics = []string{
	"id", "organization_id", "contract_id", "offer_id", "currency", "subscription_id", "subscription_start", "subscription_end",
	"charge_start", "invoiced_start", "charge_end", "invoiced_end", "sync_error_code",
}

var lineOrders = map[model.InvoiceLineOrderField]string{
	model.InvoiceLineOrderFieldInvoiceDate:      "invoice_date",
	model.InvoiceLineOrderFieldInvoiceNumber:    "invoice_number",
	model.InvoiceLineOrderFieldOrganizationName: "organization_name",
	model.InvoiceLineOrderFieldContractID:       "contract_number",
	model.InvoiceLineOrderFieldOfferName:        "offer_name",
	model.InvoiceLineOrderFieldVendorName:       "vendor_name",
	model.InvoiceLineOrderFieldSubscriptionName: "subscription_name",
	model.InvoiceLineOrderFieldChargeType:       "charge_type",
	model.InvoiceLineOrderFieldChargeStartDate:  "charge_start",
	model.InvoiceLineOrderFieldChargeEndDate:    "charge_end",
	model.InvoiceLineOrderFieldQuantity:         "quantity",
	model.InvoiceLineOrderFieldUnitPrice:        "unit_price",
	model.InvoiceLineOrderFieldAmount:           "amount",
	model.InvoiceLineOrderFieldSyncStatus:       "sync_status",
}

var lineFacets = []facet[model.InvoiceLineFilter, model.InvoiceLineFacets]{
	{
		"syncStatus", "sync_status",
		func(f *model.InvoiceLineFilter) { f.SyncStatus = unset(f.SyncStatus) },
		func(f *model.InvoiceLineFacets) *[]*model.FacetValue { return &f.SyncStatus },
	},
	{
		"chargeType", "charge_type",
		func(f *model.InvoiceLineFilter) { f.ChargeType = unset(f.ChargeType) },
		func(f *model.InvoiceLineFacets) *[]*model.FacetValue { return &f.ChargeType },
	},
	{
		"vendor", "vendor_name",
		func(f *model.InvoiceLineFilter) { f.Vendor = unset(f.Vendor) },
		func(f *model.InvoiceLineFacets) *[]*model.FacetValue { return &f.Vendor },
	},
	{
		"currency", "currency",
		func(f *model.InvoiceLineFilter) { f.Currency = unset(f.Currency) },
		func(f *model.InvoiceLineFacets) *[]*model.FacetValue { return &f.Currency },
	},
	{
		"mappingStatus", "mapping_status",
		func(f *model.InvoiceLineFilter) { f.MappingStatus = unset(f.MappingStatus) },
		func(f *model.InvoiceLineFacets) *[]*model.FacetValue { return &f.MappingStatus },
	},
}

// InvoiceLines resolves the Invoices tab.
func (r *queryResolver) InvoiceLines(ctx context.Context, period *civil.YearMonth, first *int, after *string, last *int, before *string, offset *int,
	search *string, filter *model.InvoiceLineFilter, orderBy []*model.InvoiceLineOrder,
) (*model.InvoiceLineConnection, error) {
	return r.lineConnection(ctx, lineList{
		page: pageArguments{first, after, last, before, offset}, period: period, search: search, filter: filter, orderBy: orderBy,
	})
}

// InvoiceLines resolves the lines of an organization.
func (r *organizationResolver) InvoiceLines(ctx context.Context, obj *model.Organization, period *civil.YearMonth, first *int, after *string, filter *model.InvoiceLineFilter) (*model.InvoiceLineConnection, error) {
	number, err := parseID(typeOrganization, obj.ID)
	if err != nil {
		return nil, err
	}
	return r.lineConnection(ctx, lineList{
		page: pageArguments{first: first, after: after}, period: period, filter: filter, organization: number,
	})
}

// lineList is one request for invoice lines.
type lineList struct {
	page         pageArguments
	period       *civil.YearMonth
	search       *string
	filter       *model.InvoiceLineFilter
	orderBy      []*model.InvoiceLineOrder
	organization int64
}

func (r *Resolver) lineConnection(ctx context.Context, asked lineList) (*model.InvoiceLineConnection, error) {
	id := seller(ctx)
	view, month, err := r.lineView(ctx, asked.period)
	if err != nil {
		return nil, err
	}
	order := []grid.Order{{Column: "invoice_date"}, {Column: "invoice_number"}}
	if len(asked.orderBy) > 0 {
		order = ordering(asked.orderBy, func(o *model.InvoiceLineOrder) grid.Order {
			return grid.Order{Column: lineOrders[o.Field], Descending: descending(o.Direction)}
		}, "")
	}
	selected := selectionOf(ctx)
	sum := selected.has("amounts")
	result, facets, err := list[invoicing.Line, model.InvoiceLineFilter, model.InvoiceLineFacets]{
		page: asked.page, filter: asked.filter, fields: lineFields, always: lineColumns(selected.nodes()), facets: lineFacets, order: order,
		condition: func(f *model.InvoiceLineFilter) (grid.Condition, error) { return asked.condition(id, month, f) },
		fetch: func(ctx context.Context, tx *postgres.Tx, req grid.Request) (*grid.Result[invoicing.Line], error) {
			if sum {
				req.SumBy = &grid.SumBy{Column: "amount", By: "currency"}
			}
			return invoicing.Lines(ctx, tx, id, view, req)
		},
	}.run(ctx, r)
	if err != nil {
		return nil, err
	}
	announceLines(ctx, result.Rows)
	if lineLane.write(ctx, result, facets) {
		return nil, nil
	}
	c := connect(ctx, result, invoiceLine, func(cursor string, node *model.InvoiceLine) *model.InvoiceLineEdge {
		return &model.InvoiceLineEdge{Cursor: cursor, Node: node}
	})
	amounts := make([]*model.Money, len(result.Sums))
	for i, s := range result.Sums {
		amounts[i] = &model.Money{Amount: s.Total, Currency: s.By}
	}
	return &model.InvoiceLineConnection{
		Nodes: c.nodes, Edges: c.edges, PageInfo: c.pageInfo, Range: c.span, TotalCount: result.Total, Facets: facets, Amounts: amounts,
	}, nil
}

// lineColumns are the columns that lines always need, and those for what is selected of a line where it is the subject of
// one of its own blockers.
func lineColumns(nodes selection) []string {
	columns := lineBasics
	for subject := nodes.subjects(); len(subject.fields) > 0; subject = subject.subjects() {
		columns = subject.columns(lineFields, columns...)
	}
	return columns
}

// subjects returns what is selected of the subjects of lines' blockers.
func (s selection) subjects() selection { return s.under("syncBlockers").under("subject") }

// announceLines tells the loaders which records the rows may ask for.
func announceLines(ctx context.Context, rows []invoicing.Line) {
	set := loadersFrom(ctx)
	announce(set.Companies, rows, func(l invoicing.Line) *psa.RecordID { return l.PsaCompanyID })
	announce(set.Products, rows, func(l invoicing.Line) *psa.RecordID { return l.PsaProductID })
	announce(set.Agreements, rows, func(l invoicing.Line) *psa.RecordID { return l.PsaAgreementID })
	announce(set.Organizations, rows, func(l invoicing.Line) *int64 { return &l.OrganizationID })
	announce(set.Contracts, rows, func(l invoicing.Line) *int64 { return &l.ContractID })
	announce(set.Offers, rows, func(l invoicing.Line) *int64 { return &l.OfferID })
	announce(set.Posted, rows, func(l invoicing.Line) *int64 { return l.AdditionID })
}

// lineView returns what lines are seen under, and the month to show: the one asked for, or the greatest loaded.
// A nil month stands for no month at all.
func (r *Resolver) lineView(ctx context.Context, asked *civil.YearMonth) (invoicing.View, *civil.YearMonth, error) {
	today, err := todayOf(ctx)
	if err != nil {
		return invoicing.View{}, nil, err
	}
	// Lists of lines are gated, so that a list that is shown has a complete set-up behind it.
	view := invoicing.View{SetupComplete: true, Today: today}
	if asked != nil {
		if !rule.CanShow(*asked, today) {
			return view, nil, badInput("Lines are shown for 15 months back at most, so from " + rule.EarliestMonth(today).String() + " on.")
		}
		return view, asked, nil
	}
	var periods []invoicing.Period
	err = r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		periods, err = invoicing.Periods(ctx, tx, seller(ctx), rule.EarliestMonth(today))
		return err
	})
	if err != nil || len(periods) == 0 {
		return view, nil, err
	}
	greatest := periods[0].Month.YearMonth()
	return view, &greatest, nil
}

// condition compiles period, search, filter and, below an organization, the organization.
func (asked lineList) condition(seller postgres.SellerID, month *civil.YearMonth, filter *model.InvoiceLineFilter) (grid.Condition, error) {
	filtered, err := lineCondition(filter)
	if err != nil {
		return nil, err
	}
	shown := grid.Any()
	if month != nil {
		shown = invoicing.OfPeriod(*month)
	}
	if asked.organization != 0 {
		shown = grid.All(shown, grid.Compare("organization_id", grid.Equal, asked.organization))
	}
	return grid.All(shown, searching(asked.search, func(text string) grid.Condition { return invoicing.Search(seller, text) }, filtered)), nil
}

func lineCondition(f *model.InvoiceLineFilter) (grid.Condition, error) {
	if f == nil {
		return nil, nil
	}
	nested, err := nestedConditions(f.And.Value(), f.Or.Value(), f.Not.Value(), lineCondition)
	if err != nil {
		return nil, err
	}
	conditions := []grid.Condition{
		nested,
		textCondition("invoice_number", f.InvoiceNumber.Value()),
		textCondition("subscription_name", f.SubscriptionName.Value()),
		dateCondition("invoice_date", f.InvoiceDate.Value()),
		dateCondition("charge_start", f.ChargeStartDate.Value()),
		dateCondition("charge_end", f.ChargeEndDate.Value()),
		numberCondition("unit_price", f.UnitPrice.Value()),
		anyOf("vendor_name", f.Vendor.Value()),
		anyOf("charge_type", f.ChargeType.Value()),
		anyOf("currency", f.Currency.Value()),
		anyOf("mapping_status", f.MappingStatus.Value()),
	}
	if values := f.Recurrence.Value(); values != nil {
		var recurring []bool
		for _, v := range values {
			recurring = append(recurring, v == model.RecurrenceRecurring)
		}
		conditions = append(conditions, grid.OneOf("recurring", recurring))
	}
	if statuses := f.SyncStatus.Value(); statuses != nil {
		conditions = append(conditions, invoicing.OfStatus(texts(statuses)))
	}
	if codes := f.Blocker.Value(); codes != nil {
		conditions = append(conditions, invoicing.Blocked(texts(codes)))
	}
	if custom := f.IsCustomInvoice.Value(); custom != nil {
		conditions = append(conditions, grid.Compare("custom", grid.Equal, *custom))
	}
	return withIDs(conditions,
		idFilter{"id", typeInvoiceLine, f.ID.Value()},
		idFilter{"organization_id", typeOrganization, f.OrganizationID.Value()},
		idFilter{"contract_id", typeContract, f.ContractID.Value()},
		idFilter{"offer_id", typeOffer, f.OfferID.Value()})
}

// texts returns enum values as text.
func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}
