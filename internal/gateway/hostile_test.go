package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crosswalk/internal/gateway"
	"crosswalk/internal/gateway/gatewaytest"
	"crosswalk/internal/postgres"
	simconnectwise "crosswalk/internal/simulator/connectwise"
)

// attack is a way for a system to answer that should harm nobody.
type attack struct {
	answer http.HandlerFunc
	// lasts means that it is a matter of time, which a run gives it more of than a test has.
	lasts bool
	// feed and psa are what a run is told in the end.
	feed, psa string
}

// answered is JSON with a body that is written for as long as the caller listens.
func answered(write func(w http.ResponseWriter) error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for {
			if err := write(w); err != nil {
				return
			}
		}
	}
}

// body is JSON, or what passes for it.
func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text)) // a caller who has gone misses nothing
	}
}

// dribble writes to the bare connection, a little at a time.
func dribble(start, more string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		connection, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = buffered.WriteString(start)
		for err == nil {
			_, _ = buffered.WriteString(more)
			err = buffered.Flush()
			time.Sleep(5 * time.Millisecond) // this is what it is about
		}
	}
}

func attacks(t *testing.T, private string) map[string]attack {
	t.Helper()
	var member bytes.Buffer // a mebibyte of spaces; compressed data may be a sequence of these
	packer := gzip.NewWriter(&member)
	_, _ = packer.Write(bytes.Repeat([]byte(" "), 1<<20))
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	chunk := []byte(strings.Repeat("x", 1<<20))
	return map[string]attack{
		"a body without end": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"items":[{"rowId":"`))
			answered(func(w http.ResponseWriter) error { _, err := w.Write(chunk); return err })(w, r)
		}, feed: "larger than", psa: "more data than can be right"},
		"a gzip bomb": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			answered(func(w http.ResponseWriter) error { _, err := w.Write(member.Bytes()); return err })(w, r)
		}, feed: "larger than", psa: "more data than can be right"},
		"headers without end": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}, feed: "connection", psa: "connection"},
		"headers that dribble in":    {answer: dribble("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), lasts: true},
		"a body that dribbles in":    {answer: dribble("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n[", " "), lasts: true},
		"a body that breaks off":     {answer: dribbleOnce("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"), feed: "broke off", psa: "connection"},
		"a web page":                 {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Welcome</html>")) }, feed: "web page", psa: "web page"},
		"JSON that is cut short":     {answer: body(`{"totalCount":1,"items":[{"rowId":"1"`), feed: "broke off", psa: "could not be read"},
		"a list in a list in a list": {answer: body(strings.Repeat("[", 1<<20)), feed: "cannot be read", psa: "could not be read"},
		"numbers beyond all bounds":  {answer: body(`{"totalCount":1e999,"items":[{"id":1e999999999}]}`), feed: "", psa: "could not be read"},
		"something else altogether":  {answer: body(`"hello"`), feed: "cannot be read", psa: "could not be read"},
		"a way into a private network": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, private+r.URL.Path, http.StatusTemporaryRedirect)
		}, feed: "another address", psa: "unexpected way"},
	}
}

func dribbleOnce(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if connection, buffered, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = buffered.WriteString(text)
			_ = buffered.Flush()
			_ = connection.Close()
		}
	}
}

// hostile stands before a simulator until it attacks.
type hostile struct {
	attack atomic.Pointer[http.HandlerFunc]
}

func (h *hostile) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if attack := h.attack.Load(); attack != nil {
			(*attack)(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestHostileSystemsCostTheirOwnSellerAnErrorAndNobodyElseAnything(t *testing.T) {
	t.Parallel()
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed to another server")
	}))
	t.Cleanup(canary.Close)
	for name, attack := range attacks(t, canary.URL) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			psaSide, feedSide := &hostile{}, &hostile{}
			w := gatewaytest.Start(t, gatewaytest.Options{Sellers: 2, Gateway: func(c *gateway.Config) { c.PSABudget = 2 * time.Second }})
			w.ConnectWise.AddCompany(companyOf("ACME"))
			w.AddCustomer("Alpha", "1", "Active")
			safe, victim := w.Sellers[0], w.Sellers[1]
			lead(t, w, victim, startHostile(t, psaSide.before(w.ConnectWise)), startHostile(t, feedSide.before(w.Platform)))
			for _, s := range w.Sellers {
				s.Sync(t)
				mapTo(t, s, organizationNamed(t, s, "Alpha").ID, companies(t, s)["ACME"].ID, nil)
			}

			psaSide.attack.Store(&attack.answer)
			wantFailed(t, victim, attack.lasts, attack.psa)
			gatewaytest.Within(t, 20*time.Second, "the victim's page", func() {
				response := victim.Query(t, viewer, outagePage, nil)
				if rows := rowsOf(t, response); len(response.Errors) > 0 || len(rows) != 1 || rows[0].MappingStatus != "RESPONSE_ERROR" {
					t.Errorf("the victim's page was answered with %s, want its row as RESPONSE_ERROR", response.Body)
				}
			})
			wantUnharmed(t, safe)
			psaSide.attack.Store(nil)
			gatewaytest.Eventually(t, "the victim is served again", func() bool {
				return rowsOf(t, victim.Must(t, viewer, outagePage, nil, nil))[0].MappingStatus == "MAPPED"
			})

			if !attack.lasts {
				feedSide.attack.Store(&attack.answer)
				wantFailed(t, victim, attack.lasts, attack.feed)
				wantUnharmed(t, safe)
				feedSide.attack.Store(nil)
			}
			victim.Sync(t)
		})
	}
}

// startHostile serves until the test ends.
func startHostile(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok && state == http.StateNew {
			_ = tcp.SetWriteBuffer(64 << 10) // so that what nobody reads is noticed soon
		}
	}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// lead has a seller use other addresses than the others.
func lead(t *testing.T, w *gatewaytest.World, s *gatewaytest.Seller, psa, feed string) {
	t.Helper()
	moved := *w
	moved.Seller = s
	if saved, _ := saveCredentials(t, &moved, variables{"apiUrl": psa}); len(saved.UserErrors) > 0 {
		t.Fatalf("save the credentials: %+v", saved.UserErrors)
	}
	ids, _ := agreementTypes(t, s)
	updateSettings(t, s, variables{"agreementTypeId": ids["Cloud Subscriptions"]})
	err := w.DB.System().Write(t.Context(), func(ctx context.Context, tx *postgres.Tx) error {
		return tx.GetContext(ctx, &feed, `UPDATE seller SET platform_url = $2 WHERE id = $1 RETURNING platform_url`, s.ID, feed)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantUnharmed checks that a seller is served as if nothing was the matter.
func wantUnharmed(t *testing.T, s *gatewaytest.Seller) {
	t.Helper()
	response := s.Must(t, viewer, outagePage, nil, nil)
	if rows := rowsOf(t, response); len(rows) != 1 || rows[0].MappingStatus != "MAPPED" || rows[0].PsaCompany.Freshness != "LIVE" {
		t.Errorf("meanwhile another seller's page is %s, want its row MAPPED and LIVE", response.Body)
	}
	s.Sync(t)
}

// wantFailed runs Sync Organizations, which must fail with a sentence that says why, or be cancelled if it is one to last.
func wantFailed(t *testing.T, s *gatewaytest.Seller, lasts bool, says string) {
	t.Helper()
	id, _ := s.StartSync(t)
	want := "FAILED"
	if lasts {
		want = "CANCELLED"
		cancelJob(t, s, id)
	}
	job := s.WaitForJob(t, id)
	if job.State != want || !lasts && (job.Error == nil || !strings.Contains(*job.Error, says)) {
		t.Errorf("the victim's run ended as %s with %q, want %s saying %q", job.State, deref(job.Error), want, says)
	}
	if errors := slices.DeleteFunc(job.LogEntries.Nodes, func(e gatewaytest.LogEntry) bool { return e.Level != "ERROR" }); !lasts && len(errors) != 1 {
		t.Errorf("the victim's run logged %d errors, want one: %s", len(errors), fmt.Sprint(errors))
	}
}

func TestNamesWithoutEndAreCutAndStopNoRun(t *testing.T) {
	t.Parallel()
	w := gatewaytest.Start(t, gatewaytest.Options{})
	endless := func(length int) string {
		text := make([]byte, length) // of letters that do not compress, as an index would
		for i := range text {
			text[i] = byte('a' + rand.IntN(26))
		}
		return string(text)
	}
	w.ConnectWise.AddCompany(simconnectwise.Company{Identifier: endless(50_000), Name: endless(50_000), Status: endless(50_000)})
	w.AddCustomer(endless(50_000), "1", endless(50_000))
	row := cycle("R-1")
	row.SubscriptionName, row.OfferName, row.VendorName, row.VendorOfferID = endless(50_000), endless(50_000), endless(50_000), endless(50_000)
	row.Description, row.ChargeType = endless(50_000), endless(50_000)
	billTo(w, "1", date(2), row)
	w.Sync(t)
	loadLines(t, w.Seller)
	w.Load(t, 1)
	s := survey{loadSchema(t)}
	for _, name := range []string{"organizations", "offers", "invoiceLines", "psaCompanies"} {
		response := w.Must(t, viewer, "{ "+s.call(s.Query.Fields.ForName(name), nil, 1)+" }", nil, nil)
		if !strings.Contains(string(response.Body), `"totalCount":1`) {
			t.Errorf("%s: %.1000s, want one", name, response.Body)
		}
	}
}
