package grid

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx/reflectx"

	"crosswalk/internal/postgres"
)

// Rows are read by cells rather than by database/sql's conversions, which turn every number into a text and
// back, and look every type up again for every value.

// fieldNames maps columns to fields by their db tags.
var fieldNames = reflectx.NewMapper("db")

// selectRows reads what a query returns into rows. T has a db tag for each of its columns.
func selectRows[T any](ctx context.Context, tx *postgres.Tx, expected int, query string, args ...any) ([]T, error) {
	found, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return nil, err
	}
	fields := fieldNames.TraversalsByName(reflect.TypeFor[T](), columns)
	cells, targets := make([]cell, len(columns)), make([]any, len(columns))
	for i := range cells {
		if len(fields[i]) == 0 {
			return nil, fmt.Errorf("%T has no field for the column %q", *new(T), columns[i])
		}
		targets[i] = &cells[i]
	}
	rows := make([]T, 0, expected)
	for found.Next() {
		rows = append(rows, *new(T))
		row := reflect.ValueOf(&rows[len(rows)-1]).Elem()
		for i := range cells {
			cells[i].field = row.FieldByIndex(fields[i])
		}
		if err := found.Scan(targets...); err != nil {
			return nil, err
		}
	}
	return rows, found.Err()
}

// cell puts a value into a field.
type cell struct{ field reflect.Value }

// Scan takes the value that the driver read.
func (c *cell) Scan(value any) error {
	field := c.field
	if value == nil && field.Kind() == reflect.Pointer {
		return nil
	}
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		field = field.Elem()
	}
	if own, ok := field.Addr().Interface().(sql.Scanner); ok {
		return own.Scan(value)
	}
	switch v := value.(type) {
	case int64:
		if field.CanInt() {
			field.SetInt(v)
			return nil
		}
	case string:
		if field.Kind() == reflect.String {
			field.SetString(v)
			return nil
		}
	case []byte:
		return setText(field, string(v))
	case bool:
		if field.Kind() == reflect.Bool {
			field.SetBool(v)
			return nil
		}
	case time.Time:
		if at, ok := field.Addr().Interface().(*time.Time); ok {
			*at = v
			return nil
		}
	}
	return fmt.Errorf("a %T does not fit a field of type %s", value, field.Type())
}

// setText sets a field to what stands in a text: a value of a type that the driver does not know.
func setText(field reflect.Value, text string) error {
	switch {
	case field.Kind() == reflect.String:
		field.SetString(text)
		return nil
	case field.CanInt():
		n, err := strconv.ParseInt(text, 10, 64)
		field.SetInt(n)
		return err
	}
	return fmt.Errorf("the text %.40q does not fit a field of type %s", text, field.Type())
}
