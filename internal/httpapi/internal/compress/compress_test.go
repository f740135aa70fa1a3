package compress_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"crosswalk/internal/httpapi/internal/compress"
)

func TestAccepted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header string
		want   string
	}{
		{"", ""},
		{"gzip", "gzip"},
		{"GZIP", "gzip"},
		{"br, gzip;q=0.5", "gzip"},
		{"*", "gzip"},
		{"br", ""},
		{"gzip;q=0", ""},
		{"gzip; q=0.000", ""},
		{"*;q=0", ""},
		{"*, gzip;q=0", ""},
		{"gzip;q=1, *;q=0", "gzip"},
		{"x-gzip", ""},
		{"zstd", "zstd"},
		{"gzip, deflate, br, zstd", "zstd"},
		{"zstd;q=0.8, gzip;q=0.9", "gzip"},
		{"zstd;q=0.9, gzip;q=0.8", "zstd"},
		{"zstd;q=0, gzip", "gzip"},
		{"zstd;q=0.5, *", "gzip"},
	}
	for _, test := range tests {
		if got := compress.Accepted(http.Header{"Accept-Encoding": {test.header}}); got != test.want {
			t.Errorf("Accepted(%q) = %q, want %q", test.header, got, test.want)
		}
	}
}

func TestWriteCompressesWhatIsLongAndAccepted(t *testing.T) {
	t.Parallel()
	var writer compress.Writer
	long := strings.Repeat("crosswalk ", 1000)
	tests := []struct {
		name, accept, body, encoding string
	}{
		{"long and accepted as gzip", "gzip", long, "gzip"},
		{"long and accepted as zstd", "gzip, zstd", long, "zstd"},
		{"long but not accepted", "", long, ""},
		{"accepted but short", "gzip, zstd", "crosswalk", ""},
		{"nothing", "gzip", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for range 3 { // compressors are used again
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
				if got := recorder.Header().Get("Content-Encoding"); got != test.encoding {
					t.Fatalf("Content-Encoding %q, want %q", got, test.encoding)
				}
				if content := decode(t, test.encoding, recorder.Body); content != test.body {
					t.Errorf("%d bytes, want the %d that were written", len(content), len(test.body))
				}
			}
		})
	}
}

func decode(t *testing.T, encoding string, body io.Reader) string {
	t.Helper()
	var err error
	switch encoding {
	case "gzip":
		body, err = gzip.NewReader(body)
	case "zstd":
		var decoder *zstd.Decoder
		if decoder, err = zstd.NewReader(body); err == nil {
			defer decoder.Close()
		}
		body = decoder
	}
	if err != nil {
		t.Fatalf("the body is not %s: %v", encoding, err)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("read the body as %s: %v", encoding, err)
	}
	return string(content)
}
