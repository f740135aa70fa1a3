package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"crosswalk/internal/postgres"
)

// Settings are a seller's preferences.
type Settings struct {
	// AgreementType is nil until one has been chosen.
	AgreementType *AgreementType
	ChargeStart   ChargeDateRule
	ChargeEnd     ChargeDateRule
	DailySync     DailySync
}

// AgreementType is the ConnectWise set-up value that agreements made by crosswalk carry.
type AgreementType struct {
	RecordID int32
	Name     string
}

// DailySync says whether and when fully mapped lines are posted without being asked. Beside it is stored since when it
// has been so: what was due before a change is not made up for by it.
type DailySync struct {
	Enabled bool
	// At is in the seller's time zone.
	At TimeOfDay
}

// SettingsChange is a change as a user enters it; nil leaves a preference as it is.
type SettingsChange struct {
	// AgreementType must be one that ConnectWise knows; the caller has looked.
	AgreementType *AgreementType
	ChargeStart   *ChargeDateRule
	ChargeEnd     *ChargeDateRule
	DailySync     *DailySyncChange
}

// DailySyncChange switches the daily sync.
type DailySyncChange struct {
	Enabled bool
	// TimeOfDay is HH:MM; nil leaves the time as it is.
	TimeOfDay *string
}

// SettingsUpdate is what UpdateSettings did.
type SettingsUpdate struct{ Before, After Settings }

// SetupStep is something a seller must do before mapping and syncing.
type SetupStep string

// The steps, in the order they are done.
const (
	SetupCredentials   SetupStep = "CREDENTIALS"
	SetupAgreementType SetupStep = "AGREEMENT_TYPE"
)

// defaultSettings are the preferences of a seller that never changed any. The table has the same defaults.
func defaultSettings() Settings {
	return Settings{
		ChargeStart: ChargeDateRule{Kind: NoRule},
		ChargeEnd:   ChargeDateRule{Kind: NoRule},
		DailySync:   DailySync{At: TimeOfDay{Hour: 2}},
	}
}

// Settings returns a seller's preferences.
func (s *Service) Settings(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (Settings, error) {
	var row settingsRow
	err := tx.GetContext(ctx, &row, `
		SELECT agreement_type_id, agreement_type_name, charge_start_rule, charge_start_day,
			charge_end_rule, charge_end_day, daily_sync_enabled, daily_sync_time
		FROM seller_settings
		WHERE seller_id = $1`, seller)
	if errors.Is(err, sql.ErrNoRows) {
		return defaultSettings(), nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("settings of seller %s: %w", seller, err)
	}
	settings, err := row.settings()
	if err != nil {
		return Settings{}, fmt.Errorf("settings of seller %s: %w", seller, err)
	}
	return settings, nil
}

// UpdateSettings applies change. It returns FieldErrors for a bad one and then changes nothing.
func (s *Service) UpdateSettings(
	ctx context.Context, tx *postgres.Tx, seller postgres.SellerID, change SettingsChange,
) (SettingsUpdate, error) {
	if err := lockSeller(ctx, tx, seller); err != nil {
		return SettingsUpdate{}, err
	}
	before, err := s.Settings(ctx, tx, seller)
	if err != nil {
		return SettingsUpdate{}, err
	}
	after, err := change.apply(before)
	if err != nil {
		return SettingsUpdate{}, err
	}
	_, err = tx.NamedExecContext(ctx, `
		INSERT INTO seller_settings (seller_id, agreement_type_id, agreement_type_name, charge_start_rule,
			charge_start_day, charge_end_rule, charge_end_day, daily_sync_enabled, daily_sync_time, daily_sync_since)
		VALUES (:seller_id, :agreement_type_id, :agreement_type_name, :charge_start_rule,
			:charge_start_day, :charge_end_rule, :charge_end_day, :daily_sync_enabled, :daily_sync_time, :now)
		ON CONFLICT (seller_id) DO UPDATE
		SET agreement_type_id = EXCLUDED.agreement_type_id, agreement_type_name = EXCLUDED.agreement_type_name,
			charge_start_rule = EXCLUDED.charge_start_rule, charge_start_day = EXCLUDED.charge_start_day,
			charge_end_rule = EXCLUDED.charge_end_rule, charge_end_day = EXCLUDED.charge_end_day,
			daily_sync_enabled = EXCLUDED.daily_sync_enabled, daily_sync_time = EXCLUDED.daily_sync_time,
			daily_sync_since = CASE
				WHEN seller_settings.daily_sync_enabled = EXCLUDED.daily_sync_enabled
					AND seller_settings.daily_sync_time = EXCLUDED.daily_sync_time THEN seller_settings.daily_sync_since
				ELSE EXCLUDED.daily_sync_since
			END`,
		struct {
			settingsRow
			Now time.Time `db:"now"`
		}{newSettingsRow(seller, after), s.now()})
	if err != nil {
		return SettingsUpdate{}, fmt.Errorf("update the settings of seller %s: %w", seller, err)
	}
	return SettingsUpdate{Before: before, After: after}, nil
}

// MissingSetup returns what a seller has still to do before mapping and syncing, in order.
func (s *Service) MissingSetup(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) ([]SetupStep, error) {
	var has struct {
		Credentials   bool `db:"credentials"`
		AgreementType bool `db:"agreement_type"`
	}
	err := tx.GetContext(ctx, &has, `
		SELECT
			EXISTS (SELECT FROM psa_connection WHERE seller_id = $1) AS credentials,
			EXISTS (SELECT FROM seller_settings WHERE seller_id = $1 AND agreement_type_id IS NOT NULL) AS agreement_type`, seller)
	if err != nil {
		return nil, fmt.Errorf("set-up of seller %s: %w", seller, err)
	}
	var missing []SetupStep
	if !has.Credentials {
		missing = append(missing, SetupCredentials)
	}
	if !has.AgreementType {
		missing = append(missing, SetupAgreementType)
	}
	return missing, nil
}

// Check returns FieldErrors for what is wrong with the change, whatever it is made to.
func (c SettingsChange) Check() error {
	_, err := c.apply(defaultSettings())
	return err
}

// apply returns settings with the change made, or everything that is wrong with it.
func (c SettingsChange) apply(settings Settings) (Settings, error) {
	var problems FieldErrors
	if c.AgreementType != nil {
		if c.AgreementType.RecordID <= 0 || c.AgreementType.Name == "" {
			problems.add("is not an agreement type", "agreementTypeId")
		}
		settings.AgreementType = c.AgreementType
	}
	if c.ChargeStart != nil {
		c.ChargeStart.check(&problems, "chargeStartDateRule", false)
		settings.ChargeStart = *c.ChargeStart
	}
	if c.ChargeEnd != nil {
		c.ChargeEnd.check(&problems, "chargeEndDateRule", true)
		settings.ChargeEnd = *c.ChargeEnd
	}
	if c.DailySync != nil {
		settings.DailySync.Enabled = c.DailySync.Enabled
		if c.DailySync.TimeOfDay != nil {
			at, err := ParseTimeOfDay(*c.DailySync.TimeOfDay)
			if err != nil {
				problems.add("must be a time of day such as 02:00, from 00:00 to 23:59", "automatedDailySync", "timeOfDay")
			}
			settings.DailySync.At = at
		}
	}
	return settings, problems.err()
}

type settingsRow struct {
	SellerID          postgres.SellerID  `db:"seller_id"`
	AgreementTypeID   *int32             `db:"agreement_type_id"`
	AgreementTypeName *string            `db:"agreement_type_name"`
	ChargeStartRule   ChargeDateRuleKind `db:"charge_start_rule"`
	ChargeStartDay    *int               `db:"charge_start_day"`
	ChargeEndRule     ChargeDateRuleKind `db:"charge_end_rule"`
	ChargeEndDay      *int               `db:"charge_end_day"`
	DailySyncEnabled  bool               `db:"daily_sync_enabled"`
	DailySyncTime     string             `db:"daily_sync_time"`
}

func newSettingsRow(seller postgres.SellerID, s Settings) settingsRow {
	row := settingsRow{
		SellerID:         seller,
		ChargeStartRule:  s.ChargeStart.Kind,
		ChargeStartDay:   dayOrNull(s.ChargeStart),
		ChargeEndRule:    s.ChargeEnd.Kind,
		ChargeEndDay:     dayOrNull(s.ChargeEnd),
		DailySyncEnabled: s.DailySync.Enabled,
		DailySyncTime:    s.DailySync.At.String(),
	}
	if s.AgreementType != nil {
		row.AgreementTypeID, row.AgreementTypeName = &s.AgreementType.RecordID, &s.AgreementType.Name
	}
	return row
}

func (r settingsRow) settings() (Settings, error) {
	at, err := ParseTimeOfDay(r.DailySyncTime)
	if err != nil {
		return Settings{}, err
	}
	s := Settings{
		ChargeStart: ChargeDateRule{Kind: r.ChargeStartRule, Day: dayOrZero(r.ChargeStartDay)},
		ChargeEnd:   ChargeDateRule{Kind: r.ChargeEndRule, Day: dayOrZero(r.ChargeEndDay)},
		DailySync:   DailySync{Enabled: r.DailySyncEnabled, At: at},
	}
	if r.AgreementTypeID != nil && r.AgreementTypeName != nil {
		s.AgreementType = &AgreementType{RecordID: *r.AgreementTypeID, Name: *r.AgreementTypeName}
	}
	return s, nil
}

func dayOrNull(rule ChargeDateRule) *int {
	if rule.Day == 0 {
		return nil
	}
	return &rule.Day
}

func dayOrZero(day *int) int {
	if day == nil {
		return 0
	}
	return *day
}
