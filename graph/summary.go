package graph

import (
	"context"

	"crosswalk/graph/model"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
)

// MappingSummary resolves the totals of the summary lines.
func (r *queryResolver) MappingSummary(ctx context.Context) (*model.MappingSummary, error) {
	summary := &model.MappingSummary{}
	err := r.readMapping(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		totals, err := mapping.ReadTotals(ctx, tx, seller(ctx), mapping.KindOrganization)
		if err != nil {
			return err
		}
		summary.Organizations = &model.OrganizationTotals{
			Total: totals.Total, Mapped: totals.Mapped, Unmapped: totals.Unmapped(), Excluded: totals.Excluded,
		}
		return tx.GetContext(ctx, &summary.AsOf, `SELECT now()`)
	})
	if err != nil {
		return nil, err
	}
	return summary, nil
}
