package gateway_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/gateway/gatewaytest"
)

// summarized are the totals of a summary without those of lines.
type summarized struct {
	Organizations struct{ Total, Mapped, Unmapped, Excluded int }
	Offers        struct{ Total, Mapped, Unmapped int }
	Contracts     struct{ Total, Mapped, Unmapped int }
	AsOf          time.Time
}

const summaryFields = `organizations { total mapped unmapped excluded } offers { total mapped unmapped } contracts { total mapped unmapped } asOf`

// A page brings the totals of a summary along; where it cannot, or fails, the summary is there all the same.
func TestASummaryIsTheSameBesideWhateverPage(t *testing.T) {
	t.Parallel()
	w := startCast(t, gatewaytest.Options{})
	var alone struct{ Summary summarized }
	w.Must(t, viewer, `{ summary: mappingSummary { `+summaryFields+` } }`, nil, &alone)
	if alone.Summary.Organizations.Total != len(cast) || alone.Summary.Organizations.Mapped == 0 {
		t.Fatalf("the summary says %+v", alone.Summary)
	}
	for name, c := range map[string]struct {
		page string
		// codes are of the errors that the page ends with.
		codes []string
	}{
		"a page":                        {page: `organizations(first: 2) { nodes { name } }`},
		"a page and its total":          {page: `organizations(first: 2) { totalCount nodes { name } }`},
		"a total":                       {page: `organizations { totalCount }`},
		"a long page":                   {page: `organizations(first: 1000) { nodes { name } }`},
		"a page of another list":        {page: `offers(first: 2) { nodes { name } }`},
		"two pages":                     {page: `contracts { nodes { id } } organizations { nodes { name } }`},
		"a search":                      {page: `organizations(search: "alpha") { nodes { name } }`},
		"a page without rows":           {page: `organizations(filter: {status: []}) { nodes { name } }`},
		"facets":                        {page: `organizations { facets { status { value } } nodes { name } }`},
		"a page that is skipped":        {page: `organizations @skip(if: true) { nodes { name } } viewer { role }`},
		"a page in a fragment":          {page: `... on Query { organizations { nodes { name } } }`},
		"a size that is refused":        {page: `organizations(first: 0) { nodes { name } }`, codes: []string{"BAD_USER_INPUT"}},
		"a cursor that is none":         {page: `organizations(after: "nonsense") { nodes { name } }`, codes: []string{"BAD_USER_INPUT"}},
		"the same page under two names": {page: `a: organizations { nodes { name } } b: organizations(first: 1) { nodes { name } }`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			response := w.Query(t, viewer, `{ `+c.page+` summary: mappingSummary { `+summaryFields+` } }`, nil)
			if got := response.Codes(); !slices.Equal(got, c.codes) {
				t.Fatalf("the page ends with %v, want %v", got, c.codes)
			}
			var got struct{ Summary summarized }
			response.Decode(t, &got)
			if held := got.Summary.AsOf; held.Before(begun.Add(-time.Minute)) || held.After(time.Now().Add(time.Minute)) {
				t.Errorf("the totals held at %s, asked for at %s", held, begun)
			}
			got.Summary.AsOf = alone.Summary.AsOf
			if diff := cmp.Diff(alone, got); diff != "" {
				t.Errorf("beside the page (-alone +beside):\n%s", diff)
			}
		})
	}
}
