package schedule

import (
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
)

// Grace is how long after its time a daily run is still begun. Its day may be over by then: a run due at 23:55 that a
// restart delays past midnight is made up for, one of the early morning does not begin in the afternoon.
const Grace = 12 * time.Hour

// Plan says when a seller's daily run is to take place, and how far that is settled.
type Plan struct {
	// Zone is where the seller's days begin and end.
	Zone *time.Location
	// At is the time of day of the run, in Zone.
	At account.TimeOfDay
	// Since is when the daily run was switched on or moved to At. What was due until then is not run.
	Since time.Time
	// Settled is the last day that is done with; zero means none.
	Settled civil.Date
}

// Occurrence is the daily run of one day.
type Occurrence struct {
	// Day is a day in the seller's zone.
	Day civil.Date
	// Due is when the run is to begin.
	Due time.Time
}

// Missed reports whether it is too late at now to begin the run.
func (o Occurrence) Missed(now time.Time) bool { return now.Sub(o.Due) > Grace }

// Current returns the occurrence whose time came last before or at now. It is false if there is nothing to be done
// about it any more: its day is settled, or it was due before the plan was made. Days before it are not looked at: a
// day that was missed as a whole is not made up for.
func (p Plan) Current(now time.Time) (Occurrence, bool) {
	// When clocks are set back over midnight, the run of the day that begins again has already been due.
	for day := civil.DateOf(now.In(p.Zone)).AddDays(1); ; day = day.AddDays(-1) {
		due, exists := account.DailyRun(day, p.Zone, p.At)
		if exists && !due.After(now) {
			return Occurrence{Day: day, Due: due}, p.wants(day, due)
		}
	}
}

// Next returns the first occurrence after now.
func (p Plan) Next(now time.Time) Occurrence {
	for day := civil.DateOf(now.In(p.Zone)).AddDays(-1); ; day = day.AddDays(1) {
		due, exists := account.DailyRun(day, p.Zone, p.At)
		if exists && due.After(now) && p.wants(day, due) {
			return Occurrence{Day: day, Due: due}
		}
	}
}

// wants reports whether a day with a run due then is yet to be settled.
func (p Plan) wants(day civil.Date, due time.Time) bool {
	return due.After(p.Since) && day.After(p.Settled)
}
