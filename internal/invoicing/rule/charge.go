package rule

// ChargeType is why a line is charged.
type ChargeType string

// The charge types. OtherCharge stands for every word the Platform may use that is not known here.
const (
	CycleFee       ChargeType = "CYCLE_FEE"       // at the start of each billing cycle
	PurchaseFee    ChargeType = "PURCHASE_FEE"    // the first, prorated period of a subscription
	Correction     ChargeType = "CORRECTION"      // prorations, cancellations, discounts, refunds
	UsageFee       ChargeType = "USAGE_FEE"       // consumption
	ItemFee        ChargeType = "ITEM_FEE"        // licences that are not prepaid; one-time although it comes every month
	OneTimeFee     ChargeType = "ONE_TIME_FEE"    // a single purchase
	UserCorrection ChargeType = "USER_CORRECTION" // a correction somebody entered
	OtherCharge    ChargeType = "OTHER"
)

var chargeTypes = map[string]ChargeType{
	"CycleFee":       CycleFee,
	"PurchaseFee":    PurchaseFee,
	"Correction":     Correction,
	"UsageFee":       UsageFee,
	"ItemFee":        ItemFee,
	"OneTimeFee":     OneTimeFee,
	"UserCorrection": UserCorrection,
}

// ParseChargeType reads the Platform's word. A word that is not known is OtherCharge and false, which calls
// for a warning: its lines post as one-time charges.
func ParseChargeType(word string) (charge ChargeType, known bool) {
	charge, known = chargeTypes[word]
	if !known {
		return OtherCharge, false
	}
	return charge, true
}

// Recurrence says how many Additions the lines of a subscription become.
type Recurrence string

// The recurrences.
const (
	Recurring Recurrence = "RECURRING" // one lasting Addition for each subscription, updated as months go by
	OneTime   Recurrence = "ONE_TIME"  // one Addition for each line
)

// RecurrenceOf returns the recurrence of a line. Cycle and purchase fees recur, unless the line is on a custom
// invoice, or has no subscription by which its lasting Addition could be found again.
func RecurrenceOf(charge ChargeType, customInvoice bool, subscriptionID string) Recurrence {
	recurs := charge == CycleFee || charge == PurchaseFee
	if recurs && !customInvoice && subscriptionID != "" {
		return Recurring
	}
	return OneTime
}

const (
	customSource             = "Custom"
	defaultSubscriptionOffer = "Offer for Default Subscription"
)

// IsCustomInvoice reports whether a line was written by hand: its invoice's source is Custom, or its offer is
// the one that stands in where there is none.
func IsCustomInvoice(invoiceSource, offerName string) bool {
	return invoiceSource == customSource || offerName == defaultSubscriptionOffer
}
