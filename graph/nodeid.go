package graph

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The types that node ids name.
const (
	typeSeller           = "Seller"
	typeOrganization     = "Organization"
	typeOffer            = "Offer"
	typeVendor           = "Vendor"
	typeInvoiceLine      = "InvoiceLine"
	typeContract         = "Contract"
	typePsaCompany       = "PsaCompany"
	typePsaProduct       = "PsaProduct"
	typePsaAgreement     = "PsaAgreement"
	typePsaAgreementType = "PsaAgreementType"
	// typePsaAddition is in cursors only: Additions are found below their agreement.
	typePsaAddition = "PsaAddition"
	typeJob         = "Job"
	typeLogEntry    = "LogEntry"
)

// nodeID returns the id of a record: its type and its number within the seller. The seller is not part of
// it; it always comes from the token.
func nodeID(typeName string, number int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(typeName + ":" + strconv.FormatInt(number, 10)))
}

// parseNodeID reads any node id.
func parseNodeID(id string) (typeName string, number int64, err error) {
	invalid := fmt.Errorf("%s is not a node id: pass the id field of a record, not a Platform id or a ConnectWise record number", quote(id))
	data, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return "", 0, invalid
	}
	typeName, digits, found := strings.Cut(string(data), ":")
	number, err = strconv.ParseInt(digits, 10, 64)
	tooBig := strings.HasPrefix(typeName, "Psa") && number > math.MaxInt32
	if !found || err != nil || number <= 0 || tooBig || nodeID(typeName, number) != id {
		return "", 0, invalid
	}
	return typeName, number, nil
}

// parseID reads the node id of one type.
func parseID(typeName, id string) (int64, error) {
	actual, number, err := parseNodeID(id)
	if err != nil {
		return 0, err
	}
	if actual != typeName {
		return 0, fmt.Errorf("%s is the id of another type (%s): pass one of type %s", quote(id), actual, typeName)
	}
	return number, nil
}

// parseIDs reads a list of node ids of one type, as filters take them.
func parseIDs(typeName string, ids []string) ([]int64, error) {
	if err := checkLength(len(ids)); err != nil {
		return nil, err
	}
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		var err error
		if numbers[i], err = parseID(typeName, id); err != nil {
			return nil, badInput(err.Error())
		}
	}
	return numbers, nil
}

// maxItems bounds every list in an input.
const maxItems = 1000

func checkLength(n int) error {
	if n > maxItems {
		return badInput(tooMany(n))
	}
	return nil
}

func tooMany(n int) string {
	return fmt.Sprintf("At most %d items are taken at a time; this list has %d. Split it.", maxItems, n)
}

// quote shortens what a client sent for use in a message.
func quote(text string) string {
	const most = 60
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}
