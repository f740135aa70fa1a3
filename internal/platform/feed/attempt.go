package feed

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxRedirects is how many redirects within the feed's own host are followed.
const maxRedirects = 3

// errForeignRedirect means that the feed pointed elsewhere; the credentials do not follow.
var errForeignRedirect = errors.New("redirects to another host are not followed")

func newHTTPClient(base *url.URL, allowInsecure bool) *http.Client {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	if !allowInsecure {
		dialer.Control = publicOnly
	}
	return &http.Client{
		// There is no proxy: behind one the address that is dialled would no longer be the feed's.
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    15 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if next.URL.Scheme != base.Scheme || !strings.EqualFold(next.URL.Host, base.Host) {
				return errForeignRedirect
			}
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return nil
		},
	}
}

// attempt asks for one page once and within the time of one try.
func attempt[T any](ctx context.Context, c *Client, from collection[T], query string, at place) (page[T], *failure) {
	ctx, cancel := context.WithTimeout(ctx, c.attemptTimeout)
	defer cancel()
	read, trouble := exchange(ctx, c, from, query, at)
	if trouble != nil && trouble.passing && ctx.Err() != nil {
		// Whatever it looked like, such as a connection closed under the reader, it was the time.
		trouble.reason = fmt.Sprintf("the feed did not answer completely within %s", c.attemptTimeout)
	}
	return read, trouble
}

func exchange[T any](ctx context.Context, c *Client, from collection[T], query string, at place) (page[T], *failure) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(from.path, query, at.number), http.NoBody)
	if err != nil {
		return page[T]{}, &failure{reason: "the request could not be made", err: err}
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "crosswalk")
	c.authorize(request.Header)

	response, err := c.http.Do(request)
	if err != nil {
		return page[T]{}, c.exchangeFailure(err)
	}
	defer func() { _ = response.Body.Close() }()
	body := bufio.NewReader(&boundedBody{body: response.Body, left: c.maxPageBytes})
	if response.StatusCode != http.StatusOK {
		return page[T]{}, c.statusFailure(response, body)
	}
	if isWebPage(response.Header, body) {
		return page[T]{}, &failure{reason: "a web page came instead of data", passing: true}
	}
	read, err := decodePage(body, from.read)
	if err != nil {
		return page[T]{}, c.pageFailure(err)
	}
	return read, at.check(read.number, len(read.items), read.total)
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
