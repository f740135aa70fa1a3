package invoicing

import (
	"context"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// withOneLine stores a line that refers to the first organization, contract, offer, invoice and agreement of a
// seller, each of which there are two.
func withOneLine(t *testing.T, db *postgres.DB) (seller postgres.SellerID) {
	t.Helper()
	day := civil.Date{Year: 2026, Month: 5, Day: 5}
	f := facts{
		agreements:    []psa.Agreement{{ID: 1}, {ID: 2}},
		offers:        make([]psa.RecordID, 2),
		organizations: make([]organizationFacts, 2),
		contracts:     []contractFacts{{organization: 1, currency: "EUR"}, {organization: 1, currency: "EUR"}},
		invoices:      []invoiceFacts{{date: day, currency: "EUR"}, {date: day, currency: "EUR"}},
		lines:         []lineFacts{{contract: 1, offer: 1, invoice: 1, agreement: 1, listed: true, state: "OPEN"}},
	}
	err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		seller, err = f.store(ctx, tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return seller
}

func TestLinesReferToWhatExists(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	seller := withOneLine(t, db)
	execute := func(query string) error {
		return db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			_, err := tx.ExecContext(ctx, query)
			return err
		})
	}
	const another = `INSERT INTO invoice_line (seller_id, id, platform_id, period, invoice_id, invoice_number, invoice_date, organization_id, contract_id, offer_id,
			psa_agreement_id, description, charge_type, charge_type_text, custom, quantity, unit_price, amount, currency)
		OVERRIDING SYSTEM VALUE SELECT seller_id, 2, 'another', period, `
	const rest = `, '', '', '', false, 1, 1, 1, 'EUR' FROM invoice_line`
	for _, c := range []struct {
		name, query string
		refused     bool
	}{
		{"a line of a missing invoice", another + `9, '', invoice_date, 1, 1, 1, 1` + rest, true},
		{"a line of a missing organization", another + `1, '', invoice_date, 9, 1, 1, 1` + rest, true},
		{"a line of a missing contract", another + `1, '', invoice_date, 1, 9, 1, 1` + rest, true},
		{"a line of a missing offer", another + `1, '', invoice_date, 1, 1, 9, 1` + rest, true},
		{"a line with a missing agreement", another + `1, '', invoice_date, 1, 1, 1, 9` + rest, true},
		{"a line without an agreement", another + `1, '', invoice_date, 1, 1, 1, NULL` + rest, false},
		{"moving a line to a missing invoice", `UPDATE invoice_line SET invoice_id = 9`, true},
		{"choosing a missing agreement", `UPDATE invoice_line SET psa_agreement_id = 9`, true},
		{"changing something else", `UPDATE invoice_line SET description = 'x'`, false},
		{"deleting the line's invoice", `DELETE FROM invoice WHERE id = 1`, true},
		{"deleting the line's contract", `DELETE FROM contract WHERE id = 1`, true},
		{"deleting the line's offer", `DELETE FROM offer WHERE id = 1`, true},
		{"deleting the line's agreement", `DELETE FROM psa_agreement WHERE record_id = 1`, true},
		{"deleting another invoice", `DELETE FROM invoice WHERE id = 2`, false},
		{"deleting another contract", `DELETE FROM contract WHERE id = 2`, false},
		{"deleting another offer", `DELETE FROM offer WHERE id = 2`, false},
		{"deleting another agreement", `DELETE FROM psa_agreement WHERE record_id = 2`, false},
		{"deleting another organization", `DELETE FROM organization WHERE id = 2`, false},
	} {
		if err := execute(c.query); (pq.As(err, pqerror.ForeignKeyViolation) != nil) != c.refused || err != nil && !c.refused {
			t.Errorf("%s: error %v, want it refused for a reference that leads nowhere: %t", c.name, err, c.refused)
		}
	}
}

func TestWhatALineBeingWrittenRefersToStays(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	seller := withOneLine(t, db)
	refused := make(chan error, 1)
	err := db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE invoice_line SET offer_id = 2`); err != nil {
			return err
		}
		go func() {
			refused <- db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
				_, err := tx.ExecContext(ctx, `DELETE FROM offer WHERE id = 2`)
				return err
			})
		}()
		return db.System().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			for waiting := false; !waiting; time.Sleep(time.Millisecond) {
				err := tx.GetContext(ctx, &waiting, `
					SELECT EXISTS (SELECT FROM pg_locks
						WHERE NOT granted
							AND relation = 'invoice_line'::regclass
							AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-refused; pq.As(err, pqerror.ForeignKeyViolation) == nil {
		t.Errorf("deleting an offer that a line is being moved to: error %v, want it refused", err)
	}
}
