package feed

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crosswalk/internal/platform"
)

type spoiler = func(w http.ResponseWriter, r *http.Request)

func answerJSON(status int, body string) spoiler {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func answerWebPage(status int, contentType string) spoiler {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, " \n<!DOCTYPE html><html><body>Gateway</body></html>")
	}
}

// breakOff promises a page and ends the connection in the middle of its second row.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100000")
	_, _ = io.WriteString(w, `{"page":2,"totalCount":6,"items":[`+rowJSON("row-3", nil)+`,{"rowId":"row-`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// reset ends the connection without an answer and without a goodbye.
func reset(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

func hang(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// passingTrouble is everything that may go away when the page is asked for again.
func passingTrouble() []struct {
	name  string
	spoil spoiler
	text  string
} {
	return []struct {
		name  string
		spoil spoiler
		text  string
	}{
		{"429", answerJSON(429, `{"error":{"code":"TooMany","message":"Slow down"}}`), "status 429: Slow down (TooMany)"},
		{"500 with the feed's error", answerJSON(500, `{"error":{"code":"Oops","message":"No luck"}}`), "status 500: No luck (Oops)"},
		{"502 with a web page", answerWebPage(502, "text/html"), "status 502"},
		{"503 with nothing", answerJSON(503, ""), "status 503"},
		{"504 with something that is neither", answerJSON(504, "timeout"), "status 504"},
		{"408", answerJSON(408, ""), "status 408"},
		{"200 with a web page", answerWebPage(200, "text/html; charset=utf-8"), "a web page came instead of data"},
		{"200 with a web page that says it is JSON", answerWebPage(200, "application/json"), "a web page came instead of data"},
		{"200 with nothing", answerJSON(200, ""), "broke off"},
		{"200 with half a page", answerJSON(200, `{"totalCount":6,"items":[`+rowJSON("row-3", nil)+`,{"rowId":"ro`), "broke off"},
		{"200 with a page without its end", answerJSON(200, `{"totalCount":6,"items":[`+rowJSON("row-3", nil)+`]`), "broke off"},
		{"200 with half a number", answerJSON(200, `{"totalCount":6,"items":[{"quantity":1`), "broke off"},
		{"200 with another list", answerJSON(200, `[1,2,3]`), "the answer cannot be read"},
		{"200 with an object that is no page", answerJSON(200, `{"status":"ok"}`), "items or totalCount is missing"},
		{"200 with items that are no list", answerJSON(200, `{"items":{},"totalCount":6}`), "items is not a list"},
		{"200 with an impossible size", answerJSON(200, `{"items":[],"totalCount":-1}`), "items or totalCount is missing"},
		{"200 with two pages in one", answerJSON(200, `{"items":[],"totalCount":0}{"items":[],"totalCount":0}`), "there is more after its end"},
		{"200 with too few rows", answerJSON(200, `{"totalCount":6,"items":[`+rowJSON("row-3", nil)+`]}`), "row 4 of 6 is missing"},
		{"a body that breaks off", breakOff, "the page broke off half-way"},
		{"a connection that is reset", reset, "the connection to the feed failed"},
		{"a body that never comes", hang, "did not answer completely within 200ms"},
	}
}

func TestInvoiceRows_APageInTroubleIsAskedForAgainByItself(t *testing.T) {
	t.Parallel()
	for _, tt := range passingTrouble() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, rows(6)...)
			s.spoil = func(w http.ResponseWriter, r *http.Request, number, visit int) bool {
				if number != 2 || visit > 1 {
					return false
				}
				tt.spoil(w, r)
				return true
			}
			got := readRows(t, s.client(t, pageSize(2), impatient))
			got.wantRows(t, 6, 3)
			asked := s.pagesAsked()
			if asked = slices.Compact(asked); !slices.Equal(asked, []int{1, 2, 3}) {
				t.Errorf("pages asked for = %v, want 2 again and nothing else", asked)
			}
		})
	}
}

func impatient(c *Config) { c.AttemptTimeout = 200 * time.Millisecond }

func TestInvoiceRows_TroubleThatStaysEndsTheReadAndNamesThePage(t *testing.T) {
	t.Parallel()
	for _, tt := range passingTrouble() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t, rows(6)...)
			s.spoil = func(w http.ResponseWriter, r *http.Request, number, _ int) bool {
				if number == 2 {
					tt.spoil(w, r)
				}
				return number == 2
			}
			got := readRows(t, s.client(t, pageSize(2), impatient))
			failed := wantError(t, got.err, 2, 0, tt.text)
			if !strings.Contains(failed.Reason, "(tries: 3)") || failed.Unauthorized {
				t.Errorf("error = %+v, want 3 tries and no word about credentials", failed)
			}
			if !slices.Equal(got.ids, []string{"row-1", "row-2"}) {
				t.Errorf("rows handed on = %v, want those of page 1", got.ids)
			}
		})
	}
}

func TestInvoiceRows_TroubleThatWillNotPassEndsTheReadAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		spoil        spoiler
		text         string
		unauthorized bool
	}{
		{"401", answerJSON(401, `{"error":{"message":"bad key"}}`), "was refused (status 401)", true},
		{"403 with a web page", answerWebPage(403, "text/html"), "was refused (status 403)", true},
		{"400 with a message", answerJSON(400, `{"error":{"code":"BadRange","message":"From is\n\tafter to"}}`), "status 400: From is after to (BadRange)", false},
		{"400 with a message without end", answerJSON(400, `{"error":{"message":"`+strings.Repeat("no ", 1000)+`"}}`), "status 400: no no", false},
		{"404 with a web page", answerWebPage(404, "text/html"), "status 404", false},
		{"204", answerJSON(204, ""), "status 204", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			s.spoil = func(w http.ResponseWriter, r *http.Request, _, _ int) bool {
				tt.spoil(w, r)
				return true
			}
			failed := wantError(t, readRows(t, s.client(t)).err, 1, 0, tt.text)
			if failed.Unauthorized != tt.unauthorized || len(failed.Reason) > 400 {
				t.Errorf("error = %+v, want Unauthorized %v and a short reason", failed, tt.unauthorized)
			}
			if asked := s.pagesAsked(); len(asked) != 1 {
				t.Errorf("%d requests were made, want 1", len(asked))
			}
		})
	}
}

func TestInvoiceRows_ARowThatCannotBeReadIsNamedAndNotAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		row  string
		text string
	}{
		{"no quantity", rowJSON("row-4", map[string]any{"quantity": nil}), `the row with the id "row-4" cannot be read: quantity is missing`},
		{"no id", rowJSON("", nil), "the row cannot be read: rowId is missing"},
		{"no contract", rowJSON("row-4", map[string]any{"contractId": nil}), "contractId is missing"},
		{"no invoice date", rowJSON("row-4", map[string]any{"invoiceDate": nil}), "invoiceDate is missing"},
		{"a day that does not exist", rowJSON("row-4", map[string]any{"chargeEndDate": "2026-02-30"}), `chargeEndDate: "2026-02-30" is not a calendar date`},
		{"words for an amount", rowJSON("row-4", map[string]any{"unitPrice": "a lot"}), `the row with the id "row-4" cannot be read: unitPrice: "a lot" is not an amount`},
		{"an object for an amount", rowJSON("row-4", map[string]any{"unitPrice": map[string]int{}}), `the row with the id "row-4" cannot be read: unitPrice: "{}" is not an amount`},
		{"an amount that would fill the memory", rowJSON("row-4", map[string]any{"unitPrice": 1e300}), "unitPrice: \"1e+300\" is not an amount"},
		{"a number for a name", rowJSON("row-4", map[string]any{"offerName": 5}), `the row with the id "row-4" cannot be read: offerName is of the wrong kind: number`},
		{"nothing", "null", "rowId is missing"},
		{"a word", `"row"`, "the row cannot be read: it is not an object: string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := rows(6)
			all[3] = tt.row
			s := newStandIn(t, all...)
			got := readRows(t, s.client(t, pageSize(2)))
			wantError(t, got.err, 2, 2, tt.text)
			if asked := s.pagesAsked(); !slices.Equal(asked, []int{1, 2}) {
				t.Errorf("pages asked for = %v, want 1 and 2", asked)
			}
			if !slices.Equal(got.ids, []string{"row-1", "row-2"}) {
				t.Errorf("rows handed on = %v, want those of page 1", got.ids)
			}
		})
	}
}

func TestInvoiceRows_CompressedPages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		padding int // bytes of white space inside the page
		cut     int // bytes missing at the end of the compressed page
		text    string
	}{
		{"are read", 0, 0, ""},
		{"that are too large when unpacked are refused", 10 << 20, 0, "the page is larger than 1048576 bytes"},
		{"that break off are asked for again", 0, 30, "the page broke off half-way (tries: 3)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var packed bytes.Buffer
			packer := gzip.NewWriter(&packed)
			_, _ = fmt.Fprintf(packer, `{"totalCount":2,%s"items":[%s]}`, strings.Repeat(" ", tt.padding), strings.Join(rows(2), ","))
			if err := packer.Close(); err != nil {
				t.Fatal(err)
			}
			s := newStandIn(t)
			s.spoil = func(w http.ResponseWriter, _ *http.Request, _, _ int) bool {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(packed.Bytes()[:packed.Len()-tt.cut])
				return true
			}
			got := readRows(t, s.client(t, func(c *Config) { c.MaxPageBytes = 1 << 20 }))
			if tt.text == "" {
				got.wantRows(t, 2, 1)
				return
			}
			wantError(t, got.err, 1, 0, tt.text)
		})
	}
}

func TestInvoiceRows_APageWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	s.spoil = func(w http.ResponseWriter, _ *http.Request, _, _ int) bool {
		_, _ = io.WriteString(w, `{"totalCount":1,"items":[{"description":"`)
		for range 1000 {
			if _, err := io.WriteString(w, strings.Repeat("x", 10_000)); err != nil {
				break
			}
		}
		return true
	}
	got := readRows(t, s.client(t, func(c *Config) { c.MaxPageBytes = 100_000 }))
	wantError(t, got.err, 1, 0, "the page is larger than 100000 bytes")
	if asked := s.pagesAsked(); len(asked) != 1 {
		t.Errorf("%d requests were made, want 1", len(asked))
	}
}

func TestInvoiceRows_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.spoil = func(_ http.ResponseWriter, r *http.Request, _, _ int) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	err := s.client(t).InvoiceRows(ctx, may2026(), nil)
	wantError(t, err, 1, 0, "the read was stopped")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want it to be context.Canceled", err)
	}
}

func TestInvoiceRows_TellsTheLogWhatIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newStandIn(t, rows(1)...)
	s.spoil = func(w http.ResponseWriter, _ *http.Request, _, visit int) bool {
		if visit == 1 {
			answerJSON(500, `{"error":{"message":"key `+testKey+` is odd"}}`)(w, nil)
		}
		return visit == 1
	}
	var log bytes.Buffer
	client := s.client(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if err := client.InvoiceRows(t.Context(), may2026(), func(platform.Page, []platform.InvoiceRow) error { return nil }); err != nil {
		t.Fatalf("reading the rows failed: %v", err)
	}
	for _, want := range []string{"level=WARN", `collection="invoice rows"`, "page=1", "try=1", "key [hidden] is odd"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log = %s, want %s in it", log.String(), want)
		}
	}
}

func TestObserveIsToldOfEveryRequest(t *testing.T) {
	t.Parallel()
	server := newStandIn(t, rows(3)...)
	server.spoil = func(w http.ResponseWriter, _ *http.Request, _, visit int) bool {
		if visit == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
		return visit == 1
	}
	var calls []string
	client := server.client(t, func(c *Config) {
		c.Observe = func(_ context.Context, call Call) {
			calls = append(calls, fmt.Sprintf("%s %d %t", call.Operation, call.Status, call.Err == nil))
		}
	})
	err := client.InvoiceRows(t.Context(), may2026(), func(platform.Page, []platform.InvoiceRow) error { return nil })
	if err != nil {
		t.Fatalf("InvoiceRows: %v", err)
	}
	want := "read invoice rows 502 false; read invoice rows 200 true"
	if got := strings.Join(calls, "; "); got != want {
		t.Errorf("observed %s, want %s", got, want)
	}
}
