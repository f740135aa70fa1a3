package connectwise

import (
	"cmp"
	"slices"
	"sort"
)

// collection holds all records of one schema by ascending id. Its owner locks.
type collection struct {
	*schema
	records  []*record
	children map[int64][]*record
	// byUnique finds records by the folded value of the schema's unique field.
	byUnique map[string]int64
	// definitions are the custom fields that every record has.
	definitions []customDefinition
	lastID      int64
}

func newCollection(s *schema) *collection {
	return &collection{schema: s.prepare(), children: map[int64][]*record{}, byUnique: map[string]int64{}}
}

// find returns the record of an id, or nil.
func (c *collection) find(id int64) *record { return findRecord(c.records, id) }

// under returns the records of a parent, or all of them for parent 0.
func (c *collection) under(parent int64) []*record {
	if parent == 0 {
		return c.records
	}
	return c.children[parent]
}

func findRecord(records []*record, id int64) *record {
	if at, found := slices.BinarySearchFunc(records, id, compareID); found {
		return records[at]
	}
	return nil
}

func compareID(r *record, id int64) int { return cmp.Compare(r.id, id) }

// put stores a record: a new one, or the changed copy of one that is there.
func (c *collection) put(r *record) {
	if before := c.find(r.id); before != nil {
		c.forgetUnique(before)
	}
	c.lastID = max(c.lastID, r.id)
	c.records = putRecord(c.records, r)
	if r.parent != 0 {
		c.children[r.parent] = putRecord(c.children[r.parent], r)
	}
	if key, has := c.uniqueKey(r); has {
		c.byUnique[key] = r.id
	}
}

// remove forgets a record for good.
func (c *collection) remove(r *record) {
	c.forgetUnique(r)
	c.records = removeRecord(c.records, r.id)
	if r.parent == 0 {
		return
	}
	left := removeRecord(c.children[r.parent], r.id)
	if c.children[r.parent] = left; len(left) == 0 {
		delete(c.children, r.parent)
	}
}

// putRecord keeps the order of ids; nearly always the record is the last one.
func putRecord(records []*record, r *record) []*record {
	at := len(records)
	if at > 0 && records[at-1].id >= r.id {
		at = sort.Search(len(records), func(i int) bool { return records[i].id >= r.id })
		if records[at].id == r.id {
			records[at] = r
			return records
		}
	}
	return slices.Insert(records, at, r)
}

func removeRecord(records []*record, id int64) []*record {
	at, found := slices.BinarySearchFunc(records, id, compareID)
	if !found {
		return records
	}
	return slices.Delete(records, at, at+1)
}

func (c *collection) uniqueKey(r *record) (string, bool) {
	if c.unique == "" {
		return "", false
	}
	position, _ := c.position(c.unique)
	text, has := r.values[position].(string)
	return foldName(text), has
}

func (c *collection) forgetUnique(r *record) {
	if key, has := c.uniqueKey(r); has && c.byUnique[key] == r.id {
		delete(c.byUnique, key)
	}
}

// value returns what a record holds in the named field; names are those of the schema, spelt in any case.
func (c *collection) value(t *tenant, r *record, name string) any {
	position, found := c.position(name)
	if !found {
		return nil
	}
	return c.at(t, r, position)
}

// at returns what a record holds in a field.
func (c *collection) at(t *tenant, r *record, position int) any {
	if compute := c.fields[position].compute; compute != nil {
		return compute(t, r)
	}
	return r.values[position]
}

// set changes a field of a record that is not stored yet.
func (c *collection) set(r *record, name string, value any) {
	if position, found := c.position(name); found {
		r.values[position] = value
	}
}

func (c *collection) definition(id int64) *customDefinition {
	for i := range c.definitions {
		if c.definitions[i].id == id {
			return &c.definitions[i]
		}
	}
	return nil
}

// customRows returns all custom fields of a record, filled or not.
func (c *collection) customRows(r *record) []customRow {
	position, found := c.position("customFields")
	if !found || len(c.definitions) == 0 {
		return nil
	}
	rows := make([]customRow, len(c.definitions))
	filled, _ := r.values[position].([]customValue)
	for i := range c.definitions {
		rows[i].definition = &c.definitions[i]
		for _, value := range filled {
			if value.definition == c.definitions[i].id {
				rows[i].value = value.value
			}
		}
	}
	return rows
}
