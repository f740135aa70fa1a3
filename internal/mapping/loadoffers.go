package mapping

import (
	"context"
	"fmt"
	"slices"

	"crosswalk/internal/activity"
	"crosswalk/internal/civil"
	"crosswalk/internal/jobs"
	"crosswalk/internal/platform"
	"crosswalk/internal/postgres"
	"crosswalk/internal/psa"
)

// KindLoadOffers is the kind of the run that OfferLoader makes.
const KindLoadOffers jobs.Kind = "LOAD_OFFERS"

// LoadOffers are the parameters of a KindLoadOffers run.
type LoadOffers struct {
	// Months is how far the window reaches back from today, 1 to 12.
	Months int `json:"months"`
}

// OfferLoader refreshes both sides of the Products tab: the catalog from ConnectWise into the mirror, and the
// offers seen on valid invoices of a rolling window. Offers that were not seen stay, mapped or not.
type OfferLoader struct{ Sources }

// Run is the handler of KindLoadOffers. Offers are stored in one transaction at the end, so a feed that
// fails half-way leaves them as they were.
func (l *OfferLoader) Run(ctx context.Context, run *jobs.Run) error {
	var parameters LoadOffers
	if err := run.Parameters(&parameters); err != nil {
		return err
	}
	err := run.Log(ctx, activity.Entry{
		Level: activity.Info, Code: activity.ProductLoadStarted, Title: "Load Products started",
		Details: fmt.Sprintf("Offers on invoices of the last %s. Requested by %s.", activity.Count(parameters.Months, "month", "months"), run.Job().RequestedBy),
	})
	if err != nil {
		return err
	}
	load := offerLoad{
		Sources: l.Sources, run: run, seller: run.Seller().ID(),
		offers: make(map[string]sighting[SeenOffer]), vendors: make(map[string]sighting[string]),
	}
	if err := load.catalog(ctx); err != nil {
		return Explain(err)
	}
	if err := load.read(ctx, parameters.Months); err != nil {
		return Explain(err)
	}
	return load.store(ctx)
}

// offerLoad is one run.
type offerLoad struct {
	Sources
	run    *jobs.Run
	seller postgres.SellerID

	products refreshed
	window   platform.Range
	rows     int
	// offers and the names of vendors, by id.
	offers  map[string]sighting[SeenOffer]
	vendors map[string]sighting[string]
}

// sighting is a thing as an invoice of that date showed it.
type sighting[T any] struct {
	thing T
	on    civil.Date
}

// note keeps what the newest invoice says of a thing.
func note[T any](seen map[string]sighting[T], id string, thing T, on civil.Date) {
	if known, ok := seen[id]; !ok || !on.Before(known.on) {
		seen[id] = sighting[T]{thing, on}
	}
}

// catalog refreshes the mirror of the product catalog.
func (l *offerLoad) catalog(ctx context.Context) error {
	l.run.Step("Reading products from ConnectWise")
	client, err := l.Clients.Client(ctx, l.seller)
	if err != nil {
		return err
	}
	l.products, err = refresh(ctx, l.run, psa.Products, func(p psa.Product) psa.RecordID { return p.ID }, client.Products,
		func(listed int) { l.run.Progress(listed, jobs.Unknown) })
	return err
}

// read finds the offers on valid invoices of the window. The rows stream by; only the offers are kept.
func (l *offerLoad) read(ctx context.Context, months int) error {
	feed, err := l.Feed(ctx, l.seller)
	if err != nil {
		return err
	}
	today, err := l.Today(ctx, l.seller)
	if err != nil {
		return err
	}
	l.window = platform.Range{From: today.AddMonths(-months), To: today}
	l.run.Step("Reading invoices from the Platform")
	valid := make(map[string]bool)
	err = feed.InvoiceHeaders(ctx, l.window, func(_ platform.Page, headers []platform.InvoiceHeader) error {
		for _, h := range headers {
			if h.IsValid() {
				valid[h.InvoiceID] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.run.Step("Reading invoice lines from the Platform")
	err = feed.InvoiceRows(ctx, l.window, func(page platform.Page, rows []platform.InvoiceRow) error {
		for _, row := range rows {
			if valid[row.InvoiceID] {
				l.see(row)
			}
		}
		if page.Number == 1 {
			l.rows = 0
		}
		l.rows += len(rows)
		l.run.Progress(l.products.listed+l.rows, l.products.listed+page.TotalCount)
		return nil
	})
	if err != nil {
		return err
	}
	l.run.Progress(l.products.listed+l.rows, l.products.listed+l.rows) // which may be nothing, or less than announced
	return nil
}

// see notes the offer of a row and its vendor.
func (l *offerLoad) see(row platform.InvoiceRow) {
	if row.OfferID == "" {
		return
	}
	note(l.vendors, row.VendorID, row.VendorName, row.InvoiceDate)
	note(l.offers, row.OfferID, SeenOffer{
		ID: row.OfferID, Name: row.OfferName, ExternalID: row.VendorOfferID, VendorID: row.VendorID,
	}, row.InvoiceDate)
}

// store saves the offers, all or none, and tells the log.
func (l *offerLoad) store(ctx context.Context) error {
	l.run.Step("Saving offers")
	offers := make([]SeenOffer, 0, len(l.offers))
	for _, s := range l.offers {
		offer := s.thing
		offer.VendorName = l.vendors[offer.VendorID].thing
		offers = append(offers, offer)
	}
	return l.run.WriteCounted(ctx, func(ctx context.Context, tx *postgres.Tx) (jobs.Counts, error) {
		var saved Saved
		for some := range slices.Chunk(offers, chunk) {
			s, err := SaveOffers(ctx, tx, l.seller, some)
			if err != nil {
				return jobs.Counts{}, err
			}
			saved.Created, saved.Updated = saved.Created+s.Created, saved.Updated+s.Updated
		}
		counts := jobs.Counts{Created: saved.Created, Updated: saved.Updated, Unchanged: len(offers) - saved.Created - saved.Updated}
		return counts, l.run.LogTx(ctx, tx, activity.Entry{
			Level: activity.Info, Code: activity.ProductLoadCompleted, Title: "Load Products completed",
			Details: fmt.Sprintf("%s on %s from %s to %s, %d of them new. Products in ConnectWise: %s.",
				activity.Count(len(offers), "offer", "offers"), activity.Count(l.rows, "invoice line", "invoice lines"), l.window.From, l.window.To, saved.Created, l.products),
		})
	})
}
