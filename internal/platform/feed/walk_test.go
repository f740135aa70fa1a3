package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/platform"
)

func TestInvoiceRows_ReadsEveryPageOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		rows        int
		size, limit int
		pages       int
	}{
		{"an empty collection hands on nothing", 0, 10, 0, 0},
		{"one page that is not full", 3, 10, 0, 1},
		{"one full page needs no second request", 10, 10, 0, 1},
		{"the last page is not full", 25, 10, 0, 3},
		{"all pages are full", 30, 10, 0, 3},
		{"a feed that sends less than it was asked for", 25, 10, 4, 7},
		{"one row a page", 5, 1, 0, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, rows(tt.rows)...)
			s.limit = tt.limit
			got := readRows(t, s.client(t, pageSize(tt.size)))
			got.wantRows(t, tt.rows, tt.pages)
			for i, page := range got.pages {
				if want := (platform.Page{Number: i + 1, TotalCount: tt.rows}); page != want {
					t.Errorf("page handed on = %+v, want %+v", page, want)
				}
			}
			if asked := s.pagesAsked(); len(asked) != max(tt.pages, 1) {
				t.Errorf("pages asked for = %v, want %d", asked, max(tt.pages, 1))
			}
		})
	}
}

func TestInvoiceRows_AFeedThatHidesHowMuchItSendsIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	all := rows(12)
	s.spoil = func(w http.ResponseWriter, _ *http.Request, number, _ int) bool {
		from := min((number-1)*5, 12)
		writePage(w, number, 1000, 12, all[from:min(from+5, 12)])
		return true
	}
	readRows(t, s.client(t)).wantRows(t, 12, 3)
}

func TestInvoiceRows_APartIsNeverTakenForTheWhole(t *testing.T) {
	t.Parallel()
	type answer struct {
		total, from, to int
		number          int
	}
	for _, tt := range []struct {
		name    string
		answers []answer
		page    int
		text    string
	}{
		{"an empty page where rows are due", []answer{{30, 0, 10, 1}, {30, 0, 0, 2}}, 2, "row 11 of 30 is missing"},
		{"an empty first page of a collection that has rows", []answer{{30, 0, 0, 1}}, 1, "row 1 of 30 is missing"},
		{"a page that ends half-way", []answer{{30, 0, 10, 1}, {30, 10, 15, 2}}, 2, "row 16 of 30 is missing"},
		{"a first page that ends half-way", []answer{{30, 0, 5, 1}, {30, 10, 20, 2}, {30, 20, 30, 3}, {30, 0, 0, 4}}, 4, "row 26 of 30 is missing"},
		{"the first page again and again", []answer{{30, 0, 10, 0}, {30, 0, 10, 0}}, 2, "repeats page 1"},
		{"another page than the one asked for", []answer{{30, 0, 10, 1}, {30, 0, 10, 1}}, 2, "page 1 came instead"},
		{"more rows gone than a page holds", []answer{{300, 0, 10, 1}, {200, 10, 20, 2}}, 2, "100 rows disappeared"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := rows(300)
			s := newStandIn(t)
			s.spoil = func(w http.ResponseWriter, _ *http.Request, number, _ int) bool {
				a := tt.answers[number-1]
				writePage(w, a.number, 10, a.total, all[a.from:a.to])
				return true
			}
			wantError(t, readRows(t, s.client(t, pageSize(10))).err, tt.page, 0, tt.text)
		})
	}
}

func TestInvoiceRows_ACollectionThatNeverStopsGrowingIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	s.spoil = func(w http.ResponseWriter, _ *http.Request, number, _ int) bool {
		writePage(w, number, 1, number+1, []string{rowJSON(fmt.Sprintf("row-%d", number), nil)})
		return true
	}
	got := readRows(t, s.client(t, pageSize(1)))
	wantError(t, got.err, len(got.pages)+1, 0, "grows faster than it can be read")
	if len(got.pages) > 200 {
		t.Errorf("%d pages were read of a collection that said it had 2 rows, want a bound near 100", len(got.pages))
	}
}

func TestInvoiceRows_RowsAddedWhileReadingAreReadOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		at   int
		want func(all []string) []string
	}{
		{"at the end", 6, func(all []string) []string { return append(all, "new") }},
		{"on a page still to be read", 4, func(all []string) []string { return slices.Insert(all, 4, "new") }},
		{"on a page already read, which is read again", 0, func(all []string) []string { return slices.Insert(all, 0, "new") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, rows(6)...)
			s.spoil = func(_ http.ResponseWriter, _ *http.Request, number, _ int) bool {
				if number == 2 && len(s.rows) == 6 {
					s.rows = slices.Insert(s.rows, tt.at, rowJSON("new", nil))
				}
				return false
			}
			got := readRows(t, s.client(t, pageSize(2)))
			want := tt.want(rowIDs(6))
			if diff := cmp.Diff(want, got.ids); diff != "" || got.err != nil {
				t.Errorf("rows read (-want +got), error %v:\n%s", got.err, diff)
			}
		})
	}
}

func TestInvoiceRows_ACollectionThatGrewInFrontIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		added []int // how many rows are new in front when page 2 is asked for, by round
		pages []int
	}{
		{"by one row", []int{1}, []int{1, 2, 3, 4, 1, 2, 3, 4}},
		{"by as many as stand on two pages and a half", []int{5}, []int{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}},
		{"in two rounds", []int{1, 1}, []int{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, rows(6)...)
			want := rowIDs(6)
			s.spoil = func(_ http.ResponseWriter, _ *http.Request, number, visit int) bool {
				if number == 2 && visit <= len(tt.added) {
					for i := range tt.added[visit-1] {
						id := fmt.Sprintf("new-%d-%d", visit, i)
						s.rows = slices.Insert(s.rows, 0, rowJSON(id, nil))
						want = append(want, id)
					}
				}
				return false
			}
			got := readRows(t, s.client(t, pageSize(2)))
			slices.Sort(want)
			ids := slices.Clone(got.ids)
			slices.Sort(ids)
			if diff := cmp.Diff(want, slices.Compact(ids)); diff != "" || got.err != nil {
				t.Errorf("rows read (-want +got), error %v:\n%s", got.err, diff)
			}
			if asked := s.pagesAsked(); !slices.Equal(asked, tt.pages) {
				t.Errorf("pages asked for = %v, want %v", asked, tt.pages)
			}
		})
	}
}

func TestInvoiceRows_ARowThatTookThePlaceOfAnotherIsFound(t *testing.T) {
	t.Parallel()
	s := newStandIn(t, rows(6)...)
	s.spoil = func(_ http.ResponseWriter, _ *http.Request, number, visit int) bool {
		if number == 2 && visit == 1 {
			s.rows = append([]string{rowJSON("new", nil)}, s.rows[:5]...)
		}
		return false
	}
	got := readRows(t, s.client(t, pageSize(2)))
	if want := []string{"new", "row-1", "row-2", "row-3", "row-4", "row-5"}; !slices.Equal(got.ids, want) || got.err != nil {
		t.Errorf("rows read = %v, error %v, want %v", got.ids, got.err, want)
	}
}

func TestInvoiceRows_ACollectionThatKeepsChangingIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newStandIn(t, rows(6)...)
	s.spoil = func(_ http.ResponseWriter, _ *http.Request, number, visit int) bool {
		if number == 2 {
			s.rows = slices.Insert(s.rows, 0, rowJSON(fmt.Sprintf("new-%d", visit), nil))
		}
		return false
	}
	got := readRows(t, s.client(t, pageSize(2)))
	wantError(t, got.err, 0, 0, "the list kept changing while it was read")
	if asked := s.pagesAsked(); len(asked) > 30 {
		t.Errorf("%d pages were asked for of a list of 4, want a few rounds", len(asked))
	}
}

func TestInvoiceRows_RowsThatTheFeedListsTwiceAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ids    []int // of the rows listed
		want   []string
		rounds int
	}{
		{"on one page", []int{1, 1, 2, 3}, []string{"row-1", "row-1", "row-2", "row-3"}, 1},
		{"on pages side by side", []int{1, 2, 2, 3}, []string{"row-1", "row-2", "row-3"}, 2},
		{"far from each other", []int{1, 2, 3, 4, 1, 5}, []string{"row-1", "row-2", "row-3", "row-4", "row-1", "row-5"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var listed []string
			for _, id := range tt.ids {
				listed = append(listed, rowJSON(fmt.Sprintf("row-%d", id), nil))
			}
			s := newStandIn(t, listed...)
			got := readRows(t, s.client(t, pageSize(2)))
			if !slices.Equal(got.ids, tt.want) || got.err != nil {
				t.Errorf("rows read = %v, error %v, want %v", got.ids, got.err, tt.want)
			}
			if asked := len(s.pagesAsked()); asked != tt.rounds*len(listed)/2 {
				t.Errorf("%d pages were asked for, want those of %d rounds", asked, tt.rounds)
			}
		})
	}
}

func TestInvoiceRows_RowsRemovedWhileReadingHideNoOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		size     int
		from, to int // the rows removed when page 2 is asked for
		missing  []string
	}{
		{"from a page already read", 2, 0, 1, nil},
		{"as many as a page holds", 2, 0, 2, nil},
		{"from a page still to be read", 2, 4, 5, []string{"row-5"}},
		{"so that the page asked for no longer exists", 5, 1, 3, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, rows(7)...)
			s.spoil = func(_ http.ResponseWriter, _ *http.Request, number, _ int) bool {
				if number == 2 && len(s.rows) == 7 {
					s.rows = slices.Delete(s.rows, tt.from, tt.to)
				}
				return false
			}
			got := readRows(t, s.client(t, pageSize(tt.size)))
			want := slices.DeleteFunc(rowIDs(7), func(id string) bool {
				return slices.Contains(tt.missing, id)
			})
			if diff := cmp.Diff(want, got.ids); diff != "" || got.err != nil {
				t.Errorf("rows read (-want +got), error %v:\n%s", got.err, diff)
			}
		})
	}
}

func TestInvoiceRows_TheErrorOfTheReaderComesBackAsItIs(t *testing.T) {
	t.Parallel()
	s := newStandIn(t, rows(6)...)
	full := errors.New("the store is full")
	calls := 0
	err := s.client(t, pageSize(2)).InvoiceRows(t.Context(), may2026(), func(page platform.Page, _ []platform.InvoiceRow) error {
		calls++
		if page.Number == 2 {
			return full
		}
		return nil
	})
	if err != full || calls != 2 {
		t.Errorf("error after %d pages = %v, want %v itself after 2", calls, err, full)
	}
	if asked := s.pagesAsked(); !slices.Equal(asked, []int{1, 2}) {
		t.Errorf("pages asked for = %v, want 1 and 2", asked)
	}
}

func TestInvoiceRows_AsksTheWayTheContractSays(t *testing.T) {
	t.Parallel()
	var header http.Header
	s := newStandIn(t)
	s.spoil = func(_ http.ResponseWriter, r *http.Request, _, _ int) bool {
		header = r.Header.Clone()
		return false
	}
	client := newTestClient(t, s.URL+"/market/eu/")
	if err := client.InvoiceHeaders(t.Context(), may2026(), nil); err != nil {
		t.Fatalf("reading the headers failed: %v", err)
	}
	asked := s.asked[0]
	if want := "/market/eu/reporting/v2/invoice-headers"; asked.Path != want {
		t.Errorf("path asked for = %s, want %s", asked.Path, want)
	}
	want := map[string][]string{
		"invoiceDateFrom": {"2026-05-01"}, "invoiceDateTo": {"2026-05-31"}, "isPreview": {"false"},
		"page": {"1"}, "pageSize": {"1000"},
	}
	if diff := cmp.Diff(want, map[string][]string(asked.Query())); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if header.Get("Ocp-Apim-Subscription-Key") != testKey || header.Get("Authorization") != "Bearer "+testToken {
		t.Errorf("credentials sent = %v", header)
	}
}

func TestOrganizations_AsksForEachIDOnceInPortionsOfAHundred(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	s.spoil = func(w http.ResponseWriter, r *http.Request, number, _ int) bool {
		// The portions themselves are paged, by 30.
		ids := strings.Split(r.URL.Query().Get("ids"), ",")
		from := (number - 1) * 30
		var items []string
		for _, id := range ids[from:min(from+30, len(ids))] {
			items = append(items, fmt.Sprintf(`{"id":%q,"name":"N","status":"Active","externalId":null}`, id))
		}
		writePage(w, number, 30, len(ids), items)
		return true
	}
	var ids, want []string
	for i := range 250 {
		ids = append(ids, fmt.Sprintf("org-%d", i), "", fmt.Sprintf("org-%d", i/2))
		want = append(want, fmt.Sprintf("org-%d", i))
	}
	found, err := s.client(t).Organizations(t.Context(), ids)
	if err != nil {
		t.Fatalf("reading %d organizations failed: %v", len(ids), err)
	}
	var got []string
	for _, organization := range found {
		got = append(got, organization.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("organizations read (-want +got):\n%s", diff)
	}
	if asked := s.pagesAsked(); !slices.Equal(asked, []int{1, 2, 3, 4, 1, 2, 3, 4, 1, 2}) {
		t.Errorf("pages asked for = %v, want 4 of each of two portions and 2 of the third", asked)
	}
}

func TestContracts_ReturnsWhatExistsAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newStandIn(t,
		`{"id":"C 1&2","customerId":"org-1","currency":"EUR","billingCycleDay":15,"contractType":null}`,
		`{"id":"C 1&2","customerId":"org-2","currency":"EUR","billingCycleDay":16}`,
		`{"id":"unasked","customerId":"org-3","currency":"EUR","billingCycleDay":1,"contractType":"CSP"}`)
	found, err := s.client(t).Contracts(t.Context(), []string{"C 1&2", "gone", "with,comma"})
	if err != nil {
		t.Fatalf("reading contracts failed: %v", err)
	}
	want := []platform.Contract{{ID: "C 1&2", CustomerID: "org-1", Currency: "EUR", BillingCycleDay: 15}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("contracts (-want +got):\n%s", diff)
	}
	if want := "ids=C+1%262,gone,with%2Ccomma&"; !strings.HasPrefix(s.asked[0].RawQuery, want) {
		t.Errorf("query = %s, want it to start with %s", s.asked[0].RawQuery, want)
	}
}

func TestContracts_NoIDsNeedNoRequest(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	found, err := s.client(t).Contracts(t.Context(), []string{"", ""})
	if err != nil || len(found) != 0 || len(s.asked) != 0 {
		t.Errorf("Contracts of nothing = %v, %v with %d requests, want nothing", found, err, len(s.asked))
	}
}

func TestOrganizations_FailsAsAWhole(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	s.spoil = func(w http.ResponseWriter, r *http.Request, _, _ int) bool {
		if strings.Contains(r.URL.RawQuery, "org-100") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	var ids []string
	for i := range 101 {
		ids = append(ids, fmt.Sprintf("org-%d", i))
	}
	found, err := s.client(t).Organizations(t.Context(), ids)
	if failed := wantError(t, err, 1, 0, "Platform organizations, page 1"); !failed.Unauthorized || found != nil {
		t.Errorf("Organizations = %v, %+v, want nothing and refused credentials", found, failed)
	}
}

func TestInvoiceRows_ThePageAfterIsReadWhileOneIsDealtWith(t *testing.T) {
	t.Parallel()
	s := newStandIn(t, rows(25)...)
	asked := make(chan int, 10)
	s.spoil = func(_ http.ResponseWriter, _ *http.Request, number, _ int) bool {
		asked <- number
		return false
	}
	var dealt []int
	err := s.client(t, pageSize(10)).InvoiceRows(t.Context(), may2026(), func(page platform.Page, _ []platform.InvoiceRow) error {
		for _, number := range []int{page.Number, page.Number + 1} {
			if number > 1 && number == page.Number || number > 3 {
				continue // it was asked for while the page before was dealt with, or there is none
			}
			select {
			case got := <-asked:
				if got != number {
					t.Errorf("page %d is asked for while page %d is dealt with, want page %d", got, page.Number, number)
				}
			case <-t.Context().Done():
				return t.Context().Err()
			}
		}
		dealt = append(dealt, page.Number)
		return nil
	})
	if err != nil || !slices.Equal(dealt, []int{1, 2, 3}) {
		t.Errorf("the pages dealt with are %v, and the read ends with %v", dealt, err)
	}
}

func TestInvoiceRows_AReadThatIsBrokenOffLeavesNoRequestBehind(t *testing.T) {
	t.Parallel()
	s := newStandIn(t, rows(25)...)
	asked, given := make(chan struct{}), make(chan struct{})
	s.spoil = func(_ http.ResponseWriter, r *http.Request, number, _ int) bool {
		if number == 1 {
			return false
		}
		close(asked)
		<-r.Context().Done() // it would never be answered
		close(given)
		return true
	}
	broken := errors.New("the database is gone")
	err := s.client(t, pageSize(10)).InvoiceRows(t.Context(), may2026(), func(platform.Page, []platform.InvoiceRow) error {
		<-asked
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the read ends with %v, want the error of who dealt with the page", err)
	}
	<-given
}

func TestWalk_APanicOfThePageAheadReachesTheReader(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := recover(); got != "what is this" {
			t.Errorf("the reader panics with %v, want what the page ahead panicked with", got)
		}
	}()
	from := invoiceRows()
	read := 0
	from.read = func(decoder *json.Decoder) (platform.InvoiceRow, error) {
		if read++; read > 10 {
			panic("what is this")
		}
		return readInvoiceRow(decoder)
	}
	err := walk(t.Context(), newStandIn(t, rows(25)...).client(t, pageSize(10)), from, rangeQuery(may2026()), func(platform.Page, []platform.InvoiceRow) error { return nil })
	t.Errorf("the read ends with %v", err)
}
