package connectwise

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// links is the Link header of a list answer.
type links struct {
	// present is true when there is a header, even an empty one, which ends a forward-only list.
	present bool
	// next is true when a further page is announced.
	next bool
	// nextPageID is the pageId of that page; empty when its link carries none.
	nextPageID string
}

// linkForm is one entry of a Link header. It is found by its angle brackets: the addresses repeat the
// conditions, commas and semicolons included.
var linkForm = regexp.MustCompile(`<([^>]*)>([^<]*)`)

// relNext is the parameter that marks the next page, quoted or not, alone or among other relations.
var relNext = regexp.MustCompile(`(?i);\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)`)

// parseLinks reads whether there is a next page and its pageId, nothing else: the address of the next page is
// built from our own base, so that no answer can direct the credentials elsewhere.
func parseLinks(header http.Header) links {
	values, present := header["Link"]
	found := links{present: present}
	for _, entry := range linkForm.FindAllStringSubmatch(strings.Join(values, ", "), -1) {
		if !relNext.MatchString(entry[2]) {
			continue
		}
		found.next = true
		_, rawQuery, _ := strings.Cut(entry[1], "?")
		query, _ := url.ParseQuery(rawQuery) // what is readable is enough
		for name, values := range query {
			if strings.EqualFold(name, "pageId") {
				found.nextPageID = values[0]
			}
		}
		break
	}
	return found
}
