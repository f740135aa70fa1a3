package posting

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"

	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// A marker is written into the serial number of an Addition. It follows from what the Addition stands for, so
// that it is found again even by a gateway whose database was restored from an old copy. Sellers may share a
// ConnectWise and a Platform without taking each other's Additions for their own. Nothing in it needs escaping anywhere.

// markerOfLine marks the Addition of a single line, known by the Platform's row id.
func markerOfLine(seller postgres.SellerID, rowID string) string {
	return marker(seller, "line\x00"+rowID)
}

// markerOfSubscription marks a lasting Addition. A subscription whose Addition was ended gets one of a higher
// generation.
func markerOfSubscription(seller postgres.SellerID, subscriptionID string, generation int) string {
	return marker(seller, fmt.Sprintf("subscription\x00%s\x00%d", subscriptionID, generation))
}

func marker(seller postgres.SellerID, of string) string {
	if seller == 0 {
		panic("a marker without a seller would be another seller's, too")
	}
	sum := sha256.Sum256([]byte(seller.String() + "\x00" + of))
	return "XW" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:15])
}

// listed are the Additions of one agreement as ConnectWise lists them.
type listed struct {
	byRecord map[psa.RecordID]psa.Addition
	byMarker map[string][]psa.Addition
}

func index(additions []psa.Addition) listed {
	l := listed{byRecord: make(map[psa.RecordID]psa.Addition, len(additions)), byMarker: make(map[string][]psa.Addition, len(additions))}
	for _, a := range additions {
		l.byRecord[a.ID] = a
		if a.SerialNumber != "" {
			l.byMarker[a.SerialNumber] = append(l.byMarker[a.SerialNumber], a)
		}
	}
	return l
}

// marked returns the Addition with a marker, the eldest if there are several.
func (l listed) marked(marker string) (psa.Addition, bool) {
	var eldest psa.Addition
	for _, a := range l.byMarker[marker] {
		if eldest.ID == 0 || a.ID < eldest.ID {
			eldest = a
		}
	}
	return eldest, eldest.ID != 0
}

// put notes an Addition that was written.
func (l listed) put(a psa.Addition) {
	l.byRecord[a.ID] = a
	if a.SerialNumber != "" {
		if _, known := l.marked(a.SerialNumber); !known {
			l.byMarker[a.SerialNumber] = []psa.Addition{a}
		}
	}
}
