package connectwise

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// read turns a decoded JSON value into the value of a field, or says what is wrong with it.
func (t *tenant) read(c *collection, f *field, raw any) (any, *problem) {
	if raw == nil {
		return nil, nil
	}
	switch f.kind {
	case textValue:
		return t.readText(f, raw)
	case enumerationValue:
		return readEnumeration(f, raw)
	case booleanValue:
		return readBoolean(f, raw)
	case integerValue:
		return readInteger(f, raw)
	case numberValue:
		return readNumber(f, raw)
	case dateValue, momentValue:
		return readMoment(f, raw)
	case referenceValue:
		return t.readReference(f, raw)
	case referenceList:
		return t.readReferences(f, raw)
	case textList:
		return t.readTexts(f, raw)
	default:
		return t.readCustomValues(c, f, raw)
	}
}

func wrongType(f *field, wanted string) *problem {
	return &problem{Code: invalidMember, Field: f.name, Message: fmt.Sprintf("The field %s must be %s.", f.name, wanted)}
}

func (t *tenant) readText(f *field, raw any) (any, *problem) {
	var text string
	switch v := raw.(type) {
	case string:
		text = t.cleanText(v)
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	default:
		return nil, wrongType(f, "a text")
	}
	return text, nil
}

// cleanText does to a text what ConnectWise does: line breaks become blanks, and the two control characters
// it does not know vanish.
func (t *tenant) cleanText(text string) string {
	if t.settings.KeepLineBreaks {
		return text
	}
	return strings.NewReplacer("\n", " ", "\r", " ", "\b", "", "\f", "").Replace(text)
}

func readEnumeration(f *field, raw any) (any, *problem) {
	text, isText := raw.(string)
	for _, known := range f.oneOf {
		if isText && known == text {
			return text, nil
		}
	}
	return nil, wrongType(f, "one of "+strings.Join(f.oneOf, ", "))
}

func readBoolean(f *field, raw any) (any, *problem) {
	switch v := raw.(type) {
	case bool:
		return v, nil
	case string:
		if flag, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return flag, nil
		}
	}
	return nil, wrongType(f, "true or false")
}

// maxDigits and maxExponent bound numbers to what can be written out in full without harm.
const (
	maxDigits   = 60
	maxExponent = 30
)

// parseNumber reads a number, or a number in quotes, exactly.
func parseNumber(raw any) (decimal.Decimal, bool) {
	var text string
	switch v := raw.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	if text == "" || len(text) > maxDigits {
		return decimal.Decimal{}, false
	}
	number, err := decimal.NewFromString(text)
	if err != nil || number.Exponent() > maxExponent || number.Exponent() < -maxExponent {
		return decimal.Decimal{}, false
	}
	return number, true
}

func readNumber(f *field, raw any) (any, *problem) {
	number, isNumber := parseNumber(raw)
	if !isNumber {
		return nil, wrongType(f, "a number")
	}
	return number, nil
}

func readInteger(f *field, raw any) (any, *problem) {
	number, isNumber := parseNumber(raw)
	if !isNumber || !number.IsInteger() || !number.BigInt().IsInt64() {
		return nil, wrongType(f, "a whole number")
	}
	return number.IntPart(), nil
}

// readMoment takes times in UTC, written with Z; calendar dates lose their time of day.
func readMoment(f *field, raw any) (any, *problem) {
	text, isText := raw.(string)
	if text == "" && isText {
		return nil, nil
	}
	moment, err := time.Parse(time.RFC3339Nano, text)
	if !isText || err != nil || !strings.HasSuffix(text, "Z") {
		return nil, &problem{Code: unsupported, Field: f.name, Message: "Unsupported format applied to " + f.name}
	}
	if f.kind == dateValue {
		return moment.Truncate(24 * time.Hour), nil
	}
	return moment.Truncate(time.Second), nil
}

// readReference takes {"id":5}, or the identifier or name of the record.
func (t *tenant) readReference(f *field, raw any) (any, *problem) {
	members, isObject := raw.(map[string]any)
	if !isObject {
		return nil, wrongType(f, "an object with an id")
	}
	member := func(name string) any {
		for key, value := range members {
			if foldName(key) == name {
				return value
			}
		}
		return nil
	}
	name, _ := member("name").(string)
	id, hasID := parseNumber(member("id"))
	target := t.collections[f.target]
	if target == nil {
		if !hasID && name == "" {
			return nil, nil
		}
		return reference{id: id.IntPart(), name: name}, nil
	}
	if hasID && id.IsInteger() {
		if found := target.find(id.IntPart()); found != nil {
			return reference{id: found.id, name: t.nameOf(target, found)}, nil
		}
		return nil, &problem{Code: invalidMember, Field: f.name + "/id", Message: fmt.Sprintf("%s %s not found", target.title, id)}
	}
	for _, shown := range target.shown {
		text, _ := member(foldName(shown)).(string)
		if found := t.referTo(target.name, shown, text); found != nil {
			return found, nil
		}
	}
	if len(members) == 0 {
		return nil, nil
	}
	return nil, &problem{Code: invalidMember, Field: f.name + "/id", Message: fmt.Sprintf("The %s/id field is required.", f.name)}
}

// nameOf is what a reference remembers of a record, should the record vanish.
func (t *tenant) nameOf(c *collection, r *record) string { return textOf(c.value(t, r, "name")) }

func (t *tenant) readReferences(f *field, raw any) (any, *problem) {
	list, isList := raw.([]any)
	if !isList {
		return nil, wrongType(f, "a list of objects with an id")
	}
	references := make([]reference, 0, len(list))
	for _, one := range list {
		value, wrong := t.readReference(f, one)
		if wrong != nil {
			return nil, wrong
		}
		if ref, isReference := value.(reference); isReference {
			references = append(references, ref)
		}
	}
	return references, nil
}

func (t *tenant) readTexts(f *field, raw any) (any, *problem) {
	list, isList := raw.([]any)
	if !isList {
		return nil, wrongType(f, "a list of texts")
	}
	texts := make([]string, 0, len(list))
	for _, one := range list {
		text, isText := one.(string)
		if !isText {
			return nil, wrongType(f, "a list of texts")
		}
		texts = append(texts, t.cleanText(text))
	}
	return texts, nil
}

// readCustomValues takes the whole list; fields that are not in it become empty.
func (t *tenant) readCustomValues(c *collection, f *field, raw any) (any, *problem) {
	list, isList := raw.([]any)
	if !isList {
		return nil, wrongType(f, "the whole list of custom fields")
	}
	var values []customValue
	for _, one := range list {
		members, _ := one.(map[string]any)
		definition := c.findDefinition(members)
		if definition == nil {
			return nil, wrongType(f, "a list of custom fields that exist")
		}
		switch v := members["value"].(type) {
		case nil:
		case string:
			values = append(values, customValue{definition: definition.id, value: t.cleanText(v)})
		case bool:
			values = append(values, customValue{definition: definition.id, value: v})
		case json.Number:
			number, isNumber := parseNumber(v)
			if !isNumber {
				return nil, wrongType(f, "a list of custom fields with numbers of a sensible size")
			}
			values = append(values, customValue{definition: definition.id, value: number})
		default:
			return nil, wrongType(f, "a list of custom fields with scalar values")
		}
	}
	return values, nil
}

// findDefinition finds a custom field by its id, or by its caption where there is none.
func (c *collection) findDefinition(members map[string]any) *customDefinition {
	if id, hasID := parseNumber(members["id"]); hasID {
		return c.definition(id.IntPart())
	}
	caption, _ := members["caption"].(string)
	for i := range c.definitions {
		if c.definitions[i].caption == caption {
			return &c.definitions[i]
		}
	}
	return nil
}
