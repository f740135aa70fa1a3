package invoicing

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"crosswalk/internal/invoicing/rule"
)

// unknownCharge is a charge type that the Platform used and nobody here knows.
type unknownCharge struct {
	Text  string `db:"text"`
	Lines int    `db:"lines"`
}

// inspect looks for what is odd about the lines that will be stored.
func (s *staging) inspect(ctx context.Context, m *merged) error {
	err := s.tx.SelectContext(ctx, &m.UnknownCharges, `
		SELECT charge_type_text AS text, count(*) AS lines
		FROM staged_line
		WHERE charge_type = $1
		GROUP BY charge_type_text
		ORDER BY charge_type_text`,
		string(rule.OtherCharge))
	if err != nil {
		return fmt.Errorf("count unknown charge types: %w", err)
	}
	var differences []struct {
		Currency   string          `db:"currency"`
		Difference decimal.Decimal `db:"difference"`
		Lines      int             `db:"lines"`
	}
	err = s.tx.SelectContext(ctx, &differences, `
		SELECT i.currency, l.quantity * l.unit_price - l.amount AS difference, count(*) AS lines
		FROM staged_line l
		JOIN (SELECT DISTINCT ON (platform_id) platform_id, currency FROM staged_invoice ORDER BY platform_id) i
			ON i.platform_id = l.invoice_id
		WHERE l.quantity * l.unit_price <> l.amount
		GROUP BY 1, 2`)
	if err != nil {
		return fmt.Errorf("compare totals: %w", err)
	}
	for _, d := range differences {
		if !rule.TotalMatches(decimal.Zero, decimal.Zero, d.Difference, d.Currency) {
			m.Mismatched += d.Lines
		}
	}
	return nil
}
