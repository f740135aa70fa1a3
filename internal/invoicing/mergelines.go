package invoicing

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
)

// lineColumns are the columns of a line that a load fills and refreshes, and where they come from. Where a line posts to,
// and as what, hangs on those that move it.
var lineColumns = []struct {
	name, from string
	moves      bool
}{
	{"period", "i.period", true}, {"invoice_id", "i.id", false}, {"invoice_number", "i.number", false}, {"invoice_date", "i.date", true},
	{"organization_id", "o.id", true}, {"contract_id", "t.id", true}, {"offer_id", "f.id", true},
	{"subscription_id", "s.subscription_id", true}, {"subscription_name", "s.subscription_name", false},
	{"subscription_start", "s.subscription_start", false}, {"subscription_end", "s.subscription_end", false},
	{"description", "s.description", false}, {"charge_type", "s.charge_type", true}, {"charge_type_text", "s.charge_type_text", false},
	{"custom", "(i.custom OR f.is_custom)", true},
	{"quantity", "s.quantity", false}, {"unit_price", "s.unit_price", false}, {"unit_cost", "s.unit_cost", false}, {"amount", "s.amount", false},
	{"currency", "i.currency", true}, {"invoiced_start", "s.invoiced_start", false}, {"invoiced_end", "s.invoiced_end", false},
	{"listed", "true", false},
}

// resolved joins a staged line with the records it refers to. Its argument is the seller.
const resolved = `
	JOIN invoice i ON i.seller_id = $1 AND i.platform_id = s.invoice_id
	JOIN organization o ON o.seller_id = $1 AND o.platform_id = s.customer_id
	JOIN contract t ON t.seller_id = $1 AND t.platform_id = s.contract_id
	JOIN offer f ON f.seller_id = $1 AND f.platform_id = s.offer_id`

// mergeLines stores the lines. New ones are inserted without looking again whether they are there: only the run that
// has the lease can commit, so that of two loads of a seller one fails on the lines of the other, or at its end.
func (s *staging) mergeLines(ctx context.Context, seller postgres.SellerID, period civil.YearMonth, m *merged) error {
	known, err := s.findKnown(ctx, seller)
	if err != nil {
		return err
	}
	if known.lines > 0 {
		if m.Updated, err = s.refreshLines(ctx, seller, known.periods); err != nil {
			return err
		}
	}
	if m.Unlisted, err = s.unlistLines(ctx, seller, period); err != nil {
		return err
	}
	if known.lines < s.rows {
		if m.Created, err = s.addLines(ctx, seller); err != nil {
			return err
		}
	}
	m.Skipped, m.Unchanged = known.frozen, known.lines-known.frozen-m.Updated
	return s.notePeriods(ctx, seller, period, known.periods)
}

// known tells of the staged lines that are stored already.
type known struct {
	// Frozen lines are posted or being posted.
	lines, frozen int
	// periods are the months that the lines are in, among them others than the one loaded when an invoice moved.
	periods pq.StringArray
}

// knownLines looks each staged line up, by the index of a seller's lines: other months hold many times as many. Only that index has
// them in their order, so that without sorting no other one is taken for it, even if the planner does not know yet that the seller
// has lines at all.
const knownLines = `
	INSERT INTO known_line (position, id, period, frozen)
	SELECT s.position, k.id, k.period, k.frozen
	FROM staged_line s
	CROSS JOIN LATERAL (
		SELECT l.platform_id, l.id, l.period, l.state NOT IN ('OPEN', 'FAILED') AS frozen
		FROM invoice_line l
		WHERE l.seller_id = $1
			AND l.platform_id >= s.platform_id
		ORDER BY l.platform_id
		LIMIT 1
	) k
	WHERE k.platform_id = s.platform_id`

// findKnown finds out which of the staged lines are stored.
func (s *staging) findKnown(ctx context.Context, seller postgres.SellerID) (known, error) {
	err := s.withoutSorting(ctx, func() error {
		_, err := s.tx.ExecContext(ctx, knownLines, seller)
		return err
	})
	if err != nil {
		return known{}, fmt.Errorf("find known lines: %w", err)
	}
	var counts []struct {
		Period string `db:"period"`
		Lines  int    `db:"lines"`
		Frozen int    `db:"frozen"`
	}
	err = s.tx.SelectContext(ctx, &counts, `
		SELECT period::text, count(*) AS lines, count(*) FILTER (WHERE frozen) AS frozen
		FROM known_line
		GROUP BY known_line.period`)
	if err != nil {
		return known{}, fmt.Errorf("count known lines: %w", err)
	}
	found := known{periods: pq.StringArray{}}
	for _, c := range counts {
		found.lines, found.frozen = found.lines+c.Lines, found.frozen+c.Frozen
		found.periods = append(found.periods, c.Period)
	}
	return found, nil
}

// refreshLines brings known lines up to date and returns how many changed. Dates that a rule computed for a line
// once, or a user set, stay, and so do lines that are posted or being posted, since when soever. One that moves gets a new
// revision: who saw or planned it where it was has to look again.
func (s *staging) refreshLines(ctx context.Context, seller postgres.SellerID, periods pq.StringArray) (int, error) {
	var updates, ours, theirs, here, there string
	for _, c := range lineColumns {
		updates += c.name + " = " + c.from + ", "
		ours += ", l." + c.name
		theirs += ", " + c.from
		if c.moves {
			here += ", l." + c.name
			there += ", " + c.from
		}
	}
	updated, err := s.exec(ctx, `
		UPDATE invoice_line l
		SET `+updates+`loaded_at = now(),
			revision = l.revision + ((true`+here+`) IS DISTINCT FROM (true`+there+`))::int
		FROM staged_line s
		JOIN known_line k ON k.position = s.position`+resolved+`
		WHERE l.seller_id = $1
			AND l.period = ANY($2)
			AND l.id = k.id
			AND NOT k.frozen
			AND l.state IN ('OPEN', 'FAILED')
			AND (true`+ours+`) IS DISTINCT FROM (true`+theirs+`)`,
		seller, periods)
	if err != nil {
		return 0, fmt.Errorf("refresh lines: %w", err)
	}
	return updated, nil
}

// addLines inserts the lines that are not known and returns how many there are.
func (s *staging) addLines(ctx context.Context, seller postgres.SellerID) (int, error) {
	var names, sources string
	for _, c := range lineColumns {
		names += ", " + c.name
		sources += ", " + c.from
	}
	added, err := s.exec(ctx, `
		INSERT INTO invoice_line (seller_id, platform_id`+names+`, ruled_start, ruled_end, end_is_ruled)
		SELECT $1::bigint, s.platform_id`+sources+`, s.ruled_start, s.ruled_end, s.end_is_ruled
		FROM staged_line s`+resolved+`
		WHERE NOT EXISTS (SELECT FROM known_line k WHERE k.position = s.position)`,
		seller)
	if err != nil {
		return 0, fmt.Errorf("add lines: %w", err)
	}
	return added, nil
}

// unlistLines marks the lines of the period that the Platform lists no longer and returns how many there are.
func (s *staging) unlistLines(ctx context.Context, seller postgres.SellerID, period civil.YearMonth) (int, error) {
	unlisted, err := s.exec(ctx, `
		UPDATE invoice_line l
		SET listed = false
		WHERE l.seller_id = $1
			AND l.period = $2
			AND l.listed
			AND l.state IN ('OPEN', 'FAILED')
			AND NOT EXISTS (SELECT FROM known_line k WHERE k.id = l.id)`,
		seller, period.FirstDay())
	if err != nil {
		return 0, fmt.Errorf("mark lines that are gone: %w", err)
	}
	return unlisted, nil
}

// notePeriods notes that the period is loaded, and how many lines it and the months that lines came from have now.
func (s *staging) notePeriods(ctx context.Context, seller postgres.SellerID, period civil.YearMonth, touched pq.StringArray) error {
	_, err := s.tx.ExecContext(ctx, `
		INSERT INTO invoice_period (seller_id, period, line_count, loaded_at)
		SELECT $1::bigint, $2::date, count(*), clock_timestamp()
		FROM invoice_line
		WHERE seller_id = $1
			AND period = $2
		ON CONFLICT (seller_id, period) DO UPDATE
		SET line_count = EXCLUDED.line_count, loaded_at = EXCLUDED.loaded_at, complete = true`,
		seller, period.FirstDay())
	if err != nil {
		return fmt.Errorf("note the period: %w", err)
	}
	_, err = s.tx.ExecContext(ctx, `
		UPDATE invoice_period p
		SET line_count = (SELECT count(*) FROM invoice_line l WHERE l.seller_id = p.seller_id AND l.period = p.period)
		WHERE p.seller_id = $1
			AND p.period = ANY($2)
			AND p.period <> $3`,
		seller, touched, period.FirstDay())
	if err != nil {
		return fmt.Errorf("count the lines of other periods: %w", err)
	}
	return nil
}
