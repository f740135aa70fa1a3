package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

const catalogPath = "/procurement/catalog"

func TestTheOfferForDefaultSubscriptionHasNoExternalID(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	const custom = "Offer for Default Subscription"
	withoutID := sold("without", "Plain")
	withoutID.VendorOfferID = ""
	bill(w, today(), sold("custom", custom), sold("like it", custom+" Plus"), sold("in lower case", strings.ToLower(custom)), withoutID)
	w.Load(t, 1)
	for platformID, want := range map[string]struct {
		custom     bool
		externalID string
	}{
		"custom":        {true, "(nothing)"},
		"like it":       {false, "EXT-like it"},
		"in lower case": {false, "EXT-in lower case"},
		"without":       {false, "(nothing)"},
	} {
		if got := offerOf(t, w.Seller, platformID); got.IsCustomInvoiceOffer != want.custom || deref(got.ExternalID) != want.externalID {
			t.Errorf("%q has isCustomInvoiceOffer %t and the external ID %s, want %t and %s",
				got.Name, got.IsCustomInvoiceOffer, deref(got.ExternalID), want.custom, want.externalID)
		}
	}
	var data struct{ Offers struct{ TotalCount int } }
	w.Must(t, viewer, `{ offers(search: "EXT-custom") { totalCount } }`, nil, &data)
	if data.Offers.TotalCount != 0 {
		t.Error("the offer for custom invoices is found by the identifier that it does not have")
	}
}

func TestLoadingCountsAndLogsWhatItDid(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "SEAT", Description: "Seat"})
	bill(w, today(), sold("one", "One"), sold("two", "Two"), sold("one", "One"))

	job := w.Load(t, 3)

	if job.Kind != "LOAD_OFFERS" || job.RequestedBy != "operator@example.com" || job.Error != nil || job.Step != nil {
		t.Errorf("the run is %+v, want a LOAD_OFFERS of operator@example.com without step or error", job)
	}
	if job.Created != 2 || job.Updated+job.Unchanged+job.Skipped+job.Failed+job.Cancelled != 0 {
		t.Errorf("the run counted %+v, want 2 created and nothing else", job)
	}
	if diff := cmp.Diff([]string{"PRODUCT_LOAD_COMPLETED", "PRODUCT_LOAD_STARTED"}, job.Codes()); diff != "" {
		t.Errorf("log of the run (-want +got):\n%s", diff)
	}
	started, completed := job.LogEntries.Nodes[1], job.LogEntries.Nodes[0]
	for text, entry := range map[string]gatewaytest.LogEntry{
		"last 3 months":                   started,
		"Requested by operator":           started,
		"2 offers on 3 invoice lines":     completed,
		"from 2026-02-18 to 2026-05-18":   completed,
		"2 of them new":                   completed,
		"Products in ConnectWise: 1 read": completed,
	} {
		if entry.Level != "INFO" || !strings.Contains(entry.Details, text) {
			t.Errorf("the %s entry %s says %q, want it INFO and to say %q", entry.Level, entry.Code, entry.Details, text)
		}
	}
}

func TestLoadingNothingSucceeds(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	job := w.Load(t, 12)
	if job.Created+job.Updated+job.Unchanged != 0 || job.Total == nil || job.Done != *job.Total {
		t.Errorf("a run that found nothing is %+v, want nothing counted and all of it done", job)
	}
}

func TestLoadingRefreshesTheCatalog(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	price := decimal.RequireFromString("12.34")
	staying := w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "STAY", Description: "Stay", Category: "Cloud", Price: price, Cost: price.Neg()})
	vanishing := w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "VANISH", Description: "Vanish"})
	retiring := w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "RETIRE", Description: "Retire"})
	bill(w, today(), sold("offer", "Offer"))
	w.Load(t, 1)
	sellAs(t, w.Seller, offerOf(t, w.Seller, "offer").ID, products(t, w.Seller)["VANISH"].ID)

	if err := w.ConnectWise.RenameProduct(staying, "Still Here"); err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.PurgeProduct(vanishing); err != nil {
		t.Fatal(err)
	}
	if err := w.ConnectWise.DeactivateProduct(retiring); err != nil {
		t.Fatal(err)
	}
	w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "NEW", Description: "New"})
	job := w.Load(t, 1)

	if !strings.Contains(job.LogEntries.Nodes[0].Details, "3 read, 3 new or changed, 1 no longer there") {
		t.Errorf("the log says %q of the catalog, want 3 read, 3 new or changed, 1 no longer there", job.LogEntries.Nodes[0].Details)
	}
	type state struct {
		Description, Category, Price, Cost string
		Inactive, Deleted                  bool
	}
	got := make(map[string]state)
	for identifier, p := range products(t, w.Seller) {
		got[identifier] = state{p.Description, deref(p.Category), deref(p.Price), deref(p.Cost), p.Inactive, p.Deleted}
	}
	want := map[string]state{
		"STAY":   {"Still Here", "Cloud", "12.34", "-12.34", false, false},
		"VANISH": {"Vanish", "Cloud services", "0", "0", false, true},
		"RETIRE": {"Retire", "Cloud services", "0", "0", true, false},
		"NEW":    {"New", "Cloud services", "0", "0", false, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the mirrored catalog (-want +got):\n%s", diff)
	}
	mapped := offerOf(t, w.Seller, "offer")
	if mapped.MappingStatus != "MAPPED" || mapped.PsaProduct == nil || !mapped.PsaProduct.Deleted || mapped.PsaProduct.Description != "Vanish" ||
		mapped.MappingStatusMessage == nil {
		t.Errorf("the offer mapped to a vanished product is %+v (%+v), want it MAPPED to Vanish, deleted, with a message", mapped, mapped.PsaProduct)
	}
}

func TestASecondLoadReturnsTheRunUnderWay(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2})
	setFaults(t, w.ConnectWise.Faults().Set, stuck(catalogPath))
	first := w.StartLoad(t, 3)
	if !first.Started || len(first.UserErrors) > 0 {
		t.Errorf("the first loadOffers answered %+v, want a new run", first)
	}
	if same := w.StartLoad(t, 3); same.Started || same.Job.ID != first.Job.ID || len(same.UserErrors) > 0 {
		t.Errorf("loadOffers of the same window answered %+v, want the run under way and no refusal", same)
	}
	for _, months := range []int{2, 12} {
		other := w.StartLoad(t, months)
		if other.Started || other.Job == nil || other.Job.ID != first.Job.ID {
			t.Errorf("loadOffers of %d months answered %+v, want the run under way", months, other)
		}
		wantRefused(t, "loadOffers of another window", other.UserErrors, "JOB_RUNNING")
	}
	// Neither another kind of run nor another seller's is in the way.
	if id, started := w.StartSync(t); !started {
		t.Errorf("syncOrganizations during a load returned job %s, want a new one", id)
	} else {
		w.WaitForJob(t, id)
	}
	neighbour := w.Sellers[1].StartLoad(t, 2)
	if !neighbour.Started || len(neighbour.UserErrors) > 0 {
		t.Errorf("loadOffers of another seller answered %+v, want a new run", neighbour)
	}
	cancelJob(t, w.Sellers[1], neighbour.Job.ID)
	cancelJob(t, w.Seller, first.Job.ID)
	w.Sellers[1].WaitForJob(t, neighbour.Job.ID)
	if job := w.WaitForJob(t, first.Job.ID); job.State != "CANCELLED" {
		t.Errorf("the cancelled run ended as %s", job.State)
	}
	w.ConnectWise.Faults().Clear()
	w.Load(t, 2)
}

func TestALoadShowsWhatItIsDoing(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{ConnectWise: simconnectwise.Options{Products: 30}})
	var rows []platform.InvoiceRow
	for i := range 1500 {
		rows = append(rows, sold(number(i), "Offer "+number(i)))
	}
	bill(w, today(), rows...)
	setFaults(t, w.Platform.SetFaults, fault.Fault{Kind: fault.Slow, Path: rowsPath, Page: 2, DelayMilliseconds: stuck("").DelayMilliseconds})
	started := w.StartLoad(t, 1)
	var job gatewaytest.Job
	gatewaytest.Eventually(t, "the run has read the first page of lines", func() bool {
		job = w.Job(t, started.Job.ID)
		return job.Done == 1030
	})
	if job.State != "RUNNING" || deref(job.Step) != "Reading invoice lines from the Platform" || job.Total == nil || *job.Total != 1530 {
		t.Errorf("the run shows state %s, step %q, %d of %v; want RUNNING and 1030 of 1530 invoice lines", job.State, deref(job.Step), job.Done, job.Total)
	}
	if got := offerNames(t, w.Seller); len(got) > 0 {
		t.Errorf("%d offers are there before the run is through, want none", len(got))
	}
	cancelJob(t, w.Seller, started.Job.ID)
	if job := w.WaitForJob(t, started.Job.ID); job.State != "CANCELLED" || len(offerNames(t, w.Seller)) > 0 {
		t.Errorf("the cancelled run is %s and left %d offers, want CANCELLED and none", job.State, len(offerNames(t, w.Seller)))
	}
}

func TestAFeedPageThatKeepsFailingFailsTheLoadWithItsNumberAndAppliesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault fault.Fault
		says  []string
	}{
		{"lines: 500 on page 2", fault.Fault{Kind: fault.ServerError, Path: rowsPath, Page: 2}, []string{"invoice rows", "page 2", "status 500"}},
		{"lines: a broken answer on page 2", fault.Fault{Kind: fault.BrokenOff, Path: rowsPath, Page: 2}, []string{"invoice rows", "page 2", "broke off"}},
		{"lines: half an answer on page 2", fault.Fault{Kind: fault.Truncated, Path: rowsPath, Page: 2}, []string{"invoice rows", "page 2"}},
		{"lines: a web page on page 1", fault.Fault{Kind: fault.WebPage, Path: rowsPath, Page: 1}, []string{"invoice rows", "page 1", "web page"}},
		{"invoices: 502 on page 2", fault.Fault{Kind: fault.BadGateway, Path: headersPath, Page: 2}, []string{"invoice headers", "page 2", "status 502"}},
		{"lines: no more access on page 2", fault.Fault{Kind: fault.Unauthorized, Path: rowsPath, Page: 2}, []string{"invoice rows", "page 2", "refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := gatewaytest.Start(t, gatewaytest.Options{})
			bill(w, today().AddDays(-20), sold("known", "Known"), sold("mapped", "Mapped"))
			w.ConnectWise.AddProduct(simconnectwise.Product{Identifier: "SEAT", Description: "Seat"})
			w.Load(t, 1)
			sellAs(t, w.Seller, offerOf(t, w.Seller, "mapped").ID, products(t, w.Seller)["SEAT"].ID)
			before := offers(t, w.Seller)
			bill(w, today().AddDays(-10), sold("known", "Renamed"))
			for i := range 1010 {
				bill(w, today().AddDays(-i%9), sold(number(i), "Offer "+number(i)))
			}
			w.Platform.ForgetCalls()
			setFaults(t, w.Platform.SetFaults, test.fault)

			job := w.WaitForJob(t, w.StartLoad(t, 1).Job.ID)

			if job.State != "FAILED" || job.Error == nil {
				t.Fatalf("the run ended as %s with %v, want FAILED", job.State, deref(job.Error))
			}
			for _, text := range test.says {
				if !strings.Contains(*job.Error, text) {
					t.Errorf("the run failed with %q, want it to say %q", *job.Error, text)
				}
			}
			if got := job.LogEntries.Nodes[0]; got.Level != "ERROR" || got.Code != "PLATFORM_LOAD_FAILED" || got.Details != *job.Error {
				t.Errorf("the run logged %+v last, want an ERROR with PLATFORM_LOAD_FAILED and its reason", got)
			}
			if tries := w.Platform.CallCount(test.fault.Path); test.fault.Kind != fault.Unauthorized && tries < 3 {
				t.Errorf("the page was asked for %d times at most, want it retried", tries)
			}
			if job.Created+job.Updated+job.Unchanged+job.Skipped != 0 {
				t.Errorf("the failed run counted %+v, want nothing", job)
			}
			if diff := cmp.Diff(before, offers(t, w.Seller)); diff != "" {
				t.Errorf("the failed run changed offers (-before +after):\n%s", diff)
			}
			w.Platform.ClearFaults()
			if job := w.Load(t, 1); job.Created != 1010 || job.Updated != 1 || job.Unchanged != 1 {
				t.Errorf("the next run counted %+v, want 1010 created, 1 updated, 1 unchanged", job)
			}
		})
	}
}

func TestAFeedPageThatFailsForAWhileIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	for i := range 1010 {
		bill(w, today(), sold(number(i), "Offer "+number(i)))
	}
	setFaults(t, w.Platform.SetFaults,
		fault.Fault{Kind: fault.ServerError, Path: rowsPath, Page: 2, Count: 1},
		fault.Fault{Kind: fault.BrokenOff, Path: rowsPath, Page: 2, Count: 1},
		fault.Fault{Kind: fault.RateLimited, Path: headersPath, Page: 2, Count: 1})
	if job := w.Load(t, 1); job.Created != 1010 {
		t.Errorf("the run created %d offers, want 1010", job.Created)
	}
	var pages []string
	for _, call := range w.Platform.Calls() {
		if call.Path == rowsPath {
			_, page, _ := strings.Cut(call.Query, "&page=")
			pages = append(pages, page[:1])
		}
	}
	if want := []string{"1", "2", "2", "2"}; !slices.Equal(pages, want) {
		t.Errorf("pages of lines were asked for in the order %q, want %q", pages, want)
	}
}

func TestAFailingCatalogFailsTheLoadAndFlagsNothing(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{ConnectWise: simconnectwise.Options{Products: 1500}})
	bill(w, today(), sold("known", "Known"))
	w.Load(t, 1)
	bill(w, today(), sold("later", "Later"))
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.ServerError, Path: catalogPath})

	job := w.WaitForJob(t, w.StartLoad(t, 1).Job.ID)

	if job.State != "FAILED" || job.LogEntries.Nodes[0].Code != "PSA_UNAVAILABLE" || !strings.Contains(deref(job.Error), "status 500") {
		t.Errorf("the run ended as %s with %q, logging %+v; want FAILED with PSA_UNAVAILABLE, saying status 500", job.State, deref(job.Error), job.LogEntries.Nodes[0])
	}
	if got := offerNames(t, w.Seller); !slices.Equal(got, []string{"Known"}) {
		t.Errorf("after the failed run there are the offers %q, want Known alone", got)
	}
	for identifier, p := range products(t, w.Seller) {
		if p.Deleted {
			t.Errorf("the failed run flagged product %s as deleted", identifier)
		}
	}
}
