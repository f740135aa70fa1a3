package grid_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"crosswalk/internal/postgres/grid"
)

// TestFetch_CountsBySummariesWhatTheyCanTell gives the list a summary that says something else than its rows, so that it
// shows which of them was counted.
func TestFetch_CountsBySummariesWhatTheyCanTell(t *testing.T) {
	t.Parallel()
	o := newOrchard(t)
	five := 5
	o.plant(t, []fruit{{ID: 1, Name: "Apple", Ripe: true}, {ID: 2, Name: "Pear", Grade: &five}})
	counted := *fruits
	counted.Summaries = []grid.Summary{{
		Grid: &grid.Grid{
			Name: "harvest", From: "(VALUES (1, true, 30), (1, false, 9), (1, false, -9), (2, true, 7)) h (seller_id, ripe, fruits)", Seller: "h.seller_id",
			Columns: map[string]grid.Column{"ripe": {SQL: "h.ripe", Type: grid.Boolean}},
		},
		Count: "h.fruits",
		Sums:  map[string]string{"id": "h.fruits * 2"},
	}}
	ripe, named := grid.Compare("ripe", grid.Equal, true), grid.Contains("name", "a")
	type told struct {
		Total  int
		Facets [][]grid.FacetValue
		Sums   []string
	}
	for name, c := range map[string]struct {
		where grid.Condition
		sum   string
		want  told
	}{
		"no condition":               {nil, "id", told{30, [][]grid.FacetValue{{{"true", 30}}}, []string{"true 60"}}},
		"its own column":             {grid.Not(ripe), "id", told{0, [][]grid.FacetValue{{}}, nil}},
		"a column it lacks":          {named, "id", told{2, [][]grid.FacetValue{{{"false", 1}, {"true", 1}}}, []string{"false 2", "true 1"}}},
		"a column it lacks, negated": {grid.All(ripe, grid.Not(named)), "id", told{0, [][]grid.FacetValue{{}}, nil}},
		"a predicate in SQL":         {grid.Expression(nil, "f.id = ?", 1), "id", told{1, [][]grid.FacetValue{{{"true", 1}}}, []string{"true 1"}}},
		"nothing to add up":          {ripe, "", told{30, [][]grid.FacetValue{{{"true", 30}}}, nil}},
		"a sum it lacks":             {grid.Compare("ripe", grid.Equal, false), "grade", told{0, [][]grid.FacetValue{{}}, []string{"false 5"}}},
	} {
		req := grid.Request{Where: c.where, Total: true, Facets: []grid.Facet{{Column: "ripe", Where: c.where}}, Page: grid.FirstRows(1).WithoutRows()}
		if c.sum != "" {
			req.SumBy = &grid.SumBy{Column: c.sum, By: "ripe"}
		}
		result, err := o.fetchFrom(&counted, req)
		if err != nil {
			t.Fatal(err)
		}
		got := told{Total: result.Total, Facets: result.Facets}
		for _, s := range result.Sums {
			got.Sums = append(got.Sums, s.By+" "+s.Total.String())
		}
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("counts under %s (-want +got):\n%s", name, diff)
		}
	}
}
