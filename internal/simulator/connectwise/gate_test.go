package connectwise

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crosswalk/internal/civil/civiltest"
	"crosswalk/internal/simulator/fault"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, user, password, clientID string
		settings                       Settings
		status                         int
		code                           string
	}{
		{"the right keys", "demo+public", "private", "id", Settings{}, 200, ""},
		{"the company in another case", "DEMO+public", "private", "id", Settings{}, 200, ""},
		{"nothing", "", "", "id", Settings{}, 401, "ConnectWiseApi"},
		{"another company", "acme+public", "private", "id", Settings{}, 401, "Unauthorized"},
		{"another public key", "demo+other", "private", "id", Settings{}, 401, "Unauthorized"},
		{"another private key", "demo+public", "other", "id", Settings{}, 401, "Unauthorized"},
		{"no clientId", "demo+public", "private", "", Settings{}, 403, "Security"},
		{"wrong keys in the cloud", "demo+public", "other", "id", Settings{Cloud404: true}, 404, ""},
		{"no clientId in the cloud", "demo+public", "private", "", Settings{Cloud404: true}, 403, "Security"},
		{"expired keys", "demo+public", "private", "id", Settings{KeysExpired: true}, 401, "Unauthorized"},
		{"no TLS where it is needed", "demo+public", "private", "id", Settings{RequireTLS: true}, 403, "Security"},
		{"anyone where anyone is let in", "", "", "", Settings{AnyCredentials: true}, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(http.MethodGet, apiRoot+"/company/companies", nil)
			if tt.user != "" {
				request.SetBasicAuth(tt.user, tt.password)
			}
			if tt.clientID != "" {
				request.Header.Set("clientId", tt.clientID)
			}
			recorder := httptest.NewRecorder()
			New(Options{Settings: tt.settings}).ServeHTTP(recorder, request)
			if recorder.Code != tt.status {
				t.Fatalf("status %d, want %d; body: %s", recorder.Code, tt.status, recorder.Body)
			}
			isPage := strings.HasPrefix(recorder.Header().Get("Content-Type"), "text/html")
			if isPage != (tt.status == 404) {
				t.Errorf("Content-Type %q with status %d", recorder.Header().Get("Content-Type"), tt.status)
			}
			if tt.code == "" {
				return
			}
			var body struct{ Code string }
			if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil || body.Code != tt.code {
				t.Errorf("body %s, %v, want code %s", recorder.Body, err, tt.code)
			}
		})
	}
}

func TestAuthentication_CanInsistOnOneClientID(t *testing.T) {
	t.Parallel()
	c := start(t, Options{ClientID: "3F0A"})
	c.get("/company/companies").is(200)
	c.header.Set("clientId", "other")
	c.get("/company/companies").refusedWith(403, "Security")
}

func TestCompanyInfo_NeedsNoCredentials(t *testing.T) {
	t.Parallel()
	c := start(t, Options{CompanyID: "acme", Settings: Settings{RequireTLS: true}})
	c.header.Set("Authorization", "nonsense")
	wantJSON(t, "a known company", `{"CompanyName":"Simulated acme","Codebase":"v2025_8/","VersionCode":"v2025.8","VersionNumber":"v4.6.105333",
		"CompanyID":"acme","IsCloud":"False"}`, c.send("GET", "//login/companyinfo/ACME", "").is(200).body)
	wantJSON(t, "an unknown company", `null`, c.send("GET", "//login/companyinfo/other", "").is(200).body)
	c.send("POST", "//login/companyinfo/acme", "{}").is(405)
}

func TestPaths_AreForgiving(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 1})
	for _, path := range []string{
		"//v4_6_release/apis/3.0/company/companies/1", "//v2025_8/apis/3.0/company/companies/1",
		"//V2025_8/APIs/3.0/Company/Companies/1", "//v4_6_release/apis/3.0/procurement/subcategories/",
	} {
		c.send("GET", path, "").is(200)
	}
	for _, path := range []string{
		"//v2017_3/apis/3.0/company/companies", "//", "//company/companies", "//v4_6_release/apis/3.0/",
		"//v4_6_release/apis/3.0/company/companies/one", "//v4_6_release/apis/3.0/company/companies/99999999999999999999",
	} {
		c.send("GET", path, "").refusedWith(404, "ConnectWiseApi")
	}
	c.get("/company/companies/-1").refusedWith(404, "NotFound")
}

func TestPaths_CanBeTooLong(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Settings: Settings{LongestURL: 2000}})
	c.get("/company/companies", "conditions", "id in ("+strings.Repeat("1,", 300)+"1)").is(200)
	c.get("/company/companies", "conditions", "id in ("+strings.Repeat("1,", 1000)+"1)").refusedWith(414, "ConnectWiseApi")
}

func TestSetUpTables_CanBeRead(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 3, Products: 3})
	for path, member := range map[string]string{
		"/company/companies/statuses": "name", "/company/companies/types": "name", "/company/contacts": "name",
		"/company/countries": "name", "/procurement/categories": "name", "/procurement/subcategories": "name",
		"/procurement/types": "name", "/procurement/unitOfMeasures": "name", "/finance/agreements/types": "name",
		"/finance/currencies": "currencyCode", "/finance/billingCycles": "name", "/finance/billingTerms": "name",
	} {
		names := c.get(path).is(200).names(member)
		if len(names) == 0 || names[0] == "" {
			t.Errorf("GET %s gave the names %q", path, names)
		}
		c.get(path + "/1").is(200)
		c.get(path+"/count", "conditions", member+` != ""`).is(200)
	}
	c.get("/system/info", "fields", "version").is(200)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 1})
	for accept, want := range map[string]string{
		"application/json": "application/json; charset=utf-8",
		"":                 "application/json; charset=utf-8",
		"application/vnd.connectwise.com+json; version=2025.1, application/json": "application/vnd.connectwise.com+json; version=2025.1",
		"application/vnd.connectwise.com+json":                                   "application/vnd.connectwise.com+json",
		"text/html, */*":                                                         "application/json; charset=utf-8",
	} {
		c.header.Set("Accept", accept)
		got := c.get("/company/companies/1").is(200).header
		if got.Get("Content-Type") != want {
			t.Errorf("Accept %q gave Content-Type %q, want %q", accept, got.Get("Content-Type"), want)
		}
		for _, name := range []string{"api-current-version", "x-cw-request-id", "x-server-name", "Cache-Control", "Pragma", "Strict-Transport-Security", "X-Frame-Options"} {
			if got.Get(name) == "" {
				t.Errorf("no header %s", name)
			}
		}
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	clock := civiltest.NewClock(frozen())
	c := start(t, Options{Clock: clock.Now, Settings: Settings{RequestsPerMinute: 2}})
	c.get("/company/companies").is(200)
	clock.Advance(20*time.Second + time.Millisecond)
	c.get("/company/companies").is(200)
	refused := c.get("/company/companies").is(429)
	if got := refused.header.Get("Retry-After"); got != "40" {
		t.Errorf("Retry-After %q, want 40", got)
	}
	wantJSON(t, "body of the refusal", `{"error":"ConnectWiseAPI","message":"Too many requests. Please try again in 40 seconds."}`, refused.body)
	c.configure(func(s *Settings) { s.LimitPages = true })
	page := c.get("/company/companies").is(429)
	if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || !strings.Contains(page.body, "<html>") {
		t.Errorf("with LimitPages a 429 has Content-Type %q and body %s", page.header.Get("Content-Type"), page.body)
	}
	clock.Advance(40 * time.Second)
	c.get("/company/companies").is(200)
	c.configure(func(s *Settings) { s.RequestsPerMinute = 0 })
	for range 5 {
		c.get("/company/companies").is(200)
	}
	if err := c.sim.Configure(func(s *Settings) { s.RequestsPerMinute = -1 }); err == nil {
		t.Error("a negative limit was accepted")
	}
}

func TestLag_HidesNewRecordsFromSearches(t *testing.T) {
	t.Parallel()
	clock := civiltest.NewClock(frozen())
	c := start(t, Options{Companies: 1, Products: 1, Agreements: 1, Clock: clock.Now})
	clock.Advance(time.Hour)
	c.configure(func(s *Settings) { s.SearchLagMilliseconds = 30_000 })
	c.send("POST", "/company/companies", `{"identifier":"new","name":"New"}`).is(201)

	check := func(when string, searched, listed int) {
		t.Helper()
		if got := len(c.get("/company/companies", "conditions", `identifier = "new"`).is(200).list()); got != searched {
			t.Errorf("%s a search finds %d, want %d", when, got, searched)
		}
		if got := len(c.get("/company/companies", "conditions", `id = 2`).is(200).list()); got != searched {
			t.Errorf("%s a search by id finds %d, want %d", when, got, searched)
		}
		if got := len(c.get("/company/companies").is(200).list()); got != listed {
			t.Errorf("%s the list has %d, want %d", when, got, listed)
		}
		if got, want := c.get("/company/companies/count").is(200).body, map[int]string{1: `{"count":1}`, 2: `{"count":2}`}[listed]; got != want {
			t.Errorf("%s the count is %s, want %s", when, got, want)
		}
		c.get("/company/companies/2").is(200)
	}
	check("with lagging searches", 0, 2)
	c.configure(func(s *Settings) { s.ListLagMilliseconds = 10_000 })
	check("with lagging lists", 0, 1)
	clock.Advance(10 * time.Second)
	check("after ten seconds", 0, 2)
	clock.Advance(20 * time.Second)
	check("after thirty seconds", 1, 2)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	for _, tt := range []struct {
		kind   fault.Kind
		status int
		page   bool
		body   string
	}{
		{fault.Unauthorized, 401, false, `"code":"Unauthorized"`},
		{fault.Forbidden, 403, false, `"code":"Security"`},
		{fault.ServerError, 500, false, `"code":"ConnectWiseApi"`},
		{fault.RateLimited, 429, false, `"error":"ConnectWiseAPI"`},
		{fault.BadGateway, 502, true, "<html>"},
		{fault.WebPage, 200, true, "<html>"},
	} {
		if err := c.sim.Faults().Set(fault.Fault{Kind: tt.kind, Method: "GET", Path: "/company", Count: 1, RetryAfterSeconds: 30}); err != nil {
			t.Fatal(err)
		}
		c.get("/finance/agreements").is(200)
		got := c.get("/company/companies").is(tt.status)
		if isPage := strings.HasPrefix(got.header.Get("Content-Type"), "text/html"); isPage != tt.page || !strings.Contains(got.body, tt.body) {
			t.Errorf("%s: Content-Type %q, body %s, want %q in it", tt.kind, got.header.Get("Content-Type"), got.body, tt.body)
		}
		if tt.kind == fault.RateLimited && got.header.Get("Retry-After") != "30" {
			t.Errorf("Retry-After %q, want 30", got.header.Get("Retry-After"))
		}
		c.get("/company/companies").is(200)
	}
	c.configure(func(s *Settings) { s.LimitPages = true })
	if err := c.sim.Faults().Set(fault.Fault{Kind: fault.RateLimited, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if got := c.get("/company/companies").is(429); !strings.Contains(got.body, "<html>") || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
		t.Errorf("429 with LimitPages: Content-Type %q, body %s", got.header.Get("Content-Type"), got.body)
	}
}

func TestFaults_LoseTheAnswerOfAWriteThatHappened(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	post := func() error {
		request, err := http.NewRequestWithContext(t.Context(), "POST", c.server.URL+apiRoot+additions, strings.NewReader(`{"product":{"id":1},"billCustomer":"Billable"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("demo+public", "private")
		request.Header.Set("clientId", "x")
		response, err := http.DefaultTransport.RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	for _, tt := range []struct {
		kind fault.Kind
		want int
	}{{fault.NoAnswer, 0}, {fault.LostAnswer, 1}} {
		if err := c.sim.Faults().Set(fault.Fault{Kind: tt.kind, Method: "POST", Count: 1}); err != nil {
			t.Fatal(err)
		}
		if err := post(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: POST gave %v, want a closed connection", tt.kind, err)
		}
		if got := len(c.sim.Additions(1)); got != tt.want {
			t.Errorf("%s: %d additions, want %d", tt.kind, got, tt.want)
		}
	}
}

func TestCalls_CountByEndpoint(t *testing.T) {
	t.Parallel()
	c := startWithAgreement(t, nil)
	c.get("/finance/agreements/1/additions", "page", "1")
	c.get("/Finance/Agreements/1/Additions", "page", "2")
	c.get("/finance/agreements/1")
	c.get("/nothing/5")
	c.send("GET", "//login/companyinfo/demo", "")
	if err := c.sim.Faults().Set(fault.Fault{Kind: fault.BadGateway}); err != nil {
		t.Fatal(err)
	}
	c.get("/finance/agreements/1")
	want := map[string]int{
		"GET /finance/agreements/{id}/additions": 2, "GET /finance/agreements/{id}": 2, "GET /nothing/{id}": 1,
		"GET /login/companyinfo/{company}": 1,
	}
	if diff := cmp.Diff(want, c.sim.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := c.sim.CallCount(""); got != 6 {
		t.Errorf("%d calls in all, want 6", got)
	}
	var report struct {
		Total  int
		Counts map[string]int
		Latest []struct{ Method, Path, Query string }
	}
	if err := json.Unmarshal([]byte(c.send("GET", "//_simulator/requests", "").is(200).body), &report); err != nil {
		t.Fatal(err)
	}
	if report.Total != 6 || !cmp.Equal(report.Counts, want) || len(report.Latest) != 6 || report.Latest[0].Query != "page=1" {
		t.Errorf("report over HTTP = %+v", report)
	}
	c.send("DELETE", "//_simulator/requests", "").is(204)
	if got := c.sim.CallCount(""); got != 0 {
		t.Errorf("%d calls after forgetting them, want 0", got)
	}
}

func TestControl_ChangesFaultsAndSettings(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Companies: 2, Settings: Settings{ShowNulls: true}})
	c.send("PUT", "//_simulator/faults", `{"kind":"bad-gateway","count":1}`).is(200)
	c.get("/company/companies").is(502)
	c.get("/company/companies").is(200)
	c.send("PUT", "//_simulator/faults", `[{"kind":"server-error"}]`).is(200)
	c.get("/company/companies").is(500)
	c.send("DELETE", "//_simulator/faults", "").is(204)
	c.get("/company/companies").is(200)

	c.send("PUT", "//_simulator/settings", `{"keysExpired":true,"searchLagMilliseconds":5}`).is(200)
	c.get("/company/companies").is(401)
	if got, want := c.sim.Settings(), (Settings{KeysExpired: true, SearchLagMilliseconds: 5}); got != want {
		t.Errorf("settings = %+v, want %+v", got, want)
	}
	c.send("PUT", "//_simulator/settings", `{"keyExpired":true}`).is(400)
	c.send("PUT", "//_simulator/settings", `{"requestsPerMinute":-1}`).is(400)
	c.send("DELETE", "//_simulator/settings", "").is(204)
	if got := c.send("GET", "//_simulator/settings", "").is(200).object(); got["showNulls"] != true || got["keysExpired"] != false {
		t.Errorf("settings after a reset = %v", got)
	}

	c.send("DELETE", "//_simulator/companies/2", "").is(204)
	c.get("/company/companies/2").is(404)
	c.send("DELETE", "//_simulator/companies/2", "").is(404)
}

func TestEncoder_WritesEveryTextSoThatItCanBeReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		e := encoder{}
		e.text(text)
		var back string
		if err := json.Unmarshal(e.out, &back); err != nil || back != strings.ToValidUTF8(text, "�") {
			t.Fatalf("%q was written as %s and read back as %q, %v", text, e.out, back, err)
		}
	})
}
