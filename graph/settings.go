package graph

import (
	"context"
	"errors"
	"slices"
	"time"

	"crosswalk/graph/model"
	"crosswalk/internal/account"
	"crosswalk/internal/account/seal"
	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/mapping"
	"crosswalk/internal/postgres"
	"crosswalk/internal/posting"
	"crosswalk/internal/psa"
	"crosswalk/internal/schedule"
)

// Viewer resolves who is asking.
func (r *queryResolver) Viewer(ctx context.Context) (*model.Viewer, error) {
	caller := identity(ctx)
	home, err := r.Accounts.Seller(ctx, caller.Seller)
	if err != nil {
		return nil, err
	}
	return &model.Viewer{Subject: caller.Subject, Role: model.Role(caller.Role), Seller: sellerNode(home)}, nil
}

func sellerNode(s account.Seller) *model.Seller {
	return &model.Seller{ID: nodeID(typeSeller, int64(s.ID)), Name: s.Name, TimeZone: s.Zone.String()}
}

// Settings resolves the seller's settings.
func (r *queryResolver) Settings(ctx context.Context) (*model.Settings, error) {
	return r.settings(ctx)
}

func (r *Resolver) settings(ctx context.Context) (shown *model.Settings, err error) {
	home, err := r.Accounts.Seller(ctx, seller(ctx))
	if err != nil {
		return nil, err
	}
	err = r.read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		settings, err := r.Accounts.Settings(ctx, tx, home.ID)
		if err != nil {
			return err
		}
		connection, err := r.Accounts.Connection(ctx, tx, home.ID)
		if err != nil {
			return err
		}
		missing, err := r.missingSetup(ctx, tx)
		if err != nil {
			return err
		}
		settled, err := schedule.Settled(ctx, tx, home.ID)
		if err != nil {
			return err
		}
		shown = &model.Settings{
			Connection:          r.connection(connection, home.ID),
			AgreementType:       agreementType(settings.AgreementType),
			ChargeStartDateRule: chargeDateRule(settings.ChargeStart),
			ChargeEndDateRule:   chargeDateRule(settings.ChargeEnd),
			AutomatedDailySync:  r.dailySync(settings.DailySync, home, settled),
			SetupMissing:        missing,
		}
		return nil
	})
	return shown, err
}

func (r *Resolver) connection(saved account.Connection, id postgres.SellerID) *model.ConnectWiseConnection {
	health := r.Clients.Health(id)
	shown := &model.ConnectWiseConnection{
		APIURL:        optional(saved.APIURL),
		CompanyID:     optional(saved.CompanyID),
		PublicKey:     optional(saved.PublicKey),
		PrivateKeySet: saved.IsSet(),
		ClientIDSet:   saved.IsSet(),
		Circuit:       model.CircuitState(health.Circuit),
		LastError:     optional(health.LastError),
	}
	if !health.RetryAt.IsZero() {
		shown.RetryAt = &health.RetryAt
	}
	if !health.LastSuccessAt.IsZero() {
		shown.LastSuccessAt = &health.LastSuccessAt
	}
	return shown
}

func agreementType(t *account.AgreementType) *model.PsaAgreementType {
	if t == nil {
		return nil
	}
	return &model.PsaAgreementType{ID: nodeID(typePsaAgreementType, int64(t.RecordID)), RecordID: int(t.RecordID), Name: t.Name}
}

func chargeDateRule(rule account.ChargeDateRule) *model.ChargeDateRule {
	shown := &model.ChargeDateRule{Kind: model.ChargeDateRuleKind(rule.Kind)}
	if rule.Day != 0 {
		shown.Day = &rule.Day
	}
	return shown
}

func (r *Resolver) dailySync(saved account.DailySync, home account.Seller, settled civil.Date) *model.AutomatedDailySync {
	shown := &model.AutomatedDailySync{Enabled: saved.Enabled, TimeOfDay: saved.At.String()}
	if saved.Enabled {
		next := schedule.Plan{Zone: home.Zone, At: saved.At, Settled: settled}.Next(r.Now())
		shown.NextRunAt = &next.Due
	}
	return shown
}

// SaveConnectWiseCredentials saves how to reach ConnectWise.
func (r *mutationResolver) SaveConnectWiseCredentials(ctx context.Context, input model.ConnectWiseCredentialsInput) (*model.SaveConnectWiseCredentialsPayload, error) {
	caller := identity(ctx)
	connection := account.NewConnection{
		APIURL: input.APIURL, CompanyID: input.CompanyID, PublicKey: input.PublicKey,
		PrivateKey: seal.NewSecret(input.PrivateKey), ClientID: seal.NewSecret(input.ClientID),
	}
	var moved bool
	err := r.DB.Seller(caller.Seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		saved, err := r.Accounts.SaveConnection(ctx, tx, caller.Seller, connection, caller.Subject,
			func(ctx context.Context, tx *postgres.Tx) (bool, error) {
				mapped, err := mapping.InUse(ctx, tx, caller.Seller)
				if err != nil || mapped {
					return mapped, err
				}
				return posting.InUse(ctx, tx, caller.Seller)
			})
		if err != nil {
			return err
		}
		if moved = saved.Moved; moved {
			// Runs first: none may copy anything more of the former ConnectWise into the mirror.
			if err := jobs.Restart(ctx, tx, caller.Seller); err != nil {
				return err
			}
			if err := psa.ClearMirror(ctx, tx, caller.Seller); err != nil {
				return err
			}
		}
		return activity.Log(ctx, tx, caller.Seller, activity.Entry{
			Level: activity.Info, Code: activity.CredentialsSaved,
			Title: "ConnectWise credentials were saved", Details: "For " + saved.After.APIURL + ", by " + caller.Subject + ".",
		})
	})
	refused, err := settingsRefusals(err)
	if err != nil {
		return nil, err
	}
	r.Directory.Forget(caller.Seller)
	if moved && len(refused) == 0 {
		// The Agreement Type is to be chosen anew, and no replica may go by the former one.
		if err := r.Accounts.Settle(ctx); err != nil {
			return nil, err
		}
	}
	shown, err := r.settings(ctx)
	return &model.SaveConnectWiseCredentialsPayload{Settings: shown, UserErrors: refused}, err
}

// settingsRefusals turns what the account package refuses into user errors; other errors stay errors.
func settingsRefusals(err error) ([]*model.UserError, error) {
	var fields account.FieldErrors
	var conflict *account.ConflictError
	switch {
	case errors.As(err, &fields):
		refused := make([]*model.UserError, len(fields))
		for i, f := range fields {
			refused[i] = userError(model.UserErrorCodeInvalid, f.Message, f.Field...)
		}
		return refused, nil
	case errors.As(err, &conflict):
		return []*model.UserError{userError(model.UserErrorCodeConflict, conflict.Message, conflict.Field...)}, nil
	}
	return []*model.UserError{}, err
}

// TestConnectWiseConnection asks ConnectWise who it is.
func (r *mutationResolver) TestConnectWiseConnection(ctx context.Context) (*model.TestConnectWiseConnectionPayload, error) {
	client, err := r.Clients.Client(ctx, seller(ctx))
	var info psa.SystemInfo
	if err == nil {
		waiting, cancel := context.WithDeadline(ctx, r.setUpDeadline())
		defer cancel()
		info, err = client.SystemInfo(waiting)
	}
	if err != nil {
		refused, err := psaRefusals(err)
		return &model.TestConnectWiseConnectionPayload{UserErrors: refused}, err
	}
	return &model.TestConnectWiseConnectionPayload{Ok: true, Version: optional(info.Version), UserErrors: []*model.UserError{}}, nil
}

// setUpPatience is how many times the budget of an operation a mutation of the set-up waits for ConnectWise: it cannot do without.
const setUpPatience = 5

// setUpDeadline is until when a mutation of the set-up that begins to wait now does so.
func (r *Resolver) setUpDeadline() time.Time { return time.Now().Add(setUpPatience * r.Budget) }

// activeAgreementTypes asks ConnectWise for the types that can be chosen, by name. It has until deadline to answer.
func (r *Resolver) activeAgreementTypes(ctx context.Context, deadline time.Time) ([]psa.AgreementType, error) {
	client, err := r.Clients.Client(ctx, seller(ctx))
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	types, err := client.AgreementTypes(waiting)
	if err != nil {
		return nil, err
	}
	types = slices.DeleteFunc(types, func(t psa.AgreementType) bool { return t.Inactive })
	slices.SortFunc(types, func(a, b psa.AgreementType) int { return compareNames(a.Name, b.Name, int(a.ID), int(b.ID)) })
	return types, nil
}

// UpdateSettings changes settings.
func (r *mutationResolver) UpdateSettings(ctx context.Context, input model.UpdateSettingsInput) (*model.UpdateSettingsPayload, error) {
	change, refused, err := r.settingsChange(ctx, input)
	if err != nil {
		return nil, err
	}
	caller := identity(ctx)
	if len(refused) > 0 {
		others, err := settingsRefusals(change.Check())
		if err != nil {
			return nil, err
		}
		refused = append(refused, others...)
	} else {
		err = r.DB.Seller(caller.Seller).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			update, err := r.Accounts.UpdateSettings(ctx, tx, caller.Seller, change)
			if err != nil {
				return err
			}
			return activity.Log(ctx, tx, caller.Seller, settingsEntries(update, caller.Subject)...)
		})
		if refused, err = settingsRefusals(err); err != nil {
			return nil, err
		}
	}
	shown, err := r.settings(ctx)
	return &model.UpdateSettingsPayload{Settings: shown, UserErrors: refused}, err
}

func (r *Resolver) settingsChange(ctx context.Context, input model.UpdateSettingsInput) (account.SettingsChange, []*model.UserError, error) {
	change := account.SettingsChange{
		ChargeStart: ruleChange(input.ChargeStartDateRule.Value()),
		ChargeEnd:   ruleChange(input.ChargeEndDateRule.Value()),
	}
	if daily := input.AutomatedDailySync.Value(); daily != nil {
		change.DailySync = &account.DailySyncChange{Enabled: daily.Enabled, TimeOfDay: daily.TimeOfDay.Value()}
	}
	id := input.AgreementTypeID.Value()
	if id == nil {
		return change, nil, nil
	}
	number, err := parseID(typePsaAgreementType, *id)
	if err != nil {
		return change, []*model.UserError{userError(model.UserErrorCodeInvalid, err.Error(), "agreementTypeId")}, nil
	}
	types, err := r.activeAgreementTypes(ctx, r.setUpDeadline())
	if err != nil {
		refused, err := psaRefusals(err, "agreementTypeId")
		return change, refused, err
	}
	for _, t := range types {
		if int64(t.ID) == number {
			change.AgreementType = &account.AgreementType{RecordID: int32(t.ID), Name: t.Name}
			return change, nil, nil
		}
	}
	message := "ConnectWise does not offer this Agreement Type any more. Choose one of psaAgreementTypes."
	return change, []*model.UserError{userError(model.UserErrorCodeNotFound, message, "agreementTypeId")}, nil
}

func ruleChange(input *model.ChargeDateRuleInput) *account.ChargeDateRule {
	if input == nil {
		return nil
	}
	rule := &account.ChargeDateRule{Kind: account.ChargeDateRuleKind(input.Kind)}
	if day := input.Day.Value(); day != nil {
		rule.Day = *day
	}
	return rule
}

// settingsEntries tells the log what changed.
func settingsEntries(update account.SettingsUpdate, by string) []activity.Entry {
	before, after := update.Before, update.After
	var entries []activity.Entry
	add := func(changed bool, code activity.Code, title string) {
		if changed {
			entries = append(entries, activity.Entry{Level: activity.Info, Code: code, Title: title, Details: "By " + by + "."})
		}
	}
	if t := after.AgreementType; t != nil {
		add(before.AgreementType == nil || *before.AgreementType != *t, activity.SettingsChanged, "The Agreement Type is "+t.Name)
	}
	add(before.ChargeStart != after.ChargeStart, activity.RuleChanged, "The charge start date rule is "+string(after.ChargeStart.Kind))
	add(before.ChargeEnd != after.ChargeEnd, activity.RuleChanged, "The charge end date rule is "+string(after.ChargeEnd.Kind))
	title := "Automated Daily Sync is off"
	if after.DailySync.Enabled {
		title = "Automated Daily Sync is on, at " + after.DailySync.At.String()
	}
	add(before.DailySync != after.DailySync, activity.AutoSyncToggled, title)
	return entries
}
