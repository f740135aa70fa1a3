package posting

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// Additions returns Additions of ours as ConnectWise confirmed them last, by our own numbers.
func Additions(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []int64) (map[int64]psa.Addition, error) {
	var rows []struct {
		Number             int64               `db:"id"`
		Record             psa.RecordID        `db:"record_id"`
		Agreement          psa.RecordID        `db:"agreement_id"`
		Product            psa.RecordID        `db:"product_id"`
		ProductIdentifier  string              `db:"product_identifier"`
		Description        string              `db:"description"`
		InvoiceDescription string              `db:"invoice_description"`
		Marker             string              `db:"marker"`
		Quantity           decimal.Decimal     `db:"quantity"`
		UnitPrice          decimal.NullDecimal `db:"unit_price"`
		UnitCost           decimal.NullDecimal `db:"unit_cost"`
		EffectiveDate      civil.Date          `db:"effective_date"`
		CancelledDate      civil.Date          `db:"cancelled_date"`
		BillCustomer       string              `db:"bill_customer"`
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT id, record_id, agreement_id, product_id, coalesce(product_identifier, '') AS product_identifier,
			coalesce(description, '') AS description, coalesce(invoice_description, '') AS invoice_description, marker,
			coalesce(quantity, 0) AS quantity, unit_price, unit_cost, effective_date, cancelled_date, coalesce(bill_customer, '') AS bill_customer
		FROM addition
		WHERE seller_id = $1
			AND id = ANY($2)
			AND record_id IS NOT NULL`, seller, ids)
	if err != nil {
		return nil, fmt.Errorf("read Additions: %w", err)
	}
	found := make(map[int64]psa.Addition, len(rows))
	for _, r := range rows {
		found[r.Number] = psa.Addition{
			ID: r.Record, AgreementID: r.Agreement, ProductID: r.Product, ProductIdentifier: r.ProductIdentifier,
			Description: r.Description, InvoiceDescription: r.InvoiceDescription, SerialNumber: r.Marker,
			Quantity: r.Quantity, UnitPrice: r.UnitPrice, UnitCost: r.UnitCost,
			EffectiveDate: r.EffectiveDate, CancelledDate: r.CancelledDate, BillCustomer: r.BillCustomer,
		}
	}
	return found, nil
}

// Written tells when Additions of ours were written last, by this machine's clock: at that time or before.
func Written(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, keys []psa.AdditionKey) (map[psa.AdditionKey]time.Time, error) {
	agreements, records := make([]psa.RecordID, len(keys)), make([]psa.RecordID, len(keys))
	for i, key := range keys {
		agreements[i], records[i] = key.Agreement, key.Record
	}
	var rows []struct {
		Agreement psa.RecordID `db:"agreement_id"`
		Record    psa.RecordID `db:"record_id"`
		Age       float64      `db:"age"`
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT agreement_id, record_id, greatest(extract(epoch FROM clock_timestamp() - written_at), 0) AS age
		FROM addition
		WHERE seller_id = $1
			AND (agreement_id, record_id) IN (SELECT * FROM unnest($2::int[], $3::int[]))
			AND written_at IS NOT NULL`, seller, agreements, records)
	if err != nil {
		return nil, fmt.Errorf("read when Additions were written: %w", err)
	}
	now := time.Now()
	written := make(map[psa.AdditionKey]time.Time, len(rows))
	for _, row := range rows {
		written[psa.AdditionKey{Agreement: row.Agreement, Record: row.Record}] = now.Add(-time.Duration(row.Age * float64(time.Second)))
	}
	return written, nil
}

// InUse reports whether anything was posted, or is about to be, so that another ConnectWise must not take the place of
// the present one.
func InUse(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (bool, error) {
	var used bool
	err := tx.GetContext(ctx, &used, `
		SELECT EXISTS (SELECT FROM addition WHERE seller_id = $1)
			OR EXISTS (SELECT FROM created_agreement WHERE seller_id = $1)
			OR EXISTS (SELECT FROM job WHERE seller_id = $1 AND kind = $2 AND state IN ('QUEUED', 'RUNNING'))`, seller, Kind)
	if err != nil {
		return false, fmt.Errorf("look for what was posted: %w", err)
	}
	return used, nil
}
