package mapping

import (
	"fmt"

	"crosswalk/internal/psa"
)

// Kind is a kind of Platform record that is mapped to a ConnectWise record.
type Kind string

// The kinds of records.
const (
	KindOrganization Kind = "ORGANIZATION"
)

// kindSpec says where a kind keeps its mapping and how to speak of it.
type kindSpec struct {
	table  string
	target string // the column with the ConnectWise record number
	noun   string // as a user calls one
	other  string // as a user calls what it is mapped to
	// excludable kinds can be kept out of ConnectWise.
	excludable bool
}

var kinds = map[Kind]kindSpec{
	KindOrganization: {table: "organization", target: "psa_company_id", noun: "organization", other: "company", excludable: true},
}

// Edit is one change of one record's mapping.
type Edit struct {
	Record int64
	Target Target
	// Excluded, when given, sets whether the record is kept out of ConnectWise.
	Excluded *bool
	// ExpectedRevision, when given, is the revision the caller saw; the edit is refused if it has grown since.
	ExpectedRevision *int
}

// Target is what an edit does to the mapping. The zero value leaves it as it is.
type Target struct {
	change bool
	record psa.RecordID
}

// MapTo maps the record to a ConnectWise record.
func MapTo(record psa.RecordID) Target { return Target{change: true, record: record} }

// Unmap removes the mapping.
func Unmap() Target { return Target{change: true} }

// RefusalCode says why an edit was refused.
type RefusalCode string

// The codes of refusals.
const (
	NotFound       RefusalCode = "NOT_FOUND"
	Conflict       RefusalCode = "CONFLICT"
	PsaUnavailable RefusalCode = "PSA_UNAVAILABLE"
)

// Refusal is an edit that was not made.
type Refusal struct {
	// Edit is its index among the edits given.
	Edit int
	Code RefusalCode
	// AboutTarget is true when the ConnectWise record is at fault, false when the record itself or its revision is.
	AboutTarget bool
	Message     string
}

func refuse(edit int, code RefusalCode, format string, args ...any) *Refusal {
	return &Refusal{Edit: edit, Code: code, Message: fmt.Sprintf(format, args...)}
}
