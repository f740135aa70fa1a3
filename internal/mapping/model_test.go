package mapping_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"crosswalk/internal/civil"
	"crosswalk/internal/mapping"
	"crosswalk/internal/psa"
)

// model is what mappings must be, kept by the simplest means.
type model struct {
	now     time.Time
	records map[mapping.Kind]map[int64]*record
	// mirror are the ConnectWise records, by the kind of what is mapped to them and by number.
	mirror  map[mapping.Kind]map[psa.RecordID]*mirrored
	history []change
}

// record is an organization, an offer or a contract.
type record struct {
	id, platform int64
	target       psa.RecordID
	excluded     bool
	revision     int
	mappedAt     time.Time
	// organization and currency are a contract's.
	organization int64
	currency     string
}

// mirrored is a company, a product or an agreement.
type mirrored struct {
	name    string
	deleted bool
	// The rest is an agreement's.
	company  psa.RecordID
	closed   bool
	currency string
}

// change is a row of the mapping history.
type change struct {
	Kind     mapping.Kind `db:"kind"`
	Record   int64        `db:"record_id"`
	Revision int          `db:"revision"`
	By       string       `db:"changed_by"`
	Before   string       `db:"before"`
	After    string       `db:"after"`
}

// refusal is a reason of the model why an edit cannot be made.
type refusal struct {
	code        mapping.RefusalCode
	aboutTarget bool
}

// request is an edit in the model's terms.
type request struct {
	record int64
	// target is the record to map to, 0 to unmap; it counts only with change.
	change   bool
	target   psa.RecordID
	excluded *bool
	expected *int
}

func (r request) edit() mapping.Edit {
	edit := mapping.Edit{Record: r.record, Excluded: r.excluded, ExpectedRevision: r.expected}
	switch {
	case r.change && r.target != 0:
		edit.Target = mapping.MapTo(r.target)
	case r.change:
		edit.Target = mapping.Unmap()
	}
	return edit
}

// apply makes an edit by someone that follows others of the same request, or says all that speaks against it.
func (m *model) apply(kind mapping.Kind, by string, r request, accepted []request) (refused []refusal) {
	known := m.records[kind][r.record]
	if known == nil {
		refused = append(refused, refusal{code: mapping.NotFound})
		if r.change && r.target != 0 {
			for _, code := range m.misfits(kind, nil, r.target) {
				refused = append(refused, refusal{code, true})
			}
		}
		return refused
	}
	after := *known
	if r.change {
		after.target = r.target
	}
	if r.excluded != nil {
		after.excluded = *r.excluded
	}
	if after == *known {
		return nil
	}
	contradicts := slices.ContainsFunc(accepted, func(a request) bool {
		return a.record == r.record &&
			(a.change && after.target != known.target || a.excluded != nil && after.excluded != known.excluded)
	})
	switch {
	case r.expected != nil && *r.expected != known.revision:
		refused = append(refused, refusal{code: mapping.Conflict})
	case contradicts:
		refused = append(refused, refusal{code: mapping.Invalid})
	}
	if after.target != known.target {
		after.mappedAt = time.Time{}
		if after.target != 0 {
			for _, code := range m.misfits(kind, &after, after.target) {
				refused = append(refused, refusal{code, true})
			}
			after.mappedAt = m.now
		}
	}
	if len(refused) > 0 {
		return refused
	}
	after.revision++
	m.history = append(m.history, change{kind, known.id, after.revision, by, m.state(kind, known), m.state(kind, &after)})
	*known = after
	return nil
}

// misfits says why a record, if there is one, cannot be mapped to a target.
func (m *model) misfits(kind mapping.Kind, r *record, number psa.RecordID) (codes []mapping.RefusalCode) {
	target := m.mirror[kind][number]
	switch {
	case target == nil:
		return []mapping.RefusalCode{mapping.PsaUnavailable}
	case target.deleted:
		return []mapping.RefusalCode{mapping.NotFound}
	case kind != mapping.KindContract:
		return nil
	}
	if r != nil && m.records[mapping.KindOrganization][r.organization].target != target.company {
		codes = append(codes, mapping.NotOfCompany)
	}
	if target.closed {
		codes = append(codes, mapping.Closed)
	}
	if r != nil && target.currency != "" && target.currency != r.currency {
		codes = append(codes, mapping.CurrencyMismatch)
	}
	return codes
}

// problem says why the agreement of a contract does not fit any more.
func (m *model) problem(r *record) string {
	if r.target == 0 {
		return ""
	}
	target, company := m.mirror[mapping.KindContract][r.target], m.records[mapping.KindOrganization][r.organization].target
	switch {
	case target.deleted:
		return "PSA_RECORD_MISSING"
	case company != 0 && company != target.company:
		return "AGREEMENT_NOT_OF_COMPANY"
	case target.closed:
		return "AGREEMENT_CLOSED"
	case target.currency != "" && target.currency != r.currency:
		return "CURRENCY_MISMATCH"
	}
	return ""
}

// shared reports whether a contract's organization shares its company with another one.
func (m *model) shared(r *record) bool {
	own := m.records[mapping.KindOrganization][r.organization]
	for id, other := range m.records[mapping.KindOrganization] {
		if id != own.id && own.target != 0 && other.target == own.target {
			return true
		}
	}
	return false
}

// totals counts the records of a kind.
func (m *model) totals(kind mapping.Kind) (totals mapping.Totals) {
	for _, r := range m.records[kind] {
		totals.Total++
		if r.target != 0 {
			totals.Mapped++
		}
		if r.excluded {
			totals.Excluded++
		}
	}
	return totals
}

// state is a record's mapping as the history keeps it.
func (m *model) state(kind mapping.Kind, r *record) string {
	state := map[string]any{"target": nil}
	if r.target != 0 {
		state["target"], state["targetName"] = r.target, m.mirror[kind][r.target].name
	}
	if kind == mapping.KindOrganization {
		state["excluded"] = r.excluded
	}
	text, err := json.Marshal(state)
	if err != nil {
		panic(fmt.Sprintf("encode a state: %v", err)) // it is made of texts and numbers
	}
	return string(text)
}

// agreement is a mirrored agreement as ConnectWise would answer it.
func (m *model) agreement(number psa.RecordID, today civil.Date) psa.Agreement {
	known := m.mirror[mapping.KindContract][number]
	a := psa.Agreement{ID: number, Name: known.name, CompanyID: known.company, Currency: known.currency, EndDate: today}
	if known.closed {
		a.EndDate = today.AddDays(-1)
	}
	return a
}
