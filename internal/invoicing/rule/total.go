package rule

import "github.com/shopspring/decimal"

// TotalMatches reports whether quantity times unit price is the invoiced total, give or take half a minor unit
// of the currency, which is what rounding can cost. A line that does not match posts nevertheless, as
// quantity and unit price, and calls for a warning.
func TotalMatches(quantity, unitPrice, total decimal.Decimal, currency string) bool {
	halfMinorUnit := decimal.New(5, -decimals(currency)-1)
	return quantity.Mul(unitPrice).Sub(total).Abs().LessThanOrEqual(halfMinorUnit)
}

// decimals returns how many decimal places amounts in a currency have, by ISO 4217.
func decimals(currency string) int32 {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}
