package gateway_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/platform"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// Queries of a page: with fields that need ConnectWise, and without.
const (
	verifiedOffers = `query ($first: Int = 1000) { offers(first: $first) {
		nodes { name mappingStatus mappingStatusMessage psaProduct { identifier description freshness deleted } } } }`
	storedOffers = `{ offers(first: 1000, search: "a", filter: {mappingStatus: MAPPED}, orderBy: {field: PSA_PRODUCT_NAME}) {
		totalCount nodes { id name externalId vendor { name } revision mappedAt mappedBy } facets { vendor { count } } } }`
)

// catalogCalls are the addresses of the requests for products that ConnectWise got.
func catalogCalls(w *gatewaytest.World) []string {
	var urls []string
	for _, call := range w.ConnectWise.Faults().Calls() {
		if strings.HasSuffix(call.Path, catalogPath) {
			urls = append(urls, w.ConnectWiseURL+call.Path+"?"+call.Query)
		}
	}
	return urls
}

// startSold puts up a world with as many mapped offers, each with a product of its own whose number has six
// digits.
func startSold(t *testing.T, rows int, options gatewaytest.Options) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, options)
	var lines []platform.InvoiceRow
	for i := range rows {
		w.ConnectWise.AddProduct(simconnectwise.Product{ID: 350_000 + i, Identifier: "P" + number(i), Description: "Product " + number(i)})
		lines = append(lines, sold(number(i), "Offer "+number(i)))
	}
	bill(w, today(), lines...)
	w.Load(t, 1)
	known := products(t, w.Seller)
	var mappings []variables
	for i, o := range offers(t, w.Seller) {
		mappings = append(mappings, variables{"offerId": o.ID, "psaProductId": known["P"+number(i)].ID})
	}
	if got := mapOffers(t, w.Seller, mappings); len(got.UserErrors) > 0 {
		t.Fatalf("map %d offers: %+v", rows, got.UserErrors)
	}
	w.ConnectWise.ForgetCalls()
	return w
}

func TestAPageOfOffersCostsOneCallForEachURLFullOfIds(t *testing.T) {
	t.Parallel()
	results := make(map[int][3]int)
	var mu sync.Mutex
	t.Run("measured", func(t *testing.T) {
		for _, rows := range []int{20, 100, 1000} {
			t.Run(strconv.Itoa(rows)+" rows", func(t *testing.T) {
				t.Parallel()
				// Answers last long here, as those of the mapping itself must not: the replica is a second one.
				w := startSold(t, rows, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Hour }})
				s := w.On(w.Replica(t))

				response := s.Must(t, viewer, verifiedOffers, variables{"first": rows}, nil)

				if live := strings.Count(string(response.Body), `"LIVE"`); live != rows {
					t.Errorf("%d of %d products are live", live, rows)
				}
				calls := catalogCalls(w)
				for _, url := range calls {
					if len(url) > maxURL {
						t.Errorf("a URL of %d characters was sent, want at most %d: %s", len(url), maxURL, url)
					}
				}
				const id = len("350000,")
				if room := maxURL - 400; len(calls) > (rows*id+room-1)/room { // 400 is more than all but the ids takes
					t.Errorf("a page of %d mapped rows cost %d calls, want at most %d", rows, len(calls), (rows*id+room-1)/room)
				}
				w.ConnectWise.ForgetCalls()
				s.Must(t, viewer, storedOffers, nil, nil)
				stored := w.ConnectWise.CallCount("")
				s.Must(t, viewer, verifiedOffers, variables{"first": rows}, nil)
				again := w.ConnectWise.CallCount("")
				if stored != 0 || again != 0 {
					t.Errorf("without PSA fields the page cost %d calls, and again while fresh %d; want none", stored, again)
				}
				mu.Lock()
				defer mu.Unlock()
				results[rows] = [3]int{len(calls), stored, again}
			})
		}
	})
	t.Log("ConnectWise calls of a Products page whose rows are all mapped, each to another product with a number of six digits:")
	t.Log("| rows | first time | again while fresh | without PSA fields |")
	t.Log("|-----:|-----------:|------------------:|-------------------:|")
	for _, rows := range []int{20, 100, 1000} {
		got := results[rows]
		t.Logf("| %4d | %10d | %17d | %18d |", rows, got[0], got[2], got[1])
	}
}

func TestWhileConnectWiseFailsThePageOfOffersArrivesFromTheMirrorAndIsLiveAgainAfterwards(t *testing.T) {
	t.Parallel()
	const page = `{ offers { totalCount nodes { ` + offerFields + ` } } mappingSummary { offers { total mapped unmapped } } }`
	type answer struct {
		Offers         struct{ Nodes []offer }
		MappingSummary struct {
			Offers struct{ Total, Mapped, Unmapped int }
		}
	}
	for name, test := range map[string]struct {
		fault  fault.Fault
		budget time.Duration
	}{
		"it is down":                 {fault.Fault{Kind: fault.NoAnswer}, 10 * time.Second},
		"it is slow":                 {fault.Fault{Kind: fault.Slow, Path: catalogPath, DelayMilliseconds: 1500}, 300 * time.Millisecond},
		"it answers 500":             {fault.Fault{Kind: fault.ServerError}, 10 * time.Second},
		"it refuses the credentials": {fault.Fault{Kind: fault.Unauthorized}, 10 * time.Second},
		"a web page comes with 200":  {fault.Fault{Kind: fault.WebPage}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, one, _, seat, _ := startSale(t, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSABudget = test.budget }})
			before := sellAs(t, w.Seller, one.ID, seat.ID)
			setFaults(t, w.ConnectWise.Faults().Set, test.fault)

			var degraded answer
			response := w.Must(t, viewer, page, nil, &degraded)

			mapped, unmapped := degraded.Offers.Nodes[0], degraded.Offers.Nodes[1]
			if mapped.MappingStatus != "RESPONSE_ERROR" || deref(mapped.MappingStatusMessage) != "Please refresh the page in a few minutes and try again." {
				t.Errorf("the mapped row has the status %s with %q", mapped.MappingStatus, deref(mapped.MappingStatusMessage))
			}
			want := *before.PsaProduct
			want.Freshness = "STALE"
			if got := mapped.PsaProduct; got == nil || got.Identifier != want.Identifier || got.Description != want.Description ||
				got.Freshness != "STALE" || got.Deleted || deref(got.Category) != deref(want.Category) {
				t.Errorf("the mapped product is %+v, want the mirror's copy %+v", got, want)
			}
			if unmapped.MappingStatus != "UNMAPPED" || unmapped.MappingStatusMessage != nil || unmapped.PsaProduct != nil {
				t.Errorf("the unmapped row is %+v, want it UNMAPPED as ever", unmapped)
			}
			if got := degraded.MappingSummary.Offers; got.Total != 2 || got.Mapped != 1 || got.Unmapped != 1 || mapped.Revision != before.Revision {
				t.Errorf("meanwhile the totals are %+v and the row is at revision %d, want what is stored", got, mapped.Revision)
			}
			if report := reportOf(t, response); report.Available || report.RetryAt == nil {
				t.Errorf("extensions.psa is %s, want available false and a retryAt", response.Extensions["psa"])
			}
			if got := askOffers(t, w.Seller, variables{"filter": variables{"mappingStatus": "MAPPED"}}).ids(); len(got) != 1 {
				t.Errorf("meanwhile the filter MAPPED finds %q, want the row as stored", got)
			}
			w.ConnectWise.Faults().Clear()
			gatewaytest.Eventually(t, "the row is live again", func() bool {
				return offerOf(t, w.Seller, "one").MappingStatus == "MAPPED"
			})
			if got := offerOf(t, w.Seller, "one"); got.PsaProduct.Freshness != "LIVE" || got.MappingStatusMessage != nil {
				t.Errorf("after the outage the row is %+v with %+v, want it LIVE without a message", got, got.PsaProduct)
			}
		})
	}
}
