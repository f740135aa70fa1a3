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
	fields := fieldNames.TypeMap(reflect.TypeFor[T]())
	cells, targets := make([]cell, len(columns)), make([]any, len(columns))
	for i, column := range columns {
		field := fields.GetByPath(column)
		if field == nil {
			return nil, fmt.Errorf("%T has no field for the column %q", *new(T), column)
		}
		cells[i] = newCell(field)
		targets[i] = &cells[i]
	}
	rows := make([]T, 0, expected)
	for found.Next() {
		rows = append(rows, *new(T))
		row := reflect.ValueOf(&rows[len(rows)-1]).Elem()
		for i := range cells {
			cells[i].row = row
		}
		if err := found.Scan(targets...); err != nil {
			return nil, err
		}
	}
	return rows, found.Err()
}

// cell puts the values of a column into a field of one row after the other.
type cell struct {
	row   reflect.Value
	index []int
	// optional is what the field, a pointer, points to; nil for other fields.
	optional reflect.Type
	// scans is true for fields that read values by themselves.
	scans bool
}

var scanner = reflect.TypeFor[sql.Scanner]()

func newCell(field *reflectx.FieldInfo) cell {
	c := cell{index: field.Index}
	of := field.Field.Type
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
		c.optional = of
	}
	c.scans = reflect.PointerTo(of).Implements(scanner)
	return c
}

// Scan takes the value that the driver read.
func (c *cell) Scan(value any) error {
	field := c.row.FieldByIndex(c.index)
	if c.optional != nil {
		if value == nil {
			return nil
		}
		own := reflect.New(c.optional)
		field.Set(own)
		field = own.Elem()
	}
	if c.scans {
		return field.Addr().Interface().(sql.Scanner).Scan(value)
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
