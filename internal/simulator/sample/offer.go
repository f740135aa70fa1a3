package sample

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Vendor is a supplier of offers.
type Vendor struct {
	// ID is a GUID, as marketplaces name their vendors.
	ID string
	// Code is a short prefix for part numbers, such as "MSFT".
	Code string
	Name string
}

// Offer is one thing a marketplace resells. Prices are per unit and month.
type Offer struct {
	// ID is a GUID, as marketplaces name their offers.
	ID   string
	Name string
	// VendorOfferID is what the vendor calls the offer; unique.
	VendorOfferID string
	Vendor        Vendor
	// Category is a word for a product catalog, such as "Backup".
	Category string
	// CostPrice is what the seller pays, Price what the customer pays.
	CostPrice, Price decimal.Decimal
	// UsageBased offers are billed for what was consumed, by UsageFee rather than by CycleFee.
	UsageBased bool
}

// Vendors returns all vendors.
func Vendors() []Vendor {
	vendors := make([]Vendor, len(catalog))
	for i := range catalog {
		vendors[i] = vendorAt(i)
	}
	return vendors
}

// Offers returns the offers that exist in real life, the vendors taking turns.
func Offers() []Offer {
	offers := make([]Offer, 0, offerCount())
	for round := 0; len(offers) < cap(offers); round++ {
		for v := range catalog {
			if round < len(catalog[v].rows) {
				offers = append(offers, offerOf(v, round))
			}
		}
	}
	return offers
}

// OfferAt returns offer i, counted from 0: first those of Offers, then variants of them by commitment,
// segment and pack, all with names and vendor ids of their own for at least the first 5,000.
func OfferAt(i int) Offer { return NewShelf().At(i) }

// Shelf keeps the offers of Offers at hand for those who ask for many.
type Shelf struct{ offers []Offer }

// NewShelf returns a filled shelf.
func NewShelf() Shelf { return Shelf{offers: Offers()} }

// At is OfferAt without building the list again.
func (s Shelf) At(i int) Offer {
	offer := s.offers[i%len(s.offers)]
	if variant := i / len(s.offers); variant > 0 {
		return offer.variant(variant)
	}
	return offer
}

// variant returns the n-th variant, counted from 1.
func (o Offer) variant(n int) Offer {
	commitments := [...]string{"", "1Y", "3Y", "1Y prepaid", "3Y prepaid"}
	segments := [...]string{"", "EDU", "NFP", "GOV"}
	packs := [...]int{1, 5, 10, 25, 50, 100}

	commitment, rest := n%len(commitments), n/len(commitments)
	segment, rest := rest%len(segments), rest/len(segments)
	pack, round := packs[rest%len(packs)], rest/len(packs)

	var parts []string
	for _, part := range [...]string{commitments[commitment], segments[segment]} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if pack > 1 {
		parts = append(parts, fmt.Sprintf("pack of %d", pack))
	}
	if round > 0 {
		parts = append(parts, fmt.Sprintf("edition %d", round+1))
	}
	// Longer commitments and schools and charities pay less; a pack costs what its parts cost.
	percent := decimal.NewFromInt(int64(100 - 3*commitment - 10*segment)).Shift(-2)
	factor := percent.Mul(decimal.NewFromInt(int64(pack)))

	o.Name = fmt.Sprintf("%s (%s)", o.Name, strings.Join(parts, ", "))
	o.VendorOfferID = fmt.Sprintf("%s-V%03d", o.VendorOfferID, n)
	o.ID = identifier("offer", o.VendorOfferID)
	o.CostPrice = o.CostPrice.Mul(factor).Round(4)
	o.Price = o.Price.Mul(factor).Round(2)
	return o
}

func offerCount() int {
	total := 0
	for i := range catalog {
		total += len(catalog[i].rows)
	}
	return total
}

func vendorAt(v int) Vendor {
	return Vendor{ID: identifier("vendor", catalog[v].code), Code: catalog[v].code, Name: catalog[v].name}
}

func offerOf(v, row int) Offer {
	r := catalog[v].rows[row]
	return Offer{
		ID:            identifier("offer", r.vendorOfferID),
		Name:          r.name,
		VendorOfferID: r.vendorOfferID,
		Vendor:        vendorAt(v),
		Category:      r.category,
		CostPrice:     decimal.New(r.costTenThousandths, -4),
		Price:         decimal.New(r.priceCents, -2),
		UsageBased:    r.usageBased,
	}
}
