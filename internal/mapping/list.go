package mapping

import (
	"context"
	"fmt"
	"time"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
)

// mappingStatus is the column that shows whether a record is mapped, by the column that holds its mapping.
func mappingStatus(target string) grid.Column {
	return grid.Column{
		SQL:   "CASE WHEN " + target + " IS NULL THEN 'UNMAPPED' ELSE 'MAPPED' END",
		Order: "(" + target + " IS NULL)", OrderType: grid.Boolean,
	}
}

// withKnownTotal lets a list without conditions take its total from the kept ones.
func withKnownTotal(req grid.Request, kind Kind) grid.Request {
	if req.Where == nil {
		req.KnownTotal = "SELECT coalesce(sum(total), 0)::int FROM mapping_total WHERE seller_id = $1 AND kind = '" + string(kind) + "'"
	}
	return req
}

// named finds rows of a list whose own texts match.
func named(list, text string) grid.Search {
	return grid.Search{List: list, Number: "id", Text: text, Most: grid.Dense, Otherwise: grid.Contains("search", text)}
}

// mirrorSearch is how a list is searched by the PSA records that its rows are mapped to.
type mirrorSearch struct {
	// list is what the database's function matches calls the records, table and text are where they are mirrored.
	list, table, text string
	// number is the list's column with a row's record, and numberSQL what that is in SQL.
	number, numberSQL string
}

// mostMapped is how many matching PSA records a list is searched by. If more match, a page is filled soon.
const mostMapped = 5_000

// matching finds rows whose PSA record matches text.
func (m mirrorSearch) matching(seller postgres.SellerID, text string) grid.Search {
	return grid.Search{
		List: m.list, Number: m.number, Short: true, Text: text, Most: mostMapped, Common: grid.Contains("psa_search", text),
		Otherwise: grid.Expression(nil, m.numberSQL+` IN (
			SELECT m.record_id
			FROM `+m.table+` m
			WHERE m.seller_id = ?
				AND m.`+m.text+` LIKE lower(?::text COLLATE alphabetical) COLLATE "C")`,
			seller, grid.Pattern(text)),
	}
}

// Totals count the records of one kind, whatever a list is filtered by.
type Totals struct {
	Total, Mapped, Excluded int
}

// Unmapped is what is not mapped.
func (t Totals) Unmapped() int { return t.Total - t.Mapped }

// ReadTotals returns the totals of every kind, and when they held. They are kept, not counted.
func ReadTotals(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (map[Kind]Totals, time.Time, error) {
	rows, err := tx.QueryContext(postgres.Reuse(ctx), `
		SELECT coalesce(t.kind, ''), coalesce(t.total, 0), coalesce(t.mapped, 0), coalesce(t.excluded, 0), now()
		FROM (SELECT) always
		LEFT JOIN mapping_total t ON t.seller_id = $1`,
		seller)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read totals: %w", err)
	}
	defer rows.Close()
	totals := make(map[Kind]Totals)
	var asOf time.Time
	for rows.Next() {
		var kind Kind
		var t Totals
		if err := rows.Scan(&kind, &t.Total, &t.Mapped, &t.Excluded, &asOf); err != nil {
			return nil, time.Time{}, fmt.Errorf("read totals: %w", err)
		}
		if kind != "" {
			totals[kind] = t
		}
	}
	return totals, asOf, rows.Err()
}
