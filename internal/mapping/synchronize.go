package mapping

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// KindSync is the kind of the run that Synchronizer makes.
const KindSync jobs.Kind = "SYNC_ORGANIZATIONS"

// syncMonths is how far back valid invoices make an organization take part.
const syncMonths = 12

// Synchronizer refreshes both sides of the Organizations tab: companies from ConnectWise into the mirror, and
// the organizations of recent valid invoices from the Platform. Mappings and exclusions stay as they are.
type Synchronizer struct {
	Clients psa.Clients
	// Feed opens the seller's billing feed, Zone tells where its days begin.
	Feed  func(context.Context, postgres.SellerID) (platform.Feed, error)
	Zone  func(context.Context, postgres.SellerID) (*time.Location, error)
	Clock civil.Clock
}

// Run is the handler of KindSync. Everything it writes may be written twice, so a run that was interrupted
// simply starts over.
func (s *Synchronizer) Run(ctx context.Context, run *jobs.Run) error {
	if err := run.Log(ctx, activity.Entry{
		Level: activity.Info, Code: activity.OrgSyncStarted, Title: "Sync Organizations started",
		Details: "Requested by " + run.Job().RequestedBy + ".",
	}); err != nil {
		return err
	}
	sync := synchronization{Synchronizer: s, run: run, seller: run.Seller().ID()}
	if err := sync.companies(ctx); err != nil {
		return explain(err)
	}
	if err := sync.organizations(ctx); err != nil {
		return explain(err)
	}
	return sync.conclude(ctx)
}

// synchronization is one run.
type synchronization struct {
	*Synchronizer
	run    *jobs.Run
	seller postgres.SellerID

	listed            []psa.RecordID
	changed, vanished int
	counts            jobs.Counts
}

// companies copies every company into the mirror and flags those that are gone.
func (s *synchronization) companies(ctx context.Context) error {
	s.run.Step("Reading companies from ConnectWise")
	client, err := s.Clients.Client(ctx, s.seller)
	if err != nil {
		return err
	}
	err = client.Companies(psa.Background(ctx), func(page []psa.Company) error {
		for _, c := range page {
			s.listed = append(s.listed, c.ID)
		}
		s.run.Progress(len(s.listed), jobs.Unknown)
		var changed int
		err := s.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
			changed, err = psa.SaveCompanies(ctx, tx, s.seller, page)
			return err
		})
		s.changed += changed
		return err
	})
	if err != nil {
		return err
	}
	return s.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) (err error) {
		s.vanished, err = psa.FlagVanishedCompanies(ctx, tx, s.seller, s.listed)
		return err
	})
}

// organizations stores the organizations that take part in valid invoices.
func (s *synchronization) organizations(ctx context.Context) error {
	feed, err := s.Feed(ctx, s.seller)
	if err != nil {
		return err
	}
	ids, err := s.participants(ctx, feed)
	if err != nil {
		return err
	}
	s.run.Step("Reading organizations from the Platform")
	const chunk = 500
	for start := 0; start < len(ids); start += chunk {
		end := min(start+chunk, len(ids))
		found, err := feed.Organizations(ctx, ids[start:end])
		if err != nil {
			return err
		}
		if err := s.store(ctx, ids[start:end], found); err != nil {
			return err
		}
		s.run.Progress(len(s.listed)+end, len(s.listed)+len(ids))
	}
	return nil
}

// participants returns the organizations of valid invoices of the last months, each once, as the feed lists them.
func (s *synchronization) participants(ctx context.Context, feed platform.Feed) ([]string, error) {
	s.run.Step("Reading invoices from the Platform")
	zone, err := s.Zone(ctx, s.seller)
	if err != nil {
		return nil, err
	}
	today := s.Clock.Today(zone)
	window := platform.Range{From: today.AddMonths(-syncMonths), To: today}
	var ids []string
	seen := make(map[string]bool)
	err = feed.InvoiceHeaders(ctx, window, func(_ platform.Page, headers []platform.InvoiceHeader) error {
		for _, h := range headers {
			if h.IsValid() && h.CustomerID != "" && !seen[h.CustomerID] {
				seen[h.CustomerID] = true
				ids = append(ids, h.CustomerID)
			}
		}
		return nil
	})
	return ids, err
}

// store saves the organizations found, and warns of those that invoices name and the feed does not know.
func (s *synchronization) store(ctx context.Context, asked []string, found []platform.Organization) error {
	var counts jobs.Counts
	err := s.run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		saved, err := SaveOrganizations(ctx, tx, s.seller, found)
		if err != nil {
			return jobs.Counts{}, err
		}
		warnings := unknownOrganizations(asked, found)
		counts = jobs.Counts{
			Created: saved.Created, Updated: saved.Updated, Unchanged: len(found) - saved.Created - saved.Updated,
			Skipped: len(warnings),
		}
		return counts, s.run.LogTx(ctx, tx, warnings...)
	})
	s.counts.Created += counts.Created
	s.counts.Updated += counts.Updated
	return err
}

func unknownOrganizations(asked []string, found []platform.Organization) []activity.Entry {
	known := make(map[string]bool, len(found))
	for _, o := range found {
		known[o.ID] = true
	}
	var warnings []activity.Entry
	for _, id := range asked {
		if !known[id] {
			warnings = append(warnings, activity.Entry{
				Level: activity.Warning, Code: activity.OrganizationNotInFeed,
				Title:   "An organization with invoices is missing from the Platform's organizations",
				Details: "Its Platform id is " + id + ". It was left out.",
			})
		}
	}
	return warnings
}

// conclude tells the log what the run did.
func (s *synchronization) conclude(ctx context.Context) error {
	s.run.Step("Done")
	entries := []activity.Entry{}
	if n := s.counts.Created; n > 0 {
		entries = append(entries, activity.Entry{
			Level: activity.Info, Code: activity.OrgsCreated, Title: fmt.Sprintf("%d new organizations", n),
			Details: "They are excluded from sync until you include them.",
		})
	}
	if n := s.counts.Updated; n > 0 {
		entries = append(entries, activity.Entry{Level: activity.Info, Code: activity.OrgsUpdated, Title: fmt.Sprintf("%d organizations changed on the Platform", n)})
	}
	entries = append(entries, activity.Entry{
		Level: activity.Info, Code: activity.OrgSyncCompleted, Title: "Sync Organizations completed",
		Details: fmt.Sprintf("%d companies read from ConnectWise, %d of them new or changed, %d no longer there.", len(s.listed), s.changed, s.vanished),
	})
	return s.run.Log(ctx, entries...)
}

// explain gives failures of either side the sentence and the code that users see.
func explain(err error) error {
	var unavailable *psa.UnavailableError
	var refused *psa.RefusedError
	var feed *platform.Error
	switch {
	case errors.As(err, &unavailable) && unavailable.Unauthorized:
		return &jobs.Failure{Code: activity.PSAAuthFailed, Err: err, Message: unavailable.Reason + ". Check the ConnectWise credentials in settings, then run it again."}
	case errors.As(err, &unavailable) && unavailable.RateLimited:
		return &jobs.Failure{Code: activity.PSARateLimited, Err: err, Message: unavailable.Reason + ". Run it again in a few minutes."}
	case errors.As(err, &unavailable):
		return &jobs.Failure{Code: activity.PSAUnavailable, Err: err, Message: unavailable.Reason + ". Run it again in a few minutes; nothing was lost."}
	case errors.As(err, &refused):
		return &jobs.Failure{Code: activity.PSAUnavailable, Err: err, Message: "ConnectWise refused a request: " + refused.Message + "."}
	case errors.Is(err, psa.ErrNotConnected):
		return &jobs.Failure{Code: activity.PSAAuthFailed, Err: err, Message: "ConnectWise credentials are missing. Save them in settings, then run it again."}
	case errors.As(err, &feed):
		return &jobs.Failure{Code: activity.PlatformLoadFailed, Err: err, Message: feed.Summary() + " Run it again; nothing was lost."}
	}
	return err
}
