package account_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/civil/civiltest"
	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// house is a Service on a database of its own, with a clock the test sets.
type house struct {
	*account.Service
	db    *postgres.DB
	clock *civiltest.Clock
}

func newHouse(t *testing.T) house {
	t.Helper()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 8})
	c := civiltest.NewClock(time.Date(2026, 5, 18, 9, 30, 0, 0, time.UTC))
	return house{account.NewService(db, keys(t, 1), c.Now, account.Options{}), db, c}
}

// keys is a key ring whose keys are made of the given bytes, 32 times each.
func keys(t *testing.T, each ...byte) *seal.KeyRing {
	t.Helper()
	var texts []string
	for _, b := range each {
		texts = append(texts, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)))
	}
	ring, err := seal.ParseKeyRing(strings.Join(texts, ","))
	if err != nil {
		t.Fatalf("ParseKeyRing: %v", err)
	}
	return ring
}

func goodSeller() account.NewSeller {
	return account.NewSeller{
		Name:          "Nordwind IT",
		TimeZone:      "Europe/Vienna",
		PlatformURL:   "https://feed.example.com/v2/",
		PlatformKey:   seal.NewSecret("platform-key-77"),
		PlatformToken: seal.NewSecret("platform-token-88"),
	}
}

func (h house) mustCreateSeller(t *testing.T) account.Seller {
	t.Helper()
	seller, err := h.CreateSeller(t.Context(), goodSeller())
	if err != nil {
		t.Fatalf("CreateSeller: %v", err)
	}
	return seller
}

// write runs fn in a transaction of the seller and returns its error.
func (h house) write(t *testing.T, seller postgres.SellerID, fn func(context.Context, *postgres.Tx) error) error {
	t.Helper()
	return h.db.Seller(seller).Write(t.Context(), fn)
}

// read runs fn in a read-only transaction of the seller, which must succeed.
func (h house) read(t *testing.T, seller postgres.SellerID, fn func(context.Context, *postgres.Tx) error) {
	t.Helper()
	if err := h.db.Seller(seller).Read(t.Context(), fn); err != nil {
		t.Fatalf("read as seller %s: %v", seller, err)
	}
}

// everythingStored is all rows of our tables as text and as bytes, to look for what must not be there.
func (h house) everythingStored(t *testing.T) string {
	t.Helper()
	var dump strings.Builder
	err := h.db.System().Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		dump.Reset()
		for _, table := range []string{"seller", "api_token", "seller_settings", "psa_connection"} {
			rows, err := tx.QueryxContext(ctx, `SELECT * FROM `+table)
			if err != nil {
				return err
			}
			for rows.Next() {
				values, err := rows.SliceScan()
				if err != nil {
					return err
				}
				for _, value := range values {
					switch v := value.(type) {
					case []byte:
						dump.Write(v)
					case string:
						dump.WriteString(v)
					}
					dump.WriteByte('\n')
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("dump the tables: %v", err)
	}
	return dump.String()
}

// fieldsOf returns the paths of the FieldErrors err is, joined by dots.
func fieldsOf(err error) []string {
	problems, _ := err.(account.FieldErrors)
	var fields []string
	for _, problem := range problems {
		fields = append(fields, strings.Join(problem.Field, "."))
	}
	return fields
}
