// Package grid turns the description of a list into SQL: filtered, sorted, paged by keyset, counted and
// faceted, with nothing selected, joined or counted that nobody asked for.
//
// A Grid names the columns of one list and says what each is in SQL; only those names can be selected,
// filtered or sorted, and values always travel as parameters. A Request says what one caller wants; Fetch
// answers it inside the caller's transaction, so that page, total and facets agree. The package knows
// no domain and no GraphQL. Start reading at Grid, Request and Fetch.
package grid

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// Type is what a column holds, as far as cursors must know to read a value back.
type Type int

// The types of columns. Text is the zero value.
const (
	Text Type = iota
	Integer
	Number
	Boolean
	Date
	Instant
)

// Column is one thing that can be selected, filtered, sorted or counted by.
type Column struct {
	// SQL is the expression, over From and the joins named, with a ? for each of Args.
	SQL  string
	Args []any
	// Joins names the joins the expression needs, in the order of Grid.Joins.
	Joins []string
	Type  Type
	// Nullable columns sort their nulls last, whatever the direction.
	Nullable bool
	// Folded columns are in lower case already, so that a search can use their index.
	Folded bool
	// Order is the expression to sort by where it is not SQL itself, and OrderType its type.
	Order     string
	OrderType Type
}

// Join is a table that some columns need. A grid leaves out those it does not know, so that one expression can serve
// a grid and a summary whose From brings what the grid joins.
type Join struct{ Name, SQL string }

// Grid describes one list. It is immutable and shared by all requests.
type Grid struct {
	// Name distinguishes the cursors of one list from those of another.
	Name string
	// From is the table with its alias; Seller and ID are its tenant column and its unique number within a seller.
	From   string
	Seller string
	ID     string
	Joins  []Join
	// Columns by the name that requests use and that db tags of the row type repeat.
	Columns map[string]Column
	// Windowed lists are long, and have columns that are worked out of others: see window.go.
	Windowed bool
	// Summaries of the rows, the cheapest first.
	Summaries []Summary
}

// With returns the grid with one more column, for an expression that depends on the request.
func (g *Grid) With(name string, column Column) *Grid {
	return g.WithAll(map[string]Column{name: column})
}

// WithAll returns the grid with more columns.
func (g *Grid) WithAll(columns map[string]Column) *Grid {
	extended := *g
	extended.Columns = maps.Clone(g.Columns)
	maps.Copy(extended.Columns, columns)
	return &extended
}

// column returns the named column. Names come from code, never from a client, so a wrong one is a defect.
func (g *Grid) column(name string) Column {
	c, ok := g.Columns[name]
	if !ok {
		panic(fmt.Sprintf("grid %s has no column %q", g.Name, name))
	}
	return c
}

// statement collects one SQL statement: its arguments in order and the joins it turned out to need.
type statement struct {
	grid  *Grid
	args  []any
	joins map[string]bool
	// named are the columns that were used, where somebody wants to know.
	named map[string]bool
	// bound is true when the statement has a predicate in SQL, which only the grid it was written for understands.
	bound bool
	// source, if not empty, takes the place of the grid's From.
	source string
	depth  int
	err    error
}

// maxDepth bounds how deep conditions nest, well below what PostgreSQL's parser takes.
const maxDepth = 40

func (g *Grid) statement() *statement { return &statement{grid: g} }

// arg adds a parameter and returns its placeholder.
func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// use returns the column's expression and notes the joins it needs.
func (s *statement) use(name string) string {
	c := s.grid.column(name)
	if s.named != nil {
		s.named[name] = true
	}
	s.need(c.Joins)
	return s.expand(c.SQL, c.Args)
}

// useOrder returns the expression the column is sorted by and its type.
func (s *statement) useOrder(name string) (string, Type) {
	c := s.grid.column(name)
	if c.Order == "" {
		return s.use(name), c.Type
	}
	s.need(c.Joins)
	return c.Order, c.OrderType
}

// expand puts a placeholder for each argument in place of its question mark. The text is constant.
func (s *statement) expand(sql string, args []any) string {
	var b strings.Builder
	for _, arg := range args {
		before, after, _ := strings.Cut(sql, "?")
		b.WriteString(before + s.arg(arg))
		sql = after
	}
	return b.String() + sql
}

func (s *statement) need(joins []string) {
	if s.joins == nil && len(joins) > 0 {
		s.joins = make(map[string]bool)
	}
	for _, j := range joins {
		s.joins[j] = true
	}
}

// from writes the FROM clause with the joins noted so far, each once, in the grid's order.
func (s *statement) from() string {
	var b strings.Builder
	if s.source != "" {
		b.WriteString("FROM " + s.source)
	} else {
		b.WriteString("FROM " + s.grid.From)
	}
	for _, j := range s.grid.Joins {
		if s.joins[j.Name] {
			b.WriteString("\n" + j.SQL)
		}
	}
	return b.String()
}

// where writes the WHERE clause: the seller first, then the conditions given that are not empty.
func (s *statement) where(seller any, conditions ...string) string {
	parts := []string{s.grid.Seller + " = " + s.arg(seller)}
	for _, c := range conditions {
		if c != "" {
			parts = append(parts, c)
		}
	}
	return "WHERE " + strings.Join(parts, "\n\tAND ")
}

// build writes a condition, or nothing where there is none.
func (s *statement) build(c Condition) string {
	if c == nil {
		return ""
	}
	return c.build(s)
}

// refuse notes what is wrong with the request, unless something is already, and returns what to write in its place.
func (s *statement) refuse(format string, args ...any) string {
	if s.err == nil {
		s.err = inputErrorf(format, args...)
	}
	return "FALSE"
}

// nest writes a condition inside another one and refuses what is nested too deep.
func (s *statement) nest(c Condition) string {
	if s.depth == maxDepth {
		return s.refuse("the filter is nested more than %d levels deep; write it flatter", maxDepth)
	}
	s.depth++
	defer func() { s.depth-- }()
	return c.build(s)
}
