package grid

import "strings"

// Order is one column to sort by.
type Order struct {
	Column     string
	Descending bool
}

// repeats reports whether a column is named more than once, the second time to no effect.
func repeats(order []Order) bool {
	seen := make(map[string]bool, len(order))
	for _, o := range order {
		if seen[o.Column] {
			return true
		}
		seen[o.Column] = true
	}
	return false
}

// key is a resolved sort key. The id follows the keys as the last one, in the direction of the first, so
// that a descending list is the ascending one backwards and one index serves both.
type key struct {
	sql        string
	kind       Type
	nullable   bool
	descending bool
}

func (s *statement) keys(order []Order) []key {
	keys := make([]key, len(order))
	for i, o := range order {
		sql, kind := s.useOrder(o.Column)
		keys[i] = key{sql: sql, kind: kind, nullable: s.grid.column(o.Column).Nullable, descending: o.Descending}
	}
	return keys
}

func (s *statement) idKey(keys []key) key {
	return key{sql: s.grid.ID, kind: Integer, descending: len(keys) > 0 && keys[0].descending}
}

// orderBy writes the ORDER BY clause; backward reads the list from its end.
func (s *statement) orderBy(keys []key, backward bool) string {
	var parts []string
	for _, k := range append(keys[:len(keys):len(keys)], s.idKey(keys)) {
		part := k.sql
		if k.descending != backward {
			part += " DESC"
		}
		// Nulls come last in the list, so first when it is read from its end. Columns without nulls say
		// nothing, or their index would not serve.
		if k.nullable && backward {
			part += " NULLS FIRST"
		} else if k.nullable {
			part += " NULLS LAST"
		}
		parts = append(parts, part)
	}
	return "ORDER BY " + strings.Join(parts, ", ")
}

// beyond writes the condition for rows strictly after the cursor in list order, or with backward strictly before it.
func (s *statement) beyond(c *cursor, keys []key, backward bool) string {
	if c == nil {
		return ""
	}
	id := s.idKey(keys)
	all := append(keys[:len(keys):len(keys)], id)
	values := make([]any, len(all))
	for i := range keys {
		if c.Keys[i] != nil {
			values[i] = *c.Keys[i]
		}
	}
	values[len(keys)] = c.ID
	if uniform(all) {
		return s.rowComparison(all, values, backward)
	}
	var alternatives []string
	var equal []string
	for i, k := range all {
		if step := s.step(k, values[i], backward); step != "" {
			alternatives = append(alternatives, strings.Join(append(equal[:len(equal):len(equal)], step), " AND "))
		}
		switch {
		case i == len(all)-1:
		case values[i] == nil:
			equal = append(equal, k.sql+" IS NULL")
		default:
			equal = append(equal, k.sql+" = "+s.keyArg(k, values[i]))
		}
	}
	return "(" + strings.Join(alternatives, "\n\t\tOR ") + ")"
}

// uniform reports whether the keys have no nulls and one direction, so that a row comparison, which an index answers, says it all.
func uniform(keys []key) bool {
	for _, k := range keys {
		if k.nullable || k.descending != keys[0].descending {
			return false
		}
	}
	return true
}

func (s *statement) rowComparison(keys []key, values []any, backward bool) string {
	operator := " > "
	if keys[0].descending != backward {
		operator = " < "
	}
	left, right := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		left[i], right[i] = k.sql, s.keyArg(k, values[i])
	}
	return "(" + strings.Join(left, ", ") + ")" + operator + "(" + strings.Join(right, ", ") + ")"
}

// step writes the condition for one key lying strictly beyond value, or "" where nothing can.
func (s *statement) step(k key, value any, backward bool) string {
	if value == nil {
		// Nulls are the end of the list: nothing lies after them, everything else before.
		if backward {
			return k.sql + " IS NOT NULL"
		}
		return ""
	}
	operator := " > "
	if k.descending != backward {
		operator = " < "
	}
	comparison := k.sql + operator + s.keyArg(k, value)
	if k.nullable && !backward {
		return "(" + comparison + " OR " + k.sql + " IS NULL)"
	}
	return comparison
}

// keyArg adds the value of a key. Whole numbers are compared as the largest type there is, so that one that is too
// large for its column is beyond all rows rather than an error.
func (s *statement) keyArg(k key, value any) string {
	if k.kind == Integer {
		return s.arg(value) + "::bigint"
	}
	return s.arg(value)
}
