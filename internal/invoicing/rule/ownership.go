package rule

import "cmp"

// Claim is the claim of a recurring line to the lasting Addition of its subscription. Of several, as when a
// month has both a purchase and a cycle fee, or an older month posts after a newer one, the strongest owns the
// Addition. The lines of all others post as one-time charges of their own, so no money is lost.
type Claim struct {
	SubscriptionID string
	// Invoiced dates count, not the effective ones: an edit of a date changes nobody's ownership.
	Invoiced Invoiced
	// RowID is the Platform's id of the line.
	RowID string
}

// Compare returns a positive number when c is stronger than other: it starts later, or is invoiced later, or
// has the greater row id, compared byte by byte. Zero means the same line.
func (c Claim) Compare(other Claim) int {
	return cmp.Or(
		c.Invoiced.start().Compare(other.Invoiced.start()),
		c.Invoiced.InvoiceDate.Compare(other.Invoiced.InvoiceDate),
		cmp.Compare(c.RowID, other.RowID),
	)
}

// Owners returns the strongest claim to each subscription, by subscription id. Claims that were met in earlier
// runs belong among the claims: an Addition passes on to a stronger claim only.
func Owners(claims []Claim) map[string]Claim {
	owners := make(map[string]Claim)
	for _, claim := range claims {
		owner, owned := owners[claim.SubscriptionID]
		if !owned || claim.Compare(owner) > 0 {
			owners[claim.SubscriptionID] = claim
		}
	}
	return owners
}
