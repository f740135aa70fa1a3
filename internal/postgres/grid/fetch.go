package grid

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"crosswalk/internal/postgres"
)

// Request says what one caller wants of a list. What is not asked for is not computed.
type Request struct {
	// Columns to select, by name.
	Columns []string
	Where   Condition
	Order   []Order
	Page    Page
	// Total asks for the number of rows that match, Position for where the page starts among them.
	Total, Position bool
	// Sides asks whether there are rows on the side that the page was not read towards.
	Sides bool
	// Facets to count, each under its own condition.
	Facets []Facet
	// SumBy, when set, asks for sums over all rows that match.
	SumBy *SumBy
	// KnownTotal, when set, is a query for the number of rows that match without counting them. It knows the seller as
	// the first argument.
	KnownTotal string
	// Aside, when set, is a query for a text that has nothing to do with the rows and is read with them, in the same statement. It
	// knows the seller as the first argument.
	Aside string
}

// IsOneStatement reports whether one statement answers the request, so that it sees one snapshot without a transaction.
// A list that is read in windows may still read more than one of them, each by itself a page. The total of a whole list
// is known, and comes with its rows.
func (r Request) IsOneStatement() bool {
	return r.Page.size > 0 && (!r.Total || r.Where == nil) && len(searches(r.Where)) == 0 && len(r.Facets) == 0 && r.SumBy == nil && (r.Page.isFirst() || !r.Sides && !r.Position)
}

// ByNumber is the request for the rows with the numbers given, at most MaxSize, of a list whose number is the
// column id. It reads alike however many they are.
func ByNumber(columns []string, numbers []int64) Request {
	page := FirstRows(MaxSize)
	if len(numbers) == 0 {
		page = FirstRows(0)
	}
	return Request{Columns: columns, Where: byNumber{OneOf("id", numbers)}, Page: page}
}

// Facet asks for the distinct values of a column among the rows where a condition holds.
type Facet struct {
	Column string
	Where  Condition
}

// FacetValue is one value of a facet with the number of rows that have it.
type FacetValue struct {
	Value string `db:"value"`
	Count int    `db:"count"`
}

// Row is what Fetch needs of every row; row types embed it.
type Row struct {
	RowID int64   `db:"_id"`
	Keys  rowKeys `db:"_keys"`
	// Total is the known total, which comes with every row where it is asked for.
	Total *int `db:"_total"`
	// Aside is what was asked for beside the rows, and comes with each of them.
	Aside *string `db:"_aside"`
}

func (r Row) position() Row { return r }

// Positioned is a row type: it embeds Row.
type Positioned interface{ position() Row }

// rowKeys are the values a row is sorted by, as an array of texts in PostgreSQL's form. Few rows are asked for their
// cursor, so few are read.
type rowKeys []byte

// Scan keeps a PostgreSQL text array.
func (k *rowKeys) Scan(src any) error {
	array, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("the keys of a row are a %T", src)
	}
	*k = slices.Clone(array)
	return nil
}

// texts reads the array.
func (k rowKeys) texts() []*string {
	if len(k) < 2 {
		return nil
	}
	var texts []*string
	for rest := string(k[1 : len(k)-1]); rest != ""; rest = strings.TrimPrefix(rest, ",") {
		var text string
		switch end := strings.IndexByte(rest, ','); {
		case rest[0] == '"':
			text, rest = readQuoted(rest[1:])
			texts = append(texts, &text)
			continue
		case end < 0:
			text, rest = rest, ""
		default:
			text, rest = rest[:end], rest[end:]
		}
		if text == "NULL" {
			texts = append(texts, nil)
		} else {
			texts = append(texts, &text)
		}
	}
	return texts
}

// readQuoted reads an element of an array up to its closing quote. A quote or a backslash within it follows a backslash.
func readQuoted(array string) (text, rest string) {
	var before []byte
	for {
		switch at := strings.IndexAny(array, `"\\`); {
		case at < 0:
			panic("an array of texts that PostgreSQL did not write: a quote is missing")
		case array[at] == '"':
			return string(before) + array[:at], array[at+1:]
		default:
			before = append(append(before, array[:at]...), array[at+1])
			array = array[at+2:]
		}
	}
}

// Result is one page of a list.
type Result[T any] struct {
	Rows                 []T
	HasNext, HasPrevious bool
	// Total is the number of rows that match, where asked for.
	Total int
	// From is the position of the first row counted from 1, 0 where it is unknown or there is no row.
	From int
	// Facets in the order of the request.
	Facets [][]FacetValue
	// Sums in the order of the values they are for, where asked for.
	Sums []Sum
	// Aside is the text that was asked for beside the rows; nil where there are none.
	Aside    *string
	ordering uint32
	// condition is the fingerprint of what holds for the rows.
	condition uint32
}

// Cursor returns the cursor of the i-th row.
func (r *Result[T]) Cursor(i int) string {
	row := any(r.Rows[i]).(Positioned).position()
	c := cursor{Ordering: r.ordering, ID: row.RowID, Keys: row.Keys.texts()}
	if r.From > 0 {
		c.Position, c.Condition, c.Total = r.From+i, r.condition, r.Total
	}
	return c.encode()
}

// Fetch answers a request for seller's rows in tx. T embeds Row and has a db tag for each column. Errors
// about the request's cursors are *InputError.
func Fetch[T Positioned](ctx context.Context, tx *postgres.Tx, g *Grid, seller postgres.SellerID, req Request) (*Result[T], error) {
	f := fetch[T]{ctx: ctx, tx: tx, grid: g, seller: seller, req: req}
	if err := f.run(); err != nil {
		return nil, err
	}
	return &f.result, nil
}

type fetch[T Positioned] struct {
	ctx    context.Context
	tx     *postgres.Tx
	grid   *Grid
	seller postgres.SellerID
	req    Request

	after, before *cursor
	// stored and worked are the conjuncts of the condition on a list that is read in windows.
	stored, worked []Condition
	more           bool // there are rows beyond the page in the direction it was read
	result         Result[T]
}

func (f *fetch[T]) run() error {
	if repeats(f.req.Order) {
		return inputErrorf("orderBy names a column more than once; a list can be sorted by each column once")
	}
	f.result.ordering = f.grid.ordering(f.req.Order)
	keys := f.grid.statement().keys(f.req.Order)
	var err error
	if f.after, err = decodeCursor(f.req.Page.after, f.result.ordering, keys); err != nil {
		return err
	}
	if f.before, err = decodeCursor(f.req.Page.before, f.result.ordering, keys); err != nil {
		return err
	}
	if f.result.condition, err = f.grid.fingerprint(f.req.Where); err != nil {
		return err
	}
	for _, step := range []func() error{f.prepare, f.rows, f.total, f.sides, f.position, f.facets, f.sums} {
		if err := step(); err != nil {
			return fmt.Errorf("list %s: %w", f.grid.Name, err)
		}
	}
	return nil
}

// prepare has everything ready that conditions need to know.
func (f *fetch[T]) prepare() error {
	best := 0
	if page := f.req.Page; page.isFirst() && page.size > 0 {
		best = 2 * (page.size + 1) // other conditions may hold for some of them only
	}
	if err := prepare(f.ctx, f.tx, f.req.Where, best, f.req.Total); err != nil {
		return err
	}
	if f.grid.Windowed {
		f.stored, f.worked = f.conjuncts()
	}
	for _, facet := range f.req.Facets {
		if err := prepare(f.ctx, f.tx, facet.Where, 0, true); err != nil {
			return err
		}
	}
	return nil
}

// rows reads the page and one row more, which tells whether the list goes on.
func (f *fetch[T]) rows() error {
	page := f.req.Page
	if page.size == 0 {
		return nil
	}
	var rows []T
	for _, window := range f.windows() {
		var err error
		if rows, err = f.read(window); err != nil {
			return fmt.Errorf("rows: %w", err)
		}
		if len(rows) > page.size {
			break
		}
	}
	if f.more = len(rows) > page.size; f.more {
		rows = rows[:page.size]
	}
	if page.backward {
		slices.Reverse(rows)
	}
	f.result.Rows = rows
	if len(rows) > 0 {
		f.result.Aside = rows[0].position().Aside
	}
	return nil
}

// read reads the page out of the window.
func (f *fetch[T]) read(window int) ([]T, error) {
	page := f.req.Page
	s := f.grid.statement()
	keys := s.keys(f.req.Order)
	selected := []string{s.grid.ID + ` AS "_id"`}
	if len(keys) > 0 {
		texts := make([]string, len(keys))
		for i, k := range keys {
			texts[i] = "(" + k.sql + ")::text"
		}
		selected = append(selected, "ARRAY["+strings.Join(texts, ", ")+`] AS "_keys"`)
	}
	for _, name := range f.req.Columns {
		selected = append(selected, s.use(name)+` AS "`+name+`"`)
	}
	if f.req.Total && f.req.KnownTotal != "" {
		selected = append(selected, f.aside(s, f.req.KnownTotal)+` AS "_total"`)
	}
	if f.req.Aside != "" {
		selected = append(selected, f.aside(s, f.req.Aside)+` AS "_aside"`)
	}
	ctx := f.ctx
	switch _, isByNumber := f.req.Where.(byNumber); {
	case isByNumber:
		ctx = postgres.PlannedOnce(ctx)
	case page.offset == 0 && f.isSteady(window):
		ctx = postgres.Reuse(ctx)
	}
	// The size is part of the text, so that the statement is planned for it when it is prepared.
	var where string
	limit := strconv.Itoa(page.size + 1)
	if f.grid.Windowed {
		ctx = postgres.QuicklyPlanned(ctx)
		f.choose(s, window)
		where = s.where(f.seller)
	} else {
		rest := s.readFirst(f.seller, f.req.Where, window)
		where = s.where(f.seller, s.build(rest), s.beyond(f.after, keys, false), s.beyond(f.before, keys, true))
		if page.offset > 0 {
			limit += " OFFSET " + s.arg(page.offset)
		}
	}
	query := "SELECT " + strings.Join(selected, ", ") + "\n" + s.from() + "\n" + where + "\n" + s.orderBy(keys, page.backward) + "\nLIMIT " + limit
	return selectRows[T](ctx, f.tx, min(page.size+1, 64), query, s.args...)
}

// aside writes a query that knows the seller as a part of s.
func (f *fetch[T]) aside(s *statement, query string) string {
	return "(" + strings.Replace(query, "$1", s.arg(f.seller)+"::bigint", 1) + ")"
}

func (f *fetch[T]) total() error {
	fromTheEnd := f.req.Position && f.req.Page.backward && f.before == nil
	if !f.req.Total && !fromTheEnd {
		return nil
	}
	if len(f.result.Rows) > 0 {
		if known := f.result.Rows[0].position().Total; known != nil {
			f.result.Total = *known
			return nil
		}
	}
	if f.req.KnownTotal != "" {
		return f.one(&f.result.Total, f.req.KnownTotal, []any{f.seller})
	}
	t := f.grid.tally(f.seller, f.req.Where, "")
	return f.one(&f.result.Total, "SELECT "+t.count+"\n"+t.source, t.args)
}

// count counts the rows that match, or those of them that lie before a cursor.
func (f *fetch[T]) count(before *cursor) (n int, err error) {
	s := f.grid.statement()
	where := s.where(f.seller, s.build(f.req.Where), s.beyond(before, s.keys(f.req.Order), true))
	err = f.one(&n, "SELECT count(*)\n"+s.from()+"\n"+where, s.args)
	return n, err
}

// one reads a number.
func (f *fetch[T]) one(n *int, query string, args []any) error {
	if err := f.tx.GetContext(f.ctx, n, query, args...); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return nil
}

// position finds where the page starts. Mostly the ends of the list or the cursor that led here tell; where they do not,
// the rows before the page are counted, if somebody asked.
func (f *fetch[T]) position() error {
	r := &f.result
	if len(r.Rows) == 0 {
		return nil
	}
	switch told := f.told(); {
	case f.isAtStart():
		r.From = f.req.Page.offset + 1
	case r.Total > 0 && f.isAtEnd():
		r.From = r.Total - len(r.Rows) + 1
	case told > 0:
		r.From = told
	case f.req.Position:
		first := r.Rows[0].position()
		n, err := f.count(&cursor{ID: first.RowID, Keys: first.Keys.texts()})
		if err != nil {
			return err
		}
		r.From = n + 1
	}
	return nil
}

// isAtStart reports whether it is known that no row of the list lies before the page, but for those an offset passed over.
func (f *fetch[T]) isAtStart() bool {
	if f.req.Page.backward {
		return f.after == nil && !f.more
	}
	return f.after == nil || f.req.Sides && !f.result.HasPrevious
}

// isAtEnd reports whether it is known that no row of the list lies after the page.
func (f *fetch[T]) isAtEnd() bool {
	if f.req.Page.backward {
		return f.before == nil || f.req.Sides && !f.result.HasNext
	}
	return f.before == nil && !f.more
}

// told returns where the page starts according to the cursor that led here; 0 if it does not know, knows another list, under
// another condition, or when there were more rows or less, or cannot be right.
func (f *fetch[T]) told() int {
	r, c := &f.result, f.after
	if f.req.Page.backward {
		c = f.before
	}
	if c == nil || c.Position == 0 || c.Condition != r.condition || c.Total > 0 && r.Total > 0 && c.Total != r.Total {
		return 0
	}
	from := c.Position + 1
	if f.req.Page.backward {
		from = c.Position - len(r.Rows)
	}
	if to := from + len(r.Rows) - 1; from < 1 || r.Total > 0 && to > r.Total {
		return 0
	}
	return from
}

// sides says whether the list goes on at either end of the page.
func (f *fetch[T]) sides() error {
	r, page := &f.result, f.req.Page
	ahead, behind := &r.HasNext, &r.HasPrevious
	if page.backward {
		ahead, behind = behind, ahead
	}
	*ahead = f.more
	opposite, side := f.after, "before"
	if page.backward {
		opposite, side = f.before, "after"
	}
	switch {
	case !f.req.Sides:
		return nil
	case page.offset > 0 && len(r.Rows) > 0:
		*behind = true
		return nil
	case page.offset > 0:
		n, err := f.count(nil)
		*behind = n > 0
		return err
	case opposite == nil:
		return nil
	}
	var err error
	*behind, err = f.existsUpTo(opposite, side)
	return err
}

// existsUpTo reports whether a row that matches is the cursor's own or lies on the given side of it.
func (f *fetch[T]) existsUpTo(c *cursor, side string) (bool, error) {
	s := f.grid.statement()
	beyond := s.beyond(c, s.keys(f.req.Order), side == "before")
	itself := f.grid.ID + " = " + s.arg(c.ID)
	where := s.where(f.seller, s.build(f.req.Where), "("+itself+" OR "+beyond+")")
	var exists bool
	err := f.tx.GetContext(f.ctx, &exists, "SELECT EXISTS (SELECT\n"+s.from()+"\n"+where+")", s.args...)
	if err != nil {
		return false, fmt.Errorf("sides: %w", err)
	}
	return exists, nil
}

func (f *fetch[T]) facets() error {
	for _, facet := range f.req.Facets {
		t := f.grid.tally(f.seller, facet.Where, "", facet.Column)
		value := t.by[0]
		values := []FacetValue{}
		err := f.tx.SelectContext(f.ctx, &values, `
			SELECT (`+value+`)::text COLLATE alphabetical AS value, `+t.count+` AS count
			`+t.source+`
				AND `+value+` IS NOT NULL
			GROUP BY 1
			HAVING `+t.count+` <> 0
			ORDER BY 1`, t.args...)
		if err != nil {
			return fmt.Errorf("facet %s: %w", facet.Column, err)
		}
		f.result.Facets = append(f.result.Facets, values)
	}
	return nil
}
