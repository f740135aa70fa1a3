package rule_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"crosswalk/internal/invoicing/rule"
)

func TestTotalMatches(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quantity, unitPrice, total, currency string
		want                                 bool
	}{
		"exactly":                                     {"3", "19.99", "59.97", "EUR", true},
		"rounded up by half a cent":                   {"1", "0.125", "0.13", "EUR", true},
		"rounded down by half a cent":                 {"1", "0.125", "0.12", "EUR", true},
		"off by a little more than half a cent":       {"1", "0.124999", "0.13", "EUR", false},
		"off by a cent":                               {"3", "19.99", "59.98", "EUR", false},
		"a credit":                                    {"-2", "10.005", "-20.01", "USD", true},
		"a credit as a negative price":                {"2", "-10.005", "-20.01", "USD", true},
		"a total of the wrong sign":                   {"2", "10", "-20", "USD", false},
		"free of charge":                              {"5", "0", "0", "USD", true},
		"no quantity but a total":                     {"0", "10", "10", "USD", false},
		"a quantity with six decimals":                {"0.333333", "30", "10.00", "USD", true},
		"half a yen":                                  {"1", "100.5", "101", "JPY", true},
		"more than half a yen":                        {"1", "100.499999", "101", "JPY", false},
		"half a fils of a dinar":                      {"1", "1.0005", "1.001", "KWD", true},
		"half a cent is too much for a dinar":         {"1", "1.005", "1.010", "KWD", false},
		"a ten-thousandth of an unidad de fomento":    {"1", "1.0001", "1.0002", "CLF", false},
		"a currency nobody heard of has two decimals": {"1", "0.125", "0.13", "XYZ", true},
		"more digits than a float holds":              {"123456789012.345678", "1000000", "123456789012345678.00", "EUR", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quantity, unitPrice, total := decimal.RequireFromString(c.quantity), decimal.RequireFromString(c.unitPrice), decimal.RequireFromString(c.total)
			if got := rule.TotalMatches(quantity, unitPrice, total, c.currency); got != c.want {
				t.Errorf("TotalMatches(%s, %s, %s, %s) = %t, want %t", c.quantity, c.unitPrice, c.total, c.currency, got, c.want)
			}
		})
	}
}

func TestRoundedTotalsMatch(t *testing.T) {
	t.Parallel()
	places := map[string]int32{"EUR": 2, "USD": 2, "ISK": 0, "TND": 3, "UYW": 4}
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"EUR", "USD", "ISK", "TND", "UYW"}).Draw(t, "currency")
		quantity := decimal.New(rapid.Int64Range(-1e12, 1e12).Draw(t, "quantity"), -6)
		unitPrice := decimal.New(rapid.Int64Range(-1e12, 1e12).Draw(t, "unit price"), -6)
		total := quantity.Mul(unitPrice).Round(places[currency])
		if !rule.TotalMatches(quantity, unitPrice, total, currency) {
			t.Errorf("TotalMatches(%s, %s, %s, %s) = false, want true of a rounded total", quantity, unitPrice, total, currency)
		}
		wrong := total.Add(decimal.New(2, -places[currency]))
		if rule.TotalMatches(quantity, unitPrice, wrong, currency) {
			t.Errorf("TotalMatches(%s, %s, %s, %s) = true, want false two units off", quantity, unitPrice, wrong, currency)
		}
	})
}
