package connectwise

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody bounds what is read of a request.
const maxBody = 4 << 20

// readBody decodes the JSON body of a write, numbers exactly.
func readBody(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && !strings.HasSuffix(kind, "json") {
		return &refusal{status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: "The body must be JSON."}
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if len(data) > maxBody {
		return &refusal{status: http.StatusRequestEntityTooLarge, Code: "RequestTooLarge", Message: "The body is too large."}
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return badBody("request", err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badBody("request", "something follows the JSON value")
	}
	return nil
}

// create handles POST.
func (t *tenant) create(c *collection, parent int64, body map[string]any, who string) (*record, error) {
	after := t.blank(c)
	after.parent = parent
	change := newChange(c, nil, after)
	change.fill(t, body)
	if err := change.settle(t, false); err != nil {
		return nil, err
	}
	after.stored = t.clock()
	return t.insert(c, after, who), nil
}

// replace handles PUT: what is not sent becomes empty or what the server makes of it.
func (t *tenant) replace(c *collection, before *record, body map[string]any, who string) (*record, error) {
	after := before.clone()
	for i, f := range c.fields {
		if !f.readOnly && f.createOnly == "" {
			after.values[i] = nil
		}
	}
	change := newChange(c, before, after)
	change.fill(t, body)
	if err := change.settle(t, true); err != nil {
		return nil, err
	}
	return t.store(c, after, who), nil
}

// operation is one entry of the body of a PATCH.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patch handles PATCH: all operations are one save, and the whole record is checked again.
func (t *tenant) patch(c *collection, before *record, operations []operation, who string) (*record, error) {
	change := newChange(c, before, before.clone())
	for _, o := range operations {
		if err := t.apply(change, o); err != nil {
			return nil, err
		}
	}
	if len(change.sent) == 0 && len(change.problems) == 0 {
		return before, nil
	}
	if err := change.settle(t, false); err != nil {
		return nil, err
	}
	return t.store(c, change.after, who), nil
}

// apply does one operation. The path is a bare, case-sensitive name, with or without one slash before it.
// A longer path is accepted and does nothing: references and custom fields are replaced as a whole.
func (t *tenant) apply(change *change, o operation) error {
	c := change.collection
	name, nested, isNested := strings.Cut(strings.TrimPrefix(o.Path, "/"), "/")
	position, known := c.exactPosition(name)
	if !known || (isNested && t.settings.RefuseNestedPatch) {
		return invalid(c.name, []problem{{Code: invalidMember, Field: o.Path, Message: o.Path + " is not a valid path."}})
	}
	if isNested && nested != "" {
		return nil
	}
	switch o.Op {
	case "add", "replace":
		change.assign(t, position, o.Value)
	case "remove":
		change.assign(t, position, nil)
	default:
		return invalid(c.name, []problem{{Code: invalidMember, Field: o.Path, Message: fmt.Sprintf("%q is not a valid operation.", o.Op)}})
	}
	return nil
}

// delete handles DELETE: some records go to the recycle bin, the others go for good unless they are in use.
func (t *tenant) delete(c *collection, r *record, who string) error {
	if c.recycled {
		if isTrue(c.value(t, r, "deletedFlag")) {
			return notFound(c.title, r.id)
		}
		t.recycle(c, r, who)
		return nil
	}
	if t.isInUse(c, r) {
		message := fmt.Sprintf("%s %d is in use and cannot be deleted.", c.title, r.id)
		return &refusal{status: http.StatusConflict, Code: "ConflictObject", Message: message}
	}
	t.remove(c, r)
	return nil
}

// recycle marks a company as deleted.
func (t *tenant) recycle(c *collection, r *record, who string) {
	after := r.clone()
	c.set(after, "deletedFlag", true)
	c.set(after, "dateDeleted", t.instant())
	c.set(after, "deletedBy", who)
	t.store(c, after, who)
}
