package gateway_test

import (
	"testing"

	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// amount is a number as people write it.
func amount(text string) decimal.Decimal { return decimal.RequireFromString(text) }

func TestPosting_OneTimeLinesHaveAnAdditionEach(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	var april3, may3 []platform.InvoiceRow
	var want []string
	for _, charge := range []string{"Correction", "UsageFee", "ItemFee", "OneTimeFee", "UserCorrection", "MysteryFee"} {
		april3 = append(april3, fee("april "+charge, "S", charge, april(5), 2))
		may3 = append(may3, fee("may "+charge, "S", charge, date(5), 2))
		want = append(want, "2 SEAT at 10 from 2026-04-05 to 2026-04-30: Plan S - "+charge)
	}
	for _, charge := range []string{"Correction", "UsageFee", "ItemFee", "OneTimeFee", "UserCorrection", "MysteryFee"} {
		want = append(want, "2 SEAT at 10 from 2026-05-05 to 2026-05-31: Plan S - "+charge)
	}
	billTo(d.World, "1", april(3), april3...)
	billTo(d.World, "1", date(3), may3...)
	d.load(t, bothMonths...)
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 12})
	d.wantAdditions(t, d.cloud, want...)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{})
	d.wantAdditions(t, d.cloud, want...)
}

func TestPosting_WithoutASubscriptionOfItsOwnALineIsOneTime(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	alone := cycle("alone")
	alone.SubscriptionID, alone.SubscriptionName, alone.Description = "", "", " Seats\nfor the  shop "
	billTo(d.World, "1", date(3), fee("standard", "S", "CycleFee", date(1), 5), alone)
	credit := fee("credit", "S", "CycleFee", date(4), 2)
	credit.UnitPrice, credit.TotalPrice = amount("-10"), amount("-20")
	d.Platform.AddInvoice(platform.InvoiceHeader{CustomerID: "1", ContractID: "C-1", Currency: "EUR", Source: "Custom", InvoiceDate: date(4)}, credit)
	d.load(t)
	d.toCloud(t)
	job := wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 3})
	d.wantAdditions(t, d.cloud,
		"5 SEAT at 10 from 2026-05-01: Plan S - CycleFee",
		"5 SEAT at 10 from 2026-05-01 to 2026-05-31: Seats for the shop - CycleFee",
		"2 SEAT at -10 from 2026-05-04 to 2026-05-31: Plan S - CycleFee")
	if contains(job.Codes(), "DUPLICATE_RECURRING_LINE") {
		t.Errorf("the run logged %v; lines that do not recur are no duplicates", job.Codes())
	}
}

func TestPosting_AmountsAreExact(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	priced := d.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "PRICED", Description: "Priced", Price: amount("99"), Cost: amount("55.5")})
	d.Sync(t)
	cases := []struct{ id, quantity, price, cost string }{
		{"six digits", "2.5", "3.333333", "1.000001"},
		{"negative", "1", "-0.000001", "-0.01"},
		{"large", "12345678", "87654321.123456", "7654321.654321"},
		{"more than a double holds", "1", "98765432109876.543211", "12345678901234.567891"},
		{"a whole number with zeros", "100", "1000000", "900000"},
		{"nothing", "3", "0", "0"},
		{"a cost that is not known", "1", "7", ""},
	}
	for _, c := range cases {
		row := once(c.id)
		row.Quantity, row.UnitPrice = amount(c.quantity), amount(c.price)
		row.TotalPrice = row.Quantity.Mul(row.UnitPrice).Round(2)
		if c.cost != "" {
			row.ResellerPrice = decimal.NewNullDecimal(amount(c.cost))
		}
		billTo(d.World, "1", date(3), row)
	}
	d.load(t)
	sellAs(t, d.Seller, offerOf(t, d.Seller, "O-2").ID, nodeID("PsaProduct", int64(priced)))
	d.toCloud(t)
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: len(cases)})
	lines := postedLines(t, d.Seller, may)
	for _, c := range cases {
		want := c.quantity + " at " + c.price + " for " + c.cost
		if c.cost == "" {
			want += "55.5" // the catalog's
		}
		a, shown := theAddition(t, d.World, d.cloud, "Disk for "+c.id+" - OneTimeFee"), lines[c.id].PsaAddition
		if got := a.Quantity.String() + " at " + a.UnitPrice.Decimal.String() + " for " + a.UnitCost.Decimal.String(); got != want {
			t.Errorf("%s became %s, want %s", c.id, got, want)
		}
		if got := shown.Quantity + " at " + *shown.UnitPrice + " for " + *shown.UnitCost; got != want {
			t.Errorf("%s is shown as %s, want %s", c.id, got, want)
		}
	}
}

func TestPosting_DatesOfRulesAndUsersAreSent(t *testing.T) {
	t.Parallel()
	d := startDesk(t, gatewaytest.Options{})
	updateSettings(t, d.Seller, variables{"chargeStartDateRule": variables{"kind": "FIXED_DAY", "day": 15}, "chargeEndDateRule": variables{"kind": "FIXED_DAY", "day": 20}})
	billTo(d.World, "1", date(3), fee("rule", "S", "CycleFee", date(1), 1), once("rule once"), fee("user", "T", "CycleFee", date(1), 2), once("user once"))
	loadLines(t, d.Seller)
	updateSettings(t, d.Seller, variables{"chargeStartDateRule": variables{"kind": "NO_RULE"}, "chargeEndDateRule": variables{"kind": "NO_DATE"}})
	billTo(d.World, "1", date(4), fee("endless", "U", "CycleFee", date(1), 3), once("endless once"))
	d.load(t)
	d.toCloud(t)
	updateSettings(t, d.Seller, variables{"chargeStartDateRule": variables{"kind": "NO_RULE"}, "chargeEndDateRule": variables{"kind": "LAST_DAY_OF_MONTH"}})
	for _, id := range []string{"user", "user once"} {
		edit(t, d.Seller, lineOf(t, d.Seller, id).ID, variables{"chargeStartDate": "2026-05-07", "chargeEndDate": "2027-01-09"})
	}
	wantPosted(t, d.Seller, nil, "SUCCEEDED", counts{Created: 6})
	d.wantAdditions(t, d.cloud,
		"1 SEAT at 10 from 2026-05-15 to 2026-05-20: Plan S - CycleFee",
		"1 DISK at 7.5 from 2026-05-15 to 2026-05-20: Disk for rule once - OneTimeFee",
		"2 SEAT at 10 from 2026-05-07 to 2027-01-09: Plan T - CycleFee",
		"1 DISK at 7.5 from 2026-05-07 to 2027-01-09: Disk for user once - OneTimeFee",
		"3 SEAT at 10 from 2026-05-01: Plan U - CycleFee",
		"1 DISK at 7.5 from 2026-05-10: Disk for endless once - OneTimeFee")
}
