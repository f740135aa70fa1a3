package invoicing

import (
	"context"
	"fmt"

	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
)

// merged counts what the merge of one period did, and what it had to make up.
type merged struct {
	jobs.Counts
	Duplicates int
	// Unlisted counts lines of the period that the Platform lists no longer.
	Unlisted int
	// Strays counts rows that were left out because the Platform does not list their invoice, and StrayInvoice is one such
	// invoice.
	Strays       int
	StrayInvoice string
	// UnknownCharges are counted by what the Platform calls them. Mismatched counts lines whose total is not
	// quantity times unit price.
	UnknownCharges []unknownCharge
	Mismatched     int
	// Unknown are the Platform ids of records that neither the store nor the feed knew.
	UnknownOrganizations, UnknownContracts []string
}

// merge stores what was staged: organizations, contracts and offers that are not known yet, the invoices, and
// their lines. Posted lines and those being posted are left alone.
func (s *staging) merge(ctx context.Context, seller postgres.SellerID, period civil.YearMonth, feed platform.Feed) (merged, error) {
	var m merged
	if err := s.prepare(ctx, &m); err != nil {
		return m, err
	}
	if err := s.inspect(ctx, &m); err != nil {
		return m, err
	}
	for _, step := range []func(context.Context, postgres.SellerID, platform.Feed, *merged) error{
		s.addOrganizations, s.addContracts, s.addOffers,
	} {
		if err := step(ctx, seller, feed, &m); err != nil {
			return m, err
		}
	}
	if err := s.mergeInvoices(ctx, seller, period); err != nil {
		return m, err
	}
	return m, s.mergeLines(ctx, seller, period, &m)
}

// prepare drops rows of invoices that are not valid and repeated row ids, of which the last one counts.
func (s *staging) prepare(ctx context.Context, m *merged) error {
	var dropped struct {
		Lines        int    `db:"lines"`
		Strays       int    `db:"strays"`
		StrayInvoice string `db:"stray_invoice"`
	}
	err := s.tx.GetContext(ctx, &dropped, `
		WITH dropped AS (
			DELETE FROM staged_line l
			WHERE NOT EXISTS (SELECT FROM staged_invoice i WHERE i.platform_id = l.invoice_id AND i.valid)
			RETURNING l.invoice_id
		)
		SELECT count(*) AS lines, count(*) FILTER (WHERE i.platform_id IS NULL) AS strays,
			coalesce(min(d.invoice_id) FILTER (WHERE i.platform_id IS NULL), '') AS stray_invoice
		FROM dropped d
		LEFT JOIN (SELECT DISTINCT platform_id FROM staged_invoice) i ON i.platform_id = d.invoice_id`)
	if err != nil {
		return fmt.Errorf("drop lines of invoices that are not valid: %w", err)
	}
	m.Strays, m.StrayInvoice = dropped.Strays, dropped.StrayInvoice
	m.Duplicates, err = s.exec(ctx, `
		DELETE FROM staged_line l
		USING (
			SELECT platform_id, max(position) AS last
			FROM staged_line
			GROUP BY platform_id
			HAVING count(*) > 1
		) d
		WHERE d.platform_id = l.platform_id
			AND l.position < d.last`)
	if err != nil {
		return fmt.Errorf("drop repeated lines: %w", err)
	}
	s.rows -= dropped.Lines + m.Duplicates
	return nil
}

func (s *staging) unknown(ctx context.Context, seller postgres.SellerID, column, table string) (ids []string, err error) {
	err = s.tx.SelectContext(ctx, &ids, `
		SELECT DISTINCT l.`+column+`
		FROM staged_line l
		WHERE NOT EXISTS (SELECT FROM `+table+` t WHERE t.seller_id = $1 AND t.platform_id = l.`+column+`)
		ORDER BY 1`,
		seller)
	if err != nil {
		return nil, fmt.Errorf("find unknown %ss: %w", table, err)
	}
	return ids, nil
}

// addOrganizations adds organizations of lines that the store lacks.
func (s *staging) addOrganizations(ctx context.Context, seller postgres.SellerID, feed platform.Feed, m *merged) error {
	ids, err := s.unknown(ctx, seller, "customer_id", "organization")
	if err != nil {
		return err
	}
	return s.readOrganizations(ctx, seller, feed, ids, m)
}

// readOrganizations reads organizations from the feed. One that the feed lacks is known by its id, all that lines and
// contracts tell of it.
func (s *staging) readOrganizations(ctx context.Context, seller postgres.SellerID, feed platform.Feed, ids []string, m *merged) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := feed.Organizations(ctx, ids)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(found))
	for _, o := range found {
		known[o.ID] = true
	}
	for _, id := range ids {
		if !known[id] {
			m.UnknownOrganizations = append(m.UnknownOrganizations, id)
			found = append(found, platform.Organization{ID: id, Name: id})
		}
	}
	_, err = mapping.SaveOrganizations(ctx, s.tx, seller, found)
	return err
}

// addOwners adds the organizations of contracts that the store lacks; they need not be those of the lines.
func (s *staging) addOwners(ctx context.Context, seller postgres.SellerID, feed platform.Feed, contracts []platform.Contract, m *merged) error {
	owners := make([]string, len(contracts))
	for i, c := range contracts {
		owners[i] = c.CustomerID
	}
	var ids []string
	err := s.tx.SelectContext(ctx, &ids, `
		SELECT DISTINCT f.id
		FROM unnest($2::text[]) AS f (id)
		WHERE NOT EXISTS (SELECT FROM organization o WHERE o.seller_id = $1 AND o.platform_id = f.id)
		ORDER BY 1`,
		seller, owners)
	if err != nil {
		return fmt.Errorf("find unknown organizations of contracts: %w", err)
	}
	return s.readOrganizations(ctx, seller, feed, ids, m)
}

// addContracts reads contracts that the store lacks from the feed. Of one that the feed lacks too, the lines and
// their invoices tell the organization and the currency.
func (s *staging) addContracts(ctx context.Context, seller postgres.SellerID, feed platform.Feed, m *merged) error {
	ids, err := s.unknown(ctx, seller, "contract_id", "contract")
	if err != nil || len(ids) == 0 {
		return err
	}
	found, err := feed.Contracts(ctx, ids)
	if err != nil {
		return err
	}
	if err := s.addOwners(ctx, seller, feed, found, m); err != nil {
		return err
	}
	if _, err := mapping.SaveContracts(ctx, s.tx, seller, found); err != nil {
		return err
	}
	if m.UnknownContracts, err = s.unknown(ctx, seller, "contract_id", "contract"); err != nil || len(m.UnknownContracts) == 0 {
		return err
	}
	_, err = s.tx.ExecContext(ctx, `
		INSERT INTO contract (seller_id, platform_id, organization_id, currency, billing_cycle_day)
		SELECT DISTINCT ON (l.contract_id) $1::bigint, l.contract_id, o.id, i.currency, 1
		FROM staged_line l
		JOIN staged_invoice i ON i.platform_id = l.invoice_id
		JOIN organization o ON o.seller_id = $1 AND o.platform_id = l.customer_id
		WHERE l.contract_id = ANY($2)
		ORDER BY l.contract_id, l.position`,
		seller, m.UnknownContracts)
	if err != nil {
		return fmt.Errorf("add contracts that the Platform does not list: %w", err)
	}
	return nil
}

// addOffers adds offers that the store lacks as the lines show them.
func (s *staging) addOffers(ctx context.Context, seller postgres.SellerID, _ platform.Feed, _ *merged) error {
	ids, err := s.unknown(ctx, seller, "offer_id", "offer")
	if err != nil || len(ids) == 0 {
		return err
	}
	var seen []mapping.SeenOffer
	err = s.tx.SelectContext(ctx, &seen, `
		SELECT DISTINCT ON (offer_id) offer_id AS id, offer_name AS name, vendor_offer_id AS externalid,
			vendor_id AS vendorid, vendor_name AS vendorname
		FROM staged_line
		WHERE offer_id = ANY($1)
		ORDER BY offer_id, position DESC`,
		ids)
	if err != nil {
		return fmt.Errorf("find new offers: %w", err)
	}
	_, err = mapping.SaveOffers(ctx, s.tx, seller, seen)
	return err
}

// mergeInvoices stores the invoices of the period. One that the Platform lists no longer is not valid any more.
func (s *staging) mergeInvoices(ctx context.Context, seller postgres.SellerID, period civil.YearMonth) error {
	_, err := s.tx.ExecContext(ctx, `
		INSERT INTO invoice AS i (seller_id, platform_id, number, date, period, status, valid, custom, currency)
		SELECT DISTINCT ON (platform_id) $1::bigint, platform_id, number, date, date_trunc('month', date::timestamp)::date,
			status, valid, custom, currency
		FROM staged_invoice s
		WHERE s.valid
			OR EXISTS (SELECT FROM invoice k WHERE k.seller_id = $1 AND k.platform_id = s.platform_id)
		ORDER BY platform_id
		ON CONFLICT (seller_id, platform_id) DO UPDATE
		SET number = EXCLUDED.number, date = EXCLUDED.date, period = EXCLUDED.period, status = EXCLUDED.status,
			valid = EXCLUDED.valid, custom = EXCLUDED.custom, currency = EXCLUDED.currency
		WHERE (i.number, i.date, i.status, i.valid, i.custom, i.currency)
			IS DISTINCT FROM (EXCLUDED.number, EXCLUDED.date, EXCLUDED.status, EXCLUDED.valid, EXCLUDED.custom, EXCLUDED.currency)`,
		seller)
	if err != nil {
		return fmt.Errorf("merge invoices: %w", err)
	}
	_, err = s.tx.ExecContext(ctx, `
		UPDATE invoice i
		SET valid = false
		WHERE i.seller_id = $1
			AND i.period = $2
			AND i.valid
			AND NOT EXISTS (SELECT FROM staged_invoice s WHERE s.platform_id = i.platform_id)`,
		seller, period.FirstDay())
	if err != nil {
		return fmt.Errorf("mark invoices that are gone: %w", err)
	}
	return nil
}
