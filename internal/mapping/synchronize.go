package mapping

import (
	"context"
	"fmt"
	"slices"

	"crosswalk/internal/activity"
	"crosswalk/internal/jobs"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// KindSync is the kind of the run that Synchronizer makes.
const KindSync jobs.Kind = "SYNC_ORGANIZATIONS"

// syncMonths is how far back valid invoices make an organization take part.
const syncMonths = 12

// Sources are where runs read from.
type Sources struct {
	Clients psa.Clients
	// Feed opens the seller's billing feed.
	Feed func(context.Context, postgres.SellerID) (platform.Feed, error)
	// Today tells the date in the seller's time zone.
	Today Today
}

// Synchronizer refreshes both sides of the Organizations tab: companies and agreements from ConnectWise into the
// mirror, and the organizations of recent valid invoices with their contracts from the Platform. Mappings and
// exclusions stay as they are.
type Synchronizer struct{ Sources }

// Run is the handler of KindSync. Everything it writes may be written twice, so a run that was interrupted
// simply starts over.
func (s *Synchronizer) Run(ctx context.Context, run *jobs.Run) error {
	err := run.Log(ctx, activity.Entry{
		Level: activity.Info, Code: activity.OrgSyncStarted, Title: "Sync Organizations started",
		Details: "Requested by " + run.Job().RequestedBy + ".",
	})
	if err != nil {
		return err
	}
	sync := synchronization{Sources: s.Sources, run: run, seller: run.Seller().ID()}
	for _, step := range []func(context.Context) error{sync.mirror, sync.participants, sync.organizations, sync.contracts} {
		if err := step(ctx); err != nil {
			return Explain(err)
		}
	}
	return sync.conclude(ctx)
}

// synchronization is one run.
type synchronization struct {
	Sources
	run    *jobs.Run
	seller postgres.SellerID

	companies, agreements refreshed
	feed                  platform.Feed
	organizationIDs       []string
	contractIDs           []string
	counts                Saved
	contractCounts        Saved
	done                  int
}

// mirror refreshes the mirror of companies and agreements.
func (s *synchronization) mirror(ctx context.Context) error {
	client, err := s.Clients.Client(ctx, s.seller)
	if err != nil {
		return err
	}
	s.run.Step("Reading companies from ConnectWise")
	s.companies, err = refresh(ctx, s.run, psa.Companies, func(c psa.Company) psa.RecordID { return c.ID }, client.Companies,
		func(listed int) { s.run.Progress(listed, jobs.Unknown) })
	if err != nil {
		return err
	}
	s.run.Step("Reading agreements from ConnectWise")
	s.agreements, err = refresh(ctx, s.run, psa.Agreements, func(a psa.Agreement) psa.RecordID { return a.ID }, s.allAgreements(client),
		func(listed int) { s.run.Progress(s.companies.listed+listed, jobs.Unknown) })
	s.done = s.companies.listed + s.agreements.listed
	return err
}

// allAgreements streams the agreements that ConnectWise lists, and copies of those created here that are too new for its list.
func (s *synchronization) allAgreements(client psa.Client) func(context.Context, func([]psa.Agreement) error) error {
	return func(ctx context.Context, yield func([]psa.Agreement) error) error {
		listed := make(map[psa.RecordID]bool)
		err := client.Agreements(ctx, func(page []psa.Agreement) error {
			for _, agreement := range page {
				listed[agreement.ID] = true
			}
			return yield(page)
		})
		if err != nil {
			return err
		}
		created, err := s.created(ctx)
		if err != nil {
			return err
		}
		var unlisted []psa.Agreement
		for id, agreement := range created {
			if !listed[id] && psa.HasAgreement(ctx, client, id) {
				unlisted = append(unlisted, agreement)
			}
		}
		return yield(unlisted)
	}
}

// created returns the copies of agreements that were created here and are not known to be gone.
func (s *synchronization) created(ctx context.Context) (created map[psa.RecordID]psa.Agreement, err error) {
	err = s.run.Seller().Read(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		var ids []psa.RecordID
		err := tx.SelectContext(ctx, &ids, `
			SELECT c.agreement_id
			FROM created_agreement c
			JOIN psa_agreement a ON a.seller_id = c.seller_id AND a.record_id = c.agreement_id
			WHERE c.seller_id = $1 AND NOT a.deleted`, s.seller)
		if err != nil {
			return fmt.Errorf("find created agreements: %w", err)
		}
		created, err = psa.Agreements.Find(ctx, tx, s.seller, ids)
		return err
	})
	return created, err
}

// participants finds the organizations and contracts of valid invoices of the last months, each once.
func (s *synchronization) participants(ctx context.Context) (err error) {
	s.run.Step("Reading invoices from the Platform")
	if s.feed, err = s.Feed(ctx, s.seller); err != nil {
		return err
	}
	today, err := s.Today(ctx, s.seller)
	if err != nil {
		return err
	}
	window := platform.Range{From: today.AddMonths(-syncMonths), To: today}
	seen := make(map[string]bool)
	note := func(list *[]string, kind, id string) {
		if id != "" && !seen[kind+id] {
			seen[kind+id] = true
			*list = append(*list, id)
		}
	}
	return s.feed.InvoiceHeaders(ctx, window, func(_ platform.Page, headers []platform.InvoiceHeader) error {
		for _, h := range headers {
			if h.IsValid() {
				note(&s.organizationIDs, "organization ", h.CustomerID)
				note(&s.contractIDs, "contract ", h.ContractID)
			}
		}
		return nil
	})
}

// chunk is how many records are read and stored at a time.
const chunk = 500

// organizations stores the organizations that take part.
func (s *synchronization) organizations(ctx context.Context) error {
	s.run.Step("Reading organizations from the Platform")
	for ids := range slices.Chunk(s.organizationIDs, chunk) {
		found, err := s.feed.Organizations(ctx, ids)
		if err != nil {
			return err
		}
		missing := missingFrom(ids, found, func(o platform.Organization) string { return o.ID })
		var saved Saved
		err = s.run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
			if saved, err = SaveOrganizations(ctx, tx, s.seller, found); err != nil {
				return jobs.Counts{}, err
			}
			return jobs.Counts{
				Created: saved.Created, Updated: saved.Updated, Unchanged: len(found) - saved.Created - saved.Updated,
				Skipped: len(missing),
			}, s.run.LogTx(ctx, tx, absences(activity.OrganizationNotInFeed, "an organization", missing)...)
		})
		if err != nil {
			return err
		}
		s.counts.Created, s.counts.Updated = s.counts.Created+saved.Created, s.counts.Updated+saved.Updated
		s.advance(len(ids))
	}
	return nil
}

// contracts stores the contracts that take part. They are not counted: the run is about organizations.
func (s *synchronization) contracts(ctx context.Context) error {
	s.run.Step("Reading contracts from the Platform")
	for ids := range slices.Chunk(s.contractIDs, chunk) {
		found, err := s.feed.Contracts(ctx, ids)
		if err != nil {
			return err
		}
		missing := missingFrom(ids, found, func(c platform.Contract) string { return c.ID })
		var saved Saved
		err = s.run.Write(ctx, func(ctx context.Context, tx *postgres.Tx) error {
			if saved, err = SaveContracts(ctx, tx, s.seller, found); err != nil {
				return err
			}
			return s.run.LogTx(ctx, tx, absences(activity.ContractNotInFeed, "a contract", missing)...)
		})
		if err != nil {
			return err
		}
		s.contractCounts.Created += saved.Created
		s.contractCounts.Updated += saved.Updated
		s.advance(len(ids))
	}
	return nil
}

func (s *synchronization) advance(n int) {
	s.done += n
	s.run.Progress(s.done, s.companies.listed+s.agreements.listed+len(s.organizationIDs)+len(s.contractIDs))
}

// missingFrom returns the ids that were asked for and not found.
func missingFrom[T any](asked []string, found []T, id func(T) string) []string {
	known := make(map[string]bool, len(found))
	for _, record := range found {
		known[id(record)] = true
	}
	var missing []string
	for _, id := range asked {
		if !known[id] {
			missing = append(missing, id)
		}
	}
	return missing
}

// absences warns of records that invoices name and the feed does not know.
func absences(code activity.Code, noun string, ids []string) []activity.Entry {
	warnings := make([]activity.Entry, len(ids))
	for i, id := range ids {
		warnings[i] = activity.Entry{
			Level: activity.Warning, Code: code,
			Title:   "Invoices name " + noun + " that the Platform does not list",
			Details: "Its Platform id is " + id + ". It was left out.",
		}
	}
	return warnings
}

// conclude tells the log what the run did.
func (s *synchronization) conclude(ctx context.Context) error {
	var entries []activity.Entry
	if n := s.counts.Created; n > 0 {
		entries = append(entries, activity.Entry{
			Level: activity.Info, Code: activity.OrgsCreated, Title: activity.Count(n, "new organization", "new organizations"),
			Details: "New organizations are excluded from sync until you include them.",
		})
	}
	if n := s.counts.Updated; n > 0 {
		entries = append(entries, activity.Entry{Level: activity.Info, Code: activity.OrgsUpdated, Title: activity.Count(n, "organization", "organizations") + " changed on the Platform"})
	}
	entries = append(entries, activity.Entry{
		Level: activity.Info, Code: activity.OrgSyncCompleted, Title: "Sync Organizations completed",
		Details: fmt.Sprintf("Companies in ConnectWise: %s. Agreements: %s. Contracts on the Platform: %d, of which %s new and %d changed.",
			s.companies, s.agreements, len(s.contractIDs), activity.Count(s.contractCounts.Created, "is", "are"), s.contractCounts.Updated),
	})
	return s.run.Log(ctx, entries...)
}

// String says what a refresh did.
func (r refreshed) String() string {
	return fmt.Sprintf("%d read, %d new or changed, %d no longer there", r.listed, r.changed, r.vanished)
}
