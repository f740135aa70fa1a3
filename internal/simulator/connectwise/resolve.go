package connectwise

import (
	"slices"
	"strings"
	"time"

	"crosswalk/internal/simulator/connectwise/condition"
)

// field resolves a name in a condition or an order: a field of the record, a member of a reference, or a
// date of _info, of which lastUpdated also stands at the top. Lists are known to childConditions alone.
func (t *tenant) field(c *collection, path string, inLists bool) (condition.Field[*record], error) {
	head, rest, isPath := strings.Cut(path, "/")
	if stamp, found := stampField(foldName(path)); found {
		return stamp, nil
	}
	position, known := c.position(head)
	if !known {
		return condition.Field[*record]{}, condition.UnknownName(path)
	}
	f := &c.fields[position]
	isList := f.kind == referenceList || f.kind == textList
	switch {
	case f.kind == customList, isList != inLists:
		return condition.Field[*record]{}, condition.UnknownName(path)
	case !isPath && f.kind == textList:
		return condition.Field[*record]{Kind: condition.Text, Get: func(r *record) any { return many(r.values[position]) }}, nil
	case !isPath && f.kind != referenceValue && f.kind != referenceList:
		return condition.Field[*record]{Kind: conditionKind(f.kind), OneOf: f.oneOf, Get: func(r *record) any { return c.at(t, r, position) }}, nil
	case !isPath:
		return condition.Field[*record]{Kind: condition.Reference, Get: func(r *record) any { return c.at(t, r, position) }}, nil
	case f.kind == referenceValue || f.kind == referenceList:
		return t.memberField(f, position, path, rest)
	}
	return condition.Field[*record]{}, condition.UnknownName(path)
}

// memberField resolves what follows the slash in company/identifier.
func (t *tenant) memberField(f *field, position int, path, member string) (condition.Field[*record], error) {
	target := t.collections[f.target]
	kind, get := condition.Text, func(ref reference) any { return textOrNil(ref.name) }
	switch folded := foldName(member); {
	case folded == "id":
		kind, get = condition.Number, func(ref reference) any { return ref.id }
	case target == nil && folded != "name":
		return condition.Field[*record]{}, condition.UnknownName(path)
	case target != nil:
		inner, known := target.position(folded)
		if !known || !slices.ContainsFunc(target.shown, func(shown string) bool { return foldName(shown) == folded }) {
			return condition.Field[*record]{}, condition.UnknownName(path)
		}
		kind = conditionKind(target.fields[inner].kind)
		get = func(ref reference) any {
			if found := target.find(ref.id); found != nil {
				return target.at(t, found, inner)
			}
			return nil
		}
	}
	return condition.Field[*record]{Kind: kind, Get: func(r *record) any {
		switch v := r.values[position].(type) {
		case reference:
			return get(v)
		case []reference:
			values := make(condition.Many, len(v))
			for i, one := range v {
				values[i] = get(one)
			}
			return values
		}
		return nil
	}}, nil
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func many(value any) any {
	list, _ := value.([]string)
	values := make(condition.Many, len(list))
	for i, one := range list {
		values[i] = one
	}
	return values
}

func stampField(path string) (condition.Field[*record], bool) {
	moment := func(get func(*record) time.Time) (condition.Field[*record], bool) {
		return condition.Field[*record]{Kind: condition.Time, Get: func(r *record) any { return get(r) }}, true
	}
	text := func(get func(*record) string) (condition.Field[*record], bool) {
		return condition.Field[*record]{Kind: condition.Text, Get: func(r *record) any { return get(r) }}, true
	}
	switch path {
	case "lastupdated", "_info/lastupdated":
		return moment(func(r *record) time.Time { return r.updated })
	case "_info/dateentered":
		return moment(func(r *record) time.Time { return r.entered })
	case "_info/updatedby":
		return text(func(r *record) string { return r.updatedBy })
	case "_info/enteredby":
		return text(func(r *record) string { return r.enteredBy })
	}
	return condition.Field[*record]{}, false
}

func conditionKind(kind valueKind) condition.Kind {
	switch kind {
	case enumerationValue:
		return condition.Enumeration
	case booleanValue:
		return condition.Boolean
	case integerValue, numberValue:
		return condition.Number
	case dateValue, momentValue:
		return condition.Time
	default:
		return condition.Text
	}
}
