package platform

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"crosswalk/internal/civil"
	"crosswalk/internal/platform"
)

const (
	defaultPageSize = 100
	maxPageSize     = 1000
	maxIDs          = 100
)

// routes serves the four collections of the feed.
func (s *Simulator) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reporting/v2/invoice-headers", serve(s, byDate(s, (*book).headers), wireHeader))
	mux.HandleFunc("GET /reporting/v2/invoice-rows", serve(s, byDate(s, (*book).rows), wireRow))
	mux.HandleFunc("GET /organizations/details", serve(s, byID(s, s.organization), wireOrganization))
	mux.HandleFunc("GET /contracts", serve(s, byID(s, s.contract), wireContract))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, fmt.Sprintf("There is no %s %s.", r.Method, r.URL.Path))
	})
	return mux
}

// span is the part of a collection that a page asks for.
type span struct{ page, size, skip int }

// selection finds the records that a query asks for: those of one page, and how many there are.
type selection[T any] func(query url.Values, part span) ([]T, int, error)

// serve checks the credentials and the page, and answers with the selected records.
func serve[T, W any](s *Simulator, selected selection[T], wire func(T) W) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.admits(r.Header) {
			writeError(w, http.StatusUnauthorized, "The subscription key or the token is missing or wrong.")
			return
		}
		query := r.URL.Query()
		part, err := readSpan(query)
		if err != nil {
			writeError(w, http.StatusBadRequest, err.Error())
			return
		}
		records, total, err := selected(query, part)
		if err != nil {
			writeError(w, http.StatusBadRequest, err.Error())
			return
		}
		items := make([]W, len(records))
		for i, record := range records {
			items[i] = wire(record)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(collection[W]{Items: items, Page: part.page, PageSize: part.size, TotalCount: total})
	}
}

// admits reports whether a request carries the credentials.
func (s *Simulator) admits(header http.Header) bool {
	key := subtle.ConstantTimeCompare([]byte(header.Get("Ocp-Apim-Subscription-Key")), []byte(s.options.Key))
	token := subtle.ConstantTimeCompare([]byte(header.Get("Authorization")), []byte("Bearer "+s.options.Token))
	return key&token == 1
}

// byDate selects from the book by the dates of the invoices.
func byDate[T any](s *Simulator, read func(b *book, dates platform.Range, skip, limit int) ([]T, int)) selection[T] {
	return func(query url.Values, part span) ([]T, int, error) {
		from, fromErr := civil.ParseDate(query.Get("invoiceDateFrom"))
		to, toErr := civil.ParseDate(query.Get("invoiceDateTo"))
		if err := errors.Join(fromErr, toErr); err != nil {
			return nil, 0, fmt.Errorf("invoiceDateFrom and invoiceDateTo: %w", err)
		}
		if to.Before(from) {
			return nil, 0, fmt.Errorf("invoiceDateFrom %s is after invoiceDateTo %s", from, to)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		records, total := read(s.book, platform.Range{From: from, To: to}, part.skip, part.size)
		return records, total, nil
	}
}

// byID selects the records with the ids of the query that exist, in the order of the query.
func byID[T any](s *Simulator, find func(id string) (T, bool)) selection[T] {
	return func(query url.Values, part span) ([]T, int, error) {
		ids := strings.Split(query.Get("ids"), ",")
		if query.Get("ids") == "" || len(ids) > maxIDs {
			return nil, 0, fmt.Errorf("ids must be 1 to %d ids, separated by commas", maxIDs)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		var found []T
		asked := map[string]bool{}
		for _, id := range ids {
			record, exists := find(id)
			if exists && !asked[id] {
				found = append(found, record)
			}
			asked[id] = true
		}
		total := len(found)
		return found[min(part.skip, total):min(part.skip+part.size, total)], total, nil
	}
}

func (s *Simulator) organization(id string) (platform.Organization, bool) {
	if own, found := s.organizations[id]; found {
		return own, true
	}
	return s.market.organization(id)
}

func (s *Simulator) contract(id string) (platform.Contract, bool) {
	if own, found := s.contracts[id]; found {
		return own, true
	}
	return s.market.contract(id)
}

func readSpan(query url.Values) (span, error) {
	page, err := readNumber(query, "page", 1, 1_000_000_000)
	if err != nil {
		return span{}, err
	}
	size, err := readNumber(query, "pageSize", defaultPageSize, maxPageSize)
	if err != nil {
		return span{}, err
	}
	return span{page: page, size: size, skip: (page - 1) * size}, nil
}

func readNumber(query url.Values, name string, fallback, most int) (int, error) {
	if !query.Has(name) {
		return fallback, nil
	}
	number, err := strconv.Atoi(query.Get(name))
	if err != nil || number < 1 || number > most {
		return 0, fmt.Errorf("%s must be a number from 1 to %d, not %q", name, most, query.Get(name))
	}
	return number, nil
}

func writeError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(errorBody(status, message))
}
