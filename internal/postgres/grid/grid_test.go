package grid_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/postgrestest"
)

// fruit is a row of a list made for these tests: a name, a nullable grade and a flag.
type fruit struct {
	grid.Row
	ID    int64   `db:"id"`
	Name  string  `db:"name"`
	Grade *int    `db:"grade"`
	Ripe  bool    `db:"ripe"`
	Farm  *string `db:"farm"`
}

var fruits = &grid.Grid{
	Name:   "fruit",
	From:   "fruit f",
	Seller: "f.seller_id",
	ID:     "f.id",
	Joins:  []grid.Join{{Name: "farm", SQL: "LEFT JOIN farm m ON m.id = f.farm_id"}},
	Columns: map[string]grid.Column{
		"id":    {SQL: "f.id", Type: grid.Integer},
		"name":  {SQL: "f.name"},
		"grade": {SQL: "f.grade", Type: grid.Integer, Nullable: true},
		"ripe":  {SQL: "f.ripe", Type: grid.Boolean},
		"farm":  {SQL: "m.name", Joins: []string{"farm"}, Nullable: true},
	},
}

var allColumns = []string{"id", "name", "grade", "ripe", "farm"}

const (
	seller postgres.SellerID = 1
)

// orchard is a database with a fruit table filled from the rows given.
type orchard struct{ db *postgres.DB }

func newOrchard(t *testing.T) *orchard {
	t.Helper()
	ctx := t.Context()
	db, err := postgres.OpenAsOwner(ctx, postgrestest.New(t), postgres.Options{MaxConnections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	_, err = db.Pool().ExecContext(ctx, `
		CREATE TABLE farm (id int PRIMARY KEY, name text NOT NULL);
		INSERT INTO farm VALUES (1, 'North'), (2, 'South');
		CREATE TABLE fruit (seller_id bigint, id bigint, name text COLLATE alphabetical, grade int, ripe bool, farm_id int, PRIMARY KEY (seller_id, id));
		INSERT INTO fruit VALUES (2, 1, 'Stranger', 1, true, 1)`)
	if err != nil {
		t.Fatal(err)
	}
	return &orchard{db}
}

func (o *orchard) plant(t interface{ Fatal(...any) }, rows []fruit) {
	ctx := context.Background()
	if _, err := o.db.Pool().ExecContext(ctx, `DELETE FROM fruit WHERE seller_id = $1`, seller); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		var farm *int
		if r.Farm != nil {
			n := map[string]int{"North": 1, "South": 2}[*r.Farm]
			farm = &n
		}
		_, err := o.db.Pool().ExecContext(ctx, `INSERT INTO fruit VALUES ($1, $2, $3, $4, $5, $6)`, seller, r.ID, r.Name, r.Grade, r.Ripe, farm)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (o *orchard) fetch(req grid.Request) (*grid.Result[fruit], error) {
	return o.fetchFrom(fruits, req)
}

func (o *orchard) fetchFrom(g *grid.Grid, req grid.Request) (*grid.Result[fruit], error) {
	var result *grid.Result[fruit]
	err := o.db.Seller(seller).Read(context.Background(), func(ctx context.Context, tx *postgres.Tx) (err error) {
		result, err = grid.Fetch[fruit](ctx, tx, g, seller, req)
		return err
	})
	return result, err
}

func page(t interface{ Fatal(...any) }, first *int, after *string, last *int, before *string, offset *int) grid.Page {
	p, err := grid.NewPage(first, after, last, before, offset)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ids(rows []fruit) []int64 {
	list := make([]int64, len(rows))
	for i, r := range rows {
		list[i] = r.ID
	}
	return list
}

// compareFruit is the order the lists promise: nulls last in both directions, ties by id in the direction of the first key.
func compareFruit(order []grid.Order) func(a, b fruit) int {
	return func(a, b fruit) int {
		for _, o := range order {
			var c int
			switch o.Column {
			case "name":
				c = strings.Compare(a.Name, b.Name)
			case "ripe":
				c = cmp.Compare(fmt.Sprint(a.Ripe), fmt.Sprint(b.Ripe))
			case "grade":
				if n := nullsLast(a.Grade, b.Grade); n != 0 || a.Grade == nil {
					if n != 0 {
						return n
					}
					continue
				}
				c = cmp.Compare(*a.Grade, *b.Grade)
			case "farm":
				if n := nullsLast(a.Farm, b.Farm); n != 0 || a.Farm == nil {
					if n != 0 {
						return n
					}
					continue
				}
				c = strings.Compare(*a.Farm, *b.Farm)
			}
			if o.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		c := cmp.Compare(a.ID, b.ID)
		if len(order) > 0 && order[0].Descending {
			c = -c
		}
		return c
	}
}

func nullsLast[T any](a, b *T) int {
	switch {
	case a == nil && b != nil:
		return 1
	case a != nil && b == nil:
		return -1
	}
	return 0
}

func drawFruits(t *rapid.T) []fruit {
	n := rapid.IntRange(0, 25).Draw(t, "rows")
	rows := make([]fruit, n)
	for i := range rows {
		rows[i] = fruit{
			ID:   int64(i + 1),
			Name: rapid.SampledFrom([]string{"apple", "banana", "cherry", "damson"}).Draw(t, "name"),
			Ripe: rapid.Bool().Draw(t, "ripe"),
		}
		if rapid.Bool().Draw(t, "graded") {
			grade := rapid.IntRange(1, 4).Draw(t, "grade")
			rows[i].Grade = &grade
		}
		if rapid.Bool().Draw(t, "farmed") {
			farm := rapid.SampledFrom([]string{"North", "South"}).Draw(t, "farm")
			rows[i].Farm = &farm
		}
	}
	return rows
}

func TestFetch_PagesAreTheListInOrderInBothDirections(t *testing.T) {
	t.Parallel()
	o := newOrchard(t)
	rapid.Check(t, func(t *rapid.T) {
		rows := drawFruits(t)
		o.plant(t, rows)
		var order []grid.Order
		for _, column := range rapid.Permutation([]string{"name", "grade", "ripe", "farm"}).Draw(t, "columns")[:rapid.IntRange(0, 3).Draw(t, "keys")] {
			order = append(order, grid.Order{Column: column, Descending: rapid.Bool().Draw(t, "descending")})
		}
		size := rapid.IntRange(1, 7).Draw(t, "size")
		slices.SortFunc(rows, compareFruit(order))
		want := ids(rows)

		var forward []int64
		var after *string
		for {
			r, err := o.fetch(grid.Request{Columns: allColumns, Order: order, Page: page(t, &size, after, nil, nil, nil), Position: true, Sides: true, Total: true})
			if err != nil {
				t.Fatal(err)
			}
			if r.Total != len(rows) {
				t.Fatalf("total = %d, want %d", r.Total, len(rows))
			}
			if r.HasPrevious != (after != nil) {
				t.Fatalf("hasPrevious = %t after %d rows", r.HasPrevious, len(forward))
			}
			if len(r.Rows) > 0 && r.From != len(forward)+1 {
				t.Fatalf("page starts at %d, want %d", r.From, len(forward)+1)
			}
			forward = append(forward, ids(r.Rows)...)
			if r.HasNext != (len(forward) < len(rows)) {
				t.Fatalf("hasNext = %t after %d of %d rows", r.HasNext, len(forward), len(rows))
			}
			if !r.HasNext {
				break
			}
			cursor := r.Cursor(len(r.Rows) - 1)
			after = &cursor
		}
		if diff := gocmp.Diff(want, slices.Clip(append([]int64{}, forward...))); diff != "" {
			t.Fatalf("forward by %v (-want +got):\n%s", order, diff)
		}

		var backward []int64
		var before *string
		for {
			r, err := o.fetch(grid.Request{Columns: allColumns, Order: order, Page: page(t, nil, nil, &size, before, nil), Position: true, Sides: true})
			if err != nil {
				t.Fatal(err)
			}
			if r.HasNext != (before != nil) {
				t.Fatalf("hasNext = %t before the last %d rows", r.HasNext, len(backward))
			}
			backward = append(ids(r.Rows), backward...)
			if len(r.Rows) > 0 && r.From != len(rows)-len(backward)+1 {
				t.Fatalf("page starts at %d, want %d", r.From, len(rows)-len(backward)+1)
			}
			if r.HasPrevious != (len(backward) < len(rows)) {
				t.Fatalf("hasPrevious = %t after %d of %d rows from the end", r.HasPrevious, len(backward), len(rows))
			}
			if !r.HasPrevious {
				break
			}
			cursor := r.Cursor(0)
			before = &cursor
		}
		if diff := gocmp.Diff(want, append([]int64{}, backward...)); diff != "" {
			t.Fatalf("backward by %v (-want +got):\n%s", order, diff)
		}
		for i := range rows {
			one := 1
			r, err := o.fetch(grid.Request{Columns: allColumns, Order: order, Page: page(t, &one, nil, nil, nil, &i), Sides: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(r.Rows); len(got) != 1 || got[0] != want[i] || r.From != i+1 || r.HasPrevious != (i > 0) {
				t.Fatalf("offset %d: rows %v from %d previous %t, want row %d", i, got, r.From, r.HasPrevious, want[i])
			}
		}
	})
}

// ripen makes fruits ripe, so that they leave the list of those that are not.
func (o *orchard) ripen(t *testing.T, numbers ...int64) {
	t.Helper()
	for _, id := range numbers {
		if _, err := o.db.Pool().ExecContext(t.Context(), `UPDATE fruit SET ripe = true WHERE seller_id = $1 AND id = $2`, seller, id); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFetch_APageIsWhereItStandsNowAndUnderItsOwnCondition(t *testing.T) {
	t.Parallel()
	unripe, early := grid.Compare("ripe", grid.Equal, false), grid.Compare("id", grid.LessOrEqual, 8)
	two := 2
	for name, tt := range map[string]struct {
		// where the cursor comes from: the page of two rows behind from others, under the condition.
		where grid.Condition
		from  int
		// ripe are the fruits that leave the list then, and asked is what is asked for beyond the cursor.
		ripe     []int64
		back     bool
		asked    grid.Request
		then     int
		wantRows []int64
	}{
		"nothing has changed":                           {unripe, 2, nil, false, grid.Request{Total: true}, 5, []int64{5, 6}},
		"a next page when the one before it has gone":   {unripe, 0, []int64{1, 2}, false, grid.Request{Total: true}, 1, []int64{3, 4}},
		"the same without a total":                      {unripe, 0, []int64{1, 2}, false, grid.Request{Sides: true}, 1, []int64{3, 4}},
		"a next page when some before it have gone":     {unripe, 2, []int64{1, 4}, false, grid.Request{Total: true}, 3, []int64{5, 6}},
		"the last page when some before it have gone":   {unripe, 6, []int64{1, 2}, false, grid.Request{Total: true}, 7, []int64{9, 10}},
		"a previous page when some before it have gone": {unripe, 6, []int64{1, 4}, true, grid.Request{Total: true}, 3, []int64{5, 6}},
		"the first page backwards when one has gone":    {unripe, 2, []int64{1}, true, grid.Request{}, 1, []int64{2}},
		"a cursor of a longer list":                     {nil, 4, nil, false, grid.Request{Where: early, Total: true}, 7, []int64{7, 8}},
		"a cursor of another condition of one column":   {grid.Compare("id", grid.Greater, 2), 2, nil, false, grid.Request{Where: grid.Compare("id", grid.Greater, 1)}, 6, []int64{7, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrchard(t)
			var rows []fruit
			for id := range int64(10) {
				rows = append(rows, fruit{ID: id + 1, Name: "a"})
			}
			o.plant(t, rows)
			r, err := o.fetch(grid.Request{Columns: allColumns, Where: tt.where, Page: page(t, &two, nil, nil, nil, &tt.from), Total: true})
			if err != nil {
				t.Fatal(err)
			}
			o.ripen(t, tt.ripe...)
			req, edge := tt.asked, r.Cursor(1)
			if req.Where == nil {
				req.Where = tt.where
			}
			req.Columns, req.Position, req.Page = allColumns, true, page(t, &two, &edge, nil, nil, nil)
			if tt.back {
				edge = r.Cursor(0)
				req.Page = page(t, nil, nil, &two, &edge, nil)
			}
			if r, err = o.fetch(req); err != nil {
				t.Fatal(err)
			}
			if got := ids(r.Rows); r.From != tt.then || !slices.Equal(got, tt.wantRows) {
				t.Errorf("the rows %d begin at %d, want %d at %d", got, r.From, tt.wantRows, tt.then)
			}
		})
	}
}

func TestFetch_ThePositionInACursorIsTakenWhereNothingSpeaksAgainstIt(t *testing.T) {
	t.Parallel()
	o := newOrchard(t)
	var rows []fruit
	for id := range int64(10) {
		rows = append(rows, fruit{ID: id + 1, Name: "a"})
	}
	o.plant(t, rows)
	one, unripe := 1, grid.Compare("ripe", grid.Equal, false)
	r, err := o.fetch(grid.Request{Columns: allColumns, Where: unripe, Page: grid.FirstRows(3), Total: true})
	if err != nil {
		t.Fatal(err)
	}
	// A cursor with a wrong position tells whether anybody counted.
	for name, tt := range map[string]struct {
		position int
		without  string
		asked    grid.Request
		back     bool
		want     int
	}{
		"a next page":                        {5, "", grid.Request{Total: true}, false, 6},
		"a next page without a total":        {5, "", grid.Request{}, false, 6},
		"a previous page":                    {5, "", grid.Request{Total: true}, true, 4},
		"a position without a total":         {5, "t", grid.Request{Total: true}, false, 6},
		"a position beyond the end":          {10, "t", grid.Request{Total: true}, false, 4},
		"a position before a page's":         {20, "t", grid.Request{Total: true}, true, 2},
		"a cursor that says of no condition": {5, "c", grid.Request{}, false, 4},
	} {
		cursor := forge(t, r.Cursor(2), map[string]any{"p": tt.position, tt.without: nil})
		req := tt.asked
		req.Columns, req.Where, req.Position, req.Page = allColumns, unripe, true, page(t, &one, &cursor, nil, nil, nil)
		if tt.back {
			req.Page = page(t, nil, nil, &one, &cursor, nil)
		}
		got, err := o.fetch(req)
		if err != nil {
			t.Fatal(err)
		}
		if got.From != tt.want {
			t.Errorf("%s: it begins at %d, want %d", name, got.From, tt.want)
		}
	}
}

func TestFetch_ConditionsHoldForTheRowsTheyNameAndNoOther(t *testing.T) {
	t.Parallel()
	o := newOrchard(t)
	three, north := 3, "North"
	o.plant(t, []fruit{
		{ID: 1, Name: "Apple 100% juice", Grade: &three, Farm: &north},
		{ID: 2, Name: "Äpfel_süß", Ripe: true},
		{ID: 3, Name: `back\slash`},
	})
	for _, tt := range []struct {
		name  string
		where grid.Condition
		want  []int64
	}{
		{"no condition", nil, []int64{1, 2, 3}},
		{"text contained in another case", grid.Contains("name", "JUICE"), []int64{1}},
		{"umlauts contained in another case", grid.Contains("name", "äPFEL_SÜ"), []int64{2}},
		{"percent is itself", grid.Contains("name", "0%"), []int64{1}},
		{"percent is no wildcard", grid.Contains("name", "A%j"), []int64{}},
		{"underscore is itself", grid.Contains("name", "l_s"), []int64{2}},
		{"underscore is no wildcard", grid.Contains("name", "b_c"), []int64{}},
		{"backslash is itself", grid.Contains("name", `k\s`), []int64{3}},
		{"a beginning", grid.StartsWith("name", "app"), []int64{1}},
		{"exactly, case included", grid.Compare("name", grid.Equal, "apple 100% juice"), []int64{}},
		{"one of none", grid.OneOf[int64]("id", nil), []int64{}},
		{"one of some", grid.OneOf("id", []int64{1, 3, 99}), []int64{1, 3}},
		{"no value", grid.IsNull("grade", true), []int64{2, 3}},
		{"a value", grid.IsNull("grade", false), []int64{1}},
		{"not a value also where there is none", grid.Not(grid.Compare("grade", grid.Equal, 3)), []int64{2, 3}},
		{"not everything is nothing", grid.Not(nil), []int64{}},
		{"any of nothing is nothing", grid.Any(), []int64{}},
		{"all of nothing is everything", grid.All(), []int64{1, 2, 3}},
		{"through a join", grid.Compare("farm", grid.Equal, "North"), []int64{1}},
		{"any of two", grid.Any(grid.Compare("ripe", grid.Equal, true), grid.Contains("name", "slash")), []int64{2, 3}},
		{"an expression", grid.Expression([]string{"farm"}, "m.id = ? AND f.grade = ?", 1, 3), []int64{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := o.fetch(grid.Request{Columns: allColumns, Where: tt.where, Order: nil, Page: grid.FirstRows(10), Total: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tt.want, ids(r.Rows)); diff != "" || r.Total != len(tt.want) {
				t.Errorf("total %d, rows (-want +got):\n%s", r.Total, diff)
			}
		})
	}
}

func TestFetch_FacetsCountValuesAndLeaveOutNulls(t *testing.T) {
	t.Parallel()
	o := newOrchard(t)
	north, south := "North", "South"
	o.plant(t, []fruit{{ID: 1, Name: "b", Farm: &south}, {ID: 2, Name: "b", Farm: &north}, {ID: 3, Name: "a", Ripe: true}})
	r, err := o.fetch(grid.Request{Facets: []grid.Facet{{Column: "farm"}, {Column: "ripe"}, {Column: "name", Where: grid.Compare("ripe", grid.Equal, false)}}})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]grid.FacetValue{{{"North", 1}, {"South", 1}}, {{"false", 2}, {"true", 1}}, {{"b", 2}}}
	if diff := gocmp.Diff(want, r.Facets); diff != "" {
		t.Errorf("facets (-want +got):\n%s", diff)
	}
	if len(r.Rows) != 0 {
		t.Errorf("got %d rows, wanted none because no page was asked for", len(r.Rows))
	}
}

func TestFetch_RefusesCursorsThatAreNotItsOwn(t *testing.T) {
	t.Parallel()
	o := newOrchard(t)
	grade := 2
	o.plant(t, []fruit{{ID: 1, Name: "a", Grade: &grade}, {ID: 2, Name: "b"}})
	byName, byGrade := []grid.Order{{Column: "name"}}, []grid.Order{{Column: "grade"}}
	one := 1
	r, err := o.fetch(grid.Request{Columns: allColumns, Order: byName, Page: grid.FirstRows(1)})
	if err != nil {
		t.Fatal(err)
	}
	cursor := r.Cursor(0)
	forged := "eyJvIjo0Mn0"
	for name, tt := range map[string]struct {
		cursor string
		order  []grid.Order
	}{
		"of another ordering":   {cursor, byGrade},
		"of another direction":  {cursor, []grid.Order{{Column: "name", Descending: true}}},
		"that is no base64":     {"not a cursor!", byName},
		"that is no JSON":       {"AAAA", byName},
		"that was made up":      {forged, byName},
		"that is cut short":     {cursor[:len(cursor)-4], byName},
		"that is much too long": {strings.Repeat("A", 1<<20), byName},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := o.fetch(grid.Request{Columns: allColumns, Order: tt.order, Page: page(t, &one, &tt.cursor, nil, nil, nil)})
			var input *grid.InputError
			if !errors.As(err, &input) {
				t.Errorf("error = %v, want an input error", err)
			}
		})
	}
}

func TestFetch_RefusesWhatNobodyCanMean(t *testing.T) {
	t.Parallel()
	o := newOrchard(t)
	deep := grid.IsNull("grade", true)
	for range 100 {
		deep = grid.Not(deep)
	}
	for name, request := range map[string]grid.Request{
		"a filter nested too deep":                {Where: deep},
		"a list of too many values":               {Where: grid.OneOf("id", make([]int64, 1001))},
		"a control character to look for":         {Where: grid.Contains("name", "a\tb")},
		"a control character to begin with":       {Where: grid.Not(grid.StartsWith("name", "\n"))},
		"a column to sort by named twice":         {Order: []grid.Order{{Column: "name"}, {Column: "grade"}, {Column: "name", Descending: true}}},
		"a cursor of rubbish where no row is":     {Page: page(t, nil, text("rubbish"), nil, nil, nil).WithoutRows(), Total: true},
		"a cursor before rubbish where no row is": {Page: page(t, nil, nil, nil, text("rubbish"), nil).WithoutRows(), Total: true},
	} {
		request.Columns = allColumns
		if request.Page == (grid.Page{}) {
			request.Page = grid.FirstRows(1)
		}
		_, err := o.fetch(request)
		var input *grid.InputError
		if !errors.As(err, &input) {
			t.Errorf("%s: error = %v, want an input error", name, err)
		}
	}
	if _, err := o.fetch(grid.Request{Columns: allColumns, Where: grid.OneOf("id", make([]int64, 1000)), Page: grid.FirstRows(1)}); err != nil {
		t.Errorf("a list of 1000 values: %v", err)
	}
}

func text(s string) *string { return &s }

func TestNewPage_RefusesWhatCannotBeAPage(t *testing.T) {
	t.Parallel()
	n := func(i int) *int { return &i }
	s := func(c string) *string { return &c }
	for name, tt := range map[string]struct {
		first  *int
		after  *string
		last   *int
		before *string
		offset *int
	}{
		"first and last":         {first: n(1), last: n(1)},
		"first of nothing":       {first: n(0)},
		"first negative":         {first: n(-1)},
		"first too many":         {first: n(1001)},
		"last of nothing":        {last: n(0)},
		"last too many":          {last: n(1001)},
		"an empty cursor":        {after: s("")},
		"offset alone":           {offset: n(1)},
		"offset negative":        {first: n(1), offset: n(-1)},
		"offset with a cursor":   {first: n(1), offset: n(1), after: s("x")},
		"offset with last":       {last: n(1), offset: n(1)},
		"offset and before":      {first: n(1), offset: n(1), before: s("x")},
		"an empty before cursor": {last: n(1), before: s("")},
	} {
		_, err := grid.NewPage(tt.first, tt.after, tt.last, tt.before, tt.offset)
		var input *grid.InputError
		if !errors.As(err, &input) {
			t.Errorf("%s: error = %v, want an input error", name, err)
		}
	}
}
