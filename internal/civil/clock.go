package civil

import "time"

// Clock tells what business rules take for today. Stored timestamps, leases and expiries use real time instead.
type Clock struct {
	// Now returns the present; nil means time.Now.
	Now func() time.Time
}

// Frozen returns a Clock that stands still at t.
func Frozen(t time.Time) Clock { return Clock{Now: func() time.Time { return t }} }

// Today returns the date it is in zone.
func (c Clock) Today(zone *time.Location) Date {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return DateOf(now().In(zone))
}
