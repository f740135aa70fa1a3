// Package compress shortens answers for clients that accept it. It knows
// bytes and headers, nothing of what is in them. Start reading at Writer.
package compress

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// minBytes is what it takes to be worth compressing: about one packet.
const minBytes = 1400

// Writer writes whole bodies. The zero value is ready for use, also by several
// goroutines at once.
type Writer struct {
	writers sync.Pool
}

// Write sends the parts, one after the other, as one body with status. It
// compresses them if the request accepts gzip and they are long enough, and
// sets the headers that belong to that; all others must be set already. The
// error is that of the connection.
func (c *Writer) Write(w http.ResponseWriter, r *http.Request, status int, parts ...[]byte) error {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	if length >= minBytes && Accepted(r.Header) {
		header.Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		return c.compressed(w, parts)
	}
	header.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(status)
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (c *Writer) compressed(w http.ResponseWriter, parts [][]byte) error {
	compressor, ok := c.writers.Get().(*gzip.Writer)
	if !ok {
		compressor = gzip.NewWriter(nil)
	}
	defer c.writers.Put(compressor)
	compressor.Reset(w)
	for _, part := range parts {
		if _, err := compressor.Write(part); err != nil {
			return err
		}
	}
	return compressor.Close()
}

// Accepted tells whether the headers of a request accept gzip.
func Accepted(header http.Header) bool {
	accepted := false
	for entry := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(entry, ";")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip":
			return !isZero(parameters)
		case "*":
			accepted = !isZero(parameters)
		}
	}
	return accepted
}

// isZero tells whether parameters, such as q=0.0, say "not at all".
func isZero(parameters string) bool {
	name, value, _ := strings.Cut(strings.TrimSpace(parameters), "=")
	quality, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return strings.EqualFold(strings.TrimSpace(name), "q") && err == nil && quality == 0
}
