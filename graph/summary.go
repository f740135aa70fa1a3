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
		totals, err := mapping.ReadTotals(ctx, tx, seller(ctx))
		if err != nil {
			return err
		}
		organizations := totals[mapping.KindOrganization]
		summary.Organizations = &model.OrganizationTotals{
			Total: organizations.Total, Mapped: organizations.Mapped, Unmapped: organizations.Unmapped(), Excluded: organizations.Excluded,
		}
		summary.Offers = mappingTotals(totals[mapping.KindOffer])
		summary.Contracts = mappingTotals(totals[mapping.KindContract])
		return tx.GetContext(ctx, &summary.AsOf, `SELECT now()`)
	})
	if err != nil {
		return nil, err
	}
	return summary, nil
}

func mappingTotals(t mapping.Totals) *model.MappingTotals {
	return &model.MappingTotals{Total: t.Total, Mapped: t.Mapped, Unmapped: t.Unmapped()}
}
