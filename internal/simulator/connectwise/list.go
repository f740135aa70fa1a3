package connectwise

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// selectRecords finds the records of a collection that match, in the order asked for, without paging.
func (t *tenant) selectRecords(c *collection, parent int64, q *query) []*record {
	records := c.under(parent)
	lag := t.settings.listLag()
	if q.matches != nil {
		lag = max(lag, t.settings.searchLag())
	}
	if q.narrowed {
		records = lookUp(records, q.keys)
	}
	if q.matches == nil && lag == 0 {
		return q.sortRecords(records)
	}
	known := t.clock().Add(-lag)
	matching := make([]*record, 0, min(len(records), largestPageSize))
	for _, r := range records {
		if (lag == 0 || !r.stored.After(known)) && (q.matches == nil || q.matches(r)) {
			matching = append(matching, r)
		}
	}
	return q.sortRecords(matching)
}

// lookUp returns the records of some ids, each once, by id.
func lookUp(records []*record, keys []int64) []*record {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	found := make([]*record, 0, len(keys))
	for _, key := range slices.Compact(keys) {
		if r := findRecord(records, key); r != nil {
			found = append(found, r)
		}
	}
	return found
}

// cut returns the page that was asked for and the value of the Link header, which is nil when the answer
// has none. self is the absolute URL without its query, values the query as it was sent.
func (q *query) cut(records []*record, self string, values url.Values) ([]*record, *string) {
	if q.forwardOnly {
		return q.cutForward(records, self, values)
	}
	last := (len(records) + q.pageSize - 1) / q.pageSize
	if last <= 1 {
		if q.page > 1 {
			records = nil
		}
		return records, nil
	}
	var links []string
	add := func(rel string, page int, wanted bool) {
		if wanted {
			links = append(links, q.link(self, values, "page", int64(page), rel))
		}
	}
	add("prev", min(q.page-1, last), q.page > 1)
	add("next", q.page+1, q.page < last)
	add("last", last, q.page < last)
	add("first", 1, q.page > 1)
	header := strings.Join(links, ", ")
	from := min((q.page-1)*q.pageSize, len(records))
	return records[from:min(from+q.pageSize, len(records))], &header
}

// cutForward pages by id: the Link header is always there, and empty on the last page.
func (q *query) cutForward(records []*record, self string, values url.Values) ([]*record, *string) {
	from, _ := slices.BinarySearchFunc(records, q.pageID+1, compareID)
	records = records[from:]
	header := ""
	if len(records) > q.pageSize {
		records = records[:q.pageSize]
		header = q.link(self, values, "pageId", records[q.pageSize-1].id, "next")
	}
	return records, &header
}

// link writes one entry of the Link header. Its parameter comes last and all commas of the URL are escaped:
// some clients split the header at commas, and some want the page number right before the bracket.
func (q *query) link(self string, values url.Values, parameter string, number int64, rel string) string {
	kept := url.Values{}
	for name, value := range values {
		switch name {
		case "page", "pageId", "pageSize":
		default:
			kept[name] = value
		}
	}
	var out strings.Builder
	out.WriteString("<" + self + "?")
	if encoded := kept.Encode(); encoded != "" {
		out.WriteString(encoded + "&")
	}
	out.WriteString("pageSize=" + strconv.Itoa(q.pageSize) + "&" + parameter + "=" + strconv.FormatInt(number, 10))
	out.WriteString(`>; rel="` + rel + `"`)
	return out.String()
}

func relativePath(c *collection, parent int64) string {
	return strings.ReplaceAll(c.path, "{id}", strconv.FormatInt(parent, 10))
}
