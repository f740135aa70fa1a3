package rule_test

import (
	"cmp"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/invoicing/rule"
)

func claim(subscription, row, invoice, start string) rule.Claim {
	return rule.Claim{SubscriptionID: subscription, RowID: row, Invoiced: invoiced(invoice, start, "")}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claims []rule.Claim
		want   map[string]string
	}{
		"a single line owns the Addition": {
			[]rule.Claim{claim("s", "1", "2026-05-31", "2026-05-01")},
			map[string]string{"s": "1"},
		},
		"the later start owns": {
			[]rule.Claim{claim("s", "purchase", "2026-05-31", "2026-05-10"), claim("s", "cycle", "2026-05-31", "2026-06-01")},
			map[string]string{"s": "cycle"},
		},
		"an older month that posts after a newer one does not": {
			[]rule.Claim{claim("s", "june", "2026-06-30", "2026-06-01"), claim("s", "may", "2026-05-31", "2026-05-01")},
			map[string]string{"s": "june"},
		},
		"the start counts before the invoice date": {
			[]rule.Claim{claim("s", "late invoice", "2026-07-31", "2026-05-01"), claim("s", "late start", "2026-05-31", "2026-06-01")},
			map[string]string{"s": "late start"},
		},
		"of equal starts, the later invoice owns": {
			[]rule.Claim{claim("s", "2", "2026-05-20", "2026-05-01"), claim("s", "1", "2026-05-31", "2026-05-01")},
			map[string]string{"s": "1"},
		},
		"of equal dates, the greater row id owns, as text": {
			[]rule.Claim{claim("s", "9", "2026-05-31", "2026-05-01"), claim("s", "10", "2026-05-31", "2026-05-01")},
			map[string]string{"s": "9"},
		},
		"a line without a start counts from its invoice date": {
			[]rule.Claim{claim("s", "2", "2026-05-31", "2026-05-30"), claim("s", "1", "2026-05-31", "")},
			map[string]string{"s": "1"},
		},
		"every subscription has its own owner": {
			[]rule.Claim{claim("s", "1", "2026-05-31", "2026-05-01"), claim("z", "2", "2026-05-31", "2026-05-01")},
			map[string]string{"s": "1", "z": "2"},
		},
		"nobody owns without a claim": {nil, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			for subscription, owner := range rule.Owners(c.claims) {
				got[subscription] = owner.RowID
			}
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("Owners(%v) (-want +got):\n%s", c.claims, diff)
			}
		})
	}
}

// TestOwnershipOverManyRuns posts claims in batches and in any order, keeping only the owners between runs, as
// posting does: in the end the same lines own as if all had posted at once.
func TestOwnershipOverManyRuns(t *testing.T) {
	t.Parallel()
	claims := rapid.Custom(func(t *rapid.T) rule.Claim {
		return rule.Claim{
			SubscriptionID: rapid.SampledFrom([]string{"s", "t", "u"}).Draw(t, "subscription"),
			Invoiced:       invoices.Draw(t, "invoiced"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(claims, 1, 30).Draw(t, "claims")
		for i := range all {
			all[i].RowID = string(rune('A' + i))
		}
		var held []rule.Claim
		for left := rapid.Permutation(all).Draw(t, "order"); len(left) > 0; {
			batch := rapid.IntRange(1, len(left)).Draw(t, "batch")
			owners := rule.Owners(append(held, left[:batch]...))
			for _, before := range held {
				if owners[before.SubscriptionID].Compare(before) < 0 {
					t.Fatalf("%v lost its Addition to the weaker %v", before, owners[before.SubscriptionID])
				}
			}
			held, left = nil, left[batch:]
			for _, owner := range owners {
				held = append(held, owner)
			}
		}
		if diff := gocmp.Diff(rule.Owners(all), rule.Owners(held)); diff != "" {
			t.Fatalf("owners after many runs (-all at once +run by run):\n%s", diff)
		}
	})
}

func TestCompareClaimsIsAnOrder(t *testing.T) {
	t.Parallel()
	claims := rapid.Custom(func(t *rapid.T) rule.Claim {
		return rule.Claim{Invoiced: invoices.Draw(t, "invoiced"), RowID: rapid.SampledFrom([]string{"1", "2", "10"}).Draw(t, "row")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := claims.Draw(t, "a"), claims.Draw(t, "b"), claims.Draw(t, "c")
		if cmp.Compare(a.Compare(b), 0) != -cmp.Compare(b.Compare(a), 0) {
			t.Errorf("%v.Compare(%v) = %d, the other way round %d; want opposite signs", a, b, a.Compare(b), b.Compare(a))
		}
		if a.Compare(b) >= 0 && b.Compare(c) >= 0 && a.Compare(c) < 0 {
			t.Errorf("%v beats %v beats %v, which beats the first; want an order", a, b, c)
		}
	})
}
