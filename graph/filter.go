package graph

import (
	"github.com/99designs/gqlgen/graphql"

	"crosswalk/internal/postgres/grid"
)

// nestedConditions compiles the and, or and not members of a filter. An or without members matches nothing.
func nestedConditions[F any](and, or []*F, not *F, compile func(*F) (grid.Condition, error)) (grid.Condition, error) {
	all, err := compileEach(and, compile)
	if err != nil {
		return nil, err
	}
	conditions := all
	if or != nil {
		alternatives, err := compileEach(or, compile)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, anyAlternative(alternatives))
	}
	if not != nil {
		condition, err := compile(not)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, grid.Not(condition))
	}
	return grid.All(conditions...), nil
}

func compileEach[F any](filters []*F, compile func(*F) (grid.Condition, error)) ([]grid.Condition, error) {
	if err := checkLength(len(filters)); err != nil {
		return nil, err
	}
	conditions := make([]grid.Condition, len(filters))
	for i, f := range filters {
		var err error
		if conditions[i], err = compile(f); err != nil {
			return nil, err
		}
	}
	return conditions, nil
}

// anyAlternative is grid.Any for compiled filters, of which an empty one holds everywhere.
func anyAlternative(alternatives []grid.Condition) grid.Condition {
	for _, a := range alternatives {
		if a == nil {
			return nil
		}
	}
	return grid.Any(alternatives...)
}

// unset returns the member as if it had been left out.
func unset[T any](graphql.Omittable[T]) graphql.Omittable[T] { return graphql.Omittable[T]{} }

// idFilter is a filter member that takes node ids.
type idFilter struct {
	column, typeName string
	ids              []string
}

// withIDs joins the conditions of a filter with those of its members that take ids, as long as they are not too many.
func withIDs(conditions []grid.Condition, filters ...idFilter) (grid.Condition, error) {
	for _, f := range filters {
		if f.ids == nil {
			continue
		}
		numbers, err := parseIDs(f.typeName, f.ids)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, grid.OneOf(f.column, numbers))
	}
	all := grid.All(conditions...)
	return all, grid.CheckSize(all)
}
