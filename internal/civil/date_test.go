package civil

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDate_AddMonths(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		today  string
		months int
		want   string
	}{
		{"2026-05-18", -3, "2026-02-18"},
		{"2026-05-31", -3, "2026-02-28"},
		{"2026-03-31", -1, "2026-02-28"},
		{"2028-02-29", -12, "2027-02-28"},
		{"2026-01-01", -1, "2025-12-01"},
		{"2027-11-30", 3, "2028-02-29"},
		{"2026-05-18", 0, "2026-05-18"},
	} {
		if got := MustParseDate(tt.today).AddMonths(tt.months).String(); got != tt.want {
			t.Errorf("%s.AddMonths(%d) = %s, want %s", tt.today, tt.months, got, tt.want)
		}
	}
}

func TestParseDate_RefusesWhatIsNotADay(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2026-02-30", "2026-2-3", "18.05.2026", "2026-05-18T00:00:00Z", "0000-01-01", "-001-01-01"} {
		if d, err := ParseDate(s); err == nil {
			t.Errorf("ParseDate(%q) = %s, want an error", s, d)
		}
	}
}

func TestYearMonth_LastDay(t *testing.T) {
	t.Parallel()
	for month, want := range map[string]string{"2026-02": "2026-02-28", "2028-02": "2028-02-29", "2025-12": "2025-12-31"} {
		m, err := ParseYearMonth(month)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.LastDay().String(); got != want {
			t.Errorf("last day of %s = %s, want %s", month, got, want)
		}
	}
}

func TestDate_RoundTripsAndNeverSkipsAMonth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := MustParseDate("2000-01-01").AddDays(rapid.IntRange(0, 20000).Draw(t, "days"))
		months := rapid.IntRange(-240, 240).Draw(t, "months")
		moved := start.AddMonths(months)
		if want := start.YearMonth().Add(months); moved.YearMonth() != want {
			t.Fatalf("%s.AddMonths(%d) lands in %s, want %s", start, months, moved.YearMonth(), want)
		}
		data, err := json.Marshal(moved)
		if err != nil {
			t.Fatal(err)
		}
		var back Date
		if err := json.Unmarshal(data, &back); err != nil || back != moved {
			t.Fatalf("JSON round trip of %s gave %s, %v", moved, back, err)
		}
		var scanned Date
		if err := scanned.Scan(moved.Midnight()); err != nil || scanned != moved {
			t.Fatalf("scan of %s gave %s, %v", moved, scanned, err)
		}
	})
}

func TestDateOf_UsesTheZoneOfItsArgument(t *testing.T) {
	t.Parallel()
	riga, err := time.LoadLocation("Europe/Riga")
	if err != nil {
		t.Fatal(err)
	}
	instant := time.Date(2026, 5, 31, 22, 30, 0, 0, time.UTC)
	if got := DateOf(instant.In(riga)).String(); got != "2026-06-01" {
		t.Errorf("date in Riga = %s, want 2026-06-01", got)
	}
}
