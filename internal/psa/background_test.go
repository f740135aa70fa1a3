package psa_test

import (
	"context"
	"testing"
	"time"

	"crosswalk/internal/psa"
)

func TestBackground_MarksTheContextAndWhatIsDerivedFromIt(t *testing.T) {
	t.Parallel()
	if psa.IsBackground(t.Context()) {
		t.Error("IsBackground(a fresh context) = true, want false")
	}
	derived, cancel := context.WithTimeout(psa.Background(t.Context()), time.Minute)
	defer cancel()
	if !psa.IsBackground(derived) {
		t.Error("IsBackground(a context derived from Background) = false, want true")
	}
}
