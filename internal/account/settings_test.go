package account

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsChange(t *testing.T) {
	t.Parallel()
	at := func(text string) *string { return &text }
	rule := func(kind ChargeDateRuleKind, day int) *ChargeDateRule { return &ChargeDateRule{Kind: kind, Day: day} }
	for name, c := range map[string]struct {
		change SettingsChange
		// fields are the paths of the problems wanted, in order.
		fields [][]string
		want   func(*Settings)
	}{
		"nothing":                    {},
		"an agreement type":          {change: SettingsChange{AgreementType: &AgreementType{7, "Managed"}}, want: func(s *Settings) { s.AgreementType = &AgreementType{7, "Managed"} }},
		"no agreement type at all":   {change: SettingsChange{AgreementType: &AgreementType{}}, fields: [][]string{{"agreementTypeId"}}},
		"first day of the month":     {change: SettingsChange{ChargeStart: rule(FirstDayOfMonth, 0)}, want: func(s *Settings) { s.ChargeStart.Kind = FirstDayOfMonth }},
		"a fixed day":                {change: SettingsChange{ChargeStart: rule(FixedDay, 31)}, want: func(s *Settings) { s.ChargeStart = ChargeDateRule{FixedDay, 31} }},
		"a fixed day without day":    {change: SettingsChange{ChargeStart: rule(FixedDay, 0)}, fields: [][]string{{"chargeStartDateRule", "day"}}},
		"day 32":                     {change: SettingsChange{ChargeEnd: rule(FixedDay, 32)}, fields: [][]string{{"chargeEndDateRule", "day"}}},
		"a negative day":             {change: SettingsChange{ChargeEnd: rule(FixedDay, -1)}, fields: [][]string{{"chargeEndDateRule", "day"}}},
		"a day where none belongs":   {change: SettingsChange{ChargeEnd: rule(LastDayOfMonth, 5)}, fields: [][]string{{"chargeEndDateRule", "day"}}},
		"a charge that never ends":   {change: SettingsChange{ChargeEnd: rule(NoDate, 0)}, want: func(s *Settings) { s.ChargeEnd.Kind = NoDate }},
		"a charge that never starts": {change: SettingsChange{ChargeStart: rule(NoDate, 0)}, fields: [][]string{{"chargeStartDateRule", "kind"}}},
		"an unknown rule":            {change: SettingsChange{ChargeEnd: rule("SOMETIMES", 0)}, fields: [][]string{{"chargeEndDateRule", "kind"}}},
		"daily sync on":              {change: SettingsChange{DailySync: &DailySyncChange{Enabled: true}}, want: func(s *Settings) { s.DailySync.Enabled = true }},
		"daily sync at another time": {change: SettingsChange{DailySync: &DailySyncChange{Enabled: true, TimeOfDay: at("23:30")}}, want: func(s *Settings) { s.DailySync = DailySync{true, TimeOfDay{23, 30}} }},
		"daily sync at no time":      {change: SettingsChange{DailySync: &DailySyncChange{TimeOfDay: at("25:00")}}, fields: [][]string{{"automatedDailySync", "timeOfDay"}}},
		"everything wrong at once": {
			change: SettingsChange{
				AgreementType: &AgreementType{RecordID: -1, Name: "x"},
				ChargeStart:   rule(NoDate, 3), ChargeEnd: rule("", 0), DailySync: &DailySyncChange{TimeOfDay: at("")},
			},
			fields: [][]string{
				{"agreementTypeId"},
				{"chargeStartDateRule", "kind"},
				{"chargeStartDateRule", "day"},
				{"chargeEndDateRule", "kind"},
				{"automatedDailySync", "timeOfDay"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.change.apply(defaultSettings())
			if diff := cmp.Diff(c.fields, problemFields(t, err)); diff != "" {
				t.Fatalf("fields with problems (-want +got), from %v:\n%s", err, diff)
			}
			if err != nil {
				return
			}
			want := defaultSettings()
			if c.want != nil {
				c.want(&want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings after the change (-want +got):\n%s", diff)
			}
		})
	}
}

// problemFields returns the paths of FieldErrors; nil for no error.
func problemFields(t *testing.T, err error) [][]string {
	t.Helper()
	if err == nil {
		return nil
	}
	var problems FieldErrors
	if !errors.As(err, &problems) {
		t.Fatalf("want FieldErrors, got %T: %v", err, err)
	}
	var fields [][]string
	for _, problem := range problems {
		fields = append(fields, problem.Field)
	}
	return fields
}
