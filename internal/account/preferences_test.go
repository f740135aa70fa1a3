package account_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/account"
	"crosswalk/internal/postgres"
)

func (h house) settings(t *testing.T, seller postgres.SellerID) (settings account.Settings) {
	t.Helper()
	h.read(t, seller, func(ctx context.Context, tx *postgres.Tx) (err error) {
		settings, err = h.Settings(ctx, tx, seller)
		return err
	})
	return settings
}

func (h house) updateSettings(t *testing.T, seller postgres.SellerID, change account.SettingsChange) (update account.SettingsUpdate, err error) {
	t.Helper()
	err = h.write(t, seller, func(ctx context.Context, tx *postgres.Tx) (err error) {
		update, err = h.UpdateSettings(ctx, tx, seller, change)
		return err
	})
	return update, err
}

func (h house) mustUpdateSettings(t *testing.T, seller postgres.SellerID, change account.SettingsChange) account.SettingsUpdate {
	t.Helper()
	update, err := h.updateSettings(t, seller, change)
	if err != nil {
		t.Fatalf("UpdateSettings(%+v): %v", change, err)
	}
	return update
}

func factorySettings() account.Settings {
	return account.Settings{
		ChargeStart: account.ChargeDateRule{Kind: account.NoRule},
		ChargeEnd:   account.ChargeDateRule{Kind: account.NoRule},
		DailySync:   account.DailySync{At: account.TimeOfDay{Hour: 2}},
	}
}

func TestSettingsAreChangedOneByOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	want := factorySettings()
	if diff := cmp.Diff(want, h.settings(t, seller)); diff != "" {
		t.Fatalf("Settings of a new seller (-want +got):\n%s", diff)
	}
	half := "12:30"
	for _, step := range []struct {
		change account.SettingsChange
		effect func(*account.Settings)
	}{
		{account.SettingsChange{}, func(*account.Settings) {}},
		{
			account.SettingsChange{ChargeStart: &account.ChargeDateRule{Kind: account.FixedDay, Day: 15}},
			func(s *account.Settings) { s.ChargeStart = account.ChargeDateRule{Kind: account.FixedDay, Day: 15} },
		},
		{
			account.SettingsChange{ChargeEnd: &account.ChargeDateRule{Kind: account.NoDate}},
			func(s *account.Settings) { s.ChargeEnd.Kind = account.NoDate },
		},
		{
			account.SettingsChange{AgreementType: &account.AgreementType{RecordID: 9, Name: "Cloud – gemischt"}},
			func(s *account.Settings) {
				s.AgreementType = &account.AgreementType{RecordID: 9, Name: "Cloud – gemischt"}
			},
		},
		{
			account.SettingsChange{DailySync: &account.DailySyncChange{Enabled: true, TimeOfDay: &half}},
			func(s *account.Settings) {
				s.DailySync = account.DailySync{Enabled: true, At: account.TimeOfDay{Hour: 12, Minute: 30}}
			},
		},
		{
			account.SettingsChange{DailySync: &account.DailySyncChange{}},
			func(s *account.Settings) { s.DailySync.Enabled = false },
		},
		{
			account.SettingsChange{ChargeStart: &account.ChargeDateRule{Kind: account.AsInvoiced}},
			func(s *account.Settings) { s.ChargeStart = account.ChargeDateRule{Kind: account.AsInvoiced} },
		},
	} {
		before := want
		step.effect(&want)
		update := h.mustUpdateSettings(t, seller, step.change)
		if diff := cmp.Diff(account.SettingsUpdate{Before: before, After: want}, update); diff != "" {
			t.Errorf("UpdateSettings(%+v) (-want +got):\n%s", step.change, diff)
		}
		if diff := cmp.Diff(want, h.settings(t, seller)); diff != "" {
			t.Errorf("Settings after UpdateSettings(%+v) (-want +got):\n%s", step.change, diff)
		}
	}
}

func TestEveryRuleCanBeStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	for _, kind := range []account.ChargeDateRuleKind{
		account.NoRule, account.AsInvoiced, account.FirstDayOfMonth, account.LastDayOfMonth,
		account.FirstDayOfNextMonth, account.InvoiceDate, account.FixedDay, account.NoDate,
	} {
		rule := account.ChargeDateRule{Kind: kind}
		if kind == account.FixedDay {
			rule.Day = 31
		}
		h.mustUpdateSettings(t, seller, account.SettingsChange{ChargeEnd: &rule})
		if got := h.settings(t, seller).ChargeEnd; got != rule {
			t.Errorf("charge end rule: want %+v, got %+v", rule, got)
		}
	}
}

func TestBadSettingsChangeNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	_, err := h.updateSettings(t, seller, account.SettingsChange{
		ChargeStart: &account.ChargeDateRule{Kind: account.FirstDayOfMonth},
		ChargeEnd:   &account.ChargeDateRule{Kind: account.FixedDay, Day: 40},
	})
	if got, want := fieldsOf(err), []string{"chargeEndDateRule.day"}; !slices.Equal(got, want) {
		t.Errorf("UpdateSettings: want problems with %v, got %v", want, err)
	}
	if diff := cmp.Diff(factorySettings(), h.settings(t, seller)); diff != "" {
		t.Errorf("Settings after a refusal (-want +got):\n%s", diff)
	}
	if _, err := h.updateSettings(t, 4711, account.SettingsChange{}); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("UpdateSettings of an unknown seller: want ErrNotFound, got %v", err)
	}
}

func TestSettingDifferentThingsAtOnceKeepsBoth(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	changes := []account.SettingsChange{
		{ChargeStart: &account.ChargeDateRule{Kind: account.FirstDayOfMonth}},
		{ChargeEnd: &account.ChargeDateRule{Kind: account.LastDayOfMonth}},
		{AgreementType: &account.AgreementType{RecordID: 1, Name: "Managed"}},
		{DailySync: &account.DailySyncChange{Enabled: true}},
	}
	var group sync.WaitGroup
	for _, change := range changes {
		group.Go(func() {
			if _, err := h.updateSettings(t, seller, change); err != nil {
				t.Errorf("UpdateSettings(%+v): %v", change, err)
			}
		})
	}
	group.Wait()
	want := factorySettings()
	want.ChargeStart.Kind, want.ChargeEnd.Kind = account.FirstDayOfMonth, account.LastDayOfMonth
	want.AgreementType, want.DailySync.Enabled = &account.AgreementType{RecordID: 1, Name: "Managed"}, true
	if diff := cmp.Diff(want, h.settings(t, seller)); diff != "" {
		t.Errorf("Settings after four changes at once (-want +got):\n%s", diff)
	}
}

func TestMissingSetup(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	wantMissing := func(want ...account.SetupStep) {
		t.Helper()
		h.read(t, seller, func(ctx context.Context, tx *postgres.Tx) error {
			got, err := h.MissingSetup(ctx, tx, seller)
			if !slices.Equal(got, want) {
				t.Errorf("MissingSetup: want %v, got %v and %v", want, got, err)
			}
			return err
		})
	}
	wantMissing(account.SetupCredentials, account.SetupAgreementType)
	h.mustUpdateSettings(t, seller, account.SettingsChange{ChargeEnd: &account.ChargeDateRule{Kind: account.NoDate}})
	wantMissing(account.SetupCredentials, account.SetupAgreementType)
	h.mustSaveConnection(t, seller, goodConnection())
	wantMissing(account.SetupAgreementType)
	h.mustUpdateSettings(t, seller, account.SettingsChange{AgreementType: &account.AgreementType{RecordID: 1, Name: "Managed"}})
	wantMissing()
}

func TestTheDailySyncIsRememberedSinceWhenItIsAsItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	seller := h.mustCreateSeller(t).ID
	early, late := "02:00", "23:30"
	var want time.Time
	for _, step := range []struct {
		name   string
		change account.SettingsChange
		counts bool
	}{
		{"switched on, as the first of all settings", account.SettingsChange{DailySync: &account.DailySyncChange{Enabled: true}}, true},
		{"on as before", account.SettingsChange{DailySync: &account.DailySyncChange{Enabled: true, TimeOfDay: &early}}, false},
		{"something else", account.SettingsChange{ChargeEnd: &account.ChargeDateRule{Kind: account.NoDate}}, false},
		{"at another time", account.SettingsChange{DailySync: &account.DailySyncChange{Enabled: true, TimeOfDay: &late}}, true},
		{"switched off", account.SettingsChange{DailySync: &account.DailySyncChange{}}, true},
		{"switched on again", account.SettingsChange{DailySync: &account.DailySyncChange{Enabled: true}}, true},
	} {
		h.clock.Advance(time.Hour)
		if step.counts {
			want = h.clock.Now()
		}
		h.mustUpdateSettings(t, seller, step.change)
		h.read(t, seller, func(ctx context.Context, tx *postgres.Tx) error {
			var since time.Time
			err := tx.GetContext(ctx, &since, `SELECT daily_sync_since FROM seller_settings WHERE seller_id = $1`, seller)
			if !since.Equal(want) {
				t.Errorf("%s: the daily sync is as it is since %s, want %s", step.name, since, want)
			}
			return err
		})
	}
}
