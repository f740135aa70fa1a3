// Package compress shortens answers for clients that accept it. It knows
// bytes and headers, nothing of what is in them. Start reading at Writer.
package compress

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minBytes is what it takes to be worth compressing: about one packet.
const minBytes = 1400

// The encodings that answers are compressed with, as headers name them.
const (
	identity = ""
	gzipped  = "gzip"
	zstded   = "zstd"
)

// Writer writes whole bodies. The zero value is ready for use, also by several
// goroutines at once.
type Writer struct {
	gzip, zstd sync.Pool
}

// Write sends the parts, one after the other, as one body with status. It
// compresses them if they are long enough, in the way that the request likes
// best, and sets the headers that belong to that; all others must be set
// already. The error is that of the connection.
func (c *Writer) Write(w http.ResponseWriter, r *http.Request, status int, parts ...[]byte) error {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	if encoding := Accepted(r.Header); encoding != identity && length >= minBytes {
		header.Set("Content-Encoding", encoding)
		w.WriteHeader(status)
		return c.compressed(w, encoding, parts)
	}
	header.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(status)
	return writeAll(w, parts)
}

// compressor is what the writers of both formats have in common.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

func (c *Writer) compressed(w http.ResponseWriter, encoding string, parts [][]byte) error {
	pool, create := &c.gzip, newGzip
	if encoding == zstded {
		pool, create = &c.zstd, newZstd
	}
	compressor, ok := pool.Get().(compressor)
	if !ok {
		var err error
		if compressor, err = create(); err != nil {
			return err
		}
	}
	defer pool.Put(compressor)
	compressor.Reset(w)
	if err := writeAll(compressor, parts); err != nil {
		return err
	}
	return compressor.Close()
}

func writeAll(w io.Writer, parts [][]byte) error {
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func newGzip() (compressor, error) { return gzip.NewWriter(nil), nil }

// zstdWindow keeps compressors small: rows repeat themselves within it.
const zstdWindow = 512 << 10

func newZstd() (compressor, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true))
}

// Accepted is the encoding, gzip or zstd, that the headers of a request like
// best; zstd, which is faster, where they like both alike, and none where they
// accept neither.
func Accepted(header http.Header) string {
	if len(header.Values("Accept-Encoding")) == 0 {
		return identity
	}
	qualities := map[string]float64{}
	for entry := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(entry, ";")
		qualities[strings.ToLower(strings.TrimSpace(name))] = quality(parameters)
	}
	if _, named := qualities[gzipped]; !named {
		qualities[gzipped] = qualities["*"]
	}
	switch {
	case qualities[zstded] > 0 && qualities[zstded] >= qualities[gzipped]:
		return zstded
	case qualities[gzipped] > 0:
		return gzipped
	}
	return identity
}

// quality reads parameters such as q=0.5; 1 where they say nothing that can be
// understood.
func quality(parameters string) float64 {
	name, value, _ := strings.Cut(strings.TrimSpace(parameters), "=")
	quality, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || err != nil {
		return 1
	}
	return quality
}
