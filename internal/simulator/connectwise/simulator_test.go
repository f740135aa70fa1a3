package connectwise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crosswalk/internal/civil"
)

// today is what the simulators of these tests take for today.
const today = "2026-05-18"

func frozen() time.Time { return civil.MustParseDate(today).Midnight().Add(10 * time.Hour) }

// caller sends requests to one simulator.
type caller struct {
	t      *testing.T
	sim    *Simulator
	server *httptest.Server
	header http.Header
}

func start(t *testing.T, options Options) *caller {
	t.Helper()
	if options.Now == nil {
		options.Now = frozen
	}
	sim := New(options)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return &caller{t: t, sim: sim, server: server, header: http.Header{"Clientid": {"3f0a"}}}
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
}

const apiRoot = "/v4_6_release/apis/3.0"

// send sends a request to a path below the API root, or to a full one that begins with "//".
func (c *caller) send(method, path, body string) answer {
	c.t.Helper()
	target := c.server.URL + apiRoot + path
	if full, isFull := strings.CutPrefix(path, "//"); isFull {
		target = c.server.URL + "/" + full
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.SetBasicAuth("demo+public", "private")
	for name, values := range c.header {
		request.Header[name] = values
	}
	if body != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.server.Client().Do(request)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{t: c.t, what: method + " " + path, status: response.StatusCode, header: response.Header, body: string(text)}
}

// get sends a GET with query parameters given as name, value, name, value.
func (c *caller) get(path string, parameters ...string) answer {
	c.t.Helper()
	return c.send(http.MethodGet, path+queryOf(parameters), "")
}

func queryOf(parameters []string) string {
	if len(parameters) == 0 {
		return ""
	}
	values := url.Values{}
	for pair := range slices.Chunk(parameters, 2) {
		values.Set(pair[0], pair[1])
	}
	return "?" + values.Encode()
}

// is fails the test unless the status is as wanted.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d; body: %s", a.what, a.status, status, a.body)
	}
	return a
}

// object decodes the body, numbers as they are written.
func (a answer) object() map[string]any {
	a.t.Helper()
	return decode[map[string]any](a)
}

func (a answer) list() []map[string]any {
	a.t.Helper()
	return decode[[]map[string]any](a)
}

func decode[T any](a answer) T {
	a.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.UseNumber()
	var value T
	if err := decoder.Decode(&value); err != nil {
		a.t.Fatalf("%s: %v in %s", a.what, err, a.body)
	}
	return value
}

// names returns a member of all rows of a list.
func (a answer) names(member string) []string {
	a.t.Helper()
	names := []string{}
	for _, row := range a.list() {
		text, _ := row[member].(string)
		if number, isNumber := row[member].(json.Number); isNumber {
			text = number.String()
		}
		names = append(names, text)
	}
	return names
}

// refusedWith fails the test unless the body is an error with the code and the fields in its list.
func (a answer) refusedWith(status int, code string, fields ...string) answer {
	a.t.Helper()
	a.is(status)
	var body struct {
		Code, Message string
		Errors        []problem
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		a.t.Fatalf("%s: %v in %s", a.what, err, a.body)
	}
	got := []string{}
	for _, p := range body.Errors {
		got = append(got, p.Field)
	}
	slices.Sort(got)
	if body.Code != code || !cmp.Equal(got, append([]string{}, fields...)) {
		a.t.Fatalf("%s: refused with %s for fields %q, want %s for %q; body: %s", a.what, body.Code, got, code, fields, a.body)
	}
	return a
}

func wantJSON(t *testing.T, what, want, got string) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(compact.String(), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestNew_MakesExactlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 211, Products: 137, Agreements: 173, Additions: 19})
	for path, want := range map[string]string{
		"/company/companies/count": "211", "/procurement/catalog/count": "137", "/finance/agreements/count": "173",
	} {
		if got := c.get(path).is(200).body; got != `{"count":`+want+`}` {
			t.Errorf("GET %s = %s, want a count of %s", path, got, want)
		}
	}
	if got := len(c.sim.AllAdditions()); got != 19 {
		t.Errorf("%d additions, want 19", got)
	}
}

// endingContext ends when it has been looked at so many times.
type endingContext struct {
	context.Context
	looks int
}

func (c *endingContext) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestNewContext_StopsInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"companies":  {Companies: 1 << 20},
		"products":   {Products: 1 << 40},
		"agreements": {Companies: 3, Agreements: 1 << 40},
		"additions":  {Companies: 3, Products: 3, Agreements: 3, Additions: 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := &endingContext{t.Context(), 20}
			if s, err := NewContext(ctx, options); !errors.Is(err, context.Canceled) || s != nil {
				t.Errorf("NewContext gave %v and %v, want nothing and why", s, err)
			}
			if ctx.looks < -10 {
				t.Errorf("it went on for %d records", -ctx.looks)
			}
		})
	}
}

func TestNew_IsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	clock := func() time.Time { return frozen() }
	read := func(seed uint64) string {
		c := start(t, Options{Companies: 30, Products: 30, Agreements: 40, Additions: 10, Seed: seed, Clock: clock})
		body := c.get("/finance/agreements", "pageSize", "1000").body + c.get("/finance/agreements/8/additions").body
		return strings.ReplaceAll(body, c.server.URL, "")
	}
	first, second, other := read(1), read(1), read(2)
	if first != second {
		t.Errorf("two simulators of one seed differ:\n%s\n%s", first, second)
	}
	if first == other {
		t.Error("two simulators of different seeds are the same")
	}
}

func TestNew_MakesTenantsAsUntidyAsRealOnes(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 400, Products: 150, Agreements: 400})
	for _, tt := range []struct{ what, path, condition string }{
		{"a deleted company", "/company/companies", "deletedFlag = true"},
		{"a company without a contact", "/company/companies", "defaultContact = null and deletedFlag = false"},
		{"an awkward status", "/company/companies", `status/name = "Credit Hold – call AR"`},
		{"another awkward status", "/company/companies", `status/name = "Prospect/Do not use"`},
		{"a name with an apostrophe", "/company/companies", `name contains "O'"`},
		{"a name with an umlaut", "/company/companies", `name contains "ü"`},
		{"euros", "/company/companies", `currency/currencyCode = "EUR"`},
		{"dollars", "/company/companies", `currency/currencyCode = "USD"`},
		{"pounds", "/company/companies", `currency/currencyCode = "GBP"`},
		{"kronor", "/company/companies", `currency/currencyCode = "SEK"`},
		{"an inactive product", "/procurement/catalog", "inactiveFlag = true"},
		{"an ended agreement", "/finance/agreements", `agreementStatus = "Expired"`},
		{"a cancelled agreement", "/finance/agreements", `agreementStatus = "Cancelled"`},
		{"an agreement of the future", "/finance/agreements", `agreementStatus = "Inactive"`},
		{"an open agreement", "/finance/agreements", `agreementStatus = "Active" and noEndingDateFlag = true`},
		{"an agreement that does not prorate", "/finance/agreements", "prorateFlag = false"},
	} {
		if got := c.get(tt.path+"/count", "conditions", tt.condition).is(200).body; got == `{"count":0}` {
			t.Errorf("there is not %s: %s?conditions=%s", tt.what, tt.path, tt.condition)
		}
	}
	deleted := c.get("/company/companies", "conditions", "deletedFlag = true", "fields", "id,name").list()
	doubles := 0
	for _, company := range deleted {
		name, _ := company["name"].(string)
		living := c.get("/company/companies", "conditions", `name = "`+name+`" and deletedFlag = false`).list()
		doubles += len(living)
	}
	if doubles == 0 {
		t.Errorf("none of %d deleted companies has the name of a living one", len(deleted))
	}
}

func TestNew_TakesTurnsInTheCurrenciesGiven(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 5, Currencies: []string{"CHF", "ISK"}})
	var got []string
	for _, company := range c.sim.Companies() {
		got = append(got, company.Currency)
	}
	if want := []string{"CHF", "ISK", "CHF", "ISK", "CHF"}; !cmp.Equal(want, got) {
		t.Errorf("currencies = %q, want %q", got, want)
	}
}
