package gateway_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	simconnectwise "crosswalk/internal/simulator/connectwise"
	"crosswalk/internal/simulator/fault"
)

// maxURL is how long a URL may be that asks ConnectWise for many ids.
const maxURL = 1745

// Queries of a page: with fields that need ConnectWise, and without.
const (
	verifiedPage = `query ($first: Int = 1000) { organizations(first: $first) {
		nodes { name mappingStatus mappingStatusMessage psaCompany { name freshness deleted } } } }`
	storedPage = `{ organizations(first: 1000) { totalCount nodes { id name excludedFromSync revision mappedAt mappedBy } } }`
)

// companyCalls are the requests for companies that ConnectWise got, each as its path and query.
func companyCalls(w *gatewaytest.World) []string {
	var urls []string
	for _, call := range w.ConnectWise.Faults().Calls() {
		if strings.HasSuffix(call.Path, companiesPath) {
			urls = append(urls, call.Path+"?"+call.Query)
		}
	}
	return urls
}

// startMapped puts up a world with as many mapped organizations, each with a company of its own whose number
// has six digits.
func startMapped(t *testing.T, rows int, options gatewaytest.Options) *gatewaytest.World {
	t.Helper()
	w := gatewaytest.Start(t, options)
	for i := range rows {
		w.ConnectWise.AddCompany(simconnectwise.Company{
			ID: 250_000 + i, Identifier: "C" + number(i), Name: "Company " + number(i), WithoutContact: true,
		})
		w.AddCustomer("Customer "+number(i), number(i), "Active")
	}
	w.Sync(t)
	known := companies(t, w.Seller)
	var mappings []variables
	for i, o := range organizations(t, w.Seller) {
		mappings = append(mappings, variables{"organizationId": o.ID, "psaCompanyId": known["C"+number(i)].ID})
	}
	if got := mapOrganizations(t, w.Seller, mappings); len(got.UserErrors) > 0 {
		t.Fatalf("map %d organizations: %+v", rows, got.UserErrors)
	}
	w.ConnectWise.ForgetCalls()
	return w
}

func TestAPageCostsOneCallForEachURLFullOfIdsAndNeverOneARow(t *testing.T) {
	t.Parallel()
	ids := regexp.MustCompile(`[0-9,]{6,}`)
	results := make(map[int][3]int)
	var mu sync.Mutex
	t.Run("measured", func(t *testing.T) {
		for _, rows := range []int{20, 100, 1000} {
			t.Run(strconv.Itoa(rows)+" rows", func(t *testing.T) {
				t.Parallel()
				// Answers last long here, as those of the mapping itself must not: the replica is a second one.
				w := startMapped(t, rows, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Hour }})
				s := w.On(w.Replica(t))

				s.Must(t, viewer, verifiedPage, variables{"first": rows}, nil)

				calls, length, fixed := companyCalls(w), 0, 0
				for _, url := range calls {
					url = w.ConnectWiseURL + url
					if len(url) > maxURL {
						t.Errorf("a URL of %d characters was sent, want at most %d: %s", len(url), maxURL, url)
					}
					list := ids.FindString(url[strings.Index(url, "("):])
					length += len(list) + 1
					fixed = max(fixed, len(url)-len(list))
				}
				room := maxURL - fixed + 1
				if want := (length + room - 1) / room; len(calls) != want {
					t.Errorf("a page of %d mapped rows cost %d calls, want %d", rows, len(calls), want)
				}
				w.ConnectWise.ForgetCalls()
				s.Must(t, viewer, storedPage, nil, nil)
				stored := w.ConnectWise.CallCount("")
				s.Must(t, viewer, verifiedPage, variables{"first": rows}, nil)
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
	t.Log("ConnectWise calls of a page whose rows are all mapped, each to another company with a number of six digits:")
	t.Log("| rows | first time | again while fresh | without PSA fields |")
	t.Log("|-----:|-----------:|------------------:|-------------------:|")
	for _, rows := range []int{20, 100, 1000} {
		got := results[rows]
		t.Logf("| %4d | %10d | %17d | %18d |", rows, got[0], got[2], got[1])
	}
}

func TestOnlyPSAFieldsAskConnectWise(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 3, gatewaytest.Options{})
	for selection, asks := range map[string]bool{
		"nodes { id platformId name referenceNumber status excludedFromSync revision mappedAt mappedBy }": false,
		"totalCount facets { psaStatus { value count } mappingStatus { value count } }":                   false,
		"nodes { mappingStatus }":                                 true,
		"nodes { mappingStatusMessage }":                          true,
		"nodes { psaCompany { id } }":                             true,
		"edges { node { ...on Organization { mappingStatus } } }": true,
		"nodes { name mappingStatus @skip(if: true) }":            false,
	} {
		w.ConnectWise.ForgetCalls()
		response := w.Must(t, viewer, "{ organizations { "+selection+" } }", nil, nil)
		if got := w.ConnectWise.CallCount("GET " + companiesPath); got != btoi(asks) {
			t.Errorf("%s cost %d ConnectWise calls, want %d", selection, got, btoi(asks))
		}
		if _, told := response.Extensions["psa"]; told != asks {
			t.Errorf("%s has extensions.psa: %t, want %t", selection, told, asks)
		}
	}
	w.ConnectWise.ForgetCalls()
	w.Must(t, viewer, `{ organizations(filter: {psaStatus: "Active"}, orderBy: {field: PSA_NAME}, search: "company") { nodes { name } } }`, nil, nil)
	w.Must(t, viewer, `{ psaCompanies { nodes { name status deleted freshness organizations { totalCount } } } }`, nil, nil)
	if got := w.ConnectWise.CallCount(""); got != 0 {
		t.Errorf("filtering, sorting, searching and picking by PSA columns cost %d ConnectWise calls, want none", got)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestRowsAndListsOfTheSameCompaniesShareACall(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 4, gatewaytest.Options{})
	rows := organizations(t, w.Seller)
	mapTo(t, w.Seller, rows[1].ID, rows[0].PsaCompany.ID, nil)
	w.ConnectWise.ForgetCalls()
	w.Must(t, viewer, `{
		forwards: organizations(first: 4) { nodes { mappingStatus psaCompany { name } } }
		backwards: organizations(last: 4) { nodes { mappingStatus psaCompany { status } } }
	}`, nil, nil)
	if got := w.ConnectWise.CallCount("GET " + companiesPath); got != 1 {
		t.Errorf("two lists of the same companies cost %d ConnectWise calls, want 1", got)
	}
}

func TestRequestsAtTheSameTimeShareTheirCalls(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 20, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Hour }})
	s := w.On(w.Replica(t))
	setFaults(t, w.ConnectWise.Faults().Set, fault.Fault{Kind: fault.Slow, Path: companiesPath, DelayMilliseconds: 200})
	var requests sync.WaitGroup
	for range 5 {
		requests.Go(func() {
			response := s.Query(t, viewer, verifiedPage, nil)
			if strings.Count(string(response.Body), `"LIVE"`) != 20 {
				t.Errorf("a request that shared its calls got %s, want 20 live companies", response.Body)
			}
		})
	}
	requests.Wait()
	if got := w.ConnectWise.CallCount("GET " + companiesPath); got != 1 {
		t.Errorf("five requests for the same page at the same time cost %d ConnectWise calls, want 1", got)
	}
}

func TestAnAnswerServesOtherRequestsOnlyWhileItIsFresh(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 1, gatewaytest.Options{Gateway: func(c *gateway.Config) { c.PSAFreshness = time.Nanosecond }})
	if err := w.ConnectWise.RenameCompany(250_000, "Renamed"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := organizations(t, w.Seller)[0].PsaCompany; got.Name != "Renamed" || got.Freshness != "LIVE" {
			t.Errorf("the mapped company is shown as %+v, want it LIVE with its new name", got)
		}
	}
	if got := w.ConnectWise.CallCount("GET " + companiesPath); got != 2 {
		t.Errorf("two requests one after the other cost %d calls when answers do not last, want 2", got)
	}
}

func TestACompanyDeletedInConnectWiseIsShownAsDeletedAndNotAsAnError(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*simconnectwise.Simulator) error{
		"into the recycle bin": func(s *simconnectwise.Simulator) error { return s.DeleteCompany(250_000) },
		"for good":             func(s *simconnectwise.Simulator) error { return s.PurgeCompany(250_000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startMapped(t, 1, gatewaytest.Options{})
			if err := remove(w.ConnectWise); err != nil {
				t.Fatal(err)
			}
			golden(t, "deleted-company", w.Must(t, viewer, `{ organizations { nodes {
				name mappingStatus mappingStatusMessage psaCompany { recordId identifier name deleted freshness }
			} } }`, nil, nil))
		})
	}
}

func TestACompanyByItsIdIsReadLive(t *testing.T) {
	t.Parallel()
	w := startMapped(t, 2, gatewaytest.Options{})
	known := companies(t, w.Seller)
	if err := w.ConnectWise.SetCompanyStatus(250_001, "On hold"); err != nil {
		t.Fatal(err)
	}
	var data struct{ Nodes []*company }
	w.Must(t, viewer, `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on PsaCompany { id name status freshness deleted } } }`,
		variables{"ids": []string{known["C00001"].ID, known["C00000"].ID}}, &data)
	if got := data.Nodes[0]; got == nil || deref(got.Status) != "On hold" || got.Freshness != "LIVE" {
		t.Errorf("the company by its id is %+v, want it LIVE with the status On hold", got)
	}
	if got := w.ConnectWise.CallCount("GET " + companiesPath); got != 1 {
		t.Errorf("two companies by their ids cost %d calls, want 1", got)
	}
	response := w.Query(t, viewer, `{ psaCompanies(search: "00001") { nodes { status freshness } } }`, nil)
	if response.Status != http.StatusOK || !strings.Contains(string(response.Body), `"freshness":"STALE"`) {
		t.Errorf("the picker answered %s, want the mirror's copy", response.Body)
	}
}
