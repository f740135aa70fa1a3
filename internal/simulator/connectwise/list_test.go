package connectwise

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/civil"
)

// startWithCompanies has companies 1 to n, called A, B, C and so on backwards.
func startWithCompanies(t *testing.T, n int) *caller {
	t.Helper()
	c := start(t, Options{})
	for i := range n {
		c.sim.AddCompany(Company{
			Identifier: fmt.Sprintf("company-%d", i+1), Name: string(rune('A' + n - 1 - i)), Currency: "SEK",
			Status: []string{"Active", "Not Approved"}[i%2], WithoutContact: i == 2,
		})
	}
	return c
}

func TestList_PagesByNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		parameters []string
		ids        []string
		links      string
	}{
		{"all on one page has no links", nil, []string{"1", "2", "3", "4", "5", "6"}, ""},
		{"an exact fit has no links", []string{"pageSize", "6"}, []string{"1", "2", "3", "4", "5", "6"}, ""},
		{"the first page", []string{"pageSize", "2"}, []string{"1", "2"}, "next=2 last=3"},
		{"a page in the middle", []string{"pageSize", "2", "page", "2"}, []string{"3", "4"}, "prev=1 next=3 last=3 first=1"},
		{"the last page", []string{"pageSize", "4", "page", "2"}, []string{"5", "6"}, "prev=1 first=1"},
		{"behind the end", []string{"pageSize", "4", "page", "9"}, []string{}, "prev=2 first=1"},
		{"behind the end of one page", []string{"page", "2"}, []string{}, ""},
		{"a filter counts", []string{"pageSize", "2", "conditions", "id > 2"}, []string{"3", "4"}, "next=2 last=2"},
		{"more than the largest page", []string{"pageSize", "5000"}, []string{"1", "2", "3", "4", "5", "6"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startWithCompanies(t, 6)
			got := c.get("/company/companies", tt.parameters...).is(200)
			if diff := cmp.Diff(tt.ids, got.names("id")); diff != "" {
				t.Errorf("%v: ids (-want +got):\n%s", tt.parameters, diff)
			}
			if links := pagesOf(t, got.header); links != tt.links {
				t.Errorf("%v: links %q, want %q; header %q", tt.parameters, links, tt.links, got.header["Link"])
			}
		})
	}
}

// pagesOf reduces a Link header to rel=page pairs, splitting it as careless clients do.
func pagesOf(t *testing.T, header http.Header) string {
	t.Helper()
	values, found := header["Link"]
	if !found {
		return ""
	}
	var pages []string
	for entry := range strings.SplitSeq(values[0], ", ") {
		target, rel, ok := strings.Cut(entry, `>; rel="`)
		at := strings.LastIndex(target, "page")
		if !ok || at < 0 {
			t.Fatalf("Link entry %q does not end in page=N>; rel=\"…\"", entry)
		}
		_, page, _ := strings.Cut(target[at:], "=")
		pages = append(pages, strings.TrimSuffix(rel, `"`)+"="+page)
	}
	return strings.Join(pages, " ")
}

func TestList_LinksKeepTheQuestionAndEscapeCommas(t *testing.T) {
	t.Parallel()
	c := startWithCompanies(t, 6)
	got := c.get("/company/companies", "pageSize", "1", "fields", "id,name", "conditions", `id in (2,3) and name > "A"`).is(200)
	link := got.header.Get("Link")
	if strings.Count(link, ",") != 1 {
		t.Fatalf("Link %q has commas inside its URLs", link)
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	parsed, err := url.Parse(next)
	if err != nil || !parsed.IsAbs() {
		t.Fatalf("next link %q is not an absolute URL: %v", next, err)
	}
	want := url.Values{
		"pageSize": {"1"}, "page": {"2"}, "fields": {"id,name"}, "conditions": {`id in (2,3) and name > "A"`},
	}
	if diff := cmp.Diff(want, parsed.Query()); diff != "" {
		t.Errorf("the next link asks for something else (-want +got):\n%s", diff)
	}
	followed := c.send(http.MethodGet, "//"+strings.TrimPrefix(parsed.RequestURI(), "/"), "").is(200)
	if got := followed.body; got != `[{"id":3,"name":"D"}]` {
		t.Errorf("following the next link gave %s, want company 3", got)
	}
}

func TestList_HasTwentyFiveRowsByDefaultAndAThousandAtMost(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Products: 1001})
	if got := len(c.get("/procurement/catalog").is(200).list()); got != 25 {
		t.Errorf("%d rows by default, want 25", got)
	}
	if got := len(c.get("/procurement/catalog", "pageSize", "1001").is(200).list()); got != 1000 {
		t.Errorf("%d rows with pageSize=1001, want 1000", got)
	}
	c.configure(func(s *Settings) { s.RefuseLargePages = true })
	c.get("/procurement/catalog", "pageSize", "1001").refusedWith(400, "InvalidObject", "pageSize")
}

func (c *caller) configure(change func(*Settings)) {
	c.t.Helper()
	if err := c.sim.Configure(change); err != nil {
		c.t.Fatal(err)
	}
}

func TestList_PagesForwardOnly(t *testing.T) {
	t.Parallel()
	c := startWithCompanies(t, 5)
	c.header.Set("pagination-type", "forward-only")
	var seen []string
	parameters := []string{"pageSize", "2", "conditions", "id != 2"}
	for _, link := range []string{"pageId=3", ""} {
		got := c.get("/company/companies", parameters...).is(200)
		header, found := got.header["Link"]
		if !found {
			t.Fatalf("%v: no Link header, want one on every page", parameters)
		}
		seen = append(seen, got.names("id")...)
		if link == "" {
			if header[0] != "" {
				t.Errorf("%v: Link %q on the last page, want it empty", parameters, header[0])
			}
			break
		}
		if !strings.Contains(header[0], "&"+link+`>; rel="next"`) || strings.Contains(header[0], ", ") {
			t.Errorf("%v: Link %q, want a next link alone that ends in %s", parameters, header[0], link)
		}
		parameters = append(parameters, "pageId", strings.TrimPrefix(link, "pageId="), "page", "7")
	}
	if want := []string{"1", "3", "4", "5"}; !slices.Equal(seen, want) {
		t.Errorf("saw ids %q, want %q", seen, want)
	}
	c.get("/company/companies", "orderBy", "id asc").refusedWith(400, "InvalidObject", "orderBy")
	c.get("/company/companies", "pageId", "x").refusedWith(400, "InvalidObject", "pageId")
	c.configure(func(s *Settings) { s.NoForwardOnly = true })
	if got := c.get("/company/companies", "pageId", "4").is(200).names("id"); len(got) != 5 {
		t.Errorf("an endpoint without forward-only paging gave ids %q, want all 5", got)
	}
}

func TestList_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	c := startWithCompanies(t, 1)
	for _, tt := range []struct {
		name, path, parameter, value, code string
		fields                             []string
	}{
		{"an unknown name", "/company/companies", "conditions", `nmae = "x"`, "ApiFindCondition", nil},
		{"an unknown member of a reference", "/company/companies", "conditions", `status/colour = "x"`, "ApiFindCondition", nil},
		{"a member of something that is no reference", "/company/companies", "conditions", `name/id = 1`, "ApiFindCondition", nil},
		{"a list in conditions", "/company/companies", "conditions", `types/name = "Customer"`, "ApiFindCondition", nil},
		{"custom fields in conditions", "/company/companies", "conditions", `customFields/id = 1`, "ApiFindCondition", nil},
		{"dateEntered at the top", "/company/companies", "conditions", `dateEntered > [2020-01-01]`, "ApiFindCondition", nil},
		{"a plain field in childConditions", "/company/companies", "childConditions", `name = "x"`, "ApiFindCondition", nil},
		{"in among childConditions", "/company/companies", "childConditions", `types/id in (1)`, "ApiFindCondition", nil},
		{"in among customFieldConditions", "/company/companies", "customFieldConditions", `caption in ("x")`, "ApiFindCondition", nil},
		{"an unknown name in customFieldConditions", "/company/companies", "customFieldConditions", `name = "x"`, "ApiFindCondition", nil},
		{"an unknown enumeration value", "/finance/agreements", "conditions", `agreementStatus = "Open"`, "ApiFindCondition", nil},
		{"nonsense", "/company/companies", "conditions", `(((`, "ApiFindCondition", nil},
		{"an order by an unknown name", "/company/companies", "orderBy", `nmae`, "ApiFindCondition", nil},
		{"an order in an unknown direction", "/company/companies", "orderBy", `name up`, "ApiFindCondition", nil},
		{"an empty term of an order", "/company/companies", "orderBy", `name,,id`, "ApiFindCondition", nil},
		{"page 0", "/company/companies", "page", "0", "InvalidObject", []string{"page"}},
		{"a page that is no number", "/company/companies", "page", "two", "InvalidObject", []string{"page"}},
		{"pageSize 0", "/company/companies", "pageSize", "0", "InvalidObject", []string{"pageSize"}},
	} {
		for _, suffix := range []string{"", "/count"} {
			c.get(tt.path+suffix, tt.parameter, tt.value).refusedWith(400, tt.code, tt.fields...)
		}
	}
}

func TestList_FiltersByEveryParameter(t *testing.T) {
	t.Parallel()
	c := startWithCompanies(t, 6)
	if err := c.sim.AddCustomField("company", CustomField{ID: 40, Caption: "Marker"}); err != nil {
		t.Fatal(err)
	}
	c.send("PATCH", "/company/companies/4", `[{"op":"replace","path":"customFields","value":[{"id":40,"value":"#A1"}]}]`).is(200)
	for _, tt := range []struct{ name, parameter, value, want string }{
		{"ids, each once and in order", "conditions", "id in (5, 2, 2, 99)", "2 5"},
		{"an id and more", "conditions", `id = 2 and name = "E"`, "2"},
		{"an id and something else", "conditions", `id = 2 and name = "A"`, ""},
		{"the identifier of a reference", "conditions", `status/name = "not approved"`, "2 4 6"},
		{"a member of the currency", "conditions", `currency/numberOfDecimals = 2 and id < 3`, "1 2"},
		{"a missing reference", "conditions", `defaultContact = null`, "3"},
		{"a missing member", "conditions", `defaultContact/id = null`, "3"},
		{"an opaque reference", "conditions", `site/name = "Main" and id = 1`, "1"},
		{"lastUpdated at the top", "conditions", `lastUpdated > [2020-01-01T00:00:00Z] and id = 1`, "1"},
		{"who entered it", "conditions", `_info/enteredBy = "jdoe" and id = 1`, "1"},
		{"elements of a list", "childConditions", `types/name = "Customer" and types/id != null`, "1 2 3 4 5 6"},
		{"no element of a list", "childConditions", `types/name = "Vendor"`, ""},
		{"a custom field", "customFieldConditions", `caption = "Marker" AND value = "#A1"`, "4"},
		{"a custom field that is filled", "customFieldConditions", `caption = "Marker" AND value != null`, "4"},
		{"a custom field that is empty", "customFieldConditions", `caption = "Marker" AND value = null`, "1 2 3 5 6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(c.get("/company/companies", tt.parameter, tt.value).is(200).names("id"), " ")
			if got != tt.want {
				t.Errorf("%s=%s gave ids %q, want %q", tt.parameter, tt.value, got, tt.want)
			}
			count := strconv.Itoa(len(strings.Fields(tt.want)))
			if body := c.get("/company/companies/count", tt.parameter, tt.value).is(200).body; body != `{"count":`+count+`}` {
				t.Errorf("count with %s=%s gave %s, want %s", tt.parameter, tt.value, body, count)
			}
		})
	}
}

func TestList_Orders(t *testing.T) {
	t.Parallel()
	c := startWithCompanies(t, 6)
	for order, want := range map[string]string{
		"name": "6 5 4 3 2 1", "name desc": "1 2 3 4 5 6", "ID DESC": "6 5 4 3 2 1", "id asc": "1 2 3 4 5 6",
		"status/name desc, name asc": "6 4 2 5 3 1", "defaultContact/id": "3 1 2 4 5 6", "deletedFlag": "1 2 3 4 5 6",
		"lastUpdated,id": "1 2 3 4 5 6",
	} {
		if got := strings.Join(c.get("/company/companies", "orderBy", order).is(200).names("id"), " "); got != want {
			t.Errorf("orderBy=%s gave ids %s, want %s", order, got, want)
		}
	}
}

func TestList_OrdersNumbersAndDates(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 1})
	for i, price := range []string{"10", "9.5", "100"} {
		c.sim.AddProduct(Product{Identifier: fmt.Sprint("p", i), Description: "p", Price: decimal.RequireFromString(price)})
	}
	if got := c.get("/procurement/catalog", "orderBy", "price desc").is(200).names("price"); !slices.Equal(got, []string{"100", "10", "9.5"}) {
		t.Errorf("prices descending = %q", got)
	}
	for _, start := range []string{"2026-03-01", "2025-12-01", "2026-01-01"} {
		if _, err := c.sim.AddAgreement(Agreement{Name: start, CompanyID: 1, StartDate: civil.MustParseDate(start)}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"2025-12-01", "2026-01-01", "2026-03-01"}
	if got := c.get("/finance/agreements", "orderBy", "startDate").is(200).names("name"); !slices.Equal(got, want) {
		t.Errorf("agreements by start = %q, want %q", got, want)
	}
}

func TestFields_ChooseMembers(t *testing.T) {
	t.Parallel()
	c := startWithCompanies(t, 1)
	for fields, want := range map[string]string{
		"id,name":                   `{"id":1,"name":"A"}`,
		"NAME":                      `{"name":"A"}`,
		"status/id,status/name,id":  `{"id":1,"status":{"id":1,"name":"Active"}}`,
		"nothing":                   `{}`,
		"id,nothing,currency/name":  `{"id":1,"currency":{"name":"Swedish Krona"}}`,
		"id,_info/enteredBy":        `{"id":1,"_info":{"enteredBy":"jdoe"}}`,
		"status/id,status,types/id": `{"status":{"id":1,"name":"Active","_info":{"status_href":"` + c.server.URL + apiRoot + `/company/companies/statuses/1"}},"types":[{"id":1}]}`,
	} {
		wantJSON(t, "fields="+fields, want, c.get("/company/companies/1", "fields", fields).is(200).body)
		wantJSON(t, "list with fields="+fields, "["+want+"]", c.get("/company/companies", "fields", fields).is(200).body)
	}
	c.configure(func(s *Settings) { s.RefuseUnknownFields = true })
	c.get("/company/companies", "fields", "id,nothing").refusedWith(400, "ApiFindCondition")
}
