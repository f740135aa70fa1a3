package grid_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/grid"
	"crosswalk/internal/postgres/postgrestest"
)

// sample is a row of a list with a column of every type, each without a value in one row.
type sample struct {
	grid.Row
	ID int64 `db:"id"`
}

var samples = &grid.Grid{
	Name:   "sample",
	From:   "sample s",
	Seller: "s.seller_id",
	ID:     "s.id",
	Columns: map[string]grid.Column{
		"id":      {SQL: "s.id", Type: grid.Integer},
		"text":    {SQL: "s.text", Nullable: true},
		"whole":   {SQL: "s.whole", Type: grid.Integer, Nullable: true},
		"number":  {SQL: "s.number", Type: grid.Number, Nullable: true},
		"flag":    {SQL: "s.flag", Type: grid.Boolean, Nullable: true},
		"day":     {SQL: "s.day", Type: grid.Date, Nullable: true},
		"instant": {SQL: "s.instant", Type: grid.Instant, Nullable: true},
	},
}

var sampleColumns = []string{"text", "whole", "number", "flag", "day", "instant"}

// newSamples returns what fetches samples in the order of one column.
func newSamples(t testing.TB) func(column string, page grid.Page) (*grid.Result[sample], error) {
	t.Helper()
	db, err := postgres.OpenAsOwner(t.Context(), postgrestest.New(t), postgres.Options{MaxConnections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	_, err = db.Pool().ExecContext(t.Context(), `
		CREATE TABLE sample (
			seller_id bigint, id bigint, text text COLLATE alphabetical, whole int, number numeric(30, 6), flag bool, day date, instant timestamptz
		);
		INSERT INTO sample VALUES
			(1, 1, 'eins', 1, 1.5, true, '2026-05-18', '2026-05-18 09:30:00.25+00'),
			(1, 2, 'zwei', 2, -2, false, '0001-01-01', '0001-01-01 00:00:00+00'),
			(1, 3, NULL, NULL, NULL, NULL, NULL, NULL)`)
	if err != nil {
		t.Fatal(err)
	}
	return func(column string, page grid.Page) (result *grid.Result[sample], err error) {
		err = db.Seller(seller).Read(context.Background(), func(ctx context.Context, tx *postgres.Tx) (err error) {
			result, err = grid.Fetch[sample](ctx, tx, samples, seller, grid.Request{
				Columns: []string{"id"}, Order: []grid.Order{{Column: column}}, Page: page, Position: true, Total: true,
			})
			return err
		})
		return result, err
	}
}

// FuzzCursors puts anything into the sort key, the number and the place of a cursor that is otherwise one of the
// list's own. The list must answer, or refuse it as input that cannot be used: nothing may reach the database
// that it cannot read.
func FuzzCursors(f *testing.F) {
	for column, keys := range map[uint8][]string{
		0: {"eins", "", "'; DROP TABLE sample; --", "a\x00b", "\xff", "\u202e"},
		1: {"1", "-1", "+1", "01", "2147483648", "9223372036854775807", "1.0", "1_000"},
		2: {"1.5", ".5", "5.", "1e5", "1e999999999", "-1E-999999999", "NaN", "Infinity", "0x10", "1_000.0"},
		3: {"true", "false", "t", "TRUE"},
		4: {"2026-05-18", "0001-01-01", "0000-12-31", "9999-12-31", "2026-02-29", "infinity"},
		5: {"2026-05-18 09:30:00.25+00", "0001-01-01 00:00:00+00", "0000-01-01 00:00:00+00", "9999-12-31 23:59:59.999999-15", "2026-05-18 09:30:00+23", "2026-05-01 00:00:00,00+00"},
	} {
		for _, key := range keys {
			f.Add(column, key, int64(1), 1, false)
			f.Add(column, key, int64(-1<<63), 1<<62, true)
		}
	}
	fetch := newSamples(f)
	one := 1
	f.Fuzz(func(t *testing.T, column uint8, key string, id int64, position int, back bool) {
		name := sampleColumns[int(column)%len(sampleColumns)]
		first, err := fetch(name, grid.FirstRows(1))
		if err != nil {
			t.Fatalf("the first page by %s: %v", name, err)
		}
		forged := forge(t, first.Cursor(0), map[string]any{"k": []string{key}, "i": id, "p": position})
		asked, err := grid.NewPage(&one, &forged, nil, nil, nil)
		if back {
			asked, err = grid.NewPage(nil, nil, &one, &forged, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := fetch(name, asked)
		var refused *grid.InputError
		switch {
		case errors.As(err, &refused):
		case err != nil:
			t.Errorf("the page by %s beyond the key %q and the id %d: %v, want rows or an input error", name, key, id, err)
		case got.From < 0 || got.From > 1<<31:
			t.Errorf("the page by %s beyond position %d begins at %d", name, position, got.From)
		}
	})
}

// forge returns a cursor with other members.
func forge(t *testing.T, cursor string, members map[string]any) string {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		all[name] = value
	}
	if data, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// FuzzCursorTexts passes anything off as a cursor.
func FuzzCursorTexts(f *testing.F) {
	for _, text := range []string{"", "x", "AAAA", "eyJvIjo0Mn0", "bnVsbA", "W10", "eyJrIjpbbnVsbF19", "e30", "=", "ü"} {
		f.Add(text)
	}
	fetch := newSamples(f)
	first, err := fetch("text", grid.FirstRows(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first.Cursor(0))
	one := 1
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range sampleColumns[:2] {
			asked, err := grid.NewPage(&one, &text, nil, nil, nil)
			if err == nil {
				_, err = fetch(name, asked)
			}
			var refused *grid.InputError
			if err != nil && !errors.As(err, &refused) {
				t.Errorf("the page by %s after %q: %v, want rows or an input error", name, text, err)
			}
		}
	})
}
