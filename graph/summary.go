package graph

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"crosswalk/graph/model"
	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
)

// MappingSummary resolves the totals of the summary lines.
func (r *queryResolver) MappingSummary(ctx context.Context, period *civil.YearMonth) (*model.MappingSummary, error) {
	if brought := totalsBeside(ctx); brought != nil {
		return mappingSummary(*brought), nil
	}
	countLines := selectionOf(ctx).has("invoiceLines")
	var view invoicing.View
	var month *civil.YearMonth
	var err error
	if countLines {
		if view, month, err = r.lineView(ctx, period); err != nil {
			return nil, err
		}
	}
	var summary *model.MappingSummary
	err = r.readStatements(ctx, !countLines, func(ctx context.Context, tx *postgres.Tx) error {
		totals, err := mapping.ReadTotals(ctx, tx, seller(ctx))
		if err != nil {
			return err
		}
		summary = mappingSummary(totals)
		if countLines {
			summary.InvoiceLines, err = lineTotals(ctx, tx, view, month)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return summary, nil
}

// mappingSummary shows totals.
func mappingSummary(totals mapping.AllTotals) *model.MappingSummary {
	organizations := totals.Of[mapping.KindOrganization]
	return &model.MappingSummary{
		Organizations: &model.OrganizationTotals{
			Total: organizations.Total, Mapped: organizations.Mapped, Unmapped: organizations.Unmapped(), Excluded: organizations.Excluded,
		},
		Offers:    mappingTotals(totals.Of[mapping.KindOffer]),
		Contracts: mappingTotals(totals.Of[mapping.KindContract]),
		AsOf:      totals.AsOf,
	}
}

func mappingTotals(t mapping.Totals) *model.MappingTotals {
	return &model.MappingTotals{Total: t.Total, Mapped: t.Mapped, Unmapped: t.Unmapped()}
}

// lineTotals counts the lines of a month by status, and adds them up by currency.
func lineTotals(ctx context.Context, tx *postgres.Tx, view invoicing.View, month *civil.YearMonth) (*model.InvoiceLineTotals, error) {
	totals := &model.InvoiceLineTotals{ByStatus: []*model.LineStatusTotal{}, Amounts: []*model.Money{}}
	if month == nil {
		return totals, nil
	}
	rows, err := invoicing.Summarize(ctx, tx, seller(ctx), view, *month)
	if err != nil {
		return nil, err
	}
	byStatus := make(map[string]*model.LineStatusTotal)
	sums := make(map[string]decimal.Decimal)
	for _, row := range rows {
		status := byStatus[row.Status]
		if status == nil {
			status = &model.LineStatusTotal{Status: model.LineSyncStatus(row.Status)}
			byStatus[row.Status] = status
		}
		status.Count += row.Count
		status.Amounts = append(status.Amounts, &model.Money{Amount: row.Amount, Currency: row.Currency})
		totals.Total += row.Count
		sums[row.Currency] = sums[row.Currency].Add(row.Amount)
	}
	totals.ByStatus = slices.SortedFunc(maps.Values(byStatus), func(a, b *model.LineStatusTotal) int { return cmp.Compare(a.Status, b.Status) })
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		totals.Amounts = append(totals.Amounts, &model.Money{Amount: sums[currency], Currency: currency})
	}
	return totals, nil
}
