package grid

import (
	"context"
	"fmt"
	"slices"
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
	// Ranked lists have to look at every match to know which come first, so that those taken by their numbers are always read first.
	Ranked bool
	// Otherwise is the condition where more rows match, or the text is too short for the index.
	Otherwise Condition
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
}

func (f *search) build(s *statement) string {
	if f.found != nil {
		return s.nest(f.found)
	}
	otherwise := make([]Condition, len(f.searches))
	for i, each := range f.searches {
		otherwise[i] = each.Otherwise
	}
	return s.nest(Any(otherwise...))
}

// prepare asks the database.
func (f *search) prepare(ctx context.Context, tx *postgres.Tx) error {
	if f.found != nil {
		return nil
	}
	dense := false
	conditions := make([]Condition, len(f.searches))
	for i, each := range f.searches {
		numbers, err := each.numbers(ctx, tx)
		if err != nil {
			return err
		}
		conditions[i] = each.Otherwise
		if numbers != nil {
			conditions[i] = each.among(numbers)
		}
		dense = dense || numbers == nil || len(numbers) > Dense && !each.Ranked
	}
	f.found, f.few = Any(conditions...), !dense
	if dense {
		f.found = Likely(f.found)
	}
	return nil
}

// numbers returns the numbers of what matches; nil if more than Most do, or the text is too short for the index.
func (s Search) numbers(ctx context.Context, tx *postgres.Tx) (numbers pq.Int64Array, err error) {
	if utf8.RuneCountInString(s.Text) < shortest {
		return nil, nil
	}
	if err := tx.GetContext(ctx, &numbers, `SELECT matches($1, $2, $3)`, s.List, Pattern(s.Text), s.Most); err != nil {
		return nil, fmt.Errorf("search %s: %w", s.List, err)
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
func prepare(ctx context.Context, tx *postgres.Tx, c Condition) error {
	for _, s := range searches(c) {
		if err := s.prepare(ctx, tx); err != nil {
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
// few, and returns what is left of the condition. The database would rather go through the list in its order, because it takes
// matches for evenly spread.
func (s *statement) readFirst(seller any, where Condition) (rest Condition) {
	conjuncts := flat(where)
	at := slices.IndexFunc(conjuncts, func(c Condition) bool {
		of, ok := c.(*search)
		return ok && of.few
	})
	if at < 0 {
		return where
	}
	s.source = fmt.Sprintf("(\nSELECT %[1]s.*\nFROM %[2]s\n%[3]s\nOFFSET 0\n) %[1]s", s.grid.alias(), s.grid.From, s.where(seller, s.build(conjuncts[at])))
	return All(slices.Delete(conjuncts, at, at+1)...)
}
