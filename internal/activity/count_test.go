package activity_test

import (
	"testing"

	"crosswalk/internal/activity"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 lines were edited", 1: "1 line was edited", 2: "2 lines were edited"} {
		if got := activity.Count(n, "line was edited", "lines were edited"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
