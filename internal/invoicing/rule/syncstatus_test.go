package rule_test

import (
	"testing"

	"crosswalk/internal/invoicing/rule"
)

func TestStatusOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		codes []rule.BlockerCode
		want  rule.SyncStatus
	}{
		"nothing blocks":                    {nil, rule.Ready},
		"something blocks":                  {[]rule.BlockerCode{rule.ProductUnmapped}, rule.NotReady},
		"the organization is excluded":      {[]rule.BlockerCode{rule.OrganizationExcluded}, rule.Excluded},
		"excluded wins over all the others": {[]rule.BlockerCode{rule.SetupIncomplete, rule.OrganizationExcluded, rule.CurrencyMismatch}, rule.Excluded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var blockers []rule.Blocker
			for _, code := range c.codes {
				blockers = append(blockers, rule.Blocker{Code: code})
			}
			if got := rule.StatusOf(blockers); got != c.want {
				t.Errorf("StatusOf(%v) = %s, want %s", c.codes, got, c.want)
			}
		})
	}
}

func TestIsFrozen(t *testing.T) {
	t.Parallel()
	for status, want := range map[rule.SyncStatus]bool{
		rule.NotReady: false, rule.Excluded: false, rule.Ready: false, rule.Failed: false,
		rule.Syncing: true, rule.Unconfirmed: true, rule.Synced: true,
	} {
		if got := status.IsFrozen(); got != want {
			t.Errorf("%s.IsFrozen() = %t, want %t", status, got, want)
		}
	}
}
