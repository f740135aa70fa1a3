package grid_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"crosswalk/internal/postgres/grid"
)

// orchardOfThousands has 6,000 fruits. Those of farm North come often at first and then never; South has every 500th.
func orchardOfThousands(t *testing.T) *orchard {
	t.Helper()
	o := newOrchard(t)
	_, err := o.db.Pool().ExecContext(t.Context(), `
		INSERT INTO fruit
		SELECT 1, n, 'Fruit ' || lpad((n % 1000)::text, 4, '0'), CASE WHEN n % 7 > 0 THEN n % 5 END, n % 3 = 0,
			CASE WHEN n % 500 = 0 THEN 2 WHEN n % 2 = 0 AND n < 900 THEN 1 END
		FROM generate_series(1, 6000) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAWindowedListAnswersWhatOthersDo(t *testing.T) {
	t.Parallel()
	o := orchardOfThousands(t)
	windowed := *fruits
	windowed.Windowed = true
	rapid.Check(t, func(rt *rapid.T) {
		farm := rapid.SampledFrom([]string{"North", "South", "Nowhere"}).Draw(rt, "farm")
		conditions := []grid.Condition{
			grid.OneOf("farm", []string{farm}),
			grid.Not(grid.OneOf("farm", []string{farm})),
			grid.All(grid.Compare("ripe", grid.Equal, true), grid.Likely(grid.OneOf("farm", []string{farm}))),
			grid.Any(grid.OneOf("farm", []string{farm}), grid.Compare("grade", grid.Equal, 3)),
			grid.All(grid.Compare("grade", grid.Greater, 2), grid.All(grid.IsNull("farm", false), grid.Compare("ripe", grid.Equal, false))),
		}
		orders := [][]grid.Order{
			{{Column: "id"}}, {{Column: "id", Descending: true}}, {{Column: "name"}}, {{Column: "grade", Descending: true}, {Column: "name"}}, {{Column: "farm"}},
		}
		size := rapid.IntRange(1, 60).Draw(rt, "size")
		req := grid.Request{
			Columns: allColumns, Where: rapid.SampledFrom(conditions).Draw(rt, "condition"), Order: rapid.SampledFrom(orders).Draw(rt, "order"),
			Total: true, Position: true, Sides: true,
		}
		backward := rapid.Bool().Draw(rt, "backward")
		var cursor *string
		for range rapid.IntRange(1, 4).Draw(rt, "pages") {
			if backward {
				req.Page = page(rt, nil, nil, &size, cursor, nil)
			} else {
				req.Page = page(rt, &size, cursor, nil, nil, nil)
			}
			want, err := o.fetch(req)
			if err != nil {
				rt.Fatal(err)
			}
			got, err := o.fetchFrom(&windowed, req)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := gocmp.Diff(want, got, cmpopts.IgnoreUnexported(grid.Result[fruit]{}, grid.Row{})); diff != "" {
				rt.Fatalf("a windowed list answers (-others +windowed):\n%s", diff)
			}
			if len(got.Rows) == 0 {
				return
			}
			next := got.Cursor(len(got.Rows) - 1)
			if backward {
				next = got.Cursor(0)
			}
			cursor = &next
		}
	})
}
