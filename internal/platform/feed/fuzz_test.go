package feed

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"crosswalk/internal/platform"
)

// FuzzPages_KeepWhatCanBeStored passes anything off as a page of any collection: it is read whole or not at all, and
// what was read has ids and texts that the database takes.
func FuzzPages_KeepWhatCanBeStored(f *testing.F) {
	for _, items := range []string{
		`{"invoiceId":"i1","invoiceDate":"2026-05-12","contractId":"C","customerId":"o","totalAmount":12.5,"updatedAt":"2026-05-13T10:20:30Z"}`,
		`{"invoiceId":"i1","invoiceDate":"0000-05-12","contractId":"C","customerId":"o","updatedAt":"0000-01-01T00:00:00Z"}`,
		`{"invoiceId":"\u0000","invoiceDate":"2026-05-12","contractId":" ","customerId":"\ud800"}`,
		`{"invoiceId":"i1","invoiceDate":"2026-05-12","contractId":" ","customerId":"o"}`,
		`{"id":"o1","name":"Riga \u0000Foods","referenceNumber":"\ufeff10023","status":"Blocked","externalId":null}`,
		`{"id":"C-7","customerId":"o1","currency":"EUR","billingCycleDay":31}`,
		`{"id":"C-7","customerId":"o1","currency":"EUR","billingCycleDay":1e1}`,
		`{"id":"o1","name":"` + strings.Repeat("ä", maxText) + `"}`, `{"id":"` + strings.Repeat("x", maxID+1) + `"}`,
		`{"id":{}}`, `null`, `[]`, `1e999999999`, rowJSON("row-1", nil), "", "{", `{"id":"a"},{"id":"a"}`,
	} {
		f.Add(`{"items":[` + items + `],"page":1,"totalCount":1}`)
	}
	f.Add(`{"totalCount":-1,"items":[]}`)
	f.Add(`{"totalCount":1,"items":[],"items":null,"page":"x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		if headers, err := read(invoiceHeaders(), text); err == nil {
			for _, h := range headers.items {
				wantStorable(t, []string{h.InvoiceID, h.ContractID, h.CustomerID}, h.InvoiceNumber, h.Status, h.Source, h.Currency)
				if year := h.UpdatedAt.Year(); h.InvoiceDate.Year < 1 || year < 1 || year > 10_000 || len(h.TotalAmount.String()) > 200 {
					t.Errorf("a header was read as %+v", h)
				}
			}
		}
		if found, err := read(organizations(), text); err == nil {
			for _, o := range found.items {
				wantStorable(t, []string{o.ID}, o.Name, o.ReferenceNumber, o.Status, o.ExternalID)
			}
		}
		if held, err := read(contracts(), text); err == nil {
			for _, c := range held.items {
				wantStorable(t, []string{c.ID}, c.CustomerID, c.Currency)
				if c.BillingCycleDay < 0 || c.BillingCycleDay > 31 {
					t.Errorf("a contract was read as %+v", c)
				}
			}
		}
	})
}

func wantStorable(t *testing.T, ids []string, texts ...string) {
	t.Helper()
	for _, id := range ids {
		if strings.TrimSpace(id) == "" {
			t.Errorf("a record was read with the ids %q", ids)
		}
	}
	for _, text := range append(texts, ids...) {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > maxText {
			t.Errorf("a text was read as %q, which cannot be stored", text)
		}
	}
}

// FuzzErrors_SayNoSecretsAndNotMuch passes anything off as an answer that is no page. KEY and TOKEN in it stand for
// what the request carried.
func FuzzErrors_SayNoSecretsAndNotMuch(f *testing.F) {
	const key, token = "s3cret-subscription-key", "s3cret-token"
	for _, body := range []string{
		`{"error":{"code":"KEY","message":"Bearer TOKEN is not for KEY"}}`, `{"error":{"message":"KE\nY TOK EN KEYTOKENKEY"}}`,
		`{"error":"KEY"}`, `<html>KEY</html>`, "\xef\xbb\xbf  <p>KEY", `{"error":{"code":1}}`, `{"items":[{"rowId":"KEY","quantity":"KEY"}],"totalCount":1}`,
		`{"items":[],"totalCount":"KEY"}`, "", "[", `"KEY`, `{"error":{"message":"s3cret-s3cret-tokentoken \ud800"}}`,
	} {
		for _, status := range []int{200, 204, 301, 400, 401, 403, 404, 408, 429, 500, 503} {
			f.Add(status, "application/json", body)
		}
		f.Add(503, "text/html; KEY", body)
	}
	client, err := NewClient(Config{BaseURL: "https://feed.example.com", Key: key, Token: token})
	if err != nil {
		f.Fatal(err)
	}
	fill := strings.NewReplacer("KEY", key, "TOKEN", token).Replace
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		response := &http.Response{StatusCode: status, Header: http.Header{
			"Content-Type": {fill(contentType)}, "Retry-After": {fill(contentType)},
		}}
		trouble := client.statusFailure(response, bufio.NewReader(bytes.NewReader([]byte(fill(body)))))
		if status == http.StatusOK {
			_, err := decodePage(arriving{strings.NewReader(fill(body))}, invoiceRows().read)
			if err == nil {
				return
			}
			trouble = client.pageFailure(err)
		}
		err := client.giveUp("invoice rows", 1, trouble)
		var told *platform.Error
		said := fmt.Sprintf("%v %+v", err, err)
		if strings.Contains(said, key) || strings.Contains(said, token) {
			t.Errorf("status %d with %q failed with %s, which shows a secret", status, body, said)
		}
		if told, _ = err.(*platform.Error); told == nil || !utf8.ValidString(told.Reason) || len(told.Reason) > 4*maxMessage+200 {
			t.Errorf("status %d with %q failed with %q, want a reason of bearable length", status, body, said)
		}
	})
}
