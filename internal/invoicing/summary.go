package invoicing

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// StatusTotal counts the lines of one status in one currency.
type StatusTotal struct {
	Status   string          `db:"a"`
	Currency string          `db:"b"`
	Count    int             `db:"count"`
	Amount   decimal.Decimal `db:"sum"`
}

// Summarize counts the lines of a month by status and currency.
func Summarize(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, view View, month civil.YearMonth) ([]StatusTotal, error) {
	query, args, err := grid.Totals(view.list(), seller, OfPeriod(month), "sync_status", "currency", "amount")
	if err != nil {
		return nil, err
	}
	if err := makeRoom(ctx, tx); err != nil {
		return nil, err
	}
	var totals []StatusTotal
	if err := tx.SelectContext(ctx, &totals, query, args...); err != nil {
		return nil, fmt.Errorf("summarize lines of %s: %w", month, err)
	}
	return totals, nil
}

// Period is a month that has been loaded.
type Period struct {
	Month     civil.Date `db:"period"`
	LineCount int        `db:"line_count"`
	LoadedAt  time.Time  `db:"loaded_at"`
}

// Periods returns the loaded months from earliest on, the newest first.
func Periods(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, earliest civil.YearMonth) ([]Period, error) {
	var periods []Period
	err := tx.SelectContext(ctx, &periods, `
		SELECT period, line_count, loaded_at
		FROM invoice_period
		WHERE seller_id = $1
			AND period >= $2
		ORDER BY period DESC`,
		seller, earliest.FirstDay())
	if err != nil {
		return nil, fmt.Errorf("read loaded periods: %w", err)
	}
	return periods, nil
}
