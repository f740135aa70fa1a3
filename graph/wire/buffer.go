package wire

import (
	"encoding/base64"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// Buffer collects JSON.
type Buffer struct{ data []byte }

// buffers are those that were released.
var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns an empty buffer, which may have been another one's.
func NewBuffer() *Buffer { return buffers.Get().(*Buffer) }

// maxReleased is the room, in bytes, up to which a buffer is kept for others.
const maxReleased = 1 << 20

// Release lets others have the buffer. Nothing of it may be used any more.
func (b *Buffer) Release() {
	if cap(b.data) <= maxReleased {
		b.data = b.data[:0]
		buffers.Put(b)
	}
}

// Bytes returns what was written.
func (b *Buffer) Bytes() []byte { return b.data }

// Raw appends JSON.
func (b *Buffer) Raw(json string) { b.data = append(b.data, json...) }

// Null appends null.
func (b *Buffer) Null() { b.Raw("null") }

// Write appends bytes; it never fails.
func (b *Buffer) Write(json []byte) (int, error) {
	b.data = append(b.data, json...)
	return len(json), nil
}

// Text appends a string.
func (b *Buffer) Text(text string) {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' {
			graphql.MarshalString(text).MarshalGQL(b)
			return
		}
	}
	b.quoted(text)
}

// quoted appends a string that has nothing in it that JSON writes otherwise.
func (b *Buffer) quoted(text string) { b.data = append(append(append(b.data, '"'), text...), '"') }

// Int appends a whole number.
func (b *Buffer) Int(n int64) { b.data = strconv.AppendInt(b.data, n, 10) }

// Boolean appends true or false.
func (b *Buffer) Boolean(is bool) { b.data = strconv.AppendBool(b.data, is) }

// Instant appends an instant in UTC.
func (b *Buffer) Instant(t time.Time) {
	b.data = append(t.UTC().AppendFormat(append(b.data, '"'), time.RFC3339Nano), '"')
}

// ID appends the node id of a record: see nodeID.
func (b *Buffer) ID(typeName string, number int64) {
	var plain [64]byte
	id := strconv.AppendInt(append(append(plain[:0], typeName...), ':'), number, 10)
	b.data = append(base64.RawURLEncoding.AppendEncode(append(b.data, '"'), id), '"')
}
