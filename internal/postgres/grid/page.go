package grid

import (
	"fmt"
)

// DefaultSize and MaxSize bound the rows of one page.
const (
	DefaultSize = 20
	MaxSize     = 1000
)

// InputError is a request that cannot be answered as it stands; its text says what to do.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

// Code is the error's code for clients.
func (e *InputError) Code() string { return "BAD_USER_INPUT" }

// Extensions returns nothing more.
func (e *InputError) Extensions() map[string]any { return nil }

func inputErrorf(format string, args ...any) error {
	return &InputError{Message: fmt.Sprintf(format, args...)}
}

// Page is the part of a list that a caller asks for. NewPage makes one.
type Page struct {
	size          int
	backward      bool
	after, before string
	offset        int
}

// FirstRows is the page of the first n rows; n is at most MaxSize.
func FirstRows(n int) Page { return Page{size: n} }

// NewPage reads the paging arguments of a connection; nil stands for an argument that was not given.
// Its errors are *InputError.
func NewPage(first *int, after *string, last *int, before *string, offset *int) (Page, error) {
	p := Page{size: DefaultSize}
	switch {
	case first != nil && last != nil:
		return p, inputErrorf("give either first or last, not both: first pages forward, last pages backward")
	case first != nil:
		p.size = *first
	case last != nil:
		p.size, p.backward = *last, true
	case before != nil && after == nil:
		p.backward = true
	}
	if p.size < 1 || p.size > MaxSize {
		name := "first"
		if last != nil {
			name = "last"
		}
		return p, inputErrorf("%s must be between 1 and %d; it is %d", name, MaxSize, p.size)
	}
	if after != nil {
		p.after = *after
	}
	if before != nil {
		p.before = *before
	}
	if p.after == "" && after != nil || p.before == "" && before != nil {
		return p, inputErrorf("a cursor must not be empty: leave the argument out to start at the end of the list")
	}
	if offset != nil {
		switch {
		case *offset < 0:
			return p, inputErrorf("offset must not be negative; it is %d", *offset)
		case first == nil:
			return p, inputErrorf("offset needs first, the number of rows on each page")
		case after != nil || before != nil:
			return p, inputErrorf("give either offset or a cursor, not both")
		}
		p.offset = *offset
	}
	return p, nil
}

// WithoutRows is the page for a caller who wants totals or facets alone. Its cursors are checked all the same.
func (p Page) WithoutRows() Page {
	p.size = 0
	return p
}

// IsShorterThan reports whether the page has fewer rows than n.
func (p Page) IsShorterThan(n int) bool { return p.size < n }

// IsBackward reports whether the page is read towards the start of the list.
func (p Page) IsBackward() bool { return p.backward }

// isFirst reports whether the page begins where the list does.
func (p Page) isFirst() bool { return !p.backward && p.after == "" && p.before == "" && p.offset == 0 }
