package sample

import (
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
)

func TestOrganizationName_IsUniqueAndFitsAConnectWiseName(t *testing.T) {
	t.Parallel()
	const count = 200_000
	seen := make(map[string]int, count)
	for i := range count {
		name := OrganizationName(i)
		if earlier, found := seen[name]; found {
			t.Fatalf("organizations %d and %d are both called %q", earlier, i, name)
		}
		seen[name] = i
		if length := utf8.RuneCountInString(name); length > 50 {
			t.Fatalf("OrganizationName(%d) = %q has %d characters, want at most 50", i, name, length)
		}
	}
}

func TestOrganizationAt_TakesTurnsAmongCountries(t *testing.T) {
	t.Parallel()
	currencies := map[string]bool{}
	for i := range len(homes) {
		organization := OrganizationAt(i)
		currencies[organization.Currency] = true
		if organization.City == "" || organization.CountryCode == "" || organization.Domain == "" {
			t.Errorf("OrganizationAt(%d) = %+v lacks a city, a country or a domain", i, organization)
		}
	}
	want := map[string]bool{"EUR": true, "USD": true, "GBP": true, "SEK": true}
	if diff := cmp.Diff(want, currencies); diff != "" {
		t.Errorf("currencies of the first organizations (-want +got):\n%s", diff)
	}
}

func TestPersonAt_NamesSomebodyOfTheCountry(t *testing.T) {
	t.Parallel()
	for i := range 100 {
		given, family := PersonAt(i)
		if given == "" || !slices.Contains(homes[i%len(homes)].families, family) {
			t.Fatalf("PersonAt(%d) = %q, %q, want a family of %s", i, given, family, OrganizationAt(i).Country)
		}
	}
}

func TestOfferAt_IsUniqueForFiveThousand(t *testing.T) {
	t.Parallel()
	const count = 5_000
	shelf := NewShelf()
	names, vendorIDs, ids := map[string]int{}, map[string]int{}, map[string]int{}
	for i := range count {
		offer := shelf.At(i)
		for label, seen := range map[string]map[string]int{offer.Name: names, offer.VendorOfferID: vendorIDs, offer.ID: ids} {
			if earlier, found := seen[label]; found {
				t.Fatalf("offers %d and %d share %q", earlier, i, label)
			}
			seen[label] = i
		}
		if !offer.Price.GreaterThan(offer.CostPrice) || !offer.CostPrice.GreaterThan(decimal.Zero) {
			t.Fatalf("OfferAt(%d) %q costs %s and sells for %s, want 0 < cost < price", i, offer.Name, offer.CostPrice, offer.Price)
		}
	}
}

func TestOfferAt_BeginsWithTheRealOffers(t *testing.T) {
	t.Parallel()
	offers := Offers()
	if len(offers) < 110 || len(Vendors()) < 12 {
		t.Errorf("%d offers of %d vendors, want about 120 of at least 12", len(offers), len(Vendors()))
	}
	for i, want := range offers {
		if diff := cmp.Diff(want, OfferAt(i)); diff != "" {
			t.Fatalf("OfferAt(%d) (-Offers()[%d] +got):\n%s", i, i, diff)
		}
	}
	if got := offers[0].CostPrice.String(); got != "18.7" {
		t.Errorf("the first offer costs %s, want 18.7", got)
	}
}
