package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"crosswalk/internal/account/seal"
)

var home = seal.Place{Seller: 7, Column: "psa_connection.private_key_sealed"}

// testKey is the base64 of 32 bytes of b.
func testKey(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func ring(t *testing.T, keys ...string) *seal.KeyRing {
	t.Helper()
	r, err := seal.ParseKeyRing(strings.Join(keys, ","))
	if err != nil {
		t.Fatalf("ParseKeyRing of %d good keys: %v", len(keys), err)
	}
	return r
}

func mustSeal(t *testing.T, r *seal.KeyRing, place seal.Place, text string) []byte {
	t.Helper()
	sealed, err := r.Seal(place, seal.NewSecret(text))
	if err != nil {
		t.Fatalf("Seal(%v): %v", place, err)
	}
	return sealed
}

func TestSealedSecretOpensAgain(t *testing.T) {
	t.Parallel()
	r := ring(t, testKey(1))
	for _, text := range []string{"", "k", "Schlüssel\x00'; --", strings.Repeat("long", 10_000)} {
		sealed := mustSeal(t, r, home, text)
		if len(text) > 1 && bytes.Contains(sealed, []byte(text)) {
			t.Errorf("Seal of %d bytes left them readable", len(text))
		}
		got, err := r.Open(home, sealed)
		if err != nil {
			t.Fatalf("Open of %d bytes: %v", len(text), err)
		}
		if got.Reveal() != text {
			t.Errorf("Open of %d bytes gave %d other ones", len(text), len(got.Reveal()))
		}
	}
}

func TestSealingTwiceGivesDifferentBytes(t *testing.T) {
	t.Parallel()
	r := ring(t, testKey(1))
	if bytes.Equal(mustSeal(t, r, home, "same"), mustSeal(t, r, home, "same")) {
		t.Error("two seals of one secret are equal, so that equal secrets can be told")
	}
}

func TestSealRefusesAPlaceThatIsNowhere(t *testing.T) {
	t.Parallel()
	r := ring(t, testKey(1))
	for _, place := range []seal.Place{{}, {Seller: 1}, {Column: "c"}, {Seller: -1, Column: "c"}} {
		if _, err := r.Seal(place, seal.NewSecret("x")); err == nil {
			t.Errorf("Seal(%+v): no error", place)
		}
	}
}

func TestAnyAlteredByteIsNoticed(t *testing.T) {
	t.Parallel()
	r := ring(t, testKey(1))
	sealed := mustSeal(t, r, home, "private")
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 0x20
		_, err := r.Open(home, altered)
		if !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("Open with byte %d altered: want ErrDamaged or ErrUnknownKey, got %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := r.Open(home, sealed[:n]); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("Open of the first %d bytes: want ErrDamaged, got %v", n, err)
		}
	}
}

func TestSealedSecretDoesNotOpenElsewhere(t *testing.T) {
	t.Parallel()
	r := ring(t, testKey(1))
	sealed := mustSeal(t, r, home, "private")
	for name, place := range map[string]seal.Place{
		"another seller":                   {Seller: 8, Column: home.Column},
		"another column":                   {Seller: 7, Column: "psa_connection.client_id_sealed"},
		"a longer column":                  {Seller: 7, Column: home.Column + "x"},
		"no place at all":                  {},
		"the seller written in the column": {Seller: 0, Column: "7" + home.Column},
	} {
		if _, err := r.Open(place, sealed); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("Open at %s: want ErrDamaged, got %v", name, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	before := ring(t, testKey(1))
	during := ring(t, testKey(2), testKey(1))
	after := ring(t, testKey(2))
	old := mustSeal(t, before, home, "private")

	if before.NeedsReseal(old) {
		t.Error("NeedsReseal with the only key: want false")
	}
	if !during.NeedsReseal(old) {
		t.Error("NeedsReseal with a new first key: want true")
	}
	if got, err := during.Open(home, old); err != nil || got.Reveal() != "private" {
		t.Errorf("Open with the old key second: %v", err)
	}
	if _, err := after.Open(home, old); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("Open after the old key left: want ErrUnknownKey, got %v", err)
	}

	if !before.Knows(old) || !during.Knows(old) || after.Knows(old) {
		t.Errorf("Knows of the old key: %t before, %t during, %t after; want true, true, false", before.Knows(old), during.Knows(old), after.Knows(old))
	}

	renewed, err := during.Reseal(home, old)
	if err != nil {
		t.Fatalf("Reseal: %v", err)
	}
	if during.NeedsReseal(renewed) {
		t.Error("NeedsReseal right after Reseal: want false")
	}
	if got, err := after.Open(home, renewed); err != nil || got.Reveal() != "private" {
		t.Errorf("Open of the resealed secret with the new key alone: %v", err)
	}
	if _, err := after.Reseal(home, old); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("Reseal without the old key: want ErrUnknownKey, got %v", err)
	}
	for _, broken := range [][]byte{nil, {1}, []byte("not sealed at all")} {
		if !during.NeedsReseal(broken) {
			t.Errorf("NeedsReseal(%q): want true", broken)
		}
		if during.Knows(broken) {
			t.Errorf("Knows(%q): want false", broken)
		}
	}
}

func TestKeyRingTakesEveryCommonWayToWriteBase64(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	sealed := mustSeal(t, ring(t, base64.StdEncoding.EncodeToString(raw)), home, "x")
	for name, text := range map[string]string{
		"without padding":          base64.RawStdEncoding.EncodeToString(raw),
		"URL alphabet":             base64.URLEncoding.EncodeToString(raw),
		"URL without padding":      base64.RawURLEncoding.EncodeToString(raw),
		"with a line end":          base64.StdEncoding.EncodeToString(raw) + "\n",
		"second, after a space":    testKey(9) + ", " + base64.StdEncoding.EncodeToString(raw),
		"with spaces at both ends": "  " + base64.StdEncoding.EncodeToString(raw) + "  ",
	} {
		if _, err := ring(t, text).Open(home, sealed); err != nil {
			t.Errorf("the same key written %s: %v", name, err)
		}
	}
}

func TestMalformedKeysAreNamedButNotShown(t *testing.T) {
	t.Parallel()
	const marker = "SuperSecretMarker"
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {"", "empty"},
		"only spaces":       {"  \n", "empty"},
		"not base64":        {marker + "!!!", "key 1 of 1 is not base64"},
		"too short":         {marker + "abc", "key 1 of 1 holds 15 bytes instead of 32"},
		"too long":          {testKey(1)[:42] + marker + "==", "instead of 32"},
		"second malformed":  {testKey(1) + "," + marker + "*", "key 2 of 2 is not base64"},
		"a comma too many":  {testKey(1) + ",", "key 2 of 2 is empty"},
		"a comma too early": {"," + testKey(1), "key 1 of 2 is empty"},
		"the same twice":    {testKey(1) + "," + testKey(1), "key 2 of 2 repeats"},
	} {
		_, err := seal.ParseKeyRing(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseKeyRing with %s: want an error with %q, got %v", name, c.want, err)
			continue
		}
		if strings.Contains(err.Error(), marker) || strings.Contains(err.Error(), testKey(1)) {
			t.Errorf("ParseKeyRing with %s: the error shows the key: %v", name, err)
		}
	}
}

func TestKeyRingDoesNotPrintItsKeys(t *testing.T) {
	t.Parallel()
	r := ring(t, testKey(0x41))
	holder := struct{ ring *seal.KeyRing }{r}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		for _, printed := range []string{fmt.Sprintf(verb, r), fmt.Sprintf(verb, holder)} {
			if strings.Contains(printed, "AAAA") || strings.Contains(printed, "41414141") || strings.Contains(printed, "65, 65") || strings.Contains(printed, "65 65") {
				t.Errorf("%s shows key material: %s", verb, printed)
			}
		}
	}
}
