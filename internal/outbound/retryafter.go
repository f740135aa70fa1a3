package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWait keeps absurd waits within what a time.Duration can hold: some thirty years.
const longestWait = 1e9 // seconds

// RetryAfter reads how long the server wants to be left alone, in seconds or as a date; named is false where
// the header does not say so readably, and the wait is 0 where its time is over. A date is taken relative to
// the answer's own where there is one, so that clocks that differ do no harm, and relative to now elsewhere.
func RetryAfter(header http.Header, now time.Time) (wait time.Duration, named bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, longestWait) * float64(time.Second)), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if answered, err := http.ParseTime(header.Get("Date")); err == nil {
		now = answered
	}
	return max(at.Sub(now), 0), true
}
