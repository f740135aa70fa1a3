package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"crosswalk/internal/postgres"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		err, cause error
		want       State
	}{
		"the work is complete":                         {nil, nil, Succeeded},
		"the work is complete though it was cancelled": {nil, ErrCancelled, Succeeded},
		"the work failed":                              {broken, nil, Failed},
		"a context of the handler's own ended":         {context.DeadlineExceeded, nil, Failed},
		"it was cancelled":                             {context.Canceled, ErrCancelled, Cancelled},
		"the process is stopping":                      {context.Canceled, ErrStopping, Queued},
		"the lease was lost":                           {broken, ErrLeaseLost, ""},
		"the database was away":                        {fmt.Errorf("read: %w", &postgres.UnavailableError{}), nil, ""},
		"it was cancelled while the database was away": {&postgres.UnavailableError{}, ErrCancelled, Cancelled},
		"it panicked while it was cancelled":           {&panicError{value: "boom"}, ErrCancelled, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := outcome(test.err, test.cause).state; got != test.want {
				t.Errorf("outcome(%v, %v): %q, want %q", test.err, test.cause, got, test.want)
			}
		})
	}
}

func TestRefsReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	want := Ref{Seller: 7, ID: 123}
	if got, err := ParseRef(want.String()); err != nil || got != want {
		t.Errorf("ParseRef(%q): %v (%v), want %v", want, got, err, want)
	}
	for _, payload := range []string{"", "7", "7:", ":1", "x:1", "7:1:2", "07:1"} {
		if got, err := ParseRef(payload); err == nil {
			t.Errorf("ParseRef(%q): %v, want an error", payload, got)
		}
	}
}

func TestKindsReadAsWords(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind]string{"SYNC_ORGANIZATIONS": "Sync organizations", "LOAD": "Load", "": ""} {
		if got := kind.Title(); got != want {
			t.Errorf("Kind(%q).Title(): %q, want %q", kind, got, want)
		}
	}
}
