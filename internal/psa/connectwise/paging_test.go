package connectwise

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/psa"
)

// streamed reads all companies and checks that they come in ascending id.
func streamed(t *testing.T, client *Client) ([]psa.RecordID, int, error) {
	t.Helper()
	var ids []psa.RecordID
	pages := 0
	err := client.Companies(t.Context(), func(page []psa.Company) error {
		pages++
		for _, company := range page {
			ids = append(ids, company.ID)
		}
		return nil
	})
	if !slices.IsSorted(ids) {
		t.Errorf("Companies streams %v, want ascending ids", ids)
	}
	return ids, pages, err
}

func TestCompanies_ReadsEveryPage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		records  collection
		pages    int
		requests int
	}{
		{"forward-only: none", collection{count: 0}, 0, 1},
		{"forward-only: one page", collection{count: 7}, 1, 1},
		{"forward-only: exactly one full page", collection{count: 1000}, 1, 1},
		{"forward-only: several pages", collection{count: 2500}, 3, 3},
		{"forward-only: pages cut smaller than asked for", collection{count: 700, pageCap: 250}, 3, 3},
		{"navigable: none", collection{count: 0, noForwardOnly: true}, 0, 1},
		{"navigable: one page", collection{count: 7, noForwardOnly: true}, 1, 2},
		{"navigable: several pages", collection{count: 2500, noForwardOnly: true}, 3, 4},
		{"navigable: exactly two full pages", collection{count: 2000, noForwardOnly: true}, 2, 3},
		{"navigable: pages cut smaller than asked for", collection{count: 700, pageCap: 250, noForwardOnly: true}, 3, 4},
		{"no Link at all: pages are counted", collection{count: 2500, noForwardOnly: true, noLink: true}, 3, 4},
		{"no Link at all: a full page needs one more look", collection{count: 2000, noForwardOnly: true, noLink: true}, 2, 4},
		{"the Link names another host", collection{count: 2500, linkHost: "http://127.0.0.1:1"}, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, tt.records.ServeHTTP)
			ids, pages, err := streamed(t, server.client(t))
			if err != nil || !slices.Equal(ids, recordIDs(tt.records.count)) {
				t.Fatalf("Companies streams %d ids, %v, want all %d", len(ids), err, tt.records.count)
			}
			if requests := server.all(); pages != tt.pages || len(requests) != tt.requests {
				t.Errorf("Companies streams %d pages with %d requests, want %d with %d", pages, len(requests), tt.pages, tt.requests)
			}
		})
	}
}

func TestCompanies_RemembersThatAnEndpointIsNavigable(t *testing.T) {
	t.Parallel()
	server := newServer(t, collection{count: 3, noForwardOnly: true}.ServeHTTP)
	client := server.client(t)
	for range 3 {
		if _, _, err := streamed(t, client); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(server.all()); got != 4 {
		t.Errorf("three listings took %d requests, want one more than three", got)
	}
}

func TestCompanies_FallsBackWhenForwardOnlyIsRefused(t *testing.T) {
	t.Parallel()
	records := collection{count: 1500}
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("pagination-type") != "" {
			answerJSON(w, http.StatusBadRequest, `{"code":"InvalidRequest","message":"pagination-type is not supported","errors":null}`)
			return
		}
		records.ServeHTTP(w, r)
	})
	ids, _, err := streamed(t, server.client(t))
	if err != nil || len(ids) != 1500 {
		t.Errorf("Companies streams %d ids, %v, want 1500", len(ids), err)
	}
}

func TestCompanies_FallsBackWhenAForwardOnlyAnswerIsNumbered(t *testing.T) {
	t.Parallel()
	records := collection{count: 1500, noForwardOnly: true}
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("pagination-type") // as if the server had never heard of it
		records.ServeHTTP(w, r)
	})
	ids, _, err := streamed(t, server.client(t))
	if err != nil || len(ids) != 1500 {
		t.Errorf("Companies streams %d ids, %v, want 1500", len(ids), err)
	}
}

func TestCompanies_ReadsOnWhenTheEmptyLinkOfTheLastPageIsLost(t *testing.T) {
	t.Parallel()
	records := collection{count: 2000}
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		records.ServeHTTP(dropEmptyLink{w}, r)
	})
	ids, _, err := streamed(t, server.client(t))
	if err != nil || len(ids) != 2000 {
		t.Errorf("Companies streams %d ids, %v, want 2000", len(ids), err)
	}
}

type dropEmptyLink struct{ http.ResponseWriter }

func (w dropEmptyLink) WriteHeader(status int) {
	if w.Header().Get("Link") == "" {
		w.Header().Del("Link")
	}
	w.ResponseWriter.WriteHeader(status)
}

func TestPaging_ParametersOfEveryPage(t *testing.T) {
	t.Parallel()
	for _, noForwardOnly := range []bool{false, true} {
		t.Run(fmt.Sprintf("navigable %t", noForwardOnly), func(t *testing.T) {
			t.Parallel()
			server := newServer(t, collection{count: 2500, noForwardOnly: noForwardOnly, record: func(id int) string {
				return fmt.Sprintf(`{"id":%d,"company":{"id":7}}`, id)
			}}.ServeHTTP)
			agreements, err := server.client(t).AgreementsOfCompany(t.Context(), 7)
			if err != nil || len(agreements) != 2500 {
				t.Fatalf("AgreementsOfCompany = %d agreements, %v, want 2500", len(agreements), err)
			}
			for i, request := range server.all() {
				forwardOnly := request.Header.Get("pagination-type") == "forward-only"
				if request.Query.Get("conditions") != "company/id = 7" || request.Query.Get("pageSize") != "1000" ||
					request.Query.Get("fields") != fieldsOf[agreementRecord]() {
					t.Errorf("request %d asks %s, want the condition, page size and fields on every page", i, request.Raw)
				}
				if forwardOnly && (request.Query.Has("orderBy") || request.Query.Has("page")) {
					t.Errorf("request %d asks %s, want neither orderBy nor page in a forward-only request", i, request.Raw)
				}
				if !forwardOnly && (request.Query.Get("orderBy") != "id asc" || !request.Query.Has("page")) {
					t.Errorf("request %d asks %s, want orderBy and page in a navigable request", i, request.Raw)
				}
			}
		})
	}
}

func TestPaging_EndsOnServersThatDoNotAdvance(t *testing.T) {
	t.Parallel()
	link := func(w http.ResponseWriter, next string) { w.Header().Set("Link", `<https://x/?`+next+`>; rel="next"`) }
	for _, tt := range []struct {
		name string
		api  http.HandlerFunc
	}{
		{"the same page again and again", func(w http.ResponseWriter, r *http.Request) {
			link(w, "pageId=2"+r.URL.Query().Get("pageId"))
			answerJSON(w, http.StatusOK, `[{"id":1},{"id":2}]`)
		}},
		{"the same page id and the same page", func(w http.ResponseWriter, _ *http.Request) {
			link(w, "pageId=2")
			answerJSON(w, http.StatusOK, `[{"id":1},{"id":2}]`)
		}},
		{"pages that overlap", inTurn(
			func(w http.ResponseWriter, _ *http.Request) {
				link(w, "pageId=2")
				answerJSON(w, http.StatusOK, `[{"id":1},{"id":2}]`)
			},
			func(w http.ResponseWriter, _ *http.Request) {
				link(w, "pageId=3")
				answerJSON(w, http.StatusOK, `[{"id":2},{"id":3}]`)
			},
		)},
		{"a record that comes twice on one page", always(http.StatusOK, `[{"id":1},{"id":1}]`)},
		{"empty pages without end", func(w http.ResponseWriter, r *http.Request) {
			link(w, "pageId=1"+r.URL.Query().Get("pageId"))
			answerJSON(w, http.StatusOK, `[]`)
		}},
		{"numbered pages that repeat", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("pagination-type") == "" {
				link(w, "page=2")
			}
			answerJSON(w, http.StatusOK, `[{"id":1},{"id":2}]`)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, tt.api)
			_, _, err := streamed(t, server.client(t))
			var unavailable *psa.UnavailableError
			if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Reason, "do not follow one another") {
				t.Errorf("Companies = %v, want an error about pages that do not follow one another", err)
			}
			if requests := len(server.all()); requests > 6 {
				t.Errorf("Companies took %d requests to notice", requests)
			}
		})
	}
}

func TestCompanies_AnEmptyPageThatLeadsNowhereEndsTheList(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", `<https://x/?pageId=2>; rel="next"`) // announced even when nothing follows
		if r.URL.Query().Has("pageId") {
			answerJSON(w, http.StatusOK, `[]`)
			return
		}
		answerJSON(w, http.StatusOK, `[{"id":1},{"id":2}]`)
	})
	ids, _, err := streamed(t, server.client(t))
	if err != nil || len(ids) != 2 {
		t.Errorf("Companies = %v, %v, want the two companies", ids, err)
	}
}

func TestCompanies_StopsAtTheFirstErrorOfItsCaller(t *testing.T) {
	t.Parallel()
	server := newServer(t, collection{count: 2500}.ServeHTTP)
	enough := errors.New("enough")
	err := server.client(t).Companies(t.Context(), func([]psa.Company) error { return enough })
	if err != enough {
		t.Errorf("Companies = %v, want the very error of yield", err)
	}
	if got := len(server.all()); got != 1 {
		t.Errorf("Companies made %d requests after the caller had enough, want 1", got)
	}
}

func TestListing_RecordsWithoutAReadableID(t *testing.T) {
	t.Parallel()
	const damaged = `[{"id":1},{"id":null,"name":"no id"},7,null,{"id":2}]`
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "")
		answerJSON(w, http.StatusOK, damaged)
	})
	var log lockedBuffer
	client := server.client(t, logTo(&log))
	ids, _, err := streamed(t, client)
	if err != nil || !slices.Equal(ids, recordIDs(2)) {
		t.Errorf("Companies = %v, %v, want the two that can be read", ids, err)
	}
	if !strings.Contains(log.String(), "skipped=3") {
		t.Errorf("the log says %q, want it to tell that 3 records were skipped", log.String())
	}
	var unavailable *psa.UnavailableError
	if _, err := client.Additions(t.Context(), 9); !errors.As(err, &unavailable) {
		t.Errorf("Additions = %v, want *psa.UnavailableError: what cannot be identified may be what is looked for", err)
	}
	if _, err := client.CompaniesByID(t.Context(), recordIDs(2)); !errors.As(err, &unavailable) {
		t.Errorf("CompaniesByID = %v, want *psa.UnavailableError", err)
	}
}

func TestListing_APageWithoutAnyReadableRecordIsAnError(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(http.StatusOK, `[{"name":"a"},{"name":"b"}]`))
	_, _, err := streamed(t, server.client(t))
	var unavailable *psa.UnavailableError
	if !errors.As(err, &unavailable) {
		t.Errorf("Companies = %v, want *psa.UnavailableError", err)
	}
}

func TestListing_GivesInToEndpointsThatRefuseParameters(t *testing.T) {
	t.Parallel()
	records := collection{count: 250}
	for _, tt := range []struct {
		name     string
		refuses  func(*http.Request) bool
		body     string
		requests int // of two listings
	}{
		{
			"the fields parameter",
			func(r *http.Request) bool { return r.URL.Query().Has("fields") },
			`{"code":"InvalidRequest","message":"fields","errors":null}`, 3,
		},
		{
			"a page size above 100",
			func(r *http.Request) bool { return len(r.URL.Query().Get("pageSize")) > 3 },
			`{"code":"InvalidObject","message":"","errors":[{"code":"OutOfRange","message":"","resource":"","field":"pageSize"}]}`, 7,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if tt.refuses(r) {
					answerJSON(w, http.StatusBadRequest, tt.body)
					return
				}
				records.ServeHTTP(w, r)
			})
			client := server.client(t)
			for range 2 {
				if ids, _, err := streamed(t, client); err != nil || len(ids) != 250 {
					t.Fatalf("Companies = %d companies, %v, want 250", len(ids), err)
				}
			}
			if got := len(server.all()); got != tt.requests {
				t.Errorf("two listings took %d requests, want %d: the refusal is remembered", got, tt.requests)
			}
		})
	}
}

func TestListing_ARefusalForAnotherReasonIsReported(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(http.StatusBadRequest, `{"code":"ApiFindCondition","message":"company is not a recognized name.","errors":null}`))
	_, err := server.client(t).AgreementsOfCompany(t.Context(), 1)
	var refused *psa.RefusedError
	if !errors.As(err, &refused) || refused.Status != 400 || refused.Code != "ApiFindCondition" {
		t.Errorf("AgreementsOfCompany = %v, want the refusal", err)
	}
}
