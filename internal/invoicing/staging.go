package invoicing

import (
	"context"
	"fmt"

	"crosswalk/internal/civil"
	"crosswalk/internal/invoicing/rule"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
)

// staging is where one period is collected before it is merged: temporary tables that live as long as the
// transaction. Rows stream into them by COPY, so a load needs no more memory for a million rows than for ten.
type staging struct {
	tx *postgres.Tx
	// rows is how many lines are staged.
	rows int
}

// newStaging makes the tables. The transaction may then take as long as the feed takes. It joins whole months
// with tables that may just have been filled, so it never loops over one for each row of another nor sorts
// both, and compiles nothing for what it expects that to cost.
func newStaging(ctx context.Context, tx *postgres.Tx) (*staging, error) {
	_, err := tx.ExecContext(ctx, `
		SET LOCAL statement_timeout = 0;
		SET LOCAL idle_in_transaction_session_timeout = 0;
		SET LOCAL work_mem = '64MB';
		SET LOCAL enable_nestloop = off;
		SET LOCAL enable_mergejoin = off;
		SET LOCAL jit = off;
		CREATE TEMPORARY TABLE staged_invoice (
			position bigint, platform_id text, number text, date date, status text, valid boolean, custom boolean, currency text
		) ON COMMIT DROP;
		CREATE TEMPORARY TABLE staged_line (
			position bigint, platform_id text, invoice_id text, customer_id text, contract_id text,
			subscription_id text, subscription_name text, subscription_start date, subscription_end date,
			offer_id text, offer_name text, vendor_offer_id text, vendor_id text, vendor_name text,
			charge_type text, charge_type_text text, invoiced_start date, invoiced_end date,
			ruled_start date, ruled_end date, end_is_ruled boolean, description text,
			quantity numeric, unit_price numeric, amount numeric, unit_cost numeric
		) ON COMMIT DROP;
		CREATE TEMPORARY TABLE known_line (position bigint, id bigint, period date, frozen boolean) ON COMMIT DROP`)
	if err != nil {
		return nil, fmt.Errorf("make staging tables: %w", err)
	}
	return &staging{tx: tx}, nil
}

// exec runs a statement and returns how many rows it affected.
func (s *staging) exec(ctx context.Context, query string, args ...any) (int, error) {
	result, err := s.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	affected, err := result.RowsAffected()
	return int(affected), err
}

// withoutSorting runs statements that are to find rows in the order they ask for.
func (s *staging) withoutSorting(ctx context.Context, run func() error) error {
	if _, err := s.tx.ExecContext(ctx, `SET LOCAL enable_sort = off`); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	_, err := s.tx.ExecContext(ctx, `SET LOCAL enable_sort = on`)
	return err
}

// copyInto streams what feed calls its add function with into a table, and ends the stream when feed returns,
// which it does soon after reading ends. The stream itself is never cut from outside.
func (s *staging) copyInto(reading context.Context, table, columns string, feed func(add func(values ...any) error) error) error {
	ctx := context.WithoutCancel(reading)
	stream, err := s.tx.PrepareContext(ctx, "COPY "+table+" ("+columns+") FROM STDIN")
	if err != nil {
		return fmt.Errorf("copy into %s: %w", table, err)
	}
	defer stream.Close()
	err = feed(func(values ...any) error {
		_, err := stream.ExecContext(ctx, values...)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := stream.ExecContext(ctx); err != nil {
		return fmt.Errorf("copy into %s: %w", table, err)
	}
	return nil
}

// invoices collects the invoices of a period, valid or not.
func (s *staging) invoices(ctx context.Context, feed platform.Feed, dates platform.Range) error {
	position, before := 0, 0
	err := s.copyInto(ctx, "staged_invoice", "position, platform_id, number, date, status, valid, custom, currency",
		func(add func(...any) error) error {
			return feed.InvoiceHeaders(ctx, dates, func(page platform.Page, headers []platform.InvoiceHeader) error {
				if page.Number == 1 {
					before = position
				}
				for _, h := range headers {
					position++
					err := add(int64(position), h.InvoiceID, h.InvoiceNumber, h.InvoiceDate.String(), string(rule.ParseInvoiceStatus(h.Status)), h.IsValid(),
						h.Source == "Custom", h.Currency)
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
	if err != nil {
		return err
	}
	return s.dropBefore(context.WithoutCancel(ctx), "staged_invoice", before)
}

const stagedColumns = `position, platform_id, invoice_id, customer_id, contract_id,
	subscription_id, subscription_name, subscription_start, subscription_end,
	offer_id, offer_name, vendor_offer_id, vendor_id, vendor_name,
	charge_type, charge_type_text, invoiced_start, invoiced_end,
	ruled_start, ruled_end, end_is_ruled, description, quantity, unit_price, amount, unit_cost`

// dropBefore drops what was collected before the feed began anew.
func (s *staging) dropBefore(ctx context.Context, table string, position int) error {
	if position == 0 {
		return nil
	}
	_, err := s.tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE position <= $1", position)
	if err != nil {
		return fmt.Errorf("drop what was read before: %w", err)
	}
	return nil
}

// lines collects the rows of a period, with the dates that the rules give them, and calls seen for each with how many
// there are so far.
func (s *staging) lines(ctx context.Context, feed platform.Feed, dates platform.Range, rules Rules, seen func(page platform.Page, rows int)) error {
	before := 0
	err := s.copyInto(ctx, "staged_line", stagedColumns, func(add func(...any) error) error {
		var values []any // of one row after the other
		return feed.InvoiceRows(ctx, dates, func(page platform.Page, rows []platform.InvoiceRow) error {
			if page.Number == 1 {
				before = s.rows
			}
			for _, r := range rows {
				s.rows++
				seen(page, s.rows-before)
				ruled := rules.apply(r)
				charge, _ := rule.ParseChargeType(r.ChargeType)
				var cost any
				if r.ResellerPrice.Valid {
					cost = r.ResellerPrice.Decimal.String()
				}
				values = append(values[:0], int64(s.rows), r.RowID, r.InvoiceID, r.CustomerID, r.ContractID,
					text(r.SubscriptionID), text(r.SubscriptionName), date(r.SubscriptionStartDate), date(r.SubscriptionEndDate),
					r.OfferID, r.OfferName, r.VendorOfferID, r.VendorID, r.VendorName,
					string(charge), r.ChargeType, date(r.ChargeStartDate), date(r.ChargeEndDate),
					date(ruled.start), date(ruled.end), ruled.endIsRuled, r.Description,
					r.Quantity.String(), r.UnitPrice.String(), r.TotalPrice.String(), cost)
				if err := add(values...); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	s.rows -= before
	return s.dropBefore(context.WithoutCancel(ctx), "staged_line", before)
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func date(d civil.Date) any {
	if d.IsZero() {
		return nil
	}
	return d.String()
}
