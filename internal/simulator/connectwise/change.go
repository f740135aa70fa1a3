package connectwise

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// change is one write on its way: what was there, what shall be there, and what is wrong with it.
type change struct {
	collection *collection
	// before is the stored record, nil when a new one is made; after is the copy that is being worked on.
	before, after *record
	// sent holds the positions of the fields that the caller gave.
	sent     map[int]bool
	problems []problem
}

func newChange(c *collection, before, after *record) *change {
	return &change{collection: c, before: before, after: after, sent: map[int]bool{}}
}

func (c *change) value(t *tenant, name string) any { return c.collection.value(t, c.after, name) }

func (c *change) set(name string, value any) { c.collection.set(c.after, name, value) }

// standard sets a field that has no value, and only then.
func (c *change) standard(t *tenant, name string, value any) {
	if value != nil && c.value(t, name) == nil {
		c.set(name, value)
	}
}

func (c *change) wasSent(name string) bool {
	position, found := c.collection.position(name)
	return found && c.sent[position]
}

func (c *change) refuse(code, fieldName, format string, args ...any) {
	c.problems = append(c.problems, problem{Code: code, Field: fieldName, Message: fmt.Sprintf(format, args...)})
}

// fill reads the members of a body into the record. Members that no field has are ignored, as are those
// that the server decides.
func (c *change) fill(t *tenant, body map[string]any) {
	for name, raw := range body {
		if position, known := c.collection.position(name); known {
			c.assign(t, position, raw)
		}
	}
}

// assign reads one member into the record.
func (c *change) assign(t *tenant, position int, raw any) {
	f := &c.collection.fields[position]
	switch {
	case f.readOnly:
	case f.createOnly != "" && c.before != nil:
		c.refuse(invalidMember, f.createOnly, "%s can only be used when creating", f.createOnly)
	default:
		value, wrong := t.read(c.collection, f, raw)
		if wrong != nil {
			c.problems = append(c.problems, *wrong)
			return
		}
		c.after.values[position] = value
		c.sent[position] = true
	}
}

// settle completes and checks the record; the error is a *refusal.
func (c *change) settle(t *tenant, replaced bool) error {
	if c.before == nil || replaced {
		c.initialize()
	}
	if c.collection.complete != nil && len(c.problems) == 0 {
		c.collection.complete(t, c)
	}
	c.require(replaced)
	c.checkBounds()
	c.checkUnique(t)
	if c.collection.verify != nil && len(c.problems) == 0 {
		c.collection.verify(t, c)
	}
	if len(c.problems) > 0 {
		return invalid(c.collection.name, c.problems)
	}
	return nil
}

func (c *change) initialize() {
	for i, f := range c.collection.fields {
		if f.initial != nil && c.after.values[i] == nil {
			c.after.values[i] = f.initial
		}
	}
}

// require reports required fields without a value, and with replaced those that were not sent in a PUT.
func (c *change) require(replaced bool) {
	for i := range c.collection.fields {
		f := &c.collection.fields[i]
		isMissing := c.after.values[i] == nil || c.after.values[i] == ""
		if (f.required && isMissing && !c.hasProblem(f.name)) || (replaced && f.requiredOnPut && !c.sent[i]) {
			name := f.name
			if f.kind == referenceValue {
				name += "/id"
			}
			c.refuse(missingRequired, name, "The %s field is required.", name)
		}
	}
}

// checkBounds looks at every value, sent or not: one that was stored in worse times spoils every later write.
func (c *change) checkBounds() {
	for i := range c.collection.fields {
		f := &c.collection.fields[i]
		switch v := c.after.values[i].(type) {
		case string:
			if f.maxLength > 0 && utf8.RuneCountInString(v) > f.maxLength {
				c.refuse(invalidMember, f.name, "The field %s must be a string with a maximum length of %d.", f.name, f.maxLength)
			}
		case int64:
			if f.most != 0 && (v < f.least || v > f.most) {
				c.refuse(outOfRange, f.name, "The field %s must be between %d and %d.", f.name, f.least, f.most)
			}
		}
	}
}

func (c *change) hasProblem(fieldName string) bool {
	for _, p := range c.problems {
		if p.Field == fieldName || strings.HasPrefix(p.Field, fieldName+"/") {
			return true
		}
	}
	return false
}

func (c *change) checkUnique(t *tenant) {
	key, has := c.collection.uniqueKey(c.after)
	if !has || t.settings.AllowDuplicates {
		return
	}
	if id, taken := c.collection.byUnique[key]; taken && id != c.after.id {
		message := fmt.Sprintf("%s ID already in use.", c.collection.title)
		c.refuse(objectExists, c.collection.unique, "%s", message)
	}
}
