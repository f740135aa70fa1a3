package connectwise

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crosswalk/internal/psa"
)

func TestRequest_Headers(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(http.StatusOK, `{"version":"v2026.3.105333","isCloud":true}`))
	if _, err := server.client(t).SystemInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	request := server.all()[0]
	for name, want := range map[string]string{
		"Authorization":   "Basic " + base64.StdEncoding.EncodeToString([]byte("acme+public:"+testPrivateKey)),
		"Clientid":        "4a7e0b1c-0000-4000-8000-000000000001",
		"Accept":          "application/vnd.connectwise.com+json; version=2025.1",
		"User-Agent":      "crosswalk",
		"Accept-Encoding": "gzip",
		"Content-Type":    "",
	} {
		if got := request.Header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestSystemInfo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       psa.SystemInfo
	}{
		{"a boolean", `{"version":"v2026.3.105333","isCloud":true}`, psa.SystemInfo{Version: "v2026.3.105333", IsCloud: true}},
		{"a string", `{"version":"v2026.3","isCloud":"True"}`, psa.SystemInfo{Version: "v2026.3", IsCloud: true}},
		{"false as a string", `{"version":"v2026.3","isCloud":"False"}`, psa.SystemInfo{Version: "v2026.3"}},
		{"nothing", `{}`, psa.SystemInfo{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, always(http.StatusOK, tt.body))
			got, err := server.client(t).SystemInfo(t.Context())
			if err != nil || got != tt.want {
				t.Errorf("SystemInfo from %s = %+v, %v, want %+v", tt.body, got, err, tt.want)
			}
		})
	}
}

func TestCompaniesByID_CallsAndURLs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		ids       []psa.RecordID
		maxCalls  int
		wantFound int
	}{
		{"none", nil, 0, 0},
		{"one", []psa.RecordID{5}, 1, 1},
		{"repeated", []psa.RecordID{5, 5, 6, 5}, 1, 2},
		{"a thousand", recordIDs(1000), 3, 1000},
		{"some do not exist", []psa.RecordID{1, 1001, 5000}, 1, 1},
		{"none exists", []psa.RecordID{1001, 5000}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, collection{count: 1000}.ServeHTTP)
			found, err := server.client(t).CompaniesByID(t.Context(), tt.ids)
			if err != nil || len(found) != tt.wantFound {
				t.Fatalf("CompaniesByID = %d companies, %v, want %d", len(found), err, tt.wantFound)
			}
			if !slices.IsSortedFunc(found, func(a, b psa.Company) int { return int(a.ID - b.ID) }) {
				t.Errorf("CompaniesByID = %v, want ascending ids", found)
			}
			requests := server.all()
			if len(requests) > tt.maxCalls {
				t.Errorf("CompaniesByID took %d calls, want at most %d", len(requests), tt.maxCalls)
			}
			for _, request := range requests {
				if len(request.Raw) > maxURLLength || !strings.Contains(request.Raw, "conditions=id%20in%20(") || strings.Contains(request.Raw, "%2C") {
					t.Errorf("the request URL has %d characters: %s, want at most %d with bare commas", len(request.Raw), request.Raw, maxURLLength)
				}
			}
		})
	}
}

func TestProductsByID_FollowsAnAnswerThatWasCut(t *testing.T) {
	t.Parallel()
	for name, records := range map[string]collection{
		"with Link":                          {count: 300, pageCap: 100},
		"with Link, and ids that are absent": {count: 250, pageCap: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, records.ServeHTTP)
			found, err := server.client(t).ProductsByID(t.Context(), recordIDs(300))
			if err != nil || len(found) != records.count {
				t.Errorf("ProductsByID = %d products, %v, want %d", len(found), err, records.count)
			}
			for _, request := range server.all() {
				if !strings.HasPrefix(request.Query.Get("conditions"), "id in (1,2,") {
					t.Errorf("%s asks without the condition", request.Raw)
				}
			}
		})
	}
}

func TestAgreementsByID_IgnoresWhatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(http.StatusOK, `[{"id":1},{"id":2},{"id":2},{"id":3}]`))
	found, err := server.client(t).AgreementsByID(t.Context(), []psa.RecordID{2})
	if err != nil || len(found) != 1 || found[0].ID != 2 {
		t.Errorf("AgreementsByID(2) = %v, %v, want agreement 2 once", found, err)
	}
}

func TestByID_PagesThatRepeatAreAnError(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `<https://x/?page=2>; rel="next"`)
		answerJSON(w, http.StatusOK, `[{"id":1},{"id":2}]`)
	})
	_, err := server.client(t).AgreementsByID(t.Context(), recordIDs(3))
	var unavailable *psa.UnavailableError
	if !errors.As(err, &unavailable) || len(server.all()) != 2 {
		t.Errorf("AgreementsByID = %v after %d requests, want an error after 2", err, len(server.all()))
	}
}

func TestByID_OneFailedPartFailsTheWhole(t *testing.T) {
	t.Parallel()
	records := collection{count: 1000}
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Query().Get("conditions"), ",900,") {
			answerJSON(w, http.StatusBadRequest, `{"code":"ApiFindCondition","message":"no","errors":null}`)
			return
		}
		records.ServeHTTP(w, r)
	})
	found, err := server.client(t).CompaniesByID(t.Context(), recordIDs(1000))
	var refused *psa.RefusedError
	if !errors.As(err, &refused) || found != nil {
		t.Errorf("CompaniesByID = %d companies, %v, want none and the refusal", len(found), err)
	}
}

func TestAgreementsOfCompany_KeepsOnlyThatCompanys(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "")
		answerJSON(w, http.StatusOK, `[{"id":1,"company":{"id":7}},{"id":2,"company":{"id":8}},{"id":3}]`)
	})
	got, err := server.client(t).AgreementsOfCompany(t.Context(), 7)
	if err != nil || len(got) != 2 || got[0].ID != 1 || got[1].ID != 3 || got[1].CompanyID != 7 {
		t.Errorf("AgreementsOfCompany(7) = %+v, %v, want agreements 1 and 3", got, err)
	}
}

func TestAdditions_AreListedUnfilteredUnderTheirAgreement(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "")
		answerJSON(w, http.StatusOK, `[{"id":71,"quantity":"2"},{"id":72,"agreementId":null}]`)
	})
	got, err := server.client(t).Additions(t.Context(), 9)
	if err != nil || len(got) != 2 || got[0].AgreementID != 9 || got[1].AgreementID != 9 {
		t.Errorf("Additions(9) = %+v, %v, want two of agreement 9", got, err)
	}
	request := server.all()[0]
	if request.Path != "/finance/agreements/9/additions" || request.Query.Has("conditions") {
		t.Errorf("Additions asks %s, want the agreement's additions without conditions", request.Raw)
	}
}

func TestAgreementTypes(t *testing.T) {
	t.Parallel()
	server := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "")
		answerJSON(w, http.StatusOK, `[{"id":2,"name":"Managed","inactiveFlag":"true"},{"id":1,"name":"Cloud"}]`)
	})
	got, err := server.client(t).AgreementTypes(t.Context())
	want := []psa.AgreementType{{ID: 1, Name: "Cloud"}, {ID: 2, Name: "Managed", Inactive: true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("AgreementTypes = %+v, %v, want %+v", got, err, want)
	}
}

// TestRead_Outcomes uses calls that are tried once more where that may help.
func TestRead_Outcomes(t *testing.T) {
	t.Parallel()
	listCompanies := func(t *testing.T, c *Client) error {
		_, _, err := streamed(t, c)
		return err
	}
	listAdditions := func(t *testing.T, c *Client) error {
		_, err := c.Additions(t.Context(), 9)
		return err
	}
	readAddition := func(t *testing.T, c *Client) error {
		_, err := c.UpdateAddition(t.Context(), 9, 71, psa.AdditionChange{})
		return err
	}
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answerHTML(w, status) }
	}
	for _, tt := range []struct {
		name     string
		api      http.HandlerFunc
		call     func(*testing.T, *Client) error
		want     string // of UnavailableError: unauthorized, limited or empty; of RefusedError: its code
		refused  int
		requests int // 0 where net/http may repeat a read that met a closed connection
	}{
		{"401 with an error body", always(401, `{"code":"Unauthorized","message":"no"}`), listCompanies, "unauthorized", 0, 1},
		{"401 without a body", html(401), listCompanies, "unauthorized", 0, 1},
		{"403 for a missing client id", always(403, `{"code":"Forbidden","message":"clientId"}`), listCompanies, "unauthorized", 0, 1},
		{"403 for a missing permission", always(403, `{"code":"Security","message":"You do not have security permission to perform this action.","errors":null}`), listCompanies, "unauthorized", 0, 1},
		{"404 of a cloud host for wrong credentials", html(404), listCompanies, "unauthorized", 0, 1},
		{"404 for an endpoint", always(404, `{"code":"ConnectWiseApi","message":"The endpoint does not exist.","errors":null}`), listCompanies, "unauthorized", 0, 1},
		{"404 below a record that is missing", always(404, `{"code":"NotFound","message":"Agreement 9 not found","errors":null}`), listAdditions, "NotFound", 404, 1},
		{"404 below a record, not in the API's form", html(404), listAdditions, "unauthorized", 0, 1},
		{"404 for one record", always(404, `{"code":"NotFound","message":"Addition 71 not found","errors":null}`), readAddition, "NotFound", 404, 1},
		{"404 for one record, not in the API's form", html(404), readAddition, "unauthorized", 0, 1},
		{"400 in the API's form", always(400, `{"code":"InvalidObject","message":"no","errors":[]}`), readAddition, "InvalidObject", 400, 1},
		{"400 as a web page", html(400), readAddition, "", 0, 2},
		{"429 in the API's form", always(429, `{"error":"ConnectWiseAPI","message":"Too many requests."}`), listCompanies, "limited", 0, 1},
		{"429 as a web page", html(429), listCompanies, "limited", 0, 1},
		{"500 in the API's form", always(500, `{"code":"ConnectWiseApi","message":"String was not recognized as a valid Boolean."}`), listCompanies, "", 0, 2},
		{"502 as a web page", html(502), listCompanies, "", 0, 2},
		{"200 as a web page", html(200), listCompanies, "", 0, 2},
		{"200 as plain text", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(`[]`))
		}, listCompanies, "", 0, 2},
		{"204 instead of a list", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, listCompanies, "", 0, 2},
		{"null instead of a list", always(200, `null`), listCompanies, "", 0, 2},
		{"an object instead of a list", always(200, `{"code":"x"}`), listCompanies, "", 0, 2},
		{"a list instead of an object", always(200, `[]`), readAddition, "", 0, 2},
		{"JSON cut short", always(200, `[{"id":1},{"id"`), listCompanies, "", 0, 2},
		{"JSON with something after it", always(200, `[]<html>`), listCompanies, "", 0, 2},
		{"a body shorter than announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`[]`))
		}, listCompanies, "", 0, 2},
		{"the connection is dropped", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, listCompanies, "", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, tt.api)
			err := tt.call(t, server.client(t))
			var refused *psa.RefusedError
			var unavailable *psa.UnavailableError
			switch {
			case tt.refused != 0:
				if !errors.As(err, &refused) || refused.Status != tt.refused || refused.Code != tt.want {
					t.Errorf("the call = %v, want *psa.RefusedError %d %s", err, tt.refused, tt.want)
				}
			case !errors.As(err, &unavailable):
				t.Errorf("the call = %v, want *psa.UnavailableError", err)
			case unavailable.Unauthorized != (tt.want == "unauthorized") || unavailable.RateLimited != (tt.want == "limited"):
				t.Errorf("the call = %+v, want it %q", unavailable, tt.want)
			case unavailable.Reason == "" || strings.Contains(unavailable.Reason, "127.0.0.1"):
				t.Errorf("the reason is %q, want a sentence without addresses", unavailable.Reason)
			}
			if got := len(server.all()); tt.requests != 0 && got != tt.requests {
				t.Errorf("the call took %d requests, want %d", got, tt.requests)
			}
		})
	}
}

func TestRead_APermissionProblemIsNamed(t *testing.T) {
	t.Parallel()
	server := newServer(t, always(403, `{"code":"Security","message":"You do not have security permission to perform this action.","errors":null}`))
	client := server.client(t)
	var unavailable *psa.UnavailableError
	for range 2 * failuresToOpen {
		err := client.Products(t.Context(), func([]psa.Product) error { return nil })
		if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Reason, "permission to list products") {
			t.Fatalf("Products = %v, want a reason that names the permission", err)
		}
	}
	if health := client.Health(); health.Circuit != psa.CircuitClosed || !strings.Contains(health.LastError, "permission") {
		t.Errorf("Health = %+v, want a closed circuit: other records can be read", health)
	}
}

func TestRead_RecoversOnTheSecondTry(t *testing.T) {
	t.Parallel()
	server := newServer(t, inTurn(func(w http.ResponseWriter, _ *http.Request) { answerHTML(w, 503) }, collection{count: 3}.ServeHTTP))
	ids, _, err := streamed(t, server.client(t))
	if err != nil || len(ids) != 3 || len(server.all()) != 2 {
		t.Errorf("Companies = %v, %v with %d requests, want 3 companies with 2", ids, err, len(server.all()))
	}
}
