package grid

import (
	"github.com/shopspring/decimal"

	"crosswalk/internal/postgres"
)

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
	s := f.grid.statement()
	by, column := s.use(f.req.SumBy.By), s.use(f.req.SumBy.Column)
	where := s.where(f.seller, s.build(f.req.Where))
	f.result.Sums = []Sum{}
	return f.tx.SelectContext(f.ctx, &f.result.Sums, `
		SELECT `+by+` AS by, sum(`+column+`) AS total
		`+s.from()+`
		`+where+`
		GROUP BY 1
		ORDER BY 1`, s.args...)
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
	s := g.statement()
	first, second, added := s.use(a), s.use(b), s.use(sum)
	condition := s.where(seller, s.build(where))
	return "SELECT " + first + " AS a, " + second + " AS b, count(*) AS count, sum(" + added + ") AS sum\n" +
		s.from() + "\n" + condition + "\nGROUP BY 1, 2\nORDER BY 1, 2", s.args, s.err
}
