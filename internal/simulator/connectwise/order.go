package connectwise

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// orderKey is one term of the orderBy parameter.
type orderKey struct {
	get        func(*record) any
	descending bool
}

func (t *tenant) parseOrder(c *collection, text string, q *query) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	for term := range strings.SplitSeq(text, ",") {
		words := strings.Fields(term)
		if len(words) == 0 || len(words) > 2 {
			return badCondition("orderBy is not a list of names with asc or desc.")
		}
		direction := "asc"
		if len(words) == 2 {
			direction = strings.ToLower(words[1])
		}
		if direction != "asc" && direction != "desc" {
			return badCondition(words[1] + " is neither asc nor desc.")
		}
		f, err := t.field(c, words[0], false)
		if err != nil {
			return refuseCondition(err)
		}
		q.order = append(q.order, orderKey{get: f.Get, descending: direction == "desc"})
	}
	if foldName(strings.TrimSpace(text)) == "id" || foldName(strings.Join(strings.Fields(text), " ")) == "id asc" {
		q.order = nil // records are kept by id
	}
	return nil
}

// sortRecords returns the records in the order asked for, equal ones by id.
func (q *query) sortRecords(records []*record) []*record {
	if len(q.order) == 0 {
		return records
	}
	type keyed struct {
		record *record
		keys   []any
	}
	rows := make([]keyed, len(records))
	for i, r := range records {
		rows[i] = keyed{record: r, keys: make([]any, len(q.order))}
		for k, key := range q.order {
			rows[i].keys[k] = sortable(key.get(r))
		}
	}
	slices.SortStableFunc(rows, func(a, b keyed) int {
		for k, key := range q.order {
			if sign := compareValues(a.keys[k], b.keys[k]); sign != 0 {
				if key.descending {
					return -sign
				}
				return sign
			}
		}
		return 0
	})
	sorted := make([]*record, len(rows))
	for i := range rows {
		sorted[i] = rows[i].record
	}
	return sorted
}

// sortable folds texts once instead of at every comparison.
func sortable(value any) any {
	if text, isText := value.(string); isText {
		return strings.ToLower(text)
	}
	return value
}

// compareValues orders values of one kind; those that are missing come first.
func compareValues(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch first := a.(type) {
	case string:
		second, _ := b.(string)
		return strings.Compare(first, second)
	case int64:
		second, _ := b.(int64)
		return cmp.Compare(first, second)
	case decimal.Decimal:
		return first.Cmp(numberOf(b))
	case time.Time:
		second, _ := b.(time.Time)
		return first.Compare(second)
	case bool:
		second, _ := b.(bool)
		return cmp.Compare(boolRank(first), boolRank(second))
	}
	return 0
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}
