package connectwise

import (
	"strings"
)

// valueKind says what a field holds and how it is read and written.
type valueKind int

const (
	textValue valueKind = iota
	enumerationValue
	booleanValue
	integerValue
	numberValue
	// dateValue is a calendar date carried as midnight UTC, momentValue an instant.
	dateValue
	momentValue
	referenceValue
	referenceList
	textList
	customList
)

// field describes one member of a record.
type field struct {
	name string
	kind valueKind
	// maxLength bounds texts in characters; 0 does not.
	maxLength int
	// least and most bound integers when most is not 0.
	least, most int64
	oneOf       []string
	// target names the schema a reference points into; empty when no collection holds such records.
	target string
	// required fields must have a value after every write; requiredOnPut ones must be sent in a PUT.
	required, requiredOnPut bool
	// readOnly fields are the server's: what callers send is ignored.
	readOnly bool
	// createOnly is the name a refusal calls the field by when it is sent to an existing record.
	createOnly string
	// initial is the value of a new record that was sent without one.
	initial any
	// compute derives the value instead of storing it.
	compute func(t *tenant, r *record) any
}

// schema describes one kind of record and the endpoint that serves it.
type schema struct {
	// name is what error bodies call the resource, title what sentences call it.
	name, title string
	// path is the endpoint below the API root, with {id} for the parent's number.
	path string
	// parent names the schema of the record that owns records of this one.
	parent string
	fields []field
	// shown are the members a reference to such a record has besides its id.
	shown []string
	// hrefName is the name of the link that a reference to such a record carries.
	hrefName string
	// unique names the field that no two records may share.
	unique string
	// related are the collections that _info links to, by the name of the link.
	related []link
	// recycled records are only marked when they are deleted.
	recycled bool
	// complete fills in what the caller left out; verify reports what is wrong. Either may be nil.
	complete, verify func(t *tenant, c *change)

	// positions finds fields by their names as they are and in lower case.
	positions map[string]int
}

// link is a member of _info; the %d of the path takes the record's id.
type link struct{ name, path string }

// prepare indexes the fields; every schema starts with its id.
func (s *schema) prepare() *schema {
	id := field{name: "id", kind: integerValue, readOnly: true, compute: func(_ *tenant, r *record) any { return r.id }}
	s.fields = append([]field{id}, s.fields...)
	s.positions = make(map[string]int, len(s.fields))
	for i, f := range s.fields {
		s.positions[f.name], s.positions[foldName(f.name)] = i, i
	}
	return s
}

// position finds a field by its name in any case.
func (s *schema) position(name string) (int, bool) {
	position, found := s.positions[name]
	if !found {
		position, found = s.positions[foldName(name)]
	}
	return position, found
}

// exactPosition finds a field by its name in its own case.
func (s *schema) exactPosition(name string) (int, bool) {
	position, found := s.position(name)
	return position, found && s.fields[position].name == name
}

// foldName makes names comparable without regard to case.
func foldName(name string) string { return strings.ToLower(name) }

// The following build lists of fields.

func join(lists ...[]field) []field {
	var all []field
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func named(prototype field, names []string) []field {
	fields := make([]field, len(names))
	for i, name := range names {
		fields[i] = prototype
		fields[i].name = name
	}
	return fields
}

func texts(maxLength int, names ...string) []field {
	return named(field{kind: textValue, maxLength: maxLength}, names)
}

func flags(names ...string) []field {
	return named(field{kind: booleanValue, initial: false}, names)
}

func numbers(names ...string) []field { return named(field{kind: numberValue}, names) }

func integers(names ...string) []field { return named(field{kind: integerValue}, names) }

func dates(names ...string) []field { return named(field{kind: dateValue}, names) }

func moments(names ...string) []field { return named(field{kind: momentValue}, names) }

// anything builds references to records that no collection here holds.
func anything(names ...string) []field { return named(field{kind: referenceValue}, names) }

func referencesTo(target string, names ...string) []field {
	return named(field{kind: referenceValue, target: target}, names)
}

func enumeration(name string, initial any, oneOf ...string) []field {
	return []field{{name: name, kind: enumerationValue, initial: initial, oneOf: oneOf}}
}

func customFields() []field { return []field{{name: "customFields", kind: customList}} }

func computed(name string, kind valueKind, compute func(*tenant, *record) any) []field {
	return []field{{name: name, kind: kind, readOnly: true, compute: compute}}
}

// with changes every field of a list.
func with(fields []field, change func(*field)) []field {
	for i := range fields {
		change(&fields[i])
	}
	return fields
}

func required(fields []field) []field { return with(fields, func(f *field) { f.required = true }) }

func requiredOnPut(fields []field) []field {
	return with(fields, func(f *field) { f.requiredOnPut = true })
}

func readOnly(fields []field) []field { return with(fields, func(f *field) { f.readOnly = true }) }
