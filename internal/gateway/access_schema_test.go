package gateway_test

import (
	"cmp"
	"encoding/base64"
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

// nodeQuery asks node for all of a record.
func (s survey) nodeQuery(definition *ast.Definition, id string) string {
	return "{ node(id: " + quote(id) + ") { __typename ... on " + definition.Name + " " + s.selection(definition, 2) + " } }"
}

// needsID reports whether a field cannot be asked without an id.
func (s survey) needsID(field *ast.FieldDefinition) bool {
	return slices.ContainsFunc(field.Arguments, func(argument *ast.ArgumentDefinition) bool {
		return argument.Type.NonNull && argument.Type.Name() == "ID"
	})
}

// isEnum reports whether a field of a type has one of the names that the schema knows.
func (s survey) isEnum(typeName, fieldName string) bool {
	if s.Types[typeName] == nil {
		return false
	}
	field := s.Types[typeName].Fields.ForName(fieldName)
	return field != nil && s.Types[field.Type.Name()].Kind == ast.Enum
}

// slot is a place in the arguments of a field that takes an id: the argument's name, then those of the members
// that lead there.
type slot []string

// slots are all places that take an id. Filters contain themselves; they are entered once more.
func (s survey) slots(field *ast.FieldDefinition) []slot {
	var found []slot
	for _, argument := range field.Arguments {
		found = append(found, s.slotsIn(argument.Type.Name(), slot{argument.Name}, nil)...)
	}
	return found
}

// slotsIn are the slots of a type that lies at path, within objects of the types entered.
func (s survey) slotsIn(name string, path slot, entered []string) []slot {
	if name == "ID" {
		return []slot{path}
	}
	inner := s.Types[name]
	if i := slices.Index(entered, name); inner.Kind != ast.InputObject || i >= 0 && slices.Contains(entered[i+1:], name) {
		return nil
	}
	var found []slot
	for _, member := range inner.Fields {
		found = append(found, s.slotsIn(member.Type.Name(), append(slices.Clone(path), member.Name), append(slices.Clone(entered), name))...)
	}
	return found
}

// kindAt is the type whose ids belong in a place in the arguments of a field, as the place's name or else the field's
// tells: psaCompanyId, or the ids of cancelJob. It is empty where neither tells.
func (s survey) kindAt(field *ast.FieldDefinition, place slot) string {
	for _, name := range []string{place[len(place)-1], field.Name} {
		best := ""
		for kind := range s.Types {
			spoken := strings.Contains(strings.ToLower(name), strings.ToLower(strings.TrimPrefix(kind, "Psa")))
			if spoken && len(kind) > len(best) && s.hasID(kind) {
				best = kind
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

func (s survey) hasID(kind string) bool {
	definition := s.Types[kind]
	return definition.Kind == ast.Object && definition.Fields.ForName("id") != nil
}

// filling is what the arguments of a field are filled with.
type filling struct {
	// slot, unless it is nil, gets id; other places that must have an id get the first one of their kind, or else id.
	slot slot
	id   string
	ids  map[string][]string
	// more fills in values that may be left out.
	more bool
}

// argument writes a value for a place in the arguments, or "" to leave it out.
func (s survey) argument(field *ast.FieldDefinition, of *ast.Type, path slot, f filling) string {
	leads := len(path) <= len(f.slot) && slices.Equal(path, f.slot[:len(path)])
	definition := s.Types[of.Name()]
	value := ""
	switch {
	case leads && len(path) == len(f.slot):
		value = quote(f.id)
	case definition.Name == "ID":
		if of.NonNull {
			value = quote(s.companion(field, path, f))
		}
	case definition.Kind == ast.InputObject:
		if leads || of.NonNull {
			value = s.object(field, definition, path, f)
		}
	case of.NonNull || f.more && len(path) <= 2:
		return s.plain(of)
	}
	if value != "" && of.Elem != nil {
		value = "[" + value + "]"
	}
	return value
}

// companion is an id that fits a place.
func (s survey) companion(field *ast.FieldDefinition, place slot, f filling) string {
	if ids := f.ids[s.kindAt(field, place)]; len(ids) > 0 {
		return ids[0]
	}
	return f.id
}

// plain writes a value without ids.
func (s survey) plain(of *ast.Type) string {
	if of.Name() == "YearMonth" {
		return quote(may)
	}
	return nonsense(s.Schema, of)
}

func (s survey) object(field *ast.FieldDefinition, definition *ast.Definition, path slot, f filling) string {
	var members []string
	for _, member := range definition.Fields {
		if value := s.argument(field, member.Type, append(slices.Clone(path), member.Name), f); value != "" {
			members = append(members, member.Name+": "+value)
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// arguments writes the arguments of a call.
func (s survey) arguments(field *ast.FieldDefinition, f filling) map[string]string {
	given := make(map[string]string)
	for _, argument := range field.Arguments {
		if value := s.argument(field, argument.Type, slot{argument.Name}, f); value != "" {
			given[argument.Name] = value
		}
	}
	return given
}

// isNodeID reports whether an id is one of ours and not the Platform's.
func isNodeID(kind, id string) bool {
	text, err := base64.RawURLEncoding.DecodeString(id)
	return err == nil && strings.HasPrefix(string(text), kind+":")
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // a text always can be
	return string(quoted)
}

// answers is what was seen in a seller's answers.
type answers struct {
	survey survey
	// texts are all texts that are not of an enum; types the types of all objects; ids those of the records, by type.
	texts map[string]bool
	types map[string]bool
	ids   map[string][]string
	// cursors are where pages begin and end.
	cursors map[string]bool
}

func newAnswers(s survey) *answers {
	return &answers{survey: s, texts: make(map[string]bool), types: make(map[string]bool), ids: make(map[string][]string), cursors: make(map[string]bool)}
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
			if member != "__typename" && !a.survey.isEnum(kind, member) {
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

// sort puts the ids of each type in one order, whatever order they were seen in; those that are preferred come first.
func (a *answers) sort(preferred func(kind, id string) bool) {
	for kind, ids := range a.ids {
		slices.SortFunc(ids, func(x, y string) int {
			if first := preferred(kind, x); first != preferred(kind, y) {
				if first {
					return -1
				}
				return 1
			}
			return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
		})
	}
}
