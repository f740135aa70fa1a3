package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cenkalti/backoff/v5"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

const (
	testKey   = "key-5f2c81"
	testToken = "token-9d7e44"
)

// standIn serves rows from memory the way the feed does. spoil may answer a request in its place.
type standIn struct {
	*httptest.Server

	mu    sync.Mutex
	rows  []string
	limit int // pages are never larger than this; 0 means as asked
	asked []url.URL
	spoil func(w http.ResponseWriter, r *http.Request, page, visit int) bool
}

func newStandIn(t *testing.T, rows ...string) *standIn {
	t.Helper()
	s := &standIn{rows: rows}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *standIn) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("pageSize"))
	if s.limit > 0 {
		size = min(size, s.limit)
	}
	visit := 1
	for _, earlier := range s.asked {
		if earlier.String() == r.URL.String() {
			visit++
		}
	}
	s.asked = append(s.asked, *r.URL)
	if s.spoil != nil && s.spoil(w, r, number, visit) {
		return
	}
	from := min((number-1)*size, len(s.rows))
	to := min(from+size, len(s.rows))
	writePage(w, number, size, len(s.rows), s.rows[from:to])
}

func writePage(w http.ResponseWriter, number, size, total int, rows []string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"items":[%s],"page":%d,"pageSize":%d,"totalCount":%d}`, strings.Join(rows, ","), number, size, total)
}

// pagesAsked returns the page numbers in the order they were asked for.
func (s *standIn) pagesAsked() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pages []int
	for _, u := range s.asked {
		number, _ := strconv.Atoi(u.Query().Get("page"))
		pages = append(pages, number)
	}
	return pages
}

// client returns a client of the stand-in that does not wait between tries.
func (s *standIn) client(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	return newTestClient(t, s.URL, change...)
}

func newTestClient(t *testing.T, baseURL string, change ...func(*Config)) *Client {
	t.Helper()
	config := Config{
		BaseURL: baseURL, Key: testKey, Token: testToken, AllowInsecure: true, MaxTries: 3,
		Backoff: func() backoff.BackOff { return &backoff.ZeroBackOff{} },
	}
	for _, apply := range change {
		apply(&config)
	}
	client, err := NewClient(config)
	if err != nil {
		t.Fatalf("NewClient(%v): %v", config, err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// transportOf returns the client's transport, so that a test can lead it elsewhere.
func transportOf(t *testing.T, client *Client) *http.Transport {
	t.Helper()
	transport, ok := client.http.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the transport is a %T, want *http.Transport", client.http.Transport)
	}
	return transport
}

func pageSize(n int) func(*Config) { return func(c *Config) { c.PageSize = n } }

func may2026() platform.Range {
	return platform.Range{From: civil.MustParseDate("2026-05-01"), To: civil.MustParseDate("2026-05-31")}
}

// rows returns n invoice rows as JSON, with the ids row-1, row-2 and so on.
func rows(n int) []string {
	made := make([]string, n)
	for i := range made {
		made[i] = rowJSON(fmt.Sprintf("row-%d", i+1), nil)
	}
	return made
}

// rowIDs are the ids of rows.
func rowIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("row-%d", i+1)
	}
	return ids
}

// rowJSON returns a sound invoice row with some members replaced.
func rowJSON(id string, replaced map[string]any) string {
	row := map[string]any{
		"rowId": id, "invoiceId": "inv-1", "invoiceNumber": "26050001", "invoiceDate": "2026-05-12",
		"contractId": "C-1", "customerId": "org-1", "subscriptionId": "sub-1", "subscriptionName": "Backup",
		"subscriptionStartDate": "2025-11-12", "subscriptionEndDate": nil, "offerId": "offer-1", "offerName": "Backup",
		"vendorOfferId": nil, "vendorId": "vendor-1", "vendorName": "Vendor", "chargeType": "CycleFee",
		"chargeStartDate": "2026-05-12", "chargeEndDate": "2026-06-11", "description": "Backup, May",
		"quantity": json.Number("3"), "unitPrice": json.Number("2.5"), "totalPrice": json.Number("7.5"), "resellerPrice": nil,
		"somethingNew": map[string]any{"nested": []int{1, 2}},
	}
	for name, value := range replaced {
		row[name] = value
	}
	data, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// reading is what a streaming read delivered.
type reading struct {
	pages []platform.Page
	ids   []string
	err   error
}

func readRows(t *testing.T, client *Client) reading {
	t.Helper()
	var got reading
	got.err = client.InvoiceRows(t.Context(), may2026(), func(page platform.Page, rows []platform.InvoiceRow) error {
		if page.Number == 1 {
			got.pages, got.ids = nil, nil
		}
		got.pages = append(got.pages, page)
		for _, row := range rows {
			got.ids = append(got.ids, row.RowID)
		}
		return nil
	})
	return got
}

// wantRows checks that a read delivered row-1 to row-n, each once and in order, on so many pages.
func (r reading) wantRows(t *testing.T, n, pages int) {
	t.Helper()
	if r.err != nil {
		t.Fatalf("reading the rows failed: %v", r.err)
	}
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprintf("row-%d", i+1)
	}
	if !slices.Equal(r.ids, want) {
		t.Errorf("rows read = %v, want row-1 to row-%d", r.ids, n)
	}
	if len(r.pages) != pages {
		t.Errorf("pages handed on = %v, want %d of them", r.pages, pages)
	}
}

// wantError checks that a read failed with a *platform.Error for a page and a row, and a text in it.
func wantError(t *testing.T, err error, page, row int, text string) *platform.Error {
	t.Helper()
	var failed *platform.Error
	if err == nil {
		t.Fatalf("the read succeeded, want an error for page %d with %q", page, text)
	}
	if !errors.As(err, &failed) {
		t.Fatalf("the read failed with %T %v, want a *platform.Error", err, err)
	}
	if failed.Page != page || failed.Row != row || !strings.Contains(failed.Error(), text) {
		t.Errorf("the read failed with page %d, row %d, %q; want page %d, row %d and %q in it",
			failed.Page, failed.Row, failed, page, row, text)
	}
	for _, secret := range []string{testKey, testToken} {
		if strings.Contains(failed.Error(), secret) {
			t.Errorf("the error shows a secret: %v", failed)
		}
	}
	return failed
}
