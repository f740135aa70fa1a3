package grid

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/jmoiron/sqlx/reflectx"

	"crosswalk/internal/postgres"
)

// Rows are read by cells, straight from what the driver makes of them.

// fieldNames maps columns to fields by their db tags.
var fieldNames = reflectx.NewMapper("db")

// selectRows reads what a query returns into rows. T has a db tag for each of its columns.
func selectRows[T any](ctx context.Context, tx *postgres.Tx, expected int, query string, args ...any) ([]T, error) {
	var rows []T
	read := func(columns []string, next func() ([]driver.Value, error)) error {
		cells, err := cellsOf[T](columns)
		if err != nil {
			return err
		}
		rows = make([]T, 0, expected)
		for {
			values, err := next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			rows = append(rows, *new(T))
			row := reflect.ValueOf(&rows[len(rows)-1]).Elem()
			for i, value := range values {
				if err := cells[i].set(row, value); err != nil {
					return fmt.Errorf("column %q: %w", columns[i], err)
				}
			}
		}
	}
	err := tx.ReadRows(ctx, read, query, args...)
	return rows, err
}

// cell puts the values of a column into a field of rows.
type cell struct {
	index []int
	// optional is what the field, a pointer, points to; nil for other fields.
	optional reflect.Type
	// scans is true for fields that read values by themselves.
	scans bool
}

var scanner = reflect.TypeFor[sql.Scanner]()

// cells are those of row types, by column, once they were asked for.
var cells sync.Map

// cellsOf returns the cells for columns of rows T.
func cellsOf[T any](columns []string) ([]cell, error) {
	row := reflect.TypeFor[T]()
	known, ok := cells.Load(row)
	if !ok {
		known, _ = cells.LoadOrStore(row, allCells(row))
	}
	byColumn := known.(map[string]cell)
	found := make([]cell, len(columns))
	for i, column := range columns {
		if found[i], ok = byColumn[column]; !ok {
			return nil, fmt.Errorf("%s has no field for the column %q", row, column)
		}
	}
	return found, nil
}

// allCells returns the cells of a row type's columns.
func allCells(row reflect.Type) map[string]cell {
	all := make(map[string]cell)
	for column, field := range fieldNames.TypeMap(row).Names {
		c, of := cell{index: field.Index}, field.Field.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
			c.optional = of
		}
		c.scans = reflect.PointerTo(of).Implements(scanner)
		all[column] = c
	}
	return all
}

// set puts a value that the driver read into the field of a row.
func (c *cell) set(row reflect.Value, value driver.Value) error {
	field := row.FieldByIndex(c.index)
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
