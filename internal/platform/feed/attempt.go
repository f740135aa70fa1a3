package feed

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"crosswalk/internal/outbound"
)

// attempt asks for one page once and within the time of one try.
func attempt[T any](ctx context.Context, c *Client, from collection[T], query string, at place) (page[T], *failure) {
	ctx, cancel := context.WithTimeout(ctx, c.attemptTimeout)
	defer cancel()
	began := c.clock()
	read, status, trouble := exchange(ctx, c, from, query, at)
	if trouble != nil && trouble.passing && ctx.Err() != nil {
		// Whatever it looked like, such as a connection closed under the reader, it was the time.
		trouble.reason = fmt.Sprintf("the feed did not answer completely within %s", c.attemptTimeout)
	}
	call := Call{Operation: "read " + from.op, Status: status, Duration: c.clock().Sub(began)}
	if trouble != nil {
		call.Err = trouble
	}
	c.observe(ctx, call)
	return read, trouble
}

// exchange also returns the status of the answer; 0 when none came.
func exchange[T any](ctx context.Context, c *Client, from collection[T], query string, at place) (page[T], int, *failure) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(from.path, query, at.number), http.NoBody)
	if err != nil {
		return page[T]{}, 0, &failure{reason: "the request could not be made", err: err}
	}
	request.Header.Set("Accept", "application/json")
	c.authorize(request.Header)

	response, err := outbound.Do(c.http, request, c.maxPageBytes)
	if err != nil {
		return page[T]{}, 0, c.exchangeFailure(err)
	}
	defer func() { _ = response.Body.Close() }()
	body := bufio.NewReader(arriving{response.Body})
	if response.StatusCode != http.StatusOK {
		return page[T]{}, response.StatusCode, c.statusFailure(response, body)
	}
	if isWebPage(response.Header, body) {
		return page[T]{}, response.StatusCode, &failure{reason: "a web page came instead of data", passing: true}
	}
	read, err := decodePage(body, from.read)
	if err != nil {
		return page[T]{}, response.StatusCode, c.pageFailure(err)
	}
	return read, response.StatusCode, at.check(read.number, len(read.items), read.total)
}

func (c *Client) address(path, query string, number int) string {
	address := c.base.JoinPath(path)
	address.RawQuery = fmt.Sprintf("%s&page=%d&pageSize=%d", query, number, c.pageSize)
	return address.String()
}

// isWebPage looks at the first character that is not white space, without taking anything but white space
// and a byte order mark from the body.
func isWebPage(header http.Header, body *bufio.Reader) bool {
	if strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		return true
	}
	if mark, _ := body.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = body.Discard(len(mark))
	}
	for {
		next, err := body.Peek(1)
		if err != nil || !bytes.ContainsAny(next, " \t\r\n") {
			return len(next) == 1 && next[0] == '<'
		}
		_, _ = body.Discard(1)
	}
}
