package rule

import "crosswalk/internal/civil"

// LastingAddition is an Addition of ours in ConnectWise that stands for a subscription and has no end.
type LastingAddition struct {
	// ID is our own number for it.
	ID             int64
	SubscriptionID string
	OrganizationID int64
	EffectiveDate  civil.Date
}

// LoadedMonth is what the greatest month of a complete load says about subscriptions.
type LoadedMonth struct {
	Month civil.YearMonth
	// Subscriptions holds those of all the month's lines, whether or not they may post: a line that nobody
	// has mapped yet still shows that its subscription lives.
	Subscriptions map[string]bool
	// Organizations holds those that are not excluded from sync and have a valid invoice in the month that is
	// not a custom one. About the others the month says nothing.
	Organizations map[int64]bool
}

// Cancellation is an Addition to end, and its last billed day.
type Cancellation struct {
	Addition LastingAddition
	Date     civil.Date
}

// Cancellations returns which open Additions end because their subscription is gone: its organization was
// invoiced for the month and the subscription was not. They end on the last day of the month before, and those
// that start later on the day they start.
func (m LoadedMonth) Cancellations(open []LastingAddition) []Cancellation {
	lastDay := m.Month.Add(-1).LastDay()
	var gone []Cancellation
	for _, addition := range open {
		if !m.Organizations[addition.OrganizationID] || m.Subscriptions[addition.SubscriptionID] {
			continue
		}
		end := lastDay
		if addition.EffectiveDate.After(end) {
			end = addition.EffectiveDate
		}
		gone = append(gone, Cancellation{Addition: addition, Date: end})
	}
	return gone
}
