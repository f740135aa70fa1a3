package psa

import (
	"context"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// MirroredCompany is the last copy of a company that we have.
type MirroredCompany struct {
	grid.Row
	ID          RecordID   `db:"record_id"`
	Identifier  string     `db:"identifier"`
	Name        string     `db:"name"`
	Status      *string    `db:"status"`
	Currency    *string    `db:"currency"`
	Deleted     bool       `db:"deleted"`
	LastUpdated *time.Time `db:"last_updated"`
}

// Company returns the copy in the form a live answer has.
func (m MirroredCompany) Company() Company {
	c := Company{ID: m.ID, Identifier: m.Identifier, Name: m.Name, Deleted: m.Deleted}
	if m.Status != nil {
		c.Status = *m.Status
	}
	if m.Currency != nil {
		c.Currency = *m.Currency
	}
	if m.LastUpdated != nil {
		c.LastUpdated = *m.LastUpdated
	}
	return c
}

// CompanyColumns are all columns of a mirrored company.
var CompanyColumns = []string{"record_id", "identifier", "name", "status", "currency", "deleted", "last_updated"}

// companies is the list of mirrored companies.
var companies = &grid.Grid{
	Name:   "psa_company",
	From:   "psa_company c",
	Seller: "c.seller_id",
	ID:     "c.record_id",
	Columns: map[string]grid.Column{
		"record_id":    {SQL: "c.record_id", Type: grid.Integer},
		"identifier":   {SQL: "c.identifier"},
		"name":         {SQL: "c.name"},
		"status":       {SQL: "c.status", Nullable: true},
		"currency":     {SQL: "c.currency", Nullable: true},
		"deleted":      {SQL: "c.deleted", Type: grid.Boolean},
		"last_updated": {SQL: "c.last_updated", Type: grid.Instant, Nullable: true},
		"search":       {SQL: "c.search_text", Folded: true},
	},
}

// ListCompanies answers a request for mirrored companies. With search, only those whose name or identifier
// contains it, the best match first: an exact identifier, an exact name, a beginning, the beginning of a word, the rest.
func ListCompanies(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, search string, req grid.Request) (*grid.Result[MirroredCompany], error) {
	list := companies
	if search != "" {
		list = list.With("match", matchRank("c.identifier", "c.name", search))
		req.Where = grid.All(req.Where, grid.Contains("search", search))
		req.Order = append([]grid.Order{{Column: "match"}}, req.Order...)
	}
	return grid.Fetch[MirroredCompany](ctx, tx, list, seller, req)
}

// matchRank sorts what a picker found by how well it fits what was typed.
func matchRank(identifier, name, search string) grid.Column {
	identifier, name = "lower("+identifier+")", "lower("+name+")"
	exact, prefix := "lower(?::text COLLATE alphabetical)", "lower(?::text COLLATE alphabetical)"
	literal := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(search)
	return grid.Column{
		SQL: `CASE
			WHEN ` + identifier + ` = ` + exact + ` THEN 0
			WHEN ` + name + ` = ` + exact + ` THEN 1
			WHEN ` + identifier + ` LIKE ` + prefix + ` THEN 2
			WHEN ` + name + ` LIKE ` + prefix + ` THEN 3
			WHEN ` + name + ` LIKE ` + prefix + ` THEN 4
			ELSE 5
		END`,
		Args: []any{search, search, literal + "%", literal + "%", "% " + literal + "%"},
		Type: grid.Integer,
	}
}

// MirroredCompanies returns the copies of the given records that exist, by record number.
func MirroredCompanies(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID) (map[RecordID]Company, error) {
	var rows []MirroredCompany
	err := tx.SelectContext(ctx, &rows, `
		SELECT record_id, identifier, name, status, currency, deleted, last_updated
		FROM psa_company
		WHERE seller_id = $1
			AND record_id = ANY($2)`,
		seller, ids)
	if err != nil {
		return nil, fmt.Errorf("read mirrored companies: %w", err)
	}
	found := make(map[RecordID]Company, len(rows))
	for _, row := range rows {
		found[row.ID] = row.Company()
	}
	return found, nil
}

// SaveCompanies copies what ConnectWise answered into the mirror and returns how many copies were new or changed.
func SaveCompanies(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, records []Company) (int, error) {
	n := len(records)
	ids, identifiers, names := make([]RecordID, n), make([]string, n), make([]string, n)
	statuses, currencies, contacts := make([]string, n), make([]string, n), make([]RecordID, n)
	deleted, updated := make([]bool, n), make([]string, n)
	for i, c := range records {
		ids[i], identifiers[i], names[i] = c.ID, c.Identifier, c.Name
		statuses[i], currencies[i], contacts[i] = c.Status, c.Currency, c.DefaultContact
		deleted[i] = c.Deleted
		if !c.LastUpdated.IsZero() {
			updated[i] = c.LastUpdated.UTC().Format(time.RFC3339Nano)
		}
	}
	result, err := tx.ExecContext(ctx, `
		INSERT INTO psa_company AS c
			(seller_id, record_id, identifier, name, status, currency, default_contact_id, deleted, last_updated)
		SELECT DISTINCT ON (record_id) $1, record_id, identifier, name,
			NULLIF(status, ''), NULLIF(currency, ''), NULLIF(contact, 0), deleted, NULLIF(updated, '')::timestamptz
		FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::boolean[], $9::text[])
			AS r (record_id, identifier, name, status, currency, contact, deleted, updated)
		ORDER BY record_id
		ON CONFLICT (seller_id, record_id) DO UPDATE
		SET identifier = EXCLUDED.identifier, name = EXCLUDED.name, status = EXCLUDED.status,
			currency = EXCLUDED.currency, default_contact_id = EXCLUDED.default_contact_id,
			deleted = EXCLUDED.deleted, last_updated = EXCLUDED.last_updated, mirrored_at = now()
		WHERE (c.identifier, c.name, c.status, c.currency, c.default_contact_id, c.deleted, c.last_updated)
			IS DISTINCT FROM (EXCLUDED.identifier, EXCLUDED.name, EXCLUDED.status, EXCLUDED.currency,
				EXCLUDED.default_contact_id, EXCLUDED.deleted, EXCLUDED.last_updated)`,
		seller, ids, identifiers, names, statuses, currencies, contacts, deleted, updated)
	if err != nil {
		return 0, fmt.Errorf("save companies in the mirror: %w", err)
	}
	changed, err := result.RowsAffected()
	return int(changed), err
}

// FlagVanishedCompanies marks every mirrored company that is not among the ids of a complete listing as
// deleted, and returns how many were not marked before.
func FlagVanishedCompanies(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, listed []RecordID) (int, error) {
	result, err := tx.ExecContext(ctx, `
		UPDATE psa_company
		SET deleted = true, mirrored_at = now()
		WHERE seller_id = $1
			AND NOT deleted
			AND NOT EXISTS (SELECT FROM unnest($2::int[]) AS l (record_id) WHERE l.record_id = psa_company.record_id)`,
		seller, listed)
	if err != nil {
		return 0, fmt.Errorf("flag vanished companies: %w", err)
	}
	flagged, err := result.RowsAffected()
	return int(flagged), err
}

// FlagDeletedCompanies marks mirrored companies that ConnectWise said it does not have.
func FlagDeletedCompanies(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE psa_company
		SET deleted = true, mirrored_at = now()
		WHERE seller_id = $1
			AND record_id = ANY($2)
			AND NOT deleted`,
		seller, ids)
	if err != nil {
		return fmt.Errorf("flag deleted companies: %w", err)
	}
	return nil
}

// ClearMirror forgets every copy, after the seller moved to another ConnectWise. Nothing may be mapped.
func ClearMirror(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM psa_company WHERE seller_id = $1`, seller); err != nil {
		return fmt.Errorf("clear the mirror: %w", err)
	}
	return nil
}
