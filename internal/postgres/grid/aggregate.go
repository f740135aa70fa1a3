package grid

import (
	"github.com/shopspring/decimal"

	"crosswalk/internal/postgres"
)

// Summary is a grid of groups of another grid's rows. It tells how many rows there are, and what they add up to,
// under every condition that names columns of the summary and no others. Groups may be counted apart and negatively, as
// long as it comes out right in the end.
type Summary struct {
	*Grid
	// Count is the expression for how many rows a group has, Sums those for what their values of a column add up to.
	Count string
	Sums  map[string]string
}

// answers reports whether the summary has all that a statement for the grid itself named, and the column to add up.
func (m Summary) answers(named map[string]bool, summed string) bool {
	for name := range named {
		if _, ok := m.Columns[name]; !ok {
			return false
		}
	}
	_, ok := m.Sums[summed]
	return ok || summed == ""
}

// tally is a statement in the making that counts rows and may add them up.
type tally struct {
	// by are the expressions of the columns asked for; count and sum aggregate.
	by         []string
	count, sum string
	// source is the statement from FROM on.
	source string
	args   []any
	err    error
}

// tally prepares counting the rows where a condition holds, for values of columns, and summing one where it is not "".
// It counts by the first summary that can tell, or else row by row.
func (g *Grid) tally(seller postgres.SellerID, where Condition, summed string, columns ...string) tally {
	t := tally{count: "count(*)"}
	probe := g.statement()
	probe.named = make(map[string]bool)
	probe.build(where)
	for _, name := range columns {
		probe.use(name)
	}
	s := g.statement()
	for _, m := range g.Summaries {
		if !probe.bound && m.answers(probe.named, summed) {
			s = m.statement()
			t.count, t.sum = "coalesce(sum("+m.Count+"), 0)::bigint", "sum("+m.Sums[summed]+")"
			break
		}
	}
	if s.grid == g && summed != "" {
		t.sum = "sum(" + s.use(summed) + ")"
	}
	for _, name := range columns {
		t.by = append(t.by, s.use(name))
	}
	condition := s.where(seller, s.build(where))
	t.source, t.args, t.err = s.from()+"\n"+condition, s.args, s.err
	return t
}

// Sum is the sum of a column over the rows with one value of another.
type Sum struct {
	By    string          `db:"by"`
	Total decimal.Decimal `db:"total"`
}

// SumBy asks for the sums of a column for each value of another one, among the rows that match.
type SumBy struct{ Column, By string }

// sums adds up the rows that match.
func (f *fetch[T]) sums() error {
	if f.req.SumBy == nil {
		return nil
	}
	t := f.grid.tally(f.seller, f.req.Where, f.req.SumBy.Column, f.req.SumBy.By)
	f.result.Sums = []Sum{}
	return f.tx.SelectContext(f.ctx, &f.result.Sums, `
		SELECT `+t.by[0]+` AS by, `+t.sum+` AS total
		`+t.source+`
		GROUP BY 1
		HAVING `+t.count+` <> 0
		ORDER BY 1`, t.args...)
}

// Numbers returns the statement that selects the numbers of the rows where a condition holds.
func Numbers(g *Grid, seller postgres.SellerID, where Condition) (query string, args []any, err error) {
	s := g.statement()
	condition := s.where(seller, s.build(where))
	return "SELECT " + g.ID + "\n" + s.from() + "\n" + condition, s.args, s.err
}

// Totals returns the statement that counts the rows where a condition holds and sums a column of them, for
// each pair of values of two columns. Its columns are a, b, count and sum.
func Totals(g *Grid, seller postgres.SellerID, where Condition, a, b, sum string) (query string, args []any, err error) {
	t := g.tally(seller, where, sum, a, b)
	return "SELECT " + t.by[0] + " AS a, " + t.by[1] + " AS b, " + t.count + " AS count, " + t.sum + " AS sum\n" +
		t.source + "\nGROUP BY 1, 2\nHAVING " + t.count + " <> 0\nORDER BY 1, 2", t.args, t.err
}
