package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("time.LoadLocation(%q): %v", name, err)
	}
	return zone
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatalf("%q is no instant: %v", text, err)
	}
	return at
}

func timeOfDay(t testing.TB, text string) account.TimeOfDay {
	t.Helper()
	at, err := account.ParseTimeOfDay(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWhichDayIsDue(t *testing.T) {
	t.Parallel()
	const (
		berlin    = "Europe/Berlin"
		newYork   = "America/New_York"
		lordHowe  = "Australia/Lord_Howe"
		apia      = "Pacific/Apia"
		kathmandu = "Asia/Kathmandu"
	)
	for name, c := range map[string]struct {
		zone, at string
		since    string // empty means long ago
		settled  string // empty means none
		now      string
		day, due string // empty means that nothing is due
		missed   bool
		next     string
	}{
		"the moment it is due": {
			zone: berlin, at: "02:00", now: "2026-05-18T02:00:00+02:00",
			day: "2026-05-18", due: "2026-05-18T02:00:00+02:00", next: "2026-05-19T02:00:00+02:00",
		},
		"a moment before, yesterday settled": {
			zone: berlin, at: "02:00", settled: "2026-05-17", now: "2026-05-18T01:59:59+02:00",
			next: "2026-05-18T02:00:00+02:00",
		},
		"today settled": {
			zone: berlin, at: "02:00", settled: "2026-05-18", now: "2026-05-18T02:00:01+02:00",
			next: "2026-05-19T02:00:00+02:00",
		},
		"today settled at an earlier time of day": {
			zone: berlin, at: "14:00", since: "2026-05-18T10:00:00+02:00", settled: "2026-05-18", now: "2026-05-18T14:30:00+02:00",
			next: "2026-05-19T14:00:00+02:00",
		},
		"started late, within the grace": {
			zone: berlin, at: "02:00", settled: "2026-05-17", now: "2026-05-18T14:00:00+02:00",
			day: "2026-05-18", due: "2026-05-18T02:00:00+02:00", next: "2026-05-19T02:00:00+02:00",
		},
		"started too late": {
			zone: berlin, at: "02:00", settled: "2026-05-17", now: "2026-05-18T14:00:01+02:00",
			day: "2026-05-18", due: "2026-05-18T02:00:00+02:00", missed: true, next: "2026-05-19T02:00:00+02:00",
		},
		"started after midnight, within the grace": {
			zone: berlin, at: "23:55", settled: "2026-05-17", now: "2026-05-19T00:10:00+02:00",
			day: "2026-05-18", due: "2026-05-18T23:55:00+02:00", next: "2026-05-19T23:55:00+02:00",
		},
		"started after days": {
			zone: berlin, at: "02:00", settled: "2026-05-11", now: "2026-05-18T03:00:00+02:00",
			day: "2026-05-18", due: "2026-05-18T02:00:00+02:00", next: "2026-05-19T02:00:00+02:00",
		},
		"switched on after today's time": {
			zone: berlin, at: "02:00", since: "2026-05-18T02:00:01+02:00", now: "2026-05-18T03:00:00+02:00",
			next: "2026-05-19T02:00:00+02:00",
		},
		"switched on the moment it would be due": {
			zone: berlin, at: "02:00", since: "2026-05-18T02:00:00+02:00", now: "2026-05-18T02:00:00+02:00",
			next: "2026-05-19T02:00:00+02:00",
		},
		"switched on before today's time": {
			zone: berlin, at: "02:00", since: "2026-05-18T01:59:59+02:00", now: "2026-05-18T02:00:00+02:00",
			day: "2026-05-18", due: "2026-05-18T02:00:00+02:00", next: "2026-05-19T02:00:00+02:00",
		},
		"moved to a later time before the earlier one": {
			zone: berlin, at: "16:00", since: "2026-05-18T13:00:00+02:00", settled: "2026-05-17", now: "2026-05-18T16:00:00+02:00",
			day: "2026-05-18", due: "2026-05-18T16:00:00+02:00", next: "2026-05-19T16:00:00+02:00",
		},
		"a clock behind the one that switched it on": {
			zone: berlin, at: "02:00", since: "2026-05-18T02:00:01+02:00", now: "2026-05-18T01:59:59+02:00",
			next: "2026-05-19T02:00:00+02:00",
		},
		"Berlin skips the time, before the gap": {
			zone: berlin, at: "02:30", settled: "2026-03-28", now: "2026-03-29T01:59:59+01:00",
			next: "2026-03-29T03:00:00+02:00",
		},
		"Berlin skips the time, after the gap": {
			zone: berlin, at: "02:30", settled: "2026-03-28", now: "2026-03-29T03:00:00+02:00",
			day: "2026-03-29", due: "2026-03-29T03:00:00+02:00", next: "2026-03-30T02:30:00+02:00",
		},
		"Berlin repeats the time, at the first": {
			zone: berlin, at: "02:30", settled: "2026-10-24", now: "2026-10-25T02:30:00+02:00",
			day: "2026-10-25", due: "2026-10-25T02:30:00+02:00", next: "2026-10-26T02:30:00+01:00",
		},
		"Berlin repeats the time, at the second": {
			zone: berlin, at: "02:30", settled: "2026-10-25", now: "2026-10-25T02:30:00+01:00",
			next: "2026-10-26T02:30:00+01:00",
		},
		"New York skips the time": {
			zone: newYork, at: "02:15", settled: "2026-03-07", now: "2026-03-08T03:00:00-04:00",
			day: "2026-03-08", due: "2026-03-08T03:00:00-04:00", next: "2026-03-09T02:15:00-04:00",
		},
		"New York repeats the time, started between the two": {
			zone: newYork, at: "01:30", settled: "2026-10-31", now: "2026-11-01T01:10:00-05:00",
			day: "2026-11-01", due: "2026-11-01T01:30:00-04:00", next: "2026-11-02T01:30:00-05:00",
		},
		"New York repeats the time, switched on between the two": {
			zone: newYork, at: "01:30", since: "2026-11-01T01:10:00-05:00", now: "2026-11-01T01:30:00-05:00",
			next: "2026-11-02T01:30:00-05:00",
		},
		"Lord Howe skips half an hour": {
			zone: lordHowe, at: "02:15", settled: "2026-10-03", now: "2026-10-04T02:30:00+11:00",
			day: "2026-10-04", due: "2026-10-04T02:30:00+11:00", next: "2026-10-05T02:15:00+11:00",
		},
		"Lord Howe repeats half an hour": {
			zone: lordHowe, at: "01:45", settled: "2026-04-04", now: "2026-04-05T01:45:00+11:00",
			day: "2026-04-05", due: "2026-04-05T01:45:00+11:00", next: "2026-04-06T01:45:00+10:30",
		},
		"Apia, a day ahead of UTC": {
			zone: apia, at: "00:30", settled: "2026-05-17", now: "2026-05-17T11:30:00Z",
			day: "2026-05-18", due: "2026-05-18T00:30:00+13:00", next: "2026-05-19T00:30:00+13:00",
		},
		"Apia never had the day between": {
			zone: apia, at: "02:00", settled: "2011-12-29", now: "2011-12-31T02:00:00+14:00",
			day: "2011-12-31", due: "2011-12-31T02:00:00+14:00", next: "2012-01-01T02:00:00+14:00",
		},
		"Apia after the day that never was, before the time": {
			zone: apia, at: "02:00", settled: "2011-12-29", now: "2011-12-31T01:00:00+14:00",
			next: "2011-12-31T02:00:00+14:00",
		},
		"Kathmandu is a quarter of an hour off": {
			zone: kathmandu, at: "06:15", settled: "2026-05-17", now: "2026-05-18T00:30:00Z",
			day: "2026-05-18", due: "2026-05-18T06:15:00+05:45", next: "2026-05-19T06:15:00+05:45",
		},
		"St. John's set its clocks back over midnight, which had been due": {
			zone: "America/St_Johns", at: "00:00", settled: "2010-11-06", now: "2010-11-06T23:30:00-03:30",
			day: "2010-11-07", due: "2010-11-07T00:00:00-02:30", next: "2010-11-08T00:00:00-03:30",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := Plan{Zone: location(t, c.zone), At: timeOfDay(t, c.at)}
			if c.since != "" {
				plan.Since = instant(t, c.since)
			}
			if c.settled != "" {
				plan.Settled = civil.MustParseDate(c.settled)
			}
			now := instant(t, c.now)
			due, wanted := plan.Current(now)
			if wanted != (c.day != "") {
				t.Fatalf("Current(%s): %v at %s, due %t; want due %t", c.now, due.Day, due.Due, wanted, c.day != "")
			}
			if wanted && (due.Day.String() != c.day || !due.Due.Equal(instant(t, c.due)) || due.Missed(now) != c.missed) {
				t.Errorf("Current(%s): %s at %s, missed %t; want %s at %s, missed %t", c.now, due.Day, due.Due, due.Missed(now), c.day, c.due, c.missed)
			}
			if next := plan.Next(now); !next.Due.Equal(instant(t, c.next)) {
				t.Errorf("Next(%s): %s at %s, want it at %s", c.now, next.Day, next.Due, c.next)
			}
		})
	}
}

// dueByLooking finds the run of a day without arithmetic: the first minute at which a clock in zone shows the time of
// day, or a later one. It is false for a day that no clock shows.
func dueByLooking(day civil.Date, zone *time.Location, at account.TimeOfDay) (due time.Time, exists bool) {
	wanted := day.Midnight().Add(time.Duration(at.Hour)*time.Hour + time.Duration(at.Minute)*time.Minute)
	for t := day.Midnight().Add(-16 * time.Hour); t.Before(day.Midnight().Add(40 * time.Hour)); t = t.Add(time.Minute) {
		local := t.In(zone)
		exists = exists || civil.DateOf(local) == day
		_, offset := local.Zone()
		if due.IsZero() && !t.Add(time.Duration(offset)*time.Second).Before(wanted) {
			due = t
		}
	}
	return due, exists
}

// TestAnySequenceOfLooksSettlesEachDayOnce has replicas look whenever they like, some of them at settings they read
// before the last look. A day is to be settled by the first look between its time and the next day's.
func TestAnySequenceOfLooksSettlesEachDayOnce(t *testing.T) {
	t.Parallel()
	zones := []string{
		"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "Asia/Beirut", "America/St_Johns",
	}
	// Each is about a day before clocks are changed somewhere.
	starts := []string{
		"2026-03-28T00:00:00Z", "2026-10-24T00:00:00Z", "2026-03-07T06:00:00Z", "2026-10-31T06:00:00Z", "2026-04-03T15:00:00Z",
		"2026-10-02T15:00:00Z", "2011-12-28T12:00:00Z", "2010-11-05T12:00:00Z", "2026-12-30T00:00:00Z", "2028-02-28T00:00:00Z",
	}
	rapid.Check(t, func(r *rapid.T) {
		zone := location(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		at := account.TimeOfDay{Hour: rapid.SampledFrom([]int{0, 1, 2, 3, 12, 23}).Draw(r, "hour"), Minute: rapid.IntRange(0, 59).Draw(r, "minute")}
		start := instant(t, rapid.SampledFrom(starts).Draw(r, "start"))
		since := start.Add(time.Duration(rapid.IntRange(0, 36*60).Draw(r, "switched on after minutes")) * time.Minute)
		plan := Plan{Zone: zone, At: at, Since: since}

		settled := map[civil.Date]string{}
		earlier := plan
		now := start
		var looks []time.Time
		for range rapid.IntRange(1, 25).Draw(r, "looks") {
			pause := rapid.OneOf(rapid.IntRange(0, 90), rapid.IntRange(0, 40*60)).Draw(r, "minutes later")
			now = now.Add(time.Duration(pause) * time.Minute)
			if now.Before(since) {
				continue
			}
			looks = append(looks, now)
			read := plan
			for _, replica := range []Plan{read, earlier, read} {
				due, wanted := replica.Current(now)
				if !wanted || settled[due.Day] != "" { // the table refuses a day that is there
					continue
				}
				settled[due.Day] = "run"
				if due.Missed(now) {
					settled[due.Day] = "missed"
				}
				if due.Day.After(plan.Settled) {
					plan.Settled = due.Day
				}
			}
			earlier = read
			if next := plan.Next(now); !next.Due.After(now) || !next.Due.After(since) || settled[next.Day] != "" {
				r.Fatalf("after a look at %s the next run is said to be that of %s, at %s", now, next.Day, next.Due)
			}
		}

		if diff := cmp.Diff(settledByLooking(looks, zone, at, since), settled); diff != "" {
			r.Fatalf("days settled in %s at %s, switched on %s, by looks at %v (-want +got):\n%s", zone, at, since, looks, diff)
		}
	})
}

// settledByLooking says what is to become of every day.
func settledByLooking(looks []time.Time, zone *time.Location, at account.TimeOfDay, since time.Time) map[civil.Date]string {
	settled := map[civil.Date]string{}
	if len(looks) == 0 {
		return settled
	}
	type occurrence struct {
		day civil.Date
		due time.Time
	}
	var all []occurrence
	last := civil.DateOf(looks[len(looks)-1].In(zone)).AddDays(2)
	for day := civil.DateOf(since.In(zone)).AddDays(-1); !day.After(last); day = day.AddDays(1) {
		if due, exists := dueByLooking(day, zone, at); exists {
			all = append(all, occurrence{day, due})
		}
	}
	for i, o := range all[:len(all)-1] {
		for _, look := range looks {
			if look.Before(o.due) || !look.Before(all[i+1].due) || !o.due.After(since) {
				continue
			}
			settled[o.day] = "run"
			if look.After(o.due.Add(12 * time.Hour)) {
				settled[o.day] = "missed"
			}
			break
		}
	}
	return settled
}
