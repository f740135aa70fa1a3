package compress_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crosswalk/internal/httpapi/internal/compress"
)

func TestAccepted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header string
		want   bool
	}{
		{"", false},
		{"gzip", true},
		{"GZIP", true},
		{"br, gzip;q=0.5", true},
		{"*", true},
		{"br", false},
		{"gzip;q=0", false},
		{"gzip; q=0.000", false},
		{"*;q=0", false},
		{"*, gzip;q=0", false},
		{"gzip;q=1, *;q=0", true},
		{"x-gzip", false},
	}
	for _, test := range tests {
		if got := compress.Accepted(http.Header{"Accept-Encoding": {test.header}}); got != test.want {
			t.Errorf("Accepted(%q) = %t, want %t", test.header, got, test.want)
		}
	}
}

func TestWriteCompressesWhatIsLongAndAccepted(t *testing.T) {
	t.Parallel()
	var writer compress.Writer
	long := strings.Repeat("crosswalk ", 1000)
	tests := []struct {
		name, accept, body string
		compressed         bool
	}{
		{"long and accepted", "gzip", long, true},
		{"long but not accepted", "", long, false},
		{"accepted but short", "gzip", "crosswalk", false},
		{"nothing", "gzip", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			request.Header.Set("Accept-Encoding", test.accept)
			recorder := httptest.NewRecorder()
			half := len(test.body) / 2
			if err := writer.Write(recorder, request, http.StatusTeapot, []byte(test.body[:half]), []byte(test.body[half:])); err != nil {
				t.Fatalf("Write: %v", err)
			}
			if recorder.Code != http.StatusTeapot || recorder.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("status %d, Vary %q; want 418, Accept-Encoding", recorder.Code, recorder.Header().Get("Vary"))
			}
			if got := recorder.Header().Get("Content-Encoding") == "gzip"; got != test.compressed {
				t.Fatalf("compressed: %t, want %t", got, test.compressed)
			}
			var body io.Reader = recorder.Body
			if test.compressed {
				var err error
				if body, err = gzip.NewReader(recorder.Body); err != nil {
					t.Fatalf("the body is not gzip: %v", err)
				}
			}
			if content, err := io.ReadAll(body); err != nil || string(content) != test.body {
				t.Errorf("%d bytes and %v, want the %d that were written", len(content), err, len(test.body))
			}
		})
	}
}
