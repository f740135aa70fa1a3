package account

import (
	"context"
	"testing"
)

func TestEachRoleIncludesTheOnesBeforeIt(t *testing.T) {
	t.Parallel()
	order := []Role{Viewer, Editor, Operator, Admin}
	for i, have := range order {
		for j, want := range order {
			if got := have.Includes(want); got != (i >= j) {
				t.Errorf("%s.Includes(%s): want %t, got %t", have, want, i >= j, got)
			}
		}
	}
	for _, other := range []Role{"", "viewer", "ROOT"} {
		if Admin.Includes(other) || other.Includes(Viewer) || other.Includes(other) {
			t.Errorf("%q is no role but includes or is included", other)
		}
	}
}

func TestParseRole(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Role{"VIEWER": Viewer, "editor": Editor, " Operator ": Operator, "ADMIN": Admin} {
		if got, err := ParseRole(text); got != want || err != nil {
			t.Errorf("ParseRole(%q): want %s, got %s and %v", text, want, got, err)
		}
	}
	for _, text := range []string{"", "ROOT", "ADMIN,VIEWER"} {
		if got, err := ParseRole(text); err == nil {
			t.Errorf("ParseRole(%q): want an error, got %s", text, got)
		}
	}
}

func TestIdentityTravelsInTheContext(t *testing.T) {
	t.Parallel()
	if got, ok := IdentityFrom(context.Background()); ok {
		t.Errorf("IdentityFrom a bare context: want none, got %+v", got)
	}
	want := Identity{Seller: 3, Subject: "Ann", Role: Editor, TokenID: 9}
	if got, ok := IdentityFrom(WithIdentity(context.Background(), want)); !ok || got != want {
		t.Errorf("IdentityFrom: want %+v, got %+v and %t", want, got, ok)
	}
}
