package feed

import (
	"context"
	"fmt"

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

// walk reads a collection page by page and hands each page on once, in order, until the pages cover the
// collection. It never takes a part for the whole: pages that are missing or too short are errors.
//
// Other people's invoices may be added or removed upstream in the meantime. Rows that move to a later page
// come again and are dropped; rows that move to an earlier page are fetched from there.
func walk[T any](ctx context.Context, c *Client, from collection[T], query string, yield func(platform.Page, []T) error) error {
	at := place{number: 1}
	total, lastPage := 0, 0
	var previous map[string]bool
	for {
		page, err := fetch(ctx, c, from, query, at)
		if err != nil {
			return err
		}
		if at.number == 1 {
			at.size, lastPage = len(page.items), pageLimit(page)
		}
		items := unseen(from, page.items, previous)
		if len(page.items) > 0 && len(items) == 0 {
			return c.giveUp(from.op, at.number, &failure{reason: fmt.Sprintf("the page repeats page %d", at.number-1)})
		}
		if page.total < total {
			moved, err := fetchMoved(ctx, c, from, query, at, total-page.total, previous)
			if err != nil {
				return err
			}
			items = append(moved, items...)
		}
		if len(items) > 0 {
			if err := yield(platform.Page{Number: at.number, TotalCount: page.total}, items); err != nil {
				return err
			}
		}
		at.before += len(page.items)
		if at.before >= page.total {
			return nil
		}
		total, previous = page.total, idsOf(from, page.items)
		at.number++
		if at.number > lastPage {
			return c.giveUp(from.op, at.number, &failure{reason: "the collection grows faster than it can be read"})
		}
	}
}

// pageLimit is how many pages are read at most, judged by the first one: twice what is there, and some.
func pageLimit[T any](first page[T]) int {
	return 2*(first.total/max(len(first.items), 1)) + 100
}

// fetchMoved returns the rows that were on the page at when the page before it was read and have moved
// there since, because rows were removed. Only a shift by less than a page can be seen through.
func fetchMoved[T any](ctx context.Context, c *Client, from collection[T], query string, at place, removed int, previous map[string]bool) ([]T, error) {
	if removed > len(previous) {
		return nil, c.giveUp(from.op, at.number, &failure{reason: fmt.Sprintf("%d rows disappeared while the collection was read", removed)})
	}
	earlier := place{number: at.number - 1, before: at.before - len(previous), size: at.size}
	page, err := fetch(ctx, c, from, query, earlier)
	if err != nil {
		return nil, err
	}
	return unseen(from, page.items, previous), nil
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
