package account

import (
	"fmt"
	"time"

	"crosswalk/internal/civil"
)

// TimeOfDay is a time on a 24-hour wall clock, to the minute.
type TimeOfDay struct{ Hour, Minute int }

// ParseTimeOfDay reads "HH:MM", from 00:00 to 23:59.
func ParseTimeOfDay(text string) (TimeOfDay, error) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return TimeOfDay{}, fmt.Errorf("%q is not a time of day of the form 02:00", text)
	}
	return TimeOfDay{Hour: t.Hour(), Minute: t.Minute()}, nil
}

// String returns "HH:MM".
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", t.Hour, t.Minute) }

// DailyRun returns the instant of the run on day, which is when clocks in zone show at. A day on which they show it
// twice, because they are set back, has its run at the first; a day on which they skip it has its run at the
// moment they are set forward. It is false for a day that zone never had, as Samoa never had 30 December 2011.
func DailyRun(day civil.Date, zone *time.Location, at TimeOfDay) (time.Time, bool) {
	wanted := time.Date(day.Year, day.Month, day.Day, at.Hour, at.Minute, 0, 0, time.UTC)
	guess := time.Date(day.Year, day.Month, day.Day, at.Hour, at.Minute, 0, 0, zone)
	start, end := guess.ZoneBounds()
	switch wallClock(guess).Compare(wanted) {
	case 1: // skipped, and guessed by the clock from before
		return start, touches(day, start)
	case -1: // skipped, and guessed by the clock from after
		return end, touches(day, end)
	}
	if start.IsZero() {
		return guess, true
	}
	_, offset := guess.Zone()
	_, offsetBefore := start.Add(-1).Zone()
	earlier := guess.Add(time.Duration(offset-offsetBefore) * time.Second)
	if earlier.Before(start) && wallClock(earlier).Equal(wanted) {
		return earlier, true
	}
	return guess, true
}

// touches reports whether any of day lies right before or right after a change of the clocks.
func touches(day civil.Date, change time.Time) bool {
	return civil.DateOf(change) == day || civil.DateOf(change.Add(-1)) == day
}

// wallClock returns what clocks show at t, as if it were UTC.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
