package grid

import (
	"fmt"
	"strings"
)

// A condition about something that is worked out of several tables has no index, and the database cannot know how many
// rows it holds for. Working it out for all rows of a long list takes seconds, and to fill a page it is enough
// to work it out for the rows that come first. So the page is looked for in a window: the first rows, in the list's
// order, of those that the other conditions hold for. A window that does not fill the page is followed by a larger
// one, and that by all rows. Where nothing has to be worked out to choose the rows, the window is the page.

// windows returns the sizes of the windows to look in; 0 stands for all rows.
func (f *fetch[T]) windows() []int {
	everything := []int{0}
	if !f.grid.Windowed || f.req.Page.offset > 0 {
		return everything
	}
	probe := f.grid.statement()
	probe.keys(f.req.Order)
	_, worked := f.conjuncts()
	switch {
	case len(probe.joins) > 0:
		return everything
	case len(worked) == 0:
		// Every row is joined with others that are there, so that the first rows are the page.
		return []int{f.req.Page.size + 1}
	}
	first := max(200, 10*f.req.Page.size)
	return []int{first, 20 * first, 0}
}

// conjuncts takes the request's condition apart: into what is stored with the rows, and what is worked out of joins.
func (f *fetch[T]) conjuncts() (stored, worked []Condition) {
	for _, c := range flat(f.req.Where) {
		probe := f.grid.statement()
		if c.build(probe); len(probe.joins) == 0 {
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

// look makes the statement read a window instead of the grid's table, and returns the condition that is left.
func (f *fetch[T]) look(s *statement, keys []key, window int) string {
	stored, worked := f.conjuncts()
	var inside []string
	for _, c := range stored {
		inside = append(inside, s.build(c))
	}
	inside = append(inside, s.beyond(f.after, keys, false), s.beyond(f.before, keys, true))
	alias := s.grid.alias()
	s.source = fmt.Sprintf("(\nSELECT %s.*\nFROM %s\n%s\n%s\nLIMIT %s\n) %s", alias, s.grid.From, s.where(f.seller, inside...),
		s.orderBy(keys, f.req.Page.backward), s.arg(window), alias)
	var outside []string
	for _, c := range worked {
		outside = append(outside, s.build(c))
	}
	return s.where(f.seller, outside...)
}
