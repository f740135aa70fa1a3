package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crosswalk/internal/account"
	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/postgres"
)

// outcome is how a day was settled, as operators read it.
type outcome string

const (
	begun      outcome = "asked for"
	active     outcome = "found a run under way"
	incomplete outcome = "set-up incomplete"
	missed     outcome = "missed"
)

// settle settles a seller's day, unless another replica has or the settings have changed meanwhile.
func (s *Scheduler) settle(ctx context.Context, seller planned, due Occurrence, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var settled outcome
	err := s.db.Seller(seller.ID).Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		settled = ""
		mine, err := take(ctx, tx, seller, due.Day)
		if err != nil || !mine {
			return err
		}
		settled, err = s.begin(ctx, tx, seller, due, now)
		return err
	})
	if err != nil {
		return err
	}
	if settled != "" {
		s.options.Log.InfoContext(ctx, "daily sync", "seller", seller.ID, "day", due.Day, "due", due.Due, "outcome", settled)
	}
	return nil
}

// take inserts the seller's day and reports whether it was there to be taken. The settings stay as they are until tx
// ends, so that nothing begins after it was switched off.
func take(ctx context.Context, tx *postgres.Tx, seller planned, day civil.Date) (bool, error) {
	result, err := tx.ExecContext(ctx, `
		INSERT INTO daily_run (seller_id, day)
		SELECT seller_id, $2
		FROM seller_settings
		WHERE seller_id = $1 AND daily_sync_enabled AND daily_sync_time = $3 AND daily_sync_since = $4
		FOR SHARE
		ON CONFLICT DO NOTHING`, seller.ID, day, seller.At, seller.Since)
	if err != nil {
		return false, fmt.Errorf("take the day: %w", err)
	}
	taken, err := result.RowsAffected()
	return taken > 0, err
}

// begin asks for the run of a day that was taken, or logs why there is none.
func (s *Scheduler) begin(ctx context.Context, tx *postgres.Tx, seller planned, due Occurrence, now time.Time) (outcome, error) {
	if due.Missed(now) {
		return missed, activity.Log(ctx, tx, seller.ID, missedEntry(seller, due.Day))
	}
	missing, err := s.accounts.MissingSetup(ctx, tx, seller.ID)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		return incomplete, activity.Log(ctx, tx, seller.ID, incompleteEntry(missing))
	}
	err = s.enqueue(ctx, tx, seller.ID, RequestedBy)
	if errors.Is(err, ErrActive) {
		return active, activity.Log(ctx, tx, seller.ID, activeEntry())
	}
	return begun, err
}

func missedEntry(seller planned, day civil.Date) activity.Entry {
	return activity.Entry{
		Level: activity.Warning,
		Code:  activity.AutoSyncMissed,
		Title: RequestedBy + " of " + day.String() + " did not take place",
		Details: fmt.Sprintf("It was due at %s and could not be started within %.0f hours. The next one comes as planned; whoever does not want to wait for it starts the sync by hand.",
			seller.At, Grace.Hours()),
	}
}

func incompleteEntry(missing []account.SetupStep) activity.Entry {
	var steps []string
	for _, step := range missing {
		switch step {
		case account.SetupCredentials:
			steps = append(steps, "save the ConnectWise credentials")
		case account.SetupAgreementType:
			steps = append(steps, "choose an Agreement Type")
		}
	}
	return activity.Entry{
		Level:   activity.Warning,
		Code:    activity.AutoSyncNotReady,
		Title:   RequestedBy + " did not start because the set-up is not complete",
		Details: "Finish the set-up in Settings: " + strings.Join(steps, " and ") + ". Until then nothing is synced.",
	}
}

func activeEntry() activity.Entry {
	return activity.Entry{
		Level:   activity.Info,
		Code:    activity.AutoSyncUnneeded,
		Title:   RequestedBy + " left it to a sync that was under way",
		Details: "There is one sync at a time, and one had been started before. The next one comes as planned.",
	}
}

// Settled returns the last day that a seller's daily run is done with, or the zero date.
func Settled(ctx context.Context, tx *postgres.Tx, seller postgres.SellerID) (day civil.Date, err error) {
	if err := tx.GetContext(ctx, &day, `SELECT max(day) FROM daily_run WHERE seller_id = $1`, seller); err != nil {
		return civil.Date{}, fmt.Errorf("read the last daily run: %w", err)
	}
	return day, nil
}
