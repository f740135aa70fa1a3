package grid

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"crosswalk/internal/civil"
)

// cursor is the position of one row: the values it is sorted by, its id, and where it stood in the list
// when it was handed out (0 where that was not known). It stood there under a condition, by its fingerprint, and among
// so many rows (0 where nobody had asked); a cursor that does not say under which is an old one.
type cursor struct {
	Ordering  uint32    `json:"o"`
	Position  int       `json:"p,omitempty"`
	Condition uint32    `json:"c,omitempty"`
	Total     int       `json:"t,omitempty"`
	ID        int64     `json:"i"`
	Keys      []*string `json:"k,omitempty"`
}

// maxCursor bounds what is decoded, maxPosition where a row may stand and maxDigits a number; no cursor of ours comes
// near them.
const (
	maxCursor   = 16 << 10
	maxPosition = math.MaxInt32 - MaxSize
	maxDigits   = 100
)

// encode writes by hand what json.Marshal would: every page has a cursor or two, and long ones may have one for each row.
func (c cursor) encode() string {
	data := strconv.AppendUint([]byte(`{"o":`), uint64(c.Ordering), 10)
	if c.Position != 0 {
		data = strconv.AppendInt(append(data, `,"p":`...), int64(c.Position), 10)
	}
	if c.Condition != 0 {
		data = strconv.AppendUint(append(data, `,"c":`...), uint64(c.Condition), 10)
	}
	if c.Total != 0 {
		data = strconv.AppendInt(append(data, `,"t":`...), int64(c.Total), 10)
	}
	data = strconv.AppendInt(append(data, `,"i":`...), c.ID, 10)
	for i, key := range c.Keys {
		separator := `,`
		if i == 0 {
			separator = `,"k":[`
		}
		text, err := json.Marshal(key)
		if err != nil {
			panic(err) // a text always marshals
		}
		data = append(append(data, separator...), text...)
	}
	if len(c.Keys) > 0 {
		data = append(data, ']')
	}
	return base64.RawURLEncoding.EncodeToString(append(data, '}'))
}

// decodeCursor reads a cursor that was made for keys, and refuses any other.
func decodeCursor(text string, ordering uint32, keys []key) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	malformed := inputErrorf("this is not a cursor of this list: pass an endCursor, startCursor or edge cursor as it came")
	if len(text) > maxCursor {
		return nil, malformed
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, malformed
	}
	var c cursor
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, malformed
	}
	if c.Ordering != ordering {
		return nil, inputErrorf("this cursor belongs to another list or ordering: start again without it, or keep orderBy as it was")
	}
	if len(c.Keys) != len(keys) || c.Position < 0 || c.Position > maxPosition {
		return nil, malformed
	}
	for i, k := range keys {
		if c.Keys[i] == nil && !k.nullable || c.Keys[i] != nil && !k.kind.accepts(*c.Keys[i]) {
			return nil, malformed
		}
	}
	return &c, nil
}

// accepts reports whether PostgreSQL would read the text as a value of the type.
func (t Type) accepts(text string) bool {
	var err error
	switch t {
	case Text:
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return false
		}
	case Integer:
		_, err = strconv.ParseInt(text, 10, 64)
	case Number:
		return len(text) <= maxDigits && plainNumber.MatchString(text)
	case Boolean:
		return text == "true" || text == "false"
	case Date:
		_, err = civil.ParseDate(text)
	case Instant:
		const written = "2006-01-02 15:04:05.999999+00"
		at, err := time.Parse(written, text)
		return err == nil && at.Year() > 0 && at.Format(written) == text
	}
	return err == nil
}

// plainNumber is how PostgreSQL writes a number.
var plainNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// ordering returns a number that stands for the list and its order in cursors.
func (g *Grid) ordering(order []Order) uint32 {
	text := []byte(g.Name)
	for _, o := range order {
		text = strconv.AppendBool(append(append(append(text, ' '), o.Column...), ' '), o.Descending)
	}
	h := fnv.New32a()
	_, _ = h.Write(text) // which never fails
	return h.Sum32()
}

// fingerprint returns a number that stands for a condition in cursors, or what is wrong with the condition.
func (g *Grid) fingerprint(where Condition) (uint32, error) {
	s, h := g.statement(), fnv.New32a()
	_, _ = h.Write([]byte(s.build(where))) // which never fails
	if len(s.args) > 0 {
		if err := json.NewEncoder(h).Encode(s.args); err != nil {
			return 0, fmt.Errorf("fingerprint of a condition: %w", err)
		}
	}
	return h.Sum32(), s.err
}
