package mapping

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// AllTotals are the totals of every kind, and when they held.
type AllTotals struct {
	Of   map[Kind]Totals
	AsOf time.Time
}

// TotalsQuery reads the totals of a seller, its argument, as a text for ParseTotals. They are kept, not counted.
const TotalsQuery = `SELECT concat_ws(' ', (extract(epoch FROM now()) * 1000000)::bigint,
	(SELECT string_agg(concat_ws(' ', kind, total, mapped, excluded), ' ') FROM mapping_total WHERE seller_id = $1))`

// ParseTotals reads what TotalsQuery returns: microseconds since 1970, and for each kind its name and its totals.
func ParseTotals(text string) (AllTotals, error) {
	words := strings.Fields(text)
	if len(words)%4 != 1 {
		return AllTotals{}, fmt.Errorf("totals: %q is not what was asked for", text)
	}
	var err error
	number := func(word string) int64 {
		n, failed := strconv.ParseInt(word, 10, 64)
		err = cmp.Or(err, failed)
		return n
	}
	totals := AllTotals{Of: make(map[Kind]Totals), AsOf: time.UnixMicro(number(words[0])).UTC()}
	for of := range slices.Chunk(words[1:], 4) {
		totals.Of[Kind(of[0])] = Totals{Total: int(number(of[1])), Mapped: int(number(of[2])), Excluded: int(number(of[3]))}
	}
	if err != nil {
		return AllTotals{}, fmt.Errorf("totals: %w", err)
	}
	return totals, nil
}

// ReadTotals returns the totals of every kind.
func ReadTotals(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (AllTotals, error) {
	var text string
	if err := tx.GetContext(postgres.Reuse(ctx), &text, TotalsQuery, seller); err != nil {
		return AllTotals{}, fmt.Errorf("read totals: %w", err)
	}
	return ParseTotals(text)
}
