package outbound

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 12, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, value, date string
		want              time.Duration
		named             bool
	}{
		{"seconds", "17", "", 17 * time.Second, true},
		{"seconds with space around", " 3 ", "", 3 * time.Second, true},
		{"parts of seconds", "1.5", "", 1500 * time.Millisecond, true},
		{"no seconds", "0", "", 0, true},
		{"absurdly many seconds", "1e300", "", longestWait * time.Second, true},
		{"infinitely many seconds", "Inf", "", longestWait * time.Second, true},
		{"a date", "Tue, 12 May 2026 09:01:00 GMT", "", time.Minute, true},
		{"a date gone by", "Fri, 01 Jan 1999 12:00:00 GMT", "", 0, true},
		{"a date by a clock that is an hour late", "Tue, 12 May 2026 08:01:00 GMT", "Tue, 12 May 2026 08:00:00 GMT", time.Minute, true},
		{"a date beside an unreadable clock", "Tue, 12 May 2026 09:01:00 GMT", "teatime", time.Minute, true},
		{"nothing", "", "", 0, false},
		{"words", "soon", "", 0, false},
		{"a negative number", "-5", "", 0, false},
		{"no number", "NaN", "", 0, false},
	} {
		header := http.Header{"Retry-After": {tt.value}}
		if tt.date != "" {
			header.Set("Date", tt.date)
		}
		if got, named := RetryAfter(header, now); got != tt.want || named != tt.named {
			t.Errorf("RetryAfter of %s = %s, %t, want %s, %t", tt.name, got, named, tt.want, tt.named)
		}
	}
}
