package connectwise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"crosswalk/internal/psa"
)

const (
	// parallelChunks is how many parts of one by-id read are asked for at a time.
	parallelChunks = 4
	// maxEmptyPages is how many pages in a row may be empty although another one is announced.
	maxEmptyPages = 3
)

// eachPage reads a whole listing and gives take its records page by page, in ascending id. An error of take
// ends it and is returned as it is.
//
// It pages forward-only where the endpoint can, which neither skips nor repeats records while they change,
// and by number where it cannot. Either way ids must grow from page to page, so it always ends.
func eachPage[R record](ctx context.Context, c *Client, list listing, take func([]R) error) error {
	at := firstPosition(!c.habits.of(list.kind).navigable)
	progress := progress{}
	for {
		got, err := fetch[R](ctx, c, list, at)
		if at.forwardOnly && at.isFirst() && lacksForwardOnly(got, err) {
			c.habits.learn(list.kind, func(h *habit) { h.navigable = true })
			at = firstPosition(false)
			continue
		}
		if err != nil {
			return err
		}
		slices.SortFunc(got.records, func(a, b R) int { return cmp.Compare(a.recordID(), b.recordID()) })
		if err := advance(&progress, got); err != nil {
			return brokenPaging(list, err)
		}
		if len(got.records) > 0 {
			if err := take(got.records); err != nil {
				return err
			}
		}
		next, more := nextPosition(at, got, progress)
		if !more {
			return nil
		}
		at = next
	}
}

func firstPosition(forwardOnly bool) position {
	return position{forwardOnly: forwardOnly, number: 1, size: maxPageSize, sorted: true}
}

// lacksForwardOnly reports whether the first answer to a forward-only request shows that the endpoint does
// not know it: the Link header is missing, or leads to a page number, or the request was refused.
func lacksForwardOnly[R record](got page[R], err error) bool {
	var refused *psa.RefusedError
	if err != nil {
		return errors.As(err, &refused) && refused.Status == http.StatusBadRequest
	}
	return got.count > 0 && !got.links.present || got.links.next && got.links.nextPageID == ""
}

// progress is how far a listing was read.
type progress struct {
	last psa.RecordID
	// largest is the record count of the largest page so far: what the server takes for a full page.
	largest int
	// empty counts the empty pages in a row.
	empty int
}

// advance checks that a page leads on. Its records are in ascending id.
func advance[R record](p *progress, got page[R]) error {
	p.largest = max(p.largest, got.count)
	p.empty++
	if got.count > 0 {
		p.empty = 0
	}
	if p.empty > maxEmptyPages {
		return fmt.Errorf("%d empty pages in a row", p.empty)
	}
	for _, r := range got.records {
		if r.recordID() <= p.last {
			return fmt.Errorf("record %d comes after record %d", r.recordID(), p.last)
		}
		p.last = r.recordID()
	}
	return nil
}

// nextPosition decides whether and where to go on after a page.
func nextPosition[R record](at position, got page[R], p progress) (position, bool) {
	next := at
	next.number++
	if !at.forwardOnly {
		// Without a Link header everything fitted on one page, unless the page is full: then count on.
		return next, got.links.next || !got.links.present && got.count >= got.size
	}
	next.pageID = got.links.nextPageID
	switch {
	case got.links.next && (next.pageID == "" || next.pageID == at.pageID && got.count > 0):
		next.pageID = fmt.Sprint(p.last)
	case !got.links.present && got.count > 0 && got.count >= p.largest:
		// The empty header of a last page may get lost on the way; a full page may still not be the last.
		next.pageID = fmt.Sprint(p.last)
	case !got.links.next:
		return at, false
	}
	return next, next.pageID != at.pageID
}

func brokenPaging(list listing, err error) error {
	return &psa.UnavailableError{
		Reason: "ConnectWise sent pages that do not follow one another",
		Err:    fmt.Errorf("%s: %w", list.operation, err),
	}
}

// all reads a whole listing into memory.
func all[R record](ctx context.Context, c *Client, list listing) ([]R, error) {
	var records []R
	err := eachPage(ctx, c, list, func(page []R) error {
		records = append(records, page...)
		return nil
	})
	return records, err
}

// byID reads the records with the given ids in as few calls as the length of a URL allows, some at a time.
// The result is in ascending id. It is complete: an id that is missing from it does not exist.
func byID[R record](ctx context.Context, c *Client, list listing, ids []psa.RecordID) ([]R, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	chunks := splitIDs(ids, c.lengthOfURL(ctx, list))
	results := make([][]R, len(chunks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelChunks)
	if c.gate.isTrying() {
		group.SetLimit(1) // one call tries whether ConnectWise answers again; the others would be refused meanwhile
	}
	for i, chunk := range chunks {
		group.Go(func() (err error) {
			results[i], err = chunkByID[R](ctx, c, list, chunk)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(results...), nil
}

// lengthOfURL returns a function that tells how long the URL is that asks for a chunk.
func (c *Client) lengthOfURL(ctx context.Context, list listing) func([]psa.RecordID) int {
	base := c.base(c.codebases.current(ctx))
	withFields := !c.habits.of(list.kind).allFields
	return func(ids []psa.RecordID) int {
		list.where = anyID(ids)
		query := list.query(position{number: 1}, len(ids), withFields)
		return len(call{path: list.path, query: query}.url(base))
	}
}

// chunkByID asks for ids that fit one page, and follows further pages should the server cut it smaller.
func chunkByID[R record](ctx context.Context, c *Client, list listing, ids []psa.RecordID) ([]R, error) {
	list.where, list.complete = anyID(ids), true
	missing := make(map[psa.RecordID]bool, len(ids))
	for _, id := range ids {
		missing[id] = true
	}
	var found []R
	seenOn := make(map[psa.RecordID]int, len(ids)) // the page a record was on
	for at := (position{number: 1, size: len(ids)}); ; at.number++ {
		got, err := fetch[R](ctx, c, list, at)
		if err != nil {
			return nil, err
		}
		for _, r := range got.records {
			id := r.recordID()
			if earlier := seenOn[id]; earlier != 0 && earlier != at.number {
				return nil, brokenPaging(list, fmt.Errorf("record %d comes on page %d and %d", id, earlier, at.number))
			}
			seenOn[id] = at.number
			if missing[id] {
				delete(missing, id)
				found = append(found, r)
			}
		}
		announced := got.links.next || !got.links.present && got.count >= got.size
		if len(missing) == 0 || got.count == 0 || !announced {
			break
		}
	}
	slices.SortFunc(found, func(a, b R) int { return cmp.Compare(a.recordID(), b.recordID()) })
	return found, nil
}
