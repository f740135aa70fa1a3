package connectwise

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/psa"
)

// The types in this file decode one field each, and none of them ever fails: ConnectWise sends booleans as
// strings, numbers as strings, empty strings for unset dates, and null or nothing for unset fields. A value
// that cannot be understood counts as unset, so that one odd field never costs a record, or a page its records.

// text is a string; numbers and booleans are taken as they are written.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	*t = ""
	switch data[0] {
	case '"':
		var s string
		if json.Unmarshal(data, &s) == nil {
			*t = text(invisible.Replace(s))
		}
	case '{', '[', 'n':
	default:
		*t = text(data)
	}
	return nil
}

// maxNameLength bounds, in bytes, what the database sorts and finds by. No field of ConnectWise holds as much.
const maxNameLength = 2000

// name is the text as the name of something, cut to maxNameLength.
func (t text) name() string {
	if len(t) <= maxNameLength {
		return string(t)
	}
	return shorten(string(t), maxNameLength)
}

// invisible drops the marks that stray into ConnectWise texts by pasting (left-to-right mark, byte order
// mark), which spoil comparisons, and the NUL that PostgreSQL cannot store.
var invisible = strings.NewReplacer("\u200e", "", "\ufeff", "", "\x00", "")

// number is an exact decimal, sent as a JSON number or a string.
type number struct{ decimal.NullDecimal }

// maxNumberLength and maxExponent are beyond any amount somebody entered. What exceeds them is no number: it
// would only take time and room.
const (
	maxNumberLength = 64
	maxExponent     = 30
)

func (n *number) UnmarshalJSON(data []byte) error {
	*n = number{}
	s := strings.TrimSpace(strings.Trim(string(data), `"`))
	if s == "" || len(s) > maxNumberLength {
		return nil
	}
	if value, err := decimal.NewFromString(s); err == nil && -maxExponent <= value.Exponent() && value.Exponent() <= maxExponent {
		n.NullDecimal = decimal.NewNullDecimal(value)
	}
	return nil
}

// flag is a boolean, sent as such, as a string in any case, or as 0 or 1.
type flag bool

func (f *flag) UnmarshalJSON(data []byte) error {
	switch strings.ToLower(strings.TrimSpace(strings.Trim(string(data), `"`))) {
	case "true", "1", "yes", "y":
		*f = true
	default:
		*f = false
	}
	return nil
}

// identity is a record number; 0 where it is missing or unreadable.
type identity psa.RecordID

func (id *identity) UnmarshalJSON(data []byte) error {
	*id = 0
	var n number
	if err := n.UnmarshalJSON(data); err != nil || !n.Valid || !n.Decimal.IsInteger() {
		return nil
	}
	if n.Decimal.IsPositive() && n.Decimal.LessThanOrEqual(decimal.NewFromInt(math.MaxInt32)) {
		*id = identity(n.Decimal.IntPart())
	}
	return nil
}

// day is a calendar date that travels as midnight UTC; only its first ten characters count. The year 1,
// which stands for an unset date in the software behind ConnectWise, is unset here too.
type day struct{ civil.Date }

func (d *day) UnmarshalJSON(data []byte) error {
	*d = day{}
	s := strings.TrimSpace(strings.Trim(string(data), `"`))
	if len(s) < len(time.DateOnly) {
		return nil
	}
	if date, err := civil.ParseDate(s[:len(time.DateOnly)]); err == nil && date.Year > 1 {
		d.Date = date
	}
	return nil
}

// moment is an instant; zero where it is missing or unreadable. Without a zone it is UTC.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(data []byte) error {
	*m = moment{}
	s := strings.TrimSpace(strings.Trim(string(data), `"`))
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, s); err == nil && at.Year() > 1 {
			m.Time = at.UTC()
			return nil
		}
	}
	return nil
}

// reference points at another record. A bare number is taken for its id, a bare string for its name.
type reference struct {
	ID   identity `json:"id"`
	Name text     `json:"name"`
	// Identifier is what products have in place of a name.
	Identifier text `json:"identifier"`
}

func (r *reference) UnmarshalJSON(data []byte) error {
	*r = reference{}
	switch data[0] {
	case '{':
		type fields reference
		return decodeOrUnset(data, (*fields)(r))
	case '"':
		return r.Name.UnmarshalJSON(data)
	default:
		return r.ID.UnmarshalJSON(data)
	}
}

// currency is a reference to a currency. Before 2019 its code was called isoCode.
type currency struct {
	ID                 identity `json:"id"`
	CurrencyCode       text     `json:"currencyCode"`
	ISOCode            text     `json:"isoCode"`
	CurrencyIdentifier text     `json:"currencyIdentifier"`
}

func (c *currency) UnmarshalJSON(data []byte) error {
	*c = currency{}
	type fields currency
	return decodeOrUnset(data, (*fields)(c))
}

// code is the ISO 4217 code in capitals, or empty where none is told.
func (c currency) code() string {
	for _, candidate := range []text{c.CurrencyCode, c.ISOCode, c.CurrencyIdentifier} {
		if code := strings.ToUpper(strings.TrimSpace(string(candidate))); code != "" {
			return shorten(code, maxNameLength)
		}
	}
	return ""
}

// info is the part of a record's _info that is of use.
type info struct {
	LastUpdated moment `json:"lastUpdated"`
}

func (i *info) UnmarshalJSON(data []byte) error {
	*i = info{}
	type fields info
	return decodeOrUnset(data, (*fields)(i))
}

// decodeOrUnset fills target from a JSON object and leaves it unset for anything else.
func decodeOrUnset(data []byte, target any) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		return nil
	}
	return json.Unmarshal(data, target)
}
