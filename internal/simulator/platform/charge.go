package platform

import (
	"time"

	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
	"crosswalk/internal/simulator/sample"
)

// subscription is a running purchase. It is named by its contract, its slot there and the month it began.
type subscription struct {
	contract contract
	slot     int
	since    civil.YearMonth
}

// charge is what one invoice line bills.
type charge struct {
	kind string
	// subscription is nil on the lines of custom invoices.
	subscription *subscription
	offer        sample.Offer
	start, end   civil.Date

	quantity, unitPrice, total decimal.Decimal
	cost                       decimal.NullDecimal
}

// charge computes line number line, counted from 0, of an invoice. The first lines are the contract's
// subscriptions, the others happen once.
func (m *market) charge(v *invoice, line int) charge {
	var c charge
	switch {
	case v.custom:
		c = m.userCorrection(v, line)
	case line < m.subscriptions(v.contract):
		c = m.running(v, line)
	default:
		c = m.once(v, line)
	}
	c.total = c.quantity.Mul(c.unitPrice)
	key := []int{v.contract.key(), serial(v.month), line, v.part()}
	if m.dice.roll(500, aboutDiscount, key...) == 0 {
		c.total = c.total.Mul(decimal.New(95, -2)).Round(4)
	}
	if m.dice.roll(33, aboutCost, key...) == 0 {
		c.cost = decimal.NullDecimal{}
	}
	return c
}

// oldest is when the subscriptions began that have never been replaced.
func oldest() civil.YearMonth { return civil.YearMonth{Year: 2022, Month: time.January} }

// subscriptionAt returns the subscription that occupies a slot of a contract in a month. Every month a few
// subscriptions end and others take their places.
func (m *market) subscriptionAt(c contract, slot int, month civil.YearMonth) *subscription {
	since := month
	for since.Compare(oldest()) > 0 && m.dice.roll(25, aboutChange, c.key(), slot, serial(since)) != 0 {
		since = since.Add(-1)
	}
	return &subscription{contract: c, slot: slot, since: since}
}

// offerOf returns what is subscribed to; the first offers are the popular ones.
func (m *market) offerOf(s *subscription) sample.Offer {
	one := m.dice.roll(len(m.offers), aboutOffer, s.contract.key(), s.slot, serial(s.since))
	other := m.dice.roll(len(m.offers), aboutSecondOffer, s.contract.key(), s.slot, serial(s.since))
	return m.offers[min(one, other)]
}

// running computes the monthly line of a subscription: a PurchaseFee in its first month, then CycleFees; for
// some offers an ItemFee or a UsageFee every month.
func (m *market) running(v *invoice, slot int) charge {
	s := m.subscriptionAt(v.contract, slot, v.month)
	offer := m.offerOf(s)
	if offer.UsageBased {
		return m.usage(v, s, offer)
	}
	c := m.priced(v, s, offer)
	c.start = v.cycleStart(m)
	c.end = c.start.AddMonths(1).AddDays(-1)
	c.kind = "CycleFee"
	switch {
	case m.dice.roll(100, aboutKind, v.contract.key(), slot, serial(s.since)) < 7:
		c.kind, c.end = "ItemFee", civil.Date{}
	case s.since == v.month:
		c.kind = "PurchaseFee"
		days := 1 + m.dice.roll(29, aboutTerm, v.contract.key(), slot, serial(v.month))
		c.start = c.end.AddDays(1 - days)
		c.prorate(days)
	}
	return c
}

// once computes a line that is not repeated next month.
func (m *market) once(v *invoice, line int) charge {
	key := []int{v.contract.key(), serial(v.month), line}
	s := &subscription{contract: v.contract, slot: line, since: v.month}
	luck := m.dice.roll(100, aboutKind, key...)
	switch slots := m.subscriptions(v.contract); {
	case luck < 30 && slots > 0:
		s = m.subscriptionAt(v.contract, m.dice.roll(slots, aboutTarget, key...), v.month)
		c := m.priced(v, s, m.offerOf(s))
		c.kind = "Correction"
		c.end = v.cycleStart(m).AddDays(-1)
		days := 1 + m.dice.roll(29, aboutTerm, key...)
		c.start = c.end.AddDays(1 - days)
		c.prorate(days)
		c.unitPrice, c.cost.Decimal = c.unitPrice.Neg(), c.cost.Decimal.Neg()
		return c
	case luck < 60 && len(m.metered) > 0:
		offer := m.offers[m.metered[m.dice.roll(len(m.metered), aboutOffer, key...)]]
		return m.usage(v, s, offer)
	}
	c := m.priced(v, s, m.offerOf(s))
	c.start = v.date
	if c.kind = "OneTimeFee"; luck >= 85 {
		c.kind = "ItemFee"
	}
	return c
}

// usage computes a line for what was consumed in the month before: fractions of a unit at the list price, or
// many small units at a tiny one.
func (m *market) usage(v *invoice, s *subscription, offer sample.Offer) charge {
	c := m.priced(v, s, offer)
	c.kind = "UsageFee"
	c.end = v.cycleStart(m).AddDays(-1)
	c.start = v.cycleStart(m).AddMonths(-1)
	consumed := int64(1 + m.dice.roll(2_000_000, aboutQuantity, v.contract.key(), s.slot, serial(v.month)))
	if consumed%2 == 0 {
		c.quantity = decimal.New(consumed, -4)
		return c
	}
	c.quantity = decimal.New(consumed/100+1, 0)
	c.unitPrice = decimal.New(1+int64(m.dice.roll(99_999, aboutPrice, v.contract.key(), s.slot, serial(s.since))), -6)
	c.cost.Decimal = c.unitPrice.Mul(decimal.New(85, -2)).Round(6)
	return c
}

// priced returns a charge for whole units of an offer at its list price, in the contract's currency.
func (m *market) priced(v *invoice, s *subscription, offer sample.Offer) charge {
	about := []int{v.contract.key(), s.slot, serial(s.since)}
	units := 1 + m.dice.roll(10, aboutQuantity, about...)*m.dice.roll(6, aboutPrice, about...)
	c := charge{
		subscription: s,
		offer:        offer,
		quantity:     decimal.NewFromInt(int64(units)),
		unitPrice:    offer.Price,
		cost:         decimal.NewNullDecimal(offer.CostPrice),
	}
	if v.contract.currency == "SEK" {
		crowns := decimal.NewFromInt(11)
		c.unitPrice, c.cost.Decimal = c.unitPrice.Mul(crowns), c.cost.Decimal.Mul(crowns)
	}
	return c
}

// prorate reduces the prices to so many days of thirty.
func (c *charge) prorate(days int) {
	share := decimal.NewFromInt(int64(days)).Div(decimal.NewFromInt(30))
	c.unitPrice = c.unitPrice.Mul(share).Round(4)
	c.cost.Decimal = c.cost.Decimal.Mul(share).Round(4)
}

// cycleStart is the first day of the billing cycle the invoice is made out at the start of.
func (v *invoice) cycleStart(m *market) civil.Date {
	return v.month.FirstDay().AddDays(m.billingDay(v.contract) - 1)
}

// userCorrection computes a line of a custom invoice: money given back or asked for, without a subscription.
func (m *market) userCorrection(v *invoice, line int) charge {
	key := []int{v.contract.key(), serial(v.month), line}
	vendor := m.vendors[m.dice.roll(len(m.vendors), aboutTarget, key...)]
	c := charge{
		kind:      "UserCorrection",
		offer:     sample.Offer{ID: defaultOfferID, Name: "Offer for Default Subscription", Vendor: vendor},
		quantity:  decimal.NewFromInt(int64(1 + m.dice.roll(4, aboutQuantity, key...))),
		unitPrice: decimal.New(int64(1_000+m.dice.roll(40_000, aboutPrice, key...)), -2),
	}
	luck := m.dice.roll(4, aboutTerm, key...)
	if luck < 2 {
		c.unitPrice = c.unitPrice.Neg()
	}
	if luck%2 == 0 {
		c.start, c.end = v.month.FirstDay(), v.month.LastDay()
	}
	return c
}

// defaultOfferID is the id of the offer that lines without a subscription are booked on.
const defaultOfferID = "d0c2b6de-6a1f-5d0e-9b58-0f5a6e1c7a11"
