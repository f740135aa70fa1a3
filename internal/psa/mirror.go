package psa

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// Mirror is the local copy of one kind of ConnectWise record: T as ConnectWise answers it, R as the mirror
// lists it. Companies, Products and Agreements are the ones there are.
type Mirror[T any, R mirrored[T]] struct {
	table string
	noun  string
	// columns are those that a copy is made of, with their types, the record number first.
	columns []mirrorColumn
	// row turns an answer into a JSON object with a member for each column.
	row  func(T) any
	list *grid.Grid
}

type mirrorColumn struct{ name, kind string }

// mirrored is a row of a mirror.
type mirrored[T any] interface {
	grid.Positioned
	// Record returns the copy in the form a live answer has.
	Record() T
	// Number returns the record number.
	Number() RecordID
}

func (m *Mirror[T, R]) names(prefix string) string {
	names := make([]string, len(m.columns))
	for i, c := range m.columns {
		names[i] = prefix + c.name
	}
	return strings.Join(names, ", ")
}

// Save copies what ConnectWise answered into the mirror and returns how many copies were new or changed.
func (m *Mirror[T, R]) Save(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, records []T) (int, error) {
	if len(records) == 0 {
		return 0, nil
	}
	data, types, err := m.encode(records)
	if err != nil {
		return 0, err
	}
	updates := make([]string, len(m.columns))
	for i, c := range m.columns {
		updates[i] = c.name + " = EXCLUDED." + c.name
	}
	result, err := tx.ExecContext(ctx, `
		INSERT INTO `+m.table+` AS m (seller_id, `+m.names("")+`)
		SELECT DISTINCT ON (record_id) $1::bigint, `+m.names("")+`
		FROM json_to_recordset($2) AS r (`+types+`)
		ORDER BY record_id
		ON CONFLICT (seller_id, record_id) DO UPDATE
		SET `+strings.Join(updates, ", ")+`, mirrored_at = now()
		WHERE (`+m.names("m.")+`) IS DISTINCT FROM (`+m.names("EXCLUDED.")+`)`,
		seller, data)
	if err != nil {
		return 0, fmt.Errorf("save %s in the mirror: %w", m.noun, err)
	}
	changed, err := result.RowsAffected()
	return int(changed), err
}

// encode returns records as a JSON array, and the columns it has with their types.
func (m *Mirror[T, R]) encode(records []T) (data, types string, err error) {
	rows := make([]any, len(records))
	for i, record := range records {
		rows[i] = m.row(record)
	}
	encoded, err := json.Marshal(rows)
	if err != nil {
		return "", "", fmt.Errorf("encode %s: %w", m.noun, err)
	}
	columns := make([]string, len(m.columns))
	for i, c := range m.columns {
		columns[i] = c.name + " " + c.kind
	}
	return string(encoded), strings.Join(columns, ", "), nil
}

// Find returns the copies of the given records that exist, by record number.
func (m *Mirror[T, R]) Find(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID) (map[RecordID]T, error) {
	if len(ids) == 0 {
		return map[RecordID]T{}, nil
	}
	var rows []R
	err := tx.SelectContext(ctx, &rows, `
		SELECT `+m.names("")+`
		FROM `+m.table+`
		WHERE seller_id = $1
			AND record_id = ANY($2)`,
		seller, ids)
	if err != nil {
		return nil, fmt.Errorf("find %s in the mirror: %w", m.noun, err)
	}
	found := make(map[RecordID]T, len(rows))
	for _, row := range rows {
		found[row.Number()] = row.Record()
	}
	return found, nil
}

// Columns returns the names of all columns of a row.
func (m *Mirror[T, R]) Columns() []string {
	names := make([]string, len(m.columns))
	for i, c := range m.columns {
		names[i] = c.name
	}
	return names
}

// List answers a request for mirrored records. With search, only those whose name or identifier contains it,
// the best match first: an exact identifier, an exact name, a beginning, the beginning of a word, the rest.
func (m *Mirror[T, R]) List(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, search string, req grid.Request) (*grid.Result[R], error) {
	list := m.list
	if search != "" {
		list = list.With("match", matchRank(search))
		req.Where = grid.All(req.Where, grid.Matching(grid.Search{
			List: m.table, Number: "record_id", Short: true, Text: search, Most: mostByNumber, Ranked: true, Otherwise: grid.Contains("search", search),
		}))
		req.Order = append([]grid.Order{{Column: "match"}}, req.Order...)
	}
	return grid.Fetch[R](ctx, tx, list, seller, req)
}

// mostByNumber is how many matches of a search are taken by their numbers, beyond the first page. All of them have to be ranked.
const mostByNumber = 10_000

// matchRank sorts what a picker found by how well it fits what was typed.
func matchRank(search string) grid.Column {
	return grid.Column{
		SQL:  `match_rank(m.search_text, lower(?::text COLLATE alphabetical) COLLATE "C")`,
		Args: []any{grid.Escape(search)},
		Type: grid.Integer,
	}
}

// FlagVanished marks every copy that is not among the ids of a complete listing as deleted, and returns how
// many were not marked before. What was copied since the listing was begun, by the database's clock, is newer
// than the listing and stays.
func (m *Mirror[T, R]) FlagVanished(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, listed []RecordID, begun time.Time) (int, error) {
	result, err := tx.ExecContext(ctx, `
		UPDATE `+m.table+` AS m
		SET deleted = true, mirrored_at = now()
		WHERE m.seller_id = $1
			AND NOT m.deleted
			AND m.mirrored_at < $3
			AND NOT EXISTS (SELECT FROM unnest($2::int[]) AS l (record_id) WHERE l.record_id = m.record_id)`,
		seller, listed, begun)
	if err != nil {
		return 0, fmt.Errorf("flag vanished %s: %w", m.noun, err)
	}
	flagged, err := result.RowsAffected()
	return int(flagged), err
}

// FlagDeleted marks the copies of records that ConnectWise said it does not have.
func (m *Mirror[T, R]) FlagDeleted(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, ids []RecordID) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE `+m.table+`
		SET deleted = true, mirrored_at = now()
		WHERE seller_id = $1
			AND record_id = ANY($2)
			AND NOT deleted`,
		seller, ids)
	if err != nil {
		return fmt.Errorf("flag deleted %s: %w", m.noun, err)
	}
	return nil
}

// ClearMirror forgets every copy, after the seller moved to another ConnectWise. Nothing may be mapped.
func ClearMirror(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) error {
	for _, table := range []string{Companies.table, Products.table, Agreements.table} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE seller_id = $1`, seller); err != nil {
			return fmt.Errorf("clear the mirror: %w", err)
		}
	}
	return nil
}
