package gateway_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// survey writes operations that the schema allows, so that what is added to the schema is tried without anybody
// remembering to.
type survey struct {
	*ast.Schema
}

// leaf reports whether a type has no fields to select.
func (s survey) leaf(of *ast.Type) bool {
	kind := s.Types[of.Name()].Kind
	return kind == ast.Scalar || kind == ast.Enum
}

func (s survey) isNode(definition *ast.Definition) bool {
	return slices.Contains(definition.Interfaces, "Node")
}

// selection selects every field of a type and of what it leads to, as far as depth further nodes.
func (s survey) selection(definition *ast.Definition, depth int) string {
	if definition.Kind == ast.Interface || definition.Kind == ast.Union {
		return "{ __typename ... on Node { id } }"
	}
	if s.isNode(definition) {
		if depth == 0 {
			return "{ __typename id }"
		}
		depth--
	}
	fields := []string{"__typename"}
	for _, field := range definition.Fields {
		fields = append(fields, s.call(field, nil, depth))
	}
	return "{ " + strings.Join(fields, " ") + " }"
}

// call selects a field with the arguments given, those it needs, and a page that is long enough.
func (s survey) call(field *ast.FieldDefinition, given map[string]string, depth int) string {
	var arguments []string
	for _, argument := range field.Arguments {
		switch value, ok := given[argument.Name]; {
		case ok:
			arguments = append(arguments, argument.Name+": "+value)
		case argument.Name == "first" && given["last"] == "":
			arguments = append(arguments, "first: 20")
		case argument.Type.NonNull && argument.DefaultValue == nil:
			arguments = append(arguments, argument.Name+": "+nonsense(s.Schema, argument.Type))
		}
	}
	text := field.Name
	if len(arguments) > 0 {
		text += "(" + strings.Join(arguments, ", ") + ")"
	}
	if !s.leaf(field.Type) {
		text += " " + s.selection(s.Types[field.Type.Name()], depth)
	}
	return text
}

// nodeTypes are the types that node finds.
func (s survey) nodeTypes() []*ast.Definition {
	return s.PossibleTypes["Node"]
}

// slot is a place in the arguments of a field that takes an id: the argument's name, then those of the members
// that lead there.
type slot []string

// slots are all places that take an id, not deeper than some levels: filters contain themselves.
func (s survey) slots(field *ast.FieldDefinition) []slot {
	var found []slot
	for _, argument := range field.Arguments {
		found = append(found, s.slotsIn(argument.Type, slot{argument.Name})...)
	}
	return found
}

func (s survey) slotsIn(of *ast.Type, path slot) []slot {
	if of.Name() == "ID" {
		return []slot{path}
	}
	definition := s.Types[of.Name()]
	if definition.Kind != ast.InputObject || len(path) > 3 {
		return nil
	}
	var found []slot
	for _, member := range definition.Fields {
		found = append(found, s.slotsIn(member.Type, append(slices.Clone(path), member.Name))...)
	}
	return found
}

// filling is what the slots of a call are filled with.
type filling struct {
	// slot gets id; other places that must have an id get one of the type that their name speaks of.
	slot slot
	id   string
	ids  map[string][]string
	// more fills in values that may be left out.
	more bool
}

// argument writes a value for a place in the arguments, or "" to leave it out.
func (s survey) argument(of *ast.Type, path slot, f filling) string {
	leads := len(path) <= len(f.slot) && slices.Equal(path, f.slot[:len(path)])
	definition := s.Types[of.Name()]
	value := ""
	switch {
	case leads && len(path) == len(f.slot):
		value = quote(f.id)
	case definition.Name == "ID":
		if of.NonNull {
			value = quote(f.spokenOf(path[len(path)-1]))
		}
	case definition.Kind == ast.InputObject:
		if leads || of.NonNull {
			value = s.object(definition, path, f)
		}
	case of.NonNull || f.more && len(path) <= 2 && definition.Kind != ast.InputObject:
		return nonsense(s.Schema, of)
	}
	if value != "" && of.Elem != nil {
		value = "[" + value + "]"
	}
	return value
}

func (s survey) object(definition *ast.Definition, path slot, f filling) string {
	var members []string
	for _, member := range definition.Fields {
		if value := s.argument(member.Type, append(slices.Clone(path), member.Name), f); value != "" {
			members = append(members, member.Name+": "+value)
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// arguments writes the arguments of a call.
func (s survey) arguments(field *ast.FieldDefinition, f filling) map[string]string {
	given := make(map[string]string)
	for _, argument := range field.Arguments {
		if value := s.argument(argument.Type, slot{argument.Name}, f); value != "" {
			given[argument.Name] = value
		}
	}
	return given
}

// spokenOf is an id of the type that a name such as psaCompanyId or organizationIds speaks of; else that of any.
func (f filling) spokenOf(name string) string {
	name = strings.ToLower(name)
	best := ""
	for kind := range f.ids {
		if strings.Contains(name, strings.ToLower(kind)) && len(kind) > len(best) {
			best = kind
		}
	}
	if best == "" {
		return f.id
	}
	return f.ids[best][0]
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // a text always can be
	return string(quoted)
}

// answers is what was seen in a seller's answers.
type answers struct {
	// texts are all texts; types the types of all objects; ids those of the records, by type.
	texts map[string]bool
	types map[string]bool
	ids   map[string][]string
	// cursors are where pages begin and end.
	cursors map[string]bool
}

func newAnswers() *answers {
	return &answers{texts: make(map[string]bool), types: make(map[string]bool), ids: make(map[string][]string), cursors: make(map[string]bool)}
}

// add takes an answer's data in.
func (a *answers) add(t *testing.T, data json.RawMessage) {
	t.Helper()
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatalf("the data is not JSON: %v\n%s", err, data)
	}
	a.look("", value)
}

func (a *answers) look(name string, value any) {
	switch value := value.(type) {
	case map[string]any:
		kind, _ := value["__typename"].(string)
		a.types[kind] = true
		if id, ok := value["id"].(string); ok && !slices.Contains(a.ids[kind], id) {
			a.ids[kind] = append(a.ids[kind], id)
		}
		for member, inner := range value {
			if member != "__typename" {
				a.look(member, inner)
			}
		}
	case []any:
		for _, inner := range value {
			a.look(name, inner)
		}
	case string:
		a.texts[value] = true
		if strings.HasSuffix(strings.ToLower(name), "cursor") {
			a.cursors[value] = true
		}
	}
}
