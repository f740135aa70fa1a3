package mapping

import (
	"context"
	"fmt"

	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
)

// Saved counts what a save did.
type Saved struct{ Created, Updated int }

// SaveOrganizations stores organizations as the Platform has them. New ones are excluded and unmapped; of
// known ones, mapping, exclusion and revision stay.
func SaveOrganizations(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, found []platform.Organization) (Saved, error) {
	n := len(found)
	ids, names, references := make([]string, n), make([]string, n), make([]string, n)
	statuses, words := make([]string, n), make([]string, n)
	externals, erps := make([]string, n), make([]string, n)
	for i, o := range found {
		ids[i], names[i], references[i] = o.ID, o.Name, o.ReferenceNumber
		statuses[i], words[i] = organizationStatus(o.Status), o.Status
		externals[i], erps[i] = o.ExternalID, o.ERPID
	}
	var created []bool
	err := tx.SelectContext(ctx, &created, `
		INSERT INTO organization AS o
			(seller_id, platform_id, name, reference_number, status, status_text, external_id, erp_id)
		SELECT DISTINCT ON (platform_id) $1::bigint, platform_id, name, reference_number, status, status_text,
			NULLIF(external_id, ''), NULLIF(erp_id, '')
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
			AS f (platform_id, name, reference_number, status, status_text, external_id, erp_id)
		ORDER BY platform_id
		ON CONFLICT (seller_id, platform_id) DO UPDATE
		SET name = EXCLUDED.name, reference_number = EXCLUDED.reference_number, status = EXCLUDED.status,
			status_text = EXCLUDED.status_text, external_id = EXCLUDED.external_id, erp_id = EXCLUDED.erp_id,
			updated_at = now()
		WHERE (o.name, o.reference_number, o.status_text, o.external_id, o.erp_id)
			IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.reference_number, EXCLUDED.status_text, EXCLUDED.external_id, EXCLUDED.erp_id)
		RETURNING o.xmax = 0`,
		seller, ids, names, references, statuses, words, externals, erps)
	if err != nil {
		return Saved{}, fmt.Errorf("save organizations: %w", err)
	}
	var saved Saved
	for _, isNew := range created {
		if isNew {
			saved.Created++
		} else {
			saved.Updated++
		}
	}
	return saved, nil
}

// organizationStatus reads the Platform's word for a status.
func organizationStatus(text string) string {
	switch text {
	case "New":
		return "NEW"
	case "Active":
		return "ACTIVE"
	case "Blocked":
		return "BLOCKED"
	}
	return "OTHER"
}
