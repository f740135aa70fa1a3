package connectwise

import (
	"time"

	"crosswalk/internal/simulator/connectwise/condition"
)

// record is one row of a collection. It is never changed once stored: an update stores a changed copy, so
// that a reader may keep what it found.
type record struct {
	id int64
	// parent is the agreement of an addition; 0 for records of their own standing.
	parent int64
	// values are as the fields of the schema say, nil where there is none:
	// string, bool, int64, decimal.Decimal, time.Time, reference, []reference, []string or []customValue.
	values []any

	entered, updated     time.Time
	enteredBy, updatedBy string
	// stored is when the record was created over the API, for searches that lag behind; zero for the others.
	stored time.Time
}

func (r *record) clone() *record {
	copied := *r
	copied.values = append([]any(nil), r.values...)
	return &copied
}

// reference points to a record of another collection, or names something that no collection here holds.
type reference struct {
	id int64
	// name is what to show when the record is not to be found.
	name string
}

// customValue is what a record holds in one custom field: a string, a bool or a decimal.Decimal.
type customValue struct {
	definition int64
	value      any
}

// customDefinition is a custom field that every record of a collection has.
type customDefinition struct {
	id          int64
	caption     string
	kind        string
	entryMethod string
	decimals    int64
}

// customRow is a custom field of one record, filled or not.
type customRow struct {
	definition *customDefinition
	value      any
}

// customField resolves the names of the customFieldConditions parameter.
func customField(path string) (condition.Field[customRow], error) {
	switch foldName(path) {
	case "id":
		return condition.Field[customRow]{Kind: condition.Number, Get: func(c customRow) any { return c.definition.id }}, nil
	case "caption":
		return condition.Field[customRow]{Kind: condition.Text, Get: func(c customRow) any { return c.definition.caption }}, nil
	case "type":
		return condition.Field[customRow]{Kind: condition.Text, Get: func(c customRow) any { return c.definition.kind }}, nil
	case "value":
		return condition.Field[customRow]{Kind: condition.Scalar, Get: func(c customRow) any { return c.value }}, nil
	}
	return condition.Field[customRow]{}, condition.UnknownName(path)
}
