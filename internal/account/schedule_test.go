package account

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"crosswalk/internal/civil"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("time.LoadLocation(%q): %v", name, err)
	}
	return z
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatalf("%q is no instant: %v", text, err)
	}
	return at
}

// nextDailyRun is the first daily run after now.
func nextDailyRun(now time.Time, zone *time.Location, at TimeOfDay) time.Time {
	for day := civil.DateOf(now.In(zone)); ; day = day.AddDays(1) {
		if run, exists := DailyRun(day, zone, at); exists && run.After(now) {
			return run
		}
	}
}

func TestDailyRun_TheNextOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ zone, at, now, want string }{
		"later today":                         {"Europe/Vienna", "02:00", "2026-05-18T01:59:59+02:00", "2026-05-18T02:00:00+02:00"},
		"this very minute is tomorrow's":      {"Europe/Vienna", "02:00", "2026-05-18T02:00:00+02:00", "2026-05-19T02:00:00+02:00"},
		"just after":                          {"Europe/Vienna", "02:00", "2026-05-18T02:00:01+02:00", "2026-05-19T02:00:00+02:00"},
		"over the end of a year":              {"UTC", "00:00", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"},
		"over a leap day":                     {"UTC", "23:59", "2028-02-28T23:59:30Z", "2028-02-29T23:59:00Z"},
		"now given in another zone":           {"Asia/Tokyo", "02:00", "2026-05-18T16:59:00Z", "2026-05-19T02:00:00+09:00"},
		"a zone far ahead of UTC":             {"Pacific/Kiritimati", "00:30", "2026-05-18T10:00:00Z", "2026-05-19T00:30:00+14:00"},
		"a quarter-hour zone":                 {"Asia/Kathmandu", "06:15", "2026-05-18T00:29:59Z", "2026-05-18T06:15:00+05:45"},
		"skipped hour, Vienna":                {"Europe/Vienna", "02:30", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		"first skipped minute, Vienna":        {"Europe/Vienna", "02:00", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		"after the skipped hour":              {"Europe/Vienna", "02:30", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		"just past the gap":                   {"Europe/Vienna", "03:00", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		"repeated hour, the first":            {"Europe/Vienna", "02:30", "2026-10-25T00:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		"between the two, not again":          {"Europe/Vienna", "02:30", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		"in the second, not again":            {"Europe/Vienna", "02:30", "2026-10-25T02:10:00+01:00", "2026-10-26T02:30:00+01:00"},
		"start of the repeated hour":          {"Europe/Vienna", "02:00", "2026-10-25T00:00:00+02:00", "2026-10-25T02:00:00+02:00"},
		"end of the repeated hour":            {"Europe/Vienna", "03:00", "2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00"},
		"skipped hour, New York":              {"America/New_York", "02:15", "2026-03-08T01:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		"repeated hour, New York":             {"America/New_York", "01:30", "2026-11-01T00:00:00-04:00", "2026-11-01T01:30:00-04:00"},
		"repeated hour, New York, not again":  {"America/New_York", "01:30", "2026-11-01T01:45:00-04:00", "2026-11-02T01:30:00-05:00"},
		"half-hour gap, Lord Howe":            {"Australia/Lord_Howe", "02:15", "2026-10-04T00:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		"half-hour overlap, Lord Howe":        {"Australia/Lord_Howe", "01:45", "2026-04-05T00:00:00+11:00", "2026-04-05T01:45:00+11:00"},
		"midnight skipped, Beirut":            {"Asia/Beirut", "00:00", "2026-03-28T12:00:00+02:00", "2026-03-29T01:00:00+03:00"},
		"last hour of a day repeated, Beirut": {"Asia/Beirut", "23:30", "2026-10-24T12:00:00+03:00", "2026-10-24T23:30:00+03:00"},
		"in that hour's second, Beirut":       {"Asia/Beirut", "23:30", "2026-10-24T23:15:00+02:00", "2026-10-25T23:30:00+02:00"},
		"a day that never was, Samoa":         {"Pacific/Apia", "02:00", "2011-12-29T12:00:00-10:00", "2011-12-31T02:00:00+14:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := ParseTimeOfDay(c.at)
			if err != nil {
				t.Fatal(err)
			}
			got := nextDailyRun(instant(t, c.now), zone(t, c.zone), at)
			if !got.Equal(instant(t, c.want)) {
				t.Errorf("nextDailyRun(%s, %s, %s): want %s, got %s", c.now, c.zone, c.at, c.want, got.Format(time.RFC3339))
			}
		})
	}
}

func TestDailyRunsComeOnceADay(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Nuuk", "Africa/Casablanca", "Asia/Kolkata"}
	rapid.Check(t, func(r *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		at := TimeOfDay{rapid.IntRange(0, 23).Draw(r, "hour"), rapid.IntRange(0, 59).Draw(r, "minute")}
		from := time.Unix(rapid.Int64Range(1_600_000_000, 2_000_000_000).Draw(r, "from"), 0)
		run := nextDailyRun(from, z, at)
		if !run.After(from) || run.Sub(from) > 26*time.Hour {
			r.Fatalf("the run after %s in %s at %s is %s", from.UTC(), z, at, run)
		}
		next := nextDailyRun(run, z, at)
		if gap := next.Sub(run); gap < 22*time.Hour || gap > 26*time.Hour {
			r.Fatalf("runs at %s and %s in %s at %s are %s apart", run, next, z, at, gap)
		}
	})
}

func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"00:00", "02:00", "09:59", "23:59"} {
		if at, err := ParseTimeOfDay(good); err != nil || at.String() != good {
			t.Errorf("ParseTimeOfDay(%q): want it back, got %q and %v", good, at, err)
		}
	}
	for _, bad := range []string{"", "2:00", "24:00", "12:60", "12:5", "12:05:00", "-1:00", "2am", "１２:00", " 02:00"} {
		if at, err := ParseTimeOfDay(bad); err == nil {
			t.Errorf("ParseTimeOfDay(%q): want an error, got %s", bad, at)
		}
	}
}
