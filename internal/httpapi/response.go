package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// writeTime is how long a client may take to receive an answer or an event.
const writeTime = time.Minute

// partingTime is how long a client may take to receive what was on its way
// when its stream ended.
const partingTime = 5 * time.Second

// encoded is an answer as it goes to the wire. Data is what the executor
// wrote; it is not looked at again.
type encoded struct {
	head, data, tail []byte
}

// encode writes errors first, so that they are seen even where much data
// follows, and leaves out what there is none of.
func encode(response *graphql.Response) (encoded, error) {
	var head, tail bytes.Buffer
	separator := "{"
	if len(response.Errors) > 0 {
		errors, err := json.Marshal(response.Errors)
		if err != nil {
			return encoded{}, fmt.Errorf("encode errors: %w", err)
		}
		head.WriteString(separator + `"errors":`)
		head.Write(errors)
		separator = ","
	}
	if response.Data != nil {
		head.WriteString(separator + `"data":`)
		separator = ","
	}
	if len(response.Extensions) > 0 {
		extensions, err := json.Marshal(response.Extensions)
		if err != nil {
			return encoded{}, fmt.Errorf("encode extensions: %w", err)
		}
		tail.WriteString(separator + `"extensions":`)
		tail.Write(extensions)
	}
	tail.WriteByte('}')
	return encoded{head: head.Bytes(), data: response.Data, tail: tail.Bytes()}, nil
}

// encode is an answer as it goes to the wire, or INTERNAL if it cannot be
// written as JSON.
func (p *presenter) encode(ctx context.Context, response *graphql.Response) encoded {
	result, err := encode(response)
	if err == nil {
		return result
	}
	// What present makes of an error always is JSON.
	result, _ = encode(p.response(ctx, err))
	return result
}

// write answers a request. A response without data gets the status of its
// first error, unless status, when it is not 0, says otherwise.
func (g *graphQL) write(w http.ResponseWriter, r *http.Request, format mediaType, status int, response *graphql.Response) {
	if status == 0 {
		status = http.StatusOK
		if response.Data == nil && len(response.Errors) > 0 {
			code, _ := response.Errors[0].Extensions["code"].(string)
			status = statusOf(format, code)
		}
	}
	body := g.present.encode(r.Context(), response)
	header := w.Header()
	if len(response.Errors) > 0 && response.Errors[0].Extensions[retryAfter] != nil {
		header.Set("Retry-After", fmt.Sprint(response.Errors[0].Extensions[retryAfter]))
	}
	header.Set("Content-Type", format.contentType())
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept")
	// Not every connection has deadlines; where there are none, none is missed.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	hold(r, len(body.head)+len(body.data)+len(body.tail))
	// A caller that has gone misses nothing.
	_ = g.compress.Write(w, r, status, body.head, body.data, body.tail)
}

// refuse answers a request that is not executed.
func (g *graphQL) refuse(w http.ResponseWriter, r *http.Request, format mediaType, err error) {
	status := 0
	if refusal, ok := err.(*refusal); ok {
		status = refusal.status
	}
	g.write(w, r, format, status, g.present.response(r.Context(), err))
}
