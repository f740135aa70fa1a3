package grid

import (
	"strings"

	"crosswalk/internal/postgres"
)

// Select returns the statement that selects columns, by their names, of all rows where a condition holds.
func Select(g *Grid, seller postgres.SellerID, where Condition, columns ...string) (query string, args []any, err error) {
	s := g.statement()
	selected := make([]string, len(columns))
	for i, name := range columns {
		selected[i] = s.use(name) + " AS " + name
	}
	condition := s.where(seller, s.build(where))
	return "SELECT " + strings.Join(selected, ", ") + "\n" + s.from() + "\n" + condition, s.args, s.err
}
