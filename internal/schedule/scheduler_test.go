package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/account"
	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
)

func TestADailySyncBeginsAtItsTimeEveryDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-10-24T12:00:00+02:00")
	seller := w.newSeller("Europe/Berlin", "02:30")
	s := w.replica()
	for _, step := range []struct {
		now, next string
		runs      int
	}{
		{"2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00", 0},
		{"2026-10-25T02:29:59+02:00", "2026-10-25T02:30:00+02:00", 0},
		{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00", 1},
		{"2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00", 1}, // the clocks were set back
		{"2026-10-26T02:30:00+01:00", "2026-10-27T02:30:00+01:00", 2},
		{"2026-10-29T09:00:00+01:00", "2026-10-30T02:30:00+01:00", 3}, // two days were missed
	} {
		w.setClock(step.now)
		for range 2 {
			if next := s.look(t.Context()); !next.Equal(instant(t, step.next)) {
				t.Errorf("at %s the next run is expected at %s, want %s", step.now, next, step.next)
			}
		}
		w.wantRuns("at "+step.now, seller, step.runs)
	}
	w.wantSettled("at the end", seller, "2026-10-25", "2026-10-26", "2026-10-29")
	w.wantLog("at the end", seller)
}

func TestOfSeveralReplicasOneBeginsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-17T20:00:00Z")
	sellers := []postgres.SellerID{
		w.newSeller("Europe/Berlin", "12:00"), w.newSeller("America/New_York", "12:00"), w.newSeller("Asia/Kathmandu", "20:00"),
		w.newSeller("Australia/Lord_Howe", "02:00"), w.newSeller("Pacific/Apia", "02:00"),
	}
	replicas := []*Scheduler{w.replica(), w.replica()}
	for day := range 3 {
		w.setClock(fmt.Sprintf("2026-05-%dT18:00:00Z", 18+day)) // every time has come, within the grace
		var looking sync.WaitGroup
		for _, s := range replicas {
			looking.Go(func() { s.look(t.Context()) })
		}
		looking.Wait()
		for _, seller := range sellers {
			w.wantRuns(fmt.Sprintf("on day %d", day+1), seller, day+1)
			w.wantLog(fmt.Sprintf("on day %d", day+1), seller)
		}
	}
}

func TestSchedulersThatRunSettleADayOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-17T20:00:00Z")
	seller := w.newSeller("Asia/Kathmandu", "06:15")
	replicas := []*Scheduler{w.replica(), w.replica()}
	for _, s := range replicas {
		for range 2 {
			if err := s.Start(t.Context()); err != nil {
				t.Fatalf("Start: %v", err)
			}
		}
	}
	for day := range 2 {
		w.setClock(fmt.Sprintf("2026-05-%dT00:30:00Z", 18+day))
		w.await("the run of the day", func() bool {
			return len(w.texts(`SELECT '' FROM job WHERE seller_id = $1`, seller)) > day
		})
		w.wantRuns("after its time", seller, day+1)
	}
	for _, s := range replicas {
		w.stop(s)
	}
	w.wantRuns("at the end", seller, 2)
	w.wantSettled("at the end", seller, "2026-05-18", "2026-05-19")
	w.wantLog("at the end", seller)
}

func TestASchedulerWakesWhenARunIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-18T01:00:00+02:00")
	seller := w.newSeller("Europe/Berlin", "02:00")
	s := w.replica()
	// A clock that goes, a second before the time.
	started := time.Now()
	s.options.Clock = func() time.Time {
		return instant(t, "2026-05-18T01:59:59+02:00").Add(time.Since(started))
	}
	s.options.Poll = 24 * time.Hour
	if err := s.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	w.await("the run", func() bool { return len(w.texts(`SELECT '' FROM job WHERE seller_id = $1`, seller)) > 0 })
	w.stop(s)
	w.wantRuns("at its time", seller, 1)
}

func TestADailySyncThatIsSwitchedOnWaitsForItsNextTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-18T03:00:00+02:00")
	seller := w.newSeller("Europe/Berlin", "02:00")
	s := w.replica()
	s.look(t.Context())
	w.wantRuns("on the day it was switched on", seller, 0)
	w.setClock("2026-05-19T02:00:00+02:00")
	s.look(t.Context())
	w.wantRuns("on the day after", seller, 1)
	later := "16:00"
	w.change(seller, account.SettingsChange{DailySync: &account.DailySyncChange{Enabled: true, TimeOfDay: &later}})
	w.setClock("2026-05-19T16:00:00+02:00")
	s.look(t.Context())
	w.wantRuns("at another time of a day that had its run", seller, 1)
	w.change(seller, account.SettingsChange{DailySync: &account.DailySyncChange{}})
	w.setClock("2026-05-20T16:00:00+02:00")
	if next := s.look(t.Context()); !next.IsZero() {
		t.Errorf("with all daily syncs off the next run is expected at %s, want none", next)
	}
	w.wantRuns("switched off", seller, 1)
}

func TestNothingBeginsAfterItWasSwitchedOff(t *testing.T) {
	t.Parallel()
	early, late := "02:00", "03:00"
	for name, change := range map[string][]account.DailySyncChange{
		"switched off":              {{Enabled: false}},
		"moved":                     {{Enabled: true, TimeOfDay: &late}},
		"switched off and on again": {{Enabled: false}, {Enabled: true, TimeOfDay: &early}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "2026-05-18T01:00:00+02:00")
			seller := w.newSeller("Europe/Berlin", early)
			s := w.replica()
			w.setClock("2026-05-18T02:00:01+02:00")
			read, err := s.planned(t.Context())
			if err != nil || len(read) != 1 {
				t.Fatalf("planned: %v, %v; want one seller", read, err)
			}
			for _, daily := range change {
				w.change(seller, account.SettingsChange{DailySync: &daily})
			}
			due := Occurrence{Day: civil.MustParseDate("2026-05-18"), Due: instant(t, "2026-05-18T02:00:00+02:00")}
			if err := s.settle(t.Context(), read[0], due, w.clock()); err != nil {
				t.Errorf("settle: %v", err)
			}
			w.wantRuns(name, seller, 0)
			w.wantSettled(name, seller)
		})
	}
}

func TestAnIncompleteSetUpIsNamedInTheLogOnceADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-17T12:00:00+02:00")
	seller := w.newBareSeller("Europe/Berlin", "02:00")
	s := w.replica()
	w.setClock("2026-05-18T02:00:00+02:00")
	s.look(t.Context())
	s.look(t.Context())
	w.change(seller, account.SettingsChange{AgreementType: &account.AgreementType{RecordID: 1, Name: "Managed"}})
	w.setClock("2026-05-19T02:00:00+02:00")
	s.look(t.Context())
	w.wantRuns("without credentials", seller, 0)
	w.wantSettled("without credentials", seller, "2026-05-18", "2026-05-19")
	warning := "WARNING AUTO_SYNC_NOT_READY: Automated Daily Sync did not start because the set-up is not complete"
	w.wantLog("without credentials", seller, warning, warning)
	details := w.texts(`SELECT details FROM log_entry WHERE seller_id = $1 ORDER BY id`, seller)
	want := []string{
		"Finish the set-up in Settings: save the ConnectWise credentials and choose an Agreement Type. Until then nothing is synced.",
		"Finish the set-up in Settings: save the ConnectWise credentials. Until then nothing is synced.",
	}
	if diff := cmp.Diff(want, details); diff != "" {
		t.Errorf("what the log says of it (-want +got):\n%s", diff)
	}
}

func TestARunUnderWayCountsAsTheDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-17T12:00:00+02:00")
	seller := w.newSeller("Europe/Berlin", "02:00")
	err := w.db.Seller(seller).Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return enqueue(ctx, tx, seller, "anna")
	})
	if err != nil {
		t.Fatalf("enqueue: %v", err)
	}
	s := w.replica()
	w.setClock("2026-05-18T02:00:00+02:00")
	s.look(t.Context())
	w.execute(`DELETE FROM job`)
	s.look(t.Context())
	w.wantRuns("after anna's", seller, 0)
	w.wantSettled("after anna's", seller, "2026-05-18")
	w.wantLog("after anna's", seller, "INFO AUTO_SYNC_UNNEEDED: Automated Daily Sync left it to a sync that was under way")
}

func TestADayThatWasMissedIsLoggedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-10T12:00:00+02:00")
	seller := w.newSeller("Europe/Berlin", "02:00")
	s := w.replica()
	w.setClock("2026-05-18T14:00:01+02:00")
	s.look(t.Context())
	s.look(t.Context())
	w.wantRuns("12 hours late", seller, 0)
	w.wantSettled("12 hours late", seller, "2026-05-18")
	w.wantLog("12 hours late", seller, "WARNING AUTO_SYNC_MISSED: Automated Daily Sync of 2026-05-18 did not take place")
}

func TestARunThatCannotBeAskedForIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-17T12:00:00+02:00")
	unlucky, lost, lucky := w.newSeller("Europe/Berlin", "02:00"), w.newSeller("Europe/Berlin", "02:00"), w.newSeller("Europe/Berlin", "02:00")
	w.execute(`UPDATE seller SET time_zone = 'Atlantis/Capital' WHERE id = $1`, lost)
	s := w.replica()
	failing := true
	s.enqueue = func(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, requestedBy string) error {
		if seller == unlucky && failing {
			return errors.New("out of luck")
		}
		return enqueue(ctx, tx, seller, requestedBy)
	}
	w.setClock("2026-05-18T02:00:00+02:00")
	if next := s.look(t.Context()); !next.Equal(instant(t, "2026-05-19T02:00:00+02:00")) {
		t.Errorf("the next run is expected at %s, want tomorrow's: what fails waits for the next look", next)
	}
	w.wantRuns("at the first look", lucky, 1)
	w.wantRuns("at the first look", unlucky, 0)
	w.wantSettled("at the first look", unlucky)
	failing = false
	s.look(t.Context())
	w.wantRuns("at the second look", unlucky, 1)
	w.wantRuns("at the second look", lucky, 1)
	w.wantRuns("in a zone that does not exist", lost, 0)
}

func TestSettledDaysAreForgottenAfterSixtyDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-07-17T02:00:00+02:00")
	seller := w.newSeller("Europe/Berlin", "02:00")
	w.execute(`INSERT INTO daily_run (seller_id, day) SELECT $1, '2026-05-18'::date - n FROM generate_series(0, 99) AS n`, seller)
	s := w.replica()
	if err := s.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	w.await("old days to be forgotten", func() bool {
		return len(w.texts(`SELECT '' FROM daily_run WHERE seller_id = $1`, seller)) < 100
	})
	w.stop(s)
	w.wantSettled("60 days after the last", seller, "2026-05-18")
}

func TestLookingForDailySyncsReadsOnlyThoseThatAreOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-05-17T12:00:00+02:00")
	w.execute(`
		INSERT INTO seller (name, time_zone, platform_url, platform_key_sealed, platform_token_sealed)
		SELECT 'Seller ' || n, 'UTC', 'https://platform.example.com', '', ''
		FROM generate_series(1, 3000) AS n;
		INSERT INTO seller_settings (seller_id, daily_sync_enabled)
		SELECT id, id % 500 = 0
		FROM seller;
		INSERT INTO daily_run (seller_id, day)
		SELECT id, '2026-05-17'::date - n
		FROM seller, generate_series(1, 10) AS n`)
	if owner, err := postgres.OpenAsOwner(t.Context(), w.address, postgres.Options{MaxConnections: 1}); err != nil {
		t.Fatalf("OpenAsOwner: %v", err)
	} else {
		defer owner.Close()
		if _, err := owner.Pool().ExecContext(t.Context(), `ANALYZE seller, seller_settings, daily_run`); err != nil {
			t.Fatalf("analyze: %v", err)
		}
	}
	if plan := strings.Join(w.texts(`EXPLAIN `+plannedStatement), "\n"); strings.Contains(plan, "Seq Scan") {
		t.Errorf("looking for daily syncs reads whole tables, want indexes only:\n%s", plan)
	}
}
