package mapping

import (
	"context"
	"fmt"

	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
)

// Saved counts what a save did.
type Saved struct{ Created, Updated int }

// customOffer is the offer that stands for the lines of custom invoices. No vendor has an identifier for it.
const customOffer = "Offer for Default Subscription"

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
	return save(ctx, tx, "organizations", `
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
}

// SaveContracts stores contracts as the Platform has them. Those of organizations that are not stored are
// left out. Of known ones, the mapping stays.
func SaveContracts(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, found []platform.Contract) (Saved, error) {
	n := len(found)
	ids, customers, currencies := make([]string, n), make([]string, n), make([]string, n)
	days, types := make([]int64, n), make([]string, n)
	for i, c := range found {
		ids[i], customers[i], currencies[i] = c.ID, c.CustomerID, c.Currency
		days[i], types[i] = int64(c.BillingCycleDay), c.ContractType
	}
	return save(ctx, tx, "contracts", `
		INSERT INTO contract AS t
			(seller_id, platform_id, organization_id, currency, billing_cycle_day, contract_type)
		SELECT DISTINCT ON (f.platform_id) $1::bigint, f.platform_id, o.id, f.currency, f.billing_cycle_day,
			NULLIF(f.contract_type, '')
		FROM unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::text[])
			AS f (platform_id, customer_id, currency, billing_cycle_day, contract_type)
		JOIN organization o ON o.seller_id = $1 AND o.platform_id = f.customer_id
		ORDER BY f.platform_id
		ON CONFLICT (seller_id, platform_id) DO UPDATE
		SET organization_id = EXCLUDED.organization_id, currency = EXCLUDED.currency,
			billing_cycle_day = EXCLUDED.billing_cycle_day, contract_type = EXCLUDED.contract_type, updated_at = now()
		WHERE (t.organization_id, t.currency, t.billing_cycle_day, t.contract_type)
			IS DISTINCT FROM (EXCLUDED.organization_id, EXCLUDED.currency, EXCLUDED.billing_cycle_day, EXCLUDED.contract_type)
		RETURNING t.xmax = 0`,
		seller, ids, customers, currencies, days, types)
}

// SeenOffer is an offer as the lines of invoices show it.
type SeenOffer struct {
	ID, Name, ExternalID string
	VendorID, VendorName string
}

// SaveOffers stores the offers and the vendors seen on invoices. Of known offers the mapping stays, and those
// that were not seen stay as they are.
func SaveOffers(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, seen []SeenOffer) (Saved, error) {
	n := len(seen)
	ids, names, externals := make([]string, n), make([]string, n), make([]string, n)
	vendors, vendorNames := make([]string, n), make([]string, n)
	for i, o := range seen {
		ids[i], names[i], externals[i] = o.ID, o.Name, o.ExternalID
		if o.Name == customOffer {
			externals[i] = ""
		}
		vendors[i], vendorNames[i] = o.VendorID, o.VendorName
	}
	_, err := save(ctx, tx, "vendors", `
		INSERT INTO vendor AS v (seller_id, platform_id, name)
		SELECT DISTINCT ON (platform_id) $1::bigint, platform_id, name
		FROM unnest($2::text[], $3::text[]) AS f (platform_id, name)
		ORDER BY platform_id
		ON CONFLICT (seller_id, platform_id) DO UPDATE
		SET name = EXCLUDED.name
		WHERE v.name <> EXCLUDED.name
		RETURNING v.xmax = 0`,
		seller, vendors, vendorNames)
	if err != nil {
		return Saved{}, err
	}
	return save(ctx, tx, "offers", `
		INSERT INTO offer AS o (seller_id, platform_id, name, external_id, vendor_id)
		SELECT DISTINCT ON (f.platform_id) $1::bigint, f.platform_id, f.name, NULLIF(f.external_id, ''), v.id
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS f (platform_id, name, external_id, vendor_id)
		JOIN vendor v ON v.seller_id = $1 AND v.platform_id = f.vendor_id
		ORDER BY f.platform_id
		ON CONFLICT (seller_id, platform_id) DO UPDATE
		SET name = EXCLUDED.name, external_id = EXCLUDED.external_id, vendor_id = EXCLUDED.vendor_id, updated_at = now()
		WHERE (o.name, o.external_id, o.vendor_id) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.external_id, EXCLUDED.vendor_id)
		RETURNING o.xmax = 0`,
		seller, ids, names, externals, vendors)
}

// save runs an upsert that returns, for each row it wrote, whether it is new.
func save(ctx context.Context, tx *postgres.Tx, what, query string, args ...any) (Saved, error) {
	var written []bool
	if err := tx.SelectContext(ctx, &written, query, args...); err != nil {
		return Saved{}, fmt.Errorf("save %s: %w", what, err)
	}
	var saved Saved
	for _, isNew := range written {
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
