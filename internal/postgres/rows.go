package postgres

import (
	"context"
	"database/sql/driver"
	"io"
)

// Reading reads the rows of a query: next returns the values of one row after the other as the driver made them, which hold until
// it is called again, and io.EOF after the last. It may be called anew, for the same rows, where the connection broke.
type Reading func(columns []string, next func() ([]driver.Value, error)) error

type readingKey struct{}

// ReadRows runs a query and has its rows read where the driver has them. What database/sql does with each value, and each row,
// takes longer than to use them.
func (tx *Tx) ReadRows(ctx context.Context, read Reading, query string, args ...any) error {
	rows, err := tx.QueryContext(context.WithValue(ctx, readingKey{}, read), query, args...)
	if err != nil {
		return err
	}
	return rows.Close()
}

// handOver has the rows read by whoever the context says wants to.
func handOver(ctx context.Context, rows driver.Rows) (driver.Rows, error) {
	read, ok := ctx.Value(readingKey{}).(Reading)
	if !ok {
		return rows, nil
	}
	defer rows.Close()
	columns := rows.Columns()
	values := make([]driver.Value, len(columns))
	return noRows{}, read(columns, func() ([]driver.Value, error) { return values, rows.Next(values) })
}

// noRows are the rows of a query that have been read.
type noRows struct{}

// Columns returns none.
func (noRows) Columns() []string { return nil }

// Close does nothing.
func (noRows) Close() error { return nil }

// Next returns none.
func (noRows) Next([]driver.Value) error { return io.EOF }
