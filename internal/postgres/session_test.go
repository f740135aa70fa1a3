package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// openOne opens a database with two sellers over a single connection, so that each statement meets what the one before left behind.
func openOne(t *testing.T) (db, owner *postgres.DB, first, second postgres.SellerID) {
	t.Helper()
	address := postgrestest.New(t)
	var err error
	if owner, err = postgres.OpenAsOwner(t.Context(), address, postgres.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	if db, err = postgres.Open(t.Context(), address, postgres.Options{MaxConnections: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for i, id := range []*postgres.SellerID{&first, &second} {
		err := db.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			return tx.GetContext(ctx, id, `
				INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
				VALUES ($1, 'UTC', 'https://platform.example.com', '', '') RETURNING id`, fmt.Sprint("Seller ", i))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return db, owner, first, second
}

const namesOfSellers = `SELECT string_agg(name, ' and ') FROM seller WHERE $1`

// sellersSeen returns the sellers that a single statement of a seller sees.
func sellersSeen(t *testing.T, db *postgres.DB, as postgres.SellerID) (names string) {
	t.Helper()
	err := db.Seller(as).ReadOne(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(postgres.Reuse(ctx), &names, namesOfSellers, true)
	})
	if err != nil {
		t.Fatalf("read as seller %s: %v", as, err)
	}
	return names
}

func TestAStatementSeesItsSellerWhateverTheSessionWasUsedForBefore(t *testing.T) {
	t.Parallel()
	db, _, first, second := openOne(t)
	for range 3 {
		if got := sellersSeen(t, db, first); got != "Seller 0" {
			t.Errorf("the first seller sees %q", got)
		}
		if got := sellersSeen(t, db, second); got != "Seller 1" {
			t.Errorf("the second seller sees %q", got)
		}
		var outside int
		if err := db.Pool().QueryRowContext(t.Context(), `SELECT count(*) FROM seller`).Scan(&outside); err != nil || outside != 0 {
			t.Errorf("a statement of nobody sees %d sellers (%v), want none", outside, err)
		}
		err := db.Seller(first).Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			var inside string
			err := tx.GetContext(ctx, &inside, namesOfSellers, true)
			if inside != "Seller 0" {
				t.Errorf("a transaction of the first seller sees %q", inside)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := sellersSeen(t, db, second); got != "Seller 1" {
			t.Errorf("after a transaction of the first, the second seller sees %q", got)
		}
	}
}

func TestAStatementThatWasCancelledLeavesNoScopeBehind(t *testing.T) {
	t.Parallel()
	db, _, first, second := openOne(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := db.Seller(first).ReadOne(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		var names string
		return tx.GetContext(ctx, &names, namesOfSellers, true)
	})
	if err == nil {
		t.Error("a cancelled statement succeeded")
	}
	if got := sellersSeen(t, db, second); got != "Seller 1" {
		t.Errorf("after it, the second seller sees %q", got)
	}
}

func TestPreparedStatementsOutliveAChangeOfTheSchema(t *testing.T) {
	t.Parallel()
	db, owner, first, _ := openOne(t)
	columns := func() (count int) {
		err := db.Seller(first).ReadOne(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			rows, err := tx.QueryContext(postgres.Reuse(ctx), `SELECT * FROM seller WHERE $1`, true)
			if err != nil {
				return err
			}
			defer rows.Close()
			names, err := rows.Columns()
			count = len(names)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return count
	}
	before := columns()
	if _, err := owner.Pool().ExecContext(t.Context(), `ALTER TABLE seller ADD COLUMN nickname text`); err != nil {
		t.Fatal(err)
	}
	if after := columns(); after != before+1 {
		t.Errorf("there are %d columns after one was added to %d", after, before)
	}
}

func TestASessionForgetsStatementsThatWereNotUsedForLong(t *testing.T) {
	t.Parallel()
	db, _, first, _ := openOne(t)
	var prepared int
	for i := range 200 {
		err := db.Seller(first).ReadOne(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
			var n int
			if err := tx.GetContext(postgres.Reuse(ctx), &n, fmt.Sprintf("SELECT %d WHERE $1", i), true); err != nil || n != i {
				t.Fatalf("statement %d answered %d: %v", i, n, err)
			}
			return tx.GetContext(ctx, &prepared, `SELECT count(*) FROM pg_prepared_statements`)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if prepared == 0 || prepared > 64 {
		t.Errorf("the session keeps %d of 200 statements, want at most 64", prepared)
	}
}
