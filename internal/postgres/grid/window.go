package grid

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A long list shows what is worked out of many tables. A page of it is read in two steps within one statement: its rows are
// chosen first, with no more joins than choosing takes, and what is shown of them is joined to them alone.
//
// A condition about something that is worked out has no index, and the database cannot know how many rows it holds for.
// Working it out for all rows of a long list takes seconds, and to fill a page it is enough to work it out for the rows
// that come first. So the page is chosen in a window: the first rows, in the list's order, of those that the other
// conditions hold for. A window that does not fill the page is followed by a larger one, and that by all rows.

// Windows that are not sizes.
const (
	everything = 0
	// bestMatches are the first of what a search found, in a list that shows the best match first.
	bestMatches = -1
)

// windows returns the sizes of the windows to look in.
func (f *fetch[T]) windows() []int {
	if f.req.hasBest() {
		return []int{bestMatches, everything}
	}
	if !f.grid.Windowed || f.req.Page.offset > 0 {
		return []int{everything}
	}
	probe := f.grid.statement()
	probe.keys(f.req.Order)
	if len(probe.joins) > 0 || len(f.worked) == 0 {
		return []int{everything}
	}
	first := max(200, 10*f.req.Page.size)
	return []int{first, 20 * first, everything}
}

// isSteady reports whether the window is best read the same way whatever values the conditions compare with. What is worked
// out is worked out for each row of a window that is not everything.
func (f *fetch[T]) isSteady(window int) bool {
	switch window {
	case everything:
		return isSteady(f.req.Where)
	case bestMatches:
		return isSteady(All(slices.DeleteFunc(flat(f.req.Where), func(c Condition) bool { return len(searches(c)) > 0 })...))
	}
	return isSteady(All(f.stored...))
}

// conjuncts takes the request's condition apart: into what is stored with the rows or holds for nearly all of them, and what
// is worked out of joins.
func (f *fetch[T]) conjuncts() (stored, worked []Condition) {
	for _, c := range flat(f.req.Where) {
		probe := f.grid.statement()
		_, isUsual := c.(usual)
		if c.build(probe); len(probe.joins) == 0 || isUsual {
			stored = append(stored, c)
		} else {
			worked = append(worked, c)
		}
	}
	return stored, worked
}

// flat returns the conditions all of which must hold.
func flat(c Condition) []Condition {
	if c == nil {
		return nil
	}
	both, ok := c.(combination)
	if !ok || both.operator != " AND " {
		return []Condition{c}
	}
	var all []Condition
	for _, part := range both.conditions {
		all = append(all, flat(part)...)
	}
	return all
}

// alias is what the grid's table is called in its expressions.
func (g *Grid) alias() string {
	table := strings.Fields(g.From)
	return table[len(table)-1]
}

// choose makes the statement read the rows of the page, out of a window, instead of the grid's table.
func (f *fetch[T]) choose(s *statement, window int) {
	shown := s.joins
	s.joins = nil
	keys := s.keys(f.req.Order)
	order := s.orderBy(keys, f.req.Page.backward)
	beyond := []string{s.beyond(f.after, keys, false), s.beyond(f.before, keys, true)}
	size := strconv.Itoa(f.req.Page.size + 1)
	if f.req.Page.offset > 0 {
		size += " OFFSET " + s.arg(f.req.Page.offset)
	}
	if window == everything {
		f.take(s, slices.Concat(f.stored, f.worked), beyond, order, size)
	} else {
		f.take(s, f.stored, beyond, order, strconv.Itoa(window))
		f.take(s, f.worked, nil, order, size)
	}
	s.joins = shown
}

// take makes the first rows, in an order, that conditions hold for all that the statement reads from now on.
func (f *fetch[T]) take(s *statement, conditions []Condition, more []string, order, limit string) {
	for _, c := range conditions {
		more = append(more, s.build(c))
	}
	where := s.where(f.seller, more...)
	alias := s.grid.alias()
	s.source = fmt.Sprintf("(\nSELECT %s.*\n%s\n%s\n%s\nLIMIT %s\n) %s", alias, s.from(), where, order, limit, alias)
}
