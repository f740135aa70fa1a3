package feed

import (
	"context"
	"fmt"
	"sync"

	"crosswalk/internal/platform"
)

// place is where in a collection a page stands, as far as the pages before it tell.
type place struct {
	number int
	// before is how many rows the earlier pages hold.
	before int
	// size is how many rows a full page holds; 0 while the first page is unread. It is what the feed really
	// sends, which may be less than it was asked for.
	size int
}

// maxRounds is how often the pages of a collection are read, in the hope that it keeps still for once.
const maxRounds = 5

// walk reads a collection page by page and hands each page on once, in order, until it has handed on as many rows as
// there are. It never takes a part for the whole: pages that are missing or too short are errors.
//
// Other people's invoices may be added or removed upstream in the meantime. Rows that move to a later page
// come again and are dropped; rows that move to an earlier page are fetched from there. That rows were added to a
// page already read shows at the end, because some are missing: then all is read and handed on again, from page 1 on.
// Rows that the feed itself lists twice, one after the other, cost a second round.
//
// What cannot be noticed is that, between two pages, one row is removed from the pages already read and another one
// added: the size stays. The row that moved to an earlier page, or the one added there, is left to a later read.
func walk[T any](ctx context.Context, c *Client, from collection[T], query string, yield func(platform.Page, []T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &walker[T]{
		from: from, yield: yield,
		fetch: func(at place) (page[T], error) { return fetch(ctx, c, from, query, at) },
		giveUp: func(number int, reason string) error {
			return c.giveUp(from.op, number, &failure{reason: reason})
		},
	}
	defer w.ahead.Wait()
	defer cancel()
	for range maxRounds {
		whole, err := w.round()
		if err != nil || whole {
			return err
		}
		w.again = true
	}
	return w.giveUp(0, "the list kept changing while it was read")
}

// walker is one read of a collection.
type walker[T any] struct {
	from   collection[T]
	fetch  func(place) (page[T], error)
	giveUp func(number int, reason string) error
	yield  func(platform.Page, []T) error

	// ahead is the page that is being read while the one before it is dealt with.
	ahead sync.WaitGroup
	// handed is how many rows the latest round handed on.
	handed int
	// again is true from the second round on.
	again bool
}

// round reads all pages once and reports whether it handed on all that the collection holds: as many rows as there are, or as
// many as the round before of a collection that kept its size.
func (w *walker[T]) round() (whole bool, err error) {
	at := place{number: 1}
	total, lastPage := 0, 0
	handed, still, blind := 0, true, false
	var previous map[string]bool
	next := func() (page[T], error) { return w.fetch(at) }
	for {
		page, err := next()
		if err != nil {
			return false, err
		}
		if at.number == 1 {
			at.size, lastPage = len(page.items), pageLimit(page)
		}
		items := unseen(w.from, page.items, previous)
		if len(page.items) > 0 && len(items) == 0 {
			return false, w.giveUp(at.number, fmt.Sprintf("the page repeats page %d", at.number-1))
		}
		if page.total < total {
			moved, err := w.fetchMoved(at, total-page.total, previous)
			if err != nil {
				return false, err
			}
			items = append(moved, items...)
		}
		after := place{number: at.number + 1, before: at.before + len(page.items), size: at.size}
		isLast := after.before >= page.total
		if !isLast && after.number <= lastPage {
			next = w.readAhead(after)
		}
		if handed += len(items); len(items) > 0 || w.again && at.number == 1 {
			if err := w.yield(platform.Page{Number: at.number, TotalCount: page.total}, items); err != nil {
				return false, err
			}
		}
		still = still && (at.number == 1 || page.total == total)
		// Rows that moved by more than a page are not known again.
		blind = blind || at.number > 1 && page.total-total > len(previous)
		switch {
		case isLast:
			settled := w.again && still && handed == w.handed
			w.handed = handed
			return handed >= page.total && !blind || settled, nil
		case after.number > lastPage:
			return false, w.giveUp(after.number, "the collection grows faster than it can be read")
		}
		total, previous, at = page.total, idsOf(w.from, page.items), after
	}
}

// readAhead begins to read a page and returns what waits for it. A panic reaches who waits.
func (w *walker[T]) readAhead(at place) func() (page[T], error) {
	var (
		read     page[T]
		err      error
		panicked any
	)
	done := make(chan struct{})
	w.ahead.Go(func() {
		defer close(done)
		defer func() { panicked = recover() }()
		read, err = w.fetch(at)
	})
	return func() (page[T], error) {
		<-done
		if panicked != nil {
			panic(panicked)
		}
		return read, err
	}
}

// pageLimit is how many pages are read at most, judged by the first one: twice what is there, and some.
func pageLimit[T any](first page[T]) int {
	return 2*(first.total/max(len(first.items), 1)) + 100
}

// fetchMoved returns the rows that were on the page at when the page before it was read and have moved
// there since, because rows were removed. Only a shift by less than a page can be seen through.
func (w *walker[T]) fetchMoved(at place, removed int, previous map[string]bool) ([]T, error) {
	if removed > len(previous) {
		return nil, w.giveUp(at.number, fmt.Sprintf("%d rows disappeared while the collection was read", removed))
	}
	earlier := place{number: at.number - 1, before: at.before - len(previous), size: at.size}
	page, err := w.fetch(earlier)
	if err != nil {
		return nil, err
	}
	return unseen(w.from, page.items, previous), nil
}

func unseen[T any](from collection[T], items []T, previous map[string]bool) []T {
	kept := make([]T, 0, len(items))
	for _, item := range items {
		if !previous[from.id(item)] {
			kept = append(kept, item)
		}
	}
	return kept
}

func idsOf[T any](from collection[T], items []T) map[string]bool {
	ids := make(map[string]bool, len(items))
	for _, item := range items {
		ids[from.id(item)] = true
	}
	return ids
}

// check reports what keeps a page from being the one at its place.
func (at place) check(number, items, total int) *failure {
	if number != 0 && number != at.number {
		return &failure{reason: fmt.Sprintf("page %d came instead", number)}
	}
	if at.before+items >= total || (items > 0 && items >= at.size) {
		return nil
	}
	return &failure{
		reason:  fmt.Sprintf("the page ends too early: row %d of %d is missing", at.before+items+1, total),
		passing: true,
	}
}
