package gateway_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
)

// echo stands before a system and, while it is on, answers requests with all that they carry, in every place
// that somebody may look at.
type echo struct {
	status atomic.Int64
	// sparesReads lets everything through but writes.
	sparesReads atomic.Bool
}

func (e *echo) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := int(e.status.Load())
		if status == 0 || e.sparesReads.Load() && r.Method == http.MethodGet || strings.HasPrefix(r.URL.Path, "/login/") {
			next.ServeHTTP(w, r)
			return
		}
		_, password, _ := r.BasicAuth()
		carried := []string{password}
		for name, values := range r.Header {
			carried = append(carried, name+": "+strings.Join(values, ", "))
		}
		slices.Sort(carried)
		said := strings.Join(carried, "; ")
		body, _ := json.Marshal(map[string]any{ // texts always can be
			"code": said, "message": said, "error": map[string]string{"code": said, "message": said},
			"errors": []map[string]string{{"code": said, "message": said, "field": said}},
		})
		w.Header().Set("Content-Type", "application/json")
		for _, name := range []string{"x-cw-request-id", "Retry-After", "Location", "Link"} {
			w.Header().Set(name, said)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
}

// everything returns each place that somebody can look at, with what is there.
func (d desk) everything(t *testing.T, answers []gatewaytest.Response) map[string]string {
	t.Helper()
	places := map[string]string{"the log of the process": d.Log.String()}
	for i, answer := range answers {
		places[fmt.Sprintf("answer %d", i)] = fmt.Sprintf("%s %v", answer.Body, answer.Header)
	}
	owner, err := postgres.OpenAsOwner(t.Context(), d.DB.DSN(), postgres.Options{MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	err = owner.System().Read(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		var tables []string
		err := tx.SelectContext(ctx, &tables, `
			SELECT quote_ident(schemaname) || '.' || quote_ident(tablename)
			FROM pg_tables
			WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
		for _, table := range tables {
			var rows []string
			if err := tx.SelectContext(ctx, &rows, `SELECT t::text FROM `+table+` t`); err != nil {
				return err
			}
			places["the table "+table] = strings.Join(rows, "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// TestSystemsThatRepeatWhatTheyAreSentBringNoSecretToLight looks through all that is shown, logged and stored while
// both systems answer with the credentials they got.
func TestSystemsThatRepeatWhatTheyAreSentBringNoSecretToLight(t *testing.T) {
	t.Parallel()
	psaEcho, feedEcho := &echo{}, &echo{}
	d := startDesk(t, gatewaytest.Options{BeforeConnectWise: psaEcho.before, BeforePlatform: feedEcho.before, Gateway: func(c *gateway.Config) {
		c.PSABudget = time.Second
	}})
	billTo(d.World, "1", date(3), cycle("R-1"), once("R-2"))
	d.load(t)
	d.toCloud(t)
	var answers []gatewaytest.Response
	ask := func(query string, values variables) {
		answers = append(answers, d.Query(t, admin, query, values))
	}
	for _, status := range []int{http.StatusBadRequest, 401, 403, 404, 409, 422, 429, 500, 503, 302, 200} {
		// New keys begin with a new connection, which knows of no trouble yet.
		if saved, _ := saveCredentials(t, d.World, nil); len(saved.UserErrors) > 0 {
			t.Fatalf("save the credentials: %+v", saved.UserErrors)
		}
		psaEcho.status.Store(int64(status))
		if status == http.StatusBadRequest || status == http.StatusUnprocessableEntity { // others are waited out
			psaEcho.sparesReads.Store(true)
			post(t, d.Seller, nil)
			psaEcho.sparesReads.Store(false)
		}
		ask(outagePage, nil)
		ask(`{ psaAgreementTypes { name } settings { connection { circuit retryAt lastSuccessAt lastError } } }`, nil)
		ask(`mutation { testConnectWiseConnection { ok userErrors { message field } } }`, nil)
		ask(`mutation ($id: ID!) { updateSettings(input: {agreementTypeId: $id}) { userErrors { message } } }`, variables{"id": nodeID("PsaAgreementType", 9)})
		ask(`mutation ($input: ConnectWiseCredentialsInput!) { saveConnectWiseCredentials(input: $input) { userErrors { message field } } }`, variables{"input": variables{
			"apiUrl": d.ConnectWiseURL, "companyId": gatewaytest.CompanyID, "publicKey": "another", "privateKey": secretVariable, "clientId": secretLiteral,
		}})
		if status < http.StatusNotFound && status >= http.StatusBadRequest { // as above
			syncing, _ := d.StartSync(t)
			d.WaitForJob(t, syncing)
		}
		psaEcho.status.Store(0)
		feedEcho.status.Store(int64(status))
		for _, start := range []string{`mutation { syncOrganizations { job { id } } }`, `mutation { loadOffers(input: {months: 1}) { job { id } } }`} {
			ask(start, nil)
			for _, id := range jobList(t, d.Seller, nil) {
				d.WaitForJob(t, id)
			}
		}
		feedEcho.status.Store(0)
	}
	ask(`{ logEntries(first: 1000) { nodes { title details } } jobs(first: 1000) { nodes { step error } } }`, nil)
	ask(`{ invoiceLines(first: 1000) { nodes { syncError { code message } } } settings { `+settingsFields+` } }`, nil)
	if !strings.Contains(string(answers[len(answers)-1].Body), "***") {
		t.Errorf("no line's error has anything that was taken out: %s", answers[len(answers)-1].Body)
	}
	for place, text := range d.everything(t, answers) {
		for _, secret := range secretsOf(d.Seller) {
			for _, written := range []string{secret, hex.EncodeToString([]byte(secret))} {
				if at := strings.Index(text, written); at >= 0 {
					t.Errorf("%s has the secret %q: …%s…", place, secret, text[max(at-200, 0):min(at+100, len(text))])
				}
			}
		}
	}
}
