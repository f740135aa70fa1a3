package platform

import (
	"fmt"

	"github.com/google/uuid"
)

// dice answers every question about chance from its seed: the same question gets the same answer, whenever
// and in whatever order it is asked.
type dice uint64

// question tells apart what is diced for.
type question uint64

const (
	aboutSecondContract question = iota
	aboutWeight
	aboutBillingDay
	aboutContractType
	aboutOrganizationStatus
	aboutOrganizationName
	aboutOrganizationIDs
	aboutNeverValid
	aboutStatus
	aboutCustomInvoice
	aboutCustomRow
	aboutUpdate
	aboutChange
	aboutOffer
	aboutSecondOffer
	aboutQuantity
	aboutPrice
	aboutKind
	aboutTerm
	aboutDiscount
	aboutCost
	aboutTarget
)

// roll returns a number from 0 to sides-1.
func (d dice) roll(sides int, q question, about ...int) int {
	x := mix(uint64(d) ^ mix(uint64(q)))
	for _, a := range about {
		x = mix(x ^ mix(uint64(a)))
	}
	return int(x % uint64(sides))
}

// mix is the finalizer of SplitMix64: close numbers become far apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// id returns a GUID that depends on the seed and the arguments alone.
func (d dice) id(kind string, about ...int) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%d/%s/%v", d, kind, about)).String()
}
