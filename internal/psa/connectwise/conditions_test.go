package connectwise

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/psa"
)

func TestEqualText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value string
		want        condition // empty when it must be refused
	}{
		{"plain text is quoted", "EUR", `currencyCode = "EUR"`},
		{"spaces, umlauts and ampersands are harmless in quotes", "Müller & Söhne + 1", `currencyCode = "Müller & Söhne + 1"`},
		{"nothing is text too", "", `currencyCode = ""`},
		{"a double quote", `a"b`, ""},
		{"a single quote", `O'Neill`, ""},
		{"a backslash", `a\b`, ""},
		{"a star", "a*", ""},
		{"a percent sign", "100%", ""},
		{"an opening bracket", "[a", ""},
		{"a closing bracket", "a]", ""},
		{"a line break", "a\nb", ""},
		{"a NUL", "a\x00", ""},
		{"an invisible mark", "a\u200e", ""},
		{"a line separator", "a\u2028", ""},
		{"broken text", "a\xff", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := equalText("currencyCode", tt.value)
			if tt.want == "" && tt.value != "" {
				if !errors.Is(err, errUnquotable) {
					t.Errorf("equalText(%q) = %q, %v, want it refused", tt.value, got, err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("equalText(%q) = %q, %v, want %q", tt.value, got, err, tt.want)
			}
		})
	}
}

func FuzzEqualText(f *testing.F) {
	for _, seed := range []string{"EUR", `" or id > 0 or name = "`, `\`, "a&b=c", "a+b", "%22", "[[]", "Ünïcode"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		where, err := equalText("name", value)
		if err != nil {
			return
		}
		query, err := url.ParseQuery("conditions=" + encodeQuery(string(where)))
		if err != nil {
			t.Fatalf("the query for %q does not parse: %v", value, err)
		}
		if want := `name = "` + value + `"`; len(query) != 1 || query.Get("conditions") != want {
			t.Fatalf("conditions for %q arrive as %q, want %q alone", value, query, want)
		}
		if strings.Count(string(where), `"`) != 2 {
			t.Fatalf("conditions for %q are %q, want exactly two quotes", value, where)
		}
	})
}

func TestEncodeQuery(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"id in (1,2,3)":     "id%20in%20(1,2,3)",
		"company/id = 7":    "company/id%20%3D%207",
		`name = "a&b+c%d"`:  "name%20%3D%20%22a%26b%2Bc%25d%22",
		"id,name,_info":     "id,name,_info",
		"[2026-04-01]":      "%5B2026-04-01%5D",
		"é#;'*":             "%C3%A9%23%3B%27%2A",
		"AZaz09-._~":        "AZaz09-._~",
		"https://x?y=z\r\n": "https%3A//x%3Fy%3Dz%0D%0A",
	} {
		if got := encodeQuery(value); got != want {
			t.Errorf("encodeQuery(%q) = %q, want %q", value, got, want)
		}
	}
}

func testLength(ids []psa.RecordID) int {
	list := companies()
	list.where = anyID(ids)
	query := list.query(position{number: 1}, len(ids), true)
	return len(call{path: list.path, query: query}.url("https://api-eu.myconnectwise.net/v4_6_release/apis/3.0"))
}

func TestSplitIDs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ids    []psa.RecordID
		chunks int
	}{
		{"no ids need no call", nil, 0},
		{"ids that cannot exist are not asked for", []psa.RecordID{0, -1, -5}, 0},
		{"one id", []psa.RecordID{7}, 1},
		{"repeated ids are asked for once", []psa.RecordID{7, 7, 7, 3, 3}, 1},
		{"a thousand small ids", recordIDs(1000), 3},
		{"the largest ids", []psa.RecordID{1<<31 - 1, 1<<31 - 2}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := splitIDs(tt.ids, testLength); len(got) != tt.chunks {
				t.Errorf("splitIDs makes %d chunks, want %d", len(got), tt.chunks)
			}
		})
	}
}

func TestSplitIDs_WastesNoLength(t *testing.T) {
	t.Parallel()
	chunks := splitIDs(recordIDs(5000), testLength)
	for i, chunk := range chunks[:len(chunks)-1] {
		length := testLength(chunk)
		if next := testLength(append(slices.Clone(chunk), chunks[i+1][0])); length > maxURLLength || next <= maxURLLength {
			t.Errorf("chunk %d has a URL of %d characters, with one more id %d, want the last that fits %d", i, length, next, maxURLLength)
		}
	}
}

func TestSplitIDs_AsksForAnIDHoweverLongTheURL(t *testing.T) {
	t.Parallel()
	chunks := splitIDs(recordIDs(3), func([]psa.RecordID) int { return maxURLLength + 100 })
	if len(chunks) != 3 {
		t.Errorf("splitIDs = %v, want every id alone", chunks)
	}
}

func TestSplitIDs_KeepsToOnePage(t *testing.T) {
	t.Parallel()
	chunks := splitIDs(recordIDs(2500), func([]psa.RecordID) int { return -1 << 30 })
	if len(chunks) != 3 || len(chunks[0]) != maxPageSize {
		t.Errorf("splitIDs makes %d chunks, the first of %d, want 3 of at most %d", len(chunks), len(chunks[0]), maxPageSize)
	}
}

func FuzzSplitIDs(f *testing.F) {
	f.Add(uint32(1), uint32(1), uint16(1000))
	f.Add(uint32(1<<31-5000), uint32(3), uint16(1500))
	f.Add(uint32(99), uint32(1<<20), uint16(2000))
	f.Fuzz(func(t *testing.T, start, step uint32, count uint16) {
		var ids []psa.RecordID
		for i := range uint32(count) {
			ids = append(ids, psa.RecordID(int32(start+i*step)))
		}
		chunks := splitIDs(ids, testLength)
		for _, chunk := range chunks {
			if length := testLength(chunk); length > maxURLLength || len(chunk) > maxPageSize {
				t.Fatalf("a chunk of %d ids has a URL of %d characters", len(chunk), length)
			}
		}
		if got, want := slices.Concat(chunks...), uniqueIDs(ids); !slices.Equal(got, want) {
			t.Fatalf("the chunks hold %s, want %s", fmt.Sprint(got), fmt.Sprint(want))
		}
	})
}
