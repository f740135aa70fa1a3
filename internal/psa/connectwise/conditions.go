package connectwise

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"crosswalk/internal/psa"
)

// maxURLLength is the length of a full request URL that every part between us and ConnectWise lets through.
const maxURLLength = 1745

// maxPageSize is the largest page ConnectWise serves; larger ones are refused or cut without a word.
const maxPageSize = 1000

// condition is a filter in the query language of ConnectWise, not yet percent-encoded. The empty condition
// matches everything. Conditions are made by the functions below only, so that no value can escape its quotes.
type condition string

// errUnquotable is returned for a text no proven way of quoting exists for: compare locally instead.
var errUnquotable = errors.New("the text cannot be put into a condition safely")

// equalID matches records whose field, or reference such as "company/id", is id.
func equalID(path string, id psa.RecordID) condition {
	return condition(fmt.Sprintf("%s = %d", path, id))
}

// equalText matches records whose field is exactly value. How ConnectWise escapes quotes and backslashes is
// not documented, and it takes wildcards and brackets for patterns; values that contain one are refused.
func equalText(path, value string) (condition, error) {
	if strings.ContainsAny(value, `"'\*%[]`) || strings.ContainsFunc(value, isUnspeakable) {
		return "", fmt.Errorf("%w: %q", errUnquotable, value)
	}
	return condition(path + ` = "` + value + `"`), nil
}

// isUnspeakable reports characters that are not seen, or that stand for broken text.
func isUnspeakable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar ||
		r == '\u2028' || r == '\u2029'
}

// anyID matches records whose id is one of ids.
func anyID(ids []psa.RecordID) condition {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.Itoa(int(id))
	}
	return condition("id in (" + strings.Join(texts, ",") + ")")
}

// splitIDs cuts ids, without those that cannot exist and without repetitions, into ascending chunks that are
// as few as possible: urlLength, the full length of the URL that asks for a chunk, stays within maxURLLength
// and every chunk fits one page. A single id is always asked for, however long the URL.
func splitIDs(ids []psa.RecordID, urlLength func([]psa.RecordID) int) [][]psa.RecordID {
	wanted := uniqueIDs(ids)
	var chunks [][]psa.RecordID
	for len(wanted) > 0 {
		size := 1
		length := urlLength(wanted[:1])
		for size < min(len(wanted), maxPageSize) {
			length += len(",") + len(strconv.Itoa(int(wanted[size])))
			if length > maxURLLength {
				break
			}
			size++
		}
		for size > 1 && urlLength(wanted[:size]) > maxURLLength { // the page size has more digits now
			size--
		}
		chunks = append(chunks, wanted[:size:size])
		wanted = wanted[size:]
	}
	return chunks
}

func uniqueIDs(ids []psa.RecordID) []psa.RecordID {
	wanted := slices.Clone(ids)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	first, _ := slices.BinarySearch(wanted, 1)
	return wanted[first:]
}

// encodeQuery percent-encodes a query value. Spaces become %20 because a plus is not read as a space
// everywhere; commas, slashes and parentheses stay as they are, which keeps lists of ids short.
func encodeQuery(value string) string {
	const hex = "0123456789ABCDEF"
	var encoded strings.Builder
	for i := range len(value) {
		if b := value[i]; isPlainInQuery(b) {
			encoded.WriteByte(b)
		} else {
			encoded.Write([]byte{'%', hex[b>>4], hex[b&15]})
		}
	}
	return encoded.String()
}

func isPlainInQuery(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~,/()", b) >= 0
}
