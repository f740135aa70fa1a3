package grid

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/lib/pq"
	"pgregory.net/rapid"

	"crosswalk/internal/postgres"
	"crosswalk/internal/postgres/postgrestest"
)

// aKey draws a sort key: a text that arrays and JSON have to write with care, or none.
func aKey(t *rapid.T) *string {
	if rapid.IntRange(0, 4).Draw(t, "is null") == 0 {
		return nil
	}
	key := rapid.StringOf(rapid.SampledFrom([]rune(`aZ0 ,;"'\{}()NULÜ😀<>&`+"\n\t\u2028"))).Draw(t, "key")
	return &key
}

func TestKeysOfRowsAreReadAsPostgreSQLWritesThem(t *testing.T) {
	t.Parallel()
	db := postgrestest.Open(t, postgres.Options{MaxConnections: 1})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(aKey), 1, 4).Draw(t, "keys")
		var written rowKeys
		if err := db.Pool().QueryRow(`SELECT $1::text[]`, pq.Array(want)).Scan(&written); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, written.texts()); diff != "" {
			t.Errorf("%s is read as (-want +got)\n%s", written, diff)
		}
	})
}

func TestCursorsAreWrittenAsJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := cursor{
			Ordering: rapid.Uint32().Draw(t, "ordering"), Position: rapid.IntRange(0, maxPosition).Draw(t, "position"), ID: rapid.Int64().Draw(t, "id"),
			Condition: rapid.Uint32().Draw(t, "condition"), Total: rapid.IntRange(0, maxPosition).Draw(t, "total"),
			Keys: rapid.SliceOfN(rapid.Custom(aKey), 0, 4).Draw(t, "keys"),
		}
		written, err := base64.RawURLEncoding.DecodeString(c.encode())
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := json.Marshal(c); string(written) != string(want) {
			t.Errorf("a cursor is written as %s, want %s", written, want)
		}
	})
}
