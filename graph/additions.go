package graph

import (
	"context"
	"slices"

	"github.com/shopspring/decimal"

	"crosswalk/graph/loaders"
	"crosswalk/graph/model"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/psa"
)

// Additions resolves the Additions of an agreement. There is no copy of them, so they are read live.
func (r *psaAgreementResolver) Additions(ctx context.Context, obj *model.PsaAgreement, first *int, after *string) (*model.PsaAdditionConnection, error) {
	page, err := newAdditionPage(first, after)
	if err != nil {
		return nil, err
	}
	list, err := loadersFrom(ctx).AdditionsOf.Load(ctx, psa.RecordID(obj.RecordID))()
	if err != nil {
		return nil, err
	}
	if list.Err != nil {
		return nil, psaFailure(list.Err)
	}
	return page.of(list.Additions), nil
}

// additionPage is a page of a list that is at hand as a whole.
type additionPage struct {
	size  int
	after psa.RecordID
}

func newAdditionPage(first *int, after *string) (additionPage, error) {
	if _, err := grid.NewPage(first, after, nil, nil, nil); err != nil {
		return additionPage{}, err
	}
	page := additionPage{size: grid.DefaultSize}
	if first != nil {
		page.size = *first
	}
	if after != nil {
		record, err := parseID(typePsaAddition, *after)
		if err != nil {
			return additionPage{}, badInput("this is not a cursor of this list: pass an endCursor or edge cursor as it came")
		}
		page.after = psa.RecordID(record)
	}
	return page, nil
}

// of cuts the page out of all Additions of an agreement, which are by record number.
func (p additionPage) of(all []psa.Addition) *model.PsaAdditionConnection {
	start := len(all)
	if i := slices.IndexFunc(all, func(a psa.Addition) bool { return a.ID > p.after }); i >= 0 {
		start = i
	}
	rows := all[start:min(start+p.size, len(all))]
	c := &model.PsaAdditionConnection{
		Nodes:      make([]*model.PsaAddition, len(rows)),
		Edges:      make([]*model.PsaAdditionEdge, len(rows)),
		PageInfo:   &model.PageInfo{HasNextPage: start+len(rows) < len(all), HasPreviousPage: start > 0},
		TotalCount: len(all),
	}
	for i, row := range rows {
		c.Nodes[i] = psaAddition(loaders.Found[psa.Addition]{Record: row, Live: true})
		c.Edges[i] = &model.PsaAdditionEdge{Cursor: nodeID(typePsaAddition, int64(row.ID)), Node: c.Nodes[i]}
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c
}

// psaAddition shows an Addition that was looked up, or a stored copy.
func psaAddition(found loaders.Found[psa.Addition]) *model.PsaAddition {
	a := found.Record
	return &model.PsaAddition{
		RecordID:           int(a.ID),
		AgreementRecordID:  int(a.AgreementID),
		ProductIdentifier:  a.ProductIdentifier,
		Description:        optional(a.Description),
		InvoiceDescription: optional(a.InvoiceDescription),
		Quantity:           a.Quantity,
		UnitPrice:          optionalAmount(a.UnitPrice),
		UnitCost:           optionalAmount(a.UnitCost),
		EffectiveDate:      optionalDate(a.EffectiveDate),
		CancelledDate:      optionalDate(a.CancelledDate),
		BillCustomer:       optional(a.BillCustomer),
		Deleted:            found.Deleted,
		Freshness:          freshness(found.Live),
	}
}

func optionalAmount(amount decimal.NullDecimal) *decimal.Decimal {
	if !amount.Valid {
		return nil
	}
	return &amount.Decimal
}
