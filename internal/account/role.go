package account

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what a caller may do. Each role includes the ones before it; the zero value may do nothing.
type Role string

// The roles, from least to most.
const (
	Viewer   Role = "VIEWER"   // reads
	Editor   Role = "EDITOR"   // maps and edits lines
	Operator Role = "OPERATOR" // starts and cancels jobs
	Admin    Role = "ADMIN"    // changes credentials and settings
)

var ladder = [...]Role{Viewer, Editor, Operator, Admin}

// ParseRole reads a role in any case.
func ParseRole(text string) (Role, error) {
	role := Role(strings.ToUpper(strings.TrimSpace(text)))
	if !slices.Contains(ladder[:], role) {
		return "", fmt.Errorf("%q is not a role: use VIEWER, EDITOR, OPERATOR or ADMIN", text)
	}
	return role, nil
}

// Includes reports whether a caller with role r may do what other may. Texts that are no role include
// nothing and are included by none.
func (r Role) Includes(other Role) bool {
	have, want := slices.Index(ladder[:], r), slices.Index(ladder[:], other)
	return want >= 0 && have >= want
}
