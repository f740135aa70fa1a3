package grid

import (
	"context"
	"fmt"
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
	// Number is the column of the grid that has the numbers of that list's records.
	Number string
	// Text is what to look for, ignoring case; % and _ mean themselves.
	Text string
	// Most is how many matches are taken by their numbers.
	Most int
	// Otherwise is the condition where more rows match, or the text is too short for the index.
	Otherwise Condition
}

// shortest is the length, in characters, of a text that the index knows the parts of.
const shortest = 3

// Matching returns the condition that a search found something.
func Matching(s Search) Condition { return &search{Search: s} }

// search is a Search and, once the database was asked, what to put into statements.
type search struct {
	Search
	found Condition
}

func (f *search) build(s *statement) string {
	if f.found == nil {
		return f.Otherwise.build(s)
	}
	return f.found.build(s)
}

// prepare asks the database.
func (f *search) prepare(ctx context.Context, tx *postgres.Tx) error {
	if f.found != nil || utf8.RuneCountInString(f.Text) < shortest {
		return nil
	}
	var numbers pq.Int64Array
	err := tx.GetContext(ctx, &numbers, `SELECT matches($1, $2, $3)`, f.List, Pattern(f.Text), f.Most)
	if err != nil {
		return fmt.Errorf("search %s: %w", f.List, err)
	}
	f.found = f.Otherwise
	if numbers != nil {
		f.found = conditionFunc(func(s *statement) string { return s.use(f.Number) + " = ANY(" + s.arg(numbers) + ")" })
	}
	return nil
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
