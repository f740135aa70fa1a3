package connectwise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"crosswalk/internal/psa"
)

// listing is a list of records to read, before it is cut into pages.
type listing struct {
	operation string
	scope     scope
	// kind names the endpoint in habits: "additions" whatever the agreement.
	kind string
	path string
	// fields are the names to ask for; empty asks for all.
	fields string
	where  condition
	// complete makes a record without a readable id an error. Where it is false such a record is skipped
	// with a warning: one damaged record must not keep all others from being read.
	complete bool
}

// habit is what an endpoint turned out to want.
type habit struct {
	// navigable means that forward-only paging is not supported.
	navigable bool
	// allFields means that the fields parameter is refused.
	allFields bool
	// pageSize is the largest page asked for.
	pageSize int
}

// smallPageSize is what servers with an older limit accept.
const smallPageSize = 100

// habits remembers how endpoints deviate, so that each deviation costs one extra call only.
type habits struct {
	mu    sync.Mutex
	kinds map[string]habit
}

func newHabits() *habits { return &habits{kinds: make(map[string]habit)} }

func (h *habits) of(kind string) habit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known(kind)
}

func (h *habits) learn(kind string, change func(*habit)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.known(kind)
	change(&known)
	h.kinds[kind] = known
}

func (h *habits) known(kind string) habit {
	if known, ok := h.kinds[kind]; ok {
		return known
	}
	return habit{pageSize: maxPageSize}
}

// position is a page of a listing.
type position struct {
	// forwardOnly pages are found by pageID, the others by number.
	forwardOnly bool
	// pageID is empty for the first forward-only page.
	pageID string
	// number counts from 1.
	number int
	// size is the largest number of records wanted.
	size int
	// sorted asks navigable pages to come by id; a single page needs no order.
	sorted bool
}

// isFirst reports whether nothing was read before this page.
func (p position) isFirst() bool { return p.pageID == "" && p.number <= 1 }

// page is a decoded page of a listing.
type page[R record] struct {
	records []R
	// count includes the records that were skipped.
	count int
	// size is how many were asked for.
	size  int
	links links
}

// fetch reads one page, giving in to an endpoint that refuses the fields parameter or the page size.
func fetch[R record](ctx context.Context, c *Client, list listing, at position) (page[R], error) {
	for {
		known := c.habits.of(list.kind)
		size := min(at.size, known.pageSize)
		withFields := list.fields != "" && !known.allFields
		got, err := fetchOnce[R](ctx, c, list, at, size, withFields)
		var refused *psa.RefusedError
		if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
			return got, err
		}
		switch {
		case size > smallPageSize && blames(refused, "pageSize"):
			c.habits.learn(list.kind, func(h *habit) { h.pageSize = smallPageSize })
		case withFields:
			got, retryErr := fetchOnce[R](ctx, c, list, at, size, false)
			if retryErr != nil {
				return got, err // the fields were not to blame
			}
			c.habits.learn(list.kind, func(h *habit) { h.allFields = true })
			return got, nil
		default:
			return got, err
		}
	}
}

func blames(refused *psa.RefusedError, field string) bool {
	for _, detail := range refused.Details {
		if strings.EqualFold(detail.Field, field) {
			return true
		}
	}
	return false
}

func fetchOnce[R record](ctx context.Context, c *Client, list listing, at position, size int, withFields bool) (page[R], error) {
	var got page[R]
	err := c.read(ctx, call{
		operation: list.operation, scope: list.scope, method: http.MethodGet,
		path: list.path, query: list.query(at, size, withFields), forwardOnly: at.forwardOnly,
		decode: func(received answer) error {
			decoded, err := decodePage[R](received, list.complete)
			got = decoded
			return err
		},
	})
	if err != nil {
		return page[R]{}, err
	}
	got.size = size
	if skipped := got.count - len(got.records); skipped > 0 {
		c.log.WarnContext(ctx, "ConnectWise records without a readable id were skipped",
			"operation", list.operation, "path", list.path, "skipped", skipped)
	}
	return got, nil
}

// query encodes the parameters of one page. Conditions come first and are on every page.
func (l listing) query(at position, size int, withFields bool) string {
	var parts []string
	if l.where != "" {
		parts = append(parts, "conditions="+encodeQuery(string(l.where)))
	}
	if withFields {
		parts = append(parts, "fields="+encodeQuery(l.fields))
	}
	if !at.forwardOnly && at.sorted {
		parts = append(parts, "orderBy=id%20asc")
	}
	parts = append(parts, "pageSize="+strconv.Itoa(size))
	if at.forwardOnly && at.pageID != "" {
		parts = append(parts, "pageId="+encodeQuery(at.pageID))
	}
	if !at.forwardOnly && (at.sorted || at.number > 1) {
		parts = append(parts, "page="+strconv.Itoa(at.number))
	}
	return strings.Join(parts, "&")
}

// maxRecordsPerPage bounds the memory one answer can claim, whatever page size was asked for.
const maxRecordsPerPage = 100_000

// decodePage decodes record by record. What is not an object with a readable id is no record: that is an
// error if complete is asked for, or if there is nothing else on the page.
func decodePage[R record](received answer, complete bool) (page[R], error) {
	got := page[R]{links: parseLinks(received.header)}
	decoder := json.NewDecoder(bytes.NewReader(received.body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return got, errors.New("the answer is not a list")
	}
	for decoder.More() {
		var element json.RawMessage
		if err := decoder.Decode(&element); err != nil {
			return got, fmt.Errorf("decode a record: %w", err)
		}
		if got.count++; got.count > maxRecordsPerPage {
			return got, fmt.Errorf("the answer has more than %d records", maxRecordsPerPage)
		}
		var decoded R
		if json.Unmarshal(element, &decoded) == nil && decoded.recordID() > 0 {
			got.records = append(got.records, decoded)
		}
	}
	switch skipped := got.count - len(got.records); {
	case skipped > 0 && complete:
		return got, fmt.Errorf("records without a readable id: %d of %d", skipped, got.count)
	case skipped > 0 && len(got.records) == 0:
		return got, errors.New("no record has a readable id")
	}
	return got, nil
}
