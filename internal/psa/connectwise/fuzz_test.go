package connectwise

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"crosswalk/internal/psa"
	filter "crosswalk/internal/simulator/connectwise/condition"
)

// FuzzConditions_SayWhatWasAsked reads back, with a parser of the conditions language, what was written in it.
func FuzzConditions_SayWhatWasAsked(f *testing.F) {
	for _, value := range []string{"EUR", `" or id > 0 or name = "`, `\`, "O'Neill", "[2026-01-01]", "100%", "null", "1", "Müller & Söhne", " ", "\u202e"} {
		f.Add(value, int64(1), int64(2))
	}
	f.Add("", int64(-1), int64(1<<31-1))
	f.Fuzz(func(t *testing.T, value string, one, other int64) {
		text, err := equalText("name", value)
		if err == nil {
			wantParsed(t, text, &filter.Comparison{Path: "name", Operator: filter.Equal, Value: filter.Literal{Value: value}})
		} else if !errors.Is(err, errUnquotable) {
			t.Errorf("equalText(%q): %v, want a condition or %v", value, err, errUnquotable)
		}
		wantParsed(t, equalID("company/id", psa.RecordID(one)), &filter.Comparison{
			Path: "company/id", Operator: filter.Equal, Value: filter.Literal{Value: decimal.NewFromInt(int64(psa.RecordID(one)))},
		})
		ids := []psa.RecordID{psa.RecordID(one), psa.RecordID(other)}
		wantParsed(t, anyID(ids), &filter.Membership{Path: "id", Values: []filter.Literal{
			{Value: decimal.NewFromInt(int64(ids[0]))}, {Value: decimal.NewFromInt(int64(ids[1]))},
		}})
	})
}

func wantParsed(t *testing.T, written condition, want filter.Expression) {
	t.Helper()
	got, err := filter.Parse(string(written))
	if err != nil {
		t.Fatalf("%s cannot be read: %v", written, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s says something else (-want +got):\n%s", written, diff)
	}
}

// FuzzAnswers_SayNoSecretsAndNotMuch passes anything off as the answer of ConnectWise to a read and to a write.
// KEY, TOKEN and CLIENT in it stand for what the request carried.
func FuzzAnswers_SayNoSecretsAndNotMuch(f *testing.F) {
	for _, seed := range []struct{ contentType, body string }{
		{"application/json", `{"code":"InvalidObject","message":"KEY","errors":[{"code":"KEY","message":"Basic TOKEN for CLIENT","field":"KEY"}]}`},
		{"application/json", `{"code":"Security","message":"KEYKEY and s3crKEYet"}`},
		{"application/json", `{"error":"too many requests","message":["KEY"]}`},
		{"application/json", `{"code":{"KEY":"KEY"},"message":null,"errors":{"KEY":1}}`},
		{"application/json", `{"message":"\u200es3cret-private\u200e-key \ud800 \u0000"}`},
		{"application/json", `[[[["KEY"`},
		{"text/html; charset=KEY", "<html>KEY</html>"},
		{"KEY", ""},
		{"", "{}"},
		{"application/json;;; =KEY", `"KEY`},
	} {
		for _, status := range []int{0, 200, 204, 301, 400, 401, 403, 404, 429, 500} {
			f.Add(status, seed.contentType, "KEY", seed.body)
		}
	}
	config := testConfig("https://psa.example.com")
	client, err := NewClient(config)
	if err != nil {
		f.Fatal(err)
	}
	request := &http.Request{Header: make(http.Header)}
	client.authorize(request)
	token := strings.TrimPrefix(request.Header.Get("Authorization"), "Basic ")
	fill := strings.NewReplacer("KEY", testPrivateKey, "TOKEN", token, "CLIENT", config.ClientID).Replace
	f.Fuzz(func(t *testing.T, status int, contentType, retryAfter, body string) {
		received := answer{
			status: status, body: []byte(fill(body)),
			header: http.Header{"Content-Type": {fill(contentType)}, "Retry-After": {fill(retryAfter)}, "Link": {fill(body)}},
		}
		for _, call := range []call{
			{operation: "read companies", method: http.MethodGet, scope: topLevel},
			{operation: "read additions", method: http.MethodGet, scope: belowRecord},
			{operation: "create additions", method: http.MethodPost, scope: oneRecord},
		} {
			call.decode = func(answer) error { return nil }
			err := client.verdict(call, received)
			if err == nil {
				err = client.decode(call, received)
			}
			if err == nil {
				continue
			}
			said := fmt.Sprintf("%v %+v", err, err)
			if outcome(err) == "unknown" || !utf8.ValidString(said) || len(said) > 2*(maxDetails+3)*4*maxMessageLength {
				t.Errorf("%s failed with %T of %d bytes, want one of the errors of psa, not long: %.300q", call.operation, err, len(said), said)
			}
			if strings.Contains(said, testPrivateKey) || strings.Contains(said, token) || strings.Contains(said, config.ClientID) {
				t.Errorf("%s shows the credentials: %s", call.operation, said)
			}
		}
		_ = parseLinks(received.header)
	})
}

// FuzzRecords_KeepWhatTheySay decodes what ConnectWise may say of a record: of each field what can be understood,
// and nothing that the database could not take.
func FuzzRecords_KeepWhatTheySay(f *testing.F) {
	for _, record := range []string{
		`{"id":1,"name":"Acme","status":{"name":"Active"},"currency":{"currencyCode":"eur"},"_info":{"lastUpdated":"2026-05-18T09:30:00Z"}}`,
		`{"id":"7","identifier":"A\u0000B","price":"1e30","cost":1e31,"inactiveFlag":"True"}`,
		`{"id":2147483648}`, `{"id":1,"price":1e999999999,"quantity":-0.0000000000000000000000000000001}`,
		`{"id":1,"startDate":"0000-01-01","endDate":"9999-12-31T00:00:00Z","_info":{"lastUpdated":"0001-01-01T00:00:00Z"}}`,
		`{"id":1,"effectiveDate":"","cancelledDate":[],"product":{"id":{}},"serialNumber":17}`, `{"id":1,"id":"x"}`,
		`{"id":1,"name":"` + strings.Repeat("ä", maxNameLength) + `","identifier":"` + strings.Repeat("x", 1<<16) + `","status":{"name":"` + strings.Repeat("y", 3000) + `"}}`,
	} {
		f.Add(record)
	}
	f.Fuzz(func(t *testing.T, record string) {
		received := answer{body: []byte("[" + record + "]")}
		if !json.Valid(received.body) {
			return
		}
		var texts []string
		var numbers []decimal.NullDecimal
		if got, err := decodePage[companyRecord](received, false); err == nil {
			for _, r := range got.records {
				c := r.company()
				texts = append(texts, c.Identifier, c.Name, c.Status, c.Currency)
				wantStorable(t, c.ID, c.LastUpdated.Year())
			}
		}
		if got, err := decodePage[productRecord](received, false); err == nil {
			for _, r := range got.records {
				p := r.product()
				texts = append(texts, p.Identifier, p.Description, p.Category)
				numbers = append(numbers, p.Price, p.Cost)
				wantStorable(t, p.ID, p.LastUpdated.Year())
			}
		}
		if got, err := decodePage[agreementRecord](received, false); err == nil {
			for _, r := range got.records {
				a := r.agreement()
				texts = append(texts, a.Name, a.Currency)
				wantStorable(t, a.ID, a.StartDate.Year+1, a.EndDate.Year+1, a.LastUpdated.Year())
			}
		}
		for _, text := range texts {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > maxNameLength+3 {
				t.Errorf("%s was read as %q, which cannot be stored", record, text)
			}
		}
		if i := slices.IndexFunc(numbers, func(n decimal.NullDecimal) bool { return n.Valid && len(n.Decimal.String()) > 200 }); i >= 0 {
			t.Errorf("%s has a number of %d characters", record, len(numbers[i].Decimal.String()))
		}
	})
}

func wantStorable(t *testing.T, id psa.RecordID, years ...int) {
	t.Helper()
	if id < 1 || id > 1<<31-1 || slices.Min(years) < 1 || slices.Max(years) > 10_000 {
		t.Errorf("a record was read with the id %d and the years %v", id, years)
	}
}
