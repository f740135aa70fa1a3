package connectwise

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// encoder writes records as JSON without a detour through maps; lists of a thousand are its daily bread.
type encoder struct {
	tenant *tenant
	// base is the absolute URL of the API root, with a slash at its end.
	base string
	out  []byte
}

// projection chooses what to write: nil everything, otherwise the members by position, each with the
// chosen members of a reference (nil for all of them).
type projection struct {
	members map[int]map[string]bool
	info    map[string]bool
	hasInfo bool
}

// parseProjection reads the fields parameter. Names that no field has are returned.
func parseProjection(c *collection, text string) (*projection, []string) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	p := &projection{members: map[int]map[string]bool{}}
	var unknown []string
	for name := range strings.SplitSeq(text, ",") {
		head, rest, _ := strings.Cut(strings.TrimSpace(name), "/")
		position, known := c.position(head)
		switch {
		case foldName(head) == "_info":
			p.hasInfo = true
			p.info = narrow(p.info, rest, p.info == nil)
		case known:
			chosen, seen := p.members[position]
			p.members[position] = narrow(chosen, rest, !seen)
		default:
			unknown = append(unknown, head)
		}
	}
	return p, unknown
}

// narrow adds a member to those chosen; an empty name chooses all, which nil stands for.
func narrow(chosen map[string]bool, name string, isFirst bool) map[string]bool {
	if name == "" || (chosen == nil && !isFirst) {
		return nil
	}
	if chosen == nil {
		chosen = map[string]bool{}
	}
	chosen[foldName(name)] = true
	return chosen
}

func (e *encoder) records(c *collection, records []*record, p *projection) {
	e.out = append(e.out, '[')
	for i, r := range records {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.record(c, r, p)
	}
	e.out = append(e.out, ']')
}

func (e *encoder) record(c *collection, r *record, p *projection) {
	e.out = append(e.out, '{')
	start := len(e.out)
	for position := range c.fields {
		var members map[string]bool
		if p != nil {
			chosen, wanted := p.members[position]
			if !wanted {
				continue
			}
			members = chosen
		}
		e.member(c, r, position, members, start)
	}
	if p == nil || p.hasInfo {
		e.name("_info", start)
		var chosen map[string]bool
		if p != nil {
			chosen = p.info
		}
		e.info(c, r, chosen)
	}
	e.out = append(e.out, '}')
}

// member writes one field; fields without a value are left out, as ConnectWise does.
func (e *encoder) member(c *collection, r *record, position int, members map[string]bool, start int) {
	f := &c.fields[position]
	if f.kind == customList {
		if rows := c.customRows(r); rows != nil {
			e.name(f.name, start)
			e.customRows(rows)
		}
		return
	}
	value := c.at(e.tenant, r, position)
	if value == nil {
		if e.tenant.settings.ShowNulls {
			e.name(f.name, start)
			e.out = append(e.out, "null"...)
		}
		return
	}
	e.name(f.name, start)
	e.value(f, value, members)
}

// name writes the name of the next member of the object whose members start at start.
func (e *encoder) name(name string, start int) {
	if len(e.out) > start {
		e.out = append(e.out, ',')
	}
	e.text(name)
	e.out = append(e.out, ':')
}

func (e *encoder) value(f *field, value any, members map[string]bool) {
	switch v := value.(type) {
	case reference:
		e.reference(f, v, members)
	case []reference:
		e.out = append(e.out, '[')
		for i, one := range v {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			e.reference(f, one, members)
		}
		e.out = append(e.out, ']')
	case []string:
		e.out = append(e.out, '[')
		for i, one := range v {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			e.text(one)
		}
		e.out = append(e.out, ']')
	default:
		e.scalar(value)
	}
}

func (e *encoder) scalar(value any) {
	switch v := value.(type) {
	case string:
		e.text(v)
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case int64:
		e.out = strconv.AppendInt(e.out, v, 10)
	case decimal.Decimal:
		e.out = append(e.out, v.String()...)
	case time.Time:
		e.moment(v)
	default:
		e.out = append(e.out, "null"...)
	}
}

func (e *encoder) moment(t time.Time) {
	e.out = append(e.out, '"')
	e.out = t.UTC().AppendFormat(e.out, "2006-01-02T15:04:05Z")
	e.out = append(e.out, '"')
}

// reference writes the id, what the target shows of itself and a link to it.
func (e *encoder) reference(f *field, ref reference, members map[string]bool) {
	wanted := func(name string) bool { return members == nil || members[foldName(name)] }
	e.out = append(e.out, '{')
	start := len(e.out)
	if wanted("id") && ref.id != 0 {
		e.name("id", start)
		e.out = strconv.AppendInt(e.out, ref.id, 10)
	}
	target := e.tenant.collections[f.target]
	var found *record
	if target != nil {
		found = target.find(ref.id)
	}
	if found == nil {
		if ref.name != "" && wanted("name") {
			e.name("name", start)
			e.text(ref.name)
		}
		e.out = append(e.out, '}')
		return
	}
	for _, name := range target.shown {
		if value := target.value(e.tenant, found, name); value != nil && wanted(name) {
			e.name(name, start)
			e.scalar(value)
		}
	}
	if wanted("_info") {
		e.name("_info", start)
		e.out = append(e.out, '{')
		inner := len(e.out)
		e.name(target.hrefName, inner)
		e.link(target.path, found.id)
		e.out = append(e.out, '}')
	}
	e.out = append(e.out, '}')
}

func (e *encoder) link(path string, id int64) {
	e.out = append(e.out, '"')
	e.out = append(e.out, e.base...)
	e.out = append(e.out, path...)
	e.out = append(e.out, '/')
	e.out = strconv.AppendInt(e.out, id, 10)
	e.out = append(e.out, '"')
}

func (e *encoder) info(c *collection, r *record, members map[string]bool) {
	wanted := func(name string) bool { return members == nil || members[foldName(name)] }
	e.out = append(e.out, '{')
	start := len(e.out)
	for _, stamp := range [...]struct {
		name string
		when time.Time
		who  string
	}{
		{"lastUpdated", r.updated, ""}, {"updatedBy", time.Time{}, r.updatedBy},
		{"dateEntered", r.entered, ""}, {"enteredBy", time.Time{}, r.enteredBy},
	} {
		switch {
		case !wanted(stamp.name):
		case stamp.who != "":
			e.name(stamp.name, start)
			e.text(stamp.who)
		case !stamp.when.IsZero():
			e.name(stamp.name, start)
			e.moment(stamp.when)
		}
	}
	for _, l := range c.related {
		if wanted(l.name) {
			e.name(l.name, start)
			before, after, _ := strings.Cut(l.path, "%d")
			e.out = append(e.out, '"')
			e.out = append(e.out, e.base...)
			e.out = append(e.out, before...)
			e.out = strconv.AppendInt(e.out, r.id, 10)
			e.out = append(e.out, after...)
			e.out = append(e.out, '"')
		}
	}
	e.out = append(e.out, '}')
}

func (e *encoder) customRows(rows []customRow) {
	e.out = append(e.out, '[')
	for i, row := range rows {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.out = append(e.out, '{')
		start := len(e.out)
		e.name("id", start)
		e.scalar(row.definition.id)
		e.name("caption", start)
		e.text(row.definition.caption)
		e.name("type", start)
		e.text(row.definition.kind)
		e.name("entryMethod", start)
		e.text(row.definition.entryMethod)
		e.name("numberOfDecimals", start)
		e.scalar(row.definition.decimals)
		if row.value != nil {
			e.name("value", start)
			e.scalar(row.value)
		}
		e.out = append(e.out, '}')
	}
	e.out = append(e.out, ']')
}

// text writes a JSON string.
func (e *encoder) text(s string) {
	const hex = "0123456789abcdef"
	e.out = append(e.out, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf || (c >= ' ' && c != '"' && c != '\\') {
			i++
			continue
		}
		e.out = append(e.out, s[from:i]...)
		switch c {
		case '"', '\\':
			e.out = append(e.out, '\\', c)
		case '\n':
			e.out = append(e.out, '\\', 'n')
		case '\t':
			e.out = append(e.out, '\\', 't')
		default:
			e.out = append(e.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	e.out = append(e.out, s[from:]...)
	e.out = append(e.out, '"')
}
