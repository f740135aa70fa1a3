package grid

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lib/pq"

	"crosswalk/internal/postgres"
)

// A text to look for is best looked up in its index first, which policies forbid the statement of a list. Where few rows
// match, the list is read by their numbers; where many do, it is read in its order, and the page soon is full.

// Search is a condition on a text that has an index, in the list or in one that its rows refer to.
type Search struct {
	// List names what is searched, as the function matches of the database knows it.
	List string
	// Number is the column of the grid that has the numbers of that list's records; Short says that it is an int rather than a bigint,
	// which a long list of numbers is compared with much faster if it is one of the same.
	Number string
	Short  bool
	// Text is what to look for, ignoring case; % and _ mean themselves.
	Text string
	// Most is how many matches are taken by their numbers.
	Most int
	// Ranked is true for a list that shows the best match first, as the function best_matches of the database sorts.
	Ranked bool
	// Otherwise is the condition where more rows match, or the text is too short for the index. Common, if not nil, is a better one
	// where it is known that many rows match: it takes longer for each row, and nothing before the first.
	Otherwise, Common Condition
}

// shortest is the length, in characters, of a text that the index knows the parts of.
const shortest = 3

// Dense is how many matches are so many that the list is read in its order rather than by their numbers.
const Dense = 1000

// Matching returns the condition that at least one of the searches found a row.
func Matching(searches ...Search) Condition { return &search{searches: searches} }

// search is some searches and, once the database was asked, what to put into statements.
type search struct {
	searches []Search
	found    Condition
	// few is true where so few rows match that they are best read first, and put in order then.
	few bool
	// best holds for the first of many matches in a ranked list.
	best Condition
}

func (f *search) build(s *statement) string {
	if f.found != nil {
		return s.nest(f.found)
	}
	return s.nest(f.otherwise())
}

func (f *search) otherwise() Condition {
	conditions := make([]Condition, len(f.searches))
	for i, each := range f.searches {
		conditions[i] = each.Otherwise
	}
	return Any(conditions...)
}

// prepare asks the database. If best is not 0, a ranked list is read from its beginning, for which the database is asked for so many
// of the best matches; if counted, the rest are to be counted.
func (f *search) prepare(ctx context.Context, tx *postgres.Tx, best int, counted bool) error {
	switch {
	case f.found != nil:
		return nil
	case utf8.RuneCountInString(f.searches[0].Text) < shortest:
		f.found = Likely(f.otherwise())
		return nil
	}
	if err := f.find(ctx, tx, best); err != nil || f.best == nil || !counted {
		return err
	}
	return f.find(ctx, tx, 0)
}

// find asks the database for the numbers of what matches, or of the best of it.
func (f *search) find(ctx context.Context, tx *postgres.Tx, best int) error {
	numbers, err := f.numbers(ctx, tx, best)
	if err != nil {
		return err
	}
	dense := false
	conditions := make([]Condition, len(f.searches))
	for i, each := range f.searches {
		conditions[i] = each.Otherwise
		switch {
		case numbers[i] == nil:
			dense = true
			if each.Common != nil {
				conditions[i] = each.Common
			}
		case each.Ranked && best > 0 && len(numbers[i]) == best:
			f.best = each.among(numbers[i])
		default:
			conditions[i] = each.among(numbers[i])
			dense = dense || len(numbers[i]) > Dense && !each.Ranked
		}
	}
	f.found, f.few = Any(conditions...), !dense && f.best == nil
	if dense {
		f.found = Likely(f.found)
	}
	return nil
}

// numbers returns the numbers of what matches each search, nil for one that too much matches; of the best, if best is not 0, for
// a ranked one.
func (f *search) numbers(ctx context.Context, tx *postgres.Tx, best int) ([]pq.Int64Array, error) {
	calls := make([]string, len(f.searches))
	var args []any
	for i, each := range f.searches {
		call := []any{each.List, Pattern(each.Text), each.Most}
		function := "matches"
		if each.Ranked && best > 0 {
			function, call = "best_matches", []any{each.List, Escape(each.Text), best}
		}
		calls[i] = fmt.Sprintf("%s($%d, $%d, $%d)", function, len(args)+1, len(args)+2, len(args)+3)
		args = append(args, call...)
	}
	numbers := make([]pq.Int64Array, len(calls))
	found := make([]any, len(calls))
	for i := range numbers {
		found[i] = &numbers[i]
	}
	row := tx.QueryRowxContext(postgres.Reuse(ctx), "SELECT "+strings.Join(calls, ", "), args...)
	if err := row.Scan(found...); err != nil {
		return nil, fmt.Errorf("search %s: %w", f.searches[0].List, err)
	}
	return numbers, nil
}

// among holds for rows with one of the numbers.
func (s Search) among(numbers pq.Int64Array) Condition {
	kind := "bigint[]"
	if s.Short {
		kind = "int[]"
	}
	return conditionFunc(func(of *statement) string { return of.use(s.Number) + " = ANY(" + of.arg(numbers) + "::" + kind + ")" })
}

// prepare asks the database for what a condition needs to know before it is part of a statement.
func prepare(ctx context.Context, tx *postgres.Tx, c Condition, best int, counted bool) error {
	for _, s := range searches(c) {
		if err := s.prepare(ctx, tx, best, counted); err != nil {
			return err
		}
	}
	return nil
}

// searches returns the searches that a condition is made of.
func searches(c Condition) []*search {
	switch of := c.(type) {
	case *search:
		return []*search{of}
	case combination:
		var all []*search
		for _, part := range of.conditions {
			all = append(all, searches(part)...)
		}
		return all
	}
	return nil
}

// readFirst makes the statement read the rows that a search found before everything else, if there is a search that found
// few or the window is that of the best, and returns what is left of the condition. The database would rather go through the
// list in its order, because it takes matches for evenly spread.
func (s *statement) readFirst(seller any, where Condition, window int) (rest Condition) {
	conjuncts := flat(where)
	for at, c := range conjuncts {
		found, ok := c.(*search)
		if !ok || found.first(window) == nil {
			continue
		}
		s.source = fmt.Sprintf("(\nSELECT %[1]s.*\nFROM %[2]s\n%[3]s\nOFFSET 0\n) %[1]s", s.grid.alias(), s.grid.From, s.where(seller, s.build(found.first(window))))
		return All(slices.Delete(conjuncts, at, at+1)...)
	}
	return where
}

// first is what holds for the rows to read before everything else; nil if the list is better read in its order.
func (f *search) first(window int) Condition {
	switch {
	case window == bestMatches:
		return f.best
	case f.few:
		return f.found
	}
	return nil
}

// hasBest reports whether the request is for the beginning of a ranked list that very much matches.
func (r Request) hasBest() bool {
	return r.Page.isFirst() && slices.ContainsFunc(flat(r.Where), func(c Condition) bool {
		found, ok := c.(*search)
		return ok && found.best != nil
	})
}
