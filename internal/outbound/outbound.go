// Package outbound calls servers whose addresses were typed in by users.
//
// It keeps such calls from being turned against the network crosswalk runs in, and the keys they carry from
// going anywhere but to the server the user named: https only, public addresses only, no redirect to another
// server, no answer without end. What is asked and what an answer means is not its business; it knows neither
// ConnectWise nor the Platform, nor when a call is worth another try.
//
// ParseURL judges an address when it is saved. That cannot be enough, since a name may lead anywhere and
// elsewhere tomorrow, so the transport of NewTransport judges again at the moment of connecting. Start
// reading at these two.
package outbound

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	idlePerServer    = 8
	maxHeaderBytes   = 64 << 10
	maxRedirects     = 3

	userAgent = "crosswalk"
)

var (
	// ErrTooLarge is the error of reading more of an answer than was allowed.
	ErrTooLarge = errors.New("the answer is larger than allowed")
	// ErrForeignRedirect means that a server pointed to another one; the keys do not follow.
	ErrForeignRedirect = errors.New("redirects to another host are not followed")
)

// NewTransport returns a transport that connects to public addresses only, or to any with allowInsecure, and
// fails with ErrPrivate otherwise. It uses no proxy: behind one the address that is dialled would no longer be
// that of the server. Calls have to bring their own time limit.
func NewTransport(allowInsecure bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !allowInsecure {
		dialer.Control = refusePrivate
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    idlePerServer,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// StayOnOrigin is a CheckRedirect of http.Client: it allows a few redirects that keep scheme, host and port,
// and fails with ErrForeignRedirect for any other.
func StayOnOrigin(next *http.Request, via []*http.Request) error {
	from := via[0].URL
	if next.URL.Scheme != from.Scheme || !strings.EqualFold(next.URL.Host, from.Host) {
		return ErrForeignRedirect
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	return nil
}

// Do sends a request and returns the answer, whose body the caller closes. Reading more than limit bytes of
// the body, counted after decompression, fails with ErrTooLarge. Errors do not repeat the address, which says
// nothing to users and may say much to others.
func Do(client *http.Client, request *http.Request, limit int64) (*http.Response, error) {
	request.Header.Set("User-Agent", userAgent)
	response, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, err
	}
	response.Body = boundedBody{http.MaxBytesReader(nil, response.Body, limit)}
	return response, nil
}

// boundedBody is a reader of http.MaxBytesReader that does not speak of requests.
type boundedBody struct{ io.ReadCloser }

func (b boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = ErrTooLarge
	}
	return n, err
}
