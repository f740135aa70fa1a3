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
	_, err := s.tx.ExecContext(ctx, `
		ANALYZE staged_invoice;
		ANALYZE staged_line (platform_id, invoice_id, customer_id, contract_id, offer_id);
		DELETE FROM staged_line l
		WHERE NOT EXISTS (SELECT FROM staged_invoice i WHERE i.platform_id = l.invoice_id AND i.valid)`)
	if err != nil {
		return fmt.Errorf("drop lines of invoices that are not valid: %w", err)
	}
	result, err := s.tx.ExecContext(ctx, `
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
	repeated, err := result.RowsAffected()
	m.Duplicates = int(repeated)
	return err
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

// addOrganizations reads organizations that the store lacks from the feed. One that the feed lacks too is
// known by its id, all that the lines tell of it.
func (s *staging) addOrganizations(ctx context.Context, seller postgres.SellerID, feed platform.Feed, m *merged) error {
	ids, err := s.unknown(ctx, seller, "customer_id", "organization")
	if err != nil || len(ids) == 0 {
		return err
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

// lineColumns are the columns of a line that a load fills and refreshes, and where they come from.
var lineColumns = []struct{ name, from string }{
	{"period", "i.period"}, {"invoice_id", "i.id"}, {"invoice_number", "i.number"}, {"invoice_date", "i.date"},
	{"organization_id", "o.id"}, {"contract_id", "t.id"}, {"offer_id", "f.id"},
	{"subscription_id", "s.subscription_id"}, {"subscription_name", "s.subscription_name"},
	{"subscription_start", "s.subscription_start"}, {"subscription_end", "s.subscription_end"},
	{"description", "s.description"}, {"charge_type", "s.charge_type"}, {"charge_type_text", "s.charge_type_text"},
	{"custom", "(i.custom OR f.is_custom)"},
	{"quantity", "s.quantity"}, {"unit_price", "s.unit_price"}, {"unit_cost", "s.unit_cost"}, {"amount", "s.amount"},
	{"currency", "i.currency"}, {"invoiced_start", "s.invoiced_start"}, {"invoiced_end", "s.invoiced_end"},
	{"listed", "true"},
}

// mergeLines stores the lines. Dates that a rule computed for a line once, or a user set, stay.
func (s *staging) mergeLines(ctx context.Context, seller postgres.SellerID, period civil.YearMonth, m *merged) error {
	var names, sources, updates, ours, theirs string
	for _, c := range lineColumns {
		names += ", " + c.name
		sources += ", " + c.from
		updates += c.name + " = EXCLUDED." + c.name + ", "
		ours += ", l." + c.name
		theirs += ", EXCLUDED." + c.name
	}
	var counts struct {
		Created int `db:"created"`
		Updated int `db:"updated"`
		Staged  int `db:"staged"`
		Frozen  int `db:"frozen"`
	}
	err := s.tx.GetContext(ctx, &counts, `
		WITH frozen AS (
			SELECT count(*) AS n
			FROM staged_line s
			JOIN invoice_line l ON l.seller_id = $1 AND l.platform_id = s.platform_id
			WHERE l.state NOT IN ('OPEN', 'FAILED')
		), written AS (
			INSERT INTO invoice_line AS l (seller_id, platform_id`+names+`, ruled_start, ruled_end, end_is_ruled)
			SELECT $1::bigint, s.platform_id`+sources+`, s.ruled_start, s.ruled_end, s.end_is_ruled
			FROM staged_line s
			JOIN invoice i ON i.seller_id = $1 AND i.platform_id = s.invoice_id
			JOIN organization o ON o.seller_id = $1 AND o.platform_id = s.customer_id
			JOIN contract t ON t.seller_id = $1 AND t.platform_id = s.contract_id
			JOIN offer f ON f.seller_id = $1 AND f.platform_id = s.offer_id
			ON CONFLICT (seller_id, platform_id) DO UPDATE
			SET `+updates+`loaded_at = now()
			WHERE l.state IN ('OPEN', 'FAILED')
				AND (true`+ours+`) IS DISTINCT FROM (true`+theirs+`)
			RETURNING l.xmax = 0 AS created
		)
		SELECT count(*) FILTER (WHERE w.created) AS created, count(*) FILTER (WHERE NOT w.created) AS updated,
			(SELECT count(*) FROM staged_line) AS staged, (SELECT n FROM frozen) AS frozen
		FROM written w`,
		seller)
	if err != nil {
		return fmt.Errorf("merge lines: %w", err)
	}
	m.Created, m.Updated, m.Skipped = counts.Created, counts.Updated, counts.Frozen
	m.Unchanged = counts.Staged - counts.Created - counts.Updated - counts.Frozen
	_, err = s.tx.ExecContext(ctx, `
		UPDATE invoice_line l
		SET listed = false
		WHERE l.seller_id = $1
			AND l.period = $2
			AND l.listed
			AND l.state IN ('OPEN', 'FAILED')
			AND NOT EXISTS (SELECT FROM staged_line s WHERE s.platform_id = l.platform_id)`,
		seller, period.FirstDay())
	if err != nil {
		return fmt.Errorf("mark lines that are gone: %w", err)
	}
	_, err = s.tx.ExecContext(ctx, `
		INSERT INTO invoice_period (seller_id, period, line_count, loaded_at)
		SELECT $1::bigint, $2::date, count(*), clock_timestamp()
		FROM invoice_line
		WHERE seller_id = $1
			AND period = $2
		ON CONFLICT (seller_id, period) DO UPDATE
		SET line_count = EXCLUDED.line_count, loaded_at = EXCLUDED.loaded_at`,
		seller, period.FirstDay())
	if err != nil {
		return fmt.Errorf("note the period: %w", err)
	}
	return nil
}
