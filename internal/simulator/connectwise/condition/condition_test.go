package condition

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
)

// pet is a row to filter.
type pet map[string]any

func pets() map[string]pet {
	return map[string]pet{
		"rex":    {"id": int64(1), "name": "Rex O'Malley", "kind": "Dog", "tame": true, "weight": decimal.RequireFromString("30.50"), "born": day("2020-05-01"), "owner": true},
		"mia":    {"id": int64(2), "name": "Mia 100% [sweet]", "kind": "Cat", "tame": false, "weight": decimal.RequireFromString("4.25"), "born": day("2021-01-15")},
		"ghost":  {"id": int64(3), "name": "", "kind": "Cat"},
		"tagged": {"id": int64(4), "name": "Straße", "kind": "Dog", "tags": Many{"big", "old"}, "note": "12"},
	}
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func resolvePet(path string) (Field[pet], error) {
	kinds := map[string]Kind{
		"id": Number, "name": Text, "kind": Enumeration, "tame": Boolean, "weight": Number, "born": Time,
		"owner": Reference, "tags": Text, "note": Scalar, "owner/name": Text,
	}
	name := strings.ToLower(path)
	kind, known := kinds[name]
	if !known {
		return Field[pet]{}, UnknownName(path)
	}
	return Field[pet]{Kind: kind, OneOf: []string{"Dog", "Cat"}, Get: func(p pet) any { return p[name] }}, nil
}

func filter(text string) ([]string, error) {
	e, err := Parse(text)
	if err != nil {
		return nil, err
	}
	test, err := Compile(e, resolvePet)
	if err != nil {
		return nil, err
	}
	matched := []string{}
	for name, row := range pets() {
		if test(row) {
			matched = append(matched, name)
		}
	}
	slices.Sort(matched)
	return matched, nil
}

func TestCompile_Matches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, condition string
		want            []string
	}{
		{"nothing asked matches all", "  ", []string{"ghost", "mia", "rex", "tagged"}},
		{"text without regard to case", `name = "rex o'malley"`, []string{"rex"}},
		{"names without regard to case", `NAME = 'Straße'`, []string{"tagged"}},
		{"a doubled quote", `name = 'Rex O''Malley'`, []string{"rex"}},
		{"a quote after a backslash", `name = 'Rex O\'Malley'`, []string{"rex"}},
		{"the empty text is not null", `name = ""`, []string{"ghost"}},
		{"and binds closer than or", `id = 1 or id = 2 and tame = true`, []string{"rex"}},
		{"parentheses", `(id = 1 or id = 2) and tame = False`, []string{"mia"}},
		{"numbers of another scale", `weight = 30.5`, []string{"rex"}},
		{"a fraction against whole numbers", `id > 3.5`, []string{"tagged"}},
		{"negative numbers", `weight > -1`, []string{"mia", "rex"}},
		{"a quoted number", `id <= "1"`, []string{"rex"}},
		{"no value matches no comparison", `weight != 4.25`, []string{"rex"}},
		{"null", `weight = null`, []string{"ghost", "tagged"}},
		{"not null", `owner != NULL`, []string{"rex"}},
		{"date and time", `born >= [2021-01-15T00:00:00Z]`, []string{"mia"}},
		{"date alone", `born < [2021-01-15]`, []string{"rex"}},
		{"enumeration", `kind = "dog"`, []string{"rex", "tagged"}},
		{"in", `id in (4, 1,99)`, []string{"rex", "tagged"}},
		{"not in leaves rows without a value out", `weight not in (4.25)`, []string{"rex"}},
		{"in of texts", `kind IN ("Cat")`, []string{"ghost", "mia"}},
		{"contains", `name contains "100%"`, []string{"mia"}},
		{"not contains", `name not contains 'e'`, []string{"ghost"}},
		{"like with percent", `name like "%o'm%"`, []string{"rex"}},
		{"like with asterisk", `name like "Rex*"`, []string{"rex"}},
		{"like without wildcard is equality", `name like "rex"`, []string{}},
		{"like with one character", `name like "Stra_e"`, []string{"tagged"}},
		{"like with an escaped bracket", `name like "%[[]sweet]"`, []string{"mia"}},
		{"like with an unescaped bracket is a set", `name like "%[sweet]"`, []string{"tagged"}},
		{"like with a range", `name like "[l-n]ia%"`, []string{"mia"}},
		{"like with a negated set", `name like "[^m]%"`, []string{"rex", "tagged"}},
		{"not like", `name NOT LIKE "%e%"`, []string{"ghost"}},
		{"one of many values", `tags = "old"`, []string{"tagged"}},
		{"no values are null", `tags = null`, []string{"ghost", "mia", "rex"}},
		{"a scalar held as text against a number", `note = 12`, []string{}},
		{"a scalar against text", `note = "12"`, []string{"tagged"}},
		{"a scalar that is there", `note != null`, []string{"tagged"}},
		{"booleans in quotes", `tame = "True"`, []string{"rex"}},
		{"no blanks at all", `(id=1)or(id=2)`, []string{"mia", "rex"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := filter(tt.condition)
			if err != nil {
				t.Fatalf("%s: %v", tt.condition, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s matched (-want +got):\n%s", tt.condition, diff)
			}
		})
	}
}

func TestCompile_Refuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, condition, want string }{
		{"an unknown name", `colour = "red"`, "colour is not a recognized name."},
		{"an unknown value of an enumeration", `kind = "Fish"`, "Enum value supplied was invalid"},
		{"an enumeration against a number", `kind = 1`, "Enum value supplied was invalid"},
		{"a quoted date", `born > "2021-01-01"`, `born cannot be compared with "2021-01-01".`},
		{"a number against a text", `id = "one"`, `id cannot be compared with "one".`},
		{"a text against a number", `name = 1`, "name cannot be compared with 1."},
		{"a reference against anything but null", `owner = 1`, "owner cannot be compared with 1."},
		{"order of booleans", `tame > true`, "tame cannot be compared with true."},
		{"order of null", `id > null`, "id can only be = null or != null."},
		{"null in a list", `id in (1, null)`, "null is not allowed in the list for id."},
		{"a pattern for a number", `id like "1%"`, `id is not a text and cannot be matched with "1%".`},
		{"a pattern that is no text", `name contains 1`, "name can only be matched with a text, not with 1."},
		{"an impossible day", `born > [2021-02-30]`, "[2021-02-30] is not a valid date."},
		{"an open bracket", `born > [2021-02-03`, "The date that begins at position 8 has no closing bracket."},
		{"an open quote", `name = "x`, "The text that begins at position 8 has no closing quote."},
		{"an open parenthesis", `(id = 1`, "Expected AND, OR or ) but found the end."},
		{"an open list", `id in (1`, "Expected , or ) but found the end."},
		{"a parenthesis too many", `id = 1)`, "Expected AND, OR or the end but found )."},
		{"two conditions side by side", `id = 1 id = 2`, "Expected AND, OR or the end but found id."},
		{"a missing value", `id =`, "Expected a value but found the end."},
		{"a name where a value belongs", `id = name`, "Expected a value but found name."},
		{"a missing operator", `id`, "Expected an operator after id but found the end."},
		{"a value where a name belongs", `1 = id`, "Expected a name but found 1."},
		{"two signs", `id = --1`, "- is not a valid number."},
		{"a foreign character", `id = 1 ; 2`, "Unexpected character ';' at position 8."},
		{"a foreign character of several bytes", `id = ‘x’`, "Unexpected character '‘' at position 6."},
		{"a lonely exclamation mark", `id ! 1`, "Unexpected character '!' at position 4."},
		{"too deep a nesting", strings.Repeat("(", 65) + "id=1" + strings.Repeat(")", 65), "Conditions may not be nested more than 64 deep."},
		{"too long a number", "id = " + strings.Repeat("9", 41), strings.Repeat("9", 41) + " is not a valid number."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := filter(tt.condition)
			if err == nil || err.Error() != tt.want {
				t.Errorf("%s: got %v, error %v, want error %q", tt.condition, got, err, tt.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		condition string
		want      []int64
		narrowed  bool
	}{
		{"id = 7", []int64{7}, true},
		{"ID in (3,1,2) and name = 'x'", []int64{3, 1, 2}, true},
		{"name = 'x' and (id = 1 and kind = 'Dog')", []int64{1}, true},
		{"id = 1 or name = 'x'", nil, false},
		{"id not in (1)", nil, false},
		{"id > 1", nil, false},
		{"id = 1.5", nil, false},
		{"owner/id = 1", nil, false},
		{"", nil, false},
	} {
		e, err := Parse(tt.condition)
		if err != nil {
			t.Fatal(err)
		}
		got, narrowed := Keys(e, "id")
		if diff := cmp.Diff(tt.want, got); diff != "" || narrowed != tt.narrowed {
			t.Errorf("Keys(%q) = %v, %t, want %v, %t", tt.condition, got, narrowed, tt.want, tt.narrowed)
		}
	}
}

func TestWildcards_TakeTheirTimeOnlyOnce(t *testing.T) {
	t.Parallel()
	pattern := strings.Repeat("%a", 30) + "%b"
	if compileWildcards(pattern).match(strings.Repeat("a", 6000)) {
		t.Errorf("%q matched a text without b", pattern)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`id in (1,2,3)`, `(name like "%a[b-c]_*" or not name = 'x')`, `born >= [2020-01-01T00:00:00Z] and tame = true`,
		`kind = "Dog" OR owner/name not contains "\""`, `weight <= -1.5e3`, `[`, `"\`, `id not in (`, "(((",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		_, _ = Keys(e, "id")
		test, err := Compile(e, resolvePet)
		if err != nil {
			return
		}
		for _, row := range pets() {
			test(row)
		}
		_ = fmt.Sprintf("%v", e)
	})
}
